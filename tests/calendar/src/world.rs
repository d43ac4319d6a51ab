//! The truth: who is enrolled where on each day of a simulated district.
//!
//! Nothing here knows the planner, the guards or the files. The oracle ([`crate::oracle`]) compares
//! the mirror with this.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};

use crate::Calendar;
use crate::random::Random;

/// Number of grades: kindergarten and grades 1 to 12.
const GRADES: usize = 13;

/// Students in a section.
const SECTION: usize = 22;

/// A school and the grades it has, the lowest and the highest.
#[derive(Clone, Debug)]
pub(crate) struct School {
    pub(crate) name: String,
    pub(crate) grades: (usize, usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Student {
    pub(crate) family: usize,
    pub(crate) given: usize,
    pub(crate) grade: usize,
    pub(crate) school: usize,
    pub(crate) section: usize,
    /// How often the name, and how often the e-mail address was corrected.
    pub(crate) renamed: usize,
    pub(crate) has_email: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Teacher {
    pub(crate) given: usize,
    pub(crate) school: usize,
    pub(crate) renamed: usize,
}

/// When a class meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Year,
    First,
    Second,
}

#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) title: &'static str,
    pub(crate) school: usize,
    pub(crate) grade: usize,
    pub(crate) section: usize,
    pub(crate) span: Span,
    /// The school year, by the year in which it ends.
    pub(crate) year: i16,
    pub(crate) room: usize,
    /// The primary teacher first.
    pub(crate) teachers: Vec<usize>,
    pub(crate) students: BTreeSet<usize>,
}

/// The ways in which districts differ from each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Graduates leave the export after the last day of school, not with the rollover.
    pub(crate) graduates_leave_in_june: bool,
    /// Classes of the second semester appear in January, not with the rollover.
    pub(crate) second_semester_in_january: bool,
    /// Days after July 1 on which the export changes to the new school year.
    pub(crate) rollover: i16,
}

/// A district on one day.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) number: usize,
    pub(crate) today: Date,
    /// The school year of the export, by the year in which it ends.
    pub(crate) year: i16,
    pub(crate) habits: Habits,
    pub(crate) schools: BTreeMap<usize, School>,
    pub(crate) students: BTreeMap<usize, Student>,
    pub(crate) teachers: BTreeMap<usize, Teacher>,
    pub(crate) classes: BTreeMap<usize, Class>,
    /// The district's numbers for people and classes: none is ever used again.
    next: usize,
    random: Random,
}

/// What happened on a day, as far as it matters to the judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Day {
    /// The export differs from that of the day before.
    pub(crate) changed: bool,
    /// A school closed, as the district announced to the operator.
    pub(crate) school_closed: bool,
    /// The rollover to the new school year.
    pub(crate) rollover: bool,
}

const ELEMENTARY: [&str; 4] = ["Homeroom", "Reading", "Mathematics", "Art"];
const SECONDARY: [&str; 4] = ["English", "Mathematics", "Science", "History"];

impl World {
    /// Makes district `number` of a seed, on September 15 before the first school year's noise.
    pub(crate) fn new(calendar: &Calendar, number: usize, year: i16) -> Self {
        let mut random =
            Random::new(calendar.seed ^ (number as u64 + 1).wrapping_mul(0x5851_f42d_4c95_7f2d));
        // Most districts are small; one in ten has more than a thousand students.
        let students = match random.below(10) {
            _ if calendar.small => random.between(60, 80),
            0..5 => random.between(60, 200),
            5..9 => random.between(200, 500),
            _ => random.between(500, 1_500),
        };
        let elementary = match students {
            0..200 => 1,
            200..500 => random.between(1, 3),
            _ => random.between(2, 5),
        };
        let mut schools = BTreeMap::new();
        let mut add =
            |name: String, grades| schools.insert(schools.len() + 1, School { name, grades });
        for school in 1..=elementary {
            add(format!("Elementary School {school}"), (0, 5));
        }
        add("Middle School".to_owned(), (6, 8));
        // Some districts send their students to another district's high school.
        if !random.chance(0.15) {
            add("High School".to_owned(), (9, 12));
        }
        let habits = Habits {
            graduates_leave_in_june: random.chance(0.5),
            second_semester_in_january: random.chance(0.3),
            rollover: i16::try_from(random.between(3, 40)).unwrap_or(14),
        };
        let mut world = Self {
            number,
            today: date(year - 1, 9, 15),
            year,
            habits,
            schools,
            students: BTreeMap::new(),
            teachers: BTreeMap::new(),
            classes: BTreeMap::new(),
            next: 1_000,
            random,
        };
        while world.students.len() < students {
            world.family_arrives();
        }
        world.hire_all();
        world.open_year();
        world
    }

