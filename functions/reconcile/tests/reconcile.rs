//! Runs of staged snapshots, with storage in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod world;

use std::sync::atomic::Ordering;

use mirror::eventbridge::event::Kind;
use mirror::ports::districts::{Leases, TakeLease};
use reconcile::Summary;
use roster::rule::Rule;
use roster::run::{Decision, RunState};
use world::{Night, World, sample};

fn applied() -> Summary {
    Summary { applied: 1, ..Summary::default() }
}

#[tokio::test]
async fn r_m1_a_snapshot_becomes_the_mirror_and_the_same_one_again_writes_nothing() {
    let world = World::new().await;
    let (run, summary) = world.night(0, &Night::of(0..30)).await;
    assert_eq!(summary, applied());
    assert_eq!(world.keys_with("active").len(), 32);
    let report = world.report(&run).await;
    assert_eq!(
        (report.state, report.counts["student"].added, report.item_writes),
        (RunState::Applied, 30, 32)
    );
    assert_eq!(world.applied().await, Some(run.clone()));

    // Invariant 10: the same event again.
    let written = world.table.items_written();
    assert_eq!(
        world.send(world.staged_event(&run)).await,
        Summary { repeated: 1, ..Summary::default() }
    );
    // Invariant 1: the same data again.
    let (second, summary) = world.night(10, &Night::of(0..30)).await;
    assert_eq!(summary, Summary { unchanged: 1, ..Summary::default() });
    assert_eq!(world.state(&second).await, RunState::Unchanged);
    assert_eq!(world.report(&second).await.item_writes, 0);
    assert_eq!(world.table.items_written(), written);
    assert_eq!(world.applied().await, Some(second));
}

#[tokio::test]
async fn r_a1_records_missing_from_the_source_are_archived_and_not_deleted() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    let (_, summary) = world.night(10, &Night::of(2..31)).await;
    assert_eq!(summary, applied());
    assert_eq!(
        world.keys_with("archived"),
        ["student#student%20000000", "student#student%20000001"].map(String::from)
    );
    assert_eq!(world.items().len(), 33);
}

#[tokio::test]
async fn r_h1_a_dangerous_run_is_held_and_writes_nothing() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    let before = world.items();
    let (run, summary) = world.night(10, &Night::of(0..20)).await;
    assert_eq!(summary, Summary { held: 1, ..Summary::default() });
    assert_eq!(world.items(), before);
    let report = world.report(&run).await;
    assert_eq!((report.state, report.item_writes), (RunState::Held, 0));
    assert!(!report.holds.is_empty());
    assert_eq!(report.counts["student"].removed, 10);
    let sent = world.bus.take_all();
    let detail = &sent[0].detail;
    assert_eq!((sent.len(), sent[0].kind, detail.run.as_ref()), (1, Kind::RunHeld, Some(&run)));
    assert!(
        detail.guards.iter().any(|guard| guard.kind == "student" && guard.count == 10),
        "{detail:?}"
    );
    assert_eq!(
        (&detail.counts["student"], &detail.rules[..]),
        (&report.counts["student"], &[Rule::H1][..])
    );
    // A late event does not start the held run.
    assert_eq!(world.send(world.staged_event(&run)).await.repeated, 1);
    assert_eq!(world.items(), before);
    assert_eq!(world.bus.take_all(), []);
}

#[tokio::test]
async fn r_h2_an_approved_run_applies_its_plan_unchanged() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    let (run, _) = world.night(10, &Night::of(0..20)).await;
    let plan = world.internal.body(&mirror::keys::plan(&world.district, &run)).unwrap();
    assert_eq!(world.send(world.decide(&run, "approve").await).await, applied());
    assert_eq!(world.internal.body(&mirror::keys::plan(&world.district, &run)).unwrap(), plan);
    assert_eq!(world.keys_with("archived").len(), 10);
    let report = world.report(&run).await;
    let decided = report.decided.unwrap();
    assert_eq!(
        (report.state, decided.decision, decided.by.as_str()),
        (RunState::Applied, Decision::Approve, "kim.operator")
    );
    // A repeated decision and a late different decision have no effect.
    let items = world.items();
    assert_eq!(world.send(world.decide(&run, "approve").await).await.repeated, 1);
    assert_eq!(world.send(world.decide(&run, "reject").await).await.repeated, 1);
    assert_eq!(world.items(), items);
    assert_eq!(world.state(&run).await, RunState::Applied);
}

