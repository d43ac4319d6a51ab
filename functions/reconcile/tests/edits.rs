//! Invariant 12: an edit made at any moment of a run is not lost, and unedited records are changed
//! as planned.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use mirror::keys;
use mirror::ops::edits::{Edits, Ending};
use mirror::ports::districts::Changed;
use mirror::testing::Configure as _;
use mirror::testing::failing::Cue;
use roster::change::Change;
use roster::edit::{EditVersion, LocalEdit};
use roster::id::RunId;
use roster::records::{AnyMirrored, Origin, RecordKind};
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use world::{Night, World, by_hand, made};

fn slots(edits: &[LocalEdit]) -> Vec<(String, String)> {
    let mut slots: Vec<_> =
        edits.iter().map(|edit| (edit.edit.slot(), edit.version.as_str().to_owned())).collect();
    slots.sort();
    slots
}

/// The edits that a run's plan erases, as it saw them.
fn planned(world: &World, run: &RunId) -> Vec<LocalEdit> {
    let Some(body) = world.internal.body(&keys::plan(&world.district, run)) else {
        return Vec::new();
    };
    let plan = zstd_lines(&body);
    let edits =
        plan.iter().filter_map(|line| match serde_json::from_str::<Change>(line).unwrap().before {
            Some(AnyMirrored::Edit(edit)) => Some(edit),
            _ => None,
        });
    edits.collect()
}

fn zstd_lines(body: &[u8]) -> Vec<String> {
    let mut lines = mirror::files::spool::Lines::new(body, "read a plan").unwrap();
    let mut all = Vec::new();
    while let Some(line) = lines.next_line().unwrap() {
        all.push(String::from_utf8(line.to_vec()).unwrap());
    }
    all
}

/// A world in which one night was applied and people did something, with the next night staged.
async fn prepared() -> (World, RunId) {
    let world = World::new().await;
    world.night(0, &Night { classes: 2, ..Night::of(0..24) }).await;
    world.edits("v1").await;
    let run = world.stage(10, &Night { renamed: 5..7, classes: 2, ..Night::of(0..25) }).await;
    (world, run)
}

#[tokio::test]
async fn r_m2_a_night_erases_what_no_rule_lets_live_with_its_twin_and_the_report_says_so() {
    let (world, run) = prepared().await;
    assert_eq!(world.edits_there().len(), 3);
    let summary = world.send(world.staged_event(&run)).await;
    assert_eq!(summary.applied, 1);
    assert_eq!(slots(&world.edits_there()), [("ACCOUNT".into(), "v1".into())]);
    assert_eq!(planned(&world, &run).len(), 2);
    let report = world.report(&run).await;
    assert_eq!(report.edits_kept, 0);
    let erased = report.findings.iter().filter(|finding| finding.code == "edit_erased").count();
    assert_eq!(erased, 2, "{:?}", report.finding_totals);
    // The same night again finds nothing to do.
    let (_, summary) =
        world.night(20, &Night { renamed: 5..7, classes: 2, ..Night::of(0..25) }).await;
    assert_eq!(summary.unchanged, 1);
}

/// What somebody does in the middle of a run.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Changes the edits that there are; makes again what is erased already.
    Change,
    /// Takes one away.
    TakeAway,
    /// Makes one where none was.
    Make,
}