    fn id(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// The highest grade of the district.
    pub(crate) fn last_grade(&self) -> usize {
        self.schools.values().map(|school| school.grades.1).max().unwrap_or(GRADES - 1)
    }

    /// First and last day of the terms of a school year. A term is over from its last day on.
    pub(crate) fn term(year: i16, span: Span) -> (Date, Date) {
        let (start, end) = (date(year - 1, 8, 17), date(year, 6, 11));
        match span {
            Span::Year => (start, end),
            Span::First => (start, date(year, 1, 15)),
            Span::Second => (date(year, 1, 18), end),
        }
    }

    /// Whether a class is not over.
    pub(crate) fn is_open(&self, class: &Class) -> bool {
        Self::term(class.year, class.span).1 > self.today
    }

    /// Whether students are in school.
    fn in_term(&self) -> bool {
        let (start, end) = Self::term(self.year, Span::Year);
        start <= self.today && self.today < end
    }

    fn school_of_grade(&mut self, grade: usize) -> usize {
        let of: Vec<usize> = self
            .schools
            .iter()
            .filter(|(_, school)| (school.grades.0..=school.grades.1).contains(&grade))
            .map(|(id, _)| *id)
            .collect();
        of[self.random.below(of.len())]
    }

    /// A family with one to three children moves here.
    fn family_arrives(&mut self) -> Vec<usize> {
        let family = self.id();
        let last = self.last_grade();
        let oldest = self.random.below(last + 1);
        let children = [1, 1, 1, 2, 2, 3][self.random.below(6)];
        (0..children)
            .filter_map(|child| oldest.checked_sub(child * 2))
            .map(|grade| self.enroll(family, grade))
            .collect()
    }

    fn enroll(&mut self, family: usize, grade: usize) -> usize {
        let (id, school, given) =
            (self.id(), self.school_of_grade(grade), self.random.below(4_096));
        let student = Student {
            family,
            given,
            grade,
            school,
            section: 0,
            renamed: 0,
            has_email: self.random.chance(0.97),
        };
        self.students.insert(id, student);
        id
    }

    /// Every school has a teacher for each 15 students, and at least three.
    fn hire_all(&mut self) {
        for school in self.schools.keys().copied().collect::<Vec<_>>() {
            let wanted = (self.students_of(school) / 15).max(3);
            while self.teachers_of(school).len() < wanted {
                self.hire(school);
            }
        }
    }

    fn hire(&mut self, school: usize) -> usize {
        let (id, given) = (self.id(), self.random.below(4_096));
        self.teachers.insert(id, Teacher { given, school, renamed: 0 });
        id
    }

    fn students_of(&self, school: usize) -> usize {
        self.students.values().filter(|student| student.school == school).count()
    }

    fn teachers_of(&self, school: usize) -> Vec<usize> {
        let of = self.teachers.iter().filter(|(_, teacher)| teacher.school == school);
        of.map(|(id, _)| *id).collect()
    }

    /// Makes the classes of the school year, and puts every student into a section.
    fn open_year(&mut self) {
        for school in self.schools.keys().copied().collect::<Vec<_>>() {
            let (low, high) = self.schools[&school].grades;
            for grade in low..=high {
                let mut students: Vec<usize> = self
                    .students
                    .iter()
                    .filter(|(_, student)| student.school == school && student.grade == grade)
                    .map(|(id, _)| *id)
                    .collect();
                self.random.shuffle(&mut students);
                let sections = students.len().div_ceil(SECTION).max(1);
                for (index, id) in students.iter().enumerate() {
                    if let Some(student) = self.students.get_mut(id) {
                        student.section = index % sections;
                    }
                }
                for section in 0..sections {
                    self.open_section(school, grade, section);
                }
            }
        }
    }

    fn open_section(&mut self, school: usize, grade: usize, section: usize) {
        let titles = if grade < 6 { ELEMENTARY } else { SECONDARY };
        for title in titles {
            self.open_class(title, school, grade, section, Span::Year);
        }
        if grade >= 6 {
            self.open_class("Health", school, grade, section, Span::First);
            if !self.habits.second_semester_in_january {
                self.open_class("Computer Science", school, grade, section, Span::Second);
            }
        }
    }

    fn open_class(
        &mut self,
        title: &'static str,
        school: usize,
        grade: usize,
        section: usize,
        span: Span,
    ) {
        let (id, room, all) = (self.id(), self.random.below(300), self.teachers_of(school));
        let mut teachers = vec![all[self.random.below(all.len())]];
        let second = all[self.random.below(all.len())];
        if self.random.chance(0.1) && !teachers.contains(&second) {
            teachers.push(second);
        }
        let of = |student: &Student| {
            student.school == school && student.grade == grade && student.section == section
        };
        let students = self.students.iter().filter(|(_, one)| of(one)).map(|(id, _)| *id).collect();
        let year = self.year;
        let class = Class { title, school, grade, section, span, year, room, teachers, students };
        self.classes.insert(id, class);
    }

    /// Goes to the next day.
    pub(crate) fn next_day(&mut self) -> Day {
        self.today = self.today.tomorrow().unwrap_or(self.today);
        let mut day = Day::default();
        let (start, end) = Self::term(self.year, Span::Year);
        if self.in_term() {
            // In the first two weeks, schedules change more often and some students do not appear.
            let early = self.today < start.saturating_add(jiff::Span::new().days(14));
            day.changed |= self.school_day(if early { 4.0 } else { 1.0 });
        }
        if self.habits.second_semester_in_january && self.today == date(self.year, 1, 10) {
            self.open_second_semester();
            day.changed = true;
        }
        if self.today == end && self.habits.graduates_leave_in_june {
            self.graduate();
            day.changed = true;
        }
        if self.in_summer() && self.random.chance(0.15) {
            day.changed |= self.staff_changes(0.02);
        }
        if self.today == self.rollover_day() {
            day.school_closed = self.roll_over();
            day.rollover = true;
            day.changed = true;
        }
        day
    }

    fn in_summer(&self) -> bool {
        let month = self.today.month();
        (6..=8).contains(&month) && !self.in_term()
    }

    fn rollover_day(&self) -> Date {
        let days = i64::from(self.habits.rollover);
        date(self.year, 7, 1).saturating_add(jiff::Span::new().days(days))
    }

    fn open_second_semester(&mut self) {
        let firsts: Vec<(usize, usize, usize)> = self
            .classes
            .values()
            .filter(|class| class.span == Span::First)
            .map(|class| (class.school, class.grade, class.section))
            .collect();
        for (school, grade, section) in firsts {
            self.open_class("Computer Science", school, grade, section, Span::Second);
        }
    }

    fn graduate(&mut self) {
        let last = self.last_grade();
        let leaving = self.students.iter().filter(|(_, student)| student.grade == last);
        for id in leaving.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.leave(id);
        }
    }

