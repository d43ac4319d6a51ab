//! The layout of a district: schools, grades, sections and seats. A seat is a place for one student
//! in a grade of a school.
//!
//! Only the layout is in memory, a few numbers per school. The student in a seat is computed on
//! demand.

use crate::mix::{Draw, Shuffle, mix};

/// Number of classes per student, and of courses per grade.
pub(crate) const PERIODS: u64 = 8;
/// Target number of students per section.
const SECTION_SIZE: u64 = 27;
/// Teachers per thousand students.
const TEACHERS_PER_MILLE: u64 = 80;
/// Additional seats per thousand students. Some are filled and others emptied from night to night.
const SPARE_SEATS_PER_MILLE: u64 = 30;
/// Number of children in each of ten consecutive families.
const CHILDREN: [u64; 10] = [1, 1, 2, 1, 3, 1, 2, 1, 1, 2];
const CHILDREN_OF_TEN: u64 = 15;

/// The level of a school.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Elementary,
    Middle,
    High,
}

impl Level {
    /// Grades taught, lowest first, as indices into [`GRADES`].
    pub(crate) fn grades(self) -> std::ops::Range<usize> {
        match self {
            Self::Elementary => 0..6,
            Self::Middle => 6..9,
            Self::High => 9..13,
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Elementary => "Elementary School",
            Self::Middle => "Middle School",
            Self::High => "High School",
        }
    }
}

/// Grade codes (CEDS), lowest first.
pub(crate) const GRADES: [&str; 13] =
    ["KG", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"];

/// A grade of a school: its seats, and its class slots ([`PERIODS`] per section).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grade {
    pub(crate) grade: usize,
    pub(crate) seats: (u64, u64),
    pub(crate) sections: u64,
    pub(crate) first_slot: u64,
}

impl Grade {
    pub(crate) fn size(&self) -> u64 {
        self.seats.1 - self.seats.0
    }

    pub(crate) fn slot(&self, section: u64, period: u64) -> u64 {
        self.first_slot + section * PERIODS + period
    }
}

#[derive(Clone, Debug)]
pub(crate) struct School {
    pub(crate) level: Level,
    pub(crate) grades: Vec<Grade>,
    pub(crate) teachers: (u64, u64),
}

impl School {
    pub(crate) fn seats(&self) -> (u64, u64) {
        (self.grades[0].seats.0, self.grades[self.grades.len() - 1].seats.1)
    }

    fn end_slot(&self) -> u64 {
        self.grades.last().map_or(0, |grade| grade.first_slot + grade.sections * PERIODS)
    }
}

/// The layout of a district.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) students: u64,
    pub(crate) seats: u64,
    pub(crate) schools: Vec<School>,
    /// Number of schools per level. Schools are in the order of [`Level`].
    levels: [usize; 3],
    pub(crate) class_slots: u64,
    pub(crate) teachers: u64,
    pub(crate) families: u64,
    family_order: Shuffle,
}

impl Layout {
    pub(crate) fn new(students: u64, seed: u64) -> Self {
        let seats = students + (students * SPARE_SEATS_PER_MILLE).div_ceil(1000);
        // The levels teach 6, 3 and 4 grades, and share the students in that proportion.
        let count = |share: u64, typical: u64| (students * share / 13 + typical / 2) / typical;
        let levels =
            [(Level::Elementary, 6, 450), (Level::Middle, 3, 700), (Level::High, 4, 1_150)];
        let mut layout = Self {
            students,
            seats,
            schools: Vec::new(),
            levels: [0; 3],
            class_slots: 0,
            teachers: 0,
            families: 0,
            family_order: Shuffle::new(seats, seed, Draw::FamilyOrder, 0),
        };
        let (mut seat, mut share_so_far) = (0, 0);
        for (number, (level, share, typical)) in levels.into_iter().enumerate() {
            let schools = count(share, typical).max(1);
            layout.levels[number] = usize::try_from(schools).unwrap_or(usize::MAX);
            share_so_far += share;
            let end = seats * share_so_far / 13;
            let weight = |i: u64| 650 + mix(seed, Draw::SchoolSize, i, number as u64) % 700;
            let total: u64 = (0..schools).map(weight).sum();
            let (from, mut sum) = (seat, 0);
            for i in 0..schools {
                sum += weight(i);
                let to = from + (end - from) * sum / total;
                layout.add_school(level, (seat, to));
                seat = to;
            }
        }
        let schools = layout.schools.len() as u64;
        layout.teachers = (students * TEACHERS_PER_MILLE / 1000).max(schools);
        let spread = layout.teachers - schools;
        for (i, school) in layout.schools.iter_mut().enumerate() {
            let (from, to) = school.seats();
            let at = |seat: u64, index: u64| index + spread * seat / seats.max(1);
            school.teachers = (at(from, i as u64), at(to, i as u64 + 1));
        }
        layout.families = if seats == 0 { 0 } else { layout.family_at(seats - 1).0 + 1 };
        layout
    }

