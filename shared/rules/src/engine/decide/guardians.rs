//! Decide pass over guardians: the next state of each, with its reasons (R-G1 to R-G3).

use super::record::{
    archive, explain_person, explain_shared_email, new_account, new_record, still_here, was_here,
};
use super::shared_emails::SharedEmails;
use crate::book::guardians::{self, ContactFacts};
use crate::engine::facts::Facts;
use crate::engine::guard::Became;
use crate::engine::hashes::{IdSet, contacts};
use crate::engine::lists;
use crate::engine::merge::Entry;
use crate::engine::output::{Output, Why};
use crate::engine::protected::Protected;
use roster::contract::{PlanError, PlanSink};
use roster::finding::sync;
use roster::id::{SourceId, hash64};
use roster::personal::Personal;
use roster::records::{
    Guardian, GuardianRole, GuardianState, MirroredBox, Origin, Person, RecordKind, SourceBox,
    Status, kinds,
};
use roster::rule::Rule;

type Item = MirroredBox<kinds::Guardians>;

/// Decide pass over guardians.
pub(super) struct Guardians<'f> {
    pub(super) facts: &'f Facts,
    pub(super) protected: &'f Protected,
    pub(super) shared: &'f mut SharedEmails,
    /// Keys of the guardians who own their names and contacts (R-G5).
    pub(super) owners: &'f IdSet,
}

