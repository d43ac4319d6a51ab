//! Decides which account a guardian with several ids has (R-G2): the one that a link points to,
//! else one that is in the mirror, else that of the smallest id.

use hashbrown::HashMap;

use super::identity::Existing;
use super::input::ChangedLink;
use super::rows::{Own, Rows};
use crate::book::identity::{self, Claim as Strength, ClaimedAccount};
use crate::engine::aliases::{Aliases, Links};
use crate::engine::facts::People;
use crate::engine::hashes::{IdMap, IdSet};
use roster::id::SourceId;
use roster::records::{Link, RecordKind, Status};
use roster::rule::Rule;

/// One guardian of the source, under one or several ids.
pub(super) struct Group {
    /// The rows of the snapshot, sorted by id.
    pub(super) members: Vec<u32>,
    /// The key; the smallest id for a group without an account.
    pub(super) key: SourceId,
    /// The source id before the run.
    own: Option<SourceId>,
    /// The mirror has the key.
    known: bool,
    /// The guardian was active before the run.
    pub(super) was_active: bool,
    /// One of the records is unreadable: the guardian stays unchanged.
    pub(super) stays: bool,
    /// The smallest id is another account's key.
    pub(super) key_taken: bool,
}

/// A key that a group could have.
struct Claim {
    key: SourceId,
    strength: Strength,
    group: usize,
    linked: bool,
    active: bool,
    own: Option<SourceId>,
    known: bool,
}

/// Rows with the same name and a contact in common.
struct Part {
    members: Vec<u32>,
    /// The account of the rows, if it stays unchanged.
    account_stays: Option<SourceId>,
    /// An account with the same name and contact that stays unchanged.
    like: Option<SourceId>,
}

/// The key of a part.
enum Decision {
    /// The account stays unchanged.
    Stays(SourceId),
    /// The account with the best claim.
    Account(Claim),
    /// No account yet.
    New,
}

/// The guardians whose key is not simply their id.
#[derive(Default)]
pub(super) struct Groups {
    /// Groups with an account.
    pub(super) settled: Vec<Group>,
    /// Groups without an account.
    unsettled: Vec<Group>,
    by_row: HashMap<u32, Place>,
    ids: HashMap<u32, SourceId>,
    /// Keys of accounts that were merged into another one.
    merged: Vec<SourceId>,
}

#[derive(Clone, Copy)]
enum Place {
    Settled,
    Unsettled(usize),
}

/// The accounts that stay unchanged.
struct Staying<'a> {
    by_key: IdMap<&'a Existing>,
    by_id: IdMap<&'a Existing>,
    by_row: HashMap<u32, &'a Existing>,
}

impl<'a> Staying<'a> {
    fn new(staying: &'a [(u32, Existing)]) -> Self {
        let existing = || staying.iter().map(|(_, existing)| existing);
        Self {
            by_key: existing().map(|existing| (existing.who.id.hash64(), existing)).collect(),
            by_id: existing().map(|existing| (existing.id.hash64(), existing)).collect(),
            by_row: staying.iter().map(|(row, existing)| (*row, existing)).collect(),
        }
    }
}

/// The root row of a group, and its rows sorted by id.
type Members = (u32, Vec<u32>);

