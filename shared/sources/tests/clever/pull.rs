//! The pull: pages, cursors, limits, and everything that Clever may answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use roster::settings::Clever;
use serde_json::json;
use sources::clever::memory::Fault;
use sources::clever::{Api, BadSetting, Failing, PaginationError, PullError, Pulled, Resource};
use sources::http::NoAnswer;

use crate::support::*;

/// A district with more pages: 9 students, two a page.
fn pages() -> World {
    let world = World::new();
    for number in 13..20 {
        world.clever.put("users", student(number, json!({})));
    }
    world
}

#[tokio::test]
async fn all_pages_of_all_lists_are_kept_in_the_order_of_ids() {
    let world = pages();
    let mut state = world.begin().await;
    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Whole);
    let students = &state.lists[&Resource::Students];
    assert_eq!((students.pages, students.records, students.done), (5, 9, true));
    assert_eq!(state.lists.len(), Resource::ALL.len());
    assert_eq!(world.snapshot_of(&state).all("student").len(), 9);
    assert!(world.clever.asked().iter().any(|path| *path
        == format!("/v3.1/users?limit=2&role=student&starting_after={}", id("user", 18))));
}

#[tokio::test]
async fn a_pull_that_stops_at_any_page_goes_on_from_there_and_ends_in_the_same_pages() {
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
async fn what_goes_by_itself_is_tried_again() {
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
async fn a_server_that_goes_on_failing_is_down_and_what_was_kept_is_not_read_again() {
    let world = pages();
    world.clever.plan("role=student", 2, 6, Fault::Answer(503, String::new()));
    let mut state = world.begin().await;
    let error = world.go_on(&mut state, || false).await.unwrap_err();
    assert!(
        matches!(error, PullError::Down { list: "students", tries: 6, last: Failing::Status(503) }),
        "{error}"
    );
    assert_eq!(state.lists[&Resource::Students].pages, 2);
    let asked = world.clever.asked().len();
    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Whole);
    // The district twice, and the three pages that were left.
    assert_eq!(world.clever.asked().len() - asked, 5);
    assert_eq!(world.snapshot_of(&state).all("student").len(), 9);
}

#[tokio::test]
async fn what_will_not_go_by_itself_is_not_tried_again() {
    let refused = |status: u16| Fault::Answer(status, r#"{"message":"no"}"#.into());
    for (status, tries) in [(400, 1), (404, 1), (413, 1), (501, 1)] {
        let world = pages();
        world.clever.plan("/sections", 0, 9, refused(status));
        let mut state = world.begin().await;
        let error = world.go_on(&mut state, || false).await.unwrap_err();
        assert!(
            matches!(error, PullError::Refused { list: "sections", status: told } if told == status),
            "{error}"
        );
        assert_eq!(
            world.clever.asked().iter().filter(|path| path.contains("/sections")).count(),
            tries
        );
    }
    let world = pages();
    world.clever.plan("/sections", 0, 1, refused(401));
    let mut state = world.begin().await;
    assert!(matches!(world.go_on(&mut state, || false).await, Err(PullError::Unauthorized)));
}

#[tokio::test]
async fn links_that_lead_back_elsewhere_or_nowhere_are_refused() {
    let student = |number: u32| {
        format!("/v3.1/users?limit=2&role=student&starting_after={}", id("user", number))
    };
    let world = pages();
    // What comes without a record leads nowhere: a cursor alone could go on for ever.
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
            matches!(error, PullError::Page { list: "students", fault: told } if told == fault),
            "{uri}: {error}"
        );
        assert!(!error.to_string().contains(&id("user", 16)));
    }
}

#[tokio::test]
async fn r_h3_data_that_changes_meanwhile_is_noticed_at_the_end_and_when_going_on() {
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
    let asked = world.clever.asked().len();
    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Changed);
    assert_eq!(world.clever.asked().len() - asked, 1, "nothing but the district is asked for");
}

#[tokio::test]
async fn a_token_of_another_district_reads_nothing() {
    let world = pages();
    let mut state = world.begin().await;
    world.clever.disconnect(OAK);
    world.clever.connect(&id("district", 2), TOKEN);
    assert!(matches!(world.go_on(&mut state, || false).await, Err(PullError::OtherDistrict)));
    assert!(world.kept.pages().is_empty());
}

#[test]
fn settings_by_which_clever_must_not_be_reached_are_named() {
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
