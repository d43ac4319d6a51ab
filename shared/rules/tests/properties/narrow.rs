//! R-H5 and invariant 28: what is held changes nothing in its scope and delays nothing outside it,
//! and the part that is applied with the part that waits is the whole plan. Two schools that share
//! no person, class or address; the south school waits.

use proptest::prelude::*;
use roster::change::{Action, Change};
use roster::policy::AdmitStudents;
use roster::records::{AnyMirrored, RecordKind, Status, kinds};
use roster::withheld::{Extent, Withheld};

use super::world::{Mirror, World, print, world};
use super::{cases, clean, lists_agree};

/// Rows of one school, of which any can be missing or different.
fn school(name: &'static str) -> impl Strategy<Value = String> {
    let person = (0..4u8, 0..3u8);
    let people = (
        prop::collection::vec(person.clone(), 6),
        prop::collection::vec(person.clone(), 3),
        prop::collection::vec(person, 3),
    );
    let rosters = prop::collection::vec(prop::collection::vec(0..6usize, 0..5), 3);
    let classes = prop::collection::vec((0..4u8, 0..3u8, 0..3usize), 3);
    (people, classes, rosters, 0..4u8).prop_map(move |(people, classes, rosters, term)| {
        let (students, teachers, guardians) = people;
        let ends = if term == 0 { "2026-09-20" } else { "2027-06-20" };
        let mut text = format!("school {name}\nterm {name}-year to={ends}\n");
        for (n, (there, variant)) in students.iter().enumerate() {
            if *there > 0 {
                let guardian = format!("{name}-g{}", (n + usize::from(*variant == 2)) % 3);
                text += &format!(
                    "student {name}-s{n} schools={name} email={name}-s{n}@x number={name}{n} \
                     name=Ann/B{variant} guardians={guardian}\n"
                );
            }
        }
        for (n, (there, variant)) in teachers.iter().enumerate() {
            if *there > 0 {
                text += &format!(
                    "teacher {name}-t{n} schools={name} email={name}-t{n}@x name=Tom/B{variant}\n"
                );
            }
        }
        for (n, (there, variant)) in guardians.iter().enumerate() {
            if *there > 0 {
                text += &format!(
                    "guardian {name}-g{n} schools={name} email={name}-g{n}@x name=Eve/B{variant}\n"
                );
            }
        }
        for (n, (there, variant, teacher)) in classes.iter().enumerate() {
            if *there > 0 {
                let students: std::collections::BTreeSet<String> =
                    rosters[n].iter().map(|student| format!("{name}-s{student}")).collect();
                let students: Vec<String> = students.into_iter().collect();
                let students = match students.len() {
                    0 => String::new(),
                    _ => format!(" students={}", students.join(",")),
                };
                text += &format!(
                    "class {name}-c{n} school={name} terms={name}-year title=T{variant} \
                     teachers={name}-t{teacher}*{students}\n"
                );
            }
        }
        text
    })
}

fn night() -> impl Strategy<Value = (String, String)> {
    (school("north"), school("south"))
}

fn district() -> impl Strategy<Value = World> {
    prop::sample::select(vec!["sis", "clever", "ats-stars", "family-directory"])
        .prop_map(|preset| world(preset, serde_json::json!({})))
}

fn is_of(change: &Change, school: &str) -> bool {
    change.key.as_str().starts_with(school)
}

/// The mirror without the runs that changed its records.
fn content(mirror: &Mirror) -> Vec<String> {
    let records = mirror.records.values().map(|item| {
        let mut json = serde_json::to_value(item).unwrap();
        let item = json.as_object_mut().unwrap().values_mut().next().unwrap();
        for field in ["changed_by", "first_seen"] {
            item.as_object_mut().unwrap().remove(field);
        }
        json.to_string()
    });
    records.collect()
}

fn withheld(extent: Extent) -> Withheld {
    let mut withheld = Withheld::default();
    withheld.add_school(&"south".into(), extent);
    withheld
}

