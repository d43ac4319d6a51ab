//! Pausing, resuming, and a pull now (R-O4); switching off and on (R-O5).

use jiff::Timestamp;
use mirror::keys;
use mirror::ports::districts::{Districts, Leases, TakeLease};
use mirror::ports::runs::{RunRecord, Runs};
use roster::run::{RunState, Step};
use roster::settings::{Clever, DistrictStatus, Settings};
use serde_json::{Value, json};

use crate::nights::{FIRST, Night};
use crate::world::*;

/// A live district that is pulled from Clever.
async fn pulled() -> World {
    let mut settings = Settings::of_preset("clever");
    settings.source.clever = Some(Clever::of("58da8a43cc70ab00017a1a87"));
    world_with(settings).await
}

async fn post(w: &World, path: &str) -> Reply {
    w.post(&operator(), path, json!({ "reason": "the term begins next week" })).await
}

async fn status(w: &World) -> Value {
    w.get(&operator(), "").await.body["status"].clone()
}

#[tokio::test]
async fn r_o4_a_live_district_is_paused_and_resumed_without_a_review() {
    let w = pulled().await;
    let paused = post(&w, "/pause").await;
    assert_eq!(
        (paused.status, &paused.body["status"], status(&w).await),
        (200, &json!("paused"), json!("paused"))
    );
    assert_eq!(post(&w, "/pause").await.status, 200, "twice is once");
    // What the source answers for is not edited by hand while it is paused.
    let edit = w.post(&leader(), "/classes/c1/students", json!({ "student": "p3" })).await;
    assert_eq!(edit.body["lives"], "until_next_run");
    let resumed = post(&w, "/resume").await;
    assert_eq!(
        (resumed.status, &resumed.body["missed"], status(&w).await),
        (200, &json!(null), json!("live"))
    );
    assert_eq!(post(&w, "/resume").await.status, 200);
    assert_eq!(w.post(&operator(), "/pause", json!({ "reason": " " })).await.status, 422);
}

#[tokio::test]
async fn r_o4_what_came_in_while_it_was_paused_is_named_when_it_is_resumed() {
    let w = world("sis").await;
    post(&w, "/pause").await;
    Night::new(FIRST).ends(&w, RunState::Staged).await;
    assert_eq!(post(&w, "/resume").await.body, json!({ "status": "live", "missed": FIRST }));
    // Its snapshot can be brought in.
    assert_eq!(post(&w, &format!("/runs/{FIRST}/restore")).await.status, 202);
}

#[tokio::test]
async fn r_o4_a_held_run_is_not_approved_while_its_district_is_paused_and_can_be_rejected() {
    let w = pulled().await;
    Night::new(FIRST).ends(&w, RunState::Held).await;
    post(&w, "/pause").await;
    let decide = async |decision: &str| {
        w.post(
            &operator(),
            &format!("/runs/{FIRST}/decision"),
            json!({ "decision": decision, "reason": "seen" }),
        )
        .await
    };
    for decision in ["approve", "approve_additions"] {
        assert_eq!(decide(decision).await.refusal(), (409, "R-O4"));
    }
    assert_eq!(decide("reject").await.status, 202);
    post(&w, "/resume").await;
    assert_eq!(decide("approve").await.status, 202);
}

#[tokio::test]
async fn r_o4_only_a_live_district_is_paused_and_only_a_paused_one_resumed() {
    let w = pulled().await;
    for (at, rule) in [
        (DistrictStatus::Notified, "R-O2"),
        (DistrictStatus::Configured, "R-O2"),
        (DistrictStatus::InReview, "R-O2"),
        (DistrictStatus::Off, "R-O5"),
    ] {
        w.switch(at).await;
        for path in ["/pause", "/resume"] {
            let refused = post(&w, path).await;
            assert_eq!(
                (refused.refusal(), &refused.body["district_status"]),
                ((409, rule), &json!(at)),
                "{path}"
            );
            assert_eq!(
                w.table.district(&oak()).await.unwrap().unwrap().status,
                at,
                "nothing has changed"
            );
        }
    }
}

#[tokio::test]
async fn r_o5_a_paused_district_is_resumed_and_not_switched_on_and_one_that_nobody_configured_is_not_switched_at_all()
 {
    let w = pulled().await;
    let switch = async |to: &str| {
        w.post(&operator(), "/sync", json!({ "sync": to, "reason": "the contract" })).await
    };
    w.switch(DistrictStatus::Paused).await;
    assert_eq!(switch("on").await.refusal(), (409, "R-O4"));
    assert_eq!((switch("off").await.status, status(&w).await), (200, json!("off")));
    assert_eq!(
        (switch("on").await.status, status(&w).await),
        (200, json!("in_review")),
        "off and on is reviewed"
    );
    w.switch(DistrictStatus::Notified).await;
    for to in ["on", "off"] {
        assert_eq!(
            switch(to).await.refusal(),
            (409, "R-O2"),
            "else off and on would spare it being configured"
        );
    }
}

