//! Districts at OneRoster servers and at ClassLink, with the same tests as for Clever.

use std::time::Duration;

use jiff::Timestamp;
use mirror::keys;
use mirror::ports::connected_districts::ConnectedDistricts;
use mirror::ports::districts::Districts;
use mirror::ports::pull_schedules::NightlySchedules;
use mirror::ports::runs::Runs;
use mirror::testing::failing::Cue;
use nightly_pull::{DiscoverySummary, PullFailure, PullOutcome};
use roster::id::DistrictId;
use roster::settings::{ClassLink, DistrictStatus, OneRoster, Settings, SignIn};
use serde_json::{Value, json};
use sources::oneroster_rest::Resource;
use sources::oneroster_rest::memory::{Fault, Filtering, MemoryOneRoster};

use crate::servers::{KEY, Tenant};
use crate::world::*;

const SECRET: &str = "rollbook-token-oak";

fn person(id: &str, role: &str) -> Value {
    json!({
        "sourcedId": id, "status": "active", "enabledUser": "true", "username": id, "givenName": "Ada", "familyName": "Quill", "role": role,
        "email": format!("{id}@example.org"), "orgs": [{ "sourcedId": "s1" }], "grades": ["03"], "password": "hunter2",
    })
}

fn settings() -> Settings {
    let mut settings = Settings::of_preset("sis");
    settings.time_zone = "America/New_York".into();
    let url = "https://sis.example.org/ims/oneroster/v1p1";
    settings.source.oneroster =
        Some(OneRoster { sign_in: SignIn::Bearer, page_size: 3, ..OneRoster::at(url, SECRET) });
    settings
}

/// A live district with a school, a class, a teacher and twelve students, in pages of three
/// records.
async fn world() -> World {
    let world = World::new().await;
    let put = |list: Resource, record: Value| world.servers.oneroster.put(list, &record);
    put(Resource::Orgs, json!({ "sourcedId": "s1", "name": "Elm", "type": "school" }));
    let fall = json!({ "sourcedId": "t1", "title": "Fall", "type": "term", "startDate": "2026-08-15", "endDate": "2026-12-19", "schoolYear": "2027" });
    put(Resource::AcademicSessions, fall);
    put(
        Resource::Courses,
        json!({ "sourcedId": "co1", "title": "Reading", "org": { "sourcedId": "s1" } }),
    );
    let class = json!({
        "sourcedId": "c1", "title": "Reading", "classType": "scheduled", "course": { "sourcedId": "co1" }, "school": { "sourcedId": "s1" },
        "terms": [{ "sourcedId": "t1" }],
    });
    put(Resource::Classes, class);
    put(Resource::Users, person("te1", "teacher"));
    let enrollment_of = |id: &str, role: &str| {
        let (class, school, user) = (
            json!({ "sourcedId": "c1" }),
            json!({ "sourcedId": "s1" }),
            json!({ "sourcedId": id }),
        );
        json!({ "sourcedId": format!("e-{id}"), "class": class, "school": school, "user": user, "role": role, "primary": "false" })
    };
    put(Resource::Enrollments, enrollment_of("te1", "teacher"));
    for number in 11..23 {
        put(Resource::Users, person(&format!("st{number}"), "student"));
        put(Resource::Enrollments, enrollment_of(&format!("st{number}"), "student"));
    }
    put(Resource::Demographics, json!({ "sourcedId": "st11", "sex": "female" }));
    world.secrets.put(SECRET, MemoryOneRoster::TOKEN);
    world.configure(&settings(), DistrictStatus::Live).await;
    world
}

/// The same district, at ClassLink.
async fn at_classlink() -> World {
    let mut world = world().await;
    world.config.classlink_secret = Some("CLASSLINK_SECRET".into());
    world.secrets.put("CLASSLINK_SECRET", &json!({ "api_key": KEY }).to_string());
    world.servers.tenants.lock().unwrap().push(Tenant {
        id: 4711,
        enabled: true,
        bearer: "b-1".into(),
    });
    let mut settings = settings();
    settings.source.oneroster = None;
    settings.source.classlink = Some(ClassLink { page_size: 3, ..ClassLink::of("4711") });
    world.configure(&settings, DistrictStatus::Live).await;
    world
}

