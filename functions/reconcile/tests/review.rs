//! Districts in review: the first run, and the first run after the sync was switched on again, is
//! held until a decision, whatever it would change (R-O5).

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod world;

use mirror::eventbridge::event::Kind;
use mirror::files::plan::read_plan;
use mirror::keys;
use mirror::ports::districts::Districts;
use mirror::testing::Configure as _;
use mirror::testing::failing::Cue;
use reconcile::Summary;
use roster::records::RecordKind;
use roster::review::Field;
use roster::run::RunState;
use roster::settings::DistrictStatus;
use world::{Night, World, whole_holds};

async fn set_status(world: &World, status: DistrictStatus) {
    let _ = world.table.configure(&world.district, &whole_holds(), status).await.unwrap();
}

async fn status(world: &World) -> DistrictStatus {
    world.table.district(&world.district).await.unwrap().unwrap().status
}

fn held() -> Summary {
    Summary { held: 1, ..Summary::default() }
}

#[tokio::test]
async fn r_o5_while_the_sync_is_off_nothing_is_planned() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    set_status(&world, DistrictStatus::Off).await;
    let before = world.items();
    let (run, summary) = world.night(10, &Night::of(0..31)).await;
    assert_eq!((summary.waiting, world.state(&run).await), (1, RunState::Staged));
    assert_eq!(world.items(), before);
}

#[tokio::test]
async fn r_o5_the_first_run_after_switching_on_is_held_and_its_approval_makes_the_district_live() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    set_status(&world, DistrictStatus::InReview).await;
    let before = world.items();
    // One more student: without a review the run would not be held.
    let (run, summary) = world.night(10, &Night::of(0..31)).await;
    assert_eq!(summary, held());
    assert_eq!(world.items(), before);
    let holds = world.report(&run).await.holds;
    assert!(holds.iter().any(|hold| hold.what.contains("switched on")), "{holds:?}");
    let notified: Vec<_> =
        world.bus.take_all().into_iter().map(|event| (event.kind, event.detail.run)).collect();
    assert_eq!(notified, [(Kind::ReviewWaits, Some(run.clone()))]);

    assert_eq!(world.send(world.decide(&run, "approve").await).await.applied, 1);
    assert_eq!(status(&world).await, DistrictStatus::Live);
    assert_eq!(
        world.night(20, &Night::of(0..32)).await.1.applied,
        1,
        "later runs need no approval"
    );
}

#[tokio::test]
async fn r_o2_a_held_plan_stores_the_data_of_the_review_without_personal_data() {
    let world = World::new().await;
    set_status(&world, DistrictStatus::InReview).await;
    let (run, summary) = world.night(0, &Night::of(0..30)).await;
    assert_eq!(summary, held());
    let plan = read_plan(&world.internal, &world.district, &run).await.unwrap().unwrap();
    let review = plan.outcome.review;
    let emails = review
        .fields
        .iter()
        .find(|share| (share.kind, share.field) == (RecordKind::Student, Field::Email))
        .unwrap();
    assert_eq!((emails.has, emails.of, emails.required), (30, 30, true));
    let students: u64 = review
        .schools
        .iter()
        .filter_map(|school| school.counts.get("student"))
        .map(|counts| counts.added)
        .sum();
    assert_eq!(students, 30);
    let stored =
        String::from_utf8(world.internal.body(&keys::outcome(&world.district, &run)).unwrap())
            .unwrap();
    assert!(!stored.contains('@'), "e-mail addresses must only be in the snapshot");
}

#[tokio::test]
async fn r_o5_the_next_run_after_a_rejected_review_is_reviewed_too() {
    let world = World::new().await;
    set_status(&world, DistrictStatus::InReview).await;
    let (run, _) = world.night(0, &Night::of(0..30)).await;
    assert_eq!(world.send(world.decide(&run, "reject").await).await.rejected, 1);
    assert_eq!(status(&world).await, DistrictStatus::InReview);
    assert_eq!(world.night(10, &Night::of(0..30)).await.1, held());
}

#[tokio::test]
async fn r_o5_a_review_with_nothing_to_change_is_held_too() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    set_status(&world, DistrictStatus::InReview).await;
    let (run, summary) = world.night(10, &Night::of(0..30)).await;
    assert_eq!(summary, held());
    assert_eq!(world.send(world.decide(&run, "approve").await).await.unchanged, 1);
    assert_eq!(status(&world).await, DistrictStatus::Live);
}

#[tokio::test]
async fn r_o5_after_a_crash_anywhere_an_approval_is_applied_and_the_district_is_live() {
    for at in 0..200 {
        let world = World::new().await;
        set_status(&world, DistrictStatus::InReview).await;
        let (run, _) = world.night(0, &Night::of(0..5)).await;
        let cue = Cue::at(at, at % 2 == 0);
        let died =
            world.send_under(world.decide(&run, "approve").await, &cue, "first").await.is_err();
        // Lambda sends the event again after the lease of the killed invocation has expired.
        world.pass(2000);
        let _ = world.send(world.decide(&run, "approve").await).await;
        let _ = world.send(world.staged_event(&run)).await;
        assert_eq!(
            (status(&world).await, world.state(&run).await),
            (DistrictStatus::Live, RunState::Applied),
            "crash at call {at}"
        );
        if !died {
            assert!(at > 5);
            return;
        }
    }
    panic!("more than 200 calls");
}