/// Checks that no record of the south school has left, and no enrollment and no relationship.
fn nothing_is_removed(before: &World, after: &World) -> Result<(), TestCaseError> {
    let has = |kind, key: &roster::id::SourceId| after.mirror.records[&(kind, key.clone())].clone();
    for class in before.mirror.of::<kinds::Classes>() {
        if class.status == Status::Active && class.state.details.school.as_str() == "south" {
            let AnyMirrored::Class(now) = has(RecordKind::Class, &class.key) else {
                unreachable!()
            };
            prop_assert_eq!(now.status, Status::Active);
            for student in &class.state.students {
                prop_assert!(now.state.students.contains(student));
            }
            for teacher in &class.state.teachers {
                prop_assert!(now.state.teachers.contains(teacher));
            }
        }
    }
    for student in before.mirror.of::<kinds::Students>() {
        if student.status == Status::Active && student.key.as_str().starts_with("south") {
            let AnyMirrored::Student(now) = has(RecordKind::Student, &student.key) else {
                unreachable!()
            };
            prop_assert_eq!(now.status, Status::Active);
            for guardian in &student.state.guardians {
                prop_assert!(now.state.guardians.contains(guardian));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_narrow_hold_changes_nothing_inside_its_scope_and_delays_nothing_outside_it(
        mut world in district(),
        nights in prop::collection::vec(night(), 1..3),
        (north, south) in night(),
        changes_wait in any::<bool>(),
    ) {
        for (north, south) in nights {
            world.run(&clean(&format!("{north}{south}")));
        }
        let snapshot = clean(&format!("{north}{south}"));
        let mut whole = world.clone();
        let all = whole.run(&snapshot);
        let extent = if changes_wait { Extent::RemovalsAndChanges } else { Extent::Removals };
        let mut free = world.clone();
        free.withheld = withheld(extent);
        let part = free.run(&snapshot);
        lists_agree(&free)?;
        nothing_is_removed(&world, &free)?;

        // Outside: the same changes. Inside: additions, and changes unless they wait.
        let of = |changes: &[Change], school: &str| -> Vec<Change> {
            changes.iter().filter(|change| is_of(change, school)).cloned().collect()
        };
        prop_assert_eq!(of(&all.changes, "north"), of(&part.changes, "north"));
        for change in of(&part.changes, "south") {
            prop_assert!(change.action != Action::Remove, "{}", print::plan(&part));
            if changes_wait
                && let (Some(AnyMirrored::Student(before)), Some(AnyMirrored::Student(after)))
                    = (&change.before, &change.after)
                && before.status == Status::Active
            {
                prop_assert_eq!(&before.state.person, &after.state.person);
            }
        }
        // Repeated, the part writes nothing more.
        prop_assert!(free.plan(&snapshot).changes.is_empty());

        // The part and the approved rest are the whole. A student can be admitted because of a class
        // that is active only as long as its removal waits, and then stays (R-S1).
        free.withheld = Withheld::default();
        free.run(&snapshot);
        lists_agree(&free)?;
        if world.policy.admit_students != AdmitStudents::EmailAndEnrolled {
            prop_assert_eq!(content(&free.mirror), content(&whole.mirror));
        }
    }

    #[test]
    fn a_night_that_waits_narrowly_agrees_with_what_it_says(
        mut world in district(),
        nights in prop::collection::vec(night(), 1..3),
        (north, south) in night(),
    ) {
        for (north, south) in nights {
            world.run(&clean(&format!("{north}{south}")));
        }
        let snapshot = clean(&format!("{north}{south}"));
        let (planned, whole) = (world.plan_narrowly(&snapshot), world.plan(&snapshot));
        match (planned.outcome.waits.is_empty(), planned.outcome.holds.is_empty()) {
            // Nothing waits, or everything: the complete plan.
            (true, _) => prop_assert_eq!(&planned, &whole),
            (false, is_free) => {
                prop_assert!(is_free && !planned.changes.is_empty());
                prop_assert!(!whole.outcome.holds.is_empty());
            }
        }
        world.apply(&planned);
        lists_agree(&world)?;
    }
}
