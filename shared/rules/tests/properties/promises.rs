//! R-M2: the lifetime that the API announces for a local edit is what the next run does with it.
//!
//! The API knows the mirror, the policy and the edit. The run knows the source. As long as the
//! source does not change, both must come to the same decision.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use roster::edit::{Edit, LocalEdit};
use roster::id::SourceId;
use roster::personal::Personal;
use roster::policy::RoleConflicts;
use roster::records::{AnyMirrored, Origin, RecordKind, Status};
use roster::snapshot::UnreadableRecord;
use rules::book::edits::{
    EditedRecord, Lifetime, Member, Sync, may_add_member, may_change_roster, promise,
};

use super::world::{Snapshot, World, kind_of, print};
use super::{cases, clean, edited_district, new_edits, night};

type NewEdit = (RecordKind, &'static str, Edit);

/// A class with a co-teacher from the source: rare in [`night`].
const PAIR: &str = "class pair teachers=t8*,t9\nteacher t8\nteacher t9\n";

/// Edits that [`new_edits`] does not make.
fn other_edits() -> impl Strategy<Value = Vec<NewEdit>> {
    let code = Edit::JoinCode { code: Personal::new("ABCDEF") };
    let joined = Edit::Member { role: RecordKind::Guardian, person: "g1".into() };
    let child = Edit::Child { student: "s2".into() };
    let outsider = Edit::Member { role: RecordKind::Teacher, person: "out".into() };
    let signed_in = Edit::SignedIn { first: jiff::Timestamp::UNIX_EPOCH };
    prop::sample::subsequence(
        vec![
            (RecordKind::Class, "c1", code),
            (RecordKind::Class, "c2", joined),
            (RecordKind::Guardian, "g1", child),
            (RecordKind::Teacher, "t1", signed_in),
            (RecordKind::Class, "pair", outsider),
        ],
        0..=5,
    )
}

fn status_and_origin(record: &AnyMirrored) -> Option<(Status, Origin)> {
    match record {
        AnyMirrored::Student(item) => Some((item.status, item.origin)),
        AnyMirrored::Teacher(item) => Some((item.status, item.origin)),
        AnyMirrored::Guardian(item) => Some((item.status, item.origin)),
        AnyMirrored::Class(item) => Some((item.status, item.origin)),
        _ => None,
    }
}

/// The records that the snapshot provides and the mirror has under the same id. The API assumes
/// that this is true of every active record.
struct Readable(BTreeSet<(RecordKind, SourceId)>);

impl Readable {
    fn of(world: &World, snapshot: &Snapshot) -> Self {
        // A record that only an enrollment gives this role counts as absent (R-T7).
        let counts = |by_enrollment: bool| {
            !by_enrollment || world.policy.role_conflicts == RoleConflicts::Enrollment
        };
        let students = snapshot.students.iter().filter(|s| counts(s.by_enrollment));
        let teachers = snapshot.teachers.iter().filter(|t| counts(t.by_enrollment));
        let ids = (students.map(|s| (RecordKind::Student, s.id.clone())))
            .chain(teachers.map(|t| (RecordKind::Teacher, t.id.clone())))
            .chain(snapshot.guardians.iter().map(|g| (RecordKind::Guardian, g.id.clone())))
            .chain(snapshot.classes.iter().map(|c| (RecordKind::Class, c.id.clone())));
        let mut ids: BTreeSet<_> = ids.collect();
        for unreadable in &snapshot.unreadable {
            if let UnreadableRecord::Record { kind, id, .. } = unreadable {
                ids.remove(&(*kind, id.clone()));
            }
        }
        Self(ids)
    }

    /// Whether the mirror's record follows the source tonight, if it is one that should.
    fn agrees(&self, record: &AnyMirrored) -> bool {
        let mut ids: Vec<&SourceId> = Vec::new();
        match record {
            AnyMirrored::Student(item) => ids.push(&item.id),
            AnyMirrored::Teacher(item) => ids.push(&item.id),
            AnyMirrored::Class(item) => ids.push(&item.id),
            // Several records of the source can be one guardian (R-G2).
            AnyMirrored::Guardian(item) => {
                ids.push(&item.id);
                ids.extend(&item.state.also);
            }
            _ => return true,
        }
        status_and_origin(record) != Some((Status::Active, Origin::Source))
            || ids.into_iter().all(|id| self.0.contains(&(kind_of(record), id.clone())))
    }
}

/// The record of an edit as the API reads it from the mirror; `None` if the API returns 404, or if
/// the snapshot does not provide a record that the API takes for synced.
fn edited_record(world: &World, readable: &Readable, edit: &LocalEdit) -> Option<EditedRecord> {
    let records = &world.mirror.records;
    let record = records.get(&(edit.kind, edit.key.clone()))?;
    if !readable.agrees(record) {
        return None;
    }
    let (status, origin) = status_and_origin(record)?;
    let AnyMirrored::Class(class) = record else {
        let has_accepted = world.mirror.edits.values().any(|other| {
            (other.kind, &other.key) == (edit.kind, &edit.key) && other.edit.accepted().is_some()
        });
        return Some(EditedRecord::person_in_mirror(edit.kind, status, origin, has_accepted));
    };
    let state = &class.state;
    let member = match edit.edit.other() {
        Some((role, person)) => {
            let other = records.get(&(role, person.clone()))?;
            if !readable.agrees(other) {
                return None;
            }
            let (status, origin) = status_and_origin(other)?;
            let list = if role == RecordKind::Student { &state.students } else { &state.teachers };
            Member::in_mirror(status, origin, list.contains(person))
        }
        None => Member::default(),
    };
    Some(EditedRecord::class_in_mirror(status, origin, state.teachers.len(), member))
}

/// Whether the API makes the edit.
fn is_permitted(world: &World, school_rostering: bool, edit: &LocalEdit) -> bool {
    let Edit::Member { role, person } = &edit.edit else { return true };
    let state = |kind, key: &SourceId| {
        world.mirror.records.get(&(kind, key.clone())).and_then(status_and_origin)
    };
    let (Some((class, origin)), Some((person, _))) =
        (state(edit.kind, &edit.key), state(*role, person))
    else {
        return false;
    };
    // Only people in the directory can be added (R-S5).
    person == Status::Active
        && may_change_roster(class).is_ok()
        && may_add_member(Sync::On, &world.policy, school_rostering, origin, *role).is_ok()
}

#[test]
fn r_m2_the_next_run_keeps_and_erases_the_edits_that_the_api_announced() {
    let (erased, kept) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    let worlds = (
        edited_district(),
        prop::collection::vec(night(), 1..3),
        (new_edits(), other_edits()),
        any::<bool>(),
    );
    TestRunner::new(cases())
        .run(&worlds, |(mut world, nights, (some, others), school_rostering)| {
            let mut snapshot = Snapshot::default();
            for text in &nights {
                snapshot = clean(&format!("{text}{PAIR}"));
                world.run(&snapshot);
            }
            for (kind, key, edit) in some.into_iter().chain(others) {
                world.edit(kind, key, edit);
            }
            // The API refuses what is not permitted, so no run meets it.
            let readable = Readable::of(&world, &snapshot);
            let made: Vec<LocalEdit> = world.mirror.edits.values().cloned().collect();
            let mut promises = Vec::new();
            for edit in made {
                let Some(record) = edited_record(&world, &readable, &edit) else { continue };
                let slot = (edit.kind, edit.key.clone(), edit.edit.slot());
                if !is_permitted(&world, school_rostering, &edit) {
                    world.mirror.edits.remove(&slot);
                    continue;
                }
                let promised = promise(Sync::On, &world.policy, world.today, &edit.edit, &record);
                promises.push((slot, edit, promised));
            }
            let planned = world.run(&snapshot);
            for (slot, edit, promised) in promises {
                let is_kept = world.mirror.edits.contains_key(&slot);
                let expected = !matches!(promised, Lifetime::NextRun { .. });
                prop_assert_eq!(
                    is_kept,
                    expected,
                    "{:?}: announced {:?}\n{}\n{}",
                    edit,
                    promised,
                    nights.join("\n"),
                    print::plan(&planned)
                );
                if let Lifetime::NextRun { rule, reason } = promised {
                    erased.borrow_mut().extend([rule.id(), reason]);
                } else {
                    kept.borrow_mut().insert(edit.edit.words());
                }
            }
            Ok(())
        })
        .unwrap();
    // The test has met every decision that an unchanged source leads to.
    let expected = ["R-G5", "R-G6", "R-I4", "R-M2", "R-P1", "R-S4", "R-S6", "R-T3", "R-T4"];
    let two_teachers = "the class has a co-teacher from the source";
    assert!(erased.borrow().contains(two_teachers), "{erased:?}");
    assert!(expected.iter().all(|rule| erased.borrow().contains(rule)), "{erased:?}");
    assert!(kept.borrow().len() > 10, "{kept:?}");
}
