//! The first load of the largest district: several Lambda invocations write into a table that is
//! not warmed up, is throttled, and are killed at random moments.
//!
//! Every size is a hundredth of the real one, and so is the table's capacity: durations are the
//! same. A seed decides which writes are throttled, when an invocation is killed and how its event
//! is repeated. A failure prints the seed: `FIRST_LOAD_SEED=7 cargo test -p reconcile --test
//! first_load`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastrand::Rng;
use mirror::ops::apply::Pace;
use mirror::ports::items::PutItem;
use mirror::testing::failing::Cue;
use roster::change::Counts;
use roster::id::RunId;
use roster::run::RunState;
use serde_json::Value;
use world::{Night, World};

/// How much smaller than there.
const SCALE: u64 = 100;

/// There: 1.4 million records, which are as many students here, for they are small.
const RECORDS: usize = 1_400_000 / SCALE as usize;

/// What a write costs on the clock, in microseconds: a new person is three units, its own and one
/// in each index, and a new on-demand table takes 4,000 in a second. (Each index takes as many
/// beside it; here all share.)
const WRITE: i64 = 3 * 1_000_000 / 4_000 * SCALE as i64;

/// Of all writes, as many are throttled.
const THROTTLED: f64 = 0.3;

/// A Lambda lives no longer, in milliseconds.
const LIFE: i64 = 900_000;

/// How much more than needed may be written.
const MOST_WRITES: f64 = 1.05;

/// One event on its way to the function.
struct Delivery {
    at: i64,
    payload: Value,
    request: String,
    /// How often it has come before.
    again: u32,
}

/// What a first load left behind.
#[derive(PartialEq)]
struct End {
    items: BTreeMap<(String, String), PutItem>,
    /// The plan, its findings and groups, by key: not the report, which tells how long it took.
    objects: BTreeMap<String, Vec<u8>>,
    state: RunState,
    counts: BTreeMap<String, Counts>,
    applied: Option<RunId>,
}

/// When an invocation dies, if not at the end of its life.
enum Death {
    /// At a call of storage, the first being 0.
    AtCall(u64),
    /// So many milliseconds after it began.
    After(i64),
    Not,
}

/// How it came to that.
#[derive(Debug, Default)]
struct Way {
    writes: u64,
    invocations: u32,
    killed: u32,
}

/// A district that shares its data for the first time, on a table that takes 4,000 write units a
/// second, a hundredth of them here.
async fn cold_world() -> (World, RunId) {
    let mut world = World::new().await;
    let real = Pace::default();
    let small = |batches: f64| (batches / SCALE as f64).ceil();
    world.config.pace = Pace {
        first: small(real.first),
        most: small(real.most),
        wait: Duration::ZERO,
        longest_wait: Duration::ZERO,
        checkpoint: real.checkpoint / SCALE,
        checkpoint_after: real.checkpoint_after,
    };
    let run = world.stage(0, &Night::of(0..RECORDS)).await;
    (world, run)
}

/// Every write takes time, also one that is throttled, and of those as many are as `throttled`
/// says.
fn cool(world: &World, throttled: f64, seed: u64) {
    let (now, mut rng, mut owed) = (world.now.clone(), Rng::with_seed(seed), 0);
    world.table.take_if(move |_| {
        owed += WRITE;
        now.fetch_add(owed / 1000, Ordering::SeqCst);
        owed %= 1000;
        rng.f64() >= throttled
    });
}

/// Delivers the event of the snapshot, and whatever comes of it, until nothing is left.
async fn load(
    world: &World,
    run: &RunId,
    rng: &mut Rng,
    mut dies: impl FnMut(&mut Rng) -> Death,
) -> (End, Way) {
    let mut way = Way::default();
    let now = || world.now.load(Ordering::SeqCst);
    let mut waiting = vec![Delivery {
        at: now(),
        payload: world.staged_event(run),
        request: "staged".into(),
        again: 0,
    }];
    while let Some(next) =
        waiting.iter().enumerate().min_by_key(|(_, delivery)| delivery.at).map(|(index, _)| index)
    {
        let mut delivery = waiting.swap_remove(next);
        world.now.fetch_max(delivery.at, Ordering::SeqCst);
        let (call, life) = match dies(rng) {
            Death::AtCall(call) => (call, LIFE),
            Death::After(life) => (u64::MAX, life),
            Death::Not => (u64::MAX, LIFE),
        };
        let (clock, end) = (world.now.clone(), now() + life);
        // The call in which it dies may have its effect all the same.
        let cue = Cue::when(
            move |number| number == call || clock.load(Ordering::SeqCst) >= end,
            rng.bool(),
        );
        let ended = world.send_under(delivery.payload.clone(), &cue, &delivery.request).await;
        way.invocations += 1;
        assert!(way.invocations < 200, "it goes round in a circle");
        if cue.was_given() {
            way.killed += 1;
            delivery.again += 1;
            if delivery.again > 2 {
                // Lambda gives up. An operator gives the event back from the failure queue, and
                // that is another request.
                (delivery.again, delivery.request) =
                    (0, format!("{} given back", delivery.request));
                delivery.at = now() + 3_600_000;
            } else {
                delivery.at = now() + i64::from(delivery.again) * 60_000;
            }
            waiting.push(delivery);
        } else {
            ended.unwrap();
        }
        for (name, at, payload) in world.schedules.take_all() {
            let payload = serde_json::from_str(&payload).unwrap();
            // Events come once at least.
            let at = at.as_millisecond();
            for copy in 0..=i64::from(rng.u8(..8) == 0) {
                let request = format!("{name}, copy {copy}");
                waiting.push(Delivery {
                    at: at + copy * 1000,
                    payload: Value::clone(&payload),
                    request,
                    again: 0,
                });
            }
        }
    }
    way.writes = world.table.items_written();
    let is_kept = |key: &String| !key.ends_with("/report.json");
    let objects = world.internal.keys().into_iter().filter(is_kept);
    let end = End {
        items: world.items(),
        objects: objects.map(|key| (key.clone(), world.internal.body(&key).unwrap())).collect(),
        state: world.report(run).await.state,
        counts: world.report(run).await.counts,
        applied: world.applied().await,
    };
    assert_eq!(world.state(run).await, end.state);
    (end, way)
}