/// Returns the order of an incremental pull, some hours after the first full pull.
fn changes_order(hours: u64) -> Value {
    let mut order = sample("pull-changes.json");
    let night: Timestamp = crate::world::order(0)["at"].as_str().unwrap().parse().unwrap();
    order["at"] = (night + Duration::from_secs(hours * 3600)).to_string().into();
    order
}

/// Enables incremental pulls.
async fn with_changes(world: &World) {
    let mut settings = world.table.district(&world.district).await.unwrap().unwrap().settings;
    settings.source.oneroster.iter_mut().for_each(|own| own.changes_every_hours = Some(6));
    settings.source.classlink.iter_mut().for_each(|own| own.changes_every_hours = Some(6));
    world.configure(&settings, DistrictStatus::Live).await;
}

async fn discover(world: &World) -> DiscoverySummary {
    world.discover_for(&json!({ "look": "classlink" }), &Cue::never()).await.unwrap()
}

#[tokio::test]
async fn r_o4_a_oneroster_district_is_pulled_and_then_scheduled() {
    for (world, source) in [(world().await, "oneroster"), (at_classlink().await, "classlink")] {
        assert_eq!(
            world.send(&order(0)).await,
            PullOutcome::Staged,
            "{:?}",
            world.report(&order(0)).await
        );
        let manifest = world.manifest(&order(0)).await.unwrap();
        assert_eq!((&*manifest.origin.source, manifest.enrollments), (source, 13));
        assert_eq!(world.send(&order(0)).await, PullOutcome::Repeated);
        assert!(world.internal.keys().iter().filter(|key| key.starts_with("pulls/")).count() > 10);
        world.discover_for(&json!({ "look": "all" }), &Cue::never()).await.unwrap();
        assert_eq!(
            world.schedules.schedule_names().await.unwrap(),
            ["nightly-oakfield"],
            "{source}"
        );
    }
}

#[tokio::test]
async fn a_pull_continues_in_further_invocations_to_the_same_snapshot() {
    let whole = world().await;
    whole.send(&order(0)).await;
    let world = world().await;
    let soon = Duration::from_secs(120);
    assert_eq!(
        world.send_for(&order(0), &Cue::never(), "request", soon).await.unwrap(),
        PullOutcome::Continued
    );
    assert_eq!(world.continue_all().await, Some(PullOutcome::Staged));
    assert_eq!(world.snapshots(), whole.snapshots());
}

#[tokio::test]
async fn a_server_that_is_down_is_retried_and_then_reported() {
    let world = world().await;
    world.servers.oneroster.plan("users?", 1, 6, Fault::Answer(503, String::new()));
    assert_eq!(world.send(&order(0)).await, PullOutcome::Continued);
    assert_eq!(world.continue_all().await, Some(PullOutcome::Staged));
    let world = self::world().await;
    world.servers.oneroster.plan("users?", 1, 999, Fault::Answer(503, String::new()));
    world.send(&order(0)).await;
    assert_eq!(world.continue_all().await, Some(PullOutcome::Refused));
    assert_eq!(world.refused(&order(0)).await.0, "source_down");
}