impl Guardians<'_> {
    /// Decides the next state of one guardian, who may have several ids in the source.
    pub(super) fn visit<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        entry: Entry<kinds::Guardians>,
    ) -> Result<(), PlanError> {
        let Some(key) = entry.key().cloned() else { return Ok(()) };
        let Entry { source, others, mirror, .. } = entry;
        for source in source.iter().chain(&others) {
            output.tally.in_source(RecordKind::Guardian, &source.person.schools);
        }
        if mirror.as_ref().is_some_and(|item| item.origin == Origin::Manual) {
            return Ok(());
        }
        let hash = key.hash64();
        let people = &self.facts.guardians.people;
        let active = people.active.contains(&hash);
        match (source, mirror) {
            (_, Some(item)) if active && people.unread(hash) => self.kept(output, item),
            (Some(source), item) => {
                let mut merged = merge_records(*source, others, &self.facts.guardians.taken);
                if let Some(item) = item.as_ref().filter(|_| self.owners.contains(&hash)) {
                    merged.person.keep_own(&item.state.person);
                }
                if let Some(item) = item.as_ref().filter(|item| self.is_frozen(item)) {
                    merged.person.clone_from(&item.state.person);
                    merged.also.clone_from(&item.state.also);
                }
                self.find_contacts(output, &merged, active)?;
                if active {
                    return self.present(output, key, merged, item);
                }
                // Each of several ids of one guardian is a record of the source.
                for _ in 0..=merged.also.len() {
                    output.tally.not_admitted(RecordKind::Guardian, &merged.person.schools);
                }
                item.map_or(Ok(()), |item| self.archived(output, item))
            }
            (None, Some(item)) => self.archived(output, item),
            (None, None) => Ok(()),
        }
    }

    /// Whether the plan leaves out the changes of a guardian (R-H5).
    fn is_frozen(&self, item: &Item) -> bool {
        item.status == Status::Active
            && self.protected.withheld().freeze(RecordKind::Guardian, item.key.hash64())
    }

    fn present<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        key: SourceId,
        merged: Merged,
        item: Option<Item>,
    ) -> Result<(), PlanError> {
        let Merged { id, also, person, role, children } = merged;
        if !also.is_empty() {
            let ids: Vec<&str> = also.iter().map(SourceId::as_str).collect();
            let what = format!(
                "guardian {} is the same person as guardian {}",
                id.as_str(),
                ids.join(", ")
            );
            output.find::<kinds::Guardians>(&sync::GUARDIANS_MERGED, Rule::G2, &id, what)?;
        }
        let children =
            self.children(children, item.as_ref().map_or(&[], |item| &item.state.children));
        let email_shared = self.facts.email_is_shared(&person, None);
        self.shared.add(email_shared, RecordKind::Guardian, &id, &person);
        let state = GuardianState { person, role, children, also, email_shared };
        let Some(item) = item else {
            let mut why = Why::default();
            why.add(guardians::ADMITTED.rule, guardians::ADMITTED.what);
            if !state.also.is_empty() {
                why.add(Rule::G2, format!("one guardian with {} ids", state.also.len() + 1));
            }
            let account = Some(new_account(output, RecordKind::Guardian, &key));
            let run = output.context.run.clone();
            return output.add::<kinds::Guardians>(new_record(key, id, account, state, run), why);
        };
        changed(output, item, id, state)
    }

    /// A guardian whose record is unreadable, or who stays for another reason: everything stays,
    /// the children too. Students who newly list an unreadable guardian are added.
    fn kept<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        item: Item,
    ) -> Result<(), PlanError> {
        let schools = &item.state.person.schools;
        output.tally.was_active(RecordKind::Guardian, schools, Became::Same, false);
        if self.facts.guardians.people.unreadable.contains(&item.key.hash64()) {
            output.tally.unread(self.protected, RecordKind::Guardian, &item.id, schools);
        }
        let email_shared = self.facts.email_is_shared(&item.state.person, None);
        self.shared.add(email_shared, RecordKind::Guardian, &item.id, &item.state.person);
        let listed = self.facts.half_read.students_of(&item.key);
        if email_shared == item.state.email_shared
            && listed.iter().all(|student| item.state.children.contains(student))
        {
            return Ok(());
        }
        let mut why = Why::default();
        explain_shared_email(&mut why, item.state.email_shared, email_shared);
        let mut after = item.clone();
        after.state.email_shared = email_shared;
        let children = item.state.children.iter().chain(listed).cloned().collect();
        after.state.children = lists::sorted(children);
        if after.state.children != item.state.children {
            let what = lists::difference("children", &item.state.children, &after.state.children);
            why.add(Rule::G3, what);
        }
        output.settle(item, *after, why)?;
        Ok(())
    }

    /// A guardian who is gone from the source, or is archived and not admitted again: unlinked from
    /// the children who stay, linked to those who left (R-A2).
    fn archived<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        item: Item,
    ) -> Result<(), PlanError> {
        let goes = item.status == Status::Active;
        if goes {
            let (schools, children) = (&item.state.person.schools, &item.state.children);
            let graduates = &output.tally.graduates;
            let expected =
                !children.is_empty() && children.iter().all(|child| graduates.has(child.hash64()));
            output.tally.was_active(RecordKind::Guardian, schools, Became::Removed, expected);
        }
        let students = &self.facts.students.people;
        let children =
            lists::without(&item.state.children, |child| !students.active.contains(&child));
        let left = children.as_deref().unwrap_or(&item.state.children);
        // The whole family has left the school (R-A3).
        let leaves_school = !item.state.person.schools.is_empty()
            && !left.is_empty()
            && left.iter().all(|child| students.abandoned.contains(&child.hash64()));
        if !goes && children.is_none() && !leaves_school && !item.state.email_shared {
            return Ok(());
        }
        let mut why = Why::default();
        if goes {
            if self.facts.guardians.merged.contains(&item.key.hash64()) {
                why.add(Rule::G2, "the same guardian with another id");
            } else {
                why.add(Rule::A1, "no longer in the source");
            }
        }
        let mut after = item.clone();
        after.state.email_shared = false;
        if leaves_school {
            why.add(Rule::A3, "schools");
            after.state.person.schools.clear();
        }
        if let Some(children) = children {
            why.add(Rule::G3, lists::difference("children", &item.state.children, &children));
            after.state.children = children;
        }
        archive(&mut after, output.context.today);
        output.settle(item, *after, why)?;
        Ok(())
    }

    /// Returns the children of an active guardian (R-G3): those of the source who are active, also
    /// with an unreadable record, and those of the mirror who left or whose record cannot be read.
    fn children(&self, tonight: Vec<SourceId>, before: &[SourceId]) -> Vec<SourceId> {
        let people = &self.facts.students.people;
        let mut keys = self.facts.related(RecordKind::Student, self.protected, tonight);
        lists::extend_if(&mut keys, before, |key| {
            !people.active.contains(&key)
                || people.unread(key)
                || self.protected.withheld().keep(RecordKind::Student, key)
        });
        lists::sorted(keys)
    }

    /// Reports a guardian without a unique contact, who waits or stays (R-G1).
    fn find_contacts<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        merged: &Merged,
        active: bool,
    ) -> Result<(), PlanError> {
        let is_taken =
            |contact: &Personal| self.facts.guardians.taken.contains(&hash64(contact.reveal()));
        let taken = |contact: &Option<Personal>| contact.as_ref().is_some_and(is_taken);
        let person = &merged.person;
        let facts = ContactFacts {
            has_unique: contacts(person).any(|contact| !is_taken(contact)),
            email_taken: taken(&person.email),
            phone_taken: taken(&person.phone) || taken(&person.sms),
        };
        match guardians::missing_contact(output.context.policy, facts, active) {
            Some(observation) => output.observe::<kinds::Guardians>(&merged.id, &observation),
            None => Ok(()),
        }
    }
}

