//! A district's users in Clever's format: one object per person. Employees may have several roles.

use std::collections::{HashMap, HashSet};

use districts::{File, Night};
use serde_json::{Map, Value, json};

use super::records::{Row, each, id};

/// Details of employees that other objects repeat.
#[derive(Default)]
pub(super) struct Staff {
    /// Last names of teachers, by Clever's id.
    names: HashMap<String, String>,
    /// Principals, by the source's id of the school.
    principals: HashMap<String, Value>,
}

impl Staff {
    pub(super) fn last_name(&self, teacher: &str) -> Option<&str> {
        self.names.get(teacher).map(String::as_str)
    }

    pub(super) fn principal(&self, school: &str) -> Value {
        self.principals.get(school).cloned().unwrap_or_else(|| json!({ "name": "", "email": "" }))
    }
}

/// Reads the teachers and principals.
pub(super) fn staff(night: &Night) -> Staff {
    let mut staff = Staff::default();
    each(night, File::Users, |row| match row.get("role") {
        "teacher" => {
            staff.names.insert(id("user", row.get("sourcedId")), row.get("familyName").to_owned());
        }
        "administrator" => {
            for school in row.list("orgSourcedIds") {
                let name = format!("{} {}", row.get("givenName"), row.get("familyName"));
                staff
                    .principals
                    .insert(school.to_owned(), json!({ "name": name, "email": row.get("email") }));
            }
        }
        _ => {}
    });
    staff
}

/// Passes every user to `put`: id, object, roles, schools.
pub(super) fn each_user(
    night: &Night,
    mut put: impl FnMut(String, Value, &'static [&'static str], Vec<String>),
) {
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
        let schools: Vec<String> = row.list("orgSourcedIds").map(|org| id("school", org)).collect();
        let me = id("user", source);
        let (roles, object): (&[&str], Value) = match row.get("role") {
            "student" => (
                &["student"],
                student(row, &schools, demographics.remove(source).unwrap_or_default()),
            ),
            // Some teachers are also staff, and some principals are also district administrators.
            "teacher" if me.ends_with('0') => {
                let mut object = teacher(row, &schools);
                object["roles"]["staff"] = staff_role(row, &schools, "Coach");
                (&["teacher", "staff"], object)
            }
            "teacher" => (&["teacher"], teacher(row, &schools)),
            "administrator" if me.as_str() < "8" => {
                let mut object = administrator(row, &schools);
                object["roles"]["district_admin"] = json!({ "title": "Principal" });
                (&["staff", "district_admin"], object)
            }
            "administrator" => (&["staff"], administrator(row, &schools)),
            "guardian" | "parent" | "relative" => (&["contact"], contact(row, &present)),
            _ => return,
        };
        put(me, object, roles, schools);
    });
}

fn name(row: &Row<'_>) -> Value {
    json!({ "first": row.get("givenName"), "middle": row.get("middleName"),
        "last": row.get("familyName") })
}

/// A student. Unknown values are blank, and some fields are missing.
fn student(row: &Row<'_>, schools: &[String], mut student: Map<String, Value>) -> Value {
    let flag = |column: &str| match row.get(column) {
        "true" => "Y",
        "false" => "N",
        _ => "",
    };
    let lunch = match row.get("metadata.frl") {
        "true" => "Free",
        "false" => "Paid",
        _ => "",
    };
    let more = json!({
        "school": schools.first(), "schools": schools, "sis_id": row.get("sourcedId"),
        "student_number": row.get("identifier"),
        "state_id": row.get("metadata.stateId"), "grade": grade(row.get("grades")),
        "enrollments": [], "graduation_year": "",
        "credentials": { "district_username": row.get("username") }, "ext": {},
        "email": row.get("email"),
        "location": { "address": "", "city": "", "state": "", "zip": "" },
        "ell_status": flag("metadata.ell"), "iep_status": flag("metadata.iep"), "frl_status": lunch,
    });
    if let Value::Object(more) = more {
        student.extend(more);
    }
    json!({ "name": name(row), "email": row.get("email"), "roles": { "student": student } })
}