async fn meanwhile(deed: Deed) {
    let mut most_kept = 0;
    for n in 0.. {
        let (world, run) = prepared().await;
        let (table, district) = (world.table.clone(), world.district.clone());
        let cue = Cue::before(n, async move {
            for (index, edit) in made("v2").into_iter().enumerate() {
                match deed {
                    Deed::Change => by_hand(&table, &district, &edit).await,
                    Deed::TakeAway if index == 0 => {
                        let seen = LocalEdit { version: EditVersion::new("v1"), ..edit };
                        let _ = table.take_edit(&district, &seen).await.unwrap();
                    }
                    Deed::Make if index < 2 => {
                        by_hand(&table, &district, &LocalEdit { key: of_another(&edit), ..edit })
                            .await;
                    }
                    Deed::TakeAway | Deed::Make => {}
                }
            }
        });
        let summary = world.send_under(world.staged_event(&run), &cue, "request").await.unwrap();
        if cue.calls() <= n {
            assert!(n > 20, "a run makes too few calls for a test");
            // At some moment both had been planned to go, and neither had gone.
            assert_eq!(most_kept, if matches!(deed, Deed::Change) { 2 } else { 0 });
            return;
        }
        assert_eq!(summary.applied, 1, "{deed:?}, call {n}");
        // What the plan saw is gone, unless somebody has changed it since; all else is there.
        let seen = planned(&world, &run);
        let there = world.edits_there();
        let mut expected: Vec<LocalEdit> = match deed {
            Deed::Change => made("v2"),
            Deed::TakeAway => made("v1").into_iter().skip(2).collect(),
            Deed::Make => {
                let others = made("v2")
                    .into_iter()
                    .take(2)
                    .map(|edit| LocalEdit { key: of_another(&edit), ..edit });
                made("v1").into_iter().skip(2).chain(others).collect()
            }
        };
        expected.retain(|edit| !seen.contains(edit));
        expected.sort_by_key(|edit| (edit.kind, edit.edit.slot()));
        let mut found = there;
        found.sort_by_key(|edit| (edit.kind, edit.edit.slot()));
        assert!(
            found == expected,
            "{deed:?}, call {n}: {:?} and not {:?}",
            slots(&found),
            slots(&expected)
        );
        let changed = seen.iter().filter(|edit| edit.version.as_str() == "v1").count() as u64;
        let kept = world.report(&run).await.edits_kept;
        match deed {
            // Those that were changed before the run came to them.
            Deed::Change => assert!(kept <= changed, "call {n}: {kept} of {changed}"),
            Deed::TakeAway | Deed::Make => assert_eq!(kept, 0, "{deed:?}, call {n}"),
        }
        assert_eq!(world.record(&run).await.edits_kept, kept);
        most_kept = most_kept.max(kept);
    }
}

/// Another record of the same kind.
fn of_another(edit: &LocalEdit) -> roster::id::SourceId {
    if edit.kind == RecordKind::Class { "class 1".into() } else { "student 000009".into() }
}

#[tokio::test]
async fn an_edit_changed_at_any_moment_of_a_run_is_not_lost() {
    meanwhile(Deed::Change).await;
}

#[tokio::test]
async fn an_edit_taken_away_at_any_moment_of_a_run_stays_away() {
    meanwhile(Deed::TakeAway).await;
}

#[tokio::test]
async fn an_edit_made_at_any_moment_of_a_run_is_not_lost() {
    meanwhile(Deed::Make).await;
}

#[tokio::test]
async fn an_edit_changed_between_planning_and_writing_is_kept_and_counted() {
    let (world, _) = prepared().await;
    // Held: a person takes their time to approve, and others go on working meanwhile.
    let (run, summary) = world.night(20, &Night { classes: 2, ..Night::of(0..12) }).await;
    assert_eq!(summary.held, 1);
    world.edit(&made("v2")[0]).await;
    assert_eq!(world.send(world.decide(&run, "approve").await).await.applied, 1);
    assert_eq!(
        slots(&world.edits_there()),
        [("ACCOUNT".into(), "v1".into()), ("NAME".into(), "v2".into())]
    );
    assert_eq!(world.report(&run).await.edits_kept, 1);
    let page = world.internal.body(&keys::report_page(&world.district, &run)).unwrap();
    assert!(String::from_utf8(page).unwrap().contains("1 changes were skipped"));
}