#[tokio::test]
async fn a_first_load_that_is_too_long_for_a_lambda_goes_on_and_ends_the_same_however_it_is_disturbed()
 {
    let (calm, run) = cold_world().await;
    let (expected, calm) = load(&calm, &run, &mut Rng::with_seed(0), |_| Death::Not).await;
    assert_eq!(
        (expected.state, calm.invocations, calm.killed),
        (RunState::Applied, 1, 0),
        "without a clock that moves it is one invocation"
    );
    assert!(calm.writes as usize > RECORDS && expected.items.len() > RECORDS);

    let seeds = match std::env::var("FIRST_LOAD_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..5).collect::<Vec<u64>>(),
    };
    for seed in seeds {
        let mut rng = Rng::with_seed(seed);
        let (world, run) = cold_world().await;
        // The first seed is the normal case: the table throttles no writer that keeps to its pace,
        // and no invocation is killed.
        let is_calm = seed == 0;
        cool(&world, if is_calm { 0.0 } else { THROTTLED }, rng.u64(..));
        let dies = |rng: &mut Rng| match rng.u8(..8) {
            _ if is_calm => Death::Not,
            0..2 => Death::Not,
            // While it plans, which takes no time on this clock, or begins to write.
            2..4 => Death::AtCall(rng.u64(..100)),
            _ => Death::After(rng.i64(1..LIFE)),
        };
        let (end, way) = load(&world, &run, &mut rng, dies).await;
        println!(
            "seed {seed}: {way:?}, {:.4} of what is needed",
            way.writes as f64 / calm.writes as f64
        );
        assert!(end == expected, "seed {seed}: another end, after {way:?}");
        assert!(
            way.invocations >= 2 && (is_calm || way.killed > 0),
            "seed {seed}: nothing disturbed it: {way:?}"
        );
        let most = calm.writes as f64 * MOST_WRITES;
        assert!(
            way.writes as f64 <= most,
            "seed {seed}: {} writes where {} are needed, after {way:?}",
            way.writes,
            calm.writes
        );
        if is_calm {
            assert_eq!(
                (way.invocations, way.killed, way.writes),
                (2, 0, calm.writes),
                "nothing is repeated where nobody is killed"
            );
        }
    }
}

#[tokio::test]
async fn on_a_table_that_takes_little_a_run_saves_its_place_by_the_clock() {
    let mut world = World::new().await;
    let every_two_seconds =
        Pace { checkpoint: u64::MAX, checkpoint_after: Duration::from_secs(2), ..Pace::default() };
    world.config.pace = Pace { first: 1.0, most: 1.0, ..every_two_seconds };
    let run = world.stage(0, &Night::of(0..200)).await;
    // A write a second: a batch of 25 is longer than the time between two places.
    let now = world.now.clone();
    world.table.take_if(move |_| {
        now.fetch_add(1000, Ordering::SeqCst);
        true
    });
    let (clock, end) = (world.now.clone(), world.now.load(Ordering::SeqCst) + 100_000);
    let cue = Cue::when(move |_| clock.load(Ordering::SeqCst) >= end, false);
    assert!(world.send_under(world.staged_event(&run), &cue, "killed").await.is_err());
    let written = world.table.items_written();
    let record = world.record(&run).await;
    assert_eq!(
        (record.state, record.cursor),
        (RunState::Applying, written - 25),
        "all but the last batch"
    );

    world.send_under(world.staged_event(&run), &Cue::never(), "killed").await.unwrap();
    assert_eq!(world.state(&run).await, RunState::Applied);
    assert_eq!(world.table.items_written(), 202 + 25, "the last batch is written once more");
}
