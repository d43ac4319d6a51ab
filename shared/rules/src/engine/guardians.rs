//! Pass B over guardians: the next state of each, and why (R-G1 to R-G3).

use super::contacts;
use super::facts::Facts;
use super::gaps::Gaps;
use super::guard::Became;
use super::hashes::IdSet;
use super::lists;
use super::merge::Entry;
use super::output::{Output, Why};
use super::people::{archive, explain_person, new_record, still_here};
use super::shared_emails::SharedEmails;
use roster::contract::{PlanError, PlanSink};
use roster::finding::sync;
use roster::id::{AccountId, SourceId, hash64};
use roster::personal::Personal;
use roster::policy::AdmitGuardians;
use roster::records::{
    Guardian, GuardianState, MirroredBox, Origin, Person, RecordKind, SourceBox, Status, kinds,
};
use roster::rule::Rule;

type Item = MirroredBox<kinds::Guardians>;

/// Pass B over guardians.
pub(super) struct Guardians<'f> {
    pub(super) facts: &'f Facts,
    pub(super) gaps: &'f Gaps,
    pub(super) shared: &'f mut SharedEmails,
    /// Keys of those who own their names and contacts (R-G5).
    pub(super) owners: &'f IdSet,
}

impl Guardians<'_> {
    /// The next state of one guardian, under however many ids the source has them.
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
        let people = &self.facts.guardians;
        let active = people.active.contains(&hash);
        match (source, mirror) {
            (_, Some(item)) if active && people.unread(hash) => self.kept(output, item),
            (Some(source), item) => {
                let mut merged = one(*source, others, &self.facts.contacts.taken);
                if let Some(item) = item.as_ref().filter(|_| self.owners.contains(&hash)) {
                    merged.person.keep_own(&item.state.person);
                }
                self.find_contacts(output, &merged, active)?;
                if active {
                    return self.present(output, key, merged, item);
                }
                item.map_or(Ok(()), |item| self.archived(output, item))
            }
            (None, Some(item)) => self.archived(output, item),
            (None, None) => Ok(()),
        }
    }

    fn present<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        key: SourceId,
        merged: One,
        item: Option<Item>,
    ) -> Result<(), PlanError> {
        let One { id, also, person, role, children } = merged;
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
        let email_shared = self.facts.email_is_shared(&person, false);
        self.shared.note(email_shared, RecordKind::Guardian, &id, &person);
        let state = GuardianState { person, role, children, also, email_shared };
        let mut why = Why::default();
        let Some(item) = item else {
            why.add(Rule::G1, "in the source with a unique contact");
            if !state.also.is_empty() {
                why.add(Rule::G2, format!("one guardian with {} ids", state.also.len() + 1));
            }
            let account =
                AccountId::derive(output.context.district, RecordKind::Guardian.name(), &key);
            let run = output.context.run.clone();
            return output.add::<kinds::Guardians>(new_record(key, id, account, state, run), why);
        };
        if item.status == Status::Active {
            let same =
                item.state.person == state.person && item.state.role == state.role && item.id == id;
            let became = if same { Became::Same } else { Became::Changed };
            output.tally.was_active(RecordKind::Guardian, &item.state.person.schools, became);
        } else {
            why.add(Rule::A4, "the source has this guardian again");
        }
        if item.id != id {
            why.add(Rule::I2, "source id");
        }
        explain_person(&mut why, &item.state.person, &state.person);
        if item.state.role != state.role {
            why.add(Rule::M1, "role");
        }
        if item.state.children != state.children {
            why.add(Rule::G3, lists::difference("children", &item.state.children, &state.children));
        }
        if item.state.also != state.also {
            why.add(Rule::G2, lists::difference("additional ids", &item.state.also, &state.also));
        }
        if item.state.email_shared != state.email_shared {
            why.add(Rule::I5, "shared e-mail");
        }
        let account = item.account.clone();
        let after = still_here(&item, id, account, state);
        output.settle(item, after, why)?;
        Ok(())
    }

    /// One whose row is bad tonight, or of whom nobody can tell: everything stays, the children
    /// too.
    fn kept<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        item: Item,
    ) -> Result<(), PlanError> {
        output.tally.was_active(RecordKind::Guardian, &item.state.person.schools, Became::Same);
        let email_shared = self.facts.email_is_shared(&item.state.person, false);
        self.shared.note(email_shared, RecordKind::Guardian, &item.id, &item.state.person);
        if email_shared != item.state.email_shared {
            let mut why = Why::default();
            why.add(Rule::I5, "shared e-mail");
            let mut after = item.clone();
            after.state.email_shared = email_shared;
            output.settle(item, *after, why)?;
        }
        Ok(())
    }

    /// One who is gone, or archived and not to come back yet: unlinked from the children who stay,
    /// linked to those who left (R-A2).
    fn archived<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        item: Item,
    ) -> Result<(), PlanError> {
        let goes = item.status == Status::Active;
        if goes {
            output.tally.was_active(
                RecordKind::Guardian,
                &item.state.person.schools,
                Became::Removed,
            );
        }
        let students = &self.facts.students;
        let children =
            lists::without(&item.state.children, |child| !students.active.contains(&child));
        let left = children.as_deref().unwrap_or(&item.state.children);
        // R-A3: the whole family has left the school.
        let leaves_school = !item.state.person.schools.is_empty()
            && !left.is_empty()
            && left.iter().all(|child| students.abandoned.contains(&child.hash64()));
        if !goes && children.is_none() && !leaves_school && !item.state.email_shared {
            return Ok(());
        }
        let mut why = Why::default();
        if goes {
            if self.facts.contacts.merged.contains(&item.key.hash64()) {
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

    /// The children of a guardian who is in (R-G3): those of the source who are in, too; those who
    /// left; and where a record cannot be read, as it was.
    fn children(&self, tonight: Vec<SourceId>, before: &[SourceId]) -> Vec<SourceId> {
        let people = &self.facts.students;
        let mut keys: Vec<SourceId> =
            tonight.into_iter().filter_map(|id| people.aliases.key(id)).collect();
        keys.retain(|key| {
            let key = key.hash64();
            people.active.contains(&key) && !people.unread(key)
        });
        lists::add_those(&mut keys, before, |key| {
            !people.active.contains(&key) || people.unread(key) || !self.gaps.removals()
        });
        lists::sorted(keys)
    }

    /// Says why a guardian waits, or stays though nothing is theirs alone any more (R-G1).
    fn find_contacts<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        one: &One,
        active: bool,
    ) -> Result<(), PlanError> {
        if output.context.policy.admit_guardians == AdmitGuardians::None {
            return Ok(());
        }
        let taken = |contact: &Option<Personal>| {
            contact.as_ref().is_some_and(|contact| {
                self.facts.contacts.taken.contains(&hash64(contact.reveal()))
            })
        };
        if contacts::of(&one.person)
            .any(|contact| !self.facts.contacts.taken.contains(&hash64(contact.reveal())))
        {
            return Ok(());
        }
        let email = taken(&one.person.email);
        let phone = taken(&one.person.phone) || taken(&one.person.sms);
        let why = match (email, phone) {
            (false, false) => "no e-mail address and no phone number",
            (true, false) => "another guardian has the same e-mail address",
            (false, true) => "another guardian has the same phone number",
            (true, true) => "other guardians have the same e-mail address and phone number",
        };
        let (code, what) = if active {
            (&sync::GUARDIAN_LOST_CONTACT, "stays, but has no unique contact")
        } else {
            (&sync::GUARDIAN_WAITS_FOR_CONTACT, "was not added")
        };
        output.find::<kinds::Guardians>(
            code,
            Rule::G1,
            &one.id,
            format!("guardian {} {what}: {why}", one.id.as_str()),
        )
    }
}

/// A guardian of the source, all ids in one.
struct One {
    id: SourceId,
    also: Vec<SourceId>,
    person: Person,
    role: roster::records::GuardianRole,
    children: Vec<SourceId>,
}

/// Makes one guardian of several records (R-G2): the first one's data, with the contacts that are
/// the guardian's alone, and all the children.
fn one(first: Guardian, others: Vec<SourceBox<kinds::Guardians>>, taken: &IdSet) -> One {
    let Guardian { id, mut person, role, mut children } = first;
    if others.is_empty() {
        return One { id, also: Vec::new(), person, role, children };
    }
    let best = |field: fn(&mut Person) -> &mut Option<Personal>,
                person: &mut Person,
                others: &[SourceBox<kinds::Guardians>]| {
        let mut all: Vec<Personal> = field(person).take().into_iter().collect();
        all.extend(others.iter().filter_map(|other| field(&mut other.person.clone()).take()));
        let alone =
            all.iter().position(|contact| !taken.contains(&hash64(contact.reveal()))).unwrap_or(0);
        *field(person) = (!all.is_empty()).then(|| all.swap_remove(alone));
    };
    best(|person| &mut person.email, &mut person, &others);
    best(|person| &mut person.phone, &mut person, &others);
    best(|person| &mut person.sms, &mut person, &others);
    let mut also = Vec::with_capacity(others.len());
    for other in others {
        also.push(other.id);
        children.extend(other.children);
    }
    One { id, also: lists::sorted(also), person, role, children }
}