#[tokio::test]
async fn an_edit_changed_after_a_crash_is_not_lost_and_the_others_are_erased() {
    for done_all_the_same in [false, true] {
        for n in 0.. {
            let (world, run) = prepared().await;
            let cue = Cue::at(n, done_all_the_same);
            let _ = world.send_under(world.staged_event(&run), &cue, "request").await;
            if cue.calls() <= n {
                break;
            }
            let changed = made("v2").remove(1);
            world.edit(&changed).await;
            world.send_under(world.staged_event(&run), &Cue::never(), "request").await.unwrap();
            let at = format!("call {n}, done all the same: {done_all_the_same}");
            assert_eq!(world.state(&run).await, RunState::Applied, "{at}");
            let seen = planned(&world, &run);
            let there = slots(&world.edits_there());
            assert_eq!(
                there.iter().any(|(_, version)| version == "v2"),
                !seen.contains(&changed),
                "{at}: {there:?}"
            );
            assert!(!there.iter().any(|(slot, _)| slot == "NAME"), "{at}: {there:?}");
            // However often a batch is written again, what was kept is counted once.
            assert!(world.report(&run).await.edits_kept <= 1, "{at}");
        }
    }
}

#[tokio::test]
async fn a_throttled_table_is_given_time_for_edits_too() {
    let (world, run) = prepared().await;
    world.table.leave_every(3);
    assert_eq!(world.send(world.staged_event(&run)).await.applied, 1);
    assert_eq!(slots(&world.edits_there()), [("ACCOUNT".into(), "v1".into())]);
    assert_eq!(world.report(&run).await.edits_kept, 0);
}

/// A class that the second night disconnects (R-A5), as the table has it.
async fn disconnected(
    world: &World,
) -> Option<(String, roster::records::Mirrored<roster::records::kinds::Classes>)> {
    let body = mirror::files::copy::read_record(
        &world.table,
        &world.district,
        RecordKind::Class,
        &"class 1".into(),
    )
    .await
    .unwrap()
    .unwrap();
    let record: roster::records::Mirrored<roster::records::kinds::Classes> =
        serde_json::from_str(&body).unwrap();
    (record.origin == Origin::Manual).then(|| (mirror::item::body_hash(&body), record))
}

#[tokio::test]
async fn r_a5_a_class_that_is_changed_by_hand_once_it_is_disconnected_is_not_written_over_by_a_retry()
 {
    let mut changed = 0;
    for done_all_the_same in [false, true] {
        for n in 0.. {
            let world = World::new().await;
            let mut settings = Settings::of_preset("clever");
            settings.overrides.insert("abandoned_classes".into(), "disconnect".into());
            settings.overrides.insert("hold_if_removed_percent".into(), 100.into());
            let configured = world
                .table
                .configure(&world.district, &settings, DistrictStatus::Live)
                .await
                .unwrap();
            assert_eq!(configured, Changed::Yes);
            world.night(0, &Night { classes: 2, ..Night::of(0..24) }).await;
            let run = world.stage(10, &Night::of(0..25)).await;
            let cue = Cue::at(n, done_all_the_same);
            let _ = world.send_under(world.staged_event(&run), &cue, "request").await;
            if cue.calls() <= n {
                break;
            }
            // A leader gives the class another title as soon as it is theirs.
            let mine = disconnected(&world).await;
            if let Some((seen, mut record)) = mine.clone() {
                record.state.details.title = "Practice".into();
                let put = world
                    .table
                    .put_manual(&world.district, &AnyMirrored::Class(record), Some(&seen))
                    .await
                    .unwrap();
                assert_eq!(put.ending, Ending::Done);
                changed += 1;
            }
            world.send_under(world.staged_event(&run), &Cue::never(), "request").await.unwrap();
            let at = format!("call {n}, done all the same: {done_all_the_same}");
            assert_eq!(world.state(&run).await, RunState::Applied, "{at}");
            let (_, record) =
                disconnected(&world).await.unwrap_or_else(|| panic!("{at}: not disconnected"));
            assert_eq!(record.state.details.title == "Practice", mine.is_some(), "{at}");
            assert_eq!(record.state.students.len(), 24, "{at}");
        }
    }
    assert!(changed > 0, "no crash came after the class was disconnected");
}
