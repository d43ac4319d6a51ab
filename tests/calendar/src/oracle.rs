//! The judge: compares what a night changed in the mirror with the truth of that day. It shares no
//! code with the planner.

use std::collections::BTreeSet;

use roster::change::Change;
use roster::id::SourceId;
use roster::records::{AnyMirrored, Origin, RecordKind, Status};

use crate::export::{class_id, guardian_id, school_id, student_id, teacher_id};
use crate::world::World;

/// The ids of everything that people must see on a day.
pub(crate) struct Truth {
    records: BTreeSet<(RecordKind, String)>,
    /// Class and person.
    enrollments: BTreeSet<(String, String)>,
    /// Student and guardian.
    relationships: BTreeSet<(String, String)>,
}

impl Truth {
    /// Reads the truth of the world's day.
    pub(crate) fn of(world: &World) -> Self {
        let (mut records, mut enrollments) = (BTreeSet::new(), BTreeSet::new());
        let mut relationships = BTreeSet::new();
        records.extend(world.schools.keys().map(|id| (RecordKind::School, school_id(*id))));
        for (id, student) in &world.students {
            let (id, guardian) = (student_id(*id), guardian_id(student.family));
            records.insert((RecordKind::Student, id.clone()));
            records.insert((RecordKind::Guardian, guardian.clone()));
            relationships.insert((id, guardian));
        }
        records.extend(world.teachers.keys().map(|id| (RecordKind::Teacher, teacher_id(*id))));
        for (id, class) in world.classes.iter().filter(|(_, class)| world.is_open(class)) {
            let id = class_id(*id);
            // A class without students is not active (R-C4).
            if !class.students.is_empty() {
                records.insert((RecordKind::Class, id.clone()));
            }
            let people = class.students.iter().map(|id| student_id(*id));
            let people = people.chain(class.teachers.iter().map(|id| teacher_id(*id)));
            enrollments.extend(people.map(|person| (id.clone(), person)));
        }
        Self { records, enrollments, relationships }
    }

    /// Returns what a change takes away from people although it is true, in words without personal
    /// data.
    pub(crate) fn wrong_removals(&self, change: &Change) -> Vec<String> {
        let Some(before) = change.before.as_ref().filter(|before| is_seen(before)) else {
            return Vec::new();
        };
        let (kind, key) = (before.kind(), change.key.as_str());
        let Some(after) = change.after.as_ref().filter(|after| is_seen(after)) else {
            let is_true = self.records.contains(&(kind, key.to_owned()));
            return is_true.then(|| format!("{kind} {key}")).into_iter().collect();
        };
        let mut wrong = Vec::new();
        let (before, after) = (lists(before), lists(after));
        let lost = |before: &[SourceId], after: &[SourceId]| -> Vec<String> {
            let after: BTreeSet<&SourceId> = after.iter().collect();
            let lost = before.iter().filter(|id| !after.contains(id));
            lost.map(|id| id.as_str().to_owned()).collect()
        };
        for person in lost(&before.members, &after.members) {
            if self.enrollments.contains(&(key.to_owned(), person.clone())) {
                wrong.push(format!("enrollment of {person} in {key}"));
            }
        }
        for guardian in lost(&before.guardians, &after.guardians) {
            if self.relationships.contains(&(key.to_owned(), guardian.clone())) {
                wrong.push(format!("relationship of {guardian} and {key}"));
            }
        }
        wrong
    }
}

/// Whether people see a record of the mirror.
fn is_seen(any: &AnyMirrored) -> bool {
    match any {
        AnyMirrored::School(item) => item.status == Status::Active,
        AnyMirrored::Teacher(item) => item.status == Status::Active,
        AnyMirrored::Student(item) => item.status == Status::Active,
        AnyMirrored::Guardian(item) => item.status == Status::Active,
        AnyMirrored::Class(item) => {
            let is_synced = item.status == Status::Active && item.origin == Origin::Source;
            is_synced && item.state.inactive.is_empty()
        }
        AnyMirrored::Term(_)
        | AnyMirrored::Course(_)
        | AnyMirrored::Link(_)
        | AnyMirrored::Edit(_) => false,
    }
}

/// The other records that a record lists: members of a class, guardians of a student.
#[derive(Default)]
struct Lists {
    members: Vec<SourceId>,
    guardians: Vec<SourceId>,
}

fn lists(any: &AnyMirrored) -> Lists {
    match any {
        AnyMirrored::Class(item) => {
            let members = item.state.teachers.iter().chain(&item.state.students).cloned();
            Lists { members: members.collect(), guardians: Vec::new() }
        }
        AnyMirrored::Student(item) => {
            Lists { members: Vec::new(), guardians: item.state.guardians.clone() }
        }
        _ => Lists::default(),
    }
}
