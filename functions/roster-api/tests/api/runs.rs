//! Runs, decisions, undo and restore, the feed of changes, groups.

use mirror::ops::requests::{self, Decide, Request, RunCommand, StoredRequest};
use roster::change::{Action, Change, Reason};
use roster::finding::Finding;
use roster::finding::source::REFERENCE_MISSING;
use roster::finding::sync::ROLE_CONFLICT;
use roster::id::RunId;
use roster::records::{AnyMirrored, Status};
use roster::rule::Rule;
use roster::run::{Decided, Decision, RunState};
use serde_json::json;

use crate::nights::{FIRST, Night, PLAN, SECOND, THIRD};
use crate::world::*;

fn change(key: &str, before: Option<&str>, after: Option<&str>) -> Change {
    let record =
        |name: &str| AnyMirrored::Student(student(key, person(name, "", "north"), &[], &[]));
    let action = if before.is_some() { Action::Update } else { Action::Add };
    let reasons = vec![Reason { rule: Rule::M1, what: "updated to match the source".into() }];
    Change {
        action,
        key: key.into(),
        reasons,
        before: before.map(record),
        after: after.map(record),
    }
}

/// Returns the requests in the bucket, by id.
async fn stored_requests(w: &World) -> Vec<(String, Request)> {
    let mut all = Vec::new();
    for key in w.internal.keys() {
        let Some(id) =
            key.strip_prefix("requests/oak/").and_then(|rest| rest.strip_suffix(".json"))
        else {
            continue;
        };
        let StoredRequest::Readable(request) =
            requests::read(&w.internal, &oak(), &RunId::from(id)).await.unwrap()
        else {
            panic!("{key}")
        };
        all.push((id.to_owned(), request));
    }
    all
}

#[tokio::test]
async fn r_h2_a_named_person_decides_about_a_held_run_with_a_reason() {
    let w = world("clever").await;
    Night::new(FIRST).ends(&w, RunState::Held).await;
    let path = format!("/runs/{FIRST}/decision");
    assert_eq!(
        w.post(&operator(), &path, json!({ "decision": "approve", "plan": PLAN, "reason": " " }))
            .await
            .status,
        422
    );
    assert_eq!(
        w.post(&operator(), &path, json!({ "decision": "maybe", "plan": PLAN, "reason": "x" }))
            .await
            .status,
        422
    );
    let other = json!({ "decision": "approve", "plan": "an earlier one", "reason": "seen" });
    assert_eq!(w.post(&operator(), &path, other).await.status, 412);
    assert!(stored_requests(&w).await.is_empty());
    let made = w
        .post(
            &operator(),
            &path,
            json!({ "decision": "approve_additions", "plan": PLAN, "reason": "Hill School closed" }),
        )
        .await;
    assert_eq!((made.status, &made.body["run"]), (202, &json!(FIRST)));
    let decided = Decided {
        decision: Decision::ApproveAdditions,
        by: "kim.operator".into(),
        reason: "Hill School closed".into(),
    };
    let [(_, request)] = &stored_requests(&w).await[..] else { panic!() };
    assert_eq!(*request, Request::Decide(Decide { run: FIRST.into(), plan: PLAN.into(), decided }));

    Night::new(SECOND).ends(&w, RunState::Applied).await;
    let path = format!("/runs/{SECOND}/decision");
    assert_eq!(
        w.post(&operator(), &path, json!({ "decision": "reject", "plan": PLAN, "reason": "late" }))
            .await
            .status,
        409
    );
    assert_eq!(
        w.post(
            &operator(),
            &format!("/runs/{THIRD}/decision"),
            json!({ "decision": "reject", "plan": PLAN, "reason": "x" })
        )
        .await
        .status,
        404
    );
}

#[tokio::test]
async fn r_h4_a_run_is_undone_within_a_year_and_a_snapshot_restored() {
    let w = world("clever").await;
    Night::new(FIRST).ends(&w, RunState::Applied).await;
    let why = || json!({ "reason": "two schools were missing" });
    let undone = w.post(&operator(), &format!("/runs/{FIRST}/undo"), why()).await;
    assert_eq!(undone.status, 202);
    let [(id, request)] = &stored_requests(&w).await[..] else { panic!() };
    let order = RunCommand {
        run: FIRST.into(),
        by: "kim.operator".into(),
        reason: "two schools were missing".into(),
        today: None,
    };
    assert_eq!(
        (&undone.body["run"], request),
        (&json!(id), &Request::Undo(order.clone())),
        "the id of the request is the id of its run"
    );

    let restored = w.post(&operator(), &format!("/runs/{FIRST}/restore"), why()).await;
    assert_eq!(restored.status, 202);
    assert!(
        stored_requests(&w)
            .await
            .iter()
            .any(|(_, request)| *request == Request::Restore(order.clone()))
    );

    w.set_now("2027-09-02T12:00:00Z");
    assert_eq!(w.post(&operator(), &format!("/runs/{FIRST}/undo"), why()).await.status, 409);
    Night::new(SECOND).ends(&w, RunState::Rejected).await;
    assert_eq!(w.post(&operator(), &format!("/runs/{SECOND}/undo"), why()).await.status, 409);
    w.internal.remove(&format!("snapshots/oak/{SECOND}/manifest.json"));
    assert_eq!(w.post(&operator(), &format!("/runs/{SECOND}/restore"), why()).await.status, 409);
}

