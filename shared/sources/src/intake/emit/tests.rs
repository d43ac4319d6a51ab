//! The writer of snapshot lines against serde, which reads them.

use std::collections::BTreeMap;
use std::io;

use jiff::civil::Date;
use roster::policy::Policy;
use roster::records::{
    Class, ClassDetails, Course, Demographics, Guardian, Membership, Person, RecordKind, School,
    Student, Teacher, Term,
};
use roster::settings::SourceSettings;
use roster::snapshot::{PartName, SnapshotSink};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::intake::assemble;
use crate::intake::collected::{
    Class as ClassSlot, Collected, Course as CourseSlot, Demographic, Enrollment, GuardianWord,
    ImportOptions, Org, OrgKind, Session, User, Words, person,
};
use crate::intake::diagnostics::Diagnostics;
use crate::intake::ids::{NONE, RecordStatus, Registry};
use crate::intake::phone::Phones;
use crate::intake::record_texts::{
    ClassTexts, CourseTexts, DemographicTexts, OrgTexts, PersonTexts, SessionTexts, StudentTexts,
};
use crate::intake::values::NO_DAY;

/// Which fields have a value in some record.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, bool>);

/// Records which fields of a struct are set. All fields must be named: a field that is added to the
/// struct must be added here and to the roster below, or the test does not compile.
macro_rules! see {
    ($fields:expr, $record:expr, $name:ident { $($field:ident),+ $(,)? }) => {{
        let $name { $($field),+ } = $record;
        $($fields.see(concat!(stringify!($name), ".", stringify!($field)), $field);)+
    }};
}

impl Fields {
    fn see(&mut self, name: &'static str, value: &impl Serialize) {
        let is_set = match serde_json::to_value(value).unwrap() {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::Bool(true) | Value::Number(_) => true,
        };
        *self.0.entry(name).or_default() |= is_set;
    }

    fn see_memberships(&mut self, memberships: &[Membership]) {
        for membership in memberships {
            see!(self, membership, Membership { id, primary, begin, end });
        }
    }

    fn see_person(&mut self, person: &Person) {
        see!(
            self,
            person,
            Person {
                given,
                family,
                middle,
                preferred_given,
                preferred_family,
                email,
                phone,
                sms,
                username,
                number,
                state_id,
                sis_id,
                schools,
                disabled,
            }
        );
    }

    fn see_student(&mut self, student: &Student) {
        see!(
            self,
            student,
            Student { id, person, demographics, guardians, classes, by_enrollment }
        );
        self.see_person(&student.person);
        let demographics = &student.demographics;
        see!(
            self,
            demographics,
            Demographics { grades, races, hispanic, gender, birth_date, ell, frl, iep }
        );
        self.see_memberships(&student.classes);
    }

    fn see_class(&mut self, class: &Class) {
        see!(self, class, Class { id, details, teachers, students });
        let details = &class.details;
        see!(
            self,
            details,
            ClassDetails {
                title,
                code,
                class_type,
                location,
                school,
                course,
                terms,
                grades,
                subjects,
                subject_codes,
                periods,
            }
        );
        self.see_memberships(&class.teachers);
        self.see_memberships(&class.students);
    }
}

#[derive(Default)]
struct Lines(Vec<(RecordKind, Value)>);

impl SnapshotSink for Lines {
    fn line(&mut self, part: PartName, json: &[u8]) -> io::Result<()> {
        let PartName::Records(kind) = part else { panic!("{}", String::from_utf8_lossy(json)) };
        self.0.push((kind, serde_json::from_slice(json)?));
        Ok(())
    }
}

/// Reads a line with serde and checks that serde writes the same fields and values.
fn read<T: Serialize + DeserializeOwned>(line: &Value) -> T {
    let record: T = serde_json::from_value(line.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&record).unwrap(), line, "the writer and serde differ");
    record
}

#[test]
fn serde_reads_every_field_that_is_written() {
    let settings = SourceSettings::default();
    let policy = Policy::from_preset("sis", &serde_json::Map::new()).unwrap();
    let phones = Phones::of("US").unwrap();
    let options = ImportOptions::new(&settings, &policy, Date::constant(2026, 9, 1), phones);
    let mut sink = Lines::default();
    let mut diagnostics = Diagnostics::new(&mut sink);
    let enrollments = assemble::stage(full_roster(), &options, &mut diagnostics, |_| ()).unwrap();
    assert_eq!(enrollments, 3);

    let mut fields = Fields::default();
    for (kind, line) in &sink.0 {
        match kind {
            RecordKind::School => {
                let school = read(line);
                see!(fields, &school, School { id, name, identifier, parent });
            }
            RecordKind::Term => {
                let term = read(line);
                see!(fields, &term, Term { id, title, kind, start, end, parent, school_year });
            }
            RecordKind::Course => {
                let course = read(line);
                see!(
                    fields,
                    &course,
                    Course { id, title, code, org, school_year, grades, subjects, subject_codes }
                );
            }
            RecordKind::Teacher => {
                let teacher: Teacher = read(line);
                see!(fields, &teacher, Teacher { id, person, classes, by_enrollment });
                fields.see_person(&teacher.person);
                fields.see_memberships(&teacher.classes);
            }
            RecordKind::Student => fields.see_student(&read(line)),
            RecordKind::Guardian => {
                let guardian: Guardian = read(line);
                see!(fields, &guardian, Guardian { id, person, role, children });
                fields.see_person(&guardian.person);
            }
            RecordKind::Class => fields.see_class(&read(line)),
        }
    }
    let unset: Vec<_> = fields.0.iter().filter(|(_, is_set)| !**is_set).collect();
    assert!(unset.is_empty(), "no record has a value for {unset:?}");
}

