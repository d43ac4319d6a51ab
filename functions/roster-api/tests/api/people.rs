//! People: names, contacts, accounts, guardians, pins, links, the directory.

use mirror::ports::directory::Directory;
use roster::records::{AnyMirrored, Link, RecordKind, Status};
use roster::rule::Rule;
use roster::settings::DistrictStatus;
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn r_s3_while_the_sync_is_on_students_are_not_added_by_hand() {
    let w = world("family-directory").await;
    let new_student = || json!({ "given": "Nia", "family": "Oak", "school": "north" });
    assert_eq!(w.post(&leader(), "/people/student", new_student()).await.refusal(), (409, "R-S3"));
    w.switch(DistrictStatus::Off).await;
    let made = w.post(&leader(), "/people/student", new_student()).await;
    assert_eq!(made.status, 201);
    let key = made.body["person"].as_str().unwrap();
    let person = w.get(&leader(), &format!("/people/student/{key}")).await;
    assert_eq!(
        (&person.body["name"], &person.body["origin"]),
        (&json!("Nia Oak"), &json!("manual"))
    );
    assert_eq!(w.post(&leader(), "/people/guardian", new_student()).await.refusal(), (422, "R-G4"));
    assert_eq!(w.post(&leader(), "/people/teacher", new_student()).await.status, 201);
    assert_eq!(
        w.post(
            &north_leader(),
            "/people/student",
            json!({ "given": "N", "family": "O", "school": "south" })
        )
        .await
        .status,
        404
    );
}

#[tokio::test]
async fn r_s6_a_name_changed_by_a_users_manager_is_kept_until_the_next_run() {
    let w = world("sis").await;
    let changed =
        w.put_json(&users_manager(), "/people/student/p1/name", json!({ "given": "Pippa" })).await;
    assert_eq!((changed.status, &changed.body["lives"]), (200, &json!("until_next_run")));
    assert_eq!(w.get(&users_manager(), "/people/student/p1").await.body["name"], "Pippa Larch");
    assert_eq!(
        w.put_json(&leader(), "/people/student/p1/name", json!({ "given": "P" })).await.status,
        403,
        "leaders may not change names"
    );
    assert_eq!(
        w.put_json(&users_manager(), "/people/student/p1/name", json!({ "given": "P" }))
            .await
            .status,
        428
    );
    assert_eq!(
        w.put_json(&users_manager(), "/people/student/p3/name", json!({})).await.status,
        422
    );
}

#[tokio::test]
async fn r_s6_the_changed_name_of_an_archived_student_is_kept_by_runs() {
    let w = world("sis").await;
    let mut gone = student("p3", person("Pam Yew", "pam@oak.org", "north"), &[], &[]);
    gone.status = Status::Archived;
    w.put(AnyMirrored::Student(gone)).await;
    let changed =
        w.put_json(&users_manager(), "/people/student/p3/name", json!({ "given": "Pia" })).await;
    assert_eq!((changed.status, &changed.body["lives"]), (200, &json!("until_taken_away")));
}

#[tokio::test]
async fn r_s6_under_until_active_a_name_stays_once_the_account_is_active() {
    let w = world("family-directory").await;
    let lives = async |person: &str| {
        let path = format!("/people/student/{person}/name");
        w.put_json(&users_manager(), &path, json!({ "given": "New" })).await.body["lives"].clone()
    };
    assert_eq!(lives("p1").await, "until_next_run");
    assert_eq!(
        w.post(&application(), "/people/student/p3/account/accept", json!({})).await.status,
        200
    );
    assert_eq!(lives("p3").await, "until_taken_away");
}

