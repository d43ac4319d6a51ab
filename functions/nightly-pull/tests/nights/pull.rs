//! Pulls, from the order to the snapshot, and the failures that can prevent a snapshot.

use std::time::Duration;

use crate::world::*;
use jiff::civil::date;
use mirror::eventbridge::event::Status;
use mirror::files::snapshot::read_chain;
use mirror::ports::districts::{Districts, Latest};
use mirror::ports::runs::Runs;
use mirror::testing::failing::Cue;
use nightly_pull::{PullFailure, PullOutcome};
use roster::run::RunState;
use roster::settings::{Clever, DistrictStatus};
use serde_json::json;
use sources::clever::memory::Fault;
use sources::http::NoAnswer;

#[tokio::test]
async fn r_o4_an_order_stages_a_snapshot_and_a_repeated_order_does_nothing() {
    let world = World::new().await;
    assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
    let manifest = world.manifest(&order(0)).await.unwrap();
    assert_eq!(
        (manifest.parts["student"].records, manifest.parts["class"].records, manifest.enrollments),
        (12, 2, 26)
    );
    assert_eq!((manifest.origin.source.as_str(), manifest.today), ("clever", date(2026, 9, 15)));
    assert_eq!(manifest.taken_at, world.time.now());
    let record = world.record(&order(0)).await;
    assert_eq!(
        (record.state, record.importer, record.cause.is_source()),
        (RunState::Staged, None, true)
    );
    assert_eq!(world.latest().await, Some(run_of(&order(0))));
    // The newest snapshot has an empty upload lineage.
    let chain =
        read_chain(&world.internal, &world.district, &run_of(&order(0))).await.unwrap().unwrap();
    assert!(chain.links.is_empty());

    let (snapshots, requests) = (world.snapshots(), world.clever.requests().len());
    assert_eq!(world.send(&order(0)).await, PullOutcome::Repeated);
    assert_eq!((world.snapshots(), world.clever.requests().len()), (snapshots, requests));
    assert_eq!(world.table.newest(&world.district, 9).await.unwrap().len(), 1);

    world.time.pass(Duration::from_secs(24 * 3600));
    assert_eq!(world.send(&order(1)).await, PullOutcome::Staged);
    assert_eq!(world.latest().await, Some(run_of(&order(1))));
}

#[tokio::test]
async fn a_pull_near_its_deadline_continues_from_its_cursor_to_the_same_snapshot() {
    let calm = World::new().await;
    calm.send(&order(0)).await;
    let world = World::new().await;
    // Each page of students takes so long that the invocation ends after it.
    for page in ["limit=3&role=student".to_owned()]
        .into_iter()
        .chain([13, 16, 19].map(|id| format!("starting_after=7{id:023}")))
    {
        world.clever.plan(&page, 0, 1, Fault::TooMany(45));
    }
    for owner in 0..3 {
        world.time.pass(Duration::from_secs(1));
        let event = match world.schedules.take_all().pop() {
            Some((_, _, payload)) => serde_json::from_str(&payload).unwrap(),
            None => order(0),
        };
        let ended = world
            .send_for(&event, &Cue::never(), &owner.to_string(), Duration::from_secs(140))
            .await
            .unwrap();
        assert_eq!((ended, world.record(&order(0)).await.importer), (PullOutcome::Continued, None));
        assert!(world.manifest(&order(0)).await.is_none());
    }
    assert_eq!(world.continue_all().await, Some(PullOutcome::Staged));
    assert!(world.record(&order(0)).await.continued >= 3);
    assert!(world.snapshots() == calm.snapshots());
    // Only refused pages were requested twice.
    let first = world.clever.requests().iter().filter(|path| path.contains("role=teacher")).count();
    assert_eq!(first, 1);
}

#[tokio::test]
async fn a_crash_anywhere_and_the_event_again_end_in_the_same_snapshot() {
    let calm = World::new().await;
    calm.send(&order(0)).await;
    let right = calm.snapshots();
    for fails_after_the_call in [false, true] {
        for n in 0.. {
            let world = World::new().await;
            let cue = Cue::at(n, fails_after_the_call);
            let _ = world.send_under(&order(0), &cue, "request").await;
            if cue.calls() <= n {
                assert!(n > 30, "too few calls for a test");
                break;
            }
            let at = format!("call {n}, fails after the call: {fails_after_the_call}");
            let owner = if n % 2 == 0 { "request" } else { "another request" };
            world.time.pass(Duration::from_secs(if n % 2 == 0 { 60 } else { 961 }));
            world
                .send_under(&order(0), &Cue::never(), owner)
                .await
                .unwrap_or_else(|e| panic!("{at}: {e:?}"));
            assert_eq!(world.record(&order(0)).await.state, RunState::Staged, "{at}");
            assert_eq!(world.latest().await, Some(run_of(&order(0))), "{at}");
            assert!(world.snapshots() == right, "{at}: another snapshot");
            assert!(world.manifest(&order(0)).await.is_some(), "{at}");
        }
    }
}

