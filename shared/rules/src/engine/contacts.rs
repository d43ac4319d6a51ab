//! Guardians' contacts: which belong to one guardian alone (R-G1), and which ids are one guardian
//! (R-G2).

use super::facts::Facts;
use super::gaps::Gaps;
use super::guardian_keys::{Group, Groups};
use super::hashes::{self, IdSet};
use super::identity::{Existing, Incoming, Links, Undecided};
use super::merge::{Reading, projections};
use super::relink::Candidate;
use super::survey::{self, People};
use roster::contract::{PlanContext, PlanError, PlanInputs};
use roster::id::{SourceId, hash64};
use roster::personal::Personal;
use roster::policy::{AbandonedFamilies, AdmitGuardians, Switch};
use roster::records::{Kind as _, Mirrored, Origin, Person, RecordKind, Status, kinds};

/// What is known of guardians' contacts after pass A.
#[derive(Default)]
pub(super) struct Contacts {
    /// Contacts that two guardians have.
    pub(super) taken: IdSet,
    /// Keys of guardians whose record went into another's (R-G2).
    pub(super) merged: IdSet,
    /// Keys of guardians whom the source has; only where a policy asks whether a family is gone.
    pub(super) in_source: IdSet,
    /// Ids of the children whom guardians in the source name; only where a policy asks.
    pub(super) children: IdSet,
}

/// The contacts of a person, e-mail first.
pub(super) fn of(person: &Person) -> impl Iterator<Item = &Personal> {
    [&person.email, &person.phone, &person.sms].into_iter().flatten()
}

/// What the mirror has under a row's own id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// Nothing.
    Nothing,
    /// An active guardian with that id.
    Active,
    /// An archived guardian with that id.
    Archived,
    /// It takes part in links; see the claimed records.
    Linked,
    /// This row is no record of the snapshot but one of the mirror that stays as it is.
    Stays,
}

/// One guardian of the source, or one of the mirror that stays as it is.
pub(super) struct Row {
    /// The e-mail address, hashed; 0 for none.
    pub(super) email: u64,
    /// Where the id begins in the text of all ids.
    start: u32,
    /// Whether a contact is this guardian's alone.
    pub(super) unique: bool,
    /// What the mirror has.
    pub(super) own: Own,
}

/// All guardians, as far as pass A must remember them.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    ids: String,
    /// Contact, name, row; the name is 0 where there is none.
    contacts: Vec<(u64, u32, u32)>,
}

impl Rows {
    fn add(&mut self, id: &SourceId, person: &Person, own: Own) -> u32 {
        let row = self.rows.len() as u32;
        let start = self.ids.len() as u32;
        self.ids.push_str(id.as_str());
        let name = hashes::full_name(person).map_or(0, |name| (name as u32).max(1));
        self.contacts.extend(of(person).map(|contact| (hash64(contact.reveal()), name, row)));
        self.rows.push(Row {
            email: hashes::email(person).unwrap_or(0),
            start,
            unique: false,
            own,
        });
        row
    }

    /// A guardian of whom only the contacts count: it is nobody else under another id.
    fn add_unnamed(&mut self, key: &SourceId, person: &Person) {
        let nameless = Person {
            email: person.email.clone(),
            phone: person.phone.clone(),
            sms: person.sms.clone(),
            ..Person::default()
        };
        self.add(key, &nameless, Own::Stays);
    }

    /// The id of a row.
    pub(super) fn id(&self, row: u32) -> SourceId {
        let row = row as usize;
        let end = self.rows.get(row + 1).map_or(self.ids.len(), |next| next.start as usize);
        SourceId::from(&self.ids[self.rows[row].start as usize..end])
    }

    /// Joins the rows of one name and one contact, transitively; gives each row its group's number
    /// (the number of one of its rows), and the contacts that two groups have.
    fn join(&mut self) -> (Vec<u32>, IdSet) {
        self.contacts.sort_unstable();
        self.contacts.dedup();
        let mut parent: Vec<u32> = (0..self.rows.len() as u32).collect();
        for two in self.contacts.windows(2) {
            let ((contact, name, a), (other_contact, other_name, b)) = (two[0], two[1]);
            if contact == other_contact && name == other_name && name != 0 {
                let (a, b) = (root(&mut parent, a), root(&mut parent, b));
                parent[a.max(b) as usize] = a.min(b);
            }
        }
        for row in 0..parent.len() as u32 {
            parent[row as usize] = root(&mut parent, row);
        }
        let mut taken = IdSet::default();
        for two in self.contacts.windows(2) {
            if two[0].0 == two[1].0 && parent[two[0].2 as usize] != parent[two[1].2 as usize] {
                taken.insert(two[0].0);
            }
        }
        for (contact, _, row) in &self.contacts {
            self.rows[*row as usize].unique |= !taken.contains(contact);
        }
        self.contacts = Vec::new();
        (parent, taken)
    }
}