impl Groups {
    /// Finds the groups and gives each its key. Removes the accounts of the groups from `claimed`.
    pub(super) fn of(
        rows: &Rows,
        parent: &[u32],
        links: &Links,
        claimed: &mut IdMap<Existing>,
        staying: &[(u32, Existing)],
    ) -> Self {
        let mut groups = Self::default();
        let staying = Staying::new(staying);
        let (roots, covered) = groups.roots(rows, parent, &staying);
        let parts = groups.parts(roots, rows, links, claimed, &staying, covered);
        let mut claims = Vec::new();
        let open = parts.iter().enumerate().filter(|(_, part)| part.account_stays.is_none());
        for (group, part) in open {
            for row in &part.members {
                claims.extend(groups.claims_of(*row, rows, links, claimed, group));
            }
        }
        claims.sort_by(|a, b| (&a.key, a.strength, a.group).cmp(&(&b.key, b.strength, b.group)));
        let mut taken = IdSet::default();
        let mut won: Vec<Vec<Claim>> = parts.iter().map(|_| Vec::new()).collect();
        for claim in claims {
            // The first claim to a key wins it.
            if taken.insert(claim.key.hash64()) {
                won[claim.group].push(claim);
            }
        }
        for (part, won) in parts.into_iter().zip(won) {
            for claim in &won {
                claimed.remove(&claim.key.hash64());
            }
            let (members, decision) = groups.decide(part, won);
            let first = groups.ids[&members[0]].hash64();
            let key_taken = taken.contains(&first)
                || claimed.contains_key(&first)
                || staying.by_key.contains_key(&first);
            groups.add(members, decision, key_taken);
        }
        groups
    }

