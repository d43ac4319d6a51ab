//! The districts' schedules: created, repaired and removed by a discovery poll (R-O4, R-O5).

use crate::world::*;
use mirror::ports::connected_districts::{Connected, ConnectedDistricts};
use mirror::ports::districts::{Districts, Wrote};
use mirror::ports::pull_schedules::{NightlySchedule, NightlySchedules, name_of};
use mirror::testing::Configure as _;
use mirror::testing::failing::Cue;
use nightly_pull::{Config, DiscoverySummary, PullFailure, Request, request};
use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};
use sources::clever::memory::Fault;

/// Returns a world with a district that was pulled once.
async fn pulled() -> World {
    let world = World::new().await;
    connect(&world, &world.district, OAK).await;
    world
}

async fn connect(world: &World, district: &DistrictId, id: &str) {
    let connected = Connected {
        id: id.into(),
        district: district.clone(),
        since: world.time.now(),
        missed: None,
        notified: false,
    };
    assert_eq!(world.table.add_connected("clever", &connected).await.unwrap(), Wrote::Yes);
}

/// Adds a district that is pulled, with these settings.
async fn another(world: &World, district: &str, id: &str, settings: &Settings) -> DistrictId {
    let district = DistrictId::new(district);
    assert_eq!(
        world.table.create(&district, settings, DistrictStatus::Live).await.unwrap(),
        Wrote::Yes
    );
    world.clever.connect(id, TOKEN);
    connect(world, &district, id).await;
    district
}

async fn discover(world: &World) {
    assert_eq!(world.discover(&Cue::never()).await.unwrap(), DiscoverySummary::default());
}

fn in_zone(zone: &str) -> Settings {
    Settings { time_zone: zone.into(), ..settings() }
}

/// Returns names and time zones of the schedules.
fn scheduled(world: &World) -> Vec<(String, String)> {
    world
        .schedules
        .nightly()
        .into_iter()
        .map(|schedule| (schedule.name, schedule.time_zone))
        .collect()
}

fn oakfield_in(zone: &str) -> Vec<(String, String)> {
    vec![("nightly-oakfield".to_owned(), zone.to_owned())]
}

#[tokio::test]
async fn r_o4_a_pulled_district_is_scheduled_once_in_its_time_zone() {
    let mut world = pulled().await;
    world.config = Config {
        pull_failures_arn: Some("arn:aws:sqs:us-east-1:123456789012:failures".into()),
        ..world.config
    };
    discover(&world).await;
    let all = world.schedules.nightly();
    let [schedule] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(
        (schedule.expression.as_str(), schedule.time_zone.as_str()),
        ("cron(0 3 * * ? *)", "America/New_York")
    );
    assert_eq!(
        (schedule.window_minutes, schedule.enabled, schedule.retry_seconds),
        (30, true, 7200)
    );
    assert_eq!(
        (schedule.function.as_str(), schedule.role.as_str()),
        (FUNCTION, "SCHEDULE_ROLE_ARN")
    );
    assert_eq!(schedule.failures, world.config.pull_failures_arn);
    let input = schedule.input.replace("<aws.scheduler.scheduled-time>", "2026-09-15T08:15:00Z");
    let Ok(Request::Pull(named)) = request(&serde_json::from_str(&input).unwrap()) else {
        panic!("{input}")
    };
    assert_eq!(
        (named.district, named.at.to_string().as_str()),
        (world.district.clone(), "2026-09-15T08:15:00Z")
    );

    assert_eq!(world.schedules.nightly_writes(), 1);
    discover(&world).await;
    assert_eq!(world.confirm(OAK).await, DiscoverySummary::default());
    assert_eq!(world.schedules.nightly_writes(), 1, "a correct schedule is not written again");
}

#[tokio::test]
async fn r_o4_a_district_in_review_is_scheduled_and_an_unconfigured_one_is_not() {
    let world = World::new().await;
    assert_eq!(world.discover(&Cue::never()).await.unwrap().notified, 1);
    let id = DistrictId::new(OAK);
    for (status, schedules) in [
        (DistrictStatus::Notified, 0),
        (DistrictStatus::Configured, 0),
        (DistrictStatus::InReview, 1),
    ] {
        let _ = world.table.configure(&id, &settings(), status).await.unwrap();
        // A webhook event is enough; the hourly poll is not needed.
        world.confirm(OAK).await;
        assert_eq!(world.schedules.nightly().len(), schedules, "{status:?}");
    }
    assert_eq!(world.schedules.nightly()[0].name, name_of(&id));
}

#[tokio::test]
async fn r_o4_a_schedule_follows_the_time_zone_and_manual_changes_are_repaired() {
    let world = pulled().await;
    discover(&world).await;
    world.configure(&in_zone("pacific/honolulu"), DistrictStatus::Live).await;
    discover(&world).await;
    assert_eq!(scheduled(&world), oakfield_in("Pacific/Honolulu"));
    let right = world.schedules.nightly()[0].clone();
    for wrong in [
        NightlySchedule { enabled: false, ..right.clone() },
        NightlySchedule { expression: "cron(0 5 * * ? *)".into(), ..right.clone() },
        NightlySchedule {
            function: "arn:aws:lambda:us-east-1:123456789012:function:another".into(),
            ..right.clone()
        },
        NightlySchedule {
            failures: Some("arn:aws:sqs:us-east-1:123456789012:another".into()),
            ..right.clone()
        },
    ] {
        world.schedules.put_schedule(&wrong).await.unwrap();
        discover(&world).await;
        assert_eq!(world.schedules.nightly(), std::slice::from_ref(&right));
    }
}

