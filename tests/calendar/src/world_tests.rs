//! A year of the truth.

use super::*;

/// The district after days of a seed, as text.
fn after(seed: u64, days: usize) -> String {
    let calendar = Calendar { seed, years: 1, small: true };
    let mut world = World::new(&calendar, 0, 2027);
    for _ in 0..days {
        world.next_day();
    }
    format!("{world:?}")
}

#[test]
fn the_same_seed_gives_the_same_year() {
    assert_eq!(after(1, 400), after(1, 400));
    assert_ne!(after(1, 400), after(2, 400));
}

#[test]
fn a_year_has_a_rollover_graduates_and_new_kindergartners() {
    let calendar = Calendar { seed: 1, years: 1, small: true };
    let mut world = World::new(&calendar, 0, 2027);
    let before = world.clone();
    let rollovers = (0..365).filter(|_| world.next_day().rollover).count();
    assert_eq!((rollovers, world.year), (1, 2028));
    let last = before.last_grade();
    let graduates = before.students.iter().filter(|(_, student)| student.grade == last);
    assert!(graduates.clone().count() > 0);
    assert!(graduates.into_iter().all(|(id, _)| !world.students.contains_key(id)));
    let new = |id: &&usize| !before.students.contains_key(*id);
    let is_youngest = |id: &usize| world.students[id].grade == 0;
    assert!(world.students.keys().filter(new).any(is_youngest));
    assert!(world.classes.keys().all(|id| !before.classes.contains_key(id)));
}
