//! A synthetic district as Clever would have it: the rows of its files, turned into Clever's objects, quirks included.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use district::{File, Night};
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_128;

/// The lists of the Data API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// `/schools`
    Schools,
    /// `/terms`
    Terms,
    /// `/courses`
    Courses,
    /// `/sections`
    Sections,
    /// `/users`
    Users,
}

impl List {
    pub(super) const ALL: [List; 5] = [List::Schools, List::Terms, List::Courses, List::Sections, List::Users];

    pub(super) fn name(self) -> &'static str {
        match self {
            List::Schools => "schools",
            List::Terms => "terms",
            List::Courses => "courses",
            List::Sections => "sections",
            List::Users => "users",
        }
    }
}

/// One object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The object as it is sent.
    pub(super) json: Arc<str>,
    /// For users: `student`, `teacher` or `contact`.
    pub(super) role: &'static str,
    /// The schools that it belongs to; none for what belongs to the district.
    pub(super) schools: Vec<String>,
}

/// Everything that a district has at Clever on one night, by list and id: lists are served in the order of ids.
pub(super) type Records = BTreeMap<List, BTreeMap<String, Record>>;

/// One of Clever's ids, made of the source's: 24 hexadecimal digits.
pub fn id(kind: &str, source: &str) -> String {
    format!("{:032x}", xxh3_128(format!("{kind}\u{1f}{source}").as_bytes()))[..24].to_owned()
}

/// One row by column.
struct Row<'a> {
    columns: &'a HashMap<String, usize>,
    cells: &'a csv::StringRecord,
}

impl Row<'_> {
    fn get(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|place| self.cells.get(*place)).unwrap_or("")
    }
}

