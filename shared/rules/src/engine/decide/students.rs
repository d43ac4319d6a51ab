//! Decide pass over students: the next state of each, with its reasons (R-S1, R-S2).

use super::enrollments::Enrollments;
use super::record::{
    archive, explain_classes, explain_person, explain_shared_email, new_account, new_record,
    still_here, was_here,
};
use super::shared_emails::SharedEmails;
use crate::book::{absence, groups, students};
use crate::engine::facts::{ClassFate, Facts};
use crate::engine::guard::Became;
use crate::engine::index::student_facts;
use crate::engine::lists;
use crate::engine::merge::Entry;
use crate::engine::output::{Output, Why};
use crate::engine::protected::Protected;
use roster::contract::{PlanError, PlanSink};
use roster::id::SourceId;
use roster::records::{
    Demographics, Mirrored, MirroredBox, RecordKind, Status, Student, StudentState, kinds,
};
use roster::rule::Rule;

type Item = MirroredBox<kinds::Students>;

/// Decide pass over students.
pub(super) struct Students<'f> {
    pub(super) facts: &'f Facts,
    pub(super) protected: &'f Protected,
    pub(super) shared: &'f mut SharedEmails,
}

impl Students<'_> {
    /// Decides the next state of one student.
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
        let (facts, members) = (self.facts, &self.facts.students);
        if members.people.by_hand.contains(&hash) {
            return Ok(());
        }
        let active = members.people.active.contains(&hash);
        let enrollments = Enrollments { facts, members, key: hash };
        if let Some(source) = &source {
            self.find_missing(output, source, mirror.as_deref(), active)?;
        }
        match (source, mirror) {
            (Some(source), item) if active => self.present(output, enrollments, key, *source, item),
            (_, Some(item)) if active => self.kept(output, enrollments, item),
            (source, item) => {
                if let Some(source) = &source {
                    output.tally.not_admitted(RecordKind::Student, &source.person.schools);
                }
                let absent = source.is_none();
                item.map_or(Ok(()), |item| self.archived(output, enrollments, item, absent))
            }
        }
    }

    fn present<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        enrollments: Enrollments<'_>,
        key: SourceId,
        source: Student,
        item: Option<Item>,
    ) -> Result<(), PlanError> {
        let before = item.as_ref().map(|item| &item.state);
        let source = if self.protected.has_lost_demographics(&source) {
            groups::with_known(source, before)
        } else {
            source
        };
        let Student { id, person, mut demographics, guardians, classes, .. } = source;
        if !output.context.policy.stores_demographics() {
            demographics = Demographics::default();
        }
        let classes =
            enrollments.of_active(classes.into_iter(), before.map_or(&[], |state| &state.classes));
        let guardians =
            self.guardians(&key, guardians, before.map_or(&[], |state| &state.guardians));
        let email_shared = self.facts.email_is_shared(&person, None);
        self.shared.add(email_shared, RecordKind::Student, &id, &person);
        let state = StudentState { person, demographics, guardians, classes, email_shared };
        self.count(output, item.as_deref(), Some(&state));
        send_groups(output, &key, &state.demographics)?;
        let Some(item) = item else {
            let mut why = Why::default();
            let reason = students::requirements(output.context.policy).reason;
            why.add(reason.rule, reason.what);
            let account = Some(new_account(output, RecordKind::Student, &key));
            let run = output.context.run.clone();
            return output.add::<kinds::Students>(new_record(key, id, account, state, run), why);
        };
        changed(output, item, id, state)
    }

    /// A student whose record is unreadable, or who stays for another reason: the record stays, the
    /// lists follow the source where it can be read.
    fn kept<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        enrollments: Enrollments<'_>,
        item: Item,
    ) -> Result<(), PlanError> {
        let schools = &item.state.person.schools;
        output.tally.was_active(RecordKind::Student, schools, Became::Same, false);
        if self.facts.students.people.unreadable.contains(&item.key.hash64()) {
            output.tally.unread(self.protected, RecordKind::Student, &item.id, schools);
        }
        let tonight = self
            .protected
            .enrollments_of_person(RecordKind::Student, item.id.hash64())
            .iter()
            .cloned();
        let classes = enrollments.of_active(tonight, &item.state.classes);
        let active_guardians = &self.facts.guardians.people.active;
        let mut guardians =
            lists::without(&item.state.guardians, |guardian| active_guardians.contains(&guardian));
        let listed = self.facts.half_read.guardians_of(&item.key);
        if !listed.iter().all(|guardian| item.state.guardians.contains(guardian)) {
            let mut all = guardians.unwrap_or_else(|| item.state.guardians.clone());
            all.extend_from_slice(listed);
            guardians = Some(lists::sorted(all));
        }
        let email_shared = self.facts.email_is_shared(&item.state.person, None);
        self.shared.add(email_shared, RecordKind::Student, &item.id, &item.state.person);
        let strips = groups::removes(output.context.policy, &item.state.demographics);
        if !strips {
            send_groups(output, &item.key, &item.state.demographics)?;
        }
        if classes == item.state.classes
            && guardians.is_none()
            && email_shared == item.state.email_shared
            && !strips
        {
            self.count(output, Some(&item), Some(&item.state));
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
        explain_shared_email(&mut why, item.state.email_shared, email_shared);
        after.state.email_shared = email_shared;
        if strips {
            why.add(Rule::M7, "demographics");
            after.state.demographics = Demographics::default();
        }
        self.count(output, Some(&item), Some(&after.state));
        output.settle(item, *after, why)?;
        Ok(())
    }

    /// Counts the relationships of a student, and whether the student is in an active class, before
    /// and after the run. `after`: the state of an active student.
    fn count<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        item: Option<&Mirrored<kinds::Students>>,
        after: Option<&StudentState>,
    ) {
        let before = item.filter(|item| item.status == Status::Active).map(|item| &item.state);
        let state = before.or(after);
        let schools = state.map_or(&[][..], |state| &state.person.schools);
        let had = before.is_some_and(|state| self.facts.was_live(&state.classes));
        if let Some(before) = before {
            let grade = self.facts.grade_before(before);
            output.tally.graduates.was_active(&before.person.schools, grade);
        }
        if let (Some(item), Some(before)) = (item, before) {
            count_move(output, &item.key, before, after);
        }
        let has = after.is_some_and(|state| self.facts.is_live(&state.classes));
        output.tally.student_seen(schools, had, has);
        let (old, new) = (
            before.map_or(&[][..], |state| &state.guardians),
            after.map_or(&[][..], |state| &state.guardians),
        );
        if !old.is_empty() || !new.is_empty() {
            let change = (old.len(), lists::missing(old, new), lists::missing(new, old));
            output.tally.relationships(schools, change);
        }
    }

    /// A student who is gone from the source, or is archived and not admitted again (R-A1 to R-A4).
    fn archived<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        enrollments: Enrollments<'_>,
        item: Item,
        absent: bool,
    ) -> Result<(), PlanError> {
        let policy = output.context.policy;
        let goes = item.status == Status::Active;
        if goes {
            let schools = &item.state.person.schools;
            output.tally.was_active(RecordKind::Student, schools, Became::Removed, false);
            self.count(output, Some(&item), None);
            let StudentState { person, guardians, classes, .. } = &item.state;
            if !classes.is_empty() && !self.facts.was_open(classes) {
                let (key, grade) = (enrollments.key, self.facts.grade_before(&item.state));
                output.tally.graduates.leaves(key, &person.schools, grade, guardians.len());
            }
        }
        let is_abandoned =
            absent && self.facts.students.people.abandoned.contains(&enrollments.key);
        let departure = absence::student_departure(policy, is_abandoned);
        let classes = enrollments.of_archived(&item.state.classes, departure);
        let leaves_school = departure.school && !item.state.person.schools.is_empty();
        let strips = groups::removes(policy, &item.state.demographics);
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
            let rule = absence::student_leaves_by(departure);
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

    /// Returns the guardians of an active student (R-G3): those of the source who are active, also
    /// with an unreadable record, and those of the mirror whose record cannot be read or whose
    /// removal is left out.
    fn guardians(
        &self,
        key: &SourceId,
        tonight: Vec<SourceId>,
        before: &[SourceId],
    ) -> Vec<SourceId> {
        let people = &self.facts.guardians.people;
        let keeps = self.protected.withheld().keep(RecordKind::Student, key.hash64());
        let mut keys = self.facts.related(RecordKind::Guardian, self.protected, tonight);
        lists::extend_if(&mut keys, before, |key| {
            people.active.contains(&key) && (people.unread(key) || keeps)
        });
        lists::sorted(keys)
    }

    /// Reports what the policy requires and the student does not have (R-S1, R-S2).
    fn find_missing<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        source: &Student,
        item: Option<&Mirrored<kinds::Students>>,
        active: bool,
    ) -> Result<(), PlanError> {
        let policy = output.context.policy;
        let mut facts = student_facts(output.context, &self.facts.classes, source);
        // A class whose own record is unreadable keeps its students.
        let is_kept = |state: &StudentState| {
            state.classes.iter().any(|class| {
                matches!(self.facts.class(class), Some(ClassFate::Kept { admits: true }))
            })
        };
        if active && students::requirements(policy).class && !facts.in_active_class {
            facts.in_active_class = item.is_some_and(|item| is_kept(&item.state));
        }
        for observation in students::missing_data(policy, facts, active).into_iter().flatten() {
            output.observe::<kinds::Students>(&source.id, &observation)?;
        }
        Ok(())
    }
}

