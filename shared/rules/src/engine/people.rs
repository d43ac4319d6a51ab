//! Pass B over teachers and students: the next state of each, and why.

use super::facts::{ClassFate, Facts, Lacks};
use super::gaps::{Gaps, KeptSeats};
use super::groups;
use super::guard::Became;
use super::hashes;
use super::lists;
use super::merge::Entry;
use super::output::{Output, Why};
use super::shared_emails::SharedEmails;
use super::survey::People;
use roster::contract::{PlanError, PlanSink};
use roster::finding::sync;
use roster::id::{AccountId, SourceId};
use roster::policy::{
    AbandonedFamilies, AbandonedInManualClasses, AdmitStudents, KeepDemographics,
};
use roster::records::{
    Demographics, Membership, Mirrored, MirroredBox, Origin, Person, RecordKind, Status, Student,
    StudentState, Teacher, TeacherState, kinds,
};
use roster::rule::Rule;

/// Where somebody stands who is about to get a list of classes.
struct Seats<'f> {
    facts: &'f Facts,
    people: &'f People,
    kept: &'f KeptSeats,
    key: u64,
}

impl Seats<'_> {
    /// The classes of somebody who is in: tonight's, and those of last night that stay.
    fn of_active(
        &self,
        today: jiff::civil::Date,
        tonight: impl Iterator<Item = Membership>,
        before: &[SourceId],
    ) -> Vec<SourceId> {
        let mut keys: Vec<SourceId> = tonight
            .filter(|seat| {
                seat.is_on(today)
                    && matches!(self.facts.class(&seat.id), Some(ClassFate::Present { .. }))
            })
            .map(|seat| seat.id)
            .collect();
        lists::add_those(&mut keys, before, |class| match self.facts.classes.get(&class) {
            Some(ClassFate::Present { was_active, .. }) => {
                *was_active && self.facts.seat_stays(self.people, self.kept, class, self.key)
            }
            Some(_) => true,
            None => false,
        });
        lists::sorted(keys)
    }

    /// The classes of somebody who is archived: only what is frozen or made by hand.
    /// `leaves_manual` and `leaves_all`: R-C2, R-A3.
    fn of_archived(
        &self,
        before: &[SourceId],
        leaves_manual: bool,
        leaves_all: bool,
    ) -> Option<Vec<SourceId>> {
        lists::without(before, |class| match self.facts.classes.get(&class) {
            Some(ClassFate::Archived | ClassFate::Manual { archived: true }) => !leaves_all,
            Some(ClassFate::Manual { archived: false }) => !leaves_manual,
            Some(ClassFate::Present { .. } | ClassFate::Kept { .. }) | None => false,
        })
    }
}

/// Pass B over teachers (R-T1, R-M5).
pub(super) struct Teachers<'f> {
    pub(super) facts: &'f Facts,
    pub(super) gaps: &'f Gaps,
    pub(super) shared: &'f mut SharedEmails,
}

