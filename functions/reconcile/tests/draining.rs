//! Whatever ends the writing of a plan, nothing of it is written after the lease was released.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::time::Duration;

use mirror::testing::failing::Cue;
use roster::run::RunState;
use world::{Night, World};

/// How long a batch takes that is on its way while another call fails.
const SLOW: Duration = Duration::from_millis(200);

async fn first_night() -> World {
    let mut world = World::new().await;
    world.config.pace.checkpoint = 1;
    world.night(0, &Night::of(0..120)).await;
    world
}

#[tokio::test]
async fn no_batch_is_written_after_a_failed_call_gave_the_lease_back() {
    let renamed = Night { renamed: 0..80, ..Night::of(0..120) };
    let mut released = 0;
    for n in 0.. {
        let world = first_night().await;
        let run = world.stage(10, &renamed).await;
        let cue = Cue::once(n);
        // The first batch is done, and its cursor is saved, while the others are on their way.
        world.table.slow_after(1, SLOW);
        let failed = world.send_under(world.staged_event(&run), &cue, "request").await.is_err();
        if cue.calls() <= n {
            assert!(n > 20, "{n} calls are too few for a test");
            break;
        }
        world.table.slow_after(0, Duration::ZERO);
        if !failed || world.state(&run).await != RunState::Applying {
            continue;
        }
        released += 1;
        // Another invocation takes the lease at once if it is free, finishes the run and applies a
        // newer one. A batch of the first that came now would bring back old names.
        let next = world.stage(20, &Night::of(0..120)).await;
        world
            .send_under(world.staged_event(&next), &Cue::never(), "another request")
            .await
            .unwrap();
        tokio::time::sleep(SLOW).await;
        if !world.state(&next).await.is_final() {
            // The lease could not be released either: the rest follows when it is over.
            world.pass(2000);
            world.send(world.staged_event(&next)).await;
        }
        let old = world.items().values().filter(|item| item.body.contains("Robin")).count();
        assert_eq!(old, 0, "call {n} failed: old records were written late");
    }
    assert!(released > 2, "no call failed while batches were on their way");
}