/// The next state of a student whom the mirror has.
fn changed<S: PlanSink>(
    output: &mut Output<'_, S>,
    item: Item,
    id: SourceId,
    state: StudentState,
) -> Result<(), PlanError> {
    let mut why = Why::default();
    let ignored = !output.context.policy.stores_demographics();
    let became = if item.state.person != state.person || item.id != id {
        Became::Changed
    } else if ignored || item.state.demographics == state.demographics {
        Became::Same
    } else if item.state.demographics.is_same_but_for_grades(&state.demographics) {
        Became::Promoted
    } else {
        Became::Changed
    };
    let was = (item.status, &item.state.person.schools[..]);
    was_here(output, &mut why, RecordKind::Student, was, became);
    explain_person(&mut why, (&item.id, &item.state.person), (&id, &state.person));
    if item.state.demographics != state.demographics {
        why.add(if ignored { Rule::M7 } else { Rule::M1 }, "demographics");
    }
    explain_classes(&mut why, &item.state.classes, &state.classes);
    if item.state.guardians != state.guardians {
        let what = lists::difference("guardians", &item.state.guardians, &state.guardians);
        why.add(Rule::G3, what);
    }
    explain_shared_email(&mut why, item.state.email_shared, state.email_shared);
    let account = item.account.clone();
    let after = still_here(&item, id, account, state);
    output.settle(item, after, why)?;
    Ok(())
}

/// Counts a student who leaves, changes schools, or has other classes instead of those before.
fn count_move<S: PlanSink>(
    output: &mut Output<'_, S>,
    key: &SourceId,
    before: &StudentState,
    after: Option<&StudentState>,
) {
    let same_schools = |after: &&StudentState| after.person.schools == before.person.schools;
    match after.filter(same_schools) {
        None => output.tally.student_left(key),
        Some(after) if before.classes.len() <= after.classes.len() => {
            if before.classes != after.classes {
                output.tally.student_moved(key);
            }
        }
        Some(_) => {}
    }
}

/// Sends the groups of an active student to the sink (R-M8).
fn send_groups<S: PlanSink>(
    output: &mut Output<'_, S>,
    student: &SourceId,
    demographics: &Demographics,
) -> Result<(), PlanError> {
    for (field, value) in groups::of(demographics) {
        output.member(field, value, student)?;
    }
    Ok(())
}