impl Teachers<'_> {
    /// The next state of one teacher.
    pub(super) fn visit<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        entry: Entry<kinds::Teachers>,
    ) -> Result<(), PlanError> {
        let Some(key) = entry.key().cloned() else { return Ok(()) };
        let Entry { source, mirror, .. } = entry;
        if let Some(source) = &source {
            output.tally.in_source(RecordKind::Teacher, &source.person.schools);
            output.fields.count(RecordKind::Teacher, &source.person, &Demographics::default());
        }
        let hash = key.hash64();
        if self.facts.teachers.by_hand.contains(&hash) {
            return Ok(());
        }
        let active = self.facts.teachers.active.contains(&hash);
        let seats = Seats {
            facts: self.facts,
            people: &self.facts.teachers,
            kept: &self.facts.kept_teachers,
            key: hash,
        };
        let today = output.context.today;
        match (source, mirror) {
            (Some(source), item) if active => {
                let before = item.as_ref().map_or(&[][..], |item| &item.state.classes);
                let Teacher { id, person, classes, .. } = *source;
                let classes = seats.of_active(today, classes.into_iter(), before);
                let account = self.account(output, &key, &person, item.as_deref());
                let administrator =
                    self.facts.administrators.values().any(|known| *known == account);
                let email_shared = self.facts.email_is_shared(&person, administrator);
                self.shared.note(email_shared, RecordKind::Teacher, &id, &person);
                if administrator {
                    output.find::<kinds::Teachers>(
                        &sync::TEACHER_IS_ADMINISTRATOR,
                        Rule::M5,
                        &id,
                        format!("teacher {} is an administrator here", id.as_str()),
                    )?;
                }
                let state = TeacherState { person, classes, email_shared, administrator };
                let mut why = Why::default();
                let Some(item) = item else {
                    why.add(Rule::T1, "the source has this teacher");
                    if state.administrator {
                        why.add(Rule::M5, "the account is the administrator's");
                    }
                    let run = output.context.run.clone();
                    return output
                        .add::<kinds::Teachers>(new_record(key, id, account, state, run), why);
                };
                let same = item.state.person == state.person && item.id == id;
                if item.status == Status::Active {
                    let became = if same { Became::Same } else { Became::Changed };
                    output.tally.was_active(
                        RecordKind::Teacher,
                        &item.state.person.schools,
                        became,
                    );
                } else {
                    why.add(Rule::A4, "the source has this teacher again");
                }
                if item.id != id {
                    why.add(Rule::I2, "source id");
                }
                explain_person(&mut why, &item.state.person, &state.person);
                explain_classes(&mut why, &item.state.classes, &state.classes);
                if item.state.email_shared != state.email_shared {
                    why.add(Rule::I5, "shared e-mail");
                }
                if item.state.administrator != state.administrator
                    || item.account.as_ref() != Some(&account)
                {
                    why.add(Rule::M5, "administrator");
                }
                let after = still_here(&item, id, Some(account), state);
                output.settle(item, after, why)?;
            }
            (_, None) => {}
            (_, Some(item)) if active => {
                output.tally.was_active(
                    RecordKind::Teacher,
                    &item.state.person.schools,
                    Became::Same,
                );
                let tonight = self
                    .gaps
                    .seats_of_person(RecordKind::Teacher, item.id.hash64())
                    .iter()
                    .cloned();
                let classes = seats.of_active(today, tonight, &item.state.classes);
                let email_shared =
                    self.facts.email_is_shared(&item.state.person, item.state.administrator);
                self.shared.note(email_shared, RecordKind::Teacher, &item.id, &item.state.person);
                if classes != item.state.classes || email_shared != item.state.email_shared {
                    let mut why = Why::default();
                    explain_classes(&mut why, &item.state.classes, &classes);
                    if email_shared != item.state.email_shared {
                        why.add(Rule::I5, "shared e-mail");
                    }
                    let mut after = item.clone();
                    after.state.classes = classes;
                    after.state.email_shared = email_shared;
                    output.settle(item, *after, why)?;
                }
            }
            (_, Some(item)) => {
                let classes = seats.of_archived(&item.state.classes, false, false);
                let goes = item.status == Status::Active;
                if goes {
                    output.tally.was_active(
                        RecordKind::Teacher,
                        &item.state.person.schools,
                        Became::Removed,
                    );
                }
                if !goes && classes.is_none() && !item.state.email_shared {
                    return Ok(());
                }
                let mut why = Why::default();
                if goes {
                    why.add(Rule::A5, "no longer in the source");
                }
                let mut after = item.clone();
                after.state.email_shared = false;
                if let Some(classes) = classes {
                    why.add(Rule::A5, lists::difference("classes", &item.state.classes, &classes));
                    after.state.classes = classes;
                }
                archive(&mut after, today);
                output.settle(item, *after, why)?;
            }
        }
        Ok(())
    }

    /// The account: an administrator's for the one teacher who has that e-mail address (R-M5), else
    /// the one that the teacher has had (R-I1).
    fn account<S: PlanSink>(
        &self,
        output: &Output<'_, S>,
        key: &SourceId,
        person: &Person,
        item: Option<&Mirrored<kinds::Teachers>>,
    ) -> AccountId {
        let email = hashes::email(person);
        let alone = email
            .is_some_and(|email| self.facts.teachers_of_administrators.get(&email) == Some(&1));
        let theirs =
            email.filter(|_| alone).and_then(|email| self.facts.administrators.get(&email));
        theirs.or(item.and_then(|item| item.account.as_ref())).cloned().unwrap_or_else(|| {
            AccountId::derive(output.context.district, RecordKind::Teacher.name(), key)
        })
    }
}