#[tokio::test]
async fn r_h2_approving_only_additions_and_changes_removes_no_record() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    let (run, summary) = world.night(10, &Night { renamed: 20..22, ..Night::of(12..32) }).await;
    assert_eq!(summary.held, 1);
    assert_eq!(world.send(world.decide(&run, "approve_additions").await).await, applied());
    assert_eq!(world.keys_with("archived"), Vec::<String>::new());
    assert_eq!(world.items().len(), 34);
    assert_eq!(world.report(&run).await.counts["student"].removed, 0);
}

#[tokio::test]
async fn r_h2_a_rejected_run_wrote_nothing_and_stays_rejected() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    let before = world.items();
    let (run, _) = world.night(10, &Night::of(0..20)).await;
    assert_eq!(
        world.send(world.decide(&run, "reject").await).await,
        Summary { rejected: 1, ..Summary::default() }
    );
    assert_eq!(world.report(&run).await.state, RunState::Rejected);
    assert_eq!(world.send(world.decide(&run, "approve").await).await.repeated, 1);
    assert_eq!(world.send(world.staged_event(&run)).await.repeated, 1);
    assert_eq!(world.items(), before);
    // The next night's run is processed.
    assert_eq!(world.night(20, &Night::of(0..30)).await.1.unchanged, 1);
}

#[tokio::test]
async fn r_h2_the_next_snapshot_replaces_a_run_still_held() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    let (held, _) = world.night(10, &Night::of(0..20)).await;
    assert_eq!(world.night(20, &Night::of(0..31)).await.1, applied());
    assert_eq!(world.state(&held).await, RunState::Replaced);
    assert_eq!(world.report(&held).await.state, RunState::Replaced);
    assert_eq!(world.send(world.decide(&held, "approve").await).await.repeated, 1);
    assert_eq!(world.keys_with("active").len(), 33);
}

#[tokio::test]
async fn r_m6_an_older_snapshot_is_not_applied_after_a_newer_one() {
    let world = World::new().await;
    let (newer, _) = world.night(10, &Night::of(0..30)).await;
    let before = world.items();
    let (older, summary) = world.night(5, &Night::of(0..29)).await;
    assert_eq!(summary, Summary { replaced: 1, ..Summary::default() });
    assert_eq!(
        (world.state(&older).await, world.report(&older).await.state),
        (RunState::Replaced, RunState::Replaced)
    );
    assert_eq!(world.items(), before);
    assert_eq!(world.applied().await, Some(newer));
}

#[tokio::test]
async fn the_newer_of_two_uploads_wins_in_either_order_of_events() {
    for newer_first in [false, true] {
        let world = World::new().await;
        let first = world.stage(0, &Night::of(0..30)).await;
        let second = world.stage(1, &Night::of(0..31)).await;
        for run in if newer_first { [&second, &first] } else { [&first, &second] } {
            world.send(world.staged_event(run)).await;
        }
        assert_eq!(
            (world.state(&first).await, world.state(&second).await),
            (RunState::Replaced, RunState::Applied)
        );
        assert_eq!(world.keys_with("active").len(), 33);
    }
}

#[tokio::test]
async fn a_run_waits_for_the_lease_of_another_and_is_continued_by_a_schedule() {
    let world = World::new().await;
    let run = world.stage(0, &Night::of(0..30)).await;
    let until = world.now() + std::time::Duration::from_secs(300);
    let taken =
        world.table.take(&world.district, "another owner", world.now(), until).await.unwrap();
    assert!(matches!(taken, TakeLease::Taken(_)));
    for _ in 0..2 {
        assert_eq!(
            world.send(world.staged_event(&run)).await,
            Summary { waiting: 1, ..Summary::default() }
        );
    }
    assert!(world.items().is_empty());
    let schedules = world.schedules.take_all();
    assert_eq!(schedules.len(), 1, "two requests create one schedule");
    let (_, at, payload) = &schedules[0];
    assert!(*at > until);
    world.pass(302);
    assert_eq!(world.send(serde_json::from_str(payload).unwrap()).await, applied());
}

