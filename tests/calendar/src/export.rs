//! Writes the truth of a day as the tables of a OneRoster export.

use std::collections::BTreeMap;

use csv::StringRecord;
use districts::{File, Tables, Version};

use crate::world::{Class, Span, World};

const GIVEN: [&str; 16] = [
    "Amélio", "Brisa", "Cleon", "Dalia", "Evander", "Fiona", "Galo", "Hester", "Ivo", "Juna",
    "Kaspar", "Linnea", "Matteo", "Nerys", "Orla", "Piers",
];
const FAMILY: [&str; 16] = [
    "Ashgröve",
    "Brookfield",
    "Copperhill",
    "Dunmore",
    "Elderwood",
    "Fernley",
    "Greystone",
    "Hollis",
    "Ironwood",
    "Juniper",
    "Kestrel",
    "Larkspur",
    "Marlowe",
    "Norwood",
    "Oakes",
    "Quillstone",
];

/// The ids of the export. The mirror's keys are the same, because the sources' ids never change.
pub(crate) fn student_id(number: usize) -> String {
    format!("stu-{number}")
}

pub(crate) fn teacher_id(number: usize) -> String {
    format!("tea-{number}")
}

pub(crate) fn guardian_id(family: usize) -> String {
    format!("gua-{family}")
}

pub(crate) fn class_id(number: usize) -> String {
    format!("cls-{number}")
}

pub(crate) fn school_id(number: usize) -> String {
    format!("sch-{number}")
}

fn family_name(family: usize) -> String {
    format!("{}-{}", FAMILY[family % 16], FAMILY[family / 16 % 16])
}

fn term_id(year: i16, span: Span) -> String {
    match span {
        Span::Year => format!("SY-{year}"),
        Span::First => format!("SY-{year}-S1"),
        Span::Second => format!("SY-{year}-S2"),
    }
}

/// Rows of one file, by the names of its columns.
struct Sheet {
    file: File,
    columns: &'static [&'static str],
    rows: Vec<StringRecord>,
}

impl Sheet {
    fn new(file: File, version: Version) -> Self {
        Self { file, columns: file.columns(version), rows: Vec::new() }
    }

    /// Adds a row. Columns that the version does not have are left out, those without a value are
    /// blank.
    fn row(&mut self, cells: &[(&str, &str)]) {
        let cell = |column: &&str| {
            cells.iter().find(|(name, _)| name == column).map_or("", |(_, value)| *value)
        };
        self.rows.push(self.columns.iter().map(cell).collect());
    }
}

/// Writes all files of a day.
pub(crate) fn tables(world: &World, version: Version) -> Tables {
    let mut tables = Tables::default();
    let mut add = |sheet: Sheet| tables.set(sheet.file, sheet.rows);
    let (users, roles, demographics) = people(world, version);
    add(orgs(world, version));
    add(sessions(world, version));
    let (courses, classes) = classes(world, version);
    add(courses);
    add(classes);
    add(users);
    if version == Version::V1_2 {
        add(roles);
    }
    add(enrollments(world, version));
    add(demographics);
    tables
}

fn orgs(world: &World, version: Version) -> Sheet {
    let mut sheet = Sheet::new(File::Orgs, version);
    let name = format!("Calendar District {}", world.number);
    sheet.row(&[("sourcedId", "district-1"), ("name", &name), ("type", "district")]);
    for (number, school) in &world.schools {
        sheet.row(&[
            ("sourcedId", &school_id(*number)),
            ("name", &school.name),
            ("type", "school"),
            ("identifier", &number.to_string()),
            ("parentSourcedId", "district-1"),
        ]);
    }
    sheet
}

fn sessions(world: &World, version: Version) -> Sheet {
    let mut sheet = Sheet::new(File::AcademicSessions, version);
    let year = world.year;
    let titles = [
        (Span::Year, "School Year", "schoolYear"),
        (Span::First, "First Semester", "semester"),
        (Span::Second, "Second Semester", "semester"),
    ];
    for (span, title, kind) in titles {
        let (start, end) = World::term(year, span);
        sheet.row(&[
            ("sourcedId", &term_id(year, span)),
            ("title", title),
            ("type", kind),
            ("startDate", &start.to_string()),
            ("endDate", &end.to_string()),
            ("parentSourcedId", if span == Span::Year { "" } else { "SY" }),
            ("schoolYear", &year.to_string()),
        ]);
    }
    // The parent of the semesters is the school year.
    for row in sheet.rows.iter_mut().skip(1) {
        let cells = row
            .iter()
            .map(|cell| if cell == "SY" { term_id(year, Span::Year) } else { cell.to_owned() });
        *row = cells.collect::<Vec<String>>().into();
    }
    sheet
}

fn grade_text(grade: usize) -> String {
    if grade == 0 { "KG".to_owned() } else { format!("{grade:02}") }
}

fn classes(world: &World, version: Version) -> (Sheet, Sheet) {
    let mut courses = Sheet::new(File::Courses, version);
    let mut classes = Sheet::new(File::Classes, version);
    let mut known: BTreeMap<String, ()> = BTreeMap::new();
    let year = term_id(world.year, Span::Year);
    for (number, class) in &world.classes {
        let Class { title, grade, section, span, .. } = class;
        let course = format!("crs-{}-{grade}", title.to_lowercase().replace(' ', "-"));
        let grades = grade_text(*grade);
        if known.insert(course.clone(), ()).is_none() {
            courses.row(&[
                ("sourcedId", &course),
                ("schoolYearSourcedId", &year),
                ("title", title),
                ("courseCode", &course),
                ("grades", &grades),
                ("orgSourcedId", "district-1"),
            ]);
        }
        classes.row(&[
            ("sourcedId", &class_id(*number)),
            ("title", &format!("{title} {grades} Section {}", section + 1)),
            ("grades", &grades),
            ("courseSourcedId", &course),
            ("classCode", &format!("{grades}-{}", section + 1)),
            ("classType", if *title == "Homeroom" { "homeroom" } else { "scheduled" }),
            ("location", &format!("Room {}", 100 + class.room)),
            ("schoolSourcedId", &school_id(class.school)),
            ("termSourcedIds", &term_id(class.year, *span)),
            ("periods", "1"),
        ]);
    }
    (courses, classes)
}

