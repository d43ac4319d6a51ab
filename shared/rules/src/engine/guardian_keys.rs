//! Which account a guardian of several ids has (R-G2): the one that a link points to, else one that
//! is in the mirror, else that of the smallest id.

use hashbrown::HashMap;

use super::contacts::{Own, Rows};
use super::hashes::{IdMap, IdSet};
use super::identity::{Aliases, Existing, Links};
use super::survey::People;
use roster::id::SourceId;
use roster::records::{Link, RecordKind, Status};
use roster::rule::Rule;

/// One guardian of the source, under one or several ids.
pub(super) struct Group {
    /// The rows of the snapshot.
    pub(super) members: Vec<u32>,
    /// The key; for a group that nobody in the mirror is, the smallest id.
    pub(super) key: SourceId,
    /// The source's id as of last night.
    own: Option<SourceId>,
    /// The mirror has the key.
    known: bool,
    /// It was in the rosters last night.
    pub(super) was_active: bool,
    /// One of its rows is bad: the record stays as it is.
    pub(super) stays: bool,
    /// The smallest id is another account's key.
    pub(super) key_taken: bool,
}

/// A key that a group could have.
struct Claim {
    key: SourceId,
    /// 0 linked by hand, 1 the account's id as of last night, 2 linked.
    rank: u8,
    group: usize,
    linked: bool,
    active: bool,
    own: Option<SourceId>,
    known: bool,
}

/// Some rows of one name and one contact.
struct Part {
    members: Vec<u32>,
    /// Their account, where it stays as it is.
    left_to: Option<SourceId>,
    /// One who stays as they are and looks the same.
    like: Option<SourceId>,
}

/// The guardians that are more than "the id is the key".
#[derive(Default)]
pub(super) struct Groups {
    /// Those who are somebody in the mirror.
    pub(super) settled: Vec<Group>,
    /// Those who are nobody yet.
    unsettled: Vec<Group>,
    /// Group of each row: settled ones count up from 0, the others down.
    by_row: HashMap<u32, Place>,
    ids: HashMap<u32, SourceId>,
    merged: Vec<SourceId>,
}

#[derive(Clone, Copy)]
enum Place {
    Settled,
    Unsettled(usize),
}