#[tokio::test]
async fn a_snapshot_accepted_while_another_is_written_is_applied_right_after_it() {
    let world = World::new().await;
    let first = world.stage(0, &Night::of(0..30)).await;
    let second = world.stage_parts(1, &Night::of(0..31)).await;
    let (table, internal, manifest) = (world.table.clone(), world.internal.clone(), second.clone());
    // The second read of the clock happens while the lease is held.
    world.meanwhile(2, async move { world::accept(&table, &internal, &manifest).await });
    let summary = world.send(world.staged_event(&first)).await;
    assert_eq!(summary, Summary { applied: 2, ..Summary::default() });
    assert_eq!(
        (world.state(&first).await, world.state(&second.run).await),
        (RunState::Applied, RunState::Applied)
    );
    assert_eq!(world.keys_with("active").len(), 33);
    assert_eq!(world.send(world.staged_event(&second.run)).await.repeated, 1);
}

#[tokio::test]
async fn a_run_near_its_deadline_continues_in_a_new_invocation() {
    let world = World::new().await;
    world.tick.store(60_000, Ordering::SeqCst);
    let run = world.stage(0, &Night::of(0..1000)).await;
    let mut summary = world.send(world.staged_event(&run)).await;
    let mut invocations = 1;
    while summary.applied == 0 {
        assert_eq!(summary, Summary { continued: 1, ..Summary::default() });
        let schedules = world.schedules.take_all();
        assert_eq!(schedules.len(), 1);
        summary = world.send(serde_json::from_str(&schedules[0].2).unwrap()).await;
        invocations += 1;
    }
    assert!((3..60).contains(&invocations), "{invocations}");
    assert_eq!(world.keys_with("active").len(), 1002);
    let report = world.report(&run).await;
    assert_eq!((report.state, report.item_writes), (RunState::Applied, 1002));
    assert!(world.schedules.take_all().is_empty());
}

#[tokio::test]
async fn throttled_writes_are_retried_until_all_are_done() {
    let world = World::new().await;
    world.table.leave_every(3);
    let (run, summary) = world.night(0, &Night::of(0..200)).await;
    assert_eq!(summary, applied());
    assert_eq!(world.keys_with("active").len(), 202);
    assert_eq!(world.report(&run).await.item_writes, 202);
}

#[tokio::test]
async fn a_class_with_30_000_students_is_stored_in_pieces_until_it_shrinks() {
    let world = World::new().await;
    let (_, summary) = world.night(0, &Night::of(0..30_000)).await;
    assert_eq!(summary, applied());
    let pieces =
        |world: &World| world.items().keys().filter(|(_, sk)| sk.contains("#MORE#")).count();
    assert!(pieces(&world) >= 1);
    assert_eq!(world.night(10, &Night::of(0..30_000)).await.1.unchanged, 1);
    let (run, summary) = world.night(20, &Night::of(0..100)).await;
    assert_eq!(summary.held, 1);
    assert_eq!(world.send(world.decide(&run, "approve").await).await, applied());
    assert_eq!(pieces(&world), 0);
    assert_eq!(world.night(30, &Night::of(0..100)).await.1.unchanged, 1);
}

#[tokio::test]
async fn other_events_and_events_of_unknown_runs_are_skipped() {
    let world = World::new().await;
    for name in [
        "s3-test-event.json",
        "s3-put-snapshot-manifest.json",
        "s3-put-request.json",
        "resume.json",
        "s3-put-zip.json",
    ] {
        assert_eq!(
            world.send(sample(name)).await,
            Summary { skipped: 1, ..Summary::default() },
            "{name}"
        );
    }
    assert!(world.internal.keys().is_empty());
}
