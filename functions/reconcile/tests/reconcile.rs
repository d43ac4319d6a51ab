//! Runs from a staged snapshot to the mirror, on storage in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

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
async fn r_a1_who_is_gone_is_archived_and_nothing_is_ever_deleted() {
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
    let told = world.bus.take_all();
    let detail = &told[0].detail;
    assert_eq!((told.len(), told[0].kind, detail.run.as_ref()), (1, Kind::RunHeld, Some(&run)));
    assert!(
        detail.guards.iter().any(|guard| guard.kind == "student" && guard.count == 10),
        "{detail:?}"
    );
    assert_eq!(
        (&detail.counts["student"], &detail.rules[..]),
        (&report.counts["student"], &[Rule::H1][..])
    );
    // No event that comes late starts it.
    assert_eq!(world.send(world.staged_event(&run)).await.repeated, 1);
    assert_eq!(world.items(), before);
    assert_eq!(world.bus.take_all(), []);
}

#[tokio::test]
async fn r_h2_an_approved_run_is_applied_as_it_was_planned() {
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
    // The same decision again, and another one too late.
    let items = world.items();
    assert_eq!(world.send(world.decide(&run, "approve").await).await.repeated, 1);
    assert_eq!(world.send(world.decide(&run, "reject").await).await.repeated, 1);
    assert_eq!(world.items(), items);
    assert_eq!(world.state(&run).await, RunState::Applied);
}

#[tokio::test]
async fn r_h2_additions_and_changes_only_removes_nobody() {
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
    // The next night goes its way.
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
async fn r_m6_an_older_snapshot_never_follows_a_newer_one() {
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
async fn two_uploads_in_a_minute_end_as_the_newer_one_whichever_event_comes_first() {
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
async fn a_run_waits_for_the_lease_of_another_and_goes_on_by_its_schedule() {
    let world = World::new().await;
    let run = world.stage(0, &Night::of(0..30)).await;
    let until = world.now() + std::time::Duration::from_secs(300);
    let taken =
        world.table.take(&world.district, "somebody else", world.now(), until).await.unwrap();
    assert!(matches!(taken, TakeLease::Taken(_)));
    for _ in 0..2 {
        assert_eq!(
            world.send(world.staged_event(&run)).await,
            Summary { waiting: 1, ..Summary::default() }
        );
    }
    assert!(world.items().is_empty());
    let schedules = world.schedules.take_all();
    assert_eq!(schedules.len(), 1, "asked for twice, made once");
    let (_, at, payload) = &schedules[0];
    assert!(*at > until);
    world.pass(302);
    assert_eq!(world.send(serde_json::from_str(payload).unwrap()).await, applied());
}

#[tokio::test]
async fn a_snapshot_that_comes_while_another_is_written_follows_at_once() {
    let world = World::new().await;
    let first = world.stage(0, &Night::of(0..30)).await;
    let second = world.stage_parts(1, &Night::of(0..31)).await;
    let (table, internal, manifest) = (world.table.clone(), world.internal.clone(), second.clone());
    // The second look at the clock is made under the lease.
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
async fn near_its_deadline_a_run_goes_on_in_a_new_invocation() {
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
async fn a_throttled_table_gets_everything_in_the_end() {
    let world = World::new().await;
    world.table.leave_every(3);
    let (run, summary) = world.night(0, &Night::of(0..200)).await;
    assert_eq!(summary, applied());
    assert_eq!(world.keys_with("active").len(), 202);
    assert_eq!(world.report(&run).await.item_writes, 202);
}

#[tokio::test]
async fn a_class_with_30_000_students_is_written_read_and_shrinks_again() {
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
async fn events_of_other_sorts_and_of_unknown_runs_are_skipped() {
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