#[tokio::test]
async fn a_decision_with_an_idempotency_key_is_requested_once() {
    let w = world("clever").await;
    Night::new(FIRST).ends(&w, RunState::Applied).await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k1")];
    let undo = async || {
        w.send(
            Some(&operator()),
            "POST",
            &format!("/runs/{FIRST}/undo"),
            &headers,
            r#"{"reason":"x"}"#,
        )
        .await
    };
    assert_eq!(undo().await.body, undo().await.body);
    assert_eq!(stored_requests(&w).await.len(), 1);
}

#[tokio::test]
async fn r_x2_the_changes_of_a_run_are_read_in_pages() {
    let w = world("clever").await;
    let changes = (0..5).map(|n| change(&format!("s{n}"), None, Some("New Name"))).collect();
    Night::new(FIRST).changes(changes).ends(&w, RunState::Held).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = w.get(&operator(), &format!("/runs/{FIRST}/plan?limit=2{after}")).await;
        assert_eq!(page.status, 200);
        seen.extend(page.all("key").into_iter().map(str::to_owned));
        let Some(next) = page.body["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4"]);
    let first = &w.get(&operator(), &format!("/runs/{FIRST}/plan?limit=1")).await.body["items"][0];
    assert_eq!(
        (&first["action"], &first["reasons"][0]["rule"], &first["before"]),
        (&json!("add"), &json!("R-M1"), &json!(null))
    );
    assert_eq!(first["after"]["state"]["person"]["given"], "New");

    assert_eq!(w.get(&operator(), &format!("/runs/{FIRST}/report")).await.body["state"], "held");
    assert_eq!(w.get(&operator(), "/runs").await.all("run"), [FIRST]);
    for path in [
        format!("/runs/{SECOND}"),
        format!("/runs/{SECOND}/report"),
        format!("/runs/{SECOND}/plan"),
    ] {
        assert_eq!(w.get(&operator(), &path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn findings_of_a_run_are_read_in_pages_or_by_code() {
    let w = world("clever").await;
    let about =
        |code, n: usize| Finding::new(code).about("student", &format!("s{n}").as_str().into());
    let source = (0..3).map(|n| about(&REFERENCE_MISSING, n));
    let night = source.fold(Night::new(FIRST), |night, finding| night.found_in_source(&finding));
    let night = (3..6).fold(night, |night, n| {
        night.finds(about(if n == 4 { &ROLE_CONFLICT } else { &REFERENCE_MISSING }, n))
    });
    night.ends(&w, RunState::Held).await;
    let all = async |query: &str| {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page =
                w.get(&operator(), &format!("/runs/{FIRST}/findings?limit=2{query}{after}")).await;
            assert_eq!(page.status, 200);
            let items = page.body["items"].as_array().unwrap();
            seen.extend(items.iter().map(|item| item["entity"]["id"].as_str().unwrap().to_owned()));
            let Some(next) = page.body["next"].as_str() else { return seen };
            after = format!("&after={next}");
        }
    };
    assert_eq!(all("").await, ["s0", "s1", "s2", "s3", "s4", "s5"]);
    assert_eq!(all("&code=reference_missing").await, ["s0", "s1", "s2", "s3", "s5"]);
    assert_eq!(all("&code=role_conflict").await, ["s4"]);
    assert_eq!(all("&code=none").await, Vec::<String>::new());

    Night::new(SECOND)
        .finds(about(&ROLE_CONFLICT, 7))
        .finds(about(&ROLE_CONFLICT, 8))
        .refused(&w)
        .await;
    let page = w.get(&operator(), &format!("/runs/{SECOND}/findings?limit=1")).await;
    let next = page.body["next"].as_str().unwrap();
    let page = w.get(&operator(), &format!("/runs/{SECOND}/findings?limit=1&after={next}")).await;
    assert_eq!(
        (&page.body["items"][0]["entity"]["id"], &page.body["next"]),
        (&json!("s8"), &json!(null))
    );
    assert_eq!(w.get(&operator(), &format!("/runs/{THIRD}/findings")).await.status, 404);
}

#[tokio::test]
async fn runs_are_listed_newest_first_in_pages() {
    let w = world("clever").await;
    for run in [FIRST, SECOND, THIRD] {
        Night::new(run).ends(&w, RunState::Applied).await;
    }
    let first = w.get(&operator(), "/runs?limit=2").await;
    assert_eq!(first.all("run"), [THIRD, SECOND]);
    let second = w
        .get(&operator(), &format!("/runs?limit=2&after={}", first.body["next"].as_str().unwrap()))
        .await;
    assert_eq!((second.all("run"), &second.body["next"]), (vec![FIRST], &json!(null)));
}

#[tokio::test]
async fn r_x2_the_last_change_of_a_record_is_shown() {
    let w = world("clever").await;
    let (before, after) = (
        change("p3", Some("Pamela Yew"), Some("Pam Yew")),
        change("p30", None, Some("Other Name")),
    );
    Night::new(FIRST).changes(vec![after, before]).ends(&w, RunState::Applied).await;
    let last = w.get(&support(), "/people/student/p3/last-change").await;
    assert_eq!(
        (last.status, &last.body["run"], &last.body["action"]),
        (200, &json!(FIRST), &json!("update"))
    );
    assert_eq!(last.body["before"]["state"]["person"]["given"], "Pamela");
    assert_eq!(last.body["after"]["state"]["person"]["given"], "Pam");
    assert_eq!(
        w.get(&support(), "/people/student/p4/last-change").await.status,
        404,
        "that run did not change the record"
    );
}

#[tokio::test]
async fn r_x2_an_application_follows_the_changes_since_a_run() {
    let w = world("clever").await;
    Night::new(FIRST)
        .changes(vec![change("s1", None, Some("A A"))])
        .ends(&w, RunState::Applied)
        .await;
    Night::new(SECOND)
        .changes(vec![change("s2", None, Some("B B")), change("s3", None, Some("C C"))])
        .ends(&w, RunState::Applied)
        .await;
    let everything = w.get(&application(), "/changes").await;
    assert_eq!(
        (everything.all("key"), &everything.body["more"]),
        (vec!["s1", "s2", "s3"], &json!(false))
    );
    let since = w.get(&application(), &format!("/changes?since={FIRST}&limit=1")).await;
    assert_eq!(
        (since.all("key"), since.all("run"), &since.body["more"]),
        (vec!["s2"], vec![SECOND], &json!(true))
    );
    let next = since.body["next"].as_str().unwrap().to_owned();
    let rest = w.get(&application(), &format!("/changes?after={next}")).await;
    assert_eq!((rest.all("key"), &rest.body["more"]), (vec!["s3"], &json!(false)));

    let end = rest.body["next"].as_str().unwrap().to_owned();
    assert!(w.get(&application(), &format!("/changes?after={end}")).await.all("key").is_empty());
    Night::new(THIRD)
        .changes(vec![change("s4", None, Some("D D"))])
        .ends(&w, RunState::Applied)
        .await;
    assert_eq!(
        w.get(&application(), &format!("/changes?after={end}")).await.all("key"),
        ["s4"],
        "the cursor returns later changes"
    );
    assert_eq!(
        w.get(&application(), "/changes?since=01HZ0000000000000000000009").await.status,
        404
    );
    assert_eq!(w.get(&application(), "/changes?after=00").await.status, 400);
}

#[tokio::test]
async fn r_m8_an_application_reads_groups() {
    let w = world("clever").await;
    assert_eq!(
        w.get(&application(), "/groups").await.body,
        json!({ "items": [] }),
        "before the first run"
    );
    let night = Night::new(FIRST)
        .member("grade", "04", "p1")
        .member("race", "asian", "p2")
        .member("grade", "04", "p3");
    night.ends(&w, RunState::Applied).await;
    let groups = w.get(&application(), "/groups").await.body;
    assert_eq!(
        groups["items"],
        json!([
            { "field": "grade", "value": "04", "students": 2 }, { "field": "race", "value": "asian", "students": 1 }
        ])
    );
    let first = w.get(&application(), "/groups/members?field=grade&value=04&limit=1").await;
    assert_eq!(first.body["items"], json!(["p1"]));
    let next = first.body["next"].as_str().unwrap();
    let second = w
        .get(&application(), &format!("/groups/members?field=grade&value=04&limit=1&after={next}"))
        .await;
    assert_eq!(second.body, json!({ "items": ["p3"] }));
    assert_eq!(w.get(&application(), "/groups/members?field=grade").await.status, 400);
    assert_eq!(w.get(&teacher(), "/groups").await.status, 403);
}

#[tokio::test]
async fn an_archived_record_names_its_run() {
    let w = world("clever").await;
    let mut gone = student("p3", person("Pam Yew", "pam@oak.org", "north"), &[], &[]);
    (gone.status, gone.archived_on) = (Status::Archived, Some(jiff::civil::date(2026, 9, 1)));
    w.put(AnyMirrored::Student(gone)).await;
    let person = w.get(&support(), "/people/student/p3").await;
    assert_eq!(
        (&person.body["status"], &person.body["archived_on"]),
        (&json!("archived"), &json!("2026-09-01"))
    );
}
