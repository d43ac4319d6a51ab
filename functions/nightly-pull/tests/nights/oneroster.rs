//! Districts at OneRoster servers and at ClassLink: the same nights as those at Clever.

use std::time::Duration;

use jiff::Timestamp;
use mirror::keys;
use mirror::ports::connected::ConnectedDistricts;
use mirror::ports::districts::Districts;
use mirror::ports::pull_schedules::NightlySchedules;
use mirror::ports::runs::Runs;
use mirror::testing::failing::Cue;
use nightly_pull::{DiscoverySummary, Ended, PullFailure};
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

/// A live district with a school, a class, a teacher and twelve students, three records a page.
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
    let seat = |id: &str, role: &str| {
        let (class, school, user) = (
            json!({ "sourcedId": "c1" }),
            json!({ "sourcedId": "s1" }),
            json!({ "sourcedId": id }),
        );
        json!({ "sourcedId": format!("e-{id}"), "class": class, "school": school, "user": user, "role": role, "primary": "false" })
    };
    put(Resource::Enrollments, seat("te1", "teacher"));
    for number in 11..23 {
        put(Resource::Users, person(&format!("st{number}"), "student"));
        put(Resource::Enrollments, seat(&format!("st{number}"), "student"));
    }
    put(Resource::Demographics, json!({ "sourcedId": "st11", "sex": "female" }));
    world.secrets.put(SECRET, MemoryOneRoster::TOKEN);
    world.configure(&settings(), DistrictStatus::Live).await;
    world
}

/// The same, at ClassLink.
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

/// The order of what has changed, some hours after the first night's.
fn changes_order(hours: u64) -> Value {
    let mut order = sample("pull-changes.json");
    let night: Timestamp = crate::world::order(0)["at"].as_str().unwrap().parse().unwrap();
    order["at"] = (night + Duration::from_secs(hours * 3600)).to_string().into();
    order
}

/// What has changed is read between the nights from now on.
async fn with_changes(world: &World) {
    let mut settings = world.table.district(&world.district).await.unwrap().unwrap().settings;
    settings.source.oneroster.iter_mut().for_each(|own| own.changes_every_hours = Some(6));
    settings.source.classlink.iter_mut().for_each(|own| own.changes_every_hours = Some(6));
    world.configure(&settings, DistrictStatus::Live).await;
}

async fn look(world: &World) -> DiscoverySummary {
    world.look_for(&json!({ "look": "classlink" }), &Cue::never()).await.unwrap()
}

#[tokio::test]
async fn r_o4_a_night_at_a_oneroster_server_becomes_a_snapshot_and_from_then_on_it_has_a_schedule()
{
    for (world, source) in [(world().await, "oneroster"), (at_classlink().await, "classlink")] {
        assert_eq!(
            world.send(&order(0)).await,
            Ended::Staged,
            "{:?}",
            world.report(&order(0)).await
        );
        let manifest = world.manifest(&order(0)).await.unwrap();
        assert_eq!((&*manifest.origin.source, manifest.enrollments), (source, 13));
        assert_eq!(world.send(&order(0)).await, Ended::Repeated);
        assert!(world.internal.keys().iter().filter(|key| key.starts_with("pulls/")).count() > 10);
        world.look_for(&json!({ "look": "all" }), &Cue::never()).await.unwrap();
        assert_eq!(world.schedules.names().await.unwrap(), ["nightly-oakfield"], "{source}");
    }
}