#[tokio::test]
async fn r_o5_a_paused_or_disabled_district_has_no_schedule() {
    let world = pulled().await;
    for status in [DistrictStatus::Off, DistrictStatus::Paused, DistrictStatus::Configured] {
        world.configure(&settings(), DistrictStatus::Live).await;
        discover(&world).await;
        assert_eq!(scheduled(&world), oakfield_in("America/New_York"));
        world.configure(&settings(), status).await;
        discover(&world).await;
        assert_eq!(scheduled(&world), [], "{status:?}");
        let writes = world.schedules.nightly_writes();
        discover(&world).await;
        assert_eq!(world.schedules.nightly_writes(), writes, "{status:?}");
    }
    world.configure(&settings(), DistrictStatus::InReview).await;
    discover(&world).await;
    assert_eq!(scheduled(&world).len(), 1);
    world.configure(&Settings::of_preset("sis"), DistrictStatus::Live).await;
    discover(&world).await;
    assert_eq!(scheduled(&world), [], "the district uploads its roster now");
}

#[tokio::test]
async fn r_o5_a_paused_district_loses_its_schedule_even_while_clever_is_down() {
    let world = pulled().await;
    discover(&world).await;
    world.configure(&settings(), DistrictStatus::Paused).await;
    world.clever.plan("/oauth/tokens", 0, 6, Fault::Answer(503, String::new()));
    assert!(matches!(world.discover(&Cue::never()).await, Err(PullFailure::TokenList(_))));
    assert_eq!(scheduled(&world), []);
}

#[tokio::test]
async fn r_o5_only_pull_schedules_are_removed_or_changed() {
    let world = pulled().await;
    discover(&world).await;
    let ours = world.schedules.nightly()[0].clone();
    let named = |name: &str, input: &str| NightlySchedule {
        name: name.into(),
        input: input.into(),
        ..ours.clone()
    };
    // The hourly discovery schedule of a stack with the prefix `nightly`. A district named `look`
    // must not replace it.
    let discovery_schedule = named("nightly-look", r#"{"look":"clever"}"#);
    let foreign = named("nightly-elm", &ours.input);
    let gone = named(
        "nightly-elm-2",
        &nightly_pull::order(&DistrictId::new("elm-2"), nightly_pull::Scope::Everything),
    );
    for schedule in [&discovery_schedule, &foreign, &gone] {
        world.schedules.put_schedule(schedule).await.unwrap();
    }
    another(&world, "look", "500000000000000000000077", &settings()).await;
    discover(&world).await;
    assert_eq!(world.schedules.nightly(), [foreign, discovery_schedule, ours]);
}

#[tokio::test]
async fn r_o4_an_unknown_time_zone_affects_only_its_district() {
    let world = pulled().await;
    another(&world, "a-district", "500000000000000000000077", &in_zone("Mars/Olympus")).await;
    discover(&world).await;
    assert_eq!(scheduled(&world), oakfield_in("America/New_York"));
    // A district with a schedule keeps it: its next pull is refused with a report that says why.
    world.configure(&in_zone("Mars/Olympus"), DistrictStatus::Live).await;
    discover(&world).await;
    assert_eq!(scheduled(&world), oakfield_in("America/New_York"));
}

#[tokio::test]
async fn r_o4_a_failure_at_one_district_leaves_the_others_scheduled_and_is_retried() {
    let world = pulled().await;
    let first =
        another(&world, "a-district", "500000000000000000000077", &in_zone("America/Phoenix"))
            .await;
    world.schedules.refuse_nightly(Some(&name_of(&first)));
    let failure = world.discover(&Cue::never()).await.unwrap_err();
    assert!(matches!(failure, PullFailure::Schedules { districts: 1, .. }), "{failure:?}");
    assert_eq!(scheduled(&world), oakfield_in("America/New_York"));
    world.schedules.refuse_nightly(None);
    discover(&world).await;
    assert_eq!(scheduled(&world).len(), 2);
}

#[tokio::test]
async fn r_o4_r_o5_a_crash_anywhere_is_repaired_by_the_next_poll() {
    for fails_after_the_call in [false, true] {
        for n in 0.. {
            let world = pulled().await;
            let paused = another(&world, "paused", "500000000000000000000077", &settings()).await;
            let moved = another(&world, "moved", "500000000000000000000078", &settings()).await;
            world.configure(&settings(), DistrictStatus::Paused).await;
            discover(&world).await;
            world.configure(&settings(), DistrictStatus::Live).await;
            let _ =
                world.table.configure(&paused, &settings(), DistrictStatus::Paused).await.unwrap();
            let _ = world
                .table
                .configure(&moved, &in_zone("Australia/Lord_Howe"), DistrictStatus::Live)
                .await
                .unwrap();
            let cue = Cue::at(n, fails_after_the_call);
            let first = world.discover(&cue).await;
            let over = cue.calls() <= n;
            assert_eq!(first.is_ok(), over, "call {n}");
            if !over {
                discover(&world).await;
            }
            let right = [
                ("nightly-moved", "Australia/Lord_Howe"),
                ("nightly-oakfield", "America/New_York"),
            ];
            assert_eq!(
                scheduled(&world),
                right.map(|(name, zone)| (name.to_owned(), zone.to_owned())),
                "call {n}"
            );
            if over {
                assert!(n > 8, "too few calls for a test");
                break;
            }
        }
    }
}
