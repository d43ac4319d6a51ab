//! Converts the rows of a synthetic district to Clever's objects, with Clever's quirks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use districts::{File, Night};
use jiff::Timestamp;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::people::{self, Staff};

/// The lists of the Data API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// `/schools`
    Schools,
    /// `/terms`
    Terms,
    /// `/courses`
    Courses,
    /// `/users`
    Users,
    /// `/sections`
    Sections,
}

impl List {
    /// All lists, parents before children.
    pub const ALL: [List; 5] =
        [List::Schools, List::Terms, List::Courses, List::Users, List::Sections];

    /// The last part of the list's path.
    pub fn name(self) -> &'static str {
        match self {
            List::Schools => "schools",
            List::Terms => "terms",
            List::Courses => "courses",
            List::Users => "users",
            List::Sections => "sections",
        }
    }

    pub(super) fn named(name: &str) -> Option<List> {
        List::ALL.into_iter().find(|list| list.name() == name)
    }
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The object in version 3.1, without the fields that all objects share.
    pub(super) content: Arc<str>,
    /// For users: the roles in which they are listed.
    pub(super) roles: &'static [&'static str],
    /// The schools that it belongs to. Empty: it belongs to the district.
    pub(super) schools: Vec<String>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
}

impl Record {
    pub(super) fn new(
        content: &Value,
        roles: &'static [&'static str],
        schools: Vec<String>,
        now: Timestamp,
    ) -> Self {
        Self { content: content.to_string().into(), roles, schools, created: now, modified: now }
    }

    /// The object in version 3.1 as it is sent.
    pub(super) fn object(&self, id: &str, district: &str) -> String {
        let inner = self.content.strip_suffix('}').unwrap_or("{\"ext\":{}");
        let (created, modified) = (moment(self.created), moment(self.modified));
        format!(
            r#"{inner},"created":"{created}","district":"{district}","id":"{id}","last_modified":"{modified}"}}"#
        )
    }

    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.content).unwrap_or_default()
    }
}

/// A district's records by list and id. Lists are served in the order of ids.
pub(super) type Records = BTreeMap<List, BTreeMap<String, Record>>;

/// Derives Clever's id from the source's id: 24 hexadecimal digits.
pub fn id(kind: &str, source: &str) -> String {
    format!("{:032x}", xxh3_128(format!("{kind}\u{1f}{source}").as_bytes()))[..24].to_owned()
}

/// Formats a timestamp as Clever does.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Removes the fields that version 3.1 added to 3.0.
pub(super) fn as_v3_0(object: &mut Value) {
    let take = |object: &mut Value, names: &[&str]| {
        if let Some(fields) = object.as_object_mut() {
            fields.retain(|name, _| !names.contains(&name.as_str()));
        }
    };
    take(object, &["lms_state", "lms_type", "last_attendance_sync", "lms_status"]);
    if let Some(student) = object.pointer_mut("/roles/student") {
        let newer = [
            "disability",
            "frl_status",
            "gifted_status",
            "home_language",
            "home_language_code",
            "iep_status",
        ];
        take(student, &newer);
        take(student, &["preferred_name", "section_504_status"]);
    }
}

/// A row of a file, with access by column name.
pub(super) struct Row<'a> {
    columns: &'a HashMap<String, usize>,
    cells: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    pub(super) fn get(&self, column: &str) -> &'a str {
        self.columns.get(column).and_then(|place| self.cells.get(*place)).unwrap_or("")
    }

    /// The items of a cell that holds a list.
    pub(super) fn list(&self, column: &str) -> impl Iterator<Item = &'a str> {
        self.get(column).split(',').filter(|part| !part.is_empty())
    }
}

