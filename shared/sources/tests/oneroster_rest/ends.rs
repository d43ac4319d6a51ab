//! The end of a list: whatever servers report about their pages, no record is missed, and the
//! requests end.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use sources::http::{Failing, PaginationError};
use sources::oneroster_rest::memory::{Counts, Fault, Sorting, Ways};
use sources::oneroster_rest::{PullError, Pulled, Resource};

use crate::support::*;

/// Pulls from a server with this behavior: all 13 users must be read.
async fn all_are_read(change: impl Fn(&mut Ways)) -> World {
    let world = World::larger();
    world.server.behave(&change);
    let mut snapshot = world.snapshot().await;
    assert_eq!(
        (
            snapshot.ids("student").len(),
            snapshot.ids("teacher").len(),
            snapshot.ids("guardian").len()
        ),
        (11, 1, 1)
    );
    assert_eq!((snapshot.drops(), snapshot.enrollments), (0, 3), "{:?}", snapshot.findings);
    // The last page is full, so its length does not show that it is the last.
    world.server.put(Resource::Users, &user("st99", "student", json!({})));
    snapshot = world.snapshot().await;
    assert_eq!(snapshot.ids("student").len(), 12);
    world
}

#[tokio::test]
async fn a_list_is_read_to_its_end_with_any_links_and_counts() {
    for links in [true, false] {
        for counts in [Counts::List, Counts::Page, Counts::Nothing] {
            for behind in [None, Some(400), Some(404), Some(422), Some(500)] {
                for most in [1, 2, 3, 10_000] {
                    all_are_read(|ways| {
                        (ways.links, ways.counts, ways.behind, ways.most) =
                            (links, counts, behind, most);
                    })
                    .await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_sends_short_pages_loses_no_records_although_its_links_skip_some() {
    let mut world = World::larger();
    world.oneroster.page_size = 10;
    world.server.behave(|ways| (ways.most, ways.links_as_asked) = (3, true));
    assert_eq!(world.snapshot().await.ids("student").len(), 11);
}

#[tokio::test]
async fn pages_that_are_too_large_are_requested_in_smaller_ones() {
    let mut world = World::larger();
    world.oneroster.page_size = 1000;
    world.server.behave(|ways| ways.heavy = Some(100));
    assert_eq!(world.snapshot().await.ids("student").len(), 11);
    assert!(
        world.server.requests().iter().any(|path| path.starts_with("users?limit=62&")),
        "{:?}",
        world.server.requests()
    );
    // Even the smallest pages are too large: the server is down.
    world.server.behave(|ways| ways.heavy = Some(10));
    let (_, ended) = world.pull().await;
    assert!(matches!(ended, Err(PullError::Down { list: "orgs", last: Failing::Status(502), .. })));
}

#[tokio::test]
async fn a_server_that_cannot_sort_is_read_unsorted() {
    let world = all_are_read(|ways| ways.sorting = Sorting::Refused).await;
    assert!(world.server.requests().contains(&"users?limit=2&offset=1".into()));
    all_are_read(|ways| ways.sorting = Sorting::Ignored).await;
}

#[tokio::test]
async fn a_server_that_repeats_a_page_does_not_cause_endless_requests() {
    for counts in [Counts::List, Counts::Nothing] {
        for most in [1, 2] {
            let world = World::larger();
            world.server.behave(|ways| {
                (ways.links, ways.counts, ways.most, ways.ignores_offset) =
                    (false, counts, most, true)
            });
            let (_, ended) = world.pull().await;
            assert!(
                matches!(ended, Err(PullError::Page { fault: PaginationError::Loop, .. })),
                "{ended:?}"
            );
            assert!(world.server.requests().len() < 40);
        }
        // A server whose lists start again beyond their end is read correctly, if a list has two
        // records.
        let world = World::larger();
        world.server.put(Resource::AcademicSessions, &session("t2", json!({})));
        world.server.put(Resource::Courses, &course("co2", json!({})));
        world.server.put(Resource::Classes, &class("c2", json!({})));
        world.server.put(Resource::Demographics, &json!({ "sourcedId": "st2", "sex": "male" }));
        world.server.behave(|ways| (ways.links, ways.counts, ways.wraps) = (false, counts, true));
        assert_eq!(world.snapshot().await.ids("student").len(), 11);
    }
}

#[tokio::test]
async fn r_h3_a_list_shorter_than_its_count_is_an_error() {
    let world = World::larger();
    world.server.plan(
        "users?limit=2&offset=4",
        0,
        9,
        Fault::Answer(200, r#"{"users":[{"sourcedId":"st12"}]}"#.into()),
    );
    let (_, ended) = world.pull().await;
    assert!(
        matches!(ended, Err(PullError::Page { list: "users", fault: PaginationError::Short })),
        "{ended:?}"
    );
}

#[tokio::test]
async fn r_h3_an_error_within_a_list_is_not_its_end() {
    for (status, most) in [(400, 2), (404, 2), (500, 2), (400, 1), (404, 1), (500, 1)] {
        for counts in [Counts::List, Counts::Nothing] {
            let world = World::larger();
            world.server.behave(|ways| {
                (ways.links, ways.counts, ways.behind, ways.most) = (false, counts, Some(400), most)
            });
            // The server cannot send one record, but the later ones.
            world.server.plan("users?limit=2&offset=4", 0, 99, Fault::Answer(status, "no".into()));
            world.server.plan("users?limit=1&offset=4", 0, 99, Fault::Answer(status, "no".into()));
            let (_, ended) = world.pull().await;
            assert!(
                matches!(ended, Err(PullError::Refused { .. } | PullError::Down { .. })),
                "{ended:?}"
            );
        }
    }
}

#[tokio::test]
async fn r_h3_data_that_changes_during_a_pull_is_detected() {
    let removed = || Fault::Remove(Resource::Users, "gu1".into());
    let added = || Fault::Put(Resource::Users, user("aa", "student", json!({})));
    for counts in [Counts::List, Counts::Nothing] {
        // While the list is read, after it, and at the very end.
        for path in [
            "users?limit=2&offset=2",
            "users?limit=2&offset=5",
            "enrollments?limit=2&offset=0",
            "orgs?limit=1",
        ] {
            for fault in [removed(), added()] {
                let world = World::larger();
                world
                    .server
                    .behave(|ways| (ways.links, ways.counts) = (counts == Counts::List, counts));
                world.server.plan(path, 0, 1, fault.clone());
                let (_, ended) = world.pull().await;
                assert_eq!(ended.unwrap(), Pulled::Changed, "{path} {fault:?} {counts:?}");
            }
        }
    }
}

#[tokio::test]
async fn r_h3_only_a_different_revision_is_a_change() {
    let world = World::larger();
    world.server.behave(|ways| ways.revision = Some("41".into()));
    let (state, ended) = world.pull().await;
    assert_eq!((ended.unwrap(), state.revision.as_deref()), (Pulled::Whole, Some("41")));
    let world = World::larger();
    world.server.behave(|ways| ways.revision = Some("41".into()));
    world.server.plan("users?limit=2&offset=4", 0, 1, Fault::Revision("42".into()));
    assert_eq!(world.pull().await.1.unwrap(), Pulled::Changed);
}

#[tokio::test]
async fn a_pull_stopped_at_any_page_continues_to_the_same_pages() {
    let whole = World::larger();
    assert_eq!(whole.pull().await.1.unwrap(), Pulled::Whole);
    for pages_at_once in 1..5 {
        let world = World::larger();
        let mut state = sources::oneroster_rest::PullState::default();
        let mut times = 0;
        loop {
            let left = AtomicU32::new(pages_at_once);
            let stop = || {
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err()
            };
            // The progress is stored as JSON.
            let kept = serde_json::to_string(&state.lists).unwrap();
            state = sources::oneroster_rest::PullState::of(serde_json::from_str(&kept).unwrap());
            match world.go_on(&mut state, stop).await.unwrap() {
                // The final check of all lists is repeated.
                Pulled::Paused
                    if state.lists.values().filter(|list| list.done).count()
                        == Resource::ALL.len() =>
                {
                    assert_eq!(world.go_on(&mut state, || false).await.unwrap(), Pulled::Whole);
                    break;
                }
                Pulled::Paused => times += 1,
                ended => break assert_eq!(ended, Pulled::Whole),
            }
        }
        assert!(times > 2);
        assert_eq!(world.kept.pages(), whole.kept.pages());
    }
}
