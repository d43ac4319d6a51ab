//! Roles decide which operations are allowed; district and schools isolate tenants. Records outside
//! the caller's scope are answered like ones that do not exist.

use roster_api::access::{Operation, Role, Scope, scope, table};
use serde_json::{Value, json};

use crate::nights::PLAN;
use crate::world::*;

/// A request for each operation, about existing records of the school north.
fn example(operation: Operation) -> (&'static str, String, Value) {
    use Operation as Op;
    let pin = json!({ "until": "2026-10-01", "reason": "sorted out soon" });
    let run = "01HZ0000000000000000000001";
    let (method, path, body) = match operation {
        Op::CreateDistrict => ("POST", String::new(), json!({ "preset": "sis" })),
        Op::ReadDistrict => ("GET", String::new(), Value::Null),
        Op::ReadSettings => ("GET", "/settings".into(), Value::Null),
        Op::ChangeSettings => ("PUT", "/settings".into(), json!({ "preset": "sis" })),
        Op::SwitchSync => ("POST", "/sync".into(), json!({ "sync": "on", "reason": "again" })),
        Op::PauseSync => ("POST", "/pause".into(), json!({ "reason": "holidays" })),
        Op::PullNow => ("POST", "/runs".into(), json!({ "reason": "corrected today" })),
        Op::EraseDistrict => {
            ("POST", "/erasure".into(), json!({ "confirm": "no", "reason": "leaves" }))
        }
        Op::ReadSchools => ("GET", "/schools".into(), Value::Null),
        Op::ReadDirectory => ("GET", "/schools/north/directory".into(), Value::Null),
        Op::LookUpEmail => ("POST", "/people/lookup".into(), json!({ "email": "pia@oak.org" })),
        // p1 is the teacher's student and the guardian's child. No operation is for demographics
        // alone: they are part of a person.
        Op::ReadPerson | Op::ReadDemographics => ("GET", "/people/student/p1".into(), Value::Null),
        Op::ReadClass => ("GET", "/classes/c1".into(), Value::Null),
        Op::ReadGroups => ("GET", "/groups".into(), Value::Null),
        Op::NameClass => ("PUT", "/classes/c1/custom-name".into(), json!({ "name": "Owls" })),
        Op::EditRoster => ("POST", "/classes/c1/students".into(), json!({ "student": "p3" })),
        Op::EditCoTeachers => ("POST", "/classes/c1/teachers".into(), json!({ "teacher": "t2" })),
        Op::CreateClass => {
            ("POST", "/classes".into(), json!({ "title": "Practice", "school": "north" }))
        }
        Op::ChangeClass => ("PUT", "/classes/c1".into(), json!({ "title": "Practice" })),
        Op::MakeJoinCode => ("PUT", "/classes/c1/join-code".into(), Value::Null),
        Op::JoinClass => {
            ("POST", "/joins".into(), json!({ "code": "00000-00000", "guardian": "g1" }))
        }
        Op::AddGuardian => {
            ("POST", "/people/student/p1/guardians".into(), json!({ "given": "G", "family": "H" }))
        }
        Op::AddPerson => (
            "POST",
            "/people/student".into(),
            json!({ "given": "G", "family": "H", "school": "north" }),
        ),
        Op::ChangeName => ("PUT", "/people/teacher/t1/name".into(), json!({ "given": "G" })),
        Op::ChangeContact => {
            ("PUT", "/people/teacher/t1/contact".into(), json!({ "email": "g@h.org" }))
        }
        Op::SwitchAccount => {
            ("PUT", "/people/student/p1/account".into(), json!({ "enabled": true }))
        }
        Op::AcceptInvitation => ("POST", "/people/teacher/t1/account/accept".into(), Value::Null),
        Op::RecordSignIn => ("POST", "/people/teacher/t1/sign-ins".into(), Value::Null),
        Op::SetSignInEmail => {
            ("PUT", "/people/student/p1/sign-in-email".into(), json!({ "email": "g@h.org" }))
        }
        Op::Pin => ("PUT", "/people/student/p1/pin".into(), pin),
        Op::LinkIdentity => ("PUT", "/links/student/new".into(), json!({ "person": "p1" })),
        Op::ReadRuns => ("GET", "/runs".into(), Value::Null),
        Op::DecideRun => (
            "POST",
            format!("/runs/{run}/decision"),
            json!({ "decision": "approve", "plan": PLAN, "reason": "seen" }),
        ),
        Op::UndoRun => ("POST", format!("/runs/{run}/undo"), json!({ "reason": "wrong file" })),
        Op::ReadChanges => ("GET", "/changes".into(), Value::Null),
        Op::ReadLastChange => ("GET", "/people/student/p1/last-change".into(), Value::Null),
        Op::Explain => {
            ("POST", "/explain".into(), json!({ "kind": "student", "id": "p1", "class": "c1" }))
        }
    };
    (method, path, body)
}

