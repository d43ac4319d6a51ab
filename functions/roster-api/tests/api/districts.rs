//! Districts: settings, the sync, erasure.

use mirror::ports::districts::{Districts, Leases, TakeLease};
use roster::run::RunState;
use roster::settings::DistrictStatus;
use serde_json::json;

use crate::nights::{FIRST, Night};
use crate::world::*;

#[tokio::test]
async fn an_operator_creates_a_district_and_changes_single_settings() {
    let w = world("sis").await;
    let elm = operator().of("elm");
    let settings = json!({ "preset": "clever", "time_zone": "America/New_York" });
    let made = w.post(&elm, "/v1/districts/elm", settings.clone()).await;
    assert_eq!((made.status, &made.body["preset"]), (201, &json!("clever")));
    assert_eq!(w.post(&elm, "/v1/districts/elm", settings).await.status, 409);
    assert_eq!(w.get(&elm, "/v1/districts/elm").await.body["status"], "configured");

    let next = json!({ "preset": "clever", "overrides": { "admit_students": "email" }, "school_rostering": { "hill": "on" } });
    assert_eq!(w.put_json(&elm, "/v1/districts/elm/settings", next.clone()).await.status, 428);
    let changed = w.put_at(&elm, "/v1/districts/elm/settings", &made.version(), next.clone()).await;
    assert_eq!(
        (changed.status, &changed.body["overrides"]["admit_students"]),
        (200, &json!("email"))
    );
    assert_eq!(
        w.put_at(&elm, "/v1/districts/elm/settings", &made.version(), next).await.status,
        412
    );
    for wrong in [
        json!({ "preset": "nightly" }),
        json!({ "preset": "sis", "overrides": { "admit_students": "all" } }),
        json!({ "preset": "sis", "time_zone": "Mars/Base" }),
        json!({ "preset": "sis", "password": "x" }),
    ] {
        assert_eq!(
            w.put_at(&elm, "/v1/districts/elm/settings", &changed.version(), wrong.clone())
                .await
                .status,
            422,
            "{wrong}"
        );
    }
    assert_eq!(w.get(&elm, "/v1/districts/elm/settings").await.version(), changed.version());
}

#[tokio::test]
async fn r_o2_a_notified_district_is_configured_before_its_sync_is_switched_on() {
    let w = world("clever").await;
    w.switch(DistrictStatus::Notified).await;
    let on = async || {
        w.post(&operator(), "/sync", json!({ "sync": "on", "reason": "they want to begin" })).await
    };
    let status = async || w.get(&operator(), "").await.body["status"].clone();
    assert_eq!((on().await.status, status().await), (409, json!("notified")));
    let version = w.get(&operator(), "/settings").await.version();
    let settings = json!({ "preset": "clever", "time_zone": "America/Chicago" }).to_string();
    let headers = [("content-type", "application/json"), ("if-match", version.as_str())];
    let changed = w.send(Some(&operator()), "PUT", "/settings", &headers, &settings).await;
    assert_eq!((changed.status, status().await), (200, json!("configured")));
    assert_eq!((on().await.status, status().await), (200, json!("in_review")));
}

#[tokio::test]
async fn r_o5_the_first_run_after_the_sync_was_off_is_reviewed() {
    let w = world("sis").await;
    let status = async || w.get(&operator(), "").await.body["status"].clone();
    let switch = async |to: &str| {
        w.post(&operator(), "/sync", json!({ "sync": to, "reason": "the contract ends" }))
            .await
            .status
    };
    assert_eq!(status().await, "live");
    assert_eq!(switch("on").await, 200);
    assert_eq!(status().await, "live", "the sync was already on");
    assert_eq!(switch("off").await, 200);
    assert_eq!(status().await, "off");
    assert_eq!(w.get(&teacher(), "/classes/c1").await.status, 200, "the mirror stays unchanged");
    assert_eq!(switch("on").await, 200);
    assert_eq!(w.table.district(&oak()).await.unwrap().unwrap().status, DistrictStatus::InReview);
    assert_eq!(switch("on").await, 200);
    assert_eq!(status().await, "in_review", "a repeated request does not skip the review");
    assert_eq!(
        w.post(&operator(), "/sync", json!({ "sync": "off", "reason": "" })).await.status,
        422
    );
}

