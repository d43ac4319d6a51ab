//! users.csv, roles.csv and demographics.csv: students, teachers, administrators, guardians.

use super::{Batch, RowWriter};
use crate::Version;
use crate::family::{Family, Guardian};
use crate::layout::GRADES;
use crate::mix::Draw;
use crate::moment::{Moment, Seat};
use crate::names;
use crate::world::{Key, Kind, World};

/// The first slot of each kind of person.
pub(super) struct People {
    teachers: u64,
    administrators: u64,
    first_families: u64,
    later_families: u64,
    end: u64,
}

impl People {
    pub(super) fn total(&self) -> u64 {
        self.end
    }
}

/// The data of a person of any kind.
struct Person<'a> {
    key: Key,
    /// The role in 1.1, and the role in 1.2.
    role: (&'static str, &'static str),
    /// The primary one first.
    schools: &'a [usize],
    username: &'a str,
    user_ids: &'a str,
    given: &'a str,
    middle: &'a str,
    family: &'a str,
    identifier: &'a str,
    email: &'a str,
    phone: &'a str,
    agents: &'a [Key],
    grade: &'a str,
    /// Values of the district's own columns.
    metadata: [&'a str; 5],
}

/// Headers of the district's own columns.
pub(crate) const METADATA: [&str; 5] =
    ["metadata.stateId", "metadata.ell", "metadata.frl", "metadata.iep", "metadata.household"];

impl Moment {
    pub(super) fn people(&self) -> People {
        let layout = &self.world.layout;
        let teachers = layout.seats;
        let administrators = teachers + layout.teachers;
        let first_families = administrators + layout.schools.len() as u64;
        let (first, later) = match (self.world.guardians, self.night) {
            (false, _) => (0, 0),
            (true, 0) => (layout.families, 0),
            (true, _) => (layout.families, layout.seats),
        };
        let later_families = first_families + first;
        People {
            teachers,
            administrators,
            first_families,
            later_families,
            end: later_families + later,
        }
    }

    pub(super) fn user(&self, slot: u64, out: &mut Batch) {
        self.each_person(slot, |person| self.write_user(person, out));
    }

    pub(super) fn role(&self, slot: u64, out: &mut Batch) {
        self.each_person(slot, |person| {
            for (i, school) in person.schools.iter().enumerate() {
                let world = &self.world;
                let mut row = out.row(|id| {
                    id.push_str(if i == 0 { "R1-" } else { "R2-" });
                    world.id(id, person.key);
                });
                row.with(|id| world.id(id, person.key))
                    .text(if i == 0 { "primary" } else { "secondary" })
                    .text(person.role.1);
                row.text("").text("").with(|id| world.id(id, World::school_key(*school))).text("");
            }
        });
    }

