//! Seats: enrollments brought together by class and by person (check 49).

use std::ops::Range;

use roster::finding::source as codes;

use super::collected::{Collected, Enrollment};
use super::diagnostics::{Diagnostics, id_of, place};
use super::values::{Day, NO_DAY};

/// One seat, seen from a class or from a person.
#[derive(Clone, Copy, Default)]
pub(super) struct Membership {
    /// The person of a class's seat, the class of a person's.
    pub(super) other: u32,
    said: u32,
}

impl Membership {
    pub(super) fn is_primary(self) -> bool {
        Enrollment::unpack(self.said).is_primary()
    }

    /// Its dates, in [`Collected::dates`].
    pub(super) fn dates(self) -> usize {
        Enrollment::unpack(self.said).dates()
    }

    fn is_teacher(self) -> bool {
        Enrollment::unpack(self.said).is_teacher()
    }
}

/// Enrollments by class and by person, one of a role for each pair.
pub(super) struct Seats {
    /// Everybody of classes, sorted by id.
    classes: Lists<Placed>,
    /// Classes of people, sorted by id.
    people: Lists<Membership>,
}

/// A seat of a class, and which row says so.
#[derive(Clone, Copy, Default)]
struct Placed {
    seat: Membership,
    row: u32,
}

impl Placed {
    /// Whether another row of the same person, class and role counts instead.
    fn is_void(self) -> bool {
        self.seat.other == Enrollment::VOID
    }
}

