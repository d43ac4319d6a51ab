//! Index pass over guardians: which contacts belong to one guardian only (R-G1), which ids are one
//! guardian (R-G2), and who is active after the run.

use super::guardian_groups::{Group, Groups};
use super::identity::{Deciding, Existing, Incoming, Undecided};
use super::input::{ChangedLink, Collected, Input};
use super::people::{absent, schools_of};
use super::relink::Candidate;
use super::rows::{Own, Rows};
use crate::book::{absence, guardians};
use crate::engine::aliases::Links;
use crate::engine::facts::Guardians;
use crate::engine::hashes;
use crate::engine::merge::{At, projections};
use roster::contract::{PlanError, PlanInputs};
use roster::id::SourceId;
use roster::records::{
    Kind as _, Mirrored, MirroredBox, Origin, Person, RecordKind, SourceBox, Status, kinds,
};

/// Reads the snapshot's and the mirror's guardians once.
pub(super) fn index<I: PlanInputs>(
    input: &Input<'_, I>,
    collected: &mut Collected,
) -> Result<Guardians, PlanError> {
    let mut index = Indexing {
        input,
        links: &input.links[RecordKind::Guardian as usize],
        collected,
        families_leave: absence::families_leave_school(input.context.policy),
        guardians: Guardians::default(),
        rows: Rows::default(),
        undecided: Undecided::default(),
        new: Vec::new(),
        staying: Vec::new(),
        maybe_staying: Vec::new(),
        is_first_run: false,
    };
    projections::<kinds::Guardians, I>(input.from, |at, mirror_is_empty| {
        index.read(at, mirror_is_empty);
        Ok(())
    })?;
    Ok(index.finish())
}

/// The guardians while they are read.
struct Indexing<'a, I> {
    input: &'a Input<'a, I>,
    links: &'a Links,
    collected: &'a mut Collected,
    families_leave: bool,
    guardians: Guardians,
    rows: Rows,
    undecided: Undecided,
    /// Rows that may be new guardians.
    new: Vec<(u32, Candidate)>,
    /// Rows of the mirror that stay unchanged.
    staying: Vec<(u32, Existing)>,
    /// Linked guardians who stay if no snapshot record claims them: key, id and person.
    maybe_staying: Vec<(SourceId, SourceId, Person)>,
    /// The mirror has no guardians and no links: no record can be an account that exists already.
    is_first_run: bool,
}