fn each(night: &Night, file: File, mut visit: impl FnMut(&Row<'_>)) {
    let columns: HashMap<String, usize> = night.columns(file).into_iter().zip(0..).collect();
    let mut rows = night.rows(file);
    while let Some(cells) = rows.next_row() {
        visit(&Row { columns: &columns, cells });
    }
}

#[derive(Default)]
struct Roster {
    teachers: Vec<String>,
    students: Vec<String>,
}

/// Turns a night's files into Clever's objects.
pub(super) fn of_night(night: &Night, district: &str) -> Records {
    let mut all: Records = List::ALL.into_iter().map(|list| (list, BTreeMap::new())).collect();
    let mut put = |list: List, id: String, mut object: Value, role: &'static str, schools: Vec<String>| {
        if let Value::Object(fields) = &mut object {
            fields.insert("id".into(), id.clone().into());
            fields.insert("district".into(), district.into());
            fields.insert("created".into(), "2026-08-01T05:00:00.000Z".into());
            fields.insert("last_modified".into(), format!("{}T05:00:00.000Z", night.date()).into());
        }
        let record = Record { json: object.to_string().into(), role, schools };
        all.get_mut(&list).expect("every list is there").insert(id, record);
    };
    each(night, File::Orgs, |row| {
        if row.get("type") == "school" {
            let me = id("school", row.get("sourcedId"));
            let object = json!({ "name": row.get("name"), "sis_id": row.get("sourcedId"), "school_number": row.get("identifier"), "nces_id": "", "location": { "city": "", "zip": "" } });
            put(List::Schools, me.clone(), object, "", vec![me]);
        }
    });
    each(night, File::AcademicSessions, |row| {
        let object = json!({ "name": row.get("title"), "start_date": row.get("startDate"), "end_date": row.get("endDate") });
        put(List::Terms, id("term", row.get("sourcedId")), object, "", Vec::new());
    });
    each(night, File::Courses, |row| {
        let object = json!({ "name": row.get("title"), "number": row.get("courseCode") });
        put(List::Courses, id("course", row.get("sourcedId")), object, "", Vec::new());
    });
    let mut rosters: HashMap<String, Roster> = HashMap::new();
    each(night, File::Enrollments, |row| {
        let roster = rosters.entry(row.get("classSourcedId").to_owned()).or_default();
        let person = id("user", row.get("userSourcedId"));
        match (row.get("role"), row.get("primary")) {
            ("teacher", "true") => roster.teachers.insert(0, person),
            ("teacher", _) => roster.teachers.push(person),
            _ => roster.students.push(person),
        }
    });
    each(night, File::Classes, |row| {
        let roster = rosters.remove(row.get("sourcedId")).unwrap_or_default();
        let school = id("school", row.get("schoolSourcedId"));
        let term = row.get("termSourcedIds").split(',').next().unwrap_or("");
        let object = json!({
            "name": row.get("title"), "sis_id": row.get("sourcedId"), "school": school, "course": id("course", row.get("courseSourcedId")),
            "term_id": id("term", term), "period": row.get("periods"), "grade": row.get("grades"), "subject": "other", "section_number": "",
            "teacher": roster.teachers.first(), "teachers": roster.teachers, "students": roster.students, "ext": {},
        });
        put(List::Sections, id("section", row.get("sourcedId")), object, "", vec![school]);
    });
    let mut demographics: HashMap<String, Map<String, Value>> = HashMap::new();
    each(night, File::Demographics, |row| {
        demographics.insert(row.get("sourcedId").to_owned(), demographic(row));
    });
    let mut present: HashSet<String> = HashSet::new();
    each(night, File::Users, |row| {
        if row.get("role") == "student" {
            present.insert(row.get("sourcedId").to_owned());
        }
    });
    each(night, File::Users, |row| {
        let source = row.get("sourcedId");
        let schools: Vec<String> =
            row.get("orgSourcedIds").split(',').filter(|org| !org.is_empty()).map(|org| id("school", org)).collect();
        let me = id("user", source);
        let name = json!({ "first": row.get("givenName"), "middle": row.get("middleName"), "last": row.get("familyName") });
        match row.get("role") {
            "student" => {
                let mut student = demographics.remove(source).unwrap_or_default();
                let more = json!({
                    "school": schools.first(), "schools": schools, "sis_id": source, "student_number": row.get("identifier"),
                    "state_id": row.get("metadata.stateId"), "grade": grade(row.get("grades")), "enrollments": [],
                    "credentials": { "district_username": row.get("username") }, "graduation_year": "", "ext": {},
                });
                if let Value::Object(more) = more {
                    student.extend(more);
                }
                let object = json!({ "name": name, "email": row.get("email"), "roles": { "student": student } });
                put(List::Users, me, object, "student", schools);
            }
            "teacher" => {
                let teacher = json!({ "school": schools.first(), "schools": schools, "sis_id": source, "teacher_number": row.get("identifier"), "title": null });
                let object = json!({ "name": name, "email": row.get("email"), "roles": { "teacher": teacher } });
                put(List::Users, me, object, "teacher", schools);
            }
            "guardian" | "parent" | "relative" => {
                let relationships: Vec<Value> = row
                    .get("agentSourcedIds")
                    .split(',')
                    .filter(|child| present.contains(*child))
                    .map(|child| json!({ "student": id("user", child), "relationship": "Parent", "type": "Parent/Guardian" }))
                    .collect();
                // Clever has a contact's full name in `last`, and nothing in the others.
                let full = format!("{} {}", row.get("givenName"), row.get("familyName"));
                let contact = json!({ "sis_id": source, "phone": row.get("phone"), "phone_type": "Cell", "student_relationships": relationships });
                let object = json!({ "name": { "last": full }, "email": row.get("email"), "roles": { "contact": contact } });
                put(List::Users, me, object, "contact", schools);
            }
            _ => {}
        }
    });
    all
}

fn demographic(row: &Row<'_>) -> Map<String, Value> {
    let races = [
        ("americanIndianOrAlaskaNative", "American Indian"),
        ("asian", "Asian"),
        ("blackOrAfricanAmerican", "Black or African American"),
        ("nativeHawaiianOrOtherPacificIslander", "Hawaiian or Other Pacific Islander"),
        ("white", "Caucasian"),
    ];
    let two = row.get("demographicRaceTwoOrMoreRaces") == "true";
    let race = races.iter().find(|(column, _)| row.get(column) == "true").map_or("", |(_, race)| race);
    // Clever writes days without leading zeros, the month first.
    let born = row.get("birthDate").split('-').map(|part| part.trim_start_matches('0')).collect::<Vec<_>>();
    let dob = if let [year, month, day] = born[..] { format!("{month}/{day}/{year}") } else { String::new() };
    let yes_no = |column: &str| match row.get(column) {
        "true" => "Y",
        "false" => "N",
        _ => "",
    };
    let gender = match row.get("sex") {
        "male" => "M",
        "female" => "F",
        _ => "",
    };
    let fields = json!({ "dob": dob, "gender": gender, "race": if two { "Two or More Races" } else { race }, "hispanic_ethnicity": yes_no("hispanicOrLatinoEthnicity") });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Clever's word for a grade.
fn grade(code: &str) -> String {
    match code {
        "KG" => "Kindergarten".into(),
        "PK" => "PreKindergarten".into(),
        other => other.trim_start_matches('0').into(),
    }
}
