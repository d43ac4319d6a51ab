//! Invariant 11: a crash at any call to storage, followed by the same event, has the same result
//! as a run without a crash. Each test crashes at every call in one scene.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use mirror::keys;
use mirror::ops::requests::Request;
use mirror::testing::Configure as _;
use mirror::testing::failing::Cue;
use reconcile::ReconcileFailure;
use roster::id::RunId;
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use serde_json::Value;
use world::{Night, World, command};

/// A world with one applied run, the run of the scene, and the event that starts it.
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
        Scene::Narrow => {
            let settings = Settings::of_preset("clever");
            let live = DistrictStatus::Live;
            let _ = world.table.configure(&world.district, &settings, live).await.unwrap();
            let run = world.stage(10, &Night { classes: 2, ..Night::of(12..32) }).await;
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
                Scene::Undo => Request::Undo(command(&night)),
                _ => Request::Restore(command(&world.run_of(0))),
            };
            let (run, event) = world.request(20, &request).await;
            (world, run, event)
        }
        Scene::AfterHalfWritten => unreachable!("prepared by half_written"),
    }
}

/// A world with a run that was killed while writing, and with a newer staged snapshot.
async fn half_written() -> (World, RunId, Value) {
    // The call to fail at is found once, by trying each.
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
    Narrow,
    Hold,
    Approve,
    ApproveAdditions,
    Reject,
    ReplaceHeld,
    AfterHalfWritten,
    Undo,
    Restore,
}

/// Sends the event and, if a restore has stored a manifest, the manifest's event.
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
    let expected: BTreeSet<String> =
        calm.bus.take_all().into_iter().map(|event| event.detail.id).collect();

    for fails_after_the_call in [false, true] {
        for n in 0.. {
            let (world, run, event) = prepared(scene).await;
            let cue = Cue::at(n, fails_after_the_call);
            let _ = deliver(&world, scene, &run, &event, &cue, "request").await;
            if cue.calls() <= n {
                assert!(n > 3, "{scene:?} makes too few calls for a test");
                break;
            }
            // A retry by Lambda has the same request id. A second delivery has another one; it is
            // sent after the lease has expired.
            let same_request = n % 2 == 0;
            if !same_request {
                world.pass(2000);
            }
            let owner = if same_request { "request" } else { "another request" };
            let at = format!("{scene:?}, call {n}, fails after the call: {fails_after_the_call}");
            deliver(&world, scene, &run, &event, &Cue::never(), owner)
                .await
                .unwrap_or_else(|e| panic!("{at}: {e:?}"));
            for (_, _, payload) in world.schedules.take_all() {
                world.pass(2000);
                world.send(serde_json::from_str(&payload).unwrap()).await;
            }
            assert_eq!(world.state(&run).await, end, "{at}");
            let notified: BTreeSet<String> =
                world.bus.take_all().into_iter().map(|event| event.detail.id).collect();
            assert_eq!(notified, expected, "{at}: repeated notifications must have the same id");
            assert_eq!(world.report(&run).await.state, end, "{at}");
            assert_eq!(world.applied().await, applied, "{at}");
            if matches!(scene, Scene::AfterHalfWritten) {
                assert_eq!(world.state(&world.run_of(10)).await, RunState::Applied, "{at}");
                assert_eq!(world.report(&world.run_of(10)).await.state, RunState::Applied, "{at}");
            }
            if matches!(scene, Scene::Narrow) {
                let waits = world.record(&run).await.remainder.unwrap();
                assert_eq!(world.state(&waits).await, RunState::Held, "{at}");
                assert_eq!(world.report(&waits).await.state, RunState::Held, "{at}");
            }
            assert!(world.items() == items, "{at}: another mirror");
            // A lease that was not released expires, and the next night's run is processed.
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
async fn a_crash_while_a_run_is_planned_and_written_changes_no_result() {
    crash_anywhere(Scene::Churn, RunState::Applied).await;
}

#[tokio::test]
async fn a_crash_during_an_undo_changes_no_result() {
    crash_anywhere(Scene::Undo, RunState::Applied).await;
}

#[tokio::test]
async fn a_crash_during_a_restore_changes_no_result() {
    crash_anywhere(Scene::Restore, RunState::Applied).await;
}

#[tokio::test]
async fn a_crash_in_a_run_without_changes_changes_no_result() {
    crash_anywhere(Scene::Unchanged, RunState::Unchanged).await;
}

#[tokio::test]
async fn a_crash_while_a_run_is_held_changes_no_result() {
    crash_anywhere(Scene::Hold, RunState::Held).await;
}

#[tokio::test]
async fn a_crash_while_a_part_is_applied_and_a_part_held_changes_no_result() {
    crash_anywhere(Scene::Narrow, RunState::Applied).await;
}

#[tokio::test]
async fn a_crash_during_an_approval_changes_no_result() {
    crash_anywhere(Scene::Approve, RunState::Applied).await;
}

#[tokio::test]
async fn a_crash_during_an_approval_of_additions_changes_no_result() {
    crash_anywhere(Scene::ApproveAdditions, RunState::Applied).await;
}

#[tokio::test]
async fn a_crash_during_a_rejection_changes_no_result() {
    crash_anywhere(Scene::Reject, RunState::Rejected).await;
}

#[tokio::test]
async fn a_crash_while_a_held_run_is_replaced_changes_no_result() {
    crash_anywhere(Scene::ReplaceHeld, RunState::Applied).await;
}

#[tokio::test]
async fn a_crash_while_a_half_written_run_is_finished_changes_no_result() {
    crash_anywhere(Scene::AfterHalfWritten, RunState::Applied).await;
}
