//! The pull: pages, cursors, limits, and all kinds of responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use roster::settings::Clever;
use serde_json::json;
use sources::clever::memory::Fault;
use sources::clever::{Api, BadSetting, Failing, PaginationError, PullError, Pulled, Resource};
use sources::http::NoAnswer;

use crate::support::*;

/// Returns a district with more pages: 9 students, two per page.
fn pages() -> World {
    let world = World::new();
    for number in 13..20 {
        world.clever.put("users", student(number, json!({})));
    }
    world
}

#[tokio::test]
async fn all_pages_of_all_lists_are_stored_sorted_by_id() {
    let world = pages();
    let mut state = world.begin().await;
    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Whole);
    let students = &state.lists[&Resource::Students];
    assert_eq!((students.pages, students.records, students.done), (5, 9, true));
    assert_eq!(state.lists.len(), Resource::ALL.len());
    assert_eq!(world.snapshot_of(&state).all("student").len(), 9);
    assert!(world.clever.requests().iter().any(|path| *path
        == format!("/v3.1/users?limit=2&role=student&starting_after={}", id("user", 18))));
}

#[tokio::test]
async fn a_pull_stopped_at_any_page_continues_to_the_same_pages() {
    let whole = pages();
    let mut state = whole.begin().await;
    whole.go_on(&mut state, || false).await.unwrap();
    for pages_at_once in 1..4 {
        let world = pages();
        let mut state = world.begin().await;
        let mut times = 0;
        loop {
            let left = AtomicU32::new(pages_at_once);
            let stop = || {
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err()
            };
            match world.go_on(&mut state, stop).await.unwrap() {
                Pulled::Paused => times += 1,
                ended => break assert_eq!(ended, Pulled::Whole),
            }
        }
        assert!(times > 2);
        assert_eq!(world.kept.pages(), whole.kept.pages());
    }
}

#[tokio::test]
async fn transient_failures_are_retried() {
    let html = || Fault::Answer(502, "<html><body>Bad gateway</body></html>".into());
    let error = || Fault::Answer(500, r#"{"error":"oops"}"#.into());
    let cut = || Fault::Answer(200, "<!doctype html><p>We will be right back".into());
    for fault in [
        html(),
        error(),
        cut(),
        Fault::TooMany(7),
        Fault::Truncated,
        Fault::None(NoAnswer::Connection),
        Fault::None(NoAnswer::TimedOut),
    ] {
        let world = pages();
        world.clever.plan("role=student", 2, 3, fault.clone());
        let mut state = world.begin().await;
        let before = world.time.millis();
        assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Whole, "{fault:?}");
        assert_eq!(world.snapshot_of(&state).all("student").len(), 9);
        let waited = world.time.millis() - before;
        if let Fault::TooMany(seconds) = fault {
            assert!(waited >= 3 * 1000 * seconds as i64, "{waited}");
        }
    }
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_down_and_stored_pages_are_not_read_again() {
    let world = pages();
    world.clever.plan("role=student", 2, 6, Fault::Answer(503, String::new()));
    let mut state = world.begin().await;
    let error = world.go_on(&mut state, || false).await.unwrap_err();
    assert!(
        matches!(error, PullError::Down { list: "students", tries: 6, last: Failing::Status(503) }),
        "{error}"
    );
    assert_eq!(state.lists[&Resource::Students].pages, 2);
    let before = world.clever.requests().len();
    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Whole);
    // The district twice, and the three remaining pages.
    assert_eq!(world.clever.requests().len() - before, 5);
    assert_eq!(world.snapshot_of(&state).all("student").len(), 9);
}

