//! Explanations of why a record is not here (R-X1).

use roster::change::{Action, Change, Reason};
use roster::finding::Finding;
use roster::finding::sync::GUARDIAN_WAITS_FOR_CONTACT;
use roster::records::{
    AnyMirrored, Guardian, GuardianRole, Link, Membership, RecordKind, Status, Student, Teacher,
};
use roster::rule::Rule;
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use roster::snapshot::{UnreadableReason, UnreadableRecord};
use serde_json::{Value, json};

use crate::nights::{FIRST, Night, SECOND};
use crate::world::*;

/// A student of the source.
fn source_student(id: &str, email: &str, classes: &[&str]) -> Student {
    Student {
        id: id.into(),
        person: person("Nia Oak", email, "north"),
        demographics: Default::default(),
        guardians: vec![],
        classes: classes.iter().map(|class| Membership::of((*class).into())).collect(),
        by_enrollment: false,
    }
}

async fn ask(w: &World, question: Value) -> Value {
    let reply = w.post(&support(), "/explain", question).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// The first step that failed.
fn failed(answer: &Value) -> &str {
    let checks = answer["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["came"] == "failed")
        .map_or("none", |check| check["check"].as_str().unwrap())
}

/// The system in which the advice applies.
fn place(answer: &Value) -> &str {
    answer["advice"]["place"].as_str().unwrap_or("nowhere")
}

#[tokio::test]
async fn r_x1_the_checks_are_in_the_order_of_the_checklist() {
    let w = world("sis").await;
    Night::new(FIRST)
        .has(RecordKind::Student, &source_student("new", "", &["c1"]))
        .ends(&w, RunState::Applied)
        .await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new", "class": "c1" })).await;
    let order = [
        "in_snapshot",
        "has_contact",
        "in_active_class",
        "in_that_class",
        "run_since",
        "not_removed",
        "known_by_id",
    ];
    assert_eq!(listed(&answer["checks"], "check"), order);
    assert_eq!(
        (failed(&answer), place(&answer), &answer["here"]),
        ("has_contact", "sis", &json!(false))
    );
    assert_eq!(
        answer["shows"],
        json!({ "shows": "at", "at": "2026-09-02T02:00:00Z" }),
        "with tonight's run, at 02:00 UTC"
    );
}

#[tokio::test]
async fn r_x1_a_student_missing_from_the_newest_data_must_be_added_there() {
    let w = world("sis").await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    assert_eq!(
        (failed(&answer), place(&answer)),
        ("in_snapshot", "sis"),
        "there is no snapshot yet"
    );
    Night::new(FIRST)
        .has(RecordKind::Student, &source_student("other", "o@oak.org", &[]))
        .ends(&w, RunState::Applied)
        .await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    assert_eq!((failed(&answer), place(&answer)), ("in_snapshot", "sis"));
}

#[tokio::test]
async fn r_x1_an_unreadable_row_is_named() {
    let w = world("sis").await;
    let gap = UnreadableRecord::Record {
        kind: RecordKind::Student,
        id: "new".into(),
        classes: vec![],
        reason: UnreadableReason::default(),
        contacts: vec![],
    };
    Night::new(FIRST).gap(&gap).ends(&w, RunState::Applied).await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    assert!(answer["checks"][0]["found"].as_str().unwrap().contains("cannot be read"));
}

#[tokio::test]
async fn r_x1_a_student_without_an_active_class_is_explained() {
    let w = world("sis").await;
    let night =
        Night::new(FIRST).has(RecordKind::Student, &source_student("new", "n@oak.org", &["gone"]));
    night.ends(&w, RunState::Applied).await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    assert_eq!((failed(&answer), place(&answer)), ("in_active_class", "sis"));
    assert!(answer["checks"][2]["found"].as_str().unwrap().starts_with("0 of 1 "));
}

#[tokio::test]
async fn r_x1_a_student_missing_from_a_class_must_be_enrolled_in_the_sis() {
    for (source, name, there) in [
        ("classlink", "ClassLink", "classlink"),
        ("oneroster", "the student information system", "sis"),
    ] {
        let w = world("clever").await;
        Night::new(FIRST)
            .of(source)
            .has(RecordKind::Student, &source_student("p3", "pam@oak.org", &[]))
            .ends(&w, RunState::Applied)
            .await;
        let answer = ask(&w, json!({ "kind": "student", "id": "p3", "class": "c1" })).await;
        assert_eq!((failed(&answer), place(&answer)), ("in_that_class", there));
        assert!(answer["advice"]["what"].as_str().unwrap().contains(name), "{answer}");
    }
    let w = world("clever").await;
    Night::new(FIRST)
        .of("clever")
        .has(RecordKind::Student, &source_student("p3", "pam@oak.org", &[]))
        .ends(&w, RunState::Applied)
        .await;
    let answer = ask(&w, json!({ "kind": "student", "id": "p3", "class": "c1" })).await;
    assert_eq!((failed(&answer), place(&answer)), ("in_that_class", "clever"));
    let by_hand = w.post(&leader(), "/classes/c1/students", json!({ "student": "p3" })).await;
    assert_eq!(by_hand.status, 201);
    assert_eq!(
        ask(&w, json!({ "kind": "student", "id": "p3", "class": "c1" })).await["here"],
        true
    );
}

#[tokio::test]
async fn r_x1_a_held_run_must_be_decided_here() {
    let w = world("clever").await;
    Night::new(FIRST)
        .has(RecordKind::Student, &source_student("new", "n@oak.org", &["c1"]))
        .ends(&w, RunState::Held)
        .await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    assert_eq!(
        (failed(&answer), place(&answer), &answer["shows"]["shows"]),
        ("run_since", "here", &json!("once_done"))
    );
    w.switch(DistrictStatus::Off).await;
    assert!(
        ask(&w, json!({ "kind": "student", "id": "new" })).await["checks"]
            .to_string()
            .contains("switched off")
    );
}

#[tokio::test]
async fn r_x1_a_removal_is_explained_by_rule_and_date() {
    let w = world("clever").await;
    let before = student("p3", person("Pam Yew", "pam@oak.org", "north"), &[], &[]);
    let mut after = before.clone();
    (after.status, after.archived_on) = (Status::Archived, Some(jiff::civil::date(2026, 9, 1)));
    w.put(AnyMirrored::Student(after.clone())).await;
    let reasons = vec![Reason { rule: Rule::A1, what: "no longer in the source".into() }];
    let (key, before, after) =
        ("p3".into(), Some(AnyMirrored::Student(before)), Some(AnyMirrored::Student(after)));
    let change = Change { action: Action::Remove, key, reasons, before, after };
    Night::new(FIRST).changes(vec![change]).ends(&w, RunState::Applied).await;
    let answer = ask(&w, json!({ "kind": "student", "id": "p3" })).await;
    let removed = answer["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["check"] == "not_removed")
        .unwrap();
    let found = removed["found"].as_str().unwrap();
    assert!(
        found.contains(FIRST)
            && found.contains("2026-09-01")
            && found.contains("R-A1: no longer in the source"),
        "{found}"
    );
}

#[tokio::test]
async fn r_x1_ats_stars_needs_a_finalized_schedule_and_72_hours() {
    let w = world("ats-stars").await;
    Night::new(FIRST).of("clever").ends(&w, RunState::Applied).await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    let order = [
        "in_snapshot",
        "run_since",
        "not_removed",
        "schedule_finalised",
        "propagation_over",
        "known_by_id",
    ];
    assert_eq!(listed(&answer["checks"], "check"), order);
    assert_eq!(
        (&answer["checks"][3]["came"], &answer["checks"][4]["came"]),
        (&json!("open"), &json!("open")),
        "only a person can check these steps"
    );
    // The schedule may not be finalized, or the data may not have reached Clever yet. The time is
    // counted from the data, 2026-09-01T12:00:00Z.
    assert_eq!(
        answer["advice"],
        json!({
            "place": "sis",
            "what": "Check in the student information system that the schedule is finalized and \
                that the student is listed there. If not, contact the office that maintains it \
                (ATS/STARS: the DIIT office). A change made after 2026-08-29T12:00:00Z may not \
                have reached Clever yet: wait until 72 hours after the change.",
        })
    );
    let found = answer["checks"][4]["found"].as_str().unwrap();
    assert!(found.contains("72 hours") && found.contains("before 2026-08-29T12:00:00Z"), "{found}");
    assert_eq!(
        answer["shows"],
        json!({ "shows": "at", "at": "2026-09-05T02:00:00Z" }),
        "the first night after three days"
    );
}

#[tokio::test]
async fn r_x1_ats_stars_checks_a_class_and_the_runs_since() {
    let w = world("ats-stars").await;
    Night::new(FIRST)
        .of("clever")
        .has(RecordKind::Student, &source_student("p3", "pam@oak.org", &[]))
        .ends(&w, RunState::Applied)
        .await;
    let answer = ask(&w, json!({ "kind": "student", "id": "p3", "class": "c1" })).await;
    assert_eq!(
        (failed(&answer), place(&answer)),
        ("in_that_class", "sis"),
        "a class is changed in the SIS and not in Clever"
    );
    assert!(
        answer["advice"]["what"]
            .as_str()
            .unwrap()
            .contains("the student is listed in this class there")
    );
    // The data has reached Clever, and the run is held.
    let night = Night::new(SECOND)
        .of("clever")
        .has(RecordKind::Student, &source_student("p3", "pam@oak.org", &["c1"]));
    w.set_now("2026-09-02T12:00:00Z");
    night.ends(&w, RunState::Held).await;
    let answer = ask(&w, json!({ "kind": "student", "id": "p3", "class": "c1" })).await;
    assert_eq!((failed(&answer), place(&answer)), ("run_since", "here"));
    assert!(
        !listed(&answer["checks"], "check").contains(&"schedule_finalised"),
        "the record is in the newest data"
    );
    // All steps have passed, so the account must have another id.
    Night::new("01HZ0000000000000000000004")
        .of("clever")
        .has(RecordKind::Student, &source_student("new", "n@oak.org", &["c1"]))
        .ends(&w, RunState::Applied)
        .await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new", "class": "c1" })).await;
    assert_eq!(
        (failed(&answer), place(&answer)),
        ("known_by_id", "here"),
        "an ID adjustment is needed"
    );
}

#[tokio::test]
async fn r_x1_a_fast_source_does_not_need_a_finalized_schedule() {
    let w = world("clever").await;
    Night::new(FIRST).of("clever").ends(&w, RunState::Applied).await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    assert_eq!(
        listed(&answer["checks"], "check"),
        ["in_snapshot", "run_since", "not_removed", "propagation_over", "known_by_id"]
    );
    assert!(
        answer["checks"][3]["found"]
            .as_str()
            .unwrap()
            .starts_with("A change needs 15 minutes to reach the source.")
    );
}

#[tokio::test]
async fn r_x1_the_next_run_is_in_the_districts_time_zone() {
    let mut settings = Settings::of_preset("sis");
    settings.time_zone = "America/New_York".into();
    let w = world_with(settings).await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    assert_eq!(
        answer["shows"]["at"], "2026-09-02T07:00:00Z",
        "03:00 in New York: 02:00 is skipped once a year (R-O4)"
    );
    let w = world("family-directory").await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new" })).await;
    assert_eq!(
        answer["shows"],
        json!({ "shows": "with_upload_after", "at": "2026-09-01T12:00:00Z" })
    );
}

#[tokio::test]
async fn r_x1_if_every_step_passes_an_id_adjustment_is_needed() {
    let w = world("clever").await;
    Night::new(FIRST)
        .has(RecordKind::Student, &source_student("new", "n@oak.org", &["c1"]))
        .ends(&w, RunState::Applied)
        .await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new", "class": "c1" })).await;
    assert_eq!((failed(&answer), place(&answer)), ("known_by_id", "here"));
    assert!(answer["advice"]["what"].as_str().unwrap().contains("R-I3"));
    w.put(AnyMirrored::Link(Link {
        kind: RecordKind::Student,
        source: "new".into(),
        key: "p1".into(),
        rule: Rule::I3,
        administrator: None,
    }))
    .await;
    let answer = ask(&w, json!({ "kind": "student", "id": "new", "class": "c1" })).await;
    assert_eq!(
        (&answer["here"], &answer["key"], &answer["shows"]["shows"]),
        (&json!(true), &json!("p1"), &json!("now"))
    );
}

#[tokio::test]
async fn r_x1_a_guardian_needs_a_unique_contact() {
    let w = world("family-directory").await;
    let gus = |id: &str, email: &str| Guardian {
        id: id.into(),
        person: person("Gus Reed", email, "north"),
        role: GuardianRole::Parent,
        children: vec![],
    };
    let finding = Finding::new(&GUARDIAN_WAITS_FOR_CONTACT).about("guardian", &"new".into());
    let night =
        Night::new(FIRST).has(RecordKind::Guardian, &gus("new", "shared@home.org")).finds(finding);
    night.ends(&w, RunState::Applied).await;
    let answer = ask(&w, json!({ "kind": "guardian", "id": "new" })).await;
    assert_eq!((failed(&answer), place(&answer)), ("has_contact", "sis"));
    assert_eq!(answer["findings"][0]["code"], "guardian_waits_for_contact");
    w.set_now("2026-09-02T12:00:00Z");
    Night::new(SECOND).has(RecordKind::Guardian, &gus("new", "")).ends(&w, RunState::Applied).await;
    let answer = ask(&w, json!({ "kind": "guardian", "id": "new" })).await;
    assert!(answer["checks"][1]["found"].as_str().unwrap().contains("neither"));

    let w = world("clever").await;
    Night::new(FIRST)
        .has(RecordKind::Guardian, &gus("new", "gus@home.org"))
        .ends(&w, RunState::Applied)
        .await;
    let answer = ask(&w, json!({ "kind": "guardian", "id": "new" })).await;
    assert_eq!(
        (failed(&answer), place(&answer)),
        ("has_contact", "here"),
        "this preset imports no guardians"
    );
}

#[tokio::test]
async fn r_x1_teachers_and_classes_are_explained_too() {
    let w = world("clever").await;
    let ada = Teacher {
        id: "t1".into(),
        person: person("Ada Quill", "ada@oak.org", "north"),
        classes: vec![],
        by_enrollment: false,
    };
    Night::new(FIRST).has(RecordKind::Teacher, &ada).ends(&w, RunState::Applied).await;
    let answer = ask(&w, json!({ "kind": "teacher", "id": "t1", "class": "c2" })).await;
    assert_eq!(failed(&answer), "in_that_class");
    assert_eq!(ask(&w, json!({ "kind": "teacher", "id": "t1" })).await["here"], true);

    let mut over = class("c1", "north", &["t1"], &[]);
    over.state.inactive =
        vec![roster::records::Inactive::NoStudent, roster::records::Inactive::TermOver];
    w.put(AnyMirrored::Class(over)).await;
    let answer = ask(&w, json!({ "kind": "class", "id": "c1" })).await;
    assert!(answer["checks"].to_string().contains("it has no student today, its term is over"));
    assert_eq!(failed(&ask(&w, json!({ "kind": "class", "id": "c9" })).await), "in_snapshot");
    assert_eq!(
        w.post(&support(), "/explain", json!({ "kind": "term", "id": "x" })).await.status,
        422
    );
}

#[tokio::test]
async fn r_x1_a_record_outside_the_scope_is_explained_like_a_missing_one() {
    let w = world("clever").await;
    let mut south = source_student("south1", "s@oak.org", &["c2"]);
    south.person.schools = vec!["south".into()];
    Night::new(FIRST).has(RecordKind::Student, &south).ends(&w, RunState::Applied).await;
    let answer = async |id: &str| {
        let mut body =
            w.post(&north_leader(), "/explain", json!({ "kind": "student", "id": id })).await.body;
        body["id"] = json!("x");
        body
    };
    assert_eq!(answer("south1").await, answer("nobody").await);
    assert_eq!(answer("p9").await, answer("nobody").await);
    assert_eq!(
        w.post(
            &north_leader(),
            "/explain",
            json!({ "kind": "student", "id": "p1", "class": "c2" })
        )
        .await
        .status,
        404
    );
    assert_eq!(
        w.post(&teacher(), "/explain", json!({ "kind": "student", "id": "p1" })).await.status,
        422,
        "a teacher must name the class"
    );
    assert_eq!(
        w.post(&teacher(), "/explain", json!({ "kind": "student", "id": "p1", "class": "c1" }))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn r_x1_a_record_is_found_or_missing_in_a_large_snapshot() {
    let w = world("clever").await;
    let mut students: Vec<Student> =
        (0..3000).map(|n| source_student(&format!("n{n}"), "n@oak.org", &["c1"])).collect();
    students.sort_by(|a, b| a.id.table_order(&b.id));
    let mut night = Night::new(FIRST);
    for student in &students {
        night = night.has(RecordKind::Student, student);
    }
    night.ends(&w, RunState::Applied).await;
    for id in ["n0", "n1234", "n2999"] {
        assert_eq!(
            ask(&w, json!({ "kind": "student", "id": id })).await["checks"][0]["came"],
            "ok",
            "{id}"
        );
    }
    for id in ["n", "n3000", "zzz", "0"] {
        assert_eq!(
            ask(&w, json!({ "kind": "student", "id": id })).await["checks"][0]["came"],
            "failed",
            "{id}"
        );
    }
}
