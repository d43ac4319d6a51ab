//! Tally of an undo's effects by kind, for the whole district. An undo is held like any other plan
//! (R-H1).

use std::collections::{BTreeMap, BTreeSet};

use crate::book::holds::{self, Scope, Watch, Watched};
use roster::change::{Action, Change, Counts};
use roster::id::SourceId;
use roster::outcome::{ENROLLMENT, Hold, count_name};
use roster::policy::Policy;
use roster::records::{
    AnyMirrored, ClassState, GuardianState, Kind, Mirrored, Origin, RecordKind, Status,
    StudentState, TeacherState,
};

/// Counts by kind, of enrollments by role, and of relationships.
#[derive(Default)]
pub(super) struct Tally {
    kinds: [Counts; RecordKind::ALL.len()],
    students: Counts,
    teachers: Counts,
    relationships: Counts,
}

fn is_active(record: &AnyMirrored) -> bool {
    fn of<K: Kind>(record: &Mirrored<K>) -> bool {
        record.status == Status::Active && record.origin == Origin::Source
    }
    match record {
        AnyMirrored::School(record) => of(record),
        AnyMirrored::Term(record) => of(record),
        AnyMirrored::Course(record) => of(record),
        AnyMirrored::Teacher(record) => of(record),
        AnyMirrored::Student(record) => of(record),
        AnyMirrored::Guardian(record) => of(record),
        AnyMirrored::Class(record) => of(record),
        AnyMirrored::Link(_) | AnyMirrored::Edit(_) => false,
    }
}

/// A list of keys in the state of a record.
type ListOf<'a> = BTreeSet<&'a SourceId>;

/// Returns the teachers and the students of an active class, and the guardians of an active
/// student.
fn lists(record: Option<&AnyMirrored>) -> [ListOf<'_>; 3] {
    match record {
        Some(any @ AnyMirrored::Class(class)) if is_active(any) => {
            let ClassState { teachers, students, .. } = &class.state;
            [teachers.iter().collect(), students.iter().collect(), ListOf::new()]
        }
        Some(any @ AnyMirrored::Student(student)) if is_active(any) => {
            [ListOf::new(), ListOf::new(), student.state.guardians.iter().collect()]
        }
        _ => Default::default(),
    }
}

/// Whether two states of a record differ in its own fields. Lists of other records, and fields
/// derived from dates, do not count.
fn own_differs(before: &AnyMirrored, after: &AnyMirrored) -> bool {
    match (before, after) {
        (AnyMirrored::Class(a), AnyMirrored::Class(b)) => a.state.details != b.state.details,
        (AnyMirrored::Student(a), AnyMirrored::Student(b)) => {
            let own = |state: &StudentState| (state.person.clone(), state.demographics.clone());
            own(&a.state) != own(&b.state)
        }
        (AnyMirrored::Teacher(a), AnyMirrored::Teacher(b)) => {
            let own = |state: &TeacherState| (state.person.clone(), state.administrator);
            own(&a.state) != own(&b.state)
        }
        (AnyMirrored::Guardian(a), AnyMirrored::Guardian(b)) => {
            let own =
                |state: &GuardianState| (state.person.clone(), state.role, state.also.clone());
            own(&a.state) != own(&b.state)
        }
        _ => true,
    }
}

impl Tally {
    /// Counts a record of the mirror.
    pub(super) fn in_mirror(&mut self, record: &AnyMirrored) {
        if is_active(record) {
            self.kinds[record.kind() as usize].in_mirror += 1;
            for (counts, list) in self.lists().into_iter().zip(lists(Some(record))) {
                counts.in_mirror += list.len() as u64;
            }
        }
    }

    /// Counts a change of the undo.
    pub(super) fn change(&mut self, change: &Change) {
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        let Some(record) = after.or(before).filter(|record| record.origin().is_some()) else {
            return;
        };
        let counts = &mut self.kinds[record.kind() as usize];
        match change.action {
            Action::Add | Action::Return => counts.added += 1,
            Action::Update => {
                let differs =
                    before.zip(after).is_some_and(|(before, after)| own_differs(before, after));
                counts.changed += u64::from(before.is_some_and(is_active) && differs);
            }
            Action::Remove => counts.removed += u64::from(before.is_some_and(is_active)),
        }
        let lists = lists(before).into_iter().zip(lists(after));
        for (counts, (before, after)) in self.lists().into_iter().zip(lists) {
            counts.removed += before.difference(&after).count() as u64;
            counts.added += after.difference(&before).count() as u64;
        }
    }

    /// The counts of the three [`lists`].
    fn lists(&mut self) -> [&mut Counts; 3] {
        [&mut self.teachers, &mut self.students, &mut self.relationships]
    }

    /// Returns the counts, and the holds of the undo.
    pub(super) fn close(self, policy: &Policy) -> (BTreeMap<String, Counts>, Vec<Hold>) {
        let mut all: BTreeMap<String, Counts> = RecordKind::ALL
            .into_iter()
            .map(|kind| (count_name(kind).to_owned(), self.kinds[kind as usize].with_unchanged()))
            .collect();
        let watched = |watched: Watched| match watched {
            Watched::School => self.kinds[RecordKind::School as usize],
            Watched::Student => self.kinds[RecordKind::Student as usize],
            Watched::Teacher => self.kinds[RecordKind::Teacher as usize],
            Watched::Class => self.kinds[RecordKind::Class as usize],
            Watched::Guardian => self.kinds[RecordKind::Guardian as usize],
            Watched::StudentEnrollment => self.students,
            Watched::TeacherEnrollment => self.teachers,
            Watched::Relationship => self.relationships,
        };
        let limits = holds::limits(policy);
        let mut holds = Vec::new();
        for kind in Watched::ALL {
            let counts = watched(kind).with_unchanged();
            let scope = Scope { kind: kind.name(), school: None };
            holds.extend(holds::too_many(&limits, scope, &Watch { counts, ..Watch::default() }));
            all.insert(kind.name().to_owned(), counts);
        }
        let enrollments = self.students + self.teachers;
        all.insert(ENROLLMENT.to_owned(), enrollments.with_unchanged());
        (all, holds)
    }
}