pub(super) fn each(night: &Night, file: File, mut visit: impl FnMut(&Row<'_>)) {
    let columns: HashMap<String, usize> = night.columns(file).into_iter().zip(0..).collect();
    let mut rows = night.rows(file);
    while let Some(cells) = rows.next_row() {
        visit(&Row { columns: &columns, cells });
    }
}

/// The members of a section.
#[derive(Default)]
struct Roster {
    /// The primary teacher is first.
    teachers: Vec<String>,
    students: Vec<String>,
}

/// Converts a night's files (full OneRoster 1.1) to Clever's objects. Records that are unchanged
/// since `before` keep their times.
pub(super) fn of_night(night: &Night, before: &Records, now: Timestamp) -> Records {
    let mut all: Records = List::ALL.into_iter().map(|list| (list, BTreeMap::new())).collect();
    let staff = people::staff(night);
    let mut put = |list: List, id: String, record: Record| {
        all.entry(list).or_default().insert(id, record);
    };
    schools(night, &staff, now, &mut put);
    // Clever derives terms and courses from sections, so they belong to the schools of their
    // sections.
    let mut terms: HashMap<String, BTreeSet<String>> = HashMap::new();
    let mut courses: HashMap<String, BTreeSet<String>> = HashMap::new();
    let mut rosters = rosters(night);
    each(night, File::Classes, |row| {
        let roster = rosters.remove(row.get("sourcedId")).unwrap_or_default();
        let school = id("school", row.get("schoolSourcedId"));
        let (course, term) =
            (row.get("courseSourcedId"), row.list("termSourcedIds").next().unwrap_or(""));
        terms.entry(term.to_owned()).or_default().insert(school.clone());
        courses.entry(course.to_owned()).or_default().insert(school.clone());
        let object = section(row, &roster, &school, (course, term), &staff);
        put(
            List::Sections,
            id("section", row.get("sourcedId")),
            Record::new(&object, &[], vec![school], now),
        );
    });
    each(night, File::AcademicSessions, |row| {
        if let Some(schools) = terms.remove(row.get("sourcedId")) {
            let object = json!({ "name": row.get("title"), "start_date": row.get("startDate"),
                "end_date": row.get("endDate") });
            put(
                List::Terms,
                id("term", row.get("sourcedId")),
                Record::new(&object, &[], schools.into_iter().collect(), now),
            );
        }
    });
    each(night, File::Courses, |row| {
        if let Some(schools) = courses.remove(row.get("sourcedId")) {
            let object = json!({ "name": row.get("title"), "number": row.get("courseCode") });
            put(
                List::Courses,
                id("course", row.get("sourcedId")),
                Record::new(&object, &[], schools.into_iter().collect(), now),
            );
        }
    });
    people::each_user(night, |id, object, roles, schools| {
        put(List::Users, id, Record::new(&object, roles, schools, now))
    });
    keep_times(&mut all, before);
    all
}

/// Keeps the times of unchanged records, and the creation time of changed ones.
pub(super) fn keep_times(all: &mut Records, before: &Records) {
    for (list, records) in all {
        for (id, record) in records {
            if let Some(old) = before.get(list).and_then(|old| old.get(id)) {
                record.created = old.created;
                if old.content == record.content {
                    record.modified = old.modified;
                }
            }
        }
    }
}

fn schools(
    night: &Night,
    staff: &Staff,
    now: Timestamp,
    put: &mut impl FnMut(List, String, Record),
) {
    each(night, File::Orgs, |row| {
        if row.get("type") != "school" {
            return;
        }
        let (me, name) = (id("school", row.get("sourcedId")), row.get("name"));
        let grades = if name.ends_with("Elementary School") {
            ("Kindergarten", "5")
        } else if name.ends_with("Middle School") {
            ("6", "8")
        } else {
            ("9", "12")
        };
        let object = json!({
            "name": name, "sis_id": row.get("sourcedId"), "school_number": row.get("identifier"),
            "state_id": "", "nces_id": "",
            "low_grade": grades.0, "high_grade": grades.1, "phone": "",
            "principal": staff.principal(row.get("sourcedId")),
            "location": { "address": "", "city": "", "state": "", "zip": "" }, "ext": {},
        });
        put(List::Schools, me.clone(), Record::new(&object, &[], vec![me], now));
    });
}

fn rosters(night: &Night) -> HashMap<String, Roster> {
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
    rosters
}

fn section(
    row: &Row<'_>,
    roster: &Roster,
    school: &str,
    (course, term): (&str, &str),
    staff: &Staff,
) -> Value {
    // Clever generates the name from course, last name of the primary teacher, and period.
    let teacher = roster.teachers.first();
    let last = teacher.and_then(|teacher| staff.last_name(teacher)).unwrap_or_default();
    let name = [row.get("title"), last, row.get("periods")]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>();
    json!({
        "name": name.join(" - "), "sis_id": row.get("sourcedId"), "school": school,
        "course": id("course", course),
        "term_id": id("term", term), "period": row.get("periods"),
        "grade": people::grade(row.get("grades")),
        "subject": subject(row.get("subjects")), "section_number": "", "teacher": teacher,
        "teachers": roster.teachers,
        "students": roster.students, "ext": { "classroom": row.get("location") },
        "lms_status": { "synced_in_lms": null },
    })
}

/// Clever's name of a subject.
fn subject(name: &str) -> &'static str {
    match name {
        "English Language Arts" => "english/language arts",
        "Mathematics" => "math",
        "Science" => "science",
        "Social Studies" => "social studies",
        "World Languages" => "language",
        "Computer Science" => "technology and engineering",
        "Physical Education" | "Health" => "PE and health",
        "Visual Arts" | "Music" => "arts and music",
        "" => "homeroom/advisory",
        _ => "other",
    }
}
