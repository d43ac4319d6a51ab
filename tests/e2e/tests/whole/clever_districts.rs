//! Changes of a district at Clever: its connection, its sync to Clever, its sharing and its data.

use std::time::Duration;

use mirror::eventbridge::event::{Kind, Status};
use nightly_pull::DiscoverySummary;
use roster::finding::pull as codes;
use roster::records::RecordKind;
use roster::run::RunState;
use serde_json::{Value, json};
use simulators::clever::{List, Sharing, State};

use crate::clever_world::{World, tolerant};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn r_m6_new_data_during_a_pull_gives_a_snapshot_of_one_state() {
    let world = World::new().await;
    let (oak, calm) =
        (world.district("oak", tolerant()).await, world.district("calm", tolerant()).await);
    world.clever().sync_during("role=student", 1, &oak.source, &oak.set.night(1));
    world.clever().sync(&calm.source, &calm.set.night(1));
    let (pulled, expected) = (world.pull(&oak.here).await, world.pull(&calm.here).await);
    assert_eq!(
        (pulled.state(), expected.state()),
        (RunState::Applied, RunState::Applied),
        "{:?}",
        pulled.report.findings
    );
    assert_eq!(pulled.report.counts, expected.report.counts);
    assert!(
        world.contents(&oak).await == world.contents(&calm).await,
        "the snapshot mixes pages of two states"
    );
    assert_eq!(world.notified(), []);
}

#[tokio::test]
async fn r_o1_a_disconnected_district_keeps_its_mirror_and_is_reported_as_gone_and_as_back() {
    let world = World::new().await;
    let oak = world.district("oak", tolerant()).await;
    let before = world.application.mirror(&oak.here).await;
    world.clever().disconnect(&oak.source);

    let refused = world.pull(&oak.here).await;
    assert_eq!(
        (refused.state(), refused.found("source_no_token")),
        (RunState::Refused, true),
        "{:?}",
        refused.report.findings
    );
    assert_eq!(world.notified(), [(Kind::PullFailed, Status::Refused)]);
    assert_eq!(
        world.discover().await,
        DiscoverySummary::default(),
        "a single list without the district may be a mistake"
    );
    assert_eq!(world.notified(), []);
    world.clock().advance(Duration::from_secs(3600));
    assert_eq!(world.discover().await.disconnected, 1);
    assert_eq!(world.discover().await.disconnected, 0);
    assert_eq!(world.notified(), [(Kind::DistrictGone, Status::Disconnected)], "notified once");
    assert!(world.application.mirror(&oak.here).await == before);

    // The district connects again with a new token.
    world.clever().reconnect(&oak.source);
    assert_eq!(world.discover().await.returned, 1);
    assert_eq!(world.notified(), [(Kind::DistrictBack, Status::Returned)]);
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
    assert_eq!(world.notified(), []);

    // A token that was replaced between two nights is read again.
    world.clever().rotate_token(&oak.source);
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
    assert!(world.application.mirror(&oak.here).await == before);
}

#[tokio::test]
async fn a_paused_or_failed_sync_to_clever_changes_nothing_and_the_report_explains_it() {
    let world = World::new().await;
    let oak = world.district("oak", tolerant()).await;
    let before = world.application.mirror(&oak.here).await;
    for state in [
        State::Paused(None),
        State::Paused(Some(world.clock().now() + 30 * DAY)),
        State::Error,
        State::Pending,
    ] {
        world.clever().set_state(&oak.source, state);
        assert!(
            !world.clever().sync(&oak.source, &oak.set.night(1)),
            "{state:?}: the data at Clever must not change"
        );
        let pulled = world.pull(&oak.here).await;
        assert_eq!(
            (pulled.state(), pulled.report.item_writes),
            (RunState::Unchanged, 0),
            "{state:?}"
        );
        assert!(world.application.mirror(&oak.here).await == before, "{state:?}");
        let frozen =
            pulled.report.findings.iter().find(|finding| finding.code == codes::SOURCE_FROZEN.name);
        let word = if matches!(state, State::Paused(_)) { "is paused" } else { "fails" };
        assert!(
            frozen.is_some_and(|finding| finding.message.contains(word)),
            "{state:?}: {:?}",
            pulled.report.findings
        );
        assert_eq!(world.notified(), [], "{state:?}: a pause is not a failure");
    }
    world.clever().set_state(&oak.source, State::Success);
    assert!(world.clever().sync(&oak.source, &oak.set.night(1)));
    let pulled = world.pull(&oak.here).await;
    assert_eq!(
        (pulled.state(), pulled.found(codes::SOURCE_FROZEN.name)),
        (RunState::Applied, false)
    );
}

#[tokio::test]
async fn r_h1_reduced_sharing_is_held_and_empty_sharing_is_refused() {
    let world = World::new().await;
    let oak = world.district("oak", json!({})).await;
    let before = world.application.mirror(&oak.here).await;
    let one = world.clever().ids(&oak.source, List::Schools).into_iter().take(1).collect();
    world.clever().share(&oak.source, Sharing::Schools(one));
    let held = world.pull(&oak.here).await;
    assert_eq!(held.state(), RunState::Held, "{:?}", held.report.counts);
    let sent = world.application.notifications();
    assert_eq!((sent.len(), sent[0].detail_type.as_str()), (1, "Run Held"));
    assert_eq!(sent[0].detail["run"], json!(held.run.run));
    assert!(world.application.mirror(&oak.here).await == before);

    world.clever().share(&oak.source, Sharing::Nothing);
    let refused = world.pull(&oak.here).await;
    assert_eq!(
        (refused.state(), refused.found("nothing_shared")),
        (RunState::Refused, true),
        "{:?}",
        refused.report.findings
    );
    assert_eq!(world.notified(), [(Kind::PullFailed, Status::Refused)]);
    assert!(world.application.mirror(&oak.here).await == before);
}

