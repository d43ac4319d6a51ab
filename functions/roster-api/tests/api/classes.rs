//! Classes, rosters, co-teachers, manual classes and custom names.

use roster::records::{AnyMirrored, Status};
use roster::settings::{DistrictStatus, Settings};
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn r_m4_a_custom_name_is_shown_with_the_sources_name() {
    let w = world("sis").await;
    let made = w.put_json(&teacher(), "/classes/c1/custom-name", json!({ "name": " Owls " })).await;
    assert_eq!((made.status, &made.body["lives"]), (200, &json!("until_taken_away")));
    let class = w.get(&teacher(), "/classes/c1").await;
    assert_eq!(
        (&class.body["name"], &class.body["source_name"]),
        (&json!("Owls"), &json!("Reading"))
    );

    let gone = w.delete_at(&teacher(), "/classes/c1/custom-name", &made.version()).await;
    assert_eq!(gone.status, 204);
    assert_eq!(w.get(&teacher(), "/classes/c1").await.body["name"], "Reading");
}

#[tokio::test]
async fn a_second_change_of_the_same_version_is_rejected() {
    let w = world("sis").await;
    let first = w
        .put_json(&teacher(), "/classes/c1/custom-name", json!({ "name": "Owls" }))
        .await
        .version();
    assert_eq!(
        w.put_json(&leader(), "/classes/c1/custom-name", json!({ "name": "Bats" })).await.status,
        428
    );
    let second =
        w.put_at(&leader(), "/classes/c1/custom-name", &first, json!({ "name": "Bats" })).await;
    assert_eq!(second.status, 200);
    assert_eq!(
        w.put_at(&teacher(), "/classes/c1/custom-name", &first, json!({ "name": "Cats" }))
            .await
            .status,
        412
    );
    assert_eq!(w.delete(&teacher(), "/classes/c1/custom-name").await.status, 428);
    assert_eq!(w.delete_at(&teacher(), "/classes/c1/custom-name", &first).await.status, 412);
    assert_eq!(w.get(&teacher(), "/classes/c1").await.body["name"], "Bats");
    assert_eq!(w.delete_at(&teacher(), "/classes/c2/custom-name", &first).await.status, 404);
}

#[tokio::test]
async fn r_t6_single_sign_on_is_ready_after_the_primary_teacher_signs_in() {
    let w = world("clever").await;
    let ready = async || w.get(&teacher(), "/classes/c1").await.body["sso_ready"].clone();
    assert_eq!(ready().await, json!(false));
    assert_eq!(w.post(&application(), "/people/teacher/t2/sign-ins", json!({})).await.status, 200);
    assert_eq!(ready().await, json!(false));
    let first = w.post(&application(), "/people/teacher/t1/sign-ins", json!({})).await;
    assert_eq!(first.status, 200);
    assert_eq!(ready().await, json!(true));
    w.set_now("2026-09-02T12:00:00Z");
    let again = w.post(&application(), "/people/teacher/t1/sign-ins", json!({})).await;
    assert_eq!(
        again.body["value"], first.body["value"],
        "the time of the first sign-in does not change"
    );
}

#[tokio::test]
async fn r_s4_a_student_added_by_hand_is_kept_until_the_next_run() {
    let w = world("clever").await;
    let made = w.post(&teacher(), "/classes/c1/students", json!({ "student": "p3" })).await;
    assert_eq!((made.status, &made.body["lives"]), (201, &json!("until_next_run")));
    assert_eq!(made.headers["location"], "/v1/districts/oak/people/student/p3");
    assert_eq!(w.students("c1").await, ["p1", "p2", "p3"]);
    let seen_from_the_student = w.get(&support(), "/people/student/p3").await;
    assert_eq!(seen_from_the_student.body["classes"], json!([{ "key": "c1", "origin": "manual" }]));

    assert_eq!(w.delete(&teacher(), "/classes/c1/students/p3").await.status, 204);
    assert_eq!(w.students("c1").await, ["p1", "p2"]);
    assert_eq!(w.delete(&teacher(), "/classes/c1/students/p3").await.status, 404);
    assert_eq!(w.delete(&teacher(), "/classes/c1/students/p1").await.refusal(), (409, "R-M2"));
}

