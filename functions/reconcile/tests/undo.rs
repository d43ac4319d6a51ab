//! Undoing runs and restoring snapshots (R-H4), and requests of people in general.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod world;

use std::collections::BTreeMap;

use mirror::files::snapshot::{read_chain, read_manifest};
use mirror::keys;
use mirror::ops::requests::{Decide, Request, RunCommand};
use mirror::ports::districts::Districts;
use mirror::ports::runs::Runs;
use mirror::testing::Configure as _;
use reconcile::Summary;
use roster::edit::LocalEdit;
use roster::id::RunId;
use roster::outcome::Guard;
use roster::run::{Cause, Decided, Decision, RunState};
use roster::settings::{DistrictStatus, Settings};
use serde_json::{Value, json};
use world::{Night, World, command, pin, sample_edits, whole_holds};

fn first() -> Night {
    Night { classes: 2, ..Night::of(0..30) }
}

fn second() -> Night {
    Night { renamed: 5..8, classes: 2, ..Night::of(2..33) }
}

/// The mirror's records by primary key, without the fields that depend on runs.
fn records(world: &World) -> BTreeMap<(String, String), Value> {
    let items = world.items().into_iter().filter(|(_, item)| item.hash.is_some());
    let records = items.map(|(key, item)| {
        let mut body: Value = serde_json::from_str(&item.body).unwrap();
        for field in ["changed_by", "first_seen", "archived_on"] {
            body.as_object_mut().unwrap().remove(field);
        }
        (key, body)
    });
    records.collect()
}

async fn version(world: &World) -> (u64, jiff::Timestamp) {
    let applied = world.table.district(&world.district).await.unwrap().unwrap().applied.unwrap();
    (applied.version, applied.taken_at)
}

#[tokio::test]
async fn r_h4_undoing_a_run_restores_every_byte_of_the_table() {
    let world = World::new().await;
    world.night(0, &first()).await;
    world.edits("v1").await;
    let before = world.items();
    let (night, summary) = world.night(10, &second()).await;
    assert_eq!(summary.applied, 1);
    assert_eq!(world.stored_edits().len(), 1);
    let (of_night, taken_at) = version(&world).await;

    let (run, event) = world.request(20, &Request::Undo(command(&night))).await;
    assert_eq!(world.send(event.clone()).await, Summary { applied: 1, ..Summary::default() });
    assert!(world.items() == before, "another table");
    assert_eq!(world.stored_edits().len(), 3);
    // An undo is a run whose record contains the operator and the reason.
    let record = world.record(&run).await;
    assert_eq!(
        (record.state, &record.cause),
        (RunState::Applied, &Cause::Undo(command(&night).for_record()))
    );
    let report = world.report(&run).await;
    assert_eq!((report.state, &report.cause), (RunState::Applied, &record.cause));
    assert_eq!((report.counts["student"].added, report.counts["student"].removed), (2, 3));
    let page =
        String::from_utf8(world.internal.body(&keys::report_page(&world.district, &run)).unwrap())
            .unwrap();
    assert!(
        page.contains(night.as_str())
            && page.contains("kim.operator")
            && page.contains("last year")
    );
    assert_eq!(version(&world).await, (of_night + 1, taken_at));

    // A repeated event writes nothing.
    let written = world.table.items_written();
    assert_eq!(world.send(event).await, Summary { repeated: 1, ..Summary::default() });
    assert_eq!(world.table.items_written(), written);
    // The next night's run updates the mirror to the source's data.
    let (next, summary) = world.night(30, &second()).await;
    assert_eq!(
        (summary.applied, world.stored_edits().len()),
        (1, 1),
        "{:?}",
        world.state(&next).await
    );
    assert_eq!(world.keys_with("archived").len(), 2);
}

#[tokio::test]
async fn r_h4_an_undo_can_be_undone() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &second()).await;
    let after = world.items();
    let (undo, event) = world.request(20, &Request::Undo(command(&night))).await;
    world.send(event).await;
    let (_, event) = world.request(30, &Request::Undo(command(&undo))).await;
    assert_eq!(world.send(event).await.applied, 1);
    assert!(world.items() == after, "another table");
}