#[tokio::test]
async fn unusual_but_valid_clever_data_is_imported_correctly() {
    let world = World::new().await;
    let overrides = json!({ "admit_guardians": "unique_contact", "hold_if_removed_percent": 60, "hold_if_changed_percent": 100 });
    let oak = world.district("oak", overrides).await;
    let (clever, source) = (world.clever(), oak.source.as_str());
    let schools = clever.ids(source, List::Schools);
    let mirror = world.application.mirror(&oak.here).await;
    let active = |kind: RecordKind| {
        let of_kind = mirror
            .iter()
            .filter(move |((of, _), record)| *of == kind && record["status"] == "active");
        of_kind.map(|((_, key), record)| (key.clone(), record["state"].clone())).collect::<Vec<_>>()
    };
    let (students, teachers, classes, guardians) = (
        active(RecordKind::Student),
        active(RecordKind::Teacher),
        active(RecordKind::Class),
        active(RecordKind::Guardian),
    );

    // Clever stores the full name of a contact in `last`.
    assert!(!guardians.is_empty());
    let named = |state: &Value| {
        state["person"]["family"].as_str().is_some_and(|name| name.contains(' '))
            && state["person"]["given"].as_str().is_none_or(str::is_empty)
    };
    assert!(guardians.iter().all(|(_, state)| named(state)), "{:?}", guardians[0].1);

    // A student at two schools, a student with empty fields, and a birth date without leading
    // zeros.
    let [both, bare, born] = [0, 1, 2].map(|place: usize| students[place].0.clone());
    clever.alter(source, List::Users, &both, |user| {
        user["roles"]["student"]["schools"] = json!([schools[0], schools[1]])
    });
    clever.alter(source, List::Users, &bare, |user| {
        user["email"] = json!("");
        let student = user["roles"]["student"].as_object_mut().expect("a student");
        for field in [
            "grade",
            "gender",
            "race",
            "dob",
            "hispanic_ethnicity",
            "ell_status",
            "frl_status",
            "iep_status",
            "state_id",
        ] {
            student.insert(field.into(), json!(""));
        }
    });
    clever.alter(source, List::Users, &born, |user| {
        user["roles"]["student"]["dob"] = json!("1/2/2014")
    });
    // A custom section of the district at Clever with co-teachers, in the order of the source.
    let staff: Vec<String> = [2, 0, 1].map(|place: usize| teachers[place].0.clone()).into();
    let custom = clever.custom_section(
        source,
        "Robotics",
        &schools[0],
        &staff,
        &[both.clone(), born.clone()],
    );
    // A student who is listed in a section but not shared.
    let is_enrolled = |state: &Value, student: &str| {
        state["students"].as_array().is_some_and(|all| all.contains(&json!(student)))
    };
    let hidden = students[3..]
        .iter()
        .map(|(key, _)| key)
        .find(|key| classes.iter().any(|(_, state)| is_enrolled(state, key)));
    let hidden = hidden.expect("a student in a class").clone();
    clever.withhold(source, [hidden.clone()]);
    let gone = clever
        .token(source)
        .map(|token| stack::Api::new(&clever.url(), Some(token)))
        .expect("the district is connected");
    let reply = gone
        .call(axum::http::Method::GET, &format!("/v3.1/users/{hidden}"), &[], None)
        .await
        .expect("Clever answers");
    assert_eq!(reply.status, 404);

    let pulled = world.pull(&oak.here).await;
    assert_eq!(
        pulled.state(),
        RunState::Applied,
        "{:?} {:?}",
        pulled.report.holds,
        pulled.report.findings
    );
    assert_eq!(world.notified(), [], "nothing requires an operator");
    let after = world.application.mirror(&oak.here).await;
    let state = |kind: RecordKind, key: &str| after[&(kind, key.to_owned())]["state"].clone();
    let student = state(RecordKind::Student, &both);
    let listed: Vec<&str> = student["person"]["schools"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert!(schools[..2].iter().all(|school| listed.contains(&school.as_str())), "{student}");
    let class = state(RecordKind::Class, &custom);
    assert_eq!(
        (&class["teachers"], class["students"].as_array().map(Vec::len)),
        (&json!(staff), Some(2)),
        "{class}"
    );
    assert_eq!(
        state(RecordKind::Student, &born)["demographics"]["birth_date"],
        "2014-01-02",
        "{}",
        state(RecordKind::Student, &born)
    );
    let unknown = state(RecordKind::Student, &bare);
    assert!(
        unknown["demographics"].as_object().is_none_or(|known| known.values().all(Value::is_null)),
        "{unknown}"
    );
    assert_eq!(
        after[&(RecordKind::Student, bare)]["status"],
        "active",
        "missing fields do not remove a student (R-S2)"
    );
    assert_eq!(after[&(RecordKind::Student, hidden.clone())]["status"], "archived");
    let enrollments = after.iter().filter(|((kind, _), record)| {
        *kind == RecordKind::Class && is_enrolled(&record["state"], &hidden)
    });
    assert_eq!(enrollments.count(), 0, "a student who is not shared has no enrollment");
    assert!(pulled.found("people_not_shared"), "{:?}", pulled.report.finding_totals);
    // Another pull of the same data changes nothing.
    assert_eq!(world.pull(&oak.here).await.state(), RunState::Unchanged);
}