    /// Collects the rows that are joined or linked, by their root, sorted by id. Also returns, by
    /// root, the accounts that stay unchanged.
    fn roots(
        &mut self,
        rows: &Rows,
        parent: &[u32],
        staying: &Staying<'_>,
    ) -> (Vec<Members>, HashMap<u32, SourceId>) {
        let mut members: HashMap<u32, Vec<u32>> = HashMap::new();
        for (row, root) in parent.iter().enumerate() {
            if *root != row as u32 || rows.rows[row].own == Own::Linked {
                members.entry(*root).or_default();
            }
        }
        let mut covered: HashMap<u32, SourceId> = HashMap::new();
        if !members.is_empty() {
            for (row, root) in parent.iter().enumerate() {
                let Some(members) = members.get_mut(root) else { continue };
                match (rows.rows[row].own, staying.by_row.get(&(row as u32))) {
                    (Own::Stays, Some(existing)) => {
                        covered.entry(*root).or_insert_with(|| existing.who.id.clone());
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
                self.ids.insert(*row, rows.id(*row));
            }
            members.sort_unstable_by(|a, b| self.ids[a].cmp(&self.ids[b]));
        }
        roots.sort_unstable_by(|(_, a), (_, b)| self.ids[&a[0]].cmp(&self.ids[&b[0]]));
        (roots, covered)
    }

    /// Separates the rows whose account stays unchanged: their data is not used, and no record is
    /// merged with them.
    fn parts(
        &self,
        roots: Vec<(u32, Vec<u32>)>,
        rows: &Rows,
        links: &Links,
        claimed: &IdMap<Existing>,
        staying: &Staying<'_>,
        mut covered: HashMap<u32, SourceId>,
    ) -> Vec<Part> {
        let mut parts = Vec::with_capacity(roots.len());
        for (root, members) in roots {
            let mut like = covered.remove(&root);
            let mut others = Vec::new();
            for row in members {
                let claims = self.claims_of(row, rows, links, claimed, 0);
                let by_key =
                    || claims.iter().find_map(|claim| staying.by_key.get(&claim.key.hash64()));
                match staying.by_id.get(&self.ids[&row].hash64()).or_else(by_key) {
                    Some(existing) => {
                        let key = &existing.who.id;
                        like.get_or_insert_with(|| key.clone());
                        let (members, account_stays) = (vec![row], Some(key.clone()));
                        parts.push(Part { members, account_stays, like: None });
                    }
                    None => others.push(row),
                }
            }
            if !others.is_empty() {
                parts.push(Part { members: others, account_stays: None, like });
            }
        }
        parts
    }

    /// Returns the keys that one row could have: that of its link, and its own id.
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
        if let Some(link) = links.of(id) {
            let existing = claimed.get(&link.key.hash64());
            let account = existing.map(|existing| ClaimedAccount {
                has_this_id: existing.id == *id,
                is_reserved: false,
            });
            claims.extend(identity::claim(Some(link), account).map(|strength| Claim {
                key: link.key.clone(),
                strength,
                group,
                linked: true,
                active: existing.is_some_and(|existing| existing.status == Status::Active),
                own: existing.map(|existing| existing.id.clone()),
                known: existing.is_some(),
            }));
        }
        let active = match rows.rows[row as usize].own {
            Own::Active => Some(true),
            Own::Archived => Some(false),
            Own::Linked => claimed
                .get(&id.hash64())
                .filter(|existing| existing.id == *id)
                .map(|existing| existing.status == Status::Active),
            Own::Nothing | Own::Stays => None,
        };
        claims.extend(active.map(|active| Claim {
            key: id.clone(),
            strength: Strength::Own,
            group,
            linked: false,
            active,
            own: Some(id.clone()),
            known: true,
        }));
        claims
    }

    /// Decides which of the claimed accounts a part has; the others are merged into it. A part with
    /// the same name and contact as an account that stays is left to that account, unless the part
    /// is active under another key.
    fn decide(&mut self, part: Part, mut won: Vec<Claim>) -> (Vec<u32>, Decision) {
        let is_active = won.iter().any(|claim| claim.active);
        let Part { members, account_stays, like } = part;
        if let Some(key) = account_stays.or(like.filter(|_| !is_active)) {
            return (members, Decision::Stays(key));
        }
        won.sort_by(|a, b| {
            let rank =
                |claim: &Claim| (claim.strength != Strength::ByHand, !claim.linked, !claim.active);
            (rank(a), &a.key).cmp(&(rank(b), &b.key))
        });
        let mut won = won.into_iter();
        let best = won.next();
        self.merged.extend(won.map(|spare| spare.key));
        (members, best.map_or(Decision::New, Decision::Account))
    }

    fn add(&mut self, members: Vec<u32>, decision: Decision, key_taken: bool) {
        let place = match decision {
            Decision::New => Place::Unsettled(self.unsettled.len()),
            Decision::Stays(_) | Decision::Account(_) => Place::Settled,
        };
        self.by_row.extend(members.iter().map(|row| (*row, place)));
        match decision {
            Decision::Stays(key) => self.settled.push(Group {
                members,
                key,
                own: None,
                known: true,
                was_active: true,
                stays: true,
                key_taken: false,
            }),
            Decision::Account(claim) => self.settled.push(Group {
                members,
                key: claim.key,
                own: claim.own,
                known: claim.known,
                was_active: claim.active,
                stays: false,
                key_taken: false,
            }),
            Decision::New => {
                let key = self.ids[&members[0]].clone();
                self.unsettled.push(Group {
                    members,
                    key,
                    own: None,
                    known: false,
                    was_active: false,
                    stays: false,
                    key_taken,
                });
            }
        }
    }

    /// Registers the aliases of all groups with an account, and the keys of merged accounts.
    pub(super) fn settle(&self, aliases: &mut Aliases, merged: &mut IdSet) {
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

    /// Returns the group without an account whose first row this is. The first row represents the
    /// group.
    pub(super) fn unsettled_of(&self, row: u32) -> Option<&Group> {
        match self.by_row.get(&row)? {
            Place::Unsettled(place) => {
                self.unsettled.get(*place).filter(|group| group.members[0] == row)
            }
            Place::Settled => None,
        }
    }

    /// Returns the e-mail address that the group will have, hashed: the first that no other group
    /// has, else the first.
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

    /// Gives the members of groups without an account the key that their first row got, and lists
    /// the links that change.
    pub(super) fn follow(
        &self,
        people: &mut People,
        links: &Links,
        changed: &mut Vec<ChangedLink>,
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
        changed: &mut Vec<ChangedLink>,
    ) {
        if !people.active.contains(&key.hash64()) {
            return;
        }
        for row in members {
            let id = &self.ids[row];
            let old = links.of(id);
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
                    administrator: None,
                };
                changed.push((old.cloned(), Some(link)));
            }
        }
    }
}