impl Groups {
    /// Finds the groups and gives each its key. Takes out of `claimed` what it gives away.
    pub(super) fn of(
        rows: &Rows,
        parent: &[u32],
        links: &Links,
        claimed: &mut IdMap<Existing>,
        staying: &[(u32, Existing)],
    ) -> Self {
        let mut groups = Self::default();
        let mut members: HashMap<u32, Vec<u32>> = HashMap::new();
        for (row, root) in parent.iter().enumerate() {
            if *root != row as u32 || rows.rows[row].own == Own::Linked {
                members.entry(*root).or_default();
            }
        }
        let stays: IdMap<&Existing> =
            staying.iter().map(|(_, past)| (past.who.id.hash64(), past)).collect();
        let stay_ids: IdMap<&Existing> =
            staying.iter().map(|(_, past)| (past.id.hash64(), past)).collect();
        let keys_that_stay: HashMap<u32, &Existing> =
            staying.iter().map(|(row, past)| (*row, past)).collect();
        let mut covered: HashMap<u32, SourceId> = HashMap::new();
        if !members.is_empty() {
            for (row, root) in parent.iter().enumerate() {
                let Some(members) = members.get_mut(root) else { continue };
                match (rows.rows[row].own, keys_that_stay.get(&(row as u32))) {
                    (Own::Stays, Some(past)) => {
                        covered.entry(*root).or_insert_with(|| past.who.id.clone());
                    }
                    (Own::Stays, None) => {}
                    _ => members.push(row as u32),
                }
            }
        }
        let mut roots: Vec<(u32, Vec<u32>)> =
            members.into_iter().filter(|(_, members)| !members.is_empty()).collect();
        for (_, members) in &mut roots {
            for row in members.iter() {
                groups.ids.insert(*row, rows.id(*row));
            }
            members.sort_unstable_by(|a, b| groups.ids[a].cmp(&groups.ids[b]));
        }
        roots.sort_unstable_by(|(_, a), (_, b)| groups.ids[&a[0]].cmp(&groups.ids[&b[0]]));

        let parts = groups.parted(roots, rows, links, claimed, [&stays, &stay_ids], covered);
        let mut claims = Vec::new();
        for (group, part) in parts.iter().enumerate().filter(|(_, part)| part.left_to.is_none()) {
            for row in &part.members {
                claims.extend(groups.claims_of(*row, rows, links, claimed, group));
            }
        }
        claims.sort_by(|a, b| (&a.key, a.rank, a.group).cmp(&(&b.key, b.rank, b.group)));
        let mut taken = IdSet::default();
        let mut won: Vec<Vec<Claim>> = parts.iter().map(|_| Vec::new()).collect();
        for claim in claims {
            // The first claim to a key wins it.
            if taken.insert(claim.key.hash64()) {
                won[claim.group].push(claim);
            }
        }
        for (part, mut won) in parts.into_iter().zip(won) {
            for claim in &won {
                claimed.remove(&claim.key.hash64());
            }
            let here = won.iter().any(|claim| claim.active);
            let claim = if let Some(key) = part.left_to.or(part.like.filter(|_| !here)) {
                // Whoever looks the same as one who stays as they are is left to them, unless here
                // already under another key.
                Some(Claim {
                    key,
                    rank: 9,
                    group: 0,
                    linked: true,
                    active: true,
                    own: None,
                    known: true,
                })
            } else {
                won.sort_by(|a, b| {
                    (a.rank != 0, !a.linked, !a.active, &a.key).cmp(&(
                        b.rank != 0,
                        !b.linked,
                        !b.active,
                        &b.key,
                    ))
                });
                let mut won = won.into_iter();
                let best = won.next();
                groups.merged.extend(won.map(|spare| spare.key));
                best
            };
            let members = part.members;
            let smallest = groups.ids[&members[0]].clone();
            let first = smallest.hash64();
            let key_taken = taken.contains(&first)
                || claimed.contains_key(&first)
                || stays.contains_key(&first);
            let place = if claim.is_some() {
                Place::Settled
            } else {
                Place::Unsettled(groups.unsettled.len())
            };
            groups.by_row.extend(members.iter().map(|row| (*row, place)));
            match claim {
                Some(claim) => groups.settled.push(Group {
                    members,
                    key: claim.key,
                    own: claim.own,
                    known: claim.known,
                    was_active: claim.active,
                    stays: claim.rank == 9,
                    key_taken: false,
                }),
                None => groups.unsettled.push(Group {
                    members,
                    key: smallest,
                    own: None,
                    known: false,
                    was_active: false,
                    stays: false,
                    key_taken,
                }),
            }
        }
        groups
    }

    /// Takes those out of their groups whose account stays as it is tonight: nothing is made of
    /// their rows, and nobody is merged with them.
    fn parted(
        &self,
        roots: Vec<(u32, Vec<u32>)>,
        rows: &Rows,
        links: &Links,
        claimed: &IdMap<Existing>,
        [stays, stay_ids]: [&IdMap<&Existing>; 2],
        mut covered: HashMap<u32, SourceId>,
    ) -> Vec<Part> {
        let mut parts = Vec::with_capacity(roots.len());
        for (root, members) in roots {
            let mut like = covered.remove(&root);
            let mut others = Vec::new();
            for row in members {
                let claims = self.claims_of(row, rows, links, claimed, 0);
                let id = &self.ids[&row];
                match stay_ids
                    .get(&id.hash64())
                    .or_else(|| claims.iter().find_map(|claim| stays.get(&claim.key.hash64())))
                {
                    Some(past) => {
                        like.get_or_insert_with(|| past.who.id.clone());
                        parts.push(Part {
                            members: vec![row],
                            left_to: Some(past.who.id.clone()),
                            like: None,
                        });
                    }
                    None => others.push(row),
                }
            }
            if !others.is_empty() {
                parts.push(Part { members: others, left_to: None, like });
            }
        }
        parts
    }