    /// The export changes to the new school year. Returns whether a school closed.
    fn roll_over(&mut self) -> bool {
        if !self.habits.graduates_leave_in_june {
            self.graduate();
        }
        let closing = self.close_school();
        self.year += 1;
        self.classes.clear();
        let staying: Vec<usize> = self.students.keys().copied().collect();
        for id in staying {
            let (grade, school) = (self.students[&id].grade + 1, self.students[&id].school);
            let stays = self
                .schools
                .get(&school)
                .is_some_and(|school| (school.grades.0..=school.grades.1).contains(&grade));
            let school = if stays { school } else { self.school_of_grade(grade) };
            if let Some(student) = self.students.get_mut(&id) {
                (student.grade, student.school) = (grade, school);
            }
        }
        let kindergartners = self.students.len() / self.last_grade().max(1);
        for _ in 0..kindergartners {
            let family = self.id();
            self.enroll(family, 0);
        }
        self.hire_all();
        self.open_year();
        closing
    }

    /// In one of ten summers a district that has several elementary schools closes one of them.
    fn close_school(&mut self) -> bool {
        let elementary: Vec<usize> = self
            .schools
            .iter()
            .filter(|(_, school)| school.grades == (0, 5))
            .map(|(id, _)| *id)
            .collect();
        if elementary.len() < 2 || !self.random.chance(0.1) {
            return false;
        }
        let closed = elementary[self.random.below(elementary.len())];
        self.schools.remove(&closed);
        for teacher in self.teachers.values_mut().filter(|teacher| teacher.school == closed) {
            teacher.school = *elementary.iter().find(|id| **id != closed).unwrap_or(&closed);
        }
        for student in self.students.values_mut().filter(|student| student.school == closed) {
            student.school = *elementary.iter().find(|id| **id != closed).unwrap_or(&closed);
        }
        true
    }