    fn each_person(&self, slot: u64, mut write: impl FnMut(&Person<'_>)) {
        let people = self.people();
        if slot < people.teachers {
            self.student(slot, write);
        } else if slot < people.administrators {
            self.teacher_person(slot - people.teachers, write);
        } else if slot < people.first_families {
            self.administrator(usize::try_from(slot - people.administrators).unwrap_or(0), write);
        } else if slot < people.later_families {
            let (family, children) = self.first_family(slot - people.first_families);
            if let Some(seat) = self.world.layout.children_of(family.number).find(|seat| {
                let state = self.seat(*seat);
                state.present && state.generation == 0
            }) {
                self.guardians(family, &children, self.seat(seat).school, &mut write);
            }
        } else {
            let seat = slot - people.later_families;
            let state = self.seat(seat);
            if state.present && state.generation > 0 {
                let family = self.family_of(seat, &state);
                self.guardians(family, &[self.student_key(seat, &state)], state.school, &mut write);
            }
        }
    }

    fn student(&self, seat: u64, mut write: impl FnMut(&Person<'_>)) {
        let state = self.seat(seat);
        if !state.present {
            return;
        }
        let world = &self.world;
        let family = self.family_of(seat, &state);
        let draw = world.draw(Draw::StudentName, seat, state.generation);
        let body = world.draw(Draw::StudentBody, seat, state.generation);
        let given = names::given(draw);
        let mut surname = world.family_name(family.number);
        if state.names > 0 {
            surname = format!("{surname}-{}", names::family(draw >> 5 | 1));
        }
        if state.names > 1 {
            surname = names::family(
                draw.rotate_right(9 + u32::try_from(state.names % 40).unwrap_or(0)) | 1,
            );
        }
        let number = world.student_number(seat, state.generation);
        let grade = world.layout.schools[state.school].grades[state.grade].grade;
        // The youngest often have no email address, and one in fifty of the others has none.
        let without_mail = if grade < 3 { body.is_multiple_of(4) } else { body.is_multiple_of(50) };
        let mut local = String::new();
        names::mail_part(&given, &mut local);
        names::mail_part(&surname, &mut local);
        let change = if state.mails == 0 { String::new() } else { format!(".{}", state.mails) };
        let email = if without_mail && state.mails == 0 {
            String::new()
        } else {
            format!("{local}{number}{change}@students.{}.example.org", world.slug)
        };
        let agents: Vec<Key> = (0..world.guardian_count(family.number))
            .map(|i| World::guardian_key(family.number, i))
            .collect();
        let middle =
            if body.is_multiple_of(3) { names::given(body >> 9 | 2) } else { String::new() };
        let number = number.to_string();
        let flag =
            |share: u64, shift: u32| if (body >> shift) % 100 < share { "true" } else { "false" };
        write(&Person {
            key: self.student_key(seat, &state),
            role: ("student", "student"),
            schools: &[state.school],
            username: &format!("s{number}"),
            user_ids: &format!("{{LDAP:s{number}}}"),
            given: &given,
            middle: &middle,
            family: &surname,
            identifier: &number,
            email: &email,
            phone: "",
            agents: &agents,
            grade: GRADES[grade],
            metadata: [&format!("99{number}"), flag(10, 20), flag(48, 28), flag(14, 36), "A"],
        });
    }

    fn teacher_person(&self, teacher: u64, mut write: impl FnMut(&Person<'_>)) {
        let state = self.teacher(teacher);
        let world = &self.world;
        let draw = world.draw(Draw::TeacherName, teacher, state.generation);
        let body = world.draw(Draw::TeacherBody, teacher, state.generation);
        let given = names::given(draw);
        let surname = names::family((draw >> 4).wrapping_add(state.names * 0x0a51_3407));
        let number = format!("T{}", 10_000 + teacher + state.generation * world.layout.teachers);
        let mut local = String::new();
        names::mail_part(&given, &mut local);
        local.push('.');
        names::mail_part(&surname, &mut local);
        let school = world.layout.teacher_school(teacher);
        // One in twenty also teaches at a second school.
        let second = if body.is_multiple_of(20) {
            world.layout.other_school(school, body >> 8)
        } else {
            None
        };
        let schools: Vec<usize> = std::iter::once(school).chain(second).collect();
        write(&Person {
            key: Self::teacher_key(teacher, &state),
            role: ("teacher", "teacher"),
            schools: &schools,
            username: &format!("{}{}", local, &number[1..]),
            user_ids: "",
            given: &given,
            middle: "",
            family: &surname,
            identifier: &number,
            email: &format!("{local}{}@{}.example.org", &number[1..], world.slug),
            phone: &names::phone(body % (names::PHONES / 2) + state.mails, body >> 50),
            agents: &[],
            grade: "",
            metadata: ["", "", "", "", ""],
        });
    }

    fn administrator(&self, school: usize, mut write: impl FnMut(&Person<'_>)) {
        let world = &self.world;
        let draw = world.draw(Draw::TeacherName, school as u64, u64::MAX);
        let username = format!("principal{}", school + 1);
        write(&Person {
            key: Key::new(Kind::Administrator, school as u64, 0),
            role: ("administrator", "principal"),
            schools: &[school],
            username: &username,
            user_ids: "",
            given: &names::given(draw),
            middle: "",
            family: &names::family(draw >> 3),
            identifier: "",
            email: &format!("{username}@{}.example.org", world.slug),
            phone: "",
            agents: &[],
            grade: "",
            metadata: ["", "", "", "", ""],
        });
    }

    fn guardians(
        &self,
        family: Family,
        children: &[Key],
        school: usize,
        write: &mut impl FnMut(&Person<'_>),
    ) {
        let world = &self.world;
        for index in 0..world.guardian_count(family.number) {
            let Guardian { key, relation, given, family: surname, email, phone, household } =
                world.guardian(family, index);
            let mut username = String::from("g");
            world.id(&mut username, key);
            write(&Person {
                key,
                role: (relation.role(), relation.role()),
                schools: &[school],
                username: &username,
                user_ids: "",
                given: &given,
                middle: "",
                family: &surname,
                identifier: "",
                email: &email,
                phone: &phone,
                agents: children,
                grade: "",
                metadata: ["", "", "", "", if household == 'A' { "A" } else { "B" }],
            });
        }
    }

    fn write_user(&self, person: &Person<'_>, out: &mut Batch) {
        let world = &self.world;
        let mut row = out.row(|id| world.id(id, person.key));
        row.text("true");
        if world.version == Version::V1_1 {
            row.with(|out| {
                for (i, school) in person.schools.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    world.id(out, World::school_key(*school));
                }
            });
            row.text(person.role.0);
        }
        row.text(person.username)
            .text(person.user_ids)
            .text(person.given)
            .text(person.family)
            .text(person.middle);
        row.text(person.identifier).text(person.email).text("").text(person.phone);
        row.with(|out| {
            for (i, agent) in person.agents.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                world.id(out, *agent);
            }
        });
        row.text(person.grade).text("");
        if world.version == Version::V1_2 {
            row.blanks(4).with(|id| world.id(id, World::school_key(person.schools[0]))).text("");
        }
        if world.metadata {
            for value in person.metadata {
                row.text(value);
            }
        }
    }

    pub(super) fn demographic(&self, seat: u64, out: &mut Batch) {
        let state = self.seat(seat);
        if !state.present {
            return;
        }
        self.demographic_row(
            seat,
            &state,
            &mut out.row(|id| self.world.id(id, self.student_key(seat, &state))),
        );
    }

    fn demographic_row(&self, seat: u64, state: &Seat, row: &mut RowWriter<'_>) {
        let world = &self.world;
        let body = world.draw(Draw::StudentBody, seat, state.generation).rotate_left(17);
        let grade = world.layout.schools[state.school].grades[state.grade].grade;
        let age = i16::try_from(grade).unwrap_or(0) + 5;
        let (month, day) = (1 + body % 12, 1 + (body >> 8) % 28);
        // Children born after September 1 start school a year later.
        let year = world.school_year - 1 - age - i16::from(month > 8);
        row.text(&format!("{year:04}-{month:02}-{day:02}"));
        row.text(if body.is_multiple_of(97) {
            ""
        } else if (body >> 16).is_multiple_of(2) {
            "male"
        } else {
            "female"
        });
        // One in thirty has no value, one in twenty-five has two, the others have one.
        let race = (body >> 24) % 100;
        let two = race >= 93;
        let asian = (4..12).contains(&race) || (93..95).contains(&race);
        let black = (12..28).contains(&race) || (95..97).contains(&race);
        let white = (30..90).contains(&race) || two;
        if (90..93).contains(&race) {
            row.blanks(6);
        } else {
            row.flag(race < 2)
                .flag(asian)
                .flag(black)
                .flag((2..4).contains(&race))
                .flag(white)
                .flag(two);
        }
        row.flag((body >> 32) % 100 < 28).text(if (body >> 40) % 100 < 92 { "US" } else { "MX" });
        row.text("").text("").text(if (body >> 44).is_multiple_of(10) { "" } else { "01652" });
    }
}
