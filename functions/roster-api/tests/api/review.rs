//! The review of a held run (R-O2).

use std::collections::BTreeMap;

use roster::change::Counts;
use roster::finding::Finding;
use roster::finding::source::REFERENCE_MISSING;
use roster::finding::sync::STUDENT_NO_EMAIL;
use roster::outcome::Outcome;
use roster::personal::Personal;
use roster::records::{
    Class, ClassDetails, Demographics, Membership, Person, RecordKind, School, Student, Teacher,
};
use roster::review::{Field, FieldShare, Review, SchoolCounts};
use roster::run::RunState;
use roster::settings::DistrictStatus;
use serde_json::{Value, json};

use crate::nights::{FIRST, Night, SECOND};
use crate::world::*;

fn of_source(id: String, person: Person) -> Student {
    let demographics =
        Demographics { grades: vec![Personal::new("04")], ..Demographics::default() };
    let classes = vec![Membership::of("c1".into())];
    Student {
        id: id.as_str().into(),
        person,
        demographics,
        guardians: vec![],
        classes,
        by_enrollment: false,
    }
}

fn class_of_source() -> Class {
    let details = ClassDetails {
        title: "Reading".into(),
        code: Some("R1".into()),
        class_type: None,
        location: None,
        school: "north".into(),
        course: None,
        terms: vec!["y".into()],
        grades: vec![],
        subjects: vec![],
        subject_codes: vec![],
        periods: vec!["2".into()],
    };
    Class {
        id: "c1".into(),
        details,
        teachers: vec![Membership::of("t1".into())],
        students: vec![Membership::of("s0".into())],
    }
}

/// A held first import: thirty students in three schools, a teacher and a class.
fn first() -> Night {
    let mut students: Vec<Student> = (0..30)
        .map(|n| {
            let mut person =
                person(&format!("Pupil{n} Larch"), "", ["north", "south", "east"][n % 3]);
            person.state_id = text("ST-7");
            of_source(format!("s{n}"), person)
        })
        .collect();
    students.sort_by(|a, b| a.id.table_order(&b.id));
    let school = |id: &str| School {
        id: id.into(),
        name: format!("School {id}"),
        identifier: None,
        parent: None,
    };
    let teacher = Teacher {
        id: "t1".into(),
        person: person("Ada Quill", "ada@oak.org", "north"),
        classes: vec![],
        by_enrollment: false,
    };
    let night = students.iter().fold(Night::new(FIRST).of("clever"), |night, student| {
        night.has(RecordKind::Student, student)
    });
    let counts = |in_source| {
        BTreeMap::from([(
            "student".to_owned(),
            Counts { in_source, added: in_source, ..Counts::default() },
        )])
    };
    let share = |field: Field, has, ignored| FieldShare {
        kind: RecordKind::Student,
        field,
        required: field.is_required(),
        has,
        of: 30,
        ignored,
    };
    let review = Review {
        fields: vec![
            share(Field::Email, 20, false),
            share(Field::StateId, 30, false),
            share(Field::Race, 0, true),
        ],
        schools: vec![
            SchoolCounts { school: "north".into(), counts: counts(10) },
            SchoolCounts { school: "nowhere".into(), counts: counts(1) },
        ],
        unreadable: BTreeMap::from([("student".to_owned(), 2)]),
        ..Review::default()
    };
    let about = |code, id: &str| Finding::new(code).about("student", &id.into());
    night
        .has(RecordKind::School, &school("north"))
        .has(RecordKind::Teacher, &teacher)
        .has(RecordKind::Class, &class_of_source())
        .finds(about(&STUDENT_NO_EMAIL, "s1"))
        .finds(about(&STUDENT_NO_EMAIL, "s2"))
        .finds(about(&REFERENCE_MISSING, "s3"))
        .amounts_to(Outcome { counts: counts(30), changes: 33, review, ..Outcome::default() })
}