#[tokio::test]
async fn r_h4_an_undo_over_a_later_change_is_refused_with_the_list_and_changes_nothing() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &second()).await;
    // Changes a student whom the undone run renamed, and one whom it archived.
    world.night(20, &Night { renamed: 6..8, classes: 2, ..Night::of(1..33) }).await;
    let before = world.items();
    let (run, event) = world.request(30, &Request::Undo(command(&night))).await;
    assert_eq!(world.send(event.clone()).await, Summary { refused: 1, ..Summary::default() });
    assert!(world.items() == before);
    assert_eq!(world.state(&run).await, RunState::Refused);
    let report = world.report(&run).await;
    assert_eq!(report.state, RunState::Refused);
    let named: Vec<(String, String)> = report
        .findings
        .iter()
        .filter(|finding| finding.code == "undo_changed_since")
        .filter_map(|finding| finding.entity.as_ref())
        .map(|entity| (entity.kind.to_string(), entity.id.as_str().to_owned()))
        .collect();
    for id in ["student 000005", "student 000001"] {
        assert!(named.contains(&("student".into(), id.into())), "{named:?}");
    }
    assert!(!named.contains(&("student".into(), "student 000006".into())));
    let refused = report.findings.iter().find(|finding| finding.code == "undo_refused").unwrap();
    assert!(refused.message.contains("Restore the snapshot"), "{}", refused.message);
    assert_eq!(report.item_writes, 0);
    assert_eq!(world.send(event).await.repeated, 1);
    // The restore that the message recommends is possible.
    let of = world.run_of(0);
    let (run, event) = world.request(40, &Request::Restore(command(&of))).await;
    assert_eq!(world.send(event).await.continued, 1);
    let summary = world.send(world.staged_event(&run)).await;
    assert_eq!(summary.applied + summary.held, 1);
}

#[tokio::test]
async fn r_h1_r_h2_a_dangerous_undo_is_held_until_a_decision() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let before = world.items();
    let (night, _) = world.night(10, &Night { classes: 2, ..Night::of(0..60) }).await;
    let after = world.items();
    let (undo, event) = world.request(20, &Request::Undo(command(&night))).await;
    assert_eq!(world.send(event.clone()).await, Summary { held: 1, ..Summary::default() });
    assert!(world.items() == after, "a held run wrote something");
    let holds = world.report(&undo).await.holds;
    assert!(
        holds.iter().any(|hold| hold.kind == "student" && hold.count == 30 && hold.of == 60),
        "{holds:?}"
    );
    assert_eq!(world.send(event).await.repeated, 1);
    assert_eq!(world.send(world.decide(&undo, "approve").await).await.applied, 1);
    assert!(world.items() == before);
    assert_eq!(world.report(&undo).await.decided.unwrap().decision, Decision::Approve);
}

#[tokio::test]
async fn r_h4_a_refused_undo_leaves_a_held_run_held_and_its_approval_possible() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &second()).await;
    world.night(20, &Night { renamed: 6..8, classes: 2, ..Night::of(1..33) }).await;
    let (held, summary) = world.night(30, &Night { classes: 2, ..Night::of(1..15) }).await;
    assert_eq!(summary.held, 1);
    world.bus.take_all();
    let unknown = RunId::from("01HZ0000000000000000000000");
    for (minute, of) in [(40, &night), (41, &unknown)] {
        let (run, event) = world.request(minute, &Request::Undo(command(of))).await;
        assert_eq!(world.send(event).await, Summary { refused: 1, ..Summary::default() });
        assert_eq!(world.state(&run).await, RunState::Refused);
        assert_eq!(
            (world.state(&held).await, world.report(&held).await.state),
            (RunState::Held, RunState::Held)
        );
        let district = world.table.district(&world.district).await.unwrap().unwrap();
        assert_eq!(district.open.as_ref(), Some(&held), "the run that waits is still the open one");
    }
    let (_, event) = world.request(42, &Request::Restore(command(&unknown))).await;
    assert_eq!(world.send(event).await.refused, 1);
    assert_eq!(world.state(&held).await, RunState::Held);
    assert_eq!(world.send(world.decide(&held, "approve").await).await.applied, 1);
    // An undo that can be done still replaces what is held.
    let (next, _) = world.night(60, &Night { classes: 2, ..Night::of(1..5) }).await;
    assert_eq!(world.state(&next).await, RunState::Held);
    let (undo, event) = world.request(70, &Request::Undo(command(&held))).await;
    world.send(event).await;
    assert!(matches!(world.state(&undo).await, RunState::Applied | RunState::Held));
    assert_eq!(world.state(&next).await, RunState::Replaced);
}

