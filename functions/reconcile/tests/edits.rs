//! Invariant 12: an edit made at any time during a run is not lost, and unedited records are
//! changed according to the plan.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

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
use world::{Night, World, put_edit, sample_edits};

fn slots(edits: &[LocalEdit]) -> Vec<(String, String)> {
    let mut slots: Vec<_> =
        edits.iter().map(|edit| (edit.edit.slot(), edit.version.as_str().to_owned())).collect();
    slots.sort();
    slots
}

/// The edits that a run's plan erases, in the versions that were read for the plan.
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

/// A world with one applied run, local edits, and the next night's staged snapshot.
async fn prepared() -> (World, RunId) {
    let world = World::new().await;
    world.night(0, &Night { classes: 2, ..Night::of(0..24) }).await;
    world.edits("v1").await;
    let run = world.stage(10, &Night { renamed: 5..7, classes: 2, ..Night::of(0..25) }).await;
    (world, run)
}

#[tokio::test]
async fn r_m2_a_run_erases_edits_without_a_rule_to_keep_them_and_reports_it() {
    let (world, run) = prepared().await;
    assert_eq!(world.stored_edits().len(), 3);
    let summary = world.send(world.staged_event(&run)).await;
    assert_eq!(summary.applied, 1);
    assert_eq!(slots(&world.stored_edits()), [("ACCOUNT".into(), "v1".into())]);
    assert_eq!(planned(&world, &run).len(), 2);
    let report = world.report(&run).await;
    assert_eq!(report.edits_kept, 0);
    let erased = report.findings.iter().filter(|finding| finding.code == "edit_erased").count();
    assert_eq!(erased, 2, "{:?}", report.finding_totals);
    // The same data again changes nothing.
    let (_, summary) =
        world.night(20, &Night { renamed: 5..7, classes: 2, ..Night::of(0..25) }).await;
    assert_eq!(summary.unchanged, 1);
}

/// What a person does during a run.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// Changes every edit, and makes the already erased ones again.
    Change,
    /// Takes back an edit.
    TakeBack,
    /// Makes edits of records without edits.
    Make,
}

/// Performs the action before each call to storage, in one run per call.
async fn act_anywhere(action: Action) {
    let mut most_kept = 0;
    for n in 0.. {
        let (world, run) = prepared().await;
        let (table, district) = (world.table.clone(), world.district.clone());
        let cue = Cue::before(n, async move {
            for (index, edit) in sample_edits("v2").into_iter().enumerate() {
                match action {
                    Action::Change => put_edit(&table, &district, &edit).await,
                    Action::TakeBack if index == 0 => {
                        let seen = LocalEdit { version: EditVersion::new("v1"), ..edit };
                        let _ = table.take_edit(&district, &seen).await.unwrap();
                    }
                    Action::Make if index < 2 => {
                        put_edit(&table, &district, &LocalEdit { key: other_key(&edit), ..edit })
                            .await;
                    }
                    Action::TakeBack | Action::Make => {}
                }
            }
        });
        let summary = world.send_under(world.staged_event(&run), &cue, "request").await.unwrap();
        if cue.calls() <= n {
            assert!(n > 20, "a run makes too few calls for a test");
            // At one of the calls both edits were in the plan and neither was erased yet.
            assert_eq!(most_kept, if matches!(action, Action::Change) { 2 } else { 0 });
            return;
        }
        assert_eq!(summary.applied, 1, "{action:?}, call {n}");
        // The edits in the plan are erased unless they were changed later; all others are kept.
        let seen = planned(&world, &run);
        let mut expected: Vec<LocalEdit> = match action {
            Action::Change => sample_edits("v2"),
            Action::TakeBack => sample_edits("v1").into_iter().skip(2).collect(),
            Action::Make => {
                let others = sample_edits("v2")
                    .into_iter()
                    .take(2)
                    .map(|edit| LocalEdit { key: other_key(&edit), ..edit });
                sample_edits("v1").into_iter().skip(2).chain(others).collect()
            }
        };
        expected.retain(|edit| !seen.contains(edit));
        expected.sort_by_key(|edit| (edit.kind, edit.edit.slot()));
        let mut found = world.stored_edits();
        found.sort_by_key(|edit| (edit.kind, edit.edit.slot()));
        assert!(
            found == expected,
            "{action:?}, call {n}: {:?} instead of {:?}",
            slots(&found),
            slots(&expected)
        );
        let changed = seen.iter().filter(|edit| edit.version.as_str() == "v1").count() as u64;
        let kept = world.report(&run).await.edits_kept;
        match action {
            // Edits that were changed after planning and before the run reached them.
            Action::Change => assert!(kept <= changed, "call {n}: {kept} of {changed}"),
            Action::TakeBack | Action::Make => assert_eq!(kept, 0, "{action:?}, call {n}"),
        }
        assert_eq!(world.record(&run).await.edits_kept, kept);
        most_kept = most_kept.max(kept);
    }
}