    fn add_school(&mut self, level: Level, (from, to): (u64, u64)) {
        let grades = level.grades();
        let count = grades.len() as u64;
        let mut school = School { level, grades: Vec::new(), teachers: (0, 0) };
        for (i, grade) in grades.enumerate() {
            let at = |i: u64| from + (to - from) * i / count;
            let seats = (at(i as u64), at(i as u64 + 1));
            let size = seats.1 - seats.0;
            let sections =
                if size == 0 { 0 } else { ((size + SECTION_SIZE / 2) / SECTION_SIZE).max(1) };
            school.grades.push(Grade { grade, seats, sections, first_slot: self.class_slots });
            self.class_slots += sections * PERIODS;
        }
        self.schools.push(school);
    }

    /// The school and grade of a seat.
    pub(crate) fn seat(&self, seat: u64) -> (usize, usize) {
        let school = self.schools.partition_point(|school| school.seats().1 <= seat);
        let grade = self.schools[school].grades.partition_point(|grade| grade.seats.1 <= seat);
        (school, grade)
    }

    /// The school, grade, section and period of a class slot.
    pub(crate) fn class_slot(&self, slot: u64) -> (usize, usize, u64, u64) {
        let school = self.schools.partition_point(|school| school.end_slot() <= slot);
        let grades = &self.schools[school].grades;
        let grade =
            grades.partition_point(|grade| grade.first_slot + grade.sections * PERIODS <= slot);
        let inside = slot - grades[grade].first_slot;
        (school, grade, inside / PERIODS, inside % PERIODS)
    }

    /// The school of a teacher slot.
    pub(crate) fn teacher_school(&self, teacher: u64) -> usize {
        self.schools.partition_point(|school| school.teachers.1 <= teacher)
    }

    /// The school of the same level to which a student or teacher moves, if there is one.
    pub(crate) fn other_school(&self, school: usize, number: u64) -> Option<usize> {
        let mut from = 0;
        for count in self.levels {
            if school < from + count {
                let others = count.checked_sub(1).filter(|others| *others > 0)?;
                let step = 1 + usize::try_from(number % others as u64).unwrap_or(0);
                return Some(from + (school - from + step) % count);
            }
            from += count;
        }
        None
    }

    fn family_at(&self, place: u64) -> (u64, u64) {
        let (round, mut rest) = (place / CHILDREN_OF_TEN, place % CHILDREN_OF_TEN);
        for (i, children) in CHILDREN.into_iter().enumerate() {
            if rest < children {
                return (round * 10 + i as u64, rest);
            }
            rest -= children;
        }
        (round * 10 + 9, 0)
    }

    /// The family of the student in this seat on the first night.
    pub(crate) fn family_of(&self, seat: u64) -> u64 {
        self.family_at(self.family_order.place(seat)).0
    }

    /// The seats of a family's children on the first night, at most three.
    pub(crate) fn children_of(&self, family: u64) -> impl Iterator<Item = u64> + '_ {
        let index = usize::try_from(family % 10).unwrap_or(0);
        let before: u64 = CHILDREN[..index].iter().sum();
        let first = family / 10 * CHILDREN_OF_TEN + before;
        (first..(first + CHILDREN[index]).min(self.seats))
            .map(|place| self.family_order.undo(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_slots_and_families_can_be_looked_up() {
        for students in [0, 1, 12, 60, 5_000, 30_000] {
            let layout = Layout::new(students, 3);
            for seat in 0..layout.seats {
                let (school, grade) = layout.seat(seat);
                let (from, to) = layout.schools[school].grades[grade].seats;
                assert!(from <= seat && seat < to);
                assert!(layout.children_of(layout.family_of(seat)).any(|child| child == seat));
            }
            for slot in 0..layout.class_slots {
                let (school, grade, section, period) = layout.class_slot(slot);
                assert_eq!(layout.schools[school].grades[grade].slot(section, period), slot);
            }
            for teacher in 0..layout.teachers {
                let (from, to) = layout.schools[layout.teacher_school(teacher)].teachers;
                assert!(from <= teacher && teacher < to);
            }
            let children: usize =
                (0..layout.families).map(|family| layout.children_of(family).count()).sum();
            assert_eq!(children as u64, layout.seats);
        }
    }
}
