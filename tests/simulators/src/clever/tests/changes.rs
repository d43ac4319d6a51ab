//! Syncs, custom records, events, and the state of a district.

use super::*;

#[tokio::test]
async fn custom_sections_and_changed_records_survive_a_sync() {
    let district = nights(100);
    let world = world(&district.night(0)).await;
    let (schools, users) =
        (world.clever.ids(&world.oak, List::Schools), world.all("/v3.1/users?limit=1000").await.0);
    let of = |role: &str| {
        let all = users.iter().filter(|user| user["roles"].get(role).is_some());
        all.map(|user| user["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (teachers, students) = (of("teacher"), of("student"));
    let section = world.clever.custom_section(
        &world.oak,
        "Chess",
        &schools[0],
        &teachers[..3],
        &students[..5],
    );
    let student = &students[7];
    assert!(
        world
            .clever
            .alter(&world.oak, List::Users, student, |user| user["name"]["middle"] = Value::Null)
    );
    assert!(!world.clever.alter(&world.oak, List::Users, "unknown", |_| ()));
    for night in 1..3 {
        assert!(world.clever.sync(&world.oak, &district.night(night)));
        let chess = world.get(&format!("/v3.1/sections/{section}")).await.body["data"].clone();
        assert_eq!(
            (&chess["teacher"], &chess["teachers"]),
            (&json!(teachers[0]), &json!(teachers[..3]))
        );
        assert!(!keys(&chess).contains("custom"), "no field marks it");
        assert_eq!(
            world.get(&format!("/v3.1/users/{student}")).await.body["data"]["name"]["middle"],
            Value::Null
        );
    }
}

#[tokio::test]
async fn a_small_change_keeps_other_records_and_creates_events() {
    let district = nights(300);
    let world = world(&district.night(0)).await;
    assert_eq!(
        world.get("/v3.1/events").await.body["data"],
        json!([]),
        "no events before the first sync"
    );
    let before = world.all("/v3.1/users?limit=10000&role=student").await.0;
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert!(world.clever.sync(&world.oak, &district.night(1)));
    let after = world.all("/v3.1/users?limit=10000&role=student").await.0;
    let same = after.iter().filter(|student| before.contains(student)).count();
    assert!(same > 200 && same < after.len(), "unchanged records keep their times: {same}");

    let (events, pages) = world.all("/v3.1/events").await;
    assert!(pages > 1 || events.len() <= 100);
    assert!(ids(&events).is_sorted());
    let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
    let kinds: BTreeSet<String> = events.iter().map(kind).collect();
    for expected in
        ["users.created", "users.updated", "users.deleted", "sections.updated", "districts.updated"]
    {
        assert!(kinds.contains(expected), "{expected}: {kinds:?}");
    }
    assert!(
        !kinds.iter().any(|kind| kind.starts_with("enrollments")),
        "Clever has no events for enrollments"
    );
    let updated = events.iter().find(|event| event["type"] == "sections.updated").unwrap();
    assert_eq!(keys(updated), ["created", "data", "id", "type"].into());
    assert_eq!(
        keys(&updated["data"]),
        ["object", "previous_attributes"].into(),
        "next to the object, as recorded"
    );
    assert!(updated["created"].as_str().unwrap().ends_with(".000Z"), "whole seconds");
    for (name, was) in updated["data"]["previous_attributes"].as_object().unwrap() {
        assert_ne!(&updated["data"]["object"][name], was, "{name}");
    }
    let created = events.iter().find(|event| event["type"] == "users.created").unwrap();
    assert_eq!(keys(&created["data"]), ["object"].into());
    let district_event = events.iter().find(|event| event["type"] == "districts.updated").unwrap();
    assert_eq!(keys(&district_event["data"]["previous_attributes"]), ["last_sync"].into());

    let (only, _) = world.all("/v3.1/events?record_type=terms&record_type=users").await;
    let is_wanted = |kind: String| kind.starts_with("users.") || kind.starts_with("terms.");
    assert!(!only.is_empty() && only.iter().all(|event| is_wanted(kind(event))));
    let school = &world.clever.ids(&world.oak, List::Schools)[0];
    assert!(world.all(&format!("/v3.1/events?school={school}")).await.0.len() < events.len());
    let newest = world.get("/v3.1/events?ending_before=last&limit=1").await.objects();
    assert_eq!(newest, events[events.len() - 1..]);
    let one = world.get(&format!("/v3.1/events/{}", ids(&events)[0])).await;
    assert_eq!(one.body["data"], events[0]);
    let after = format!("/v3.1/events?starting_after={}", ids(&events)[events.len() - 1]);
    assert_eq!(world.get(&after).await.body["data"], json!([]));

    // Records that are no longer shared are deleted, and created when they are shared again.
    // Events end after 30 days.
    world.clever.share(&world.oak, Sharing::Nothing);
    let (deleted, _) = world.all(&after).await;
    assert!(deleted.len() > 300 && deleted.iter().all(|event| kind(event).ends_with(".deleted")));
    world.clever.share(&world.oak, Sharing::All);
    let (back, _) = world
        .all(&format!("/v3.1/events?starting_after={}", ids(&deleted)[deleted.len() - 1]))
        .await;
    assert!(
        back.len() == deleted.len() && back.iter().all(|event| kind(event).ends_with(".created"))
    );
    world.clock.advance(Duration::from_secs(30 * 24 * 3600 + 1));
    assert_eq!(world.get("/v3.1/events").await.body["data"], json!([]));
}

#[tokio::test]
async fn a_paused_or_failing_district_keeps_its_data() {
    let district = nights(100);
    let world = world(&district.night(0)).await;
    let before = world.all("/v3.1/users?limit=1000").await.0;
    let state = async || world.get("/v3.1/districts").await.objects()[0].clone();
    assert_eq!(
        (state().await["state"].clone(), state().await["error"].clone()),
        (json!("success"), json!(""))
    );
    let until = world.clock.now() + Duration::from_secs(3600);
    for (set, name) in [
        (State::Paused(Some(until)), "paused"),
        (State::Error, "error"),
        (State::Pending, "pending"),
    ] {
        world.clever.set_state(&world.oak, set);
        assert!(!world.clever.sync(&world.oak, &district.night(1)));
        let seen = state().await;
        assert_eq!(seen["state"], name);
        assert_eq!(
            (seen.get("pause_end").is_some(), seen["error"] != ""),
            (name == "paused", name == "error")
        );
        assert!(world.all("/v3.1/users?limit=1000").await.0 == before);
    }
    world.clever.set_state(&world.oak, State::Running);
    assert!(world.clever.sync(&world.oak, &district.night(1)));
    assert!(world.all("/v3.1/users?limit=1000").await.0 != before);
}

#[tokio::test]
async fn a_sync_during_a_pull_changes_last_sync() {
    let district = nights(100);
    let world = world(&district.night(0)).await;
    let last_sync = async || world.get("/v3.1/districts").await.objects()[0]["last_sync"].clone();
    let before = last_sync().await;
    world.clock.advance(Duration::from_secs(60));
    world.clever.sync_during("/v3.1/users", 1, &world.oak, &district.night(1));
    let first = world.get("/v3.1/users?limit=50").await;
    assert_eq!(last_sync().await, before);
    let second = world.get(&first.link("next").unwrap()).await;
    assert_eq!(second.status, 200);
    let after = last_sync().await;
    assert_ne!(after, before);
    world.clever.fault("/v3.1/sections", 0, 1, Fault::NewData);
    assert_eq!((world.get("/v3.1/sections").await.status, last_sync().await != after), (200, true));
}