/// Pass B over students (R-S1, R-S2).
pub(super) struct Students<'f> {
    pub(super) facts: &'f Facts,
    pub(super) gaps: &'f Gaps,
    pub(super) shared: &'f mut SharedEmails,
}

impl Students<'_> {
    /// The next state of one student.
    pub(super) fn visit<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        entry: Entry<kinds::Students>,
    ) -> Result<(), PlanError> {
        let Some(key) = entry.key().cloned() else { return Ok(()) };
        let Entry { source, mirror, .. } = entry;
        if let Some(source) = &source {
            output.tally.in_source(RecordKind::Student, &source.person.schools);
            output.fields.count(RecordKind::Student, &source.person, &source.demographics);
        }
        let hash = key.hash64();
        if self.facts.students.by_hand.contains(&hash) {
            return Ok(());
        }
        let active = self.facts.students.active.contains(&hash);
        let seats = Seats {
            facts: self.facts,
            people: &self.facts.students,
            kept: &self.facts.kept_students,
            key: hash,
        };
        if let Some(source) = &source {
            self.find_missing(output, source, mirror.as_deref(), active)?;
        }
        match (source, mirror) {
            (Some(source), item) if active => self.present(output, seats, key, *source, item),
            (_, None) => Ok(()),
            (_, Some(item)) if active => self.kept(output, seats, item),
            (source, Some(item)) => self.archived(output, seats, item, source.is_none()),
        }
    }

    fn present<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        seats: Seats<'_>,
        key: SourceId,
        source: Student,
        item: Option<MirroredBox<kinds::Students>>,
    ) -> Result<(), PlanError> {
        let today = output.context.today;
        let before = item.as_ref().map(|item| &item.state);
        let Student { id, person, mut demographics, guardians, classes, .. } = source;
        if output.context.policy.demographics == KeepDemographics::Ignore {
            demographics = Demographics::default();
        }
        let classes =
            seats.of_active(today, classes.into_iter(), before.map_or(&[], |state| &state.classes));
        let guardians = self.guardians(guardians, before.map_or(&[], |state| &state.guardians));
        let email_shared = self.facts.email_is_shared(&person, false);
        self.shared.note(email_shared, RecordKind::Student, &id, &person);
        let state = StudentState { person, demographics, guardians, classes, email_shared };
        groups::members(output, &key, &state.demographics)?;
        let mut why = Why::default();
        let Some(item) = item else {
            match output.context.policy.admit_students {
                AdmitStudents::Shared => why.add(Rule::S2, "the source shares this student"),
                AdmitStudents::Email => why.add(Rule::S1, "in the source with an e-mail address"),
                AdmitStudents::EmailAndEnrolled => {
                    why.add(Rule::S1, "in the source with an e-mail address and an active class")
                }
            }
            let account =
                AccountId::derive(output.context.district, RecordKind::Student.name(), &key);
            let run = output.context.run.clone();
            return output.add::<kinds::Students>(new_record(key, id, account, state, run), why);
        };
        let ignored = output.context.policy.demographics == KeepDemographics::Ignore;
        let same = item.state.person == state.person
            && item.id == id
            && (ignored || item.state.demographics == state.demographics);
        if item.status == Status::Active {
            let became = if same { Became::Same } else { Became::Changed };
            output.tally.was_active(RecordKind::Student, &item.state.person.schools, became);
        } else {
            why.add(Rule::A4, "the source has this student again");
        }
        if item.id != id {
            why.add(Rule::I2, "source id");
        }
        explain_person(&mut why, &item.state.person, &state.person);
        if item.state.demographics != state.demographics {
            why.add(if ignored { Rule::M7 } else { Rule::M1 }, "demographics");
        }
        explain_classes(&mut why, &item.state.classes, &state.classes);
        if item.state.guardians != state.guardians {
            why.add(
                Rule::G3,
                lists::difference("guardians", &item.state.guardians, &state.guardians),
            );
        }
        if item.state.email_shared != state.email_shared {
            why.add(Rule::I5, "shared e-mail");
        }
        let account = item.account.clone();
        let after = still_here(&item, id, account, state);
        output.settle(item, after, why)?;
        Ok(())
    }

    /// A student whose row is bad tonight, or of whom nobody can tell: the record stays, the lists
    /// follow what is known.
    fn kept<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        seats: Seats<'_>,
        item: MirroredBox<kinds::Students>,
    ) -> Result<(), PlanError> {
        output.tally.was_active(RecordKind::Student, &item.state.person.schools, Became::Same);
        let tonight =
            self.gaps.seats_of_person(RecordKind::Student, item.id.hash64()).iter().cloned();
        let classes = seats.of_active(output.context.today, tonight, &item.state.classes);
        let guardians = lists::without(&item.state.guardians, |guardian| {
            self.facts.guardians.active.contains(&guardian)
        });
        let email_shared = self.facts.email_is_shared(&item.state.person, false);
        self.shared.note(email_shared, RecordKind::Student, &item.id, &item.state.person);
        let strips = strips(output, &item.state);
        if !strips {
            groups::members(output, &item.key, &item.state.demographics)?;
        }
        if classes == item.state.classes
            && guardians.is_none()
            && email_shared == item.state.email_shared
            && !strips
        {
            return Ok(());
        }
        let mut why = Why::default();
        explain_classes(&mut why, &item.state.classes, &classes);
        let mut after = item.clone();
        after.state.classes = classes;
        if let Some(guardians) = guardians {
            why.add(Rule::G3, lists::difference("guardians", &item.state.guardians, &guardians));
            after.state.guardians = guardians;
        }
        if email_shared != item.state.email_shared {
            why.add(Rule::I5, "shared e-mail");
            after.state.email_shared = email_shared;
        }
        if strips {
            why.add(Rule::M7, "demographics");
            after.state.demographics = Demographics::default();
        }
        output.settle(item, *after, why)?;
        Ok(())
    }

    /// A student who is gone, or archived and not to come back yet.
    fn archived<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        seats: Seats<'_>,
        item: MirroredBox<kinds::Students>,
        absent: bool,
    ) -> Result<(), PlanError> {
        let policy = output.context.policy;
        let goes = item.status == Status::Active;
        if goes {
            output.tally.was_active(
                RecordKind::Student,
                &item.state.person.schools,
                Became::Removed,
            );
        }
        let extreme = policy.abandoned_families == AbandonedFamilies::Extreme;
        let abandoned = extreme && absent && self.facts.students.abandoned.contains(&seats.key);
        let leaves_manual = policy.abandoned_in_manual_classes == AbandonedInManualClasses::Leave;
        let classes = seats.of_archived(&item.state.classes, leaves_manual, abandoned);
        let leaves_school = abandoned && !item.state.person.schools.is_empty();
        let strips = strips(output, &item.state);
        if !goes && classes.is_none() && !leaves_school && !strips && !item.state.email_shared {
            return Ok(());
        }
        let mut why = Why::default();
        if goes {
            why.add(Rule::A1, "no longer in the source");
        }
        let mut after = item.clone();
        after.state.email_shared = false;
        if let Some(classes) = classes {
            let rule = if abandoned { Rule::A3 } else { Rule::A2 };
            why.add(rule, lists::difference("classes", &item.state.classes, &classes));
            after.state.classes = classes;
        }
        if leaves_school {
            why.add(Rule::A3, "schools");
            after.state.person.schools.clear();
        }
        if strips {
            why.add(Rule::M7, "demographics");
            after.state.demographics = Demographics::default();
        }
        archive(&mut after, output.context.today);
        output.settle(item, *after, why)?;
        Ok(())
    }

    /// The guardians of a student who is in (R-G3): those of the source who are in, too; where
    /// one's record cannot be read, as it was.
    fn guardians(&self, tonight: Vec<SourceId>, before: &[SourceId]) -> Vec<SourceId> {
        let people = &self.facts.guardians;
        let mut keys: Vec<SourceId> =
            tonight.into_iter().filter_map(|id| people.aliases.key(id)).collect();
        keys.retain(|key| {
            let key = key.hash64();
            people.active.contains(&key) && !people.unread(key)
        });
        lists::add_those(&mut keys, before, |key| {
            people.active.contains(&key) && (people.unread(key) || !self.gaps.removals())
        });
        lists::sorted(keys)
    }

    /// Says what a student lacks: who is not in waits for it, who is in stays without (R-S1).
    fn find_missing<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        source: &Student,
        item: Option<&Mirrored<kinds::Students>>,
        active: bool,
    ) -> Result<(), PlanError> {
        let name = source.id.as_str();
        let mut lacks = self.facts.lacks(output.context, source);
        if active {
            // A class whose own row is bad still has whom it had.
            let sits = |state: &StudentState| {
                state.classes.iter().any(|class| {
                    matches!(self.facts.class(class), Some(ClassFate::Kept { admits: true }))
                })
            };
            lacks.class &= !item.is_some_and(|item| sits(&item.state));
        }
        let shared = output.context.policy.admit_students == AdmitStudents::Shared;
        if shared && source.person.email.is_none() {
            lacks = Lacks { email: true, class: false };
        }
        if lacks.email {
            let (code, rule, what) = match (shared, active) {
                (true, _) => (&sync::STUDENT_NO_EMAIL, Rule::S2, "has no e-mail address"),
                (false, true) => (
                    &sync::STUDENT_LOST_EMAIL,
                    Rule::S1,
                    "has no e-mail address; the account stays",
                ),
                (false, false) => {
                    (&sync::STUDENT_WAITS_FOR_EMAIL, Rule::S1, "was not added: no e-mail address")
                }
            };
            output.find::<kinds::Students>(
                code,
                rule,
                &source.id,
                format!("student {name} {what}"),
            )?;
        }
        if lacks.class {
            let (code, what) = if active {
                (&sync::STUDENT_LOST_CLASS, "is in no active class; the account stays")
            } else {
                (&sync::STUDENT_WAITS_FOR_CLASS, "was not added: no enrollment in an active class")
            };
            output.find::<kinds::Students>(
                code,
                Rule::S1,
                &source.id,
                format!("student {name} {what}"),
            )?;
        }
        Ok(())
    }
}

