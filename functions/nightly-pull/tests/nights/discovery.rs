//! Discovery polls: districts that connect, disconnect and return (R-O1).

use std::time::Duration;

use crate::world::*;
use mirror::eventbridge::event::Status;
use mirror::ports::connected_districts::ConnectedDistricts;
use mirror::ports::districts::Districts;
use mirror::ports::runs::Runs;
use mirror::testing::failing::Cue;
use nightly_pull::{DiscoverySummary, PullFailure, PullOutcome};
use roster::id::DistrictId;
use roster::settings::DistrictStatus;
use sources::clever::memory::Fault;

async fn discover(world: &World) -> DiscoverySummary {
    world.discover(&Cue::never()).await.unwrap()
}

fn notified() -> DiscoverySummary {
    DiscoverySummary { notified: 1, ..DiscoverySummary::default() }
}

#[tokio::test]
async fn r_o1_a_district_that_shares_a_school_is_notified_once_and_nothing_is_pulled() {
    let world = World::new().await;
    assert_eq!(discover(&world).await, notified());
    let id = DistrictId::new(OAK);
    let district = world.table.district(&id).await.unwrap().unwrap();
    assert_eq!(
        (district.status, district.settings.preset.as_str()),
        (DistrictStatus::Notified, "clever")
    );
    assert_eq!(district.settings.source.clever.unwrap().district, OAK);
    assert_eq!(world.notifications(), [("District Shares", Status::Notified, false)]);
    for _ in 0..2 {
        assert_eq!(discover(&world).await, DiscoverySummary::default());
    }
    assert_eq!(world.notifications(), []);
    assert!(world.clever.requests().iter().all(|path| !path.contains("/users")));
    assert!(world.table.newest(&id, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn r_o1_a_webhook_event_is_only_a_hint_to_read_the_token_list() {
    let world = World::new().await;
    assert_eq!(
        world.confirm("500000000000000000000099").await,
        DiscoverySummary::default(),
        "no district with that id has connected"
    );
    assert!(world.table.connected("clever").await.unwrap().is_empty());
    assert_eq!(world.confirm(OAK).await, notified());
    assert_eq!(world.confirm(OAK).await, DiscoverySummary::default());
    assert_eq!(discover(&world).await, DiscoverySummary::default());
    // An event about one district does not affect the others.
    assert_eq!(world.confirm("500000000000000000000099").await, DiscoverySummary::default());
    assert!(world.table.connected("clever").await.unwrap().iter().all(|one| one.missed.is_none()));
}

#[tokio::test]
async fn a_district_that_is_already_pulled_is_not_new() {
    let world = World::new().await;
    assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
    assert_eq!(discover(&world).await, DiscoverySummary::default());
    assert!(world.table.district(&DistrictId::new(OAK)).await.unwrap().is_none());
}

#[tokio::test]
async fn r_o1_a_district_without_a_shared_school_or_with_a_failing_server_waits() {
    let world = World::new().await;
    let elm = serde_json::json!({ "id": "500000000000000000000001", "name": "Elm" });
    world.clever.remove("schools", "500000000000000000000001");
    let waiting = DiscoverySummary { waiting: 1, ..DiscoverySummary::default() };
    assert_eq!(discover(&world).await, waiting);
    world.clever.put("schools", elm);
    world.clever.plan("/schools", 0, 6, Fault::Answer(500, String::new()));
    assert_eq!(discover(&world).await, waiting);
    assert!(world.table.district(&DistrictId::new(OAK)).await.unwrap().is_none());
    assert_eq!(discover(&world).await, notified());
}

#[tokio::test]
async fn a_disconnected_district_is_reported_once_and_keeps_its_data() {
    let world = World::new().await;
    world.send(&order(0)).await;
    let before = world.snapshots();
    world.clever.disconnect(OAK);
    assert_eq!(discover(&world).await, DiscoverySummary::default());
    // A single list without it may be a mistake.
    world.clever.connect(OAK, TOKEN);
    assert_eq!(discover(&world).await, DiscoverySummary::default());
    world.clever.disconnect(OAK);
    assert_eq!(discover(&world).await, DiscoverySummary::default());
    world.time.pass(Duration::from_secs(3600));
    assert_eq!(world.notifications(), []);
    assert_eq!(
        discover(&world).await,
        DiscoverySummary { disconnected: 1, ..DiscoverySummary::default() }
    );
    assert_eq!(discover(&world).await, DiscoverySummary::default());
    assert_eq!(world.notifications(), [("District Gone", Status::Disconnected, false)]);
    let district = world.table.district(&world.district).await.unwrap().unwrap();
    assert_eq!((district.status, world.snapshots() == before), (DistrictStatus::Live, true));
    world.clever.connect(OAK, "another-token");
    assert_eq!(
        discover(&world).await,
        DiscoverySummary { returned: 1, ..DiscoverySummary::default() }
    );
    assert_eq!(world.notifications(), [("District Back", Status::Returned, false)]);
}

#[tokio::test]
async fn an_incomplete_list_changes_no_district() {
    let world = World::new().await;
    world.send(&order(0)).await;
    for fault in [
        Fault::Answer(503, String::new()),
        Fault::Answer(401, String::new()),
        Fault::Next("/oauth/tokens?owner_type=district".into()),
    ] {
        world.time.pass(Duration::from_secs(3600));
        world.clever.plan("/oauth/tokens", 0, 6, fault);
        assert!(matches!(world.discover(&Cue::never()).await, Err(PullFailure::TokenList(_))));
        while world.discover(&Cue::never()).await.is_err() {}
        let known = world.table.connected("clever").await.unwrap();
        assert_eq!((known.len(), known[0].missed), (1, None));
    }
}

#[tokio::test]
async fn a_crash_anywhere_is_repaired_by_the_next_poll() {
    for n in 0.. {
        let world = World::new().await;
        let cue = Cue::at(n, n % 2 == 0);
        let first = world.discover(&cue).await;
        if cue.calls() <= n {
            assert_eq!(first.unwrap(), notified());
            break;
        }
        discover(&world).await;
        assert!(
            world.notifications().iter().any(|(kind, ..)| *kind == "District Shares"),
            "call {n}: no notification was sent"
        );
        assert_eq!(world.table.connected("clever").await.unwrap().len(), 1);
        assert_eq!(
            world.table.district(&DistrictId::new(OAK)).await.unwrap().unwrap().status,
            DistrictStatus::Notified
        );
    }
}
