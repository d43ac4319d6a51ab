//! Decide pass over classes: the next state of each with its roster, with its reasons.

use hashbrown::hash_map::Entry;
use jiff::civil::Date;

use super::record::{archive, new_record, still_here};
use super::rosters::Rosters;
use crate::book::absence::{self, Leavers};
use crate::book::{classes as book, teachers};
use crate::engine::edits::{self, EditsByRecord, Roster};
use crate::engine::facts::{ClassFate, Facts};
use crate::engine::guard::{Became, RosterChange, Seen};
use crate::engine::hashes::{IdMap, pair};
use crate::engine::lists;
use crate::engine::output::{Output, Why};
use crate::engine::protected::Protected;
use roster::contract::{PlanError, PlanSink};
use roster::edit::LocalEdit;
use roster::finding::sync;
use roster::id::{SourceId, hash64};
use roster::records::{
    Class, ClassDetails, ClassState, Inactive, MirroredBox, Origin, RecordKind, Status, kinds,
};
use roster::rule::Rule;

type Item = MirroredBox<kinds::Classes>;

/// Decide pass over classes.
pub(super) struct Classes<'f> {
    facts: &'f Facts,
    protected: &'f Protected,
    edits: EditsByRecord<'f>,
    /// The first class of each teacher and title (R-M3).
    titles: IdMap<SourceId>,
}

impl<'f> Classes<'f> {
    pub(super) fn new(
        facts: &'f Facts,
        protected: &'f Protected,
        edits: EditsByRecord<'f>,
    ) -> Self {
        Self { facts, protected, edits, titles: IdMap::default() }
    }