fn root(parent: &mut [u32], mut row: u32) -> u32 {
    while parent[row as usize] != row {
        parent[row as usize] = parent[parent[row as usize] as usize];
        row = parent[row as usize];
    }
    row
}

impl Contacts {
    /// Pass A over guardians: who is one, whose contact is whose, and who is in.
    pub(super) fn survey<I: PlanInputs>(
        context: &PlanContext<'_>,
        from: &Reading<'_, I>,
        gaps: &Gaps,
        links: &Links,
        facts: &mut Facts,
        schools: &mut IdSet,
        emails: &mut Vec<u64>,
    ) -> Result<(), PlanError> {
        let extreme = context.policy.abandoned_families == AbandonedFamilies::Extreme;
        let mut contacts = Contacts::default();
        let mut people = People::default();
        let mut rows = Rows::default();
        let mut undecided = Undecided::default();
        let mut new: Vec<(u32, Candidate)> = Vec::new();
        let mut staying: Vec<(u32, Existing)> = Vec::new();
        let mut maybe_staying: Vec<(SourceId, SourceId, Person)> = Vec::new();
        let mut nobody_is_here = false;
        projections::<kinds::Guardians, I>(from, |at, mirror_is_empty| {
            nobody_is_here = mirror_is_empty && links.is_empty();
            let (source, item) = at.parts();
            if let Some(item) = item.as_ref().filter(|item| item.origin == Origin::Manual) {
                people.active.insert(item.key.hash64());
                people.blind.insert(item.key.hash64());
                people.by_hand.insert(item.key.hash64());
                if item.status == Status::Active {
                    rows.add_unnamed(&item.key, &item.state.person);
                    emails.extend(hashes::email(&item.state.person));
                }
                return Ok(());
            }
            let linked = item
                .as_ref()
                .is_some_and(|item| item.id != item.key || links.concern(item.key.hash64()));
            if let Some(source) = &source {
                schools.extend(source.person.schools.iter().map(SourceId::hash64));
                if extreme {
                    contacts.children.extend(source.children.iter().map(SourceId::hash64));
                }
                let own = match &item {
                    _ if linked || links.concern(source.id.hash64()) => Own::Linked,
                    None => Own::Nothing,
                    Some(item) if item.status == Status::Active => Own::Active,
                    Some(_) => Own::Archived,
                };
                let row = rows.add(&source.id, &source.person, own);
                if !nobody_is_here && matches!(own, Own::Linked | Own::Nothing) {
                    new.push((
                        row,
                        Candidate::new(RecordKind::Guardian, source.id.clone(), &source.person),
                    ));
                }
            }
            if let Some(item) = item
                && (linked || source.is_none())
            {
                let past = past(&item, from, gaps);
                let stays = past.gapped
                    || (!linked && (past.pinned || gaps.keeps_all(RecordKind::Guardian)));
                if past.status == Status::Active && stays {
                    let row = rows.add(&item.key, &item.state.person, Own::Stays);
                    staying.push((row, past));
                } else if linked {
                    if past.status == Status::Active && gaps.keeps_all(RecordKind::Guardian) {
                        maybe_staying.push((
                            item.key.clone(),
                            item.id.clone(),
                            item.state.person.clone(),
                        ));
                    }
                    undecided.claimed.insert(item.key.hash64(), past);
                } else {
                    undecided.gone.push(past);
                }
            }
            Ok(())
        })?;

        // On a night that removes nothing, a linked guardian whom nobody claims stays, and so do
        // the contacts.
        for (key, id, person) in maybe_staying {
            let claimed = new.iter().any(|(_, who)| {
                who.id == id
                    || links.by_source.get(&who.id.hash64()).is_some_and(|link| link.key == key)
            });
            if !claimed && let Some(past) = undecided.claimed.remove(&key.hash64()) {
                let row = rows.add(&key, &person, Own::Stays);
                staying.push((row, past));
            }
        }
        let (parent, taken) = rows.join();
        contacts.taken = taken;
        let admits = context.policy.admit_guardians == AdmitGuardians::UniqueContact;
        let mut groups = Groups::of(&rows, &parent, links, &mut undecided.claimed, &staying);
        groups.settle(&mut people.aliases, &mut contacts.merged);

        for group in &groups.settled {
            let key = group.key.hash64();
            let meets = admits && group.members.iter().any(|row| rows.rows[*row as usize].unique);
            if !group.stays && (group.was_active || meets) {
                people.active.insert(key);
                emails.extend(groups.email(group, &rows, &contacts.taken));
            }
        }
        for (row, data) in rows.rows.iter().enumerate() {
            if matches!(data.own, Own::Active | Own::Archived) && !groups.has(row as u32) {
                let id = rows.id(row as u32);
                if data.own == Own::Active || (admits && data.unique) {
                    people.active.insert(id.hash64());
                    emails.extend((data.email != 0).then_some(data.email));
                }
                if extreme {
                    contacts.in_source.insert(id.hash64());
                }
            }
        }
        // Whether a row's guardian, if it is the one that stands for them, may come in, and with
        // which e-mail address; and whether their key is taken.
        let comes = |row: u32| {
            let group = groups.unsettled_of(row);
            if groups.has(row) && group.is_none() {
                return None;
            }
            let (meets, email) = match group {
                Some(group) => (
                    group.members.iter().any(|row| rows.rows[*row as usize].unique),
                    groups.email(group, &rows, &contacts.taken),
                ),
                None => {
                    let data = &rows.rows[row as usize];
                    (data.unique, (data.email != 0).then_some(data.email))
                }
            };
            Some((admits && meets, email, group.is_some_and(|group| group.key_taken)))
        };
        for (row, who) in new {
            let Some((meets, email, key_taken)) = comes(row) else { continue };
            undecided.new.push(Incoming { who, meets, email, key_taken });
        }
        // Nobody is here whom anybody could be: whoever comes is new, under the id that the source
        // has.
        for row in (0..rows.rows.len() as u32).filter(|_| nobody_is_here) {
            let Some((meets, email, _)) = comes(row) else { continue };
            let key = rows.id(row).hash64();
            if meets {
                people.active.insert(key);
                emails.extend(email);
            }
            if extreme {
                contacts.in_source.insert(key);
            }
        }

        let relinking = context.policy.relink_identities == Switch::On;
        let own_key = |id: &SourceId| survey::fresh_key(context, id);
        let decisions =
            undecided.decide(RecordKind::Guardian, links, &mut people.aliases, relinking, own_key);
        for decided in decisions.present {
            if decided.active {
                people.active.insert(decided.key.hash64());
                emails.extend(decided.email);
            }
            if extreme {
                contacts.in_source.insert(decided.key.hash64());
            }
        }
        let mut changed: Vec<_> =
            decisions.links.into_iter().map(|(old, new)| (old, Some(new))).collect();
        groups.follow(&mut people, links, &mut changed);
        if extreme {
            contacts
                .in_source
                .extend(groups.settled.iter().map(|group: &Group| group.key.hash64()));
            contacts.in_source.extend(staying.iter().map(|(_, past)| past.who.id.hash64()));
        }
        for past in decisions.absent.into_iter().chain(staying.into_iter().map(|(_, past)| past)) {
            survey::absent(past, RecordKind::Guardian, gaps, &mut people, schools, emails);
        }
        changed.sort_unstable_by(|(_, a), (_, b)| {
            a.as_ref().map(|link| &link.source).cmp(&b.as_ref().map(|link| &link.source))
        });
        facts.links[RecordKind::Guardian as usize] = changed;
        facts.findings.extend(decisions.findings);
        facts.guardians = people;
        facts.contacts = contacts;
        Ok(())
    }
}

/// A guardian of the mirror. Any bad row among the ids that are one guardian leaves the whole as it
/// is.
fn past<I>(item: &Mirrored<kinds::Guardians>, from: &Reading<'_, I>, gaps: &Gaps) -> Existing {
    let key = item.key.hash64();
    let tag = kinds::Guardians::KIND;
    let gapped = gaps.has(tag, item.id.hash64())
        || item.state.also.iter().any(|id| gaps.has(tag, id.hash64()));
    let mut who = Candidate::new(tag, item.key.clone(), &item.state.person);
    who.may_relink = !gapped && (item.status == Status::Archived || !gaps.keeps_all(tag));
    Existing {
        who,
        id: item.id.clone(),
        status: item.status,
        email: hashes::email(&item.state.person),
        schools: if item.status == Status::Active {
            survey::schools_of(&item.state.person)
        } else {
            Vec::new()
        },
        gapped,
        pinned: gaps.pins(tag, key),
        left_out: false,
        by_hand: false,
        owns: from.owners[tag as usize].contains(&key),
        abandoned: false,
    }
}
