//! Invariant 11: a crash at any call of storage, then the event again, ends as if nothing had
//! happened.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use mirror::keys;
use mirror::ops::requests::Request;
use mirror::testing::failing::Cue;
use reconcile::ReconcileFailure;
use roster::id::RunId;
use roster::run::RunState;
use serde_json::Value;
use world::{Night, World, order};

/// A world in which one night was applied and something is to be done next, and what that is.
async fn prepared(scene: Scene) -> (World, RunId, Value) {
    if matches!(scene, Scene::AfterHalfWritten) {
        return half_written().await;
    }
    let world = World::new().await;
    world.night(0, &Night { classes: 2, ..Night::of(0..30) }).await;
    match scene {
        Scene::Churn => {
            world.edits("v1").await;
            let run =
                world.stage(10, &Night { renamed: 5..8, classes: 3, ..Night::of(2..33) }).await;
            let event = world.staged_event(&run);
            (world, run, event)
        }
        Scene::Unchanged => {
            let run = world.stage(10, &Night { classes: 2, ..Night::of(0..30) }).await;
            let event = world.staged_event(&run);
            (world, run, event)
        }
        Scene::Hold => {
            let run = world.stage(10, &Night { classes: 2, ..Night::of(0..20) }).await;
            let event = world.staged_event(&run);
            (world, run, event)
        }
        Scene::Approve | Scene::ApproveAdditions | Scene::Reject => {
            let (run, summary) = world.night(10, &Night { classes: 2, ..Night::of(12..32) }).await;
            assert_eq!(summary.held, 1);
            let decision = match scene {
                Scene::Approve => "approve",
                Scene::ApproveAdditions => "approve_additions",
                _ => "reject",
            };
            let event = world.decide(&run, decision).await;
            (world, run, event)
        }
        Scene::ReplaceHeld => {
            world.night(10, &Night { classes: 2, ..Night::of(0..20) }).await;
            let run = world.stage(20, &Night { classes: 2, ..Night::of(1..31) }).await;
            let event = world.staged_event(&run);
            (world, run, event)
        }
        Scene::Undo | Scene::Restore => {
            world.edits("v1").await;
            let (night, summary) =
                world.night(10, &Night { renamed: 5..8, classes: 2, ..Night::of(2..33) }).await;
            assert_eq!(summary.applied, 1);
            let request = match scene {
                Scene::Undo => Request::Undo(order(&night)),
                _ => Request::Restore(order(&world.run_of(0))),
            };
            let (run, event) = world.ask(20, &request).await;
            (world, run, event)
        }
        Scene::AfterHalfWritten => unreachable!("made elsewhere"),
    }
}

/// A world in which a run died in the middle of writing, and a newer snapshot is there.
async fn half_written() -> (World, RunId, Value) {
    // Which call to die at is found once, by trying.
    static CALL: AtomicU64 = AtomicU64::new(0);
    for n in CALL.load(Ordering::SeqCst).. {
        let world = World::new().await;
        world.night(0, &Night { classes: 2, ..Night::of(0..30) }).await;
        let half = world.stage(10, &Night { renamed: 0..20, classes: 2, ..Night::of(0..40) }).await;
        let _ = world
            .send_under(world.staged_event(&half), &Cue::at(n, false), "a request that died")
            .await;
        let record = world.record(&half).await;
        assert!(!record.state.is_final(), "never half written");
        if record.state == RunState::Applying && record.cursor > 0 {
            CALL.store(n, Ordering::SeqCst);
            world.pass(1000);
            let run = world.stage(20, &Night { classes: 2, ..Night::of(1..41) }).await;
            let event = world.staged_event(&run);
            return (world, run, event);
        }
    }
    unreachable!("every call was tried");
}

#[derive(Clone, Copy, Debug)]
enum Scene {
    Churn,
    Unchanged,
    Hold,
    Approve,
    ApproveAdditions,
    Reject,
    ReplaceHeld,
    AfterHalfWritten,
    Undo,
    Restore,
}

/// Sends the event, and what comes of it: a manifest that is there has an event of its own.
async fn deliver(
    world: &World,
    scene: Scene,
    run: &RunId,
    event: &Value,
    cue: &Cue,
    owner: &str,
) -> Result<(), ReconcileFailure> {
    world.send_under(event.clone(), cue, owner).await?;
    if matches!(scene, Scene::Restore)
        && world.internal.body(&keys::manifest(&world.district, run)).is_some()
    {
        world.send_under(world.staged_event(run), cue, owner).await?;
    }
    Ok(())
}