fn add<T: Default + Clone>(registry: &mut Registry<T>, id: &str, record: T) -> u32 {
    let slot = registry.slot(id);
    registry.set(slot, RecordStatus::Present);
    *registry.record_mut(slot) = record;
    slot
}

/// A roster in which every field of every kind of record has a value in some record.
fn full_roster() -> Collected {
    let mut roster = Collected::of(Words::default());
    roster.users_have_roles = Some(true);
    roster.dates = vec![(NO_DAY, NO_DAY), (20_000, 20_300)];
    let school = add_school(&mut roster);
    let term = add_terms(&mut roster);
    let class = add_class(&mut roster, school, term);
    roster.org_lists = vec![school];
    let teacher = User { enrolled: person::TEACHER, ..User::default() };
    let teacher = add_user(&mut roster, "t1", teacher);
    let student = User { kinds: person::STUDENT, ..User::default() };
    let student = add_user(&mut roster, "s1", student);
    let by_enrollment = User { enrolled: person::STUDENT, ..User::default() };
    let by_enrollment = add_user(&mut roster, "s2", by_enrollment);
    for (role, guardian) in [GuardianWord::Guardian, GuardianWord::Parent, GuardianWord::Relative]
        .iter()
        .zip(["g1", "g2", "g3"])
    {
        let user = User { kinds: person::GUARDIAN, guardian: *role, ..User::default() };
        let guardian = add_user(&mut roster, guardian, user);
        roster.agents.extend([(guardian, student), (student, guardian)]);
    }
    add_demographics(&mut roster, student);
    roster.enrollments = vec![
        Enrollment::new(class, teacher, true, true, 1, 2),
        Enrollment::new(class, student, false, false, 0, 3),
        Enrollment::new(class, by_enrollment, false, false, 1, 4),
    ];
    roster
}

fn add_school(roster: &mut Collected) -> u32 {
    let texts = OrgTexts { name: "District", identifier: "" }.write(&mut roster.texts);
    let district = Org { texts, kind: OrgKind::District, parent: NONE, ..Org::default() };
    let parent = add(&mut roster.orgs, "district", district);
    let texts = OrgTexts { name: "North", identifier: "0042" }.write(&mut roster.texts);
    let school = Org { texts, kind: OrgKind::School, parent, ..Org::default() };
    add(&mut roster.orgs, "school", school)
}

fn add_terms(roster: &mut Collected) -> u32 {
    let texts = SessionTexts { title: "Term", school_year: "2027" }.write(&mut roster.texts);
    let mut parent = NONE;
    for kind in ["schoolYear", "semester", "gradingPeriod", "other", "term"] {
        let session = Session { texts, kind, start: 20_000, end: 20_300, parent };
        parent = add(&mut roster.sessions, kind, session);
    }
    parent
}

fn add_class(roster: &mut Collected, school: u32, term: u32) -> u32 {
    let year = roster.sessions.slot("schoolYear");
    let texts = CourseTexts {
        title: "Algebra",
        code: "A1",
        grades: "07,08",
        subjects: "Math",
        subject_codes: "M",
    };
    let texts = texts.write(&mut roster.texts);
    let course = CourseSlot { texts, org: school, school_year: year, has_classes: true };
    let course = add(&mut roster.courses, "course", course);
    let texts = ClassTexts {
        title: "Algebra \"1\" ",
        code: "A1-1",
        class_type: "scheduled",
        location: "12",
        grades: "07",
        subjects: "Math",
        subject_codes: "M",
        periods: "1,2",
    };
    let texts = texts.write(&mut roster.texts);
    roster.term_lists = vec![term];
    let class = ClassSlot { texts, school, course, terms: (0, 1), ..ClassSlot::default() };
    add(&mut roster.classes, "class", class)
}

fn add_user(roster: &mut Collected, id: &str, user: User) -> u32 {
    let person = PersonTexts {
        given: "Mira",
        family: "Voss",
        middle: "Ada",
        preferred_given: "Mi",
        preferred_family: "V",
        email: "mira@example.org",
        phone: "+13125550142",
        sms: "+13125550143",
        username: "mira",
        number: "17",
        state_id: "",
        sis_id: "900",
    };
    let student = StudentTexts { grades: "07", ell: "yes", frl: "no", iep: "" };
    let texts = person.write(&student, &mut roster.texts);
    let user = User { texts, orgs: (0, 1), main_org: NONE, disabled: true, ..user };
    add(&mut roster.users, id, user)
}

fn add_demographics(roster: &mut Collected, student: u32) {
    let texts = DemographicTexts {
        sex: "female",
        state_id: "S-1",
        iep: "none",
        ..DemographicTexts::default()
    };
    let texts = texts.write(&mut roster.texts);
    roster.demographics = vec![Demographic::default(); roster.users.len()];
    roster.demographics[student as usize] =
        Demographic { known: true, races: 0b10_0011, hispanic: 2, birth: 14_000, texts };
}