#[tokio::test]
async fn r_h4_a_run_that_was_undone_is_refused_as_already_undone_until_the_undo_is_undone() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &second()).await;
    let (undo, event) = world.request(20, &Request::Undo(command(&night))).await;
    assert_eq!(world.send(event).await.applied, 1);
    let said = refused(&world, 30, Request::Undo(command(&night))).await;
    assert!(said.contains("already undone"), "{said}");
    let (_, event) = world.request(40, &Request::Undo(command(&undo))).await;
    assert_eq!(world.send(event).await.applied, 1);
    let (_, event) = world.request(50, &Request::Undo(command(&night))).await;
    assert_eq!(world.send(event).await.applied, 1, "its changes are there again");
}

#[tokio::test]
async fn r_h1_removals_whose_undo_was_undone_count_again_in_the_week() {
    let world = World::new().await;
    let missing = |count: usize| Night { classes: 2, ..Night::of(count..100) };
    world.night(0, &missing(0)).await;
    let (night, _) = world.night(10, &missing(8)).await;
    let (undo, event) = world.request(20, &Request::Undo(command(&night))).await;
    assert_eq!(world.send(event).await.applied, 1);
    let (_, event) = world.request(30, &Request::Undo(command(&undo))).await;
    assert_eq!(world.send(event).await.applied, 1, "the 8 students are archived again");
    let (_, summary) = world.night(40, &missing(16)).await;
    assert_eq!(summary.applied, 1, "16 of 100 students in a week are below the limit");
    let (held, summary) = world.night(50, &missing(24)).await;
    assert_eq!(summary.held, 1, "24 of 100 students in a week are above the limit");
    let holds = world.report(&held).await.holds;
    assert!(holds.iter().any(|hold| hold.guard == Guard::Cumulative), "{holds:?}");
}

#[tokio::test]
async fn r_h2_the_next_night_replaces_a_held_undo() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &Night { classes: 2, ..Night::of(0..60) }).await;
    let (undo, event) = world.request(20, &Request::Undo(command(&night))).await;
    assert_eq!(world.send(event).await.held, 1);
    let (_, summary) = world.night(30, &Night { classes: 2, ..Night::of(0..60) }).await;
    assert_eq!(summary.unchanged, 1);
    assert_eq!(
        (world.state(&undo).await, world.report(&undo).await.state),
        (RunState::Replaced, RunState::Replaced)
    );
    assert_eq!(world.send(world.decide(&undo, "approve").await).await.repeated, 1);
}

/// Sends a request that must be refused. Returns the code and message of the report's only finding.
async fn refused(world: &World, minute: i64, request: Request) -> String {
    let before = world.items();
    let (run, event) = world.request(minute, &request).await;
    assert_eq!(
        world.send(event.clone()).await,
        Summary { refused: 1, ..Summary::default() },
        "{request:?}"
    );
    assert!(world.items() == before);
    assert_eq!(world.state(&run).await, RunState::Refused);
    assert_eq!(world.send(event).await.repeated, 1);
    let report = world.report(&run).await;
    assert_eq!((report.state, report.findings.len()), (RunState::Refused, 1));
    format!("{}: {}", report.findings[0].code, report.findings[0].message)
}

#[tokio::test]
async fn r_h4_an_impossible_undo_or_restore_is_refused_with_the_reason() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (held, _) = world.night(10, &Night { classes: 2, ..Night::of(0..20) }).await;
    let of = world.run_of(0);
    let unknown = RunId::from("01HZ0000000000000000000000");
    let year = 366 * 24 * 60;
    let mut minute = 20;
    for (make, code) in [
        (Request::Undo as fn(RunCommand) -> Request, "undo_not_possible"),
        (Request::Restore as fn(RunCommand) -> Request, "restore_not_possible"),
    ] {
        for (run, why, later) in [
            (&unknown, "there is no such run", 0),
            (&held, "it was not applied", 0),
            (&of, "it is more than 365 days old", year),
        ] {
            minute += 1;
            let finding = refused(&world, minute + later, make(command(run))).await;
            assert!(finding.starts_with(code) && finding.contains(why), "{finding}");
        }
    }
    // The run that waits for a decision still waits, and can be decided (R-H4).
    assert_eq!(world.state(&held).await, RunState::Held);
    assert_eq!(world.report(&held).await.state, RunState::Held);
    // Objects of the snapshot and the plan have been deleted.
    world.internal.remove(&keys::part(
        &world.district,
        &of,
        roster::snapshot::PartName::Records(roster::records::RecordKind::School),
    ));
    assert!(refused(&world, 40, Request::Restore(command(&of))).await.contains("has expired"));
    world.internal.remove(&keys::plan(&world.district, &of));
    assert!(refused(&world, 41, Request::Undo(command(&of))).await.contains("has expired"));
    assert_eq!(world.state(&held).await, RunState::Held, "a refused request changes nothing");
    // While the sync is off, rosters are edited by hand (R-O5).
    use mirror::ports::districts::Changed;
    let off = world
        .table
        .configure(&world.district, &Settings::of_preset("clever"), DistrictStatus::Off)
        .await
        .unwrap();
    assert_eq!(off, Changed::Yes);
    assert!(refused(&world, 42, Request::Undo(command(&of))).await.contains("not synced"));
    assert!(refused(&world, 43, Request::Restore(command(&of))).await.contains("not synced"));
}