#[tokio::test]
async fn r_o6_a_district_is_erased_with_a_certificate_of_what_was_deleted() {
    let w = world("clever").await;
    Night::new(FIRST).member("grade", "04", "p1").ends(&w, RunState::Applied).await;
    w.inbox.upload("uploads/oak/roster.zip", &b"PK"[..], None);
    w.inbox.upload("uploads/oakfield/roster.zip", &b"PK"[..], None);
    w.internal.upload("snapshots/oakfield/x/manifest.json", &b"{}"[..], None);
    w.post(&leader(), "/classes/c1/students", json!({ "student": "p3" })).await;
    w.send(Some(&teacher()), "PUT", "/classes/c1/join-code", &[], "").await;
    let items = w.table.items();
    let (edits, students) = (
        items.keys().filter(|(_, sk)| sk.contains("#EDIT#")).count(),
        items.keys().filter(|(_, sk)| sk.starts_with("student#") && !sk.contains("#EDIT#")).count(),
    );
    assert_eq!(w.get(&operator(), "/erasure").await.status, 404);
    let erase = async |confirm: &str| {
        w.post(&operator(), "/erasure", json!({ "confirm": confirm, "reason": "leaves" })).await
    };
    for wrong in ["", "oak", "erase elm", "erase oak "] {
        assert_eq!(erase(wrong).await.status, 422, "{wrong}");
    }
    assert_eq!(w.get(&teacher(), "/classes/c1").await.status, 200, "nothing was deleted");

    let done = erase("erase oak").await;
    assert_eq!((done.status, &done.body["state"]), (200, &json!("complete")), "{}", done.body);
    assert_eq!(done.body["items"]["student"]["count"], json!(students));
    assert_eq!(done.body["items"]["edit"]["count"], json!(edits));
    for sort in ["district", "run", "join code", "class", "teacher", "guardian", "school"] {
        assert!(done.body["items"][sort]["count"].as_u64() > Some(0), "{sort}");
        assert_eq!(done.body["items"][sort]["hash"].as_str().unwrap().len(), 32);
    }
    for folder in
        [format!("snapshots/{FIRST}"), format!("runs/{FIRST}"), "groups".into(), "uploads".into()]
    {
        assert!(done.body["objects"][&folder]["count"].as_u64() > Some(0), "{folder}");
    }
    assert!(
        done.body["verified"].is_string()
            && done.body["by"] == "kim.operator"
            && done.body["reason"] == "leaves"
    );

    assert!(w.table.items().is_empty() && w.table.district(&oak()).await.unwrap().is_none());
    assert_eq!(
        w.inbox.keys(),
        ["uploads/oakfield/roster.zip"],
        "another district with the same prefix keeps its uploads"
    );
    let left: Vec<_> =
        w.internal.keys().into_iter().filter(|key| !key.starts_with("erased/")).collect();
    assert_eq!(left, ["snapshots/oakfield/x/manifest.json"]);
    assert_eq!(w.get(&support(), "/classes/c1").await.status, 404);
    assert_eq!(
        w.get(&operator(), "/erasure").await.body,
        done.body,
        "the certificate is kept after the erasure"
    );
    assert_eq!(erase("erase oak").await.status, 404);
    let certificate = w.get(&operator(), "/erasure").await.body.to_string();
    for secret in ["Pia", "p1\"", "roster.zip", "pia@oak.org"] {
        assert!(!certificate.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn r_o6_erasure_waits_for_a_run_in_progress() {
    let w = world("clever").await;
    let until = w.now() + jiff::SignedDuration::from_mins(10);
    let TakeLease::Taken(_) = w.table.take(&oak(), "a run", w.now(), until).await.unwrap() else {
        panic!()
    };
    let erased = w
        .post(&operator(), "/erasure", json!({ "confirm": "erase oak", "reason": "leaves" }))
        .await;
    assert_eq!(erased.status, 409);
    assert!(!w.table.items().is_empty());
    w.set_now("2026-09-01T12:11:00Z");
    assert_eq!(
        w.post(&operator(), "/erasure", json!({ "confirm": "erase oak", "reason": "leaves" }))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn r_o6_erasure_continues_where_its_time_ended() {
    let reference = world("clever").await;
    let order = || json!({ "confirm": "erase oak", "reason": "leaves" });
    let whole = reference.post(&operator(), "/erasure", order()).await.body;

    let w = world("clever").await;
    // Every read of the clock takes three seconds, so a request deletes only a few pages.
    w.tick(3);
    let mut requests = 0;
    let done = loop {
        requests += 1;
        assert!(requests < 50);
        let reply = w.post(&operator(), "/erasure", order()).await;
        match reply.status {
            202 => assert_eq!(reply.body["state"], "in_progress"),
            _ => break reply,
        }
    };
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(requests > 2);
    assert!(w.table.items().is_empty());
    for sort in ["student", "class", "teacher", "guardian", "school"] {
        assert_eq!(
            done.body["items"][sort], whole["items"][sort],
            "{sort}: nothing is counted twice"
        );
    }
}