    /// Decides the next state of one class.
    pub(super) fn visit<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        source: Option<Box<Class>>,
        item: Option<Item>,
    ) -> Result<(), PlanError> {
        if let Some(source) = &source {
            let school = &source.details.school;
            output.tally.in_source(RecordKind::Class, std::slice::from_ref(school));
            let (teachers, students) = (source.teachers.len(), source.students.len());
            output.tally.enrollments_in_source(school, teachers, students);
        }
        let Some(key) =
            item.as_ref().map(|item| &item.key).or(source.as_ref().map(|source| &source.id))
        else {
            return Ok(());
        };
        let edits = self.edits.of(key)?;
        match (source, item) {
            (Some(source), Some(item)) if item.origin == Origin::Manual => {
                output.find::<kinds::Classes>(
                    &sync::CLASS_MADE_MANUAL,
                    Rule::A5,
                    &source.id,
                    format!(
                        "class {} was disconnected from the source and is a manual class here",
                        source.id.as_str()
                    ),
                )?;
                self.absent(output, item, edits)
            }
            (Some(source), item) => self.present(output, *source, item, edits),
            (None, Some(item)) => self.absent(output, item, edits),
            (None, None) => Ok(()),
        }
    }

    fn present<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        source: Class,
        item: Option<Item>,
        edits: Vec<LocalEdit>,
    ) -> Result<(), PlanError> {
        let rosters = Rosters { facts: self.facts, protected: self.protected };
        let before =
            item.as_ref().filter(|item| item.status == Status::Active).map(|item| &item.state);
        let (has_teacher, has_student) =
            (rosters.lists_teacher(&source), rosters.lists_student(&source));
        let ends = rosters.ends(&source, before);
        let not_today = rosters.not_today(&source);
        let Class { id, details, teachers, students } = source;
        let key = id.hash64();
        let students = rosters.students(key, students, before);
        let teachers = rosters.teachers(key, teachers, before);
        let (teachers, primaries) = (teachers.keys, teachers.primaries);

        let over = self.facts.terms.over(&details.terms);
        let inactive = book::inactive(
            has_teacher || !teachers.is_empty(),
            has_student || !students.is_empty(),
            over,
        );
        let fate = ClassFate::Present { was_active: before.is_some(), admits: true };
        let state = ClassState { details, teachers, students, inactive, ends };
        self.report(output, &id, &state, primaries, over)?;
        let roster = Roster { fate, teachers: &state.teachers, students: &state.students };
        edits::of_class(edits, &roster, self.facts, self.protected, output)?;

        let mut why = Why::default();
        let Some(item) = item else {
            count_new(output, &state);
            why.add(Rule::C1, "the source has this class");
            let run = output.context.run.clone();
            return output.add::<kinds::Classes>(new_record(id.clone(), id, None, state, run), why);
        };
        if item.status == Status::Archived {
            why.add(Rule::A4, "the source has this class again");
            count_new(output, &state);
        } else {
            self.count_changed(output, &item, &state, &not_today);
        }
        explain(&mut why, &item.state, &state);
        let after = still_here(&item, id, None, state);
        output.settle(item, after, why)?;
        Ok(())
    }

    /// A class that the source does not have, or that is not the source's to change.
    fn absent<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        item: Item,
        edits: Vec<LocalEdit>,
    ) -> Result<(), PlanError> {
        let was_active = item.status == Status::Active && item.origin == Origin::Source;
        let fate = self.facts.class(&item.key).unwrap_or(ClassFate::Archived);
        let roster =
            Roster { fate, teachers: &item.state.teachers, students: &item.state.students };
        edits::of_class(edits, &roster, self.facts, self.protected, output)?;
        let (teachers, students, rule) = self.stay(output, fate, &item.state);
        if was_active {
            self.count_absent(output, fate, &item, (teachers.as_deref(), students.as_deref()));
        }
        let (teachers, students) = match fate {
            ClassFate::Kept { .. } => self.join(output, &item, teachers, students),
            _ => (teachers, students),
        };
        let leaves = absence::class_leaves(fate).filter(|_| was_active);
        if teachers.is_none() && students.is_none() && leaves.is_none() {
            return Ok(());
        }
        let mut why = Why::default();
        if let Some(reason) = leaves {
            why.add(reason.rule, reason.what);
            if !self.facts.schools.contains(&item.state.details.school.hash64()) {
                why.add(
                    Rule::A6,
                    "its school is no longer in the source, or has no classes and people there",
                );
            }
        }
        let mut after = item.clone();
        if let Some(teachers) = teachers {
            let left = item.state.teachers.iter().any(|key| !teachers.contains(key));
            let rule = if left { Rule::A5 } else { Rule::M1 };
            why.add(rule, lists::difference("teachers", &item.state.teachers, &teachers));
            after.state.teachers = teachers;
        }
        if let Some(students) = students {
            let left = item.state.students.iter().any(|key| students.binary_search(key).is_err());
            let rule = if left { rule } else { Rule::M1 };
            why.add(rule, lists::difference("students", &item.state.students, &students));
            after.state.students = students;
        }
        match fate {
            ClassFate::Archived if was_active => archive(&mut after, output.context.today),
            ClassFate::Manual { .. } if was_active => after.origin = Origin::Manual,
            _ => {}
        }
        output.settle(item, *after, why)?;
        Ok(())
    }

    /// Adds the people whom the source newly enrolls in a class whose own record is unreadable
    /// (R-H3). `teachers` and `students` are those who stay; `None` if all do.
    fn join<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        item: &Item,
        teachers: Option<Vec<SourceId>>,
        students: Option<Vec<SourceId>>,
    ) -> (Option<Vec<SourceId>>, Option<Vec<SourceId>>) {
        let rosters = Rosters { facts: self.facts, protected: self.protected };
        let joined = |kind, before: &[SourceId], stay: Option<Vec<SourceId>>| {
            let mut all = stay.clone().unwrap_or_else(|| before.to_vec());
            let count = all.len();
            let mut known = lists::hashes(&all);
            let joining = lists::sorted(rosters.joining(kind, item.key.hash64()));
            all.extend(joining.into_iter().filter(|key| known.insert(key.hash64())));
            let new = all.len() - count;
            (if new > 0 { Some(all) } else { stay }, new)
        };
        let state = &item.state;
        let (teachers, new_teachers) = joined(RecordKind::Teacher, &state.teachers, teachers);
        let (students, new_students) = joined(RecordKind::Student, &state.students, students);
        for (role, added) in
            [(RecordKind::Teacher, new_teachers), (RecordKind::Student, new_students)]
        {
            let change = RosterChange { added, ..RosterChange::default() };
            output.tally.enrollments(role, &state.details.school, change, false);
        }
        (teachers, students.map(lists::sorted))
    }

    /// Returns the teachers and students who stay in a class that the source does not have, `None`
    /// if all do, and the rule by which students leave.
    fn stay<S: PlanSink>(
        &self,
        output: &Output<'_, S>,
        fate: ClassFate,
        state: &ClassState,
    ) -> (Option<Vec<SourceId>>, Option<Vec<SourceId>>, Rule) {
        let active_teachers = &self.facts.teachers.people.active;
        let people = &self.facts.students.people;
        let teachers = match fate {
            ClassFate::Present { .. } | ClassFate::Kept { .. } => {
                lists::without(&state.teachers, |key| active_teachers.contains(&key))
            }
            ClassFate::Archived | ClassFate::Manual { .. } => None,
        };
        let (leavers, rule) = absence::leavers(output.context.policy, fate);
        let students = match leavers {
            Leavers::None => None,
            Leavers::Archived => {
                lists::without(&state.students, |key| people.active.contains(&key))
            }
            Leavers::Abandoned => {
                lists::without(&state.students, |key| !people.abandoned.contains(&key))
            }
        };
        (teachers, students, rule)
    }

    /// Counts an active class that the source has. `not_today`: the ends of enrollments that the
    /// source lists, though not for today.
    fn count_changed<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        item: &Item,
        after: &ClassState,
        not_today: &IdMap<Option<Date>>,
    ) {
        let (before, today) = (&item.state, self.facts.terms.today);
        let school = &before.details.school;
        let expected = self.facts.terms.expected_over(before, Some(&after.details.terms));
        let became = if before.details == after.details { Became::Same } else { Became::Changed };
        let schools = std::slice::from_ref(school);
        output.tally.was_active(RecordKind::Class, schools, became, expected);
        let ended = |key: &SourceId| {
            let end = not_today.get(&key.hash64()).copied().flatten();
            book::ended_as_known(end, &before.ends, today)
        };
        let (old, new) = (lists::hashes(&before.teachers), lists::hashes(&after.teachers));
        let mut teachers = roster_change(
            (&before.teachers, &after.teachers),
            |key| old.contains(&key.hash64()),
            |key| new.contains(&key.hash64()),
            ended,
        );
        let active = &self.facts.teachers.people.active;
        let gone = |key: &&SourceId| !active.contains(&key.hash64());
        teachers.left = before.teachers.iter().filter(gone).count();
        let stays = |key: &SourceId| after.students.binary_search(key).is_ok();
        let mut students = roster_change(
            (&before.students, &after.students),
            |key| before.students.binary_search(key).is_ok(),
            stays,
            ended,
        );
        let left = before.students.iter().filter(|key| !stays(key) && !ended(key));
        for key in left {
            students.moved += usize::from(output.tally.has_moved(key));
            students.left += usize::from(output.tally.has_left(key));
        }
        output.tally.enrollments(RecordKind::Teacher, school, teachers, expected);
        output.tally.enrollments(RecordKind::Student, school, students, expected);
        if !expected {
            output.tally.check_class(&item.id, school, students.removed, students.before);
        }
        let seen_before = self.seen_before(item, expected);
        let mut seen_after = seen(after);
        // The last students have left: the guard over students watches that.
        let explained = students.left + students.moved >= students.removed;
        if after.inactive == [Inactive::NoStudent] && students.removed > 0 && explained {
            seen_after.active = seen_before.active;
        }
        output.tally.class_seen(school, seen_before, seen_after);
    }

    /// What people saw of an active class, unless it is over by dates that the last run knew.
    fn seen_before(&self, item: &Item, expected: bool) -> Seen {
        if expected { Seen::default() } else { seen(&item.state) }
    }

    /// Counts a class that was active and that the source does not have.
    fn count_absent<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        fate: ClassFate,
        item: &Item,
        (teachers, students): (Option<&[SourceId]>, Option<&[SourceId]>),
    ) {
        let state = &item.state;
        let school = &state.details.school;
        let expected = self.facts.terms.expected_over(state, None);
        let stays = matches!(fate, ClassFate::Kept { .. });
        for (role, before, after) in [
            (RecordKind::Teacher, &state.teachers, teachers),
            (RecordKind::Student, &state.students, students),
        ] {
            let left = if stays { after.unwrap_or(before).len() } else { 0 };
            let removed = before.len() - left;
            let change = RosterChange { before: before.len(), removed, ..RosterChange::default() };
            output.tally.enrollments(role, school, change, expected);
        }
        let became = if stays { Became::Same } else { Became::Removed };
        let schools = std::slice::from_ref(school);
        output.tally.was_active(RecordKind::Class, schools, became, expected);
        if self.protected.is_unreadable(RecordKind::Class, item.id.hash64()) {
            output.tally.unread(self.protected, RecordKind::Class, &item.id, schools);
        }
        let before = self.seen_before(item, expected);
        output.tally.class_seen(school, before, if stays { before } else { Seen::default() });
    }

    /// Sends the findings about a class of the source.
    fn report<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        id: &SourceId,
        state: &ClassState,
        primaries: usize,
        over: Option<bool>,
    ) -> Result<(), PlanError> {
        let teachers = state.teachers.len();
        let inactive = state.inactive.iter().map(|reason| book::inactive_finding(*reason));
        let others = [
            book::unknown_term(state.details.terms.len(), over),
            teachers::primary_marks(teachers, primaries),
            teachers::too_many_co_teachers(output.context.policy, teachers),
        ];
        for observation in inactive.chain(others.into_iter().flatten()) {
            output.observe::<kinds::Classes>(id, &observation)?;
        }
        if state.inactive.contains(&Inactive::TermOver) {
            return Ok(());
        }
        self.report_same_name(output, id, &state.details.title, &state.teachers)
    }

    /// Reports a class whose teacher has another class of the same name (R-M3), once per class.
    fn report_same_name<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        id: &SourceId,
        title: &str,
        teachers: &[SourceId],
    ) -> Result<(), PlanError> {
        let title = hash64(title);
        let mut is_reported = false;
        for teacher in teachers {
            match self.titles.entry(pair(teacher.hash64(), title)) {
                Entry::Vacant(first) => {
                    first.insert(id.clone());
                }
                Entry::Occupied(first) if !is_reported => {
                    is_reported = true;
                    let what = format!(
                        "class {} has the same name as class {}; teacher {} teaches both",
                        id.as_str(),
                        first.get().as_str(),
                        teacher.as_str()
                    );
                    output.find::<kinds::Classes>(&sync::CLASS_SAME_NAME, Rule::M3, id, what)?;
                }
                Entry::Occupied(_) => {}
            }
        }
        Ok(())
    }
}