#[tokio::test]
async fn r_s6_a_school_leader_enables_and_disables_accounts() {
    let w = world("sis").await;
    let off = w
        .put_json(&north_leader(), "/people/student/p1/account", json!({ "enabled": false }))
        .await;
    assert_eq!(off.status, 200);
    let account = w.get(&north_leader(), "/people/student/p1").await.body["account"].clone();
    assert_eq!((&account["enabled"], &account["reach"]["classes"]), (&json!(false), &json!(false)));
    assert_eq!(
        w.post(&application(), "/people/student/p1/account/accept", json!({})).await.status,
        409
    );
    let on = w
        .put_at(
            &north_leader(),
            "/people/student/p1/account",
            &off.version(),
            json!({ "enabled": true }),
        )
        .await;
    assert_eq!(on.status, 200);
    assert_eq!(
        w.put_json(&north_leader(), "/people/student/p9/account", json!({ "enabled": false }))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn r_g5_an_invitation_is_accepted_once_and_keeps_what_a_leader_set() {
    let w = world("family-directory").await;
    assert_eq!(w.get(&guardian(), "/people/guardian/g1").await.body["account"]["state"], "invited");
    let accepted = w.post(&guardian(), "/people/guardian/g1/account/accept", json!({})).await;
    assert_eq!(accepted.status, 200);
    let account = w.get(&guardian(), "/people/guardian/g1").await.body["account"].clone();
    assert_eq!(
        (&account["state"], &account["accepted"], &account["enabled"]),
        (&json!("active"), &json!("2026-09-01T12:00:00Z"), &json!(true))
    );
    w.set_now("2026-09-05T12:00:00Z");
    let again = w.post(&guardian(), "/people/guardian/g1/account/accept", json!({})).await;
    assert_eq!((again.status, again.version()), (200, accepted.version()));
    assert_eq!(
        w.post(&guardian(), "/people/student/p1/account/accept", json!({})).await.status,
        404,
        "guardians cannot accept for a child"
    );
}

#[tokio::test]
async fn r_g5_active_people_change_their_own_contacts() {
    let w = world("family-directory").await;
    let contact = || json!({ "email": " Gil@New.org ", "phone": "+12025550100" });
    assert_eq!(
        w.put_json(&guardian(), "/people/guardian/g1/contact", contact()).await.refusal(),
        (409, "R-G5")
    );
    w.post(&guardian(), "/people/guardian/g1/account/accept", json!({})).await;
    let changed = w.put_json(&guardian(), "/people/guardian/g1/contact", contact()).await;
    assert_eq!((changed.status, &changed.body["lives"]), (200, &json!("until_taken_away")));
    let person = w.get(&guardian(), "/people/guardian/g1").await;
    assert_eq!(
        (&person.body["email"], &person.body["phone"]),
        (&json!("gil@new.org"), &json!("+12025550100"))
    );
    for wrong in [
        json!({}),
        json!({ "email": "nobody" }),
        json!({ "phone": "0123" }),
        json!({ "mail": "x@y.org" }),
    ] {
        assert_eq!(
            w.put_at(&guardian(), "/people/guardian/g1/contact", "*", wrong).await.status,
            422
        );
    }
    assert_eq!(
        w.put_json(&guardian(), "/people/student/p1/contact", contact()).await.status,
        404,
        "guardians cannot change a child's contacts"
    );
    assert_eq!(
        w.delete_at(&guardian(), "/people/guardian/g1/contact", &changed.version()).await.status,
        204
    );
    assert_eq!(w.get(&guardian(), "/people/guardian/g1").await.body["email"], "gil@home.org");
}

#[tokio::test]
async fn r_g6_under_always_the_next_run_reverts_a_changed_contact() {
    let w = world("clever").await;
    let changed = w
        .put_json(&users_manager(), "/people/teacher/t1/contact", json!({ "email": "ada@new.org" }))
        .await;
    assert_eq!((changed.status, &changed.body["lives"]), (200, &json!("until_next_run")));
}

#[tokio::test]
async fn r_i4_support_sets_a_temporary_sign_in_email() {
    let w = world("clever").await;
    assert_eq!(
        w.get(&support(), "/people/student/p2").await.body["account"]["sign_in_email"],
        json!(null)
    );
    let set = w
        .put_json(
            &support(),
            "/people/student/p2/sign-in-email",
            json!({ "email": "paul@today.org" }),
        )
        .await;
    assert_eq!((set.status, &set.body["lives"]), (200, &json!("until_next_run")));
    let person = w.get(&support(), "/people/student/p2").await;
    assert_eq!(
        (&person.body["account"]["sign_in_email"], &person.body["email"]),
        (&json!("paul@today.org"), &json!(null))
    );
    assert_eq!(
        w.put_json(&leader(), "/people/student/p2/sign-in-email", json!({ "email": "x@y.org" }))
            .await
            .status,
        403
    );
    assert_eq!(
        w.delete_at(&support(), "/people/student/p2/sign-in-email", &set.version()).await.status,
        204
    );
}

#[tokio::test]
async fn r_g4_leaders_add_a_guardian_by_hand_to_a_student() {
    let w = world("family-directory").await;
    let new =
        || json!({ "given": "Gus", "family": "Reed", "email": "gus@home.org", "role": "relative" });
    let made = w.post(&north_leader(), "/people/student/p2/guardians", new()).await;
    assert_eq!(made.status, 201);
    let key = made.body["guardian"].as_str().unwrap().to_owned();
    let person = w.get(&north_leader(), &format!("/people/guardian/{key}")).await;
    assert_eq!(
        (&person.body["origin"], &person.body["role"]),
        (&json!("manual"), &json!("relative"))
    );
    assert_eq!(person.body["children"], json!([{ "key": "p2", "origin": "manual" }]));
    let child = w.get(&north_leader(), "/people/student/p2").await;
    assert_eq!(child.body["guardians"], json!([{ "key": key, "origin": "manual" }]));

    let second_child =
        w.post(&north_leader(), "/people/student/p3/guardians", json!({ "guardian": key })).await;
    assert_eq!((second_child.status, &second_child.body["guardian"]), (201, &json!(key)));
    assert_eq!(
        w.post(&leader(), "/people/student/p2/guardians", json!({ "guardian": "nobody" }))
            .await
            .refusal(),
        (422, "R-G4")
    );
    assert_eq!(w.post(&teacher(), "/people/student/p2/guardians", new()).await.status, 403);
    assert_eq!(w.post(&north_leader(), "/people/student/p9/guardians", new()).await.status, 404);

    assert_eq!(
        w.delete(&leader(), &format!("/people/student/p2/guardians/{key}")).await.status,
        204
    );
    assert_eq!(
        w.delete(&leader(), &format!("/people/student/p2/guardians/{key}")).await.status,
        404
    );
    assert_eq!(
        w.delete(&leader(), "/people/student/p1/guardians/g1").await.refusal(),
        (409, "R-M2"),
        "the relationship is from the source"
    );
}

#[tokio::test]
async fn r_g4_a_guardian_joins_a_class_with_its_code() {
    let w = world("family-directory").await;
    let made = w.send(Some(&teacher()), "PUT", "/classes/c1/join-code", &[], "").await;
    assert_eq!(made.status, 200);
    let code = made.body["value"]["code"].as_str().unwrap().to_owned();
    assert_eq!(w.get(&teacher(), "/classes/c1").await.body["join_code"], json!(code));
    assert_eq!(
        w.get(&application(), "/classes/c1").await.body["join_code"],
        json!(null),
        "roles that cannot create a code do not see it"
    );

    let typed = code.to_lowercase().replace('-', "");
    let joined = w.post(&guardian(), "/joins", json!({ "code": typed })).await;
    assert_eq!((joined.status, &joined.body["class"]), (201, &json!("c1")));
    assert_eq!(
        w.post(&guardian(), "/joins", json!({ "code": code })).await.status,
        201,
        "joining again has no effect"
    );
    assert_eq!(w.get(&teacher(), "/classes/c1").await.body["guardians"], json!(["g1"]));
    assert_eq!(
        w.get(&guardian(), "/people/guardian/g1").await.body["classes"],
        json!([{ "key": "c1", "origin": "manual" }])
    );
    for wrong in ["00000-00000", "x", ""] {
        assert_eq!(w.post(&guardian(), "/joins", json!({ "code": wrong })).await.status, 404);
    }

    let headers = [("if-match", made.headers["etag"].as_str().unwrap())];
    let next = w.send(Some(&teacher()), "PUT", "/classes/c1/join-code", &headers, "").await;
    assert_ne!(next.body["value"]["code"], json!(code));
    assert_eq!(
        w.post(&application(), "/joins", json!({ "code": code, "guardian": "g1" })).await.status,
        404,
        "the old code is invalid"
    );
    assert_eq!(w.delete_at(&teacher(), "/classes/c1/join-code", &next.version()).await.status, 204);
}

#[tokio::test]
async fn r_p1_a_pin_needs_a_future_date() {
    let w = world("sis").await;
    let pin = async |path: &str, body| w.put_json(&support(), path, body).await;
    let until = |day: &str| json!({ "until": day, "reason": "transfer is being sorted out" });
    for path in [
        "/people/student/p1/pin",
        "/classes/c1/pin",
        "/classes/c1/students/p1/pin",
        "/classes/c1/teachers/t1/pin",
    ] {
        assert_eq!(
            pin(path, json!({ "reason": "for ever" })).await.status,
            422,
            "{path}: the date is mandatory"
        );
        assert_eq!(
            pin(path, until("2026-09-01")).await.refusal(),
            (422, "R-P1"),
            "{path}: today is not a future date"
        );
        assert_eq!(
            pin(path, json!({ "until": "2026-10-01", "reason": " " })).await.status,
            422,
            "{path}"
        );
        let pinned = pin(path, until("2026-10-01")).await;
        assert_eq!(pinned.status, 200, "{path}: {}", pinned.body);
        assert_eq!(w.delete_at(&support(), path, &pinned.version()).await.status, 204, "{path}");
        assert_eq!(w.delete_at(&support(), path, &pinned.version()).await.status, 404, "{path}");
    }
    assert_eq!(
        pin("/classes/c1/students/p9/pin", until("2026-10-01")).await.refusal(),
        (409, "R-P1"),
        "the student is not in the class"
    );
    pin("/people/student/p1/pin", until("2026-10-01")).await;
    assert_eq!(w.get(&support(), "/people/student/p1").await.body["pinned_until"], "2026-10-01");
}

#[tokio::test]
async fn r_i3_support_links_a_source_id_to_an_account() {
    let w = world("clever").await;
    let linked = w.put_json(&support(), "/links/student/new-id", json!({ "person": "p1" })).await;
    assert_eq!((linked.status, &linked.body["rule"]), (200, &json!("R-I3")));
    let link = w.table.link(&oak(), RecordKind::Student, &"new-id".into()).await.unwrap().unwrap();
    assert_eq!((link.key, link.rule), ("p1".into(), Rule::I3));
    assert_eq!(w.get(&support(), "/links/student/new-id").await.body["person"], "p1");

    assert_eq!(
        w.put_json(&support(), "/links/student/new-id", json!({ "person": "p2" })).await.status,
        428
    );
    let moved = w
        .put_at(&support(), "/links/student/new-id", &linked.version(), json!({ "person": "p2" }))
        .await;
    assert_eq!(moved.status, 200);
    assert_eq!(
        w.delete_at(&support(), "/links/student/new-id", &linked.version()).await.status,
        412
    );
    assert_eq!(
        w.delete_at(&support(), "/links/student/new-id", &moved.version()).await.status,
        204
    );
    assert_eq!(w.table.link(&oak(), RecordKind::Student, &"new-id".into()).await.unwrap(), None);

    assert_eq!(
        w.put_json(&support(), "/links/student/new-id", json!({ "person": "nobody" }))
            .await
            .refusal(),
        (422, "R-I3")
    );
    w.put(AnyMirrored::Link(Link {
        kind: RecordKind::Student,
        source: "found".into(),
        key: "p1".into(),
        rule: Rule::I2,
        administrator: None,
    }))
    .await;
    let found = w.get(&support(), "/links/student/found").await.version();
    assert_eq!(
        w.delete_at(&support(), "/links/student/found", &found).await.refusal(),
        (409, "R-I3"),
        "the link was made by a run"
    );
    assert_eq!(
        w.put_at(&support(), "/links/student/found", &found, json!({ "person": "p2" }))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn r_a2_an_archived_student_is_found_among_archived_and_all() {
    let w = world("family-directory").await;
    let mut gone = student("p3", person("Pam Yew", "pam@oak.org", "north"), &[], &[]);
    gone.status = Status::Archived;
    w.put(AnyMirrored::Student(gone)).await;
    let found = async |query: &str| {
        let reply = w.get(&north_leader(), &format!("/schools/north/directory?{query}")).await;
        reply.all("key").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ["p1", "p2", "p4", "p5"]);
    assert_eq!(found("status=archived").await, ["p3"]);
    assert_eq!(found("status=all").await, ["p1", "p2", "p3", "p4", "p5"]);
    assert_eq!(found("name=bo%20b").await, ["p4", "p5"]);
    assert_eq!(found("name=pam&status=all").await, ["p3"]);
    assert_eq!(found("kind=teacher").await, ["t1", "t2"]);
    assert_eq!(found("kind=class&name=read").await, ["c1"]);
    let person = w.get(&north_leader(), "/people/student/p3").await;
    assert_eq!(
        person.body["account"]["reach"],
        json!({ "school": false, "classes": false, "announcements": false })
    );
}

#[tokio::test]
async fn a_directory_search_is_read_in_pages() {
    let w = world("sis").await;
    for query in ["status=all&limit=2", "name=b&limit=1", "name=e&limit=2"] {
        let (mut pages, mut seen, mut after) = (0, Vec::<String>::new(), String::new());
        loop {
            let page = w.get(&leader(), &format!("/schools/north/directory?{query}{after}")).await;
            seen.extend(page.all("key").into_iter().map(str::to_owned));
            pages += 1;
            let Some(next) = page.body["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        let whole = w
            .get(
                &leader(),
                &format!(
                    "/schools/north/directory?{}&limit=200",
                    query.rsplit_once('&').unwrap().0
                ),
            )
            .await;
        assert_eq!(seen, whole.all("key"), "{query}");
        assert!(pages > 1, "{query}");
    }
    for wrong in ["kind=term", "status=gone", "limit=x", "after=00"] {
        assert_eq!(
            w.get(&leader(), &format!("/schools/north/directory?{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_person_is_looked_up_by_email_within_the_scope() {
    let w = world("sis").await;
    let found = async |token: Token, email: &str| {
        let reply = w.post(&token, "/people/lookup", json!({ "email": email })).await;
        reply.all("key").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(support(), "SAM@oak.org").await, ["p9"]);
    assert_eq!(found(support(), "nobody@oak.org").await, Vec::<String>::new());
    assert_eq!(found(north_leader(), "sam@oak.org").await, Vec::<String>::new());
    assert_eq!(found(north_leader(), "gil@home.org").await, ["g1"]);
}

#[tokio::test]
async fn r_m7_demographics_are_shown_only_to_permitted_roles() {
    let w = world("sis").await;
    assert_eq!(
        w.get(&leader(), "/people/student/p1").await.body["demographics"],
        json!({ "grades": ["04"] })
    );
    assert_eq!(w.get(&teacher(), "/people/student/p1").await.body["demographics"], json!(null));
}