/// Whether demographics are to be taken out of a record that the policy forbids them in (R-M7).
fn strips<S: PlanSink>(output: &Output<'_, S>, state: &StudentState) -> bool {
    output.context.policy.demographics == KeepDemographics::Ignore && !state.demographics.is_empty()
}

/// A person who comes in for the first time.
pub(super) fn new_record<K: roster::records::Kind>(
    key: SourceId,
    id: SourceId,
    account: AccountId,
    state: K::State,
    run: roster::id::RunId,
) -> Mirrored<K> {
    Mirrored {
        key,
        id,
        account: Some(account),
        status: Status::Active,
        origin: Origin::Source,
        state,
        first_seen: run.clone(),
        changed_by: run,
        archived_on: None,
    }
}

/// A person of the mirror who is in the source.
pub(super) fn still_here<K: roster::records::Kind>(
    item: &Mirrored<K>,
    id: SourceId,
    account: Option<AccountId>,
    state: K::State,
) -> Mirrored<K> {
    Mirrored {
        key: item.key.clone(),
        id,
        account,
        status: Status::Active,
        // Whoever was made here by hand is the source's from now on.
        origin: Origin::Source,
        state,
        first_seen: item.first_seen.clone(),
        changed_by: item.changed_by.clone(),
        archived_on: None,
    }
}

/// Marks a record as archived since today, unless it is already.
pub(super) fn archive<K: roster::records::Kind>(item: &mut Mirrored<K>, today: jiff::civil::Date) {
    if item.status == Status::Active {
        item.status = Status::Archived;
        item.archived_on = Some(today);
    }
}

/// Names the fields of a person that the source changed.
pub(super) fn explain_person(why: &mut Why, before: &Person, after: &Person) {
    let fields = lists::person_fields(before, after);
    if !fields.is_empty() {
        why.add(Rule::M1, fields.join(", "));
    }
}

fn explain_classes(why: &mut Why, before: &[SourceId], after: &[SourceId]) {
    if before != after {
        why.add(Rule::M1, lists::difference("classes", before, after));
    }
}