/// A token of the role, with typical schools and record.
fn of_role(role: Role) -> Token {
    match role {
        Role::Teacher => teacher(),
        Role::Guardian => guardian(),
        Role::SchoolLeader => north_leader(),
        other => token(other.name()),
    }
}

async fn send(
    w: &World,
    token: &Token,
    base: &str,
    (method, path, body): &(&str, String, Value),
) -> Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    w.send(
        Some(token),
        method,
        &format!("{base}{path}"),
        &[("content-type", "application/json")],
        &body,
    )
    .await
}

#[tokio::test]
async fn every_cell_of_the_table_of_roles_is_enforced() {
    for role in Role::ALL {
        for operation in Operation::ALL.iter().copied() {
            let w = world("family-directory").await;
            let what = format!("{} {}", role.name(), operation.name());
            let reply = send(&w, &of_role(role), "/v1/districts/oak", &example(operation)).await;
            let reaches = scope(role, operation) != Scope::None;
            if operation == Operation::ReadDemographics {
                assert_eq!(reply.body["demographics"].is_object(), reaches, "{what}");
                continue;
            }
            assert_ne!(reply.status, 401, "{what}");
            assert_eq!(reply.status != 403, reaches, "{what}: {}", reply.body);
            if !reaches {
                assert_eq!(reply.refusal(), (403, ""), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn district_operations_reject_tokens_of_single_schools() {
    let w = world("sis").await;
    for operation in Operation::ALL.iter().copied() {
        for role in Role::ALL.into_iter().filter(|role| scope(*role, operation) == Scope::District)
        {
            let token = token(role.name()).schools(&["north"]);
            let reply = send(&w, &token, "/v1/districts/oak", &example(operation)).await;
            assert_eq!(reply.refusal(), (403, ""), "{} {}", role.name(), operation.name());
        }
    }
}

#[tokio::test]
async fn another_district_is_answered_like_a_missing_one() {
    let w = world("sis").await;
    for operation in Operation::ALL.iter().copied() {
        let request = example(operation);
        for role in Role::ALL.into_iter().filter(|role| scope(*role, operation) != Scope::None) {
            // Oak exists, but the token is for another district; elm does not exist, and the token
            // is for oak.
            let strange = send(&w, &of_role(role).of("elm"), "/v1/districts/oak", &request).await;
            let missing = send(&w, &of_role(role), "/v1/districts/elm", &request).await;
            assert_eq!(
                (strange.status, &strange.body),
                (404, &missing.body),
                "{} {}",
                role.name(),
                operation.name()
            );
            assert_eq!(strange.headers, missing.headers);
            // The token's own district, which does not exist yet.
            let own = send(&w, &of_role(role).of("elm"), "/v1/districts/elm", &request).await;
            match operation {
                Operation::CreateDistrict => assert_eq!(own.status, 201),
                _ => assert_eq!(
                    (own.status, &own.body),
                    (404, &missing.body),
                    "{} {}",
                    role.name(),
                    operation.name()
                ),
            }
            if operation == Operation::CreateDistrict {
                return_elm(&w).await;
            }
        }
    }
}

/// Removes the district that the example created.
async fn return_elm(w: &World) {
    let order = json!({ "confirm": "erase elm", "reason": "an example" });
    let reply = w.post(&operator().of("elm"), "/v1/districts/elm/erasure", order).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn another_school_is_answered_like_a_missing_one() {
    let w = world("family-directory").await;
    let token = north_leader();
    for (method, strange, missing, body) in [
        ("GET", "/schools/south/directory", "/schools/west/directory", Value::Null),
        ("GET", "/classes/c2", "/classes/c9", Value::Null),
        ("GET", "/classes/c2/people", "/classes/c9/people", Value::Null),
        ("GET", "/people/student/p9", "/people/student/p99", Value::Null),
        ("GET", "/people/teacher/t3", "/people/teacher/t33", Value::Null),
        ("PUT", "/classes/c2/custom-name", "/classes/c9/custom-name", json!({ "name": "x" })),
        ("POST", "/classes/c2/students", "/classes/c9/students", json!({ "student": "p1" })),
        ("DELETE", "/classes/c2/students/p9", "/classes/c9/students/p9", Value::Null),
        ("POST", "/classes/c2/teachers", "/classes/c9/teachers", json!({ "teacher": "t1" })),
        ("PUT", "/classes/c2/join-code", "/classes/c9/join-code", Value::Null),
        (
            "PUT",
            "/people/student/p9/account",
            "/people/student/p99/account",
            json!({ "enabled": false }),
        ),
        (
            "POST",
            "/people/student/p9/guardians",
            "/people/student/p99/guardians",
            json!({ "given": "a", "family": "b" }),
        ),
        ("GET", "/people/student/p9/last-change", "/people/student/p99/last-change", Value::Null),
        ("POST", "/classes", "/classes", json!({ "title": "x", "school": "south" })),
    ] {
        let beyond =
            send(&w, &token, "/v1/districts/oak", &(method, strange.into(), body.clone())).await;
        let body =
            if strange == missing { json!({ "title": "x", "school": "west" }) } else { body };
        let nowhere = send(&w, &token, "/v1/districts/oak", &(method, missing.into(), body)).await;
        assert_eq!((beyond.status, &beyond.body), (404, &nowhere.body), "{method} {strange}");
        assert_eq!(beyond.headers, nowhere.headers, "{method} {strange}");
    }
    assert_eq!(w.get(&token, "/schools").await.all("key"), ["north"]);
    let mut all: Vec<_> =
        w.get(&leader(), "/schools").await.all("key").into_iter().map(str::to_owned).collect();
    all.sort();
    assert_eq!(all, ["north", "south"]);
}

#[tokio::test]
async fn a_teacher_sees_their_own_classes_and_students() {
    let w = world("sis").await;
    assert_eq!(w.get(&teacher(), "/classes/c1").await.status, 200);
    for own in ["/people/student/p1", "/people/teacher/t1", "/people/guardian/g1"] {
        assert_eq!(w.get(&teacher(), own).await.status, 200, "{own}");
    }
    for strange in ["/classes/c2", "/people/student/p3", "/people/student/p9", "/people/teacher/t3"]
    {
        assert_eq!(w.get(&teacher(), strange).await.status, 404, "{strange}");
    }
    let of_a_colleague = token("teacher").schools(&["north"]).record("t2");
    assert_eq!(w.get(&of_a_colleague, "/classes/c1").await.status, 404);
    assert_eq!(
        w.put_json(&of_a_colleague, "/classes/c1/custom-name", json!({ "name": "x" })).await.status,
        404
    );
}

#[tokio::test]
async fn a_guardian_sees_themselves_and_their_children() {
    let w = world("sis").await;
    for own in ["/people/guardian/g1", "/people/student/p1"] {
        assert_eq!(w.get(&guardian(), own).await.status, 200, "{own}");
    }
    for strange in ["/people/student/p2", "/people/teacher/t1", "/people/guardian/g2"] {
        assert_eq!(w.get(&guardian(), strange).await.status, 404, "{strange}");
    }
}

#[tokio::test]
async fn a_request_without_a_token_is_rejected() {
    let w = world("sis").await;
    for path in ["", "/settings", "/classes/c1", "/classes/c99"] {
        let reply = w.send(None, "GET", path, &[], "").await;
        assert_eq!(reply.refusal(), (401, ""), "{path}");
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn every_error_is_a_problem_without_library_texts() {
    let w = world("sis").await;
    let json_type = ("content-type", "application/json");
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(64 * 1024));
    for (method, path, headers, body, status) in [
        ("GET", "/v1/nowhere", vec![], "", 404),
        ("GET", "/v1/districts/oak/nowhere", vec![], "", 404),
        ("PATCH", "/v1/districts/oak/classes/c1", vec![], "", 405),
        (
            "PUT",
            "/v1/districts/oak/classes/c1/custom-name",
            vec![("content-type", "text/plain")],
            "x",
            415,
        ),
        ("PUT", "/v1/districts/oak/classes/c1/custom-name", vec![], r#"{"name":"x"}"#, 415),
        ("PUT", "/v1/districts/oak/classes/c1/custom-name", vec![json_type], long.as_str(), 413),
        ("PUT", "/v1/districts/oak/classes/c1/custom-name", vec![json_type], "{", 400),
        ("PUT", "/v1/districts/oak/classes/c1/custom-name", vec![json_type], "", 400),
        ("PUT", "/v1/districts/oak/classes/c1/custom-name", vec![json_type], r#"{"name":7}"#, 422),
        (
            "PUT",
            "/v1/districts/oak/classes/c1/custom-name",
            vec![json_type],
            r#"{"name":" "}"#,
            422,
        ),
        (
            "PUT",
            "/v1/districts/oak/classes/c1/custom-name",
            vec![json_type],
            r#"{"secretfield":"secretvalue"}"#,
            422,
        ),
        ("GET", "/v1/districts/oak/people/king/p1", vec![], "", 404),
        ("GET", "/v1/districts/oak/people/student/~zz", vec![], "", 404),
        ("GET", "/v1/districts/oak/runs/secretrun", vec![], "", 404),
    ] {
        let reply = w.send(Some(&leader()), method, path, &headers, body).await;
        assert_eq!(reply.refusal().0, status, "{method} {path}");
        assert_eq!(reply.body["status"], status);
        assert_eq!(reply.headers["allow"].is_string(), status == 405);
        let body = reply.body.to_string();
        assert!(
            ["type", "title", "detail"].iter().all(|field| reply.body[*field].is_string()),
            "{body}"
        );
        assert!(
            !body.contains("secret") && !body.contains("serde") && !body.contains("expected"),
            "{body}"
        );
    }
}

#[test]
fn the_documentation_shows_the_table_of_roles() {
    let readme = include_str!("../../README.md");
    assert!(
        readme.contains(&table()),
        "put this into functions/roster-api/README.md:\n\n{}",
        table()
    );
}
