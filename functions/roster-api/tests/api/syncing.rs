//! Pause, resume and a pull now (R-O4); the sync off and on (R-O5).

use jiff::Timestamp;
use mirror::keys;
use mirror::ports::districts::{Districts, Leases, TakeLease};
use mirror::ports::runs::{RunRecord, Runs};
use roster::run::{RunState, Step};
use roster::settings::{Clever, DistrictStatus, Settings};
use serde_json::{Value, json};

use crate::nights::{FIRST, Night, PLAN};
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
    assert_eq!(post(&w, "/pause").await.status, 200, "pausing again has no effect");
    // Synced data cannot be edited by hand while the district is paused.
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
async fn r_o4_resuming_names_the_upload_that_was_missed() {
    let w = world("sis").await;
    post(&w, "/pause").await;
    Night::new(FIRST).ends(&w, RunState::Staged).await;
    assert_eq!(post(&w, "/resume").await.body, json!({ "status": "live", "missed": FIRST }));
    // Its snapshot can be restored.
    assert_eq!(post(&w, &format!("/runs/{FIRST}/restore")).await.status, 202);
}

#[tokio::test]
async fn r_o4_while_paused_a_held_run_can_only_be_rejected() {
    let w = pulled().await;
    Night::new(FIRST).ends(&w, RunState::Held).await;
    post(&w, "/pause").await;
    let decide = async |decision: &str| {
        w.post(
            &operator(),
            &format!("/runs/{FIRST}/decision"),
            json!({ "decision": decision, "plan": PLAN, "reason": "seen" }),
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
async fn r_o4_only_live_districts_pause_and_only_paused_ones_resume() {
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
                "the status is unchanged"
            );
        }
    }
}

#[tokio::test]
async fn r_o5_paused_and_unconfigured_districts_are_not_switched_on() {
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
        "a sync that was off is reviewed"
    );
    w.switch(DistrictStatus::Notified).await;
    for to in ["on", "off"] {
        assert_eq!(
            switch(to).await.refusal(),
            (409, "R-O2"),
            "switching off and on must not skip the configuration"
        );
    }
}

#[tokio::test]
async fn r_o4_a_pull_now_is_scheduled_and_names_its_run() {
    let w = pulled().await;
    w.set_now("2026-09-01T12:00:41Z");
    let response = post(&w, "/runs").await;
    let run = keys::pull_id("2026-09-01T12:00:00Z".parse().unwrap(), &oak());
    assert_eq!((response.status, &response.body), (202, &json!({ "run": run })));
    assert_eq!(response.headers["location"], format!("/v1/districts/oak/runs/{run}"));
    w.set_now("2026-09-01T12:00:59Z");
    assert_eq!(
        post(&w, "/runs").await.body["run"],
        json!(run),
        "two requests in a minute are one run"
    );
    let [(name, at, order)] = &w.schedules.take_all()[..] else { panic!("one schedule") };
    assert_eq!(
        (name.as_str(), *at),
        (&*format!("now-{run}"), "2026-09-01T12:00:46Z".parse::<Timestamp>().unwrap())
    );
    let template = include_str!("../../../../template.yaml");
    assert!(
        template.contains("schedule/${Pulls}/now-*"),
        "the function may create only schedules with this name"
    );
    let order: Value = serde_json::from_str(order).unwrap();
    assert_eq!(order, json!({ "district": "oak", "at": "2026-09-01T12:00:00Z" }));
    let sample: Value = serde_json::from_str(include_str!("../../../../events/pull.json")).unwrap();
    let fields = |order: &Value| order.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&order), fields(&sample), "nightly-pull reads these fields");

    w.set_now("2026-09-01T12:01:00Z");
    assert_ne!(post(&w, "/runs").await.body["run"], json!(run));
    w.switch(DistrictStatus::InReview).await;
    assert_eq!(post(&w, "/runs").await.status, 202, "a district in review can be pulled again");
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
async fn r_o4_a_rejected_pull_says_what_to_do_instead() {
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
async fn r_o4_a_pull_now_waits_for_a_run_in_progress() {
    let w = pulled().await;
    let begun = RunRecord::importing(oak(), FIRST.into(), w.now());
    w.table.begin(&begun).await.unwrap();
    let busy = post(&w, "/runs").await;
    assert_eq!((busy.status, &busy.body["run"]), (409, &json!(FIRST)));
    // A held run does not block newer data.
    let mut held = w.table.run(&oak(), &FIRST.into()).await.unwrap().unwrap();
    for step in [Step::Stage, Step::Plan, Step::Hold] {
        held.step(step).unwrap();
    }
    let _ = w.table.save(&mut held).await.unwrap();
    assert_eq!(post(&w, "/runs").await.status, 202);
    // A run that writes holds the lease.
    let until = w.now() + jiff::SignedDuration::from_mins(10);
    let TakeLease::Taken(_) = w.table.take(&oak(), "a run", w.now(), until).await.unwrap() else {
        panic!()
    };
    assert_eq!(post(&w, "/runs").await.status, 409);
    w.set_now("2026-09-01T12:11:00Z");
    assert_eq!(post(&w, "/runs").await.status, 202, "the previous holder has crashed");
    // A run that crashed long ago blocks nothing.
    let dead = RunRecord::importing(oak(), crate::nights::SECOND.into(), w.now());
    w.table.begin(&dead).await.unwrap();
    assert_eq!(post(&w, "/runs").await.status, 409);
    w.set_now("2026-09-01T14:12:00Z");
    assert_eq!(post(&w, "/runs").await.status, 202);
}

#[tokio::test]
async fn r_o4_a_repeated_request_with_a_key_is_one_pull() {
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