/// The key of another record of the same kind.
fn other_key(edit: &LocalEdit) -> roster::id::SourceId {
    if edit.kind == RecordKind::Class { "class 1".into() } else { "student 000009".into() }
}

#[tokio::test]
async fn an_edit_changed_at_any_time_during_a_run_is_not_lost() {
    act_anywhere(Action::Change).await;
}

#[tokio::test]
async fn an_edit_taken_back_at_any_time_during_a_run_is_not_stored_again() {
    act_anywhere(Action::TakeBack).await;
}

#[tokio::test]
async fn an_edit_made_at_any_time_during_a_run_is_not_lost() {
    act_anywhere(Action::Make).await;
}

#[tokio::test]
async fn an_edit_changed_between_planning_and_writing_is_kept_and_counted() {
    let (mut held_anew, mut kept) = (0, 0);
    for n in 0.. {
        let (world, _) = prepared().await;
        let (run, summary) = world.night(20, &Night { classes: 2, ..Night::of(0..12) }).await;
        assert_eq!(summary.held, 1);
        let approve = world.decide(&run, "approve").await;
        let (table, district) = (world.table.clone(), world.district.clone());
        let edit = sample_edits("v2").remove(0);
        let cue = Cue::before(n, async move { put_edit(&table, &district, &edit).await });
        let summary = world.send_under(approve, &cue, "request").await.unwrap();
        if cue.calls() <= n {
            break;
        }
        if summary.held == 1 {
            // Before the approved run is planned again: the plan is not the one that was shown.
            held_anew += 1;
        } else if world.report(&run).await.edits_kept == 1 {
            kept += 1;
            assert_eq!(
                slots(&world.stored_edits()),
                [("ACCOUNT".into(), "v1".into()), ("NAME".into(), "v2".into())]
            );
            let page = world.internal.body(&keys::report_page(&world.district, &run)).unwrap();
            assert!(String::from_utf8(page).unwrap().contains("1 changes were skipped"));
        }
    }
    assert!(held_anew > 0 && kept > 0, "held anew: {held_anew}, kept: {kept}");
}

#[tokio::test]
async fn an_edit_changed_after_a_crash_is_not_lost_and_the_others_are_erased() {
    for fails_after_the_call in [false, true] {
        for n in 0.. {
            let (world, run) = prepared().await;
            let cue = Cue::at(n, fails_after_the_call);
            let _ = world.send_under(world.staged_event(&run), &cue, "request").await;
            if cue.calls() <= n {
                break;
            }
            let changed = sample_edits("v2").remove(1);
            world.edit(&changed).await;
            world.send_under(world.staged_event(&run), &Cue::never(), "request").await.unwrap();
            let at = format!("call {n}, fails after the call: {fails_after_the_call}");
            assert_eq!(world.state(&run).await, RunState::Applied, "{at}");
            let seen = planned(&world, &run);
            let stored = slots(&world.stored_edits());
            assert_eq!(
                stored.iter().any(|(_, version)| version == "v2"),
                !seen.contains(&changed),
                "{at}: {stored:?}"
            );
            assert!(!stored.iter().any(|(slot, _)| slot == "NAME"), "{at}: {stored:?}");
            // A kept edit is counted once even if its batch is written again.
            assert!(world.report(&run).await.edits_kept <= 1, "{at}");
        }
    }
}

#[tokio::test]
async fn erasing_edits_is_retried_on_a_throttled_table() {
    let (world, run) = prepared().await;
    world.table.leave_every(3);
    assert_eq!(world.send(world.staged_event(&run)).await.applied, 1);
    assert_eq!(slots(&world.stored_edits()), [("ACCOUNT".into(), "v1".into())]);
    assert_eq!(world.report(&run).await.edits_kept, 0);
}

/// The class that the second run disconnects (R-A5), with its hash. Returns `None` if it is not
/// disconnected yet.
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
async fn r_a5_a_retry_does_not_overwrite_a_manual_change_of_a_disconnected_class() {
    let mut changed = 0;
    for fails_after_the_call in [false, true] {
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
            let cue = Cue::at(n, fails_after_the_call);
            let _ = world.send_under(world.staged_event(&run), &cue, "request").await;
            if cue.calls() <= n {
                break;
            }
            // A leader changes the title of the class as soon as it is a manual class.
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
            let at = format!("call {n}, fails after the call: {fails_after_the_call}");
            assert_eq!(world.state(&run).await, RunState::Applied, "{at}");
            let (_, record) =
                disconnected(&world).await.unwrap_or_else(|| panic!("{at}: not disconnected"));
            assert_eq!(record.state.details.title == "Practice", mine.is_some(), "{at}");
            assert_eq!(record.state.students.len(), 24, "{at}");
        }
    }
    assert!(changed > 0, "no crash happened after the class was disconnected");
}
