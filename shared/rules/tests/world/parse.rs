//! Reads a snapshot in text; see the parent module for the format.

use std::collections::BTreeMap;

use roster::id::SourceId;
use roster::personal::Personal;
use roster::records::{
    Class, ClassDetails, Course, Demographics, Guardian, GuardianRole, Membership, Person,
    RecordKind, School, SessionKind, Student, Teacher, Term,
};
use roster::snapshot::{UnreadableReason, UnreadableRecord};

use super::Snapshot;

type Fields<'a> = BTreeMap<&'a str, &'a str>;

/// Reads a snapshot. Panics on a line that it does not know.
pub(crate) fn snapshot(text: &str) -> Snapshot {
    let mut night =
        Snapshot { schools: vec![school("sch", &Fields::new())], ..Snapshot::default() };
    night.terms.push(term("year", &Fields::from([("from", "2026-08-01"), ("to", "2027-07-01")])));
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (kind, id) = (words.next().unwrap(), words.next().unwrap());
        let fields: Fields =
            words.map(|word| word.split_once('=').unwrap_or((word, "yes"))).collect();
        match kind {
            "school" => night.schools.push(school(id, &fields)),
            "ids" if id == "own" => night.own_ids = true,
            "no" if id == "school" => night.schools.clear(),
            "no" if id == "term" => night.terms.clear(),
            "term" => night.terms.push(term(id, &fields)),
            "course" => night.courses.push(Course {
                id: id.into(),
                title: id.into(),
                code: None,
                org: None,
                school_year: None,
                grades: vec![],
                subjects: vec![],
                subject_codes: vec![],
            }),
            "class" => night.classes.push(class(id, &fields)),
            "teacher" => night.teachers.push(Teacher {
                id: id.into(),
                person: person(id, &fields),
                classes: vec![],
                by_enrollment: fields.contains_key("by_enrollment"),
            }),
            "student" => night.students.push(Student {
                id: id.into(),
                person: person(id, &fields),
                demographics: demographics(&fields),
                guardians: ids(fields.get("guardians")),
                classes: vec![],
                by_enrollment: fields.contains_key("by_enrollment"),
            }),
            "guardian" => night.guardians.push(Guardian {
                id: id.into(),
                person: person(id, &fields),
                role: GuardianRole::Parent,
                children: ids(fields.get("children")),
            }),
            "unreadable" => {
                if let Some(record) = named(&fields)
                    && id == "class"
                {
                    night.unreadable_classes.push(class(record, &fields));
                }
                night.unreadable.push(match id {
                    "enrollment" => UnreadableRecord::Enrollment {
                        class: fields.get("class").map(|id| (*id).into()),
                        person: fields.get("person").map(|id| (*id).into()),
                    },
                    "demographics" => UnreadableRecord::Demographics {
                        student: fields.keys().next().map(|id| (*id).into()),
                    },
                    _ => match named(&fields) {
                        Some(record) => UnreadableRecord::Record {
                            kind: kind_of(id),
                            id: record.into(),
                            classes: vec![],
                            reason: if fields.contains_key(REFERENCED) {
                                UnreadableReason::Referenced
                            } else {
                                UnreadableReason::Unreadable
                            },
                            contacts: fields
                                .get("contacts")
                                .map(|list| list.split(',').map(Personal::new).collect())
                                .unwrap_or_default(),
                        },
                        None => UnreadableRecord::Kind { kind: kind_of(id) },
                    },
                })
            }
            other => panic!("no line begins with {other}"),
        }
    }
    both_sides(&mut night);
    night
}

/// The word of a line about a record that was not sent.
const REFERENCED: &str = "referenced";

/// The id of an unreadable record: the word that is neither a field nor [`REFERENCED`].
fn named<'a>(fields: &Fields<'a>) -> Option<&'a str> {
    let word = fields.iter().find(|(word, value)| **value == "yes" && **word != REFERENCED);
    word.map(|(word, _)| *word)
}