async fn review(w: &World, token: &Token) -> Value {
    let reply = w.get(token, &format!("/runs/{FIRST}/review")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

#[tokio::test]
async fn r_o2_the_review_shows_counts_schools_and_the_share_of_every_field() {
    let w = world("clever").await;
    w.switch(DistrictStatus::InReview).await;
    first().ends(&w, RunState::Held).await;
    let shown = review(&w, &operator()).await;
    assert_eq!(
        (&shown["waits"], &shown["district_status"], &shown["source"]),
        (&json!(true), &json!("in_review"), &json!("clever"))
    );
    assert_eq!((&shown["changes"], &shown["counts"]["student"]["added"]), (&json!(33), &json!(30)));
    assert_eq!(
        shown["fields"],
        json!([
            { "kind": "student", "field": "email", "required": true, "has": 20, "of": 30, "percent": 66.6 },
            { "kind": "student", "field": "state_id", "required": true, "has": 30, "of": 30, "percent": 100.0 },
            { "kind": "student", "field": "race", "required": false, "has": 0, "of": 30, "ignored": true, "percent": null },
        ]),
        "shares are not rounded up: 100 means all"
    );
    assert_eq!(
        (&shown["schools"][0]["school"], &shown["schools"][0]["name"]),
        (&json!("north"), &json!("School north"))
    );
    assert_eq!(shown["schools"][0]["counts"]["student"]["in_source"], 10);
    assert_eq!(shown["schools"][1]["name"], json!(null), "the source has no record of this school");
    assert_eq!(shown["unreadable"], json!({ "student": 2 }));
}

#[tokio::test]
async fn r_o2_the_review_lists_findings_by_severity_with_advice() {
    let w = world("clever").await;
    first().ends(&w, RunState::Held).await;
    let found = review(&w, &operator()).await["findings"].clone();
    assert_eq!(listed(&found, "code"), ["reference_missing", "student_no_email"]);
    assert_eq!(
        (&found[0]["severity"], &found[1]["severity"], &found[1]["count"]),
        (&json!("drop"), &json!("warn"), &json!(2))
    );
    assert_eq!(found[1]["advice"], STUDENT_NO_EMAIL.advice);
    assert_eq!(found[1]["first"][0]["entity"]["id"], "s1");
}

#[tokio::test]
async fn r_o2_samples_of_each_kind_are_spread_over_the_schools() {
    let w = world("clever").await;
    first().ends(&w, RunState::Held).await;
    let samples = review(&w, &operator()).await["samples"].clone();
    let students = samples["student"].as_array().unwrap();
    let schools: std::collections::BTreeSet<&str> =
        students.iter().map(|student| student["schools"][0].as_str().unwrap()).collect();
    assert_eq!((students.len(), schools.len()), (8, 3), "{samples}");
    assert_eq!(
        (&students[0]["family"], &students[0]["state_id"], &students[0]["classes"]),
        (&json!("Larch"), &json!("ST-7"), &json!(1))
    );
    assert_eq!(students[0]["demographics"]["grades"], json!(["04"]));
    assert_eq!(samples["teacher"][0]["email"], "ada@oak.org");
    let class = &samples["class"][0];
    assert_eq!(
        (&class["title"], &class["teachers"], &class["students"]),
        (&json!("Reading"), &json!(1), &json!(1))
    );
    assert_eq!(samples["guardian"], json!(null), "this district imports no guardians");
    // The samples are the same every time.
    assert_eq!(review(&w, &operator()).await["samples"], samples);
    for key in w.internal.keys().into_iter().filter(|key| !key.starts_with("snapshots/")) {
        let stored = String::from_utf8_lossy(&w.internal.body(&key).unwrap()).into_owned();
        assert!(!stored.contains("Larch") && !stored.contains("ada@oak.org"), "{key}");
    }
}

#[tokio::test]
async fn r_o2_a_review_needs_permission_and_a_plan() {
    let w = world("clever").await;
    first().ends(&w, RunState::Held).await;
    let path = format!("/runs/{FIRST}/review");
    for token in [support(), leader()] {
        assert_eq!(w.get(&token, &path).await.status, 200);
    }
    for token in [north_leader(), teacher(), guardian(), users_manager(), application()] {
        assert_eq!(w.get(&token, &path).await.status, 403);
    }
    assert_eq!(w.get(&operator().of("elm"), &path).await.status, 404);
    Night::new(SECOND).refused(&w).await;
    assert_eq!(w.get(&operator(), &format!("/runs/{SECOND}/review")).await.status, 404);
}

#[tokio::test]
async fn r_o2_after_the_snapshot_expires_the_review_has_no_samples() {
    let w = world("clever").await;
    first().ends(&w, RunState::Applied).await;
    w.internal.remove(&format!("snapshots/oak/{FIRST}/manifest.json"));
    let shown = review(&w, &operator()).await;
    assert_eq!(
        (&shown["samples"], &shown["waits"], &shown["counts"]["student"]["added"]),
        (&json!(null), &json!(false), &json!(30))
    );
}
