//! Seats: enrollments brought together by class and by person (check 49).

use rules::finding::source as codes;

use super::notes::{Notes, id_of, place};
use super::roster::{Enrollment, Roster};
use super::values::{Day, NO_DAY};

/// One seat, seen from a class or from a person.
#[derive(Clone, Copy, Default)]
pub(super) struct Seat {
    /// The person of a class's seat, the class of a person's.
    pub(super) other: u32,
    said: u32,
}

impl Seat {
    pub(super) fn is_primary(self) -> bool {
        Enrollment::unpack(self.said).is_primary()
    }

    /// Its dates, in [`Roster::dates`].
    pub(super) fn dates(self) -> usize {
        Enrollment::unpack(self.said).dates()
    }

    fn is_teacher(self) -> bool {
        Enrollment::unpack(self.said).is_teacher()
    }
}

/// Enrollments by class and by person, one of a role for each pair.
pub(super) struct Seats {
    /// Teachers of classes, in the order of the source.
    teachers: Lists<Seat>,
    /// Students of classes, sorted by id.
    students: Lists<Seat>,
    /// Classes of people, sorted by id.
    people: Lists<Seat>,
}

/// Many short lists in two vectors.
struct Lists<T> {
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default> Lists<T> {
    /// Sorts items into lists; inside a list they keep their order.
    fn of(lists: usize, items: impl Iterator<Item = (u32, T)> + Clone) -> Self {
        let mut ends = vec![0_u32; lists + 1];
        for (list, _) in items.clone() {
            ends[list as usize + 1] += 1;
        }
        for i in 1..ends.len() {
            ends[i] += ends[i - 1];
        }
        let mut sorted = vec![T::default(); ends[lists] as usize];
        let mut next = ends.clone();
        for (list, item) in items {
            let at = &mut next[list as usize];
            sorted[*at as usize] = item;
            *at += 1;
        }
        Self { ends, items: sorted }
    }

    fn get(&self, list: u32) -> &[T] {
        let list = list as usize;
        &self.items[self.ends[list] as usize..self.ends[list + 1] as usize]
    }
}

impl Seats {
    /// Takes the roster's enrollments. `users` and `classes` are all slots in the order of their ids.
    ///
    /// Walking one side in the order of its ids leaves each list of the other in that order, without sorting it.
    pub(super) fn gather(roster: &mut Roster, users: &[u32], classes: &[u32], today: Day, notes: &mut Notes<'_>) -> Self {
        let (user_count, class_count) = (roster.users.len(), roster.classes.len());
        let mut rows = std::mem::take(&mut roster.enrollments);
        let of_class = {
            let numbered = rows.iter().zip(0..).filter(|(row, _)| !row.is_void());
            let of_user = Lists::of(user_count, numbered.map(|(row, number)| (row.user, number)));
            let in_order = users.iter().flat_map(|&user| of_user.get(user));
            Lists::of(class_count, in_order.map(|&number: &u32| (rows[number as usize].class, number)))
        };
        for number in repeated(roster, &rows, &of_class, today, notes) {
            rows[number as usize].user = Enrollment::VOID;
        }
        let seen_from_person = |number: &u32| {
            let row = rows[*number as usize];
            (!row.is_void()).then_some((row.user, Seat { other: row.class, said: row.packed() }))
        };
        let in_order = classes.iter().flat_map(|&class| of_class.get(class));
        let people = Lists::of(user_count, in_order.filter_map(seen_from_person));
        drop(of_class);
        let teaching = rows.iter().filter(|row| !row.is_void() && row.is_teacher());
        let teachers = teaching.map(|row| (row.class, Seat { other: row.user, said: row.packed() }));
        let teachers = Lists::of(class_count, teachers);
        drop(rows);
        let learning = users.iter().flat_map(|&user| people.get(user).iter().map(move |seat| (user, seat)));
        let learning = learning.filter(|(_, seat)| !seat.is_teacher());
        let students = learning.map(|(user, seat)| (seat.other, Seat { other: user, said: seat.said }));
        let students = Lists::of(class_count, students);
        Self { teachers, students, people }
    }

    /// The seats of a class's students, sorted by their ids.
    pub(super) fn students(&self, class: u32) -> &[Seat] {
        self.students.get(class)
    }

    /// The seats of a class's teachers, in the order of the source.
    pub(super) fn teachers(&self, class: u32) -> &[Seat] {
        self.teachers.get(class)
    }

    /// The seats of a person in one role, sorted by the class's id.
    pub(super) fn of_user(&self, user: u32, teacher: bool) -> impl Iterator<Item = Seat> + '_ {
        self.people.get(user).iter().copied().filter(move |seat| seat.is_teacher() == teacher)
    }
}

/// Enrollments that give way to another of the same person, class and role.
fn repeated(roster: &Roster, rows: &[Enrollment], of_class: &Lists<u32>, today: Day, notes: &mut Notes<'_>) -> Vec<u32> {
    let mut void = Vec::new();
    for class in 0..roster.classes.len() as u32 {
        let own = of_class.get(class);
        let user_of = |number: u32| rows[number as usize].user;
        for group in own.chunk_by(|&a, &b| user_of(a) == user_of(b)).filter(|group| group.len() > 1) {
            for teacher in [false, true] {
                let is_role = |number: &u32| rows[*number as usize].is_teacher() == teacher;
                let same: Vec<u32> = group.iter().copied().filter(is_role).collect();
                let Some(&best) = same.iter().min_by_key(|&&number| preference(roster, rows, number, today)) else { continue };
                if same.len() < 2 {
                    continue;
                }
                void.extend(same.iter().copied().filter(|&number| number != best));
                let line = rows[best as usize].line;
                notes.note(&codes::ENROLLMENT_MERGED, |f| {
                    let found = format!("the person has {} enrollments of one role in the class; this one counts", same.len());
                    f.saying(&codes::ENROLLMENT_MERGED, found)
                        .at(place(roster.words.enrollments.name, line, None))
                        .about("class", &id_of(roster.classes.id(class)))
                });
            }
        }
    }
    void
}

/// The less, the better: on today (a primary teacher's first), then the next to begin, then the last to end.
fn preference(roster: &Roster, rows: &[Enrollment], number: u32, today: Day) -> (u8, bool, i64, u32) {
    let row = rows[number as usize];
    let (begin, end) = roster.dates[row.dates()];
    let begun = begin == NO_DAY || begin <= today;
    let over = end != NO_DAY && end <= today;
    let lasts = if end == NO_DAY { i64::from(Day::MAX) } else { i64::from(end) };
    if begun && !over {
        (0, !row.is_primary(), -lasts, number)
    } else if !over {
        (1, !row.is_primary(), i64::from(begin), number)
    } else {
        (2, !row.is_primary(), -lasts, number)
    }
}