#[tokio::test]
async fn a_pull_that_nears_its_end_goes_on_in_further_invocations_and_ends_in_the_same_snapshot() {
    let whole = world().await;
    whole.send(&order(0)).await;
    let world = world().await;
    let soon = Duration::from_secs(120);
    assert_eq!(
        world.send_for(&order(0), &Cue::never(), "request", soon).await.unwrap(),
        Ended::Continued
    );
    assert_eq!(world.go_on().await, Some(Ended::Staged));
    assert_eq!(world.snapshots(), whole.snapshots());
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_again_for_a_while_and_then_told() {
    let world = world().await;
    world.servers.oneroster.plan("users?", 1, 6, Fault::Answer(503, String::new()));
    assert_eq!(world.send(&order(0)).await, Ended::Continued);
    assert_eq!(world.go_on().await, Some(Ended::Staged));
    let world = self::world().await;
    world.servers.oneroster.plan("users?", 1, 999, Fault::Answer(503, String::new()));
    world.send(&order(0)).await;
    assert_eq!(world.go_on().await, Some(Ended::Refused));
    assert_eq!(world.refused(&order(0)).await.0, "source_down");
}

#[tokio::test]
async fn r_h3_data_that_change_are_read_anew_and_a_list_that_cannot_be_trusted_is_no_snapshot() {
    let world = world().await;
    world.servers.oneroster.plan("users?", 1, 1, Fault::Remove(Resource::Users, "st11".into()));
    world.servers.oneroster.plan(
        "users?",
        1,
        1,
        Fault::Remove(Resource::Enrollments, "e-st11".into()),
    );
    assert_eq!(world.send(&order(0)).await, Ended::Staged);
    assert_eq!(world.manifest(&order(0)).await.unwrap().enrollments, 12);
    for (fault, code) in [
        (Fault::Answer(403, String::new()), "source_refused"),
        (Fault::Answer(401, String::new()), "source_token"),
    ] {
        let world = self::world().await;
        world.servers.oneroster.plan("users?", 0, 99, fault);
        assert_eq!(world.send(&order(0)).await, Ended::Refused);
        assert_eq!(world.refused(&order(0)).await.0, code);
    }
    // A list whose pages lead nowhere, and one that is suddenly empty.
    let world = self::world().await;
    world.servers.oneroster.behave(|ways| ways.ignores_offset = true);
    assert_eq!(world.send(&order(0)).await, Ended::Refused);
    assert_eq!(world.refused(&order(0)).await.0, "source_pages");
    let world = self::world().await;
    world.servers.oneroster.plan("users?", 0, 99, Fault::Answer(200, r#"{"users":[]}"#.into()));
    assert_eq!(world.send(&order(0)).await, Ended::Refused);
    assert!(world.report(&order(0)).await.findings.iter().any(|finding| finding.code == "no_rows"));
    assert!(world.manifest(&order(0)).await.is_none());
}

#[tokio::test]
async fn a_secret_that_was_changed_is_read_again_and_one_that_is_wrong_is_told() {
    let world = world().await;
    world.secrets.put(SECRET, "old");
    assert_eq!(world.send(&order(0)).await, Ended::Refused);
    assert_eq!(world.refused(&order(0)).await.0, "source_token");
    world.secrets.put(SECRET, "two words");
    assert_eq!(world.send(&order(1)).await, Ended::Refused);
    let (code, why) = world.refused(&order(1)).await;
    assert!(
        code == "source_no_token" && why.contains("sign_in") && !why.contains("two words"),
        "{why}"
    );
    world.secrets.put(SECRET, MemoryOneRoster::TOKEN);
    assert_eq!(world.send(&order(2)).await, Ended::Staged);
    let mut wrong = settings();
    wrong.source.oneroster.as_mut().unwrap().url = "http://sis.example.org".into();
    world.configure(&wrong, DistrictStatus::Live).await;
    assert_eq!(world.send(&order(3)).await, Ended::Refused);
    assert!(world.report(&order(3)).await.findings[0].message.contains("source.oneroster.url"));
}

#[tokio::test]
async fn r_m7_neither_passwords_nor_demographics_that_are_ignored_reach_the_bucket() {
    let world = world().await;
    let mut ignoring = settings();
    ignoring.overrides.insert("demographics".into(), json!("ignore"));
    world.configure(&ignoring, DistrictStatus::Live).await;
    assert_eq!(world.send(&order(0)).await, Ended::Staged);
    assert!(world.servers.oneroster.requests().iter().all(|asked| !asked.starts_with("demographics")));
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
async fn a_crash_anywhere_and_the_same_order_again_end_in_the_same_snapshot() {
    let whole = world().await;
    whole.send(&order(0)).await;
    for n in (0..).step_by(3) {
        let world = world().await;
        let cue = Cue::at(n, n % 2 == 0);
        let first = world.send_under(&order(0), &cue, "first").await;
        if cue.calls() <= n {
            assert_eq!(first.unwrap(), Ended::Staged);
            break;
        }
        // The invocation that died owns the pull for a while.
        world.time.pass(Duration::from_secs(1000));
        let again = world.send_under(&order(0), &Cue::never(), "second").await.unwrap();
        assert!(matches!(again, Ended::Staged | Ended::Repeated), "{n}: {again:?}");
        assert_eq!(world.snapshots(), whole.snapshots(), "{n}");
    }
}

#[tokio::test]
async fn r_o1_a_tenant_that_enables_us_is_notified_once_and_nothing_is_pulled() {
    let world = at_classlink().await;
    world.servers.tenants.lock().unwrap().push(Tenant {
        id: 17,
        enabled: false,
        bearer: "b-17".into(),
    });
    world.servers.oneroster.remove(Resource::Orgs, "s1");
    assert_eq!(
        look(&world).await,
        DiscoverySummary { waiting: 1, ..DiscoverySummary::default() },
        "it shares no org yet"
    );
    world
        .servers
        .oneroster
        .put(Resource::Orgs, &json!({ "sourcedId": "s1", "name": "Elm", "type": "school" }));
    assert_eq!(look(&world).await, DiscoverySummary { notified: 1, ..DiscoverySummary::default() });
    assert_eq!(look(&world).await, DiscoverySummary::default());
    let district = world.table.district(&DistrictId::new("classlink-4711")).await.unwrap().unwrap();
    assert_eq!(
        (district.status, district.settings.source.classlink),
        (DistrictStatus::Notified, Some(ClassLink::of("4711")))
    );
    world.servers.tenants.lock().unwrap()[1].enabled = true;
    assert_eq!(look(&world).await, DiscoverySummary { notified: 1, ..DiscoverySummary::default() });
    assert!(world.servers.oneroster.requests().iter().all(|asked| !asked.starts_with("users")));
}

#[tokio::test]
async fn r_o1_a_tenant_that_is_gone_twice_is_told_and_keeps_its_data_and_a_list_that_fails_says_nothing()
 {
    let world = at_classlink().await;
    assert_eq!(world.send(&order(0)).await, Ended::Staged);
    let gone = world.servers.tenants.lock().unwrap().pop().unwrap();
    *world.servers.failing.lock().unwrap() = 6;
    let failed = world.look_for(&json!({ "look": "classlink" }), &Cue::never()).await;
    assert!(matches!(failed, Err(PullFailure::TokenList(_))));
    assert_eq!(world.table.connected("classlink").await.unwrap()[0].missed, None);
    assert_eq!(
        look(&world).await,
        DiscoverySummary::default(),
        "one list that lacks it may be a mistake"
    );
    world.time.pass(Duration::from_secs(3600));
    assert_eq!(
        look(&world).await,
        DiscoverySummary { disconnected: 1, ..DiscoverySummary::default() }
    );
    assert_eq!(
        world.table.district(&world.district).await.unwrap().unwrap().status,
        DistrictStatus::Live
    );
    assert_eq!(world.send(&order(1)).await, Ended::Refused);
    assert_eq!(world.report(&order(1)).await.findings[0].code, "source_no_token");
    world.servers.tenants.lock().unwrap().push(gone);
    assert_eq!(look(&world).await, DiscoverySummary { returned: 1, ..DiscoverySummary::default() });
}

#[tokio::test]
async fn a_token_of_classlinks_that_changes_is_looked_up_again() {
    let world = at_classlink().await;
    let before: Timestamp = world.time.now();
    // It changes between the list and the first page: the list names the new one only the second
    // time.
    world.servers.oneroster.plan("users?", 1, 1, Fault::Answer(401, String::new()));
    assert_eq!(world.send(&order(0)).await, Ended::Refused, "the list names the same token again");
    assert_eq!(world.report(&order(0)).await.findings[0].code, "source_token");
    world.servers.tenants.lock().unwrap()[0].bearer = "b-2".into();
    assert_eq!(world.send(&order(1)).await, Ended::Staged);
    assert!(world.time.now() >= before);
}

#[tokio::test]
async fn looks_at_all_lists_look_at_each_for_which_there_are_credentials() {
    let world = at_classlink().await;
    let all = json!({ "look": "all" });
    let looked = world.look_for(&all, &Cue::never()).await.unwrap();
    assert_eq!(
        looked,
        DiscoverySummary { notified: 2, ..DiscoverySummary::default() },
        "one at Clever, one at ClassLink"
    );
    let mut world = at_classlink().await;
    world.config.clever_secret = None;
    assert_eq!(
        world.look_for(&all, &Cue::never()).await.unwrap(),
        DiscoverySummary { notified: 1, ..DiscoverySummary::default() }
    );
    // Clever's list fails, and ClassLink's is looked at all the same.
    world.config.clever_secret = Some("nowhere".into());
    world.servers.tenants.lock().unwrap().push(Tenant {
        id: 17,
        enabled: true,
        bearer: "b-17".into(),
    });
    assert!(world.look_for(&all, &Cue::never()).await.is_err());
    assert_eq!(world.table.connected("classlink").await.unwrap().len(), 2);
}

#[tokio::test]
async fn r_o4_between_the_nights_what_has_changed_is_read_where_a_district_wants_it() {
    for world in [world().await, at_classlink().await] {
        with_changes(&world).await;
        assert_eq!(world.send(&changes_order(0)).await, Ended::Skipped, "there was no night yet");
        assert_eq!(world.send(&order(0)).await, Ended::Staged);
        world.look_for(&json!({ "look": "all" }), &Cue::never()).await.unwrap();
        assert_eq!(
            world.schedules.names().await.unwrap(),
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
        let asked = world.servers.oneroster.requests().len();
        assert_eq!(
            world.send(&changes_order(6)).await,
            Ended::Staged,
            "{:?}",
            world.report(&changes_order(6)).await
        );
        assert!(
            world.servers.oneroster.requests()[asked..].iter().all(
                |asked| asked.contains("dateLastModified%3E%272026-09-15T05%3A00%3A02.000Z%27")
            )
        );
        let manifest = world.manifest(&changes_order(6)).await.unwrap();
        assert_eq!(
            (manifest.origin.changes_over, manifest.enrollments),
            (Some(run_of(&order(0))), 13)
        );
        assert_eq!(world.send(&changes_order(6)).await, Ended::Repeated);
        // The next night reads everything, and so knows who is gone.
        world.time.pass(Duration::from_secs(18 * 3600));
        world.servers.oneroster.remove(Resource::Enrollments, "e-st11");
        assert_eq!(world.send(&order(1)).await, Ended::Staged);
        assert_eq!(world.manifest(&order(1)).await.unwrap().origin.changes_over, None);

        // It is not wanted any more.
        let settings = world.table.district(&world.district).await.unwrap().unwrap().settings;
        world.configure(&settings, DistrictStatus::Paused).await;
        world.look_for(&json!({ "look": "all" }), &Cue::never()).await.unwrap();
        assert!(world.schedules.names().await.unwrap().is_empty());
        assert_eq!(world.send(&changes_order(30)).await, Ended::Skipped);
    }
}

#[tokio::test]
async fn changes_go_on_in_further_invocations_and_after_a_server_was_down_and_are_still_changes() {
    let world = world().await;
    with_changes(&world).await;
    assert_eq!(world.send(&order(0)).await, Ended::Staged);
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
        Ended::Continued
    );
    assert_eq!(world.go_on().await, Some(Ended::Staged));
    assert!(world.manifest(&changes_order(6)).await.unwrap().origin.changes_over.is_some());
    // Pages of a week ago are gone: nothing is read over them.
    world.time.pass(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(world.send(&changes_order(180)).await, Ended::Skipped);
}

#[tokio::test]
async fn changes_that_are_begun_again_when_nothing_is_left_to_read_them_over_say_so() {
    for n in 0.. {
        let world = world().await;
        with_changes(&world).await;
        assert_eq!(world.send(&order(0)).await, Ended::Staged);
        world.time.pass(Duration::from_secs(6 * 3600));
        assert!(
            world.send_under(&changes_order(6), &Cue::at(n, true), "first").await.is_err(),
            "{n}"
        );
        if world.table.run(&world.district, &run_of(&changes_order(6))).await.unwrap().is_none() {
            continue;
        }
        // It died when the run was made and nothing was read yet.
        world.internal.remove(&keys::everything(&world.district));
        world.time.pass(Duration::from_secs(1000));
        assert_eq!(world.send(&changes_order(6)).await, Ended::Refused);
        assert_eq!(world.report(&changes_order(6)).await.findings[0].code, "changes_too_late");
        break;
    }
}

#[tokio::test]
async fn changes_do_not_take_the_place_of_a_run_that_waits_for_a_person_and_a_server_that_does_not_filter_is_told()
 {
    let world = world().await;
    with_changes(&world).await;
    assert_eq!(world.send(&order(0)).await, Ended::Staged);
    world.servers.oneroster.behave(|ways| ways.filtering = Filtering::Refused);
    world.time.pass(Duration::from_secs(6 * 3600));
    assert_eq!(world.send(&changes_order(6)).await, Ended::Refused);
    let report = world.report(&changes_order(6)).await;
    assert!(report.findings[0].message.contains("changes_every_hours"), "{:?}", report.findings);
    world.servers.oneroster.behave(|ways| ways.filtering = Filtering::Done);
    world.hold(&run_of(&order(0))).await;
    assert_eq!(world.send(&changes_order(7)).await, Ended::Skipped);
}