/// Many short lists in two vectors.
struct Lists<T> {
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default> Lists<T> {
    /// Sorts items into lists; inside a list they keep their order. `of` says the list of each
    /// item, in whatever order is read fastest.
    fn new(
        lists: usize,
        of: impl Iterator<Item = u32>,
        items: impl Iterator<Item = (u32, T)>,
    ) -> Self {
        let mut ends = vec![0_u32; lists + 1];
        of.for_each(|list| ends[list as usize + 1] += 1);
        for i in 1..ends.len() {
            ends[i] += ends[i - 1];
        }
        let mut sorted = vec![T::default(); ends[lists] as usize];
        let mut next = ends.clone();
        items.for_each(|(list, item)| {
            let at = &mut next[list as usize];
            sorted[*at as usize] = item;
            *at += 1;
        });
        Self { ends, items: sorted }
    }

    fn range(&self, list: u32) -> Range<usize> {
        self.ends[list as usize] as usize..self.ends[list as usize + 1] as usize
    }

    fn get(&self, list: u32) -> &[T] {
        &self.items[self.range(list)]
    }

    fn get_mut(&mut self, list: u32) -> &mut [T] {
        let range = self.range(list);
        &mut self.items[range]
    }
}

/// The numbers of enrollments by the slots of their users: what can be done before the order of
/// users is known.
pub(super) struct ByUser(Lists<u32>);

impl ByUser {
    pub(super) fn of(enrollments: &[Enrollment], users: usize) -> Self {
        let rows = || enrollments.iter().zip(0..).filter(|(row, _)| !row.is_void());
        Self(Lists::new(
            users,
            rows().map(|(row, _)| row.user),
            rows().map(|(row, number)| (row.user, number)),
        ))
    }
}

impl Seats {
    /// Brings the roster's enrollments together. `users` and `classes` are all slots in the order
    /// of their ids.
    ///
    /// Walking one side in the order of its ids leaves each list of the other in that order,
    /// without sorting it.
    pub(super) fn gather(
        roster: &Collected,
        rows: Vec<Enrollment>,
        by_user: ByUser,
        (users, classes): (&[u32], &[u32]),
        today: Day,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Self {
        let (user_count, class_count) = (roster.users.len(), roster.classes.len());
        let placed = |&number: &u32| {
            let row = rows[number as usize];
            (
                row.class,
                Placed { seat: Membership { other: row.user, said: row.packed() }, row: number },
            )
        };
        let of = rows.iter().filter(|row| !row.is_void()).map(|row| row.class);
        let mut of_class = Lists::new(
            class_count,
            of,
            users.iter().flat_map(|&user| by_user.0.get(user)).map(placed),
        );
        drop(by_user);
        for class in 0..class_count as u32 {
            for group in of_class
                .get_mut(class)
                .chunk_by_mut(|a, b| a.seat.other == b.seat.other)
                .filter(|group| group.len() > 1)
            {
                for teacher in [false, true] {
                    merge(group, teacher, class, roster, &rows, today, diagnostics);
                }
            }
        }
        drop(rows);
        let counting = || of_class.items.iter().filter(|placed| !placed.is_void());
        let seen_from_person = |class: u32| {
            let own = of_class.get(class).iter().filter(|placed| !placed.is_void());
            own.map(move |placed| {
                (placed.seat.other, Membership { other: class, said: placed.seat.said })
            })
        };
        let in_order = classes.iter().flat_map(|&class| seen_from_person(class));
        let people = Lists::new(user_count, counting().map(|placed| placed.seat.other), in_order);
        Self { classes: of_class, people }
    }

    fn of_class(&self, class: u32, teacher: bool) -> impl Iterator<Item = &Placed> {
        self.classes
            .get(class)
            .iter()
            .filter(move |placed| !placed.is_void() && placed.seat.is_teacher() == teacher)
    }

    /// The seats of a class's students, sorted by their ids.
    pub(super) fn students(&self, class: u32) -> impl Iterator<Item = Membership> {
        self.of_class(class, false).map(|placed| placed.seat)
    }

    /// The seats of a class's teachers, in the order of the source.
    pub(super) fn teachers(&self, class: u32) -> impl Iterator<Item = Membership> + use<> {
        let mut teachers: Vec<Placed> = self.of_class(class, true).copied().collect();
        teachers.sort_unstable_by_key(|placed| placed.row);
        teachers.into_iter().map(|placed| placed.seat)
    }

    /// The seats of a person in one role, sorted by the class's id.
    pub(super) fn of_user(
        &self,
        user: u32,
        teacher: bool,
    ) -> impl Iterator<Item = Membership> + '_ {
        self.people.get(user).iter().copied().filter(move |seat| seat.is_teacher() == teacher)
    }
}

/// Lets one of a person's enrollments of a role in a class count, and no other.
fn merge(
    group: &mut [Placed],
    teacher: bool,
    class: u32,
    roster: &Collected,
    rows: &[Enrollment],
    today: Day,
    diagnostics: &mut Diagnostics<'_>,
) {
    let is_role = |placed: &&mut Placed| !placed.is_void() && placed.seat.is_teacher() == teacher;
    let same: Vec<&mut Placed> = group.iter_mut().filter(is_role).collect();
    let Some(best) =
        same.iter().min_by_key(|placed| preference(roster, placed, today)).map(|placed| placed.row)
    else {
        return;
    };
    let count = same.len();
    if count < 2 {
        return;
    }
    for placed in same.into_iter().filter(|placed| placed.row != best) {
        placed.seat.other = Enrollment::VOID;
    }
    let line = rows[best as usize].line;
    diagnostics.note(&codes::ENROLLMENT_MERGED, |f| {
        let found = format!(
            "the person has {count} enrollments with the same role in the class; this one was used"
        );
        f.with(found)
            .at(place(roster.words.enrollments.name, line, None))
            .about("class", &id_of(roster.classes.id(class)))
    });
}

/// The less, the better: on today (a primary teacher's first), then the next to begin, then the
/// last to end.
fn preference(roster: &Collected, placed: &Placed, today: Day) -> (u8, bool, i64, u32) {
    let (begin, end) = roster.dates[placed.seat.dates()];
    let begun = begin == NO_DAY || begin <= today;
    let over = end != NO_DAY && end <= today;
    let lasts = if end == NO_DAY { i64::from(Day::MAX) } else { i64::from(end) };
    let secondary = !placed.seat.is_primary();
    if begun && !over {
        (0, secondary, -lasts, placed.row)
    } else if !over {
        (1, secondary, i64::from(begin), placed.row)
    } else {
        (2, secondary, -lasts, placed.row)
    }
}