async fn crash_anywhere(scene: Scene, end: RunState) {
    let (calm, run, event) = prepared(scene).await;
    deliver(&calm, scene, &run, &event, &Cue::never(), "request").await.unwrap();
    assert_eq!(calm.state(&run).await, end);
    let (items, applied) = (calm.items(), calm.applied().await);
    let right: BTreeSet<String> =
        calm.bus.take_all().into_iter().map(|event| event.detail.id).collect();

    for done_all_the_same in [false, true] {
        for n in 0.. {
            let (world, run, event) = prepared(scene).await;
            let cue = Cue::at(n, done_all_the_same);
            let _ = deliver(&world, scene, &run, &event, &cue, "request").await;
            if cue.calls() <= n {
                assert!(n > 3, "{scene:?} makes too few calls for a test");
                break;
            }
            // The retry is the same invocation; a second delivery is another one, after the lease
            // is over.
            let same_invocation = n % 2 == 0;
            if !same_invocation {
                world.pass(2000);
            }
            let owner = if same_invocation { "request" } else { "another request" };
            let at = format!("{scene:?}, call {n}, done all the same: {done_all_the_same}");
            deliver(&world, scene, &run, &event, &Cue::never(), owner)
                .await
                .unwrap_or_else(|e| panic!("{at}: {e:?}"));
            for (_, _, payload) in world.schedules.take_all() {
                world.pass(2000);
                world.send(serde_json::from_str(&payload).unwrap()).await;
            }
            assert_eq!(world.state(&run).await, end, "{at}");
            let told: BTreeSet<String> =
                world.bus.take_all().into_iter().map(|event| event.detail.id).collect();
            assert_eq!(told, right, "{at}: repeated notifications must have the same id");
            assert_eq!(world.report(&run).await.state, end, "{at}");
            assert_eq!(world.applied().await, applied, "{at}");
            if matches!(scene, Scene::AfterHalfWritten) {
                assert_eq!(world.state(&world.run_of(10)).await, RunState::Applied, "{at}");
                assert_eq!(world.report(&world.run_of(10)).await.state, RunState::Applied, "{at}");
            }
            assert!(world.items() == items, "{at}: another mirror");
            // A lease that nobody gave back ends by itself, and the next night goes its way.
            world.pass(2000);
            let (next, _) = world.night(60, &Night { classes: 2, ..Night::of(0..30) }).await;
            assert!(
                matches!(
                    world.state(&next).await,
                    RunState::Applied | RunState::Unchanged | RunState::Held
                ),
                "{at}"
            );
        }
    }
}

#[tokio::test]
async fn while_a_night_is_planned_and_written() {
    crash_anywhere(Scene::Churn, RunState::Applied).await;
}

#[tokio::test]
async fn while_a_run_is_undone() {
    crash_anywhere(Scene::Undo, RunState::Applied).await;
}

#[tokio::test]
async fn while_a_snapshot_is_restored() {
    crash_anywhere(Scene::Restore, RunState::Applied).await;
}

#[tokio::test]
async fn while_nothing_is_found_to_do() {
    crash_anywhere(Scene::Unchanged, RunState::Unchanged).await;
}

#[tokio::test]
async fn while_a_run_is_held() {
    crash_anywhere(Scene::Hold, RunState::Held).await;
}

#[tokio::test]
async fn while_a_run_is_approved() {
    crash_anywhere(Scene::Approve, RunState::Applied).await;
}

#[tokio::test]
async fn while_additions_are_approved() {
    crash_anywhere(Scene::ApproveAdditions, RunState::Applied).await;
}

#[tokio::test]
async fn while_a_run_is_rejected() {
    crash_anywhere(Scene::Reject, RunState::Rejected).await;
}

#[tokio::test]
async fn while_a_held_run_is_replaced() {
    crash_anywhere(Scene::ReplaceHeld, RunState::Applied).await;
}

#[tokio::test]
async fn while_a_half_written_run_is_finished_before_the_next() {
    crash_anywhere(Scene::AfterHalfWritten, RunState::Applied).await;
}