/// What people see of a class.
fn seen(state: &ClassState) -> Seen {
    Seen {
        active: state.inactive.is_empty(),
        has_teacher: !state.inactive.contains(&Inactive::NoTeacher),
    }
}

/// Counts a class that was not active in the mirror before the run.
fn count_new<S: PlanSink>(output: &mut Output<'_, S>, after: &ClassState) {
    let school = &after.details.school;
    for (role, added) in
        [(RecordKind::Teacher, after.teachers.len()), (RecordKind::Student, after.students.len())]
    {
        let change = RosterChange { added, ..RosterChange::default() };
        output.tally.enrollments(role, school, change, false);
    }
    output.tally.class_seen(school, Seen::default(), seen(after));
}

/// Counts how a list of people changes. Both lists hold each person once.
fn roster_change(
    (before, after): (&[SourceId], &[SourceId]),
    is_before: impl Fn(&SourceId) -> bool,
    is_after: impl Fn(&SourceId) -> bool,
    ended: impl Fn(&SourceId) -> bool,
) -> RosterChange {
    let mut change = RosterChange { before: before.len(), ..RosterChange::default() };
    for key in before.iter().filter(|key| !is_after(key)) {
        if ended(key) {
            change.ended += 1;
        } else {
            change.removed += 1;
        }
    }
    change.added = after.iter().filter(|key| !is_before(key)).count();
    change
}