#[tokio::test]
async fn r_o4_a_pull_now_is_the_order_that_the_nights_give_and_names_its_run() {
    let w = pulled().await;
    w.set_now("2026-09-01T12:00:41Z");
    let asked = post(&w, "/runs").await;
    let run = keys::pull_id("2026-09-01T12:00:00Z".parse().unwrap(), &oak());
    assert_eq!((asked.status, &asked.body), (202, &json!({ "run": run })));
    assert_eq!(asked.headers["location"], format!("/v1/districts/oak/runs/{run}"));
    w.set_now("2026-09-01T12:00:59Z");
    assert_eq!(post(&w, "/runs").await.body["run"], json!(run), "twice in a minute is one run");
    let [(name, at, order)] = &w.schedules.take_all()[..] else { panic!("one schedule") };
    assert_eq!(
        (name.as_str(), *at),
        (&*format!("now-{run}"), "2026-09-01T12:00:46Z".parse::<Timestamp>().unwrap())
    );
    let template = include_str!("../../../../template.yaml");
    assert!(
        template.contains("schedule/${Pulls}/now-*"),
        "schedules of this name are all that the function may make"
    );
    let order: Value = serde_json::from_str(order).unwrap();
    assert_eq!(order, json!({ "district": "oak", "at": "2026-09-01T12:00:00Z" }));
    let sample: Value = serde_json::from_str(include_str!("../../../../events/pull.json")).unwrap();
    let fields = |order: &Value| order.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&order), fields(&sample), "as nightly-pull knows it");

    w.set_now("2026-09-01T12:01:00Z");
    assert_ne!(post(&w, "/runs").await.body["run"], json!(run));
    w.switch(DistrictStatus::InReview).await;
    assert_eq!(post(&w, "/runs").await.status, 202, "another look at what is reviewed");
    assert_eq!(
        w.post(&support(), "/runs", json!({ "reason": "an id was corrected" })).await.status,
        202
    );
    assert_eq!(
        w.post(&leader(), "/runs", json!({ "reason": "an id was corrected" })).await.status,
        403
    );
}

#[tokio::test]
async fn r_o4_a_pull_now_is_refused_with_what_to_do_instead() {
    let w = pulled().await;
    for (at, rule, instead) in [
        (DistrictStatus::Notified, "R-O2", "save its settings first"),
        (DistrictStatus::Configured, "R-O2", "switch it on"),
        (DistrictStatus::Paused, "R-O4", "resume it"),
        (DistrictStatus::Off, "R-O5", "switch it on"),
    ] {
        w.switch(at).await;
        let refused = post(&w, "/runs").await;
        assert_eq!(refused.refusal(), (409, rule));
        assert!(refused.body["detail"].as_str().unwrap().contains(instead), "{}", refused.body);
    }
    let w = world("sis").await;
    let uploads = post(&w, "/runs").await;
    assert_eq!(uploads.refusal(), (409, "R-O4"));
    assert!(
        uploads.body["detail"].as_str().unwrap().contains("upload the export again"),
        "{}",
        uploads.body
    );
    assert!(w.schedules.take_all().is_empty());
}

#[tokio::test]
async fn r_o4_a_pull_now_waits_for_the_run_that_is_at_work() {
    let w = pulled().await;
    let begun = RunRecord::importing(oak(), FIRST.into(), w.now());
    w.table.begin(&begun).await.unwrap();
    let busy = post(&w, "/runs").await;
    assert_eq!((busy.status, &busy.body["run"]), (409, &json!(FIRST)));
    // A run that waits for a person does not keep newer data away.
    let mut held = w.table.run(&oak(), &FIRST.into()).await.unwrap().unwrap();
    for step in [Step::Stage, Step::Plan, Step::Hold] {
        held.step(step).unwrap();
    }
    let _ = w.table.save(&mut held).await.unwrap();
    assert_eq!(post(&w, "/runs").await.status, 202);
    // Whoever writes has the lease.
    let until = w.now() + jiff::SignedDuration::from_mins(10);
    let TakeLease::Taken(_) = w.table.take(&oak(), "a run", w.now(), until).await.unwrap() else {
        panic!()
    };
    assert_eq!(post(&w, "/runs").await.status, 409);
    w.set_now("2026-09-01T12:11:00Z");
    assert_eq!(post(&w, "/runs").await.status, 202, "whoever had it has died");
    // One that died long ago keeps nobody from anything.
    let dead = RunRecord::importing(oak(), crate::nights::SECOND.into(), w.now());
    w.table.begin(&dead).await.unwrap();
    assert_eq!(post(&w, "/runs").await.status, 409);
    w.set_now("2026-09-01T14:12:00Z");
    assert_eq!(post(&w, "/runs").await.status, 202);
}

#[tokio::test]
async fn r_o4_a_request_with_a_key_is_one_pull_however_late_it_comes_again() {
    let w = pulled().await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k1")];
    let ask = async || {
        w.send(Some(&operator()), "POST", "/runs", &headers, r#"{"reason":"corrected"}"#).await
    };
    let first = ask().await;
    w.set_now("2026-09-01T13:00:00Z");
    assert_eq!(ask().await.body, first.body);
    assert_eq!(w.schedules.take_all().len(), 1);
}