/// The next state of a guardian whom the mirror has.
fn changed<S: PlanSink>(
    output: &mut Output<'_, S>,
    item: Item,
    id: SourceId,
    state: GuardianState,
) -> Result<(), PlanError> {
    let mut why = Why::default();
    // A guardian whose children change is changed (R-H1). Children who have left do not count: the
    // lists keep them.
    let same = item.state.person == state.person
        && item.state.role == state.role
        && item.state.children == state.children
        && item.id == id;
    let became = if same { Became::Same } else { Became::Changed };
    let was = (item.status, &item.state.person.schools[..]);
    was_here(output, &mut why, RecordKind::Guardian, was, became);
    explain_person(&mut why, (&item.id, &item.state.person), (&id, &state.person));
    if item.state.role != state.role {
        why.add(Rule::M1, "role");
    }
    if item.state.children != state.children {
        why.add(Rule::G3, lists::difference("children", &item.state.children, &state.children));
    }
    if item.state.also != state.also {
        why.add(Rule::G2, lists::difference("additional ids", &item.state.also, &state.also));
    }
    explain_shared_email(&mut why, item.state.email_shared, state.email_shared);
    let account = item.account.clone();
    let after = still_here(&item, id, account, state);
    output.settle(item, after, why)?;
    Ok(())
}

/// A guardian of the source, with the data of all ids.
struct Merged {
    id: SourceId,
    also: Vec<SourceId>,
    person: Person,
    role: GuardianRole,
    children: Vec<SourceId>,
}

/// Merges the records of one guardian (R-G2): the data of the first one, with the contacts that no
/// other guardian has, and all children.
fn merge_records(
    first: Guardian,
    others: Vec<SourceBox<kinds::Guardians>>,
    taken: &IdSet,
) -> Merged {
    let Guardian { id, mut person, role, mut children } = first;
    if others.is_empty() {
        return Merged { id, also: Vec::new(), person, role, children };
    }
    let best = |field: fn(&mut Person) -> &mut Option<Personal>,
                person: &mut Person,
                others: &[SourceBox<kinds::Guardians>]| {
        let mut all: Vec<Personal> = field(person).take().into_iter().collect();
        all.extend(others.iter().filter_map(|other| field(&mut other.person.clone()).take()));
        let unique =
            all.iter().position(|contact| !taken.contains(&hash64(contact.reveal()))).unwrap_or(0);
        *field(person) = (!all.is_empty()).then(|| all.swap_remove(unique));
    };
    best(|person| &mut person.email, &mut person, &others);
    best(|person| &mut person.phone, &mut person, &others);
    best(|person| &mut person.sms, &mut person, &others);
    let mut also = Vec::with_capacity(others.len());
    for other in others {
        also.push(other.id);
        children.extend(other.children);
    }
    Merged { id, also: lists::sorted(also), person, role, children }
}