#[tokio::test]
async fn r_s4_under_keep_adding_needs_school_rostering() {
    let w = world("family-directory").await;
    for (path, body) in [
        ("/classes/c1/students", json!({ "student": "p3" })),
        ("/classes/c1/teachers", json!({ "teacher": "t2" })),
    ] {
        assert_eq!(w.post(&leader(), path, body).await.refusal(), (409, "R-S4"), "{path}");
    }
    let mut settings = Settings::of_preset("family-directory");
    settings.school_rostering.insert("north".into(), roster::policy::Switch::On);
    let w = world_with(settings).await;
    for (path, body) in [
        ("/classes/c1/students", json!({ "student": "p3" })),
        ("/classes/c1/teachers", json!({ "teacher": "t2" })),
    ] {
        let made = w.post(&teacher(), path, body).await;
        assert_eq!((made.status, &made.body["lives"]), (201, &json!("until_taken_away")), "{path}");
    }
    assert_eq!(
        w.post(&leader(), "/classes/c2/students", json!({ "student": "p9" })).await.refusal(),
        (409, "R-S4"),
        "school rostering is off in south"
    );
}

#[tokio::test]
async fn r_s5_a_name_must_match_the_directory_exactly() {
    let w = world("clever").await;
    let add = async |body| w.post(&teacher(), "/classes/c1/students", body).await;
    let unknown = add(json!({ "name": "Pam Yewtree" })).await;
    assert_eq!(unknown.refusal(), (422, "R-S5"));
    assert_eq!(unknown.body["detail"], "not in the directory");
    assert_eq!(
        add(json!({ "name": "Sam Alder" })).await.refusal(),
        (422, "R-S5"),
        "a student of another school"
    );
    assert_eq!(
        add(json!({ "student": "p9" })).await.refusal(),
        (422, "R-S5"),
        "an id outside the directory is rejected, too"
    );
    assert_eq!(add(json!({ "student": "p3", "name": "Pam Yew" })).await.status, 422);

    let two = add(json!({ "name": "Bo Birch" })).await;
    assert_eq!(two.refusal(), (422, "R-S5"));
    assert_eq!(listed(&two.body["candidates"], "key"), ["p4", "p5"]);
    assert_eq!(add(json!({ "student": "p5" })).await.status, 201);
    assert_eq!(add(json!({ "name": "pam  YEW" })).await.status, 201);
    let mut students = w.students("c1").await;
    students.sort();
    assert_eq!(students, ["p1", "p2", "p3", "p5"]);
}

#[tokio::test]
async fn r_s5_archived_students_are_not_in_the_directory() {
    let w = world("clever").await;
    let mut gone = student("p3", person("Pam Yew", "pam@oak.org", "north"), &[], &[]);
    gone.status = Status::Archived;
    w.put(AnyMirrored::Student(gone)).await;
    for body in [json!({ "student": "p3" }), json!({ "name": "Pam Yew" })] {
        assert_eq!(w.post(&teacher(), "/classes/c1/students", body).await.refusal(), (422, "R-S5"));
    }
}

#[tokio::test]
async fn r_t3_an_outsider_is_created_once_by_name_and_email() {
    let w = world("ats-stars").await;
    let outsider = json!({ "given": "Olga", "family": "Rowan", "email": "Olga@Elsewhere.org" });
    let made = w.post(&teacher(), "/classes/c1/teachers", outsider.clone()).await;
    assert_eq!(
        (made.status, &made.body["outsider"], &made.body["lives"]),
        (201, &json!(true), &json!("until_taken_away"))
    );
    let key = made.body["teacher"].as_str().unwrap().to_owned();
    assert!(key.starts_with("m-"));
    assert_eq!(w.teachers("c1").await, ["t1", &key]);
    let person = w.get(&support(), &format!("/people/teacher/{key}")).await;
    assert_eq!(
        (&person.body["name"], &person.body["origin"]),
        (&json!("Olga Rowan"), &json!("manual"))
    );

    assert_eq!(w.delete(&teacher(), &format!("/classes/c1/teachers/{key}")).await.status, 204);
    let again = w.post(&teacher(), "/classes/c1/teachers", outsider).await;
    assert_eq!(again.body["teacher"], json!(key), "the same e-mail address is the same teacher");

    let known = json!({ "given": "Benjamin", "family": "Moss", "email": "ben@oak.org" });
    let made = w.post(&teacher(), "/classes/c1/teachers", known).await;
    assert_eq!((&made.body["teacher"], &made.body["outsider"]), (&json!("t2"), &json!(false)));
    assert_eq!(made.body["lives"], "until_next_run", "the teacher is in the source");

    let of_the_south =
        |given: &str| json!({ "given": given, "family": "Fern", "email": "cleo@oak.org" });
    let made = w.post(&teacher(), "/classes/c1/teachers", of_the_south("Claire")).await;
    assert_ne!(made.body["teacher"], json!("t3"), "an address outside the scope reveals nothing");
    let made = w.post(&teacher(), "/classes/c1/teachers", of_the_south("Cleo")).await;
    assert_eq!(made.body["teacher"], json!("t3"), "name and address identify the teacher");
}