#[tokio::test]
async fn r_h3_changed_data_is_read_again_and_an_invalid_list_is_refused() {
    let world = world().await;
    world.servers.oneroster.plan("users?", 1, 1, Fault::Remove(Resource::Users, "st11".into()));
    world.servers.oneroster.plan(
        "users?",
        1,
        1,
        Fault::Remove(Resource::Enrollments, "e-st11".into()),
    );
    assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
    assert_eq!(world.manifest(&order(0)).await.unwrap().enrollments, 12);
    for (fault, code) in [
        (Fault::Answer(403, String::new()), "source_refused"),
        (Fault::Answer(401, String::new()), "source_token"),
    ] {
        let world = self::world().await;
        world.servers.oneroster.plan("users?", 0, 99, fault);
        assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
        assert_eq!(world.refused(&order(0)).await.0, code);
    }
    // A list with invalid pages, and one that is suddenly empty.
    let world = self::world().await;
    world.servers.oneroster.behave(|ways| ways.ignores_offset = true);
    assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
    assert_eq!(world.refused(&order(0)).await.0, "source_pages");
    let world = self::world().await;
    world.servers.oneroster.plan("users?", 0, 99, Fault::Answer(200, r#"{"users":[]}"#.into()));
    assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
    assert!(world.report(&order(0)).await.findings.iter().any(|finding| finding.code == "no_rows"));
    assert!(world.manifest(&order(0)).await.is_none());
}

#[tokio::test]
async fn a_changed_secret_is_read_again_and_an_invalid_one_is_reported() {
    let world = world().await;
    world.secrets.put(SECRET, "old");
    assert_eq!(world.send(&order(0)).await, PullOutcome::Refused);
    assert_eq!(world.refused(&order(0)).await.0, "source_token");
    world.secrets.put(SECRET, "two words");
    assert_eq!(world.send(&order(1)).await, PullOutcome::Refused);
    let (code, why) = world.refused(&order(1)).await;
    assert!(
        code == "source_no_token" && why.contains("sign_in") && !why.contains("two words"),
        "{why}"
    );
    world.secrets.put(SECRET, MemoryOneRoster::TOKEN);
    assert_eq!(world.send(&order(2)).await, PullOutcome::Staged);
    let mut wrong = settings();
    wrong.source.oneroster.as_mut().unwrap().url = "http://sis.example.org".into();
    world.configure(&wrong, DistrictStatus::Live).await;
    assert_eq!(world.send(&order(3)).await, PullOutcome::Refused);
    assert!(world.report(&order(3)).await.findings[0].message.contains("source.oneroster.url"));
}

#[tokio::test]
async fn r_m7_passwords_and_ignored_demographics_are_not_stored() {
    let world = world().await;
    let mut ignoring = settings();
    ignoring.overrides.insert("demographics".into(), json!("ignore"));
    world.configure(&ignoring, DistrictStatus::Live).await;
    assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
    assert!(
        world.servers.oneroster.requests().iter().all(|path| !path.starts_with("demographics"))
    );
    let pages = mirror::files::pulls::Pages::new(
        world.internal.clone(),
        &world.district,
        &run_of(&order(0)),
        0,
    );
    for number in 0..4 {
        let page = String::from_utf8(pages.page("users", number).await.unwrap()).unwrap();
        assert!(
            page.contains("Quill") && !page.contains("hunter2") && !page.contains("grades"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_crash_anywhere_and_a_repeated_order_end_in_the_same_snapshot() {
    let whole = world().await;
    whole.send(&order(0)).await;
    for n in (0..).step_by(3) {
        let world = world().await;
        let cue = Cue::at(n, n % 2 == 0);
        let first = world.send_under(&order(0), &cue, "first").await;
        if cue.calls() <= n {
            assert_eq!(first.unwrap(), PullOutcome::Staged);
            break;
        }
        // The crashed invocation still owns the pull for a while.
        world.time.pass(Duration::from_secs(1000));
        let again = world.send_under(&order(0), &Cue::never(), "second").await.unwrap();
        assert!(matches!(again, PullOutcome::Staged | PullOutcome::Repeated), "{n}: {again:?}");
        assert_eq!(world.snapshots(), whole.snapshots(), "{n}");
    }
}

#[tokio::test]
async fn r_o1_a_new_tenant_is_notified_once_and_nothing_is_pulled() {
    let world = at_classlink().await;
    world.servers.tenants.lock().unwrap().push(Tenant {
        id: 17,
        enabled: false,
        bearer: "b-17".into(),
    });
    world.servers.oneroster.remove(Resource::Orgs, "s1");
    assert_eq!(
        discover(&world).await,
        DiscoverySummary { waiting: 1, ..DiscoverySummary::default() },
        "the tenant shares no org yet"
    );
    world
        .servers
        .oneroster
        .put(Resource::Orgs, &json!({ "sourcedId": "s1", "name": "Elm", "type": "school" }));
    assert_eq!(
        discover(&world).await,
        DiscoverySummary { notified: 1, ..DiscoverySummary::default() }
    );
    assert_eq!(discover(&world).await, DiscoverySummary::default());
    let district = world.table.district(&DistrictId::new("classlink-4711")).await.unwrap().unwrap();
    assert_eq!(
        (district.status, district.settings.source.classlink),
        (DistrictStatus::Notified, Some(ClassLink::of("4711")))
    );
    world.servers.tenants.lock().unwrap()[1].enabled = true;
    assert_eq!(
        discover(&world).await,
        DiscoverySummary { notified: 1, ..DiscoverySummary::default() }
    );
    assert!(world.servers.oneroster.requests().iter().all(|path| !path.starts_with("users")));
}

#[tokio::test]
async fn r_o1_a_tenant_missing_from_two_polls_is_reported_and_keeps_its_data() {
    let world = at_classlink().await;
    assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
    let gone = world.servers.tenants.lock().unwrap().pop().unwrap();
    *world.servers.failing.lock().unwrap() = 6;
    let failed = world.discover_for(&json!({ "look": "classlink" }), &Cue::never()).await;
    assert!(matches!(failed, Err(PullFailure::TokenList(_))));
    assert_eq!(world.table.connected("classlink").await.unwrap()[0].missed, None);
    assert_eq!(
        discover(&world).await,
        DiscoverySummary::default(),
        "one list that lacks it may be a mistake"
    );
    world.time.pass(Duration::from_secs(3600));
    assert_eq!(
        discover(&world).await,
        DiscoverySummary { disconnected: 1, ..DiscoverySummary::default() }
    );
    assert_eq!(
        world.table.district(&world.district).await.unwrap().unwrap().status,
        DistrictStatus::Live
    );
    assert_eq!(world.send(&order(1)).await, PullOutcome::Refused);
    assert_eq!(world.report(&order(1)).await.findings[0].code, "source_no_token");
    world.servers.tenants.lock().unwrap().push(gone);
    assert_eq!(
        discover(&world).await,
        DiscoverySummary { returned: 1, ..DiscoverySummary::default() }
    );
}

#[tokio::test]
async fn a_changed_classlink_token_is_fetched_again() {
    let world = at_classlink().await;
    let before: Timestamp = world.time.now();
    // The server rejects the token once. The list still contains the same token, so the pull is
    // refused.
    world.servers.oneroster.plan("users?", 1, 1, Fault::Answer(401, String::new()));
    assert_eq!(
        world.send(&order(0)).await,
        PullOutcome::Refused,
        "the list names the same token again"
    );
    assert_eq!(world.report(&order(0)).await.findings[0].code, "source_token");
    world.servers.tenants.lock().unwrap()[0].bearer = "b-2".into();
    assert_eq!(world.send(&order(1)).await, PullOutcome::Staged);
    assert!(world.time.now() >= before);
}

#[tokio::test]
async fn discovery_polls_every_list_with_credentials() {
    let world = at_classlink().await;
    let all = json!({ "look": "all" });
    let summary = world.discover_for(&all, &Cue::never()).await.unwrap();
    assert_eq!(
        summary,
        DiscoverySummary { notified: 2, ..DiscoverySummary::default() },
        "one at Clever, one at ClassLink"
    );
    let mut world = at_classlink().await;
    world.config.clever_secret = None;
    assert_eq!(
        world.discover_for(&all, &Cue::never()).await.unwrap(),
        DiscoverySummary { notified: 1, ..DiscoverySummary::default() }
    );
    // Clever's list fails, and ClassLink's is still polled.
    world.config.clever_secret = Some("nowhere".into());
    world.servers.tenants.lock().unwrap().push(Tenant {
        id: 17,
        enabled: true,
        bearer: "b-17".into(),
    });
    assert!(world.discover_for(&all, &Cue::never()).await.is_err());
    assert_eq!(world.table.connected("classlink").await.unwrap().len(), 2);
}

#[tokio::test]
async fn r_o4_incremental_pulls_run_only_where_the_settings_enable_them() {
    for world in [world().await, at_classlink().await] {
        with_changes(&world).await;
        assert_eq!(
            world.send(&changes_order(0)).await,
            PullOutcome::Skipped,
            "there was no full pull yet"
        );
        assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
        world.discover_for(&json!({ "look": "all" }), &Cue::never()).await.unwrap();
        assert_eq!(
            world.schedules.schedule_names().await.unwrap(),
            ["changes-oakfield", "nightly-oakfield"]
        );
        let (changes, nightly) = (&world.schedules.nightly()[0], &world.schedules.nightly()[1]);
        assert_eq!(
            (&*nightly.expression, &*changes.expression),
            ("cron(0 3 * * ? *)", "cron(0 9,15,21 * * ? *)")
        );
        let input = changes.input.replace("<aws.scheduler.scheduled-time>", "2026-09-15T12:00:00Z");
        assert_eq!(run_of(&serde_json::from_str(&input).unwrap()), run_of(&changes_order(6)));

        world.time.pass(Duration::from_secs(6 * 3600));
        let mut new = person("st40", "student");
        new["dateLastModified"] = "2026-09-15T11:00:00.000Z".into();
        world.servers.oneroster.put(Resource::Users, &new);
        world.servers.oneroster.remove(Resource::Users, "st11");
        let before = world.servers.oneroster.requests().len();
        assert_eq!(
            world.send(&changes_order(6)).await,
            PullOutcome::Staged,
            "{:?}",
            world.report(&changes_order(6)).await
        );
        assert!(
            world.servers.oneroster.requests()[before..]
                .iter()
                .all(|path| path.contains("dateLastModified%3E%272026-09-15T05%3A00%3A02.000Z%27"))
        );
        let manifest = world.manifest(&changes_order(6)).await.unwrap();
        assert_eq!(
            (manifest.origin.changes_over, manifest.enrollments),
            (Some(run_of(&order(0))), 13)
        );
        assert_eq!(world.send(&changes_order(6)).await, PullOutcome::Repeated);
        // The next full pull shows which records are gone.
        world.time.pass(Duration::from_secs(18 * 3600));
        world.servers.oneroster.remove(Resource::Enrollments, "e-st11");
        assert_eq!(world.send(&order(1)).await, PullOutcome::Staged);
        assert_eq!(world.manifest(&order(1)).await.unwrap().origin.changes_over, None);

        // Incremental pulls are turned off.
        let settings = world.table.district(&world.district).await.unwrap().unwrap().settings;
        world.configure(&settings, DistrictStatus::Paused).await;
        world.discover_for(&json!({ "look": "all" }), &Cue::never()).await.unwrap();
        assert!(world.schedules.schedule_names().await.unwrap().is_empty());
        assert_eq!(world.send(&changes_order(30)).await, PullOutcome::Skipped);
    }
}

#[tokio::test]
async fn a_continued_incremental_pull_stays_incremental() {
    let world = world().await;
    with_changes(&world).await;
    assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
    world.time.pass(Duration::from_secs(6 * 3600));
    for number in 40..50 {
        let mut new = person(&format!("st{number}"), "student");
        new["dateLastModified"] = "2026-09-15T11:00:00.000Z".into();
        world.servers.oneroster.put(Resource::Users, &new);
    }
    world.servers.oneroster.plan("users?", 1, 6, Fault::Answer(503, String::new()));
    let soon = Duration::from_secs(120);
    assert_eq!(
        world.send_for(&changes_order(6), &Cue::never(), "request", soon).await.unwrap(),
        PullOutcome::Continued
    );
    assert_eq!(world.continue_all().await, Some(PullOutcome::Staged));
    assert!(world.manifest(&changes_order(6)).await.unwrap().origin.changes_over.is_some());
    // The full pull is a week old, and its pages have expired.
    world.time.pass(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(world.send(&changes_order(180)).await, PullOutcome::Skipped);
}

#[tokio::test]
async fn a_retried_incremental_pull_without_its_full_pull_is_refused() {
    for n in 0.. {
        let world = world().await;
        with_changes(&world).await;
        assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
        world.time.pass(Duration::from_secs(6 * 3600));
        assert!(
            world.send_under(&changes_order(6), &Cue::at(n, true), "first").await.is_err(),
            "{n}"
        );
        if world.table.run(&world.district, &run_of(&changes_order(6))).await.unwrap().is_none() {
            continue;
        }
        // The invocation crashed after the run was created, before anything was read.
        world.internal.remove(&keys::everything(&world.district));
        world.time.pass(Duration::from_secs(1000));
        assert_eq!(world.send(&changes_order(6)).await, PullOutcome::Refused);
        assert_eq!(world.report(&changes_order(6)).await.findings[0].code, "changes_too_late");
        break;
    }
}

#[tokio::test]
async fn incremental_pulls_skip_a_held_run_and_report_a_server_without_filters() {
    let world = world().await;
    with_changes(&world).await;
    assert_eq!(world.send(&order(0)).await, PullOutcome::Staged);
    world.servers.oneroster.behave(|ways| ways.filtering = Filtering::Refused);
    world.time.pass(Duration::from_secs(6 * 3600));
    assert_eq!(world.send(&changes_order(6)).await, PullOutcome::Refused);
    let report = world.report(&changes_order(6)).await;
    assert!(report.findings[0].message.contains("changes_every_hours"), "{:?}", report.findings);
    world.servers.oneroster.behave(|ways| ways.filtering = Filtering::Done);
    world.hold(&run_of(&order(0))).await;
    assert_eq!(world.send(&changes_order(7)).await, PullOutcome::Skipped);
}
