//! Tally of an undo's effects by kind, for the whole district. An undo is held like any other plan
//! (R-H1).

use std::collections::{BTreeMap, BTreeSet};

use crate::book::holds::{self, Scope};
use roster::change::{Action, Change, Counts};
use roster::id::SourceId;
use roster::outcome::{ENROLLMENT, Hold, count_name};
use roster::policy::Policy;
use roster::records::{
    AnyMirrored, ClassState, GuardianState, Kind, Mirrored, Origin, RecordKind, Status,
    StudentState, TeacherState,
};

/// The kinds that the guards watch.
const WATCHED: [RecordKind; 4] =
    [RecordKind::Student, RecordKind::Teacher, RecordKind::Class, RecordKind::Guardian];

/// Counts by kind, and of enrollments.
#[derive(Default)]
pub(super) struct Tally {
    kinds: [Counts; RecordKind::ALL.len()],
    enrollments: Counts,
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

/// Returns the members of an active class; true for teachers.
fn members(record: Option<&AnyMirrored>) -> BTreeSet<(bool, &SourceId)> {
    match record {
        Some(any @ AnyMirrored::Class(class)) if is_active(any) => {
            let ClassState { teachers, students, .. } = &class.state;
            teachers
                .iter()
                .map(|key| (true, key))
                .chain(students.iter().map(|key| (false, key)))
                .collect()
        }
        _ => BTreeSet::new(),
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
            if let AnyMirrored::Class(class) = record {
                self.enrollments.in_mirror +=
                    (class.state.teachers.len() + class.state.students.len()) as u64;
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
        let (before, after) = (members(before), members(after));
        self.enrollments.removed += before.difference(&after).count() as u64;
        self.enrollments.added += after.difference(&before).count() as u64;
    }

    /// Returns the counts, and the holds of the undo.
    pub(super) fn close(self, policy: &Policy) -> (BTreeMap<String, Counts>, Vec<Hold>) {
        let unchanged = |counts: Counts| Counts {
            unchanged: counts.in_mirror.saturating_sub(counts.removed + counts.changed),
            ..counts
        };
        let mut all: BTreeMap<String, Counts> = RecordKind::ALL
            .into_iter()
            .map(|kind| (count_name(kind).to_owned(), unchanged(self.kinds[kind as usize])))
            .collect();
        all.insert(ENROLLMENT.to_owned(), unchanged(self.enrollments));
        let watched = WATCHED.into_iter().map(|kind| (count_name(kind), self.kinds[kind as usize]));
        let mut holds = Vec::new();
        for (kind, counts) in watched.chain([(ENROLLMENT, self.enrollments)]) {
            holds.extend(holds::too_many(policy, Scope { kind, school: None }, counts));
        }
        (all, holds)
    }
}
