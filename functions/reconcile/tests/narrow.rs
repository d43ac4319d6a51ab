//! R-H5: what is safe is applied, and the rest waits as a run of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod world;

use mirror::ops::requests::Request;
use mirror::testing::Configure as _;
use reconcile::Summary;
use roster::id::RunId;
use roster::outcome::Guard;
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use roster::verdict::{Verdict, VerdictKind};
use world::{Night, World, command, pin};

async fn narrow() -> World {
    let world = World::new().await;
    let settings = Settings::of_preset("clever");
    let live = DistrictStatus::Live;
    let _ = world.table.configure(&world.district, &settings, live).await.unwrap();
    world
}

/// A district of 30 students, and a night that adds two and lacks twelve: the run of what was
/// applied, and the run of what waits.
async fn twelve_missing() -> (World, RunId, RunId) {
    let world = narrow().await;
    world.night(0, &Night::of(0..30)).await;
    let (run, summary) = world.night(10, &Night::of(12..32)).await;
    assert_eq!(summary, Summary { applied: 1, held: 1, ..Summary::default() });
    let waits = world.record(&run).await.remainder.unwrap();
    (world, run, waits)
}

fn active_students(world: &World) -> usize {
    let items = world.items();
    let is_active = |body: &str| !body.contains("\"status\":\"archived\"");
    items
        .iter()
        .filter(|((_, key), _)| key.starts_with("student#") && !key.contains("#EDIT"))
        .filter(|(_, item)| is_active(&item.body))
        .count()
}

#[tokio::test]
async fn r_h5_additions_are_applied_and_removals_wait_for_a_decision() {
    let (world, run, waits) = twelve_missing().await;
    assert_eq!(active_students(&world), 32);
    assert_eq!(world.state(&run).await, RunState::Applied);
    assert_eq!(world.state(&waits).await, RunState::Held);
    let report = world.report(&run).await;
    assert_eq!(Verdict::of(&report).kind, VerdictKind::AppliedWithHolds);
    assert_eq!(report.remainder.as_ref(), Some(&waits));
    let held = world.report(&waits).await;
    assert!(held.holds.iter().any(|hold| hold.guard == Guard::Removed), "{:?}", held.holds);
    assert_eq!(held.holds, report.waits);
    assert_eq!(world.record(&waits).await.plan.unwrap().changes, 13, "12 students and a class");

    assert_eq!(world.send(world.decide(&waits, "approve").await).await.applied, 1);
    assert_eq!(active_students(&world), 20);
    assert_eq!(Verdict::of(&world.report(&waits).await).kind, VerdictKind::Applied);
    let (_, summary) = world.night(20, &Night::of(12..32)).await;
    assert_eq!(summary, Summary { unchanged: 1, ..Summary::default() }, "nothing is left");
}

#[tokio::test]
async fn r_h5_a_rejected_part_stays_and_the_next_night_replaces_an_undecided_one() {
    let (world, _, waits) = twelve_missing().await;
    assert_eq!(world.send(world.decide(&waits, "reject").await).await.rejected, 1);
    assert_eq!(active_students(&world), 32);

    let (world, _, waits) = twelve_missing().await;
    let (_, summary) = world.night(20, &Night::of(0..32)).await;
    assert_eq!(summary, Summary { unchanged: 1, ..Summary::default() });
    assert_eq!(world.state(&waits).await, RunState::Replaced);
    assert_eq!(active_students(&world), 32);
}

#[tokio::test]
async fn r_h5_without_anything_that_is_safe_the_run_itself_is_held() {
    let world = narrow().await;
    world.night(0, &Night::of(0..30)).await;
    let (run, summary) = world.night(10, &Night::of(12..30)).await;
    assert_eq!(summary, Summary { held: 1, ..Summary::default() });
    assert_eq!(world.record(&run).await.remainder, None);
    assert_eq!(active_students(&world), 30);
}

#[tokio::test]
async fn r_h4_an_undo_of_the_applied_part_replaces_the_part_that_waits() {
    let (world, run, waits) = twelve_missing().await;
    let (_, event) = world.request(20, &Request::Undo(command(&run))).await;
    assert_eq!(world.send(event).await.applied, 1);
    assert_eq!(world.state(&waits).await, RunState::Replaced);
    assert_eq!(active_students(&world), 30);
}

#[tokio::test]
async fn r_h2_a_pin_after_the_plan_was_shown_holds_the_part_anew() {
    let (world, _, waits) = twelve_missing().await;
    let approve = world.decide(&waits, "approve").await;
    world.edit(&pin(3)).await;
    assert_eq!(world.send(approve).await.held, 1);
    assert_eq!(active_students(&world), 32);
    assert_eq!(world.send(world.decide(&waits, "approve").await).await.applied, 1);
    assert_eq!(active_students(&world), 21, "the pinned student stays");
}

#[tokio::test]
async fn r_h2_a_decision_while_the_district_is_paused_leaves_the_part_held() {
    let (world, _, waits) = twelve_missing().await;
    let settings = Settings::of_preset("clever");
    let paused = DistrictStatus::Paused;
    let _ = world.table.configure(&world.district, &settings, paused).await.unwrap();
    let approve = world.decide(&waits, "approve").await;
    assert_eq!(world.send(approve).await, Summary { skipped: 1, ..Summary::default() });
    assert_eq!(world.state(&waits).await, RunState::Held);
    let reject = world.decide(&waits, "reject").await;
    assert_eq!(world.send(reject).await.rejected, 1);
}
