//! Seats: enrollments brought together by class and by person (check 49).

use rules::finding::source as codes;

use super::layout::FileKind;
use super::notes::{Notes, id_of, place};
use super::roster::{Enrollment, Roster};
use super::values::{Day, NO_DAY};

/// Enrollments by class and by person, one of a role for each pair.
pub(super) struct Seats {
    /// Numbers of enrollments. Teachers of a class in the order of the source, students sorted by id.
    by_class: Lists,
    /// Numbers of enrollments, sorted by the class's id.
    by_user: Lists,
}

/// Many short lists in two vectors.
struct Lists {
    ends: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// Sorts items into lists; inside a list they keep their order. Items without a list are left out.
    fn of(lists: usize, items: impl Iterator<Item = u32> + Clone, list: impl Fn(u32) -> u32) -> Self {
        let mut ends = vec![0_u32; lists + 1];
        for item in items.clone() {
            ends[list(item) as usize + 1] += 1;
        }
        for i in 1..ends.len() {
            ends[i] += ends[i - 1];
        }
        let mut sorted = vec![0; ends[lists] as usize];
        let mut next = ends.clone();
        for item in items {
            let at = &mut next[list(item) as usize];
            sorted[*at as usize] = item;
            *at += 1;
        }
        Self { ends, items: sorted }
    }

    fn get(&self, list: u32) -> &[u32] {
        let list = list as usize;
        &self.items[self.ends[list] as usize..self.ends[list + 1] as usize]
    }
}

impl Seats {
    /// `users` and `classes` are all slots in the order of their ids.
    pub(super) fn gather(roster: &mut Roster, users: &[u32], classes: &[u32], today: Day, notes: &mut Notes<'_>) -> Self {
        let count = roster.enrollments.len() as u32;
        let all = (0..count).filter(|&i| !roster.enrollments[i as usize].is_void());
        let (n_users, n_classes) = (roster.users.len(), roster.classes.len());
        let enrollments = &roster.enrollments;
        let user_of = |i: u32| enrollments[i as usize].user;
        let class_of = |i: u32| enrollments[i as usize].class;
        // Walking the users in the order of ids leaves each class's list in that order, without sorting it.
        let by_user = Lists::of(n_users, all, user_of);
        let in_order = users.iter().flat_map(|&user| by_user.get(user).iter().copied());
        let by_class = Lists::of(n_classes, in_order, class_of);
        drop(by_user);
        let void = repeated_seats(roster, &by_class, n_classes, today, notes);
        for i in void {
            roster.enrollments[i as usize].user = Enrollment::VOID;
        }
        let enrollments = &roster.enrollments;
        let kept = |i: &u32| !enrollments[*i as usize].is_void();
        let in_order = classes.iter().flat_map(|&class| by_class.get(class).iter().copied().filter(kept));
        let by_user = Lists::of(n_users, in_order, |i| enrollments[i as usize].user);
        Self { by_class, by_user }
    }

    /// The enrollments of a class's students, sorted by their ids.
    pub(super) fn students<'a>(&'a self, roster: &'a Roster, class: u32) -> impl Iterator<Item = Enrollment> + 'a {
        self.of_class(roster, class).filter(|seat| !seat.is_teacher())
    }

    /// The enrollments of a class's teachers, in the order of the source.
    pub(super) fn teachers(&self, roster: &Roster, class: u32) -> Vec<Enrollment> {
        let mut numbers: Vec<u32> =
            self.by_class.get(class).iter().copied().filter(|&i| roster.enrollments[i as usize].is_teacher()).collect();
        numbers.sort_unstable();
        numbers.into_iter().map(|i| roster.enrollments[i as usize]).filter(|seat| !seat.is_void()).collect()
    }

    fn of_class<'a>(&'a self, roster: &'a Roster, class: u32) -> impl Iterator<Item = Enrollment> + 'a {
        self.by_class.get(class).iter().map(|&i| roster.enrollments[i as usize]).filter(|seat| !seat.is_void())
    }

    /// The enrollments of a person in one role, sorted by the class's id.
    pub(super) fn of_user<'a>(&'a self, roster: &'a Roster, user: u32, teacher: bool) -> impl Iterator<Item = Enrollment> + 'a {
        let seats = self.by_user.get(user).iter().map(|&i| roster.enrollments[i as usize]);
        seats.filter(move |seat| seat.is_teacher() == teacher)
    }
}

/// Enrollments that give way to another of the same person, class and role.
fn repeated_seats(roster: &Roster, by_class: &Lists, classes: usize, today: Day, notes: &mut Notes<'_>) -> Vec<u32> {
    let mut void = Vec::new();
    for class in 0..classes as u32 {
        let own = by_class.get(class);
        let user_of = |i: u32| roster.enrollments[i as usize].user;
        for group in own.chunk_by(|&a, &b| user_of(a) == user_of(b)).filter(|group| group.len() > 1) {
            for teacher in [false, true] {
                let is_role = |i: &u32| roster.enrollments[*i as usize].is_teacher() == teacher;
                let same: Vec<u32> = group.iter().copied().filter(is_role).collect();
                let Some(&best) = same.iter().min_by_key(|&&i| preference(roster, i, today)) else { continue };
                if same.len() < 2 {
                    continue;
                }
                void.extend(same.iter().copied().filter(|&i| i != best));
                let line = roster.enrollments[best as usize].line;
                notes.note(&codes::ENROLLMENT_MERGED, |f| {
                    let found = format!("the person has {} enrollments of one role in the class; this one counts", same.len());
                    f.saying(&codes::ENROLLMENT_MERGED, found)
                        .at(place(FileKind::Enrollments.file(), line, None))
                        .about("class", &id_of(roster.classes.id(class)))
                });
            }
        }
    }
    void
}

/// The less, the better: on today (a primary teacher's first), then the next to begin, then the last to end.
fn preference(roster: &Roster, number: u32, today: Day) -> (u8, bool, i64, u32) {
    let seat = roster.enrollments[number as usize];
    let (begin, end) = roster.dates[seat.dates()];
    let begun = begin == NO_DAY || begin <= today;
    let over = end != NO_DAY && end <= today;
    let lasts = if end == NO_DAY { i64::from(Day::MAX) } else { i64::from(end) };
    if begun && !over {
        (0, !seat.is_primary(), -lasts, number)
    } else if !over {
        (1, !seat.is_primary(), i64::from(begin), number)
    } else {
        (2, !seat.is_primary(), -lasts, number)
    }
}