fn teacher(row: &Row<'_>, schools: &[String]) -> Value {
    let teacher = json!({
        "school": schools.first(), "schools": schools, "sis_id": row.get("sourcedId"),
        "teacher_number": row.get("identifier"),
        "state_id": "", "title": null, "credentials": { "district_username": row.get("username") },
        "ext": {},
        "legacy_id": id("teacher before version 3", row.get("sourcedId")),
    });
    json!({ "name": name(row), "email": row.get("email"), "roles": { "teacher": teacher } })
}

fn administrator(row: &Row<'_>, schools: &[String]) -> Value {
    json!({ "name": name(row), "email": row.get("email"), "roles": { "staff": staff_role(row,
        schools, "Principal") } })
}

fn staff_role(row: &Row<'_>, schools: &[String], title: &str) -> Value {
    json!({
        "schools": schools, "staff_id": row.get("sourcedId"), "title": title, "department": "",
        "roles": ["School Tech Lead"],
        "credentials": { "district_username": row.get("username") }, "ext": {},
    })
}

/// A contact. Clever puts the full name into `last`. Relationships to missing students are dropped.
fn contact(row: &Row<'_>, present: &HashSet<String>) -> Value {
    let (relationship, kind) = match row.get("role") {
        "parent" => ("Parent", "Parent/Guardian"),
        "relative" => ("Grandparent", "Family"),
        _ => ("Other", "Parent/Guardian"),
    };
    let relationships: Vec<Value> = row
        .list("agentSourcedIds")
        .filter(|child| present.contains(*child))
        .map(|child| {
            json!({ "student": id("user", child), "relationship": relationship,
        "type": kind })
        })
        .collect();
    let phone = row.get("phone");
    let contact = json!({
        "sis_id": row.get("sourcedId"), "phone": phone,
        "phone_type": if phone.is_empty() { "" } else { "Cell" },
        "student_relationships": relationships,
    });
    let last = format!("{} {}", row.get("givenName"), row.get("familyName"));
    json!({ "name": { "last": last }, "email": row.get("email"), "roles": { "contact": contact } })
}

fn demographic(row: &Row<'_>) -> Map<String, Value> {
    let races = [
        ("americanIndianOrAlaskaNative", "American Indian"),
        ("asian", "Asian"),
        ("blackOrAfricanAmerican", "Black or African American"),
        ("nativeHawaiianOrOtherPacificIslander", "Hawaiian or Other Pacific Islander"),
        ("white", "Caucasian"),
    ];
    let race = if row.get("demographicRaceTwoOrMoreRaces") == "true" {
        "Two or More Races"
    } else {
        races.iter().find(|(column, _)| row.get(column) == "true").map_or("", |(_, race)| race)
    };
    // Clever's format is month/day/year without leading zeros.
    let born: Vec<&str> =
        row.get("birthDate").split('-').map(|part| part.trim_start_matches('0')).collect();
    let dob = if let [year, month, day] = born[..] {
        format!("{month}/{day}/{year}")
    } else {
        String::new()
    };
    let hispanic = match row.get("hispanicOrLatinoEthnicity") {
        "true" => "Y",
        "false" => "N",
        _ => "",
    };
    let gender = match row.get("sex") {
        "male" => "M",
        "female" => "F",
        _ => "",
    };
    let fields =
        json!({ "dob": dob, "gender": gender, "race": race, "hispanic_ethnicity": hispanic });
    fields.as_object().cloned().unwrap_or_default()
}

/// Clever's name of a grade.
pub(super) fn grade(code: &str) -> String {
    match code {
        "KG" => "Kindergarten".into(),
        "PK" => "PreKindergarten".into(),
        other => other.trim_start_matches('0').into(),
    }
}
