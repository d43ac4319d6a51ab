//! What has changed since a pull of everything, read over it.

use jiff::Timestamp;
use serde_json::{Value, json};
use sources::oneroster_rest::memory::Filtering;
use sources::oneroster_rest::{Api, BadSetting, PullError, PullState, Pulled, Resource};

use crate::support::*;

/// When everything was read.
fn then() -> Timestamp {
    "2026-09-01T06:00:00Z".parse().unwrap()
}

/// A record is of the day after.
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

/// A day at school: a student comes and another gets another name; a teacher, an enrollment and a
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
async fn r_h3_changes_bring_who_is_new_and_what_is_different_and_take_nobody_away() {
    let world = World::new();
    let everything = whole(&world).await;
    let night = world.snapshot_of(&everything);
    a_day_passes(&world);
    let day = world.changed_since(then());
    let changes = whole(&day).await;
    assert_eq!(
        changes.lists.values().map(|list| list.records).sum::<u64>(),
        6,
        "the server sends nothing else"
    );
    let snapshot = day.snapshot_over(&changes, Some((&world, &everything)));
    assert_eq!(snapshot.ids("student"), ["st1", "st2", "st3"]);
    assert_eq!(snapshot.ids("teacher"), ["te1"]);
    assert_eq!(snapshot.record("student", "st2").unwrap()["person"]["family"], "Moss");
    let seats = |snapshot: &Snapshot| {
        snapshot.record("class", "c1").unwrap()["students"].as_array().unwrap().len()
    };
    assert_eq!((seats(&night), seats(&snapshot), snapshot.enrollments), (2, 3, 4));
    let class = snapshot.record("class", "c1").unwrap().to_string();
    assert!(
        class.contains("Reading c1") && !class.contains("Writing"),
        "what is marked as deleted says nothing else: {class}"
    );
    assert!(snapshot.drops() == 0 && !snapshot.refused, "{:?}", snapshot.findings);
    // The next night knows who is gone.
    let night = world.changed_since(then());
    let night = World { since: None, ..night };
    let gone = night.snapshot().await;
    assert_eq!(
        (gone.ids("student"), gone.ids("teacher").len()),
        (vec!["st2".to_owned(), "st3".to_owned()], 0)
    );
}

#[tokio::test]
async fn a_day_without_changes_is_the_night_again_to_the_byte() {
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
async fn somebody_of_1_2_whose_record_changes_keeps_the_roles_that_it_names() {
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
async fn a_server_that_does_not_filter_sends_everything_and_one_that_refuses_is_told() {
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
fn changes_are_asked_for_in_hours_that_make_sense() {
    let world = World::new();
    for (hours, is_good) in [(0, false), (1, true), (12, true), (13, false), (24, false)] {
        let mut settings = world.oneroster.clone();
        settings.changes_every_hours = Some(hours);
        let bad = Err(BadSetting("source.oneroster.changes_every_hours"));
        assert_eq!(Api::of(&settings).map(|_| ()), if is_good { Ok(()) } else { bad }, "{hours}");
    }
}
