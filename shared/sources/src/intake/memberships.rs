//! Enrollments, joined by class and by person (check 49).

use std::ops::Range;

use roster::finding::source as codes;

use super::collected::{Collected, Enrollment};
use super::diagnostics::{Diagnostics, id_of, place};
use super::values::{Day, NO_DAY};

/// An enrollment as the record of a class or of a person holds it.
#[derive(Clone, Copy, Default)]
pub(super) struct Membership {
    /// The person, in a class's list; the class, in a person's.
    pub(super) other: u32,
    packed: u32,
}

impl Membership {
    pub(super) fn is_primary(self) -> bool {
        Enrollment::unpack(self.packed).is_primary()
    }

    /// Index of its dates in [`Collected::dates`].
    pub(super) fn dates(self) -> usize {
        Enrollment::unpack(self.packed).dates()
    }

    fn is_teacher(self) -> bool {
        Enrollment::unpack(self.packed).is_teacher()
    }
}

/// All enrollments by class and by person: at most one for each class, person and role.
pub(super) struct Memberships {
    /// Members of each class, sorted by id.
    classes: Lists<Member>,
    /// Classes of each person, sorted by id.
    people: Lists<Membership>,
}

/// An entry in a class's list, with the number of its row.
#[derive(Clone, Copy, Default)]
struct Member {
    membership: Membership,
    row: u32,
}

impl Member {
    /// Whether another row of the same person, class and role is used instead.
    fn is_void(self) -> bool {
        self.membership.other == Enrollment::VOID
    }
}

/// Many short lists in two vectors.
struct Lists<T> {
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default> Lists<T> {
    /// Distributes items to lists, in which they keep their order. `list_of_each` yields the list
    /// of each item once, in any order; choose the one that is read fastest.
    fn new(
        lists: usize,
        list_of_each: impl Iterator<Item = u32>,
        items: impl Iterator<Item = (u32, T)>,
    ) -> Self {
        let mut ends = vec![0_u32; lists + 1];
        list_of_each.for_each(|list| ends[list as usize + 1] += 1);
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

/// Numbers of enrollment rows by the slot of their user. Can be built before the order of users is
/// known.
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

impl Memberships {
    /// Joins the enrollments. `users` and `classes` are all slots in the order of their ids.
    ///
    /// Visiting one side in the order of its ids leaves each list of the other side in that order,
    /// so no list has to be sorted.
    pub(super) fn gather(
        roster: &Collected,
        rows: Vec<Enrollment>,
        by_user: ByUser,
        (users, classes): (&[u32], &[u32]),
        today: Day,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Self {
        let (user_count, class_count) = (roster.users.len(), roster.classes.len());
        let member = |&number: &u32| {
            let row = rows[number as usize];
            let membership = Membership { other: row.user, packed: row.packed() };
            (row.class, Member { membership, row: number })
        };
        let mut of_class = Lists::new(
            class_count,
            rows.iter().filter(|row| !row.is_void()).map(|row| row.class),
            users.iter().flat_map(|&user| by_user.0.get(user)).map(member),
        );
        drop(by_user);
        for class in 0..class_count as u32 {
            for group in of_class
                .get_mut(class)
                .chunk_by_mut(|a, b| a.membership.other == b.membership.other)
                .filter(|group| group.len() > 1)
            {
                for is_teacher in [false, true] {
                    merge(group, is_teacher, class, roster, &rows, today, diagnostics);
                }
            }
        }
        drop(rows);
        let used = || of_class.items.iter().filter(|member| !member.is_void());
        let seen_from_person = |class: u32| {
            let own = of_class.get(class).iter().filter(|member| !member.is_void());
            own.map(move |member| {
                let packed = member.membership.packed;
                (member.membership.other, Membership { other: class, packed })
            })
        };
        let in_order = classes.iter().flat_map(|&class| seen_from_person(class));
        let people = Lists::new(user_count, used().map(|member| member.membership.other), in_order);
        Self { classes: of_class, people }
    }

    fn members(&self, class: u32, is_teacher: bool) -> impl Iterator<Item = &Member> {
        self.classes
            .get(class)
            .iter()
            .filter(move |member| !member.is_void() && member.membership.is_teacher() == is_teacher)
    }

    /// A class's students, sorted by id.
    pub(super) fn students(&self, class: u32) -> impl Iterator<Item = Membership> {
        self.members(class, false).map(|member| member.membership)
    }

    /// A class's teachers, in the order of the source.
    pub(super) fn teachers(&self, class: u32) -> impl Iterator<Item = Membership> + use<> {
        let mut teachers: Vec<Member> = self.members(class, true).copied().collect();
        teachers.sort_unstable_by_key(|member| member.row);
        teachers.into_iter().map(|member| member.membership)
    }

    /// A person's classes in one role, sorted by id.
    pub(super) fn of_user(
        &self,
        user: u32,
        is_teacher: bool,
    ) -> impl Iterator<Item = Membership> + '_ {
        let all = self.people.get(user).iter().copied();
        all.filter(move |membership| membership.is_teacher() == is_teacher)
    }
}

/// Keeps the best of a person's enrollments in a class with one role, and voids the others.
fn merge(
    group: &mut [Member],
    is_teacher: bool,
    class: u32,
    roster: &Collected,
    rows: &[Enrollment],
    today: Day,
    diagnostics: &mut Diagnostics<'_>,
) {
    let has_role =
        |member: &&mut Member| !member.is_void() && member.membership.is_teacher() == is_teacher;
    let same: Vec<&mut Member> = group.iter_mut().filter(has_role).collect();
    let Some(best) =
        same.iter().min_by_key(|member| preference(roster, member, today)).map(|member| member.row)
    else {
        return;
    };
    let count = same.len();
    if count < 2 {
        return;
    }
    let is_fault = overlap(same.iter().map(|member| roster.dates[member.membership.dates()]));
    for member in same.into_iter().filter(|member| member.row != best) {
        member.membership.other = Enrollment::VOID;
    }
    // Two half-years of one class are no fault.
    if !is_fault {
        return;
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

/// Whether any two of the periods overlap. An end is the day after the last day.
fn overlap(periods: impl Iterator<Item = (Day, Day)>) -> bool {
    let end = |end: Day| if end == NO_DAY { Day::MAX } else { end };
    let mut sorted: Vec<(Day, Day)> = periods.map(|(begin, last)| (begin, end(last))).collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[1].0 < pair[0].1)
}

/// Sort key, best first: enrollments in effect today (primary teachers first, then the last to
/// end), then those yet to begin (the next first), then those that have ended (the last to end
/// first).
fn preference(roster: &Collected, member: &Member, today: Day) -> (u8, bool, i64, u32) {
    let (begin, end) = roster.dates[member.membership.dates()];
    let has_begun = begin == NO_DAY || begin <= today;
    let is_over = end != NO_DAY && end <= today;
    let latest_end = if end == NO_DAY { i64::from(Day::MAX) } else { i64::from(end) };
    let is_secondary = !member.membership.is_primary();
    if has_begun && !is_over {
        (0, is_secondary, -latest_end, member.row)
    } else if !is_over {
        (1, is_secondary, i64::from(begin), member.row)
    } else {
        (2, is_secondary, -latest_end, member.row)
    }
}