#[tokio::test]
async fn r_t3_outsiders_alone_needs_a_class_without_source_co_teacher() {
    let w = world("clever").await;
    w.put(AnyMirrored::Class(class("c3", "north", &["t1", "t2"], &["p1"]))).await;
    let outsider = || json!({ "given": "Olga", "family": "Rowan", "email": "olga@elsewhere.org" });
    let lives = async |class: &str| {
        w.post(&leader(), &format!("/classes/{class}/teachers"), outsider()).await.body["lives"]
            .clone()
    };
    assert_eq!(lives("c1").await, "until_taken_away");
    assert_eq!(lives("c3").await, "until_next_run");
}

#[tokio::test]
async fn r_t4_under_remove_no_manual_co_teacher_survives_a_run() {
    let w = world("sis").await;
    let made = w.post(&leader(), "/classes/c1/teachers", json!({ "name": "Ben Moss" })).await;
    assert_eq!((made.status, &made.body["lives"]), (201, &json!("until_next_run")));
}

#[tokio::test]
async fn r_c2_a_setting_decides_which_roles_create_manual_classes() {
    let practice = || json!({ "title": "Practice", "school": "north" });
    let w = world("clever").await;
    assert_eq!(
        w.post(&leader(), "/classes", practice()).await.refusal(),
        (409, "R-C2"),
        "manual rostering is off"
    );
    let w = world("family-directory").await;
    assert_eq!(
        w.post(&teacher(), "/classes", practice()).await.refusal(),
        (409, "R-C2"),
        "only leaders create classes"
    );
    assert_eq!(w.post(&leader(), "/classes", practice()).await.status, 201);
    assert_eq!(
        w.post(&north_leader(), "/classes", json!({ "title": "Practice", "school": "south" }))
            .await
            .status,
        404
    );
    let mut settings = Settings::of_preset("clever");
    settings.school_rostering.insert("north".into(), roster::policy::Switch::On);
    let w = world_with(settings).await;
    assert_eq!(
        w.post(&teacher(), "/classes", practice()).await.status,
        201,
        "school_rostering permits teachers"
    );
    let mut settings = Settings::of_preset("clever");
    settings.overrides.insert("manual_rostering".into(), json!("teachers"));
    let w = world_with(settings).await;
    let made = w.post(&teacher(), "/classes", practice()).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        w.teachers(made.body["class"].as_str().unwrap()).await,
        ["t1"],
        "a teacher can create only their own classes"
    );
    let of_another = json!({ "title": "Practice", "school": "north", "teacher": "t2" });
    assert_eq!(w.post(&teacher(), "/classes", of_another).await.refusal(), (409, "R-C2"));
}

#[tokio::test]
async fn r_c2_a_manual_class_is_changed_and_archived_by_hand() {
    let w = world("family-directory").await;
    let made = w
        .post(
            &leader(),
            "/classes",
            json!({ "title": "Practice", "school": "north", "teacher": "t1", "grades": ["04"] }),
        )
        .await;
    let class = format!("/classes/{}", made.body["class"].as_str().unwrap());
    let added = w.post(&teacher(), &format!("{class}/students"), json!({ "student": "p3" })).await;
    assert_eq!((added.status, &added.body["lives"]), (201, &json!("until_taken_away")));

    let old = made.version();
    assert_eq!(
        w.put_at(&leader(), &class, &old, json!({ "title": "Sandbox" })).await.status,
        412,
        "a student was added after this version"
    );
    let version = w.get(&leader(), &class).await.version();
    let renamed = w.put_at(&leader(), &class, &version, json!({ "title": "Sandbox" })).await;
    assert_eq!((renamed.status, &renamed.body["name"]), (200, &json!("Sandbox")));
    assert_eq!(listed(&renamed.body["students"], "key"), ["p3"]);
    assert_eq!(w.put_json(&leader(), &class, json!({ "title": "Sandbox" })).await.status, 428);

    let headers = [("if-match", renamed.headers["etag"].as_str().unwrap())];
    let archived = w.send(Some(&leader()), "POST", &format!("{class}/archive"), &headers, "").await;
    assert_eq!(
        (archived.status, &archived.body["status"], &archived.body["archived_on"]),
        (200, &json!("archived"), &json!("2026-09-01"))
    );
    assert_eq!(
        w.post(&leader(), &format!("{class}/students"), json!({ "student": "p4" })).await.refusal(),
        (409, "R-A5")
    );

    let version = w.get(&leader(), "/classes/c1").await.version();
    assert_eq!(
        w.put_at(&leader(), "/classes/c1", &version, json!({ "title": "Mine" })).await.refusal(),
        (409, "R-M2")
    );
}