#[tokio::test]
async fn r_h4_a_restored_snapshot_is_processed_as_the_latest_snapshot() {
    let world = World::new().await;
    let (of, _) = world.night(0, &first()).await;
    let before = records(&world);
    let (night, _) = world.night(10, &second()).await;
    world.edits("v1").await;
    let today = jiff::civil::date(2026, 9, 3);
    let (run, event) = world
        .request(20, &Request::Restore(RunCommand { today: Some(today), ..command(&of) }))
        .await;
    assert_eq!(world.send(event.clone()).await, Summary { continued: 1, ..Summary::default() });
    assert_eq!(world.state(&run).await, RunState::Staged);
    let manifest = read_manifest(&world.internal, &world.district, &run).await.unwrap().unwrap();
    assert_eq!((manifest.origin.restored_of.as_ref(), manifest.today), (Some(&of), today));
    let old = read_manifest(&world.internal, &world.district, &of).await.unwrap().unwrap();
    assert_eq!((&manifest.parts, manifest.enrollments), (&old.parts, old.enrollments));
    // The next delta is applied to the latest uploads, not to the restored ones.
    let chain = read_chain(&world.internal, &world.district, &run).await.unwrap();
    assert_eq!(chain, read_chain(&world.internal, &world.district, &night).await.unwrap());
    assert_eq!(
        world.table.district(&world.district).await.unwrap().unwrap().latest.unwrap().run,
        run
    );

    assert_eq!(
        world.send(world.staged_event(&run)).await,
        Summary { applied: 1, ..Summary::default() }
    );
    let after = records(&world);
    // Students added by the second run are archived, because a restore is a run and runs delete no
    // records.
    assert!(
        before.iter().all(|(key, body)| after.get(key) == Some(body)),
        "records differ from the snapshot"
    );
    assert_eq!(world.keys_with("archived").len(), after.len() - before.len());
    assert_eq!(world.stored_edits().len(), 1, "a restore erases edits like a night's run");
    let report = world.report(&run).await;
    assert_eq!(
        (&report.cause, report.state),
        (&Cause::Restore(command(&of).for_record()), RunState::Applied)
    );
    // Repeated events start no other run.
    assert_eq!(world.send(event).await.repeated, 1);
    assert_eq!(world.send(world.staged_event(&run)).await.repeated, 1);
    // A snapshot taken before the restore is replaced (R-M6); the next one is applied.
    let (late, summary) = world.night(15, &second()).await;
    assert_eq!((summary.replaced, world.state(&late).await), (1, RunState::Replaced));
    assert_eq!(world.night(30, &second()).await.1.applied, 1);
}

#[tokio::test]
async fn r_m7_a_snapshot_restored_under_ignore_has_no_demographics() {
    let world = World::new().await;
    let (of, _) = world.night(0, &first()).await;
    let mut settings = whole_holds();
    settings.overrides.insert("demographics".into(), json!("ignore"));
    let _ = world.table.configure(&world.district, &settings, DistrictStatus::Live).await.unwrap();
    let part = roster::snapshot::PartName::Records(roster::records::RecordKind::Student);
    let lines = |run: &RunId| {
        let body = world.internal.body(&keys::part(&world.district, run, part)).unwrap();
        let mut lines = mirror::files::spool::Lines::new(&body[..], "read").unwrap();
        let mut all = String::new();
        while let Some(line) = lines.next_line().unwrap() {
            all.push_str(std::str::from_utf8(line).unwrap());
        }
        all
    };
    assert!(lines(&of).contains("\"grades\":[\"05\"]"));
    let (run, event) = world.request(20, &Request::Restore(command(&of))).await;
    assert_eq!(world.send(event).await.continued, 1);
    assert!(!lines(&run).contains("grades") && lines(&run).contains("student 000029"));
    assert_eq!(world.send(world.staged_event(&run)).await.applied, 1);
}