#[tokio::test]
async fn a_pull_belongs_to_one_invocation_at_a_time() {
    let world = World::new().await;
    let _ = world.send_under(&order(0), &Cue::at(20, false), "first").await.unwrap_err();
    let second = world.send_under(&order(0), &Cue::never(), "second").await;
    assert!(matches!(second, Err(PullFailure::InProgress)));
    // The same invocation, delivered again, continues immediately; another one continues when the
    // first must have ended.
    world.time.pass(Duration::from_secs(961));
    assert_eq!(
        world.send_under(&order(0), &Cue::never(), "second").await.unwrap(),
        PullOutcome::Staged
    );
}

#[tokio::test]
async fn a_source_that_is_down_is_retried_before_the_pull_is_refused() {
    let world = World::new().await;
    world.clever.plan("/sections", 0, 6, Fault::Answer(503, "<html>down</html>".into()));
    assert_eq!(world.send(&order(0)).await, PullOutcome::Continued);
    let before = world.clever.requests().len();
    assert_eq!(world.continue_all().await, Some(PullOutcome::Staged));
    assert_eq!(world.notifications(), [("Pull Failed", Status::Importing, true)]);
    let again: Vec<String> = world.clever.requests().split_off(before);
    assert!(
        again.iter().all(|path| !path.contains("/users")),
        "lists that were read are not read again"
    );

    let world = World::new().await;
    world.clever.plan("/sections", 0, 99, Fault::None(NoAnswer::TimedOut));
    assert_eq!(world.send(&order(0)).await, PullOutcome::Continued);
    let begun = world.time.now();
    assert_eq!(world.continue_all().await, Some(PullOutcome::Refused));
    assert!(world.time.now().duration_since(begun).as_secs() >= 3 * 15 * 60);
    let (code, message) = world.refused(&order(0)).await;
    assert_eq!(code, "source_down");
    assert!(
        message.contains("sections could not be read after 6 tries (the request timed out)"),
        "{message}"
    );
    assert!(message.contains("Nothing was changed"));
    let notifications =
        [("Pull Failed", Status::Importing, true), ("Pull Failed", Status::Refused, false)];
    assert_eq!(
        world.notifications(),
        notifications,
        "at the first failure and at the end, not for each retry"
    );
    assert_eq!(world.send(&order(0)).await, PullOutcome::Repeated);
    assert_eq!(world.notifications(), []);
}