/// Derives the people's lists of classes, and both sides of relationships.
pub(crate) fn both_sides(night: &mut Snapshot) {
    let mut of_student: BTreeMap<SourceId, Vec<Membership>> = BTreeMap::new();
    let mut of_teacher: BTreeMap<SourceId, Vec<Membership>> = BTreeMap::new();
    for class in night.classes.iter_mut().chain(&mut night.unreadable_classes) {
        class.students.sort_by(|a, b| a.id.cmp(&b.id));
        for (enrollments, people) in
            [(&class.students, &mut of_student), (&class.teachers, &mut of_teacher)]
        {
            for enrollment in enrollments {
                people
                    .entry(enrollment.id.clone())
                    .or_default()
                    .push(Membership { id: class.id.clone(), ..enrollment.clone() });
            }
        }
    }
    let classes_of = |id: &SourceId, people: &BTreeMap<SourceId, Vec<Membership>>| {
        let mut classes = people.get(id).cloned().unwrap_or_default();
        classes.sort_by(|a, b| a.id.cmp(&b.id));
        classes
    };
    for student in &mut night.students {
        student.classes = classes_of(&student.id, &of_student);
    }
    for teacher in &mut night.teachers {
        teacher.classes = classes_of(&teacher.id, &of_teacher);
    }
    for record in &mut night.unreadable {
        match record {
            UnreadableRecord::Record { kind: RecordKind::Student, id, classes, .. } => {
                *classes = classes_of(id, &of_student)
            }
            UnreadableRecord::Record { kind: RecordKind::Teacher, id, classes, .. } => {
                *classes = classes_of(id, &of_teacher)
            }
            _ => {}
        }
    }
    let mut pairs: Vec<(SourceId, SourceId)> = Vec::new();
    for student in &night.students {
        pairs.extend(
            student.guardians.iter().map(|guardian| (student.id.clone(), guardian.clone())),
        );
    }
    for guardian in &night.guardians {
        pairs.extend(guardian.children.iter().map(|child| (child.clone(), guardian.id.clone())));
    }
    pairs.sort();
    pairs.dedup();
    for student in &mut night.students {
        student.guardians = pairs
            .iter()
            .filter(|(child, _)| *child == student.id)
            .map(|(_, other)| other.clone())
            .collect();
    }
    for guardian in &mut night.guardians {
        guardian.children = pairs
            .iter()
            .filter(|(_, other)| *other == guardian.id)
            .map(|(child, _)| child.clone())
            .collect();
    }
}

fn kind_of(name: &str) -> RecordKind {
    RecordKind::named(name).unwrap_or_else(|| panic!("no kind {name}"))
}

fn ids(list: Option<&&str>) -> Vec<SourceId> {
    list.map_or_else(Vec::new, |list| list.split(',').map(SourceId::from).collect())
}

fn school(id: &str, fields: &Fields) -> School {
    School {
        id: id.into(),
        name: fields.get("name").map_or(id, |name| name).replace('_', " "),
        identifier: None,
        parent: None,
    }
}

fn term(id: &str, fields: &Fields) -> Term {
    Term {
        id: id.into(),
        title: id.into(),
        kind: SessionKind::Term,
        start: fields.get("from").map(|day| day.parse().unwrap()),
        end: fields.get("to").map(|day| day.parse().unwrap()),
        parent: None,
        school_year: None,
    }
}

fn class(id: &str, fields: &Fields) -> Class {
    let terms = match fields.get("terms") {
        Some(&"none") => vec![],
        Some(_) => ids(fields.get("terms")),
        None => vec!["year".into()],
    };
    Class {
        id: id.into(),
        details: ClassDetails {
            title: fields.get("title").map_or(id, |title| title).replace('_', " "),
            code: None,
            class_type: None,
            location: None,
            school: fields.get("school").map_or("sch", |school| school).into(),
            course: fields.get("course").map(|course| (*course).into()),
            terms,
            grades: ids(fields.get("grade")).iter().map(|id| id.as_str().into()).collect(),
            subjects: fields
                .get("subject")
                .map(|subject| subject.to_string())
                .into_iter()
                .collect(),
            subject_codes: vec![],
            periods: fields.get("period").map(|period| period.to_string()).into_iter().collect(),
        },
        teachers: enrollments(fields.get("teachers")),
        students: enrollments(fields.get("students")),
    }
}

fn enrollments(list: Option<&&str>) -> Vec<Membership> {
    let Some(list) = list else { return vec![] };
    list.split(',')
        .map(|text| {
            let (person, days) = text.split_once('@').unwrap_or((text, ".."));
            let (begin, end) = days.split_once("..").unwrap();
            let day = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
            Membership {
                id: person.trim_end_matches('*').into(),
                primary: person.ends_with('*'),
                begin: day(begin),
                end: day(end),
            }
        })
        .collect()
}

fn person(id: &str, fields: &Fields) -> Person {
    let text = |name: &str| fields.get(name).map(|value| Personal::new(*value));
    let name = fields.get("name").map_or(id, |name| name).replace('_', " ");
    let (given, family) = name.split_once('/').unwrap_or((&name, ""));
    Person {
        given: Personal::non_blank(given),
        family: Personal::non_blank(family),
        email: text("email"),
        phone: text("phone"),
        sms: text("sms"),
        number: text("number"),
        state_id: text("state"),
        sis_id: text("sis"),
        schools: fields
            .get("schools")
            .map_or_else(|| vec!["sch".into()], |_| ids(fields.get("schools"))),
        ..Person::default()
    }
}

fn demographics(fields: &Fields) -> Demographics {
    let text = |name: &str| fields.get(name).map(|value| Personal::new(*value));
    Demographics {
        grades: text("grade").into_iter().collect(),
        races: fields
            .get("race")
            .map_or_else(Vec::new, |list| list.split(',').map(Personal::new).collect()),
        hispanic: text("hispanic"),
        gender: text("gender"),
        birth_date: text("birth"),
        ell: text("ell"),
        frl: text("frl"),
        iep: text("iep"),
    }
}