impl<I> Indexing<'_, I> {
    fn read(&mut self, at: At<kinds::Guardians>, mirror_is_empty: bool) {
        self.is_first_run = mirror_is_empty && self.links.is_empty();
        let (source, item) = at.parts();
        if let Some(item) = item.as_deref().filter(|item| item.origin == Origin::Manual) {
            return self.read_manual(item);
        }
        let linked = item
            .as_ref()
            .is_some_and(|item| item.id != item.key || self.links.concern(item.key.hash64()));
        if let Some(source) = &source {
            self.read_source(source, item.as_deref(), linked);
        }
        if let Some(item) = item
            && (linked || source.is_none())
        {
            self.read_mirrored(item, linked);
        }
    }

    fn read_manual(&mut self, item: &Mirrored<kinds::Guardians>) {
        let (people, key) = (&mut self.guardians.people, item.key.hash64());
        people.active.insert(key);
        people.blind.insert(key);
        people.by_hand.insert(key);
        if item.status == Status::Active {
            self.rows.add_nameless(&item.key, &item.state.person);
            self.collected.emails.extend(hashes::email(&item.state.person));
        }
    }

    fn read_source(
        &mut self,
        source: &SourceBox<kinds::Guardians>,
        item: Option<&Mirrored<kinds::Guardians>>,
        linked: bool,
    ) {
        self.collected.schools.extend(source.person.schools.iter().map(SourceId::hash64));
        if self.families_leave {
            self.guardians.children.extend(source.children.iter().map(SourceId::hash64));
        }
        let protected = self.input.protected;
        let children = source.children.iter();
        let unreadable =
            children.filter(|child| protected.is_unreadable(RecordKind::Student, child.hash64()));
        let pairs = unreadable.map(|child| (child.clone(), source.id.clone()));
        self.collected.of_guardians.extend(pairs);
        let own = match item {
            _ if linked || self.links.concern(source.id.hash64()) => Own::Linked,
            None => Own::Nothing,
            Some(item) if item.status == Status::Active => Own::Active,
            Some(_) => Own::Archived,
        };
        let row = self.rows.add(&source.id, &source.person, own);
        if !self.is_first_run && matches!(own, Own::Linked | Own::Nothing) {
            let who = Candidate::new(RecordKind::Guardian, source.id.clone(), &source.person);
            self.new.push((row, who));
        }
    }

    /// Whether a guardian stays who is not in the source, contacts included.
    fn keeps_all(&self, key: u64) -> bool {
        let protected = self.input.protected;
        protected.keeps_all(RecordKind::Guardian)
            || protected.withheld().keep(RecordKind::Guardian, key)
    }

    fn read_mirrored(&mut self, item: MirroredBox<kinds::Guardians>, linked: bool) {
        let existing = self.existing(&item);
        let keeps_all = self.keeps_all(item.key.hash64());
        let stays = existing.unreadable || (!linked && (existing.pinned || keeps_all));
        let is_active = existing.status == Status::Active;
        if is_active && stays {
            let row = self.rows.add(&item.key, &item.state.person, Own::Stays);
            self.staying.push((row, existing));
        } else if linked {
            if is_active && keeps_all {
                let person = item.state.person.clone();
                self.maybe_staying.push((item.key.clone(), item.id.clone(), person));
            }
            self.undecided.claimed.insert(item.key.hash64(), existing);
        } else {
            self.undecided.gone.push(existing);
        }
    }

    /// Collects what is known of a guardian in the mirror. An unreadable record among the ids of
    /// one guardian leaves all of them unchanged (R-H3).
    fn existing(&self, item: &Mirrored<kinds::Guardians>) -> Existing {
        let (protected, key, kind) =
            (self.input.protected, item.key.hash64(), kinds::Guardians::KIND);
        let unreadable = protected.is_unreadable(kind, item.id.hash64())
            || item.state.also.iter().any(|id| protected.is_unreadable(kind, id.hash64()));
        let is_active = item.status == Status::Active;
        let mut who = Candidate::new(kind, item.key.clone(), &item.state.person);
        who.may_relink = !unreadable && (!is_active || !self.keeps_all(key));
        Existing {
            who,
            id: item.id.clone(),
            status: item.status,
            email: hashes::email(&item.state.person),
            schools: if is_active { schools_of(&item.state.person) } else { Vec::new() },
            unreadable,
            pinned: protected.keeps(kind, key),
            left_out: false,
            by_hand: false,
            owns: self.input.from.owners[kind as usize].contains(&key)
                || protected.withheld().freeze(kind, key),
            frozen: protected.withheld().freeze(kind, key),
            abandoned: false,
        }
    }

    fn finish(mut self) -> Guardians {
        self.keep_unclaimed();
        let (parent, taken) = self.rows.join(self.input.protected.contacts());
        self.guardians.taken = taken;
        let claimed = &mut self.undecided.claimed;
        let groups = Groups::of(&self.rows, &parent, self.links, claimed, &self.staying);
        groups.settle(&mut self.guardians.people.aliases, &mut self.guardians.merged);
        self.activate_groups(&groups);
        self.activate_rows(&groups);
        for (row, who) in std::mem::take(&mut self.new) {
            let Some(candidate) = self.candidate(&groups, row) else { continue };
            let CandidateRow { meets, email, key_taken } = candidate;
            self.undecided.new.push(Incoming { who, meets, email, key_taken });
        }
        if self.is_first_run {
            self.activate_first_run(&groups);
        }
        self.decide(&groups);
        self.guardians
    }

    /// A linked guardian whose removal is left out and whom no snapshot record claims stays, and so
    /// do the contacts.
    fn keep_unclaimed(&mut self) {
        for (key, id, person) in std::mem::take(&mut self.maybe_staying) {
            let claimed = self.new.iter().any(|(_, who)| {
                who.id == id || self.links.of(&who.id).is_some_and(|link| link.key == key)
            });
            if !claimed && let Some(existing) = self.undecided.claimed.remove(&key.hash64()) {
                let row = self.rows.add(&key, &person, Own::Stays);
                self.staying.push((row, existing));
            }
        }
    }

    /// Activates the groups that have an account (R-G1, R-G2).
    fn activate_groups(&mut self, groups: &Groups) {
        for group in groups.settled.iter().filter(|group| !group.stays) {
            if group.was_active || self.meets(group) {
                self.guardians.people.active.insert(group.key.hash64());
                self.collected.emails.extend(groups.email(
                    group,
                    &self.rows,
                    &self.guardians.taken,
                ));
            }
        }
    }

    /// Activates the guardians that are known under their own id and in no group (R-G1).
    fn activate_rows(&mut self, groups: &Groups) {
        let policy = self.input.context.policy;
        for (row, data) in self.rows.rows.iter().enumerate() {
            if matches!(data.own, Own::Active | Own::Archived) && !groups.has(row as u32) {
                let key = self.rows.id(row as u32).hash64();
                if data.own == Own::Active || guardians::admits(policy, data.unique) {
                    self.guardians.people.active.insert(key);
                    self.collected.emails.extend((data.email != 0).then_some(data.email));
                }
                if self.families_leave {
                    self.guardians.in_source.insert(key);
                }
            }
        }
    }

    /// On the first run every guardian is new, under the id that the source has.
    fn activate_first_run(&mut self, groups: &Groups) {
        for row in 0..self.rows.rows.len() as u32 {
            let Some(candidate) = self.candidate(groups, row) else { continue };
            let key = self.rows.id(row).hash64();
            if candidate.meets {
                self.guardians.people.active.insert(key);
                self.collected.emails.extend(candidate.email);
            }
            if self.families_leave {
                self.guardians.in_source.insert(key);
            }
        }
    }

    fn meets(&self, group: &Group) -> bool {
        let has_unique = group.members.iter().any(|row| self.rows.rows[*row as usize].unique);
        guardians::admits(self.input.context.policy, has_unique)
    }

    /// Returns the facts about a row that may be a new guardian; `None` if the row's group has an
    /// account, or if another row represents the group.
    fn candidate(&self, groups: &Groups, row: u32) -> Option<CandidateRow> {
        let group = groups.unsettled_of(row);
        if groups.has(row) && group.is_none() {
            return None;
        }
        let (meets, email) = match group {
            Some(group) => {
                (self.meets(group), groups.email(group, &self.rows, &self.guardians.taken))
            }
            None => {
                let data = &self.rows.rows[row as usize];
                let meets = guardians::admits(self.input.context.policy, data.unique);
                (meets, (data.email != 0).then_some(data.email))
            }
        };
        Some(CandidateRow { meets, email, key_taken: group.is_some_and(|group| group.key_taken) })
    }

    /// Gives the new guardians their keys, and decides about those who are gone.
    fn decide(&mut self, groups: &Groups) {
        let kind = RecordKind::Guardian;
        let decisions = std::mem::take(&mut self.undecided).decide(Deciding {
            kind,
            context: self.input.context,
            links: self.links,
            aliases: &mut self.guardians.people.aliases,
        });
        for decided in decisions.present {
            let key = decided.key.hash64();
            if decided.active {
                self.guardians.people.active.insert(key);
                self.collected.emails.extend(decided.email);
            }
            if self.families_leave {
                self.guardians.in_source.insert(key);
            }
        }
        let mut changed: Vec<ChangedLink> =
            decisions.links.into_iter().map(|(old, new)| (old, Some(new))).collect();
        groups.follow(&mut self.guardians.people, self.links, &mut changed);
        let staying = std::mem::take(&mut self.staying);
        if self.families_leave {
            let settled = groups.settled.iter().map(|group| group.key.hash64());
            self.guardians.in_source.extend(settled);
            let stay = staying.iter().map(|(_, existing)| existing.who.id.hash64());
            self.guardians.in_source.extend(stay);
        }
        let staying = staying.into_iter().map(|(_, existing)| existing);
        for existing in decisions.absent.into_iter().chain(staying) {
            let people = &mut self.guardians.people;
            absent(existing, kind, self.input.protected, people, self.collected);
        }
        changed.sort_unstable_by(|(_, a), (_, b)| {
            a.as_ref().map(|link| &link.source).cmp(&b.as_ref().map(|link| &link.source))
        });
        self.collected.links[kind as usize] = changed;
        self.collected.findings.extend(decisions.findings);
    }
}

/// The facts about a row that may be a new guardian.
struct CandidateRow {
    /// Whether the guardian is admitted (R-G1).
    meets: bool,
    /// The e-mail address that the guardian will have, hashed.
    email: Option<u64>,
    /// The id is another account's key (R-I1).
    key_taken: bool,
}
