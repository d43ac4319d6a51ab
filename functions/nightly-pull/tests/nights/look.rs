//! Looks at who has connected: districts that come, go and come back (R-O1).

use std::time::Duration;

use crate::world::*;
use mirror::eventbridge::event::Status;
use mirror::ports::connected::ConnectedDistricts;
use mirror::ports::districts::Districts;
use mirror::ports::runs::Runs;
use mirror::testing::failing::Cue;
use nightly_pull::{DiscoverySummary, Ended, PullFailure};
use roster::id::DistrictId;
use roster::settings::DistrictStatus;
use sources::clever::memory::Fault;

async fn look(world: &World) -> DiscoverySummary {
    world.look(&Cue::never()).await.unwrap()
}

fn notified() -> DiscoverySummary {
    DiscoverySummary { notified: 1, ..DiscoverySummary::default() }
}

#[tokio::test]
async fn r_o1_a_district_that_shares_a_school_is_notified_once_and_nothing_is_pulled() {
    let world = World::new().await;
    assert_eq!(look(&world).await, notified());
    let id = DistrictId::new(OAK);
    let district = world.table.district(&id).await.unwrap().unwrap();
    assert_eq!(
        (district.status, district.settings.preset.as_str()),
        (DistrictStatus::Notified, "clever")
    );
    assert_eq!(district.settings.source.clever.unwrap().district, OAK);
    assert_eq!(world.told(), [("District Shares", Status::Notified, false)]);
    for _ in 0..2 {
        assert_eq!(look(&world).await, DiscoverySummary::default());
    }
    assert_eq!(world.told(), []);
    assert!(world.clever.requests().iter().all(|path| !path.contains("/users")));
    assert!(world.table.newest(&id, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn r_o1_what_a_notice_says_is_a_hint_that_the_token_list_confirms() {
    let world = World::new().await;
    assert_eq!(
        world.confirm("500000000000000000000099").await,
        DiscoverySummary::default(),
        "nobody of that id has connected"
    );
    assert!(world.table.connected("clever").await.unwrap().is_empty());
    assert_eq!(world.confirm(OAK).await, notified());
    assert_eq!(world.confirm(OAK).await, DiscoverySummary::default());
    assert_eq!(look(&world).await, DiscoverySummary::default());
    // A notice about one district says nothing of the others.
    assert_eq!(world.confirm("500000000000000000000099").await, DiscoverySummary::default());
    assert!(world.table.connected("clever").await.unwrap().iter().all(|one| one.missed.is_none()));
}

#[tokio::test]
async fn a_district_that_is_pulled_already_is_nobody_new() {
    let world = World::new().await;
    assert_eq!(world.send(&order(0)).await, Ended::Staged);
    assert_eq!(look(&world).await, DiscoverySummary::default());
    assert!(world.table.district(&DistrictId::new(OAK)).await.unwrap().is_none());
}

#[tokio::test]
async fn r_o1_a_district_that_shares_no_school_yet_waits_and_so_does_one_that_cannot_be_asked() {
    let world = World::new().await;
    let elm = serde_json::json!({ "id": "500000000000000000000001", "name": "Elm" });
    world.clever.remove("schools", "500000000000000000000001");
    let waiting = DiscoverySummary { waiting: 1, ..DiscoverySummary::default() };
    assert_eq!(look(&world).await, waiting);
    world.clever.put("schools", elm);
    world.clever.plan("/schools", 0, 6, Fault::Answer(500, String::new()));
    assert_eq!(look(&world).await, waiting);
    assert!(world.table.district(&DistrictId::new(OAK)).await.unwrap().is_none());
    assert_eq!(look(&world).await, notified());
}

#[tokio::test]
async fn a_district_that_is_gone_is_told_once_after_a_while_and_keeps_its_data() {
    let world = World::new().await;
    world.send(&order(0)).await;
    let before = world.snapshots();
    world.clever.disconnect(OAK);
    assert_eq!(look(&world).await, DiscoverySummary::default());
    // One list that lacks it may be a mistake.
    world.clever.connect(OAK, TOKEN);
    assert_eq!(look(&world).await, DiscoverySummary::default());
    world.clever.disconnect(OAK);
    assert_eq!(look(&world).await, DiscoverySummary::default());
    world.time.pass(Duration::from_secs(3600));
    assert_eq!(world.told(), []);
    assert_eq!(
        look(&world).await,
        DiscoverySummary { disconnected: 1, ..DiscoverySummary::default() }
    );
    assert_eq!(look(&world).await, DiscoverySummary::default());
    assert_eq!(world.told(), [("District Gone", Status::Disconnected, false)]);
    let district = world.table.district(&world.district).await.unwrap().unwrap();
    assert_eq!((district.status, world.snapshots() == before), (DistrictStatus::Live, true));
    world.clever.connect(OAK, "another-token");
    assert_eq!(look(&world).await, DiscoverySummary { returned: 1, ..DiscoverySummary::default() });
    assert_eq!(world.told(), [("District Back", Status::Returned, false)]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_whole_says_nothing_about_any_district() {
    let world = World::new().await;
    world.send(&order(0)).await;
    for fault in [
        Fault::Answer(503, String::new()),
        Fault::Answer(401, String::new()),
        Fault::Next("/oauth/tokens?owner_type=district".into()),
    ] {
        world.time.pass(Duration::from_secs(3600));
        world.clever.plan("/oauth/tokens", 0, 6, fault);
        assert!(matches!(world.look(&Cue::never()).await, Err(PullFailure::TokenList(_))));
        while world.look(&Cue::never()).await.is_err() {}
        let known = world.table.connected("clever").await.unwrap();
        assert_eq!((known.len(), known[0].missed), (1, None));
    }
}

#[tokio::test]
async fn a_crash_anywhere_and_the_next_look_end_the_same() {
    for n in 0.. {
        let world = World::new().await;
        let cue = Cue::at(n, n % 2 == 0);
        let first = world.look(&cue).await;
        if cue.calls() <= n {
            assert_eq!(first.unwrap(), notified());
            break;
        }
        look(&world).await;
        assert!(
            world.told().iter().any(|(told, ..)| *told == "District Shares"),
            "call {n}: nobody was told"
        );
        assert_eq!(world.table.connected("clever").await.unwrap().len(), 1);
        assert_eq!(
            world.table.district(&DistrictId::new(OAK)).await.unwrap().unwrap().status,
            DistrictStatus::Notified
        );
    }
}