    /// The keys that one row could have: that of its link, and its own id.
    fn claims_of(
        &self,
        row: u32,
        rows: &Rows,
        links: &Links,
        claimed: &IdMap<Existing>,
        group: usize,
    ) -> Vec<Claim> {
        let id = &self.ids[&row];
        let mut claims = Vec::new();
        if let Some(link) = links.by_source.get(&id.hash64()) {
            let past = claimed.get(&link.key.hash64());
            let own = past.is_some_and(|past| past.id == *id);
            claims.push(Claim {
                key: link.key.clone(),
                rank: if link.rule == Rule::I3 {
                    0
                } else if own {
                    1
                } else {
                    2
                },
                group,
                linked: true,
                active: past.is_some_and(|past| past.status == Status::Active),
                own: past.map(|past| past.id.clone()),
                known: past.is_some(),
            });
        }
        let active = match rows.rows[row as usize].own {
            Own::Active => Some(true),
            Own::Archived => Some(false),
            Own::Linked => claimed
                .get(&id.hash64())
                .filter(|past| past.id == *id)
                .map(|past| past.status == Status::Active),
            Own::Nothing | Own::Stays => None,
        };
        if let Some(active) = active {
            let own = Some(id.clone());
            claims.push(Claim {
                key: id.clone(),
                rank: 1,
                group,
                linked: false,
                active,
                own,
                known: true,
            });
        }
        claims
    }

    /// Tells the aliases of all settled groups, and the keys whose records went into another's.
    pub(super) fn settle(&mut self, aliases: &mut Aliases, merged: &mut IdSet) {
        for group in &self.settled {
            for row in &group.members {
                aliases.add(&self.ids[row], &group.key, group.known);
            }
        }
        merged.extend(self.merged.iter().map(SourceId::hash64));
    }

    /// Whether a row is in a group.
    pub(super) fn has(&self, row: u32) -> bool {
        self.by_row.contains_key(&row)
    }

    /// The group that nobody in the mirror is, asked by its first row: the others come with it.
    pub(super) fn unsettled_of(&self, row: u32) -> Option<&Group> {
        match self.by_row.get(&row)? {
            Place::Unsettled(place) => {
                self.unsettled.get(*place).filter(|group| group.members[0] == row)
            }
            Place::Settled => None,
        }
    }

    /// The e-mail address that the group will have, hashed: the first that is its alone, else the
    /// first.
    pub(super) fn email(&self, group: &Group, rows: &Rows, taken: &IdSet) -> Option<u64> {
        let mut members = group.members.clone();
        let is = |row: &u32, id: Option<&SourceId>| Some(&self.ids[row]) == id;
        let own = members
            .iter()
            .position(|row| is(row, group.own.as_ref()))
            .or_else(|| members.iter().position(|row| is(row, Some(&group.key))))
            .unwrap_or(0);
        let own = members.remove(own);
        members.insert(0, own);
        let emails: Vec<u64> = members
            .iter()
            .map(|row| rows.rows[*row as usize].email)
            .filter(|email| *email != 0)
            .collect();
        emails.iter().find(|email| !taken.contains(*email)).or(emails.first()).copied()
    }

    /// Gives the members of new groups the key that their first row got, and lists the links that
    /// this makes and unmakes.
    pub(super) fn follow(
        &self,
        people: &mut People,
        links: &Links,
        changed: &mut Vec<(Option<Link>, Option<Link>)>,
    ) {
        for group in &self.unsettled {
            let first = &self.ids[&group.members[0]];
            let key = people.aliases.key(first.clone()).unwrap_or_else(|| first.clone());
            if group.members.len() > 1 || people.aliases.knows(first) {
                for row in &group.members {
                    if !people.aliases.knows(&self.ids[row]) {
                        people.aliases.add(&self.ids[row], &key, false);
                    }
                }
            }
            self.links_of(&group.members[..], &key, Some(first), people, links, changed);
        }
        for group in self.settled.iter().filter(|group| !group.stays) {
            self.links_of(&group.members, &group.key, None, people, links, changed);
        }
    }

    fn links_of(
        &self,
        members: &[u32],
        key: &SourceId,
        linked_already: Option<&SourceId>,
        people: &People,
        links: &Links,
        changed: &mut Vec<(Option<Link>, Option<Link>)>,
    ) {
        if !people.active.contains(&key.hash64()) {
            return;
        }
        for row in members {
            let id = &self.ids[row];
            let old = links.by_source.get(&id.hash64());
            if id == key {
                if let Some(old) = old.filter(|old| old.key != *key && old.rule != Rule::I3) {
                    changed.push((Some(old.clone()), None));
                }
            } else if linked_already != Some(id) && old.is_none_or(|old| old.key != *key) {
                let link = Link {
                    kind: RecordKind::Guardian,
                    source: id.clone(),
                    key: key.clone(),
                    rule: Rule::G2,
                };
                changed.push((old.cloned(), Some(link)));
            }
        }
    }
}