#[tokio::test]
async fn r_m6_a_snapshot_newer_than_the_request_supersedes_a_restore() {
    let world = World::new().await;
    let (of, _) = world.night(0, &first()).await;
    let (run, event) = world.request(5, &Request::Restore(command(&of))).await;
    world.night(10, &second()).await;
    let before = world.items();
    assert_eq!(world.send(event).await, Summary { replaced: 1, ..Summary::default() });
    assert_eq!(world.state(&run).await, RunState::Replaced);
    assert!(world.items() == before);
    assert!(read_manifest(&world.internal, &world.district, &run).await.unwrap().is_none());
}

#[tokio::test]
async fn invalid_requests_are_skipped_and_not_retried() {
    let world = World::new().await;
    let id = keys::ulid(world.now(), 1);
    for body in [
        &b"not JSON"[..],
        b"{}",
        br#"{"erase":{"run":"x"}}"#,
        br#"{"undo":{"run":"x","by":"kim","reason":"y"}}"#,
    ] {
        world.internal.upload(&keys::request(&world.district, &id), body, None);
        assert_eq!(
            world.send(world.request_event(&id)).await,
            Summary { skipped: 1, ..Summary::default() }
        );
    }
    // An id with a future time is invalid: snapshots taken before that time would be superseded.
    let (of, _) = world.night(0, &first()).await;
    let ahead = keys::ulid(world.now() + std::time::Duration::from_secs(3600), 1);
    mirror::ops::requests::put(
        &world.internal,
        &world.district,
        &ahead,
        &Request::Restore(command(&of)),
    )
    .await
    .unwrap();
    assert_eq!(
        world.send(world.request_event(&ahead)).await,
        Summary { skipped: 1, ..Summary::default() }
    );
    // A request for an unknown district is skipped and creates no district.
    let mut unknown = World::new().await;
    unknown.district = "nowhere".into();
    let (run, event) = unknown.request(1, &Request::Undo(command(&id))).await;
    assert_eq!(unknown.send(event).await, Summary { skipped: 1, ..Summary::default() });
    assert!(unknown.table.run(&unknown.district, &run).await.unwrap().is_none());
}

#[tokio::test]
async fn r_h2_a_requested_decision_applies_only_to_the_plan_that_was_reviewed() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    let (held, summary) = world.night(10, &Night::of(0..20)).await;
    assert_eq!(summary.held, 1);
    let decided =
        Decided { decision: Decision::Approve, by: "kim.operator".into(), reason: "Seen.".into() };
    let shown = world.plan_of(&held).await;
    let decide = |plan: &str| {
        let decided = decided.clone();
        Request::Decide(Decide { run: held.clone(), plan: plan.into(), decided })
    };
    let (_, event) = world.request(15, &decide("another")).await;
    assert_eq!(world.send(event).await, Summary { skipped: 1, ..Summary::default() });
    assert_eq!(world.state(&held).await, RunState::Held);
    let (first, event) = world.request(20, &decide(&shown)).await;
    // A student who would be removed is pinned, so the plan is another one. It is held, because the
    // decision was about the old one.
    world.edit(&pin(25)).await;
    assert_eq!(world.send(event.clone()).await.held, 1);
    assert_eq!(world.record(&held).await.decided_in.as_ref(), Some(&first));
    // The event of the old decision is delivered again.
    assert_eq!(world.send(event).await, Summary { repeated: 1, ..Summary::default() });
    assert_eq!(world.state(&held).await, RunState::Held);
    assert_ne!(world.plan_of(&held).await, shown);
    let (_, event) = world.request(30, &decide(&shown)).await;
    assert_eq!(world.send(event).await.skipped, 1, "the plan was shown before the pin");
    let (_, event) = world.request(40, &decide(&world.plan_of(&held).await)).await;
    assert_eq!(world.send(event).await.applied, 1);
    assert_eq!(world.record(&held).await.decided.unwrap().by, "kim.operator");
}

#[tokio::test]
async fn r_h4_an_edit_of_a_student_added_by_the_run_refuses_its_undo() {
    let world = World::new().await;
    world.night(0, &Night::of(2..30)).await;
    let (night, summary) = world.night(10, &Night::of(0..30)).await;
    assert_eq!(summary.applied, 1);
    let account = sample_edits("v1").remove(2);
    world.edit(&LocalEdit { key: "student 000001".into(), ..account }).await;
    let (run, event) = world.request(20, &Request::Undo(command(&night))).await;
    assert_eq!(world.send(event).await.refused, 1);
    let report = world.report(&run).await;
    let named: Vec<_> = report
        .findings
        .iter()
        .filter_map(|finding| finding.entity.as_ref())
        .map(|entity| entity.id.as_str())
        .collect();
    assert_eq!(named, ["student 000001"]);
}