#[tokio::test]
async fn permanent_failures_are_not_retried() {
    let refused = |status: u16| Fault::Answer(status, r#"{"message":"no"}"#.into());
    for (status, tries) in [(400, 1), (404, 1), (413, 1), (501, 1)] {
        let world = pages();
        world.clever.plan("/sections", 0, 9, refused(status));
        let mut state = world.begin().await;
        let error = world.go_on(&mut state, || false).await.unwrap_err();
        assert!(
            matches!(error, PullError::Refused { list: "sections", status: found } if found == status),
            "{error}"
        );
        assert_eq!(
            world.clever.requests().iter().filter(|path| path.contains("/sections")).count(),
            tries
        );
    }
    let world = pages();
    world.clever.plan("/sections", 0, 1, refused(401));
    let mut state = world.begin().await;
    assert!(matches!(world.go_on(&mut state, || false).await, Err(PullError::Unauthorized)));
}

#[tokio::test]
async fn invalid_links_to_the_next_page_are_rejected() {
    let student = |number: u32| {
        format!("/v3.1/users?limit=2&role=student&starting_after={}", id("user", number))
    };
    let world = pages();
    // A page without records must not have a link: a cursor alone could continue forever.
    world.clever.plan(
        "/terms",
        0,
        1,
        Fault::Answer(
            200,
            json!({ "data": [], "links": [{ "rel": "next", "uri": format!("/v3.1/terms?starting_after={}", id("term", 3)) }] })
                .to_string(),
        ),
    );
    let mut state = world.begin().await;
    assert!(matches!(
        world.go_on(&mut state, || false).await,
        Err(PullError::Page { list: "terms", fault: PaginationError::Loop })
    ));
    for (uri, fault) in [
        (student(12), PaginationError::Loop),
        (student(11), PaginationError::Loop),
        (format!("https://evil.example{}", student(16)), PaginationError::ForeignLink),
        (format!("/v3.1/events?starting_after={}", id("user", 16)), PaginationError::ForeignLink),
    ] {
        let world = pages();
        world.clever.plan("role=student", 1, 1, Fault::Next(uri.clone()));
        let mut state = world.begin().await;
        let error = world.go_on(&mut state, || false).await.unwrap_err();
        assert!(
            matches!(error, PullError::Page { list: "students", fault: found } if found == fault),
            "{uri}: {error}"
        );
        assert!(!error.to_string().contains(&id("user", 16)));
    }
}

#[tokio::test]
async fn r_h3_changed_data_is_detected_at_the_end_and_on_continuation() {
    let news = || Fault::NewData("2026-09-01T03:00:00.000Z".into());
    let world = pages();
    world.clever.plan("role=student", 1, 1, news());
    let mut state = world.begin().await;
    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Changed);

    let world = pages();
    world.clever.plan("role=student", 1, 1, news());
    let mut state = world.begin().await;
    let left = Arc::new(AtomicU32::new(11));
    let stop =
        || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err();
    assert_eq!(world.go_on(&mut state, stop).await.unwrap(), Pulled::Paused);
    let before = world.clever.requests().len();
    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Changed);
    assert_eq!(world.clever.requests().len() - before, 1, "only the district is requested");
}

#[tokio::test]
async fn the_token_of_another_district_reads_nothing() {
    let world = pages();
    let mut state = world.begin().await;
    world.clever.disconnect(OAK);
    world.clever.connect(&id("district", 2), TOKEN);
    assert!(matches!(world.go_on(&mut state, || false).await, Err(PullError::OtherDistrict)));
    assert!(world.kept.pages().is_empty());
}

#[test]
fn invalid_settings_are_named() {
    let oak = || Clever::of(OAK);
    assert!(Api::of(&oak()).is_ok());
    assert!(Api::of(&Clever { api: "http://127.0.0.1:9000".into(), ..oak() }).is_ok());
    for api in [
        "http://api.clever.com",
        "https://",
        "https://evil.example/path",
        "https://user@host",
        "api.clever.com",
        "http://127.0.0.1.evil.example",
    ] {
        assert_eq!(
            Api::of(&Clever { api: api.into(), ..oak() }),
            Err(BadSetting("source.clever.api")),
            "{api}"
        );
    }
    for version in ["3.1", "v3/../v2", ""] {
        assert_eq!(
            Api::of(&Clever { version: version.into(), ..oak() }),
            Err(BadSetting("source.clever.version"))
        );
    }
    for page_size in [0, 10_001] {
        assert_eq!(
            Api::of(&Clever { page_size, ..oak() }),
            Err(BadSetting("source.clever.page_size"))
        );
    }
    assert_eq!(Api::of(&Clever::of("oak")), Err(BadSetting("source.clever.district")));
}