/// A person of any role.
struct User<'a> {
    id: String,
    role: (&'static str, &'static str),
    school: usize,
    given: &'a str,
    family: String,
    number: String,
    email: String,
    phone: String,
    agents: String,
    grade: String,
}

fn people(world: &World, version: Version) -> (Sheet, Sheet, Sheet) {
    let mut sheets = (
        Sheet::new(File::Users, version),
        Sheet::new(File::Roles, version),
        Sheet::new(File::Demographics, version),
    );
    // Families, with the school of one of their children, and the ids of all of them.
    let mut families: BTreeMap<usize, (usize, Vec<String>)> = BTreeMap::new();
    for (number, student) in &world.students {
        let id = student_id(*number);
        let (_, children) =
            families.entry(student.family).or_insert_with(|| (student.school, Vec::new()));
        children.push(id.clone());
        let given = GIVEN[student.given % 16];
        let family = match student.renamed {
            0 => family_name(student.family),
            renamed => format!("{} {renamed}", family_name(student.family)),
        };
        let email = if student.has_email {
            format!("s{number}@students.example.org")
        } else {
            String::new()
        };
        user(
            &mut sheets,
            &User {
                role: ("student", "student"),
                school: student.school,
                given,
                family,
                number: number.to_string(),
                email,
                phone: String::new(),
                agents: guardian_id(student.family),
                grade: grade_text(student.grade),
                id: id.clone(),
            },
        );
        let birth = format!(
            "{}-{:02}-{:02}",
            i32::from(world.year) - 6 - student.grade as i32,
            1 + number % 12,
            1 + number % 28
        );
        sheets.2.row(&[
            ("sourcedId", &id),
            ("birthDate", &birth),
            ("sex", if number % 2 == 0 { "female" } else { "male" }),
            ("white", "true"),
            ("hispanicOrLatinoEthnicity", if number % 5 == 0 { "true" } else { "false" }),
        ]);
    }
    for (number, teacher) in &world.teachers {
        user(
            &mut sheets,
            &User {
                id: teacher_id(*number),
                role: ("teacher", "teacher"),
                school: teacher.school,
                given: GIVEN[teacher.given % 16],
                family: format!("{} {}", family_name(*number), teacher.renamed),
                number: format!("T{number}"),
                email: format!("t{number}@example.org"),
                phone: String::new(),
                agents: String::new(),
                grade: String::new(),
            },
        );
    }
    for school in world.schools.keys() {
        user(
            &mut sheets,
            &User {
                id: format!("adm-{school}"),
                role: ("administrator", "principal"),
                school: *school,
                given: "Quin",
                family: family_name(*school),
                number: String::new(),
                email: format!("principal{school}@example.org"),
                phone: String::new(),
                agents: String::new(),
                grade: String::new(),
            },
        );
    }
    for (family, (school, children)) in families {
        user(
            &mut sheets,
            &User {
                id: guardian_id(family),
                role: ("guardian", "guardian"),
                school,
                given: GIVEN[family % 16],
                family: family_name(family),
                number: String::new(),
                email: format!("g{family}@example.net"),
                phone: String::new(),
                agents: children.join(","),
                grade: String::new(),
            },
        );
    }
    sheets
}

fn user((users, roles, _): &mut (Sheet, Sheet, Sheet), user: &User<'_>) {
    let school = school_id(user.school);
    users.row(&[
        ("sourcedId", &user.id),
        ("enabledUser", "true"),
        ("orgSourcedIds", &school),
        ("role", user.role.0),
        ("username", &user.id.replace('-', "")),
        ("userIds", &format!("{{LDAP:{}}}", user.id)),
        ("givenName", user.given),
        ("familyName", &user.family),
        ("identifier", &user.number),
        ("email", &user.email),
        ("phone", &user.phone),
        ("agentSourcedIds", &user.agents),
        ("grades", &user.grade),
        ("primaryOrgSourcedId", &school),
    ]);
    roles.row(&[
        ("sourcedId", &format!("R-{}", user.id)),
        ("userSourcedId", &user.id),
        ("roleType", "primary"),
        ("role", user.role.1),
        ("orgSourcedId", &school),
    ]);
}

/// First the students, then the teachers.
fn enrollments(world: &World, version: Version) -> Sheet {
    let mut sheet = Sheet::new(File::Enrollments, version);
    let mut by_student: Vec<(usize, usize)> = world
        .classes
        .iter()
        .flat_map(|(id, class)| class.students.iter().map(|student| (*student, *id)))
        .collect();
    by_student.sort_unstable();
    let mut row = |class: usize, person: String, role: &str, primary: &str| {
        sheet.row(&[
            ("sourcedId", &format!("enr-{class}-{person}")),
            ("classSourcedId", &class_id(class)),
            ("schoolSourcedId", &school_id(world.classes[&class].school)),
            ("userSourcedId", &person),
            ("role", role),
            ("primary", primary),
        ]);
    };
    for (student, class) in by_student {
        row(class, student_id(student), "student", "");
    }
    for (id, class) in &world.classes {
        for (index, teacher) in class.teachers.iter().enumerate() {
            let primary = if index == 0 { "true" } else { "false" };
            row(*id, teacher_id(*teacher), "teacher", primary);
        }
    }
    sheet
}