    /// The changes of a school day. Rates are per student and day; in a year about one student in
    /// eight moves in, and as many move away.
    fn school_day(&mut self, schedule_changes: f64) -> bool {
        let students = self.students.len() as f64;
        let mut changed = false;
        for _ in 0..self.random.times(students * 0.000_35) {
            for id in self.family_arrives() {
                self.place(id);
            }
            changed = true;
        }
        for _ in 0..self.random.times(students * 0.000_35 * schedule_changes.min(2.0)) {
            let family = self.any_student().map(|id| self.students[&id].family);
            let children = self.students.iter().filter(|(_, one)| Some(one.family) == family);
            for id in children.map(|(id, _)| *id).collect::<Vec<_>>() {
                self.leave(id);
            }
            changed = true;
        }
        for _ in 0..self.random.times(students * 0.000_1) {
            changed |= self.transfer();
        }
        for _ in 0..self.random.times(students * 0.001 * schedule_changes) {
            changed |= self.change_section();
        }
        for _ in 0..self.random.times(students * 0.000_5) {
            if let Some(id) = self.any_student() {
                let email = self.random.chance(0.5);
                if let Some(student) = self.students.get_mut(&id) {
                    student.renamed += 1;
                    student.has_email |= email;
                    changed = true;
                }
            }
        }
        if self.random.chance(0.02) {
            changed |= self.change_room();
        }
        changed | self.staff_changes(0.000_5)
    }

    fn any_student(&mut self) -> Option<usize> {
        let index = self.random.below(self.students.len());
        self.students.keys().nth(index).copied()
    }

    /// Puts a new student, or one who changed schools, into a section's classes.
    fn place(&mut self, id: usize) {
        let Student { school, grade, .. } = self.students[&id];
        let sections: BTreeSet<usize> = self
            .classes
            .values()
            .filter(|class| class.school == school && class.grade == grade)
            .map(|class| class.section)
            .collect();
        let section = sections.iter().nth(self.random.below(sections.len())).copied().unwrap_or(0);
        let today = self.today;
        for class in self.classes.values_mut() {
            let is_open = Self::term(class.year, class.span).1 > today;
            let place = (class.school, class.grade, class.section);
            if is_open && place == (school, grade, section) {
                class.students.insert(id);
            }
        }
        if let Some(student) = self.students.get_mut(&id) {
            student.section = section;
        }
    }

    fn leave_classes(&mut self, id: usize) {
        for class in self.classes.values_mut() {
            class.students.remove(&id);
        }
    }

    fn leave(&mut self, id: usize) {
        self.leave_classes(id);
        self.students.remove(&id);
    }

    /// A student goes to another school of the same level.
    fn transfer(&mut self) -> bool {
        let Some(id) = self.any_student() else { return false };
        let (grade, before) = (self.students[&id].grade, self.students[&id].school);
        let school = self.school_of_grade(grade);
        if school == before {
            return false;
        }
        self.leave_classes(id);
        if let Some(student) = self.students.get_mut(&id) {
            student.school = school;
        }
        self.place(id);
        true
    }

    /// A student goes to another section of the grade.
    fn change_section(&mut self) -> bool {
        let Some(id) = self.any_student() else { return false };
        let before = self.students[&id].section;
        self.leave_classes(id);
        self.place(id);
        self.students[&id].section != before
    }

    fn change_room(&mut self) -> bool {
        let index = self.random.below(self.classes.len());
        let Some(class) = self.classes.values_mut().nth(index) else { return false };
        class.room += 1;
        true
    }

    /// Teachers leave and are replaced the same day.
    fn staff_changes(&mut self, share: f64) -> bool {
        let leaving = self.random.times(self.teachers.len() as f64 * share);
        for _ in 0..leaving {
            let index = self.random.below(self.teachers.len());
            let Some(id) = self.teachers.keys().nth(index).copied() else { continue };
            let new = self.hire(self.teachers[&id].school);
            self.teachers.remove(&id);
            for class in self.classes.values_mut() {
                for teacher in class.teachers.iter_mut().filter(|teacher| **teacher == id) {
                    *teacher = new;
                }
            }
        }
        leaving > 0
    }
}

impl World {
    /// Whether a term ends today.
    pub(crate) fn a_term_ends(&self) -> bool {
        let spans = [Span::Year, Span::First, Span::Second];
        spans.into_iter().any(|span| Self::term(self.year, span).1 == self.today)
    }

    /// Returns a school whose rows can be spoiled: with at least 20 students, and less than half
    /// of the district's. More of them are a matter of the whole district (R-H5).
    pub(crate) fn a_school(&self, random: &mut Random) -> Option<usize> {
        let mut schools: Vec<usize> = self.schools.keys().copied().collect();
        let most = self.students.len() / 2;
        schools.retain(|school| (20..most).contains(&self.students_of(*school)));
        (!schools.is_empty()).then(|| schools[random.below(schools.len())])
    }
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
