//! Incremental pulls: changes since a full pull, applied to it.

use jiff::Timestamp;
use serde_json::{Value, json};
use sources::oneroster_rest::memory::Filtering;
use sources::oneroster_rest::{Api, BadSetting, PullError, PullState, Pulled, Resource};

use crate::support::*;

/// Returns the time of the full pull.
fn then() -> Timestamp {
    "2026-09-01T06:00:00Z".parse().unwrap()
}

/// Dates a record to the day after the full pull.
fn today(changed: Value) -> Value {
    let mut changed = changed;
    changed["dateLastModified"] = "2026-09-02T09:30:00.000Z".into();
    changed
}

async fn whole(world: &World) -> PullState {
    let (state, ended) = world.pull().await;
    assert_eq!(ended.unwrap(), Pulled::Whole);
    state
}

/// Changes the records: a student is added and another one renamed; a teacher, an enrollment and a
/// class are marked as deleted, and one student is purged.
fn a_day_passes(world: &World) {
    let put = |list: Resource, record: Value| world.server.put(list, &record);
    put(Resource::Users, user("st3", "student", today(json!({}))));
    put(Resource::Enrollments, enrollment("e4", "c1", "st3", "student", today(json!({}))));
    put(Resource::Users, user("st2", "student", today(json!({ "familyName": "Moss" }))));
    put(Resource::Users, user("te1", "teacher", today(json!({ "status": "tobedeleted" }))));
    put(
        Resource::Enrollments,
        enrollment("e3", "c1", "st2", "student", today(json!({ "status": "inactive" }))),
    );
    put(
        Resource::Classes,
        class("c1", today(json!({ "status": "ToBeDeleted", "title": "Writing" }))),
    );
    world.server.remove(Resource::Users, "st1");
    world.server.remove(Resource::Enrollments, "e2");
}

#[tokio::test]
async fn r_h3_incremental_pulls_add_and_update_and_never_remove() {
    let world = World::new();
    let everything = whole(&world).await;
    let night = world.snapshot_of(&everything);
    a_day_passes(&world);
    let day = world.changed_since(then());
    let changes = whole(&day).await;
    assert_eq!(
        changes.lists.values().map(|list| list.records).sum::<u64>(),
        6,
        "the server sends only changed records"
    );
    let snapshot = day.snapshot_over(&changes, Some((&world, &everything)));
    assert_eq!(snapshot.ids("student"), ["st1", "st2", "st3"]);
    assert_eq!(snapshot.ids("teacher"), ["te1"]);
    assert_eq!(snapshot.record("student", "st2").unwrap()["person"]["family"], "Moss");
    let enrollments = |snapshot: &Snapshot| {
        snapshot.record("class", "c1").unwrap()["students"].as_array().unwrap().len()
    };
    assert_eq!((enrollments(&night), enrollments(&snapshot), snapshot.enrollments), (2, 3, 4));
    let class = snapshot.record("class", "c1").unwrap().to_string();
    assert!(
        class.contains("Reading c1") && !class.contains("Writing"),
        "a record marked as deleted changes nothing: {class}"
    );
    assert!(snapshot.drops() == 0 && !snapshot.refused, "{:?}", snapshot.findings);
    // The next full pull shows which records are gone.
    let night = world.changed_since(then());
    let night = World { since: None, ..night };
    let gone = night.snapshot().await;
    assert_eq!(
        (gone.ids("student"), gone.ids("teacher").len()),
        (vec!["st2".to_owned(), "st3".to_owned()], 0)
    );
}

#[tokio::test]
async fn an_incremental_pull_without_changes_gives_the_same_bytes() {
    for world in [World::larger(), World::of_1_2()] {
        let everything = whole(&world).await;
        let night = world.snapshot_of(&everything);
        let day = world.changed_since(then());
        let changes = whole(&day).await;
        assert!(changes.lists.values().all(|list| list.records == 0));
        let snapshot = day.snapshot_over(&changes, Some((&world, &everything)));
        assert_eq!(snapshot.lines.0, night.lines.0);
        assert_eq!(snapshot.findings.totals, night.findings.totals);
    }
}

#[tokio::test]
async fn a_changed_user_of_1_2_has_the_roles_of_its_record() {
    let world = World::of_1_2();
    let everything = whole(&world).await;
    let night = world.snapshot_of(&everything);
    let roles = json!([{ "roleType": "primary", "role": "student", "org": { "sourcedId": "s2" } }]);
    let moved = user("st2", "", today(json!({ "roles": roles, "familyName": "Moss" })));
    world.server.put(Resource::Users, &moved);
    let day = world.changed_since(then());
    let changes = whole(&day).await;
    let snapshot = day.snapshot_over(&changes, Some((&world, &everything)));
    assert_eq!(snapshot.ids("student"), night.ids("student"));
    let student = snapshot.record("student", "st2").unwrap();
    assert_eq!(
        (&student["person"]["family"], &student["person"]["schools"]),
        (&json!("Moss"), &json!(["s2"]))
    );
}

#[tokio::test]
async fn a_server_without_filters_sends_everything_or_is_reported() {
    let world = World::new();
    let everything = whole(&world).await;
    a_day_passes(&world);
    world.server.behave(|ways| ways.filtering = Filtering::Ignored);
    let day = world.changed_since(then());
    let changes = whole(&day).await;
    let snapshot = day.snapshot_over(&changes, Some((&world, &everything)));
    assert_eq!(
        (snapshot.ids("student"), snapshot.enrollments),
        (["st1", "st2", "st3"].map(String::from).to_vec(), 4)
    );
    world.server.behave(|ways| ways.filtering = Filtering::Refused);
    let day = world.changed_since(then());
    let refused = day.pull().await.1;
    assert!(
        matches!(refused, Err(PullError::Refused { list: "orgs", status: 400 })),
        "{refused:?}"
    );
}

#[test]
fn the_interval_of_incremental_pulls_is_validated() {
    let world = World::new();
    for (hours, is_good) in [(0, false), (1, true), (12, true), (13, false), (24, false)] {
        let mut settings = world.oneroster.clone();
        settings.changes_every_hours = Some(hours);
        let bad = Err(BadSetting("source.oneroster.changes_every_hours"));
        assert_eq!(Api::of(&settings).map(|_| ()), if is_good { Ok(()) } else { bad }, "{hours}");
    }
}