/// Gives the reasons for changes of a class.
fn explain(why: &mut Why, before: &ClassState, after: &ClassState) {
    let fields = detail_fields(&before.details, &after.details);
    if !fields.is_empty() {
        why.add(Rule::M1, fields.join(", "));
    }
    if before.teachers != after.teachers {
        why.add(Rule::T2, lists::difference("teachers", &before.teachers, &after.teachers));
    }
    if before.students != after.students {
        why.add(Rule::M1, lists::difference("students", &before.students, &after.students));
    }
    if before.ends != after.ends {
        why.add(Rule::M1, "last days of enrollments");
    }
    if before.inactive != after.inactive {
        why.add(Rule::C4, if after.inactive.is_empty() { "active" } else { "inactive" });
    }
}

fn detail_fields(before: &ClassDetails, after: &ClassDetails) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut compare = |name, same: bool| {
        if !same {
            fields.push(name);
        }
    };
    compare("title", before.title == after.title);
    compare("code", before.code == after.code);
    compare("type", before.class_type == after.class_type);
    compare("location", before.location == after.location);
    compare("school", before.school == after.school);
    compare("course", before.course == after.course);
    compare("terms", before.terms == after.terms);
    compare("grades", before.grades == after.grades);
    compare(
        "subjects",
        before.subjects == after.subjects && before.subject_codes == after.subject_codes,
    );
    compare("periods", before.periods == after.periods);
    fields
}