#[tokio::test]
async fn r_o5_while_the_sync_is_off_rosters_are_edited_by_hand() {
    let w = world("sis").await;
    w.switch(DistrictStatus::Off).await;
    assert_eq!(w.delete(&leader(), "/classes/c1/students/p1").await.status, 204);
    assert_eq!(w.students("c1").await, ["p2"]);
    assert_eq!(w.get(&support(), "/people/student/p1").await.body["classes"], json!([]));
    let back = w.post(&leader(), "/classes/c1/students", json!({ "student": "p1" })).await;
    assert_eq!((back.status, &back.body["lives"]), (201, &json!("until_taken_away")));
    assert_eq!(w.students("c1").await, ["p1", "p2"]);
    assert_eq!(w.delete(&leader(), "/classes/c1/teachers/t1").await.status, 204);
    assert!(w.teachers("c1").await.is_empty());
}

#[tokio::test]
async fn a_guardian_sees_only_their_own_children_in_a_class() {
    let w = world("sis").await;
    let class = w.get(&guardian(), "/classes/c1").await;
    assert_eq!(class.status, 200);
    assert_eq!(
        (listed(&class.body["students"], "key"), listed(&class.body["teachers"], "key")),
        (vec!["p1"], vec!["t1"])
    );
    assert_eq!(w.get(&guardian(), "/classes/c1/people").await.all("name"), ["Pia Larch"]);
    assert_eq!(
        w.get(&guardian(), "/classes/c1/people?role=teacher").await.all("name"),
        ["Ada Quill"]
    );
    assert_eq!(w.get(&guardian(), "/classes/c2").await.status, 404);
}

#[tokio::test]
async fn a_roster_is_read_in_pages_with_names() {
    let w = world("sis").await;
    let first = w.get(&teacher(), "/classes/c1/people?limit=1").await;
    assert_eq!(first.all("name"), ["Pia Larch"]);
    let next = first.body["next"].as_str().unwrap();
    let second = w.get(&teacher(), &format!("/classes/c1/people?limit=1&after={next}")).await;
    assert_eq!((second.all("name"), &second.body["next"]), (vec!["Paul Reed"], &json!(null)));
    for query in ["limit=0", "limit=201", "after=xyz", "role=king"] {
        assert_eq!(
            w.get(&teacher(), &format!("/classes/c1/people?{query}")).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_idempotency_key_creates_once() {
    let w = world("family-directory").await;
    let create = async |key: &str, title: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let body = json!({ "title": title, "school": "north" }).to_string();
        w.send(Some(&leader()), "POST", "/classes", &headers, &body).await
    };
    let first = create("k1", "Practice").await;
    let again = create("k1", "Practice").await;
    assert_eq!(
        (first.status, again.status, &first.body, first.version()),
        (201, 201, &again.body, again.version())
    );
    assert_eq!(first.headers["location"], again.headers["location"]);
    assert_eq!(create("k1", "Another").await.status, 422);
    assert_ne!(create("k2", "Practice").await.body, first.body);
    assert_eq!(create("", "Practice").await.status, 400);
    let manual = w.table.items().into_keys().filter(|(_, sk)| sk.starts_with("class#m-")).count();
    assert_eq!(manual, 2);
}

#[tokio::test]
async fn a_rejected_request_can_be_repeated_with_its_key() {
    let w = world("clever").await;
    let add = async || {
        let headers = [("content-type", "application/json"), ("idempotency-key", "k1")];
        w.send(
            Some(&leader()),
            "POST",
            "/classes",
            &headers,
            r#"{"title":"Practice","school":"north"}"#,
        )
        .await
        .status
    };
    assert_eq!(add().await, 409);
    w.switch(DistrictStatus::Off).await;
    assert_eq!(add().await, 201);
}