#[tokio::test]
async fn a_token_list_that_is_down_is_retried_like_a_source() {
    let world = World::new().await;
    world.clever.plan("/oauth/tokens", 0, 6, Fault::Answer(500, r#"{"message":"oops"}"#.into()));
    assert_eq!(world.send(&order(0)).await, PullOutcome::Continued);
    assert_eq!(world.continue_all().await, Some(PullOutcome::Staged));
}

#[tokio::test]
async fn a_rejected_token_is_fetched_again_before_the_pull_is_refused() {
    let refused = || Fault::Answer(401, r#"{"message":"unauthorized"}"#.into());
    let world = World::new().await;
    world.clever.plan("/districts", 0, 99, refused());
    assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
    assert_eq!(world.refused(&order(0)).await.0, "source_token");
    assert_eq!(
        world.clever.requests().iter().filter(|path| path.contains("/oauth/tokens")).count(),
        2
    );

    // A district that reconnects has another token, and a secret may be rotated.
    let world = World::new().await;
    let mut own = settings();
    own.source.clever =
        Some(Clever { token_secret: Some("oak-token".into()), ..own.source.clever.unwrap() });
    world.configure(&own, DistrictStatus::Live).await;
    world.secrets.put("oak-token", "another");
    assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
    assert_eq!(world.refused(&order(0)).await.0, "source_token");
    world.secrets.put("oak-token", TOKEN);
    assert_eq!(world.send(&order(1)).await, PullOutcome::Staged);
}

#[tokio::test]
async fn without_a_token_the_report_names_what_is_missing() {
    let world = World::new().await;
    world.clever.disconnect(OAK);
    assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
    let (code, message) = world.refused(&order(0)).await;
    assert!(
        code == "source_no_token" && message.contains("token list does not contain the district"),
        "{message}"
    );
    for (secret, text) in [
        ("{}", "no client_id"),
        (credentials("wrong").as_str(), "refused the application's client id and secret (401)"),
    ] {
        let world = World::new().await;
        world.secrets.put("CLEVER_SECRET", secret);
        assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
        let (code, message) = world.refused(&order(0)).await;
        assert!(
            code == "source_no_token" && message.contains(text) && !message.contains("wrong"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_refused_list_or_invalid_page_refuses_the_pull() {
    let answer = |status: u16| Fault::Answer(status, r#"{"message":"no"}"#.into());
    let back = || Fault::Next(format!("/v3.1/users?starting_after=7{:023}", 11));
    for (fault, code, text) in [
        (answer(404), "source_refused", "404 for the list of students"),
        (answer(413), "source_refused", "page_size"),
        (back(), "source_pages", "already read"),
        (
            Fault::Next("https://evil.example/v3.1/users?starting_after=1".into()),
            "source_pages",
            "another address",
        ),
    ] {
        let world = World::new().await;
        world.clever.plan("role=student", 1, 1, fault);
        assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
        let (found, message) = world.refused(&order(0)).await;
        assert!(found == code && message.contains(text), "{message}");
    }
}

#[tokio::test]
async fn r_h3_pages_of_two_data_versions_never_become_a_snapshot() {
    let news = |hour: u32| Fault::NewData(format!("2026-09-15T{hour:02}:00:00.000Z"));
    let world = World::new().await;
    world.clever.plan("role=student", 2, 1, news(6));
    world.clever.plan("role=student", 2, 1, Fault::Truncated);
    assert_eq!(world.send(&order(0)).await, PullOutcome::Staged, "the pull restarts immediately");
    assert!(world.internal.keys().iter().any(|key| key.contains("/1/students/00000.json.zst")));
    assert_eq!(world.manifest(&order(0)).await.unwrap().parts["student"].records, 12);

    // While the data keeps changing, the pull waits; after the last attempt it is refused.
    let world = World::new().await;
    for hour in 6..20 {
        world.clever.plan("/terms", 0, 1, news(hour));
    }
    assert_eq!(world.send(&order(0)).await, PullOutcome::Continued);
    assert_eq!(world.continue_all().await, Some(PullOutcome::Refused));
    assert_eq!(world.refused(&order(0)).await.0, "source_changing");
}

#[tokio::test]
async fn r_m6_a_pull_superseded_by_a_newer_snapshot_is_replaced() {
    let world = World::new().await;
    let newer =
        Latest { run: run_of(&order(1)), taken_at: world.time.now() + Duration::from_secs(3600) };
    let _ = world.table.accept(&world.district, &newer, None).await.unwrap();
    assert_eq!(world.send(&order(0)).await, PullOutcome::Replaced);
    assert_eq!(
        (world.latest().await, world.record(&order(0)).await.state),
        (Some(newer.run), RunState::Replaced)
    );
    assert!(world.manifest(&order(0)).await.is_none());
}

#[tokio::test]
async fn r_o4_r_o5_only_synced_districts_are_pulled() {
    use DistrictStatus::{Configured, InReview, Live, Notified, Off, Paused};
    for status in [Notified, Configured, Paused, Off] {
        let world = World::new().await;
        world.configure(&settings(), status).await;
        assert_eq!(world.send(&order(0)).await, PullOutcome::Skipped);
        assert!(
            world.clever.requests().is_empty()
                && world.table.newest(&world.district, 1).await.unwrap().is_empty()
        );
    }
    for status in [Live, InReview] {
        let world = World::new().await;
        world.configure(&settings(), status).await;
        assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
    }
    // A district that is paused during its pull.
    let world = World::new().await;
    world.clever.plan("/sections", 0, 6, Fault::None(NoAnswer::Connection));
    assert_eq!(world.send(&order(0)).await, PullOutcome::Continued);
    world.configure(&settings(), Paused).await;
    assert_eq!(world.continue_all().await, Some(PullOutcome::Refused));
    assert_eq!(world.refused(&order(0)).await.0, "source_paused");
}

#[tokio::test]
async fn invalid_events_and_settings_are_skipped_or_reported() {
    let world = World::new().await;
    for event in [
        json!({}),
        sample("s3-put-zip.json"),
        json!({ "district": "elsewhere", "at": "2026-09-15T06:00:00Z" }),
        sample("resume.json"),
    ] {
        let ended = world.send(&event).await;
        assert!(ended == PullOutcome::Skipped || event.get("resume").is_some());
    }
    let world = World::new().await;
    world.configure(&roster::settings::Settings::of_preset("sis"), DistrictStatus::Live).await;
    assert_eq!(
        world.send(&order(0)).await,
        PullOutcome::Skipped,
        "a district that uploads is not pulled"
    );
    let mut wrong = settings();
    wrong.time_zone = "Mars/Olympus".into();
    world.configure(&wrong, DistrictStatus::Live).await;
    assert_eq!(world.send(&order(1)).await, PullOutcome::Refused);
    assert_eq!(world.refused(&order(1)).await.0, "district_settings");
    let mut wrong = settings();
    wrong.source.clever = Some(Clever { api: "http://evil.example".into(), ..Clever::of(OAK) });
    world.configure(&wrong, DistrictStatus::Live).await;
    assert_eq!(world.send(&order(2)).await, PullOutcome::Refused);
    let (code, message) = world.refused(&order(2)).await;
    assert!(code == "district_settings" && message.contains("source.clever.api"), "{message}");
    assert!(world.clever.requests().is_empty(), "no token was sent");
}

#[tokio::test]
async fn r_h3_sharing_nothing_refuses_the_pull_but_an_unreadable_record_does_not() {
    let world = World::new().await;
    world.clever.remove("schools", "500000000000000000000001");
    assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
    assert_eq!(world.refused(&order(0)).await.0, "nothing_shared");
    world.clever.put("schools", json!({ "id": "500000000000000000000001", "name": "Elm" }));
    let mut with_nul = user(30, "student", json!({}));
    with_nul["name"]["first"] = "A\u{0}da".into();
    world.clever.put("users", with_nul);
    assert_eq!(world.send(&order(1)).await, PullOutcome::Staged);
    let manifest = world.manifest(&order(1)).await.unwrap();
    assert_eq!((manifest.parts["student"].records, manifest.parts["gaps"].records), (12, 1));
    assert_eq!(manifest.findings["record_unreadable"], 1);
}

#[tokio::test]
async fn r_m7_ignored_demographics_are_not_staged() {
    for (keep, there) in [("mirror", true), ("ignore", false)] {
        let world = World::new().await;
        let mut own = settings();
        own.overrides.insert("demographics".into(), keep.into());
        world.configure(&own, DistrictStatus::Live).await;
        world.clever.put(
            "users",
            user(
                11,
                "student",
                json!({ "dob": "1/20/2014", "race": "Asian", "ext": { "dob": "1/20/2014" } }),
            ),
        );
        assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
        assert_eq!(world.manifest(&order(0)).await.unwrap().parts["student"].records, 12);
        let pages = mirror::files::pulls::Pages::new(
            world.internal.clone(),
            &world.district,
            &run_of(&order(0)),
            0,
        );
        let first = String::from_utf8(pages.page("students", 0).await.unwrap()).unwrap();
        assert_eq!(
            (first.contains("1/20/2014"), first.contains("Asian"), first.contains("Quill11")),
            (there, there, true)
        );
    }
}

#[tokio::test]
async fn invariant_20_no_token_is_stored_or_reported() {
    let world = World::new().await;
    world.clever.plan("/sections", 0, 99, Fault::Answer(500, TOKEN.into()));
    world.send(&order(0)).await;
    world.continue_all().await;
    let report = serde_json::to_string(&world.report(&order(0)).await).unwrap();
    assert!(!report.contains(TOKEN));
    let notifications = world.bus.take_all();
    assert!(notifications.len() == 2 && !format!("{notifications:?}").contains(TOKEN));
    for key in
        world.internal.keys().iter().filter(|key| key.ends_with(".json") || key.ends_with(".html"))
    {
        let body = String::from_utf8(world.internal.body(key).unwrap()).unwrap();
        assert!(!body.contains(TOKEN), "{key}");
    }
    let failed = world.send_under(&order(1), &Cue::at(12, false), "request").await.unwrap_err();
    assert!(!format!("{failed:?} {failed}").contains(TOKEN));
}
