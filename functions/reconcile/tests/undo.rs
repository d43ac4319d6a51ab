//! R-H4: runs that are taken back, snapshots that are gone back to, and what people ask for in
//! general.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::collections::BTreeMap;

use mirror::files::snapshot::{read_chain, read_manifest};
use mirror::keys;
use mirror::ops::requests::{Decide, Request, RunCommand};
use mirror::ports::districts::Districts;
use mirror::ports::runs::Runs;
use mirror::testing::Configure as _;
use reconcile::Summary;
use roster::edit::LocalEdit;
use roster::id::RunId;
use roster::run::{Cause, Decided, Decision, RunState};
use roster::settings::{DistrictStatus, Settings};
use serde_json::{Value, json};
use world::{Night, World, made, order};

fn first() -> Night {
    Night { classes: 2, ..Night::of(0..30) }
}

fn second() -> Night {
    Night { renamed: 5..8, classes: 2, ..Night::of(2..33) }
}

/// What the mirror says of everybody, whichever run said so.
fn said(world: &World) -> BTreeMap<(String, String), Value> {
    let items = world.items().into_iter().filter(|(_, item)| item.hash.is_some());
    let said = items.map(|(place, item)| {
        let mut body: Value = serde_json::from_str(&item.body).unwrap();
        for of_a_run in ["changed_by", "first_seen", "archived_on"] {
            body.as_object_mut().unwrap().remove(of_a_run);
        }
        (place, body)
    });
    said.collect()
}

async fn version(world: &World) -> (u64, jiff::Timestamp) {
    let applied = world.table.district(&world.district).await.unwrap().unwrap().applied.unwrap();
    (applied.version, applied.taken_at)
}

#[tokio::test]
async fn r_h4_an_undone_night_leaves_the_table_as_it_was_before_it_to_the_byte() {
    let world = World::new().await;
    world.night(0, &first()).await;
    world.edits("v1").await;
    let before = world.items();
    let (night, summary) = world.night(10, &second()).await;
    assert_eq!(summary.applied, 1);
    assert_eq!(world.edits_there().len(), 1);
    let (of_night, taken_at) = version(&world).await;

    let (run, event) = world.ask(20, &Request::Undo(order(&night))).await;
    assert_eq!(world.send(event.clone()).await, Summary { applied: 1, ..Summary::default() });
    assert!(world.items() == before, "another table");
    assert_eq!(world.edits_there().len(), 3);
    // It is a run like any other, on record with who asked for it and why.
    let record = world.record(&run).await;
    assert_eq!(
        (record.state, &record.cause),
        (RunState::Applied, &Cause::Undo(order(&night).for_record()))
    );
    let report = world.report(&run).await;
    assert_eq!((report.state, &report.cause), (RunState::Applied, &record.cause));
    assert_eq!((report.counts["student"].added, report.counts["student"].removed), (2, 3));
    let page =
        String::from_utf8(world.internal.body(&keys::report_page(&world.district, &run)).unwrap())
            .unwrap();
    assert!(
        page.contains(night.as_str())
            && page.contains("kim.operator")
            && page.contains("last year")
    );
    assert_eq!(version(&world).await, (of_night + 1, taken_at));

    // The event again, and late: nothing more.
    let written = world.table.items_written();
    assert_eq!(world.send(event).await, Summary { repeated: 1, ..Summary::default() });
    assert_eq!(world.table.items_written(), written);
    // The next night brings the mirror to the source again.
    let (next, summary) = world.night(30, &second()).await;
    assert_eq!(
        (summary.applied, world.edits_there().len()),
        (1, 1),
        "{:?}",
        world.state(&next).await
    );
    assert_eq!(world.keys_with("archived").len(), 2);
}

#[tokio::test]
async fn r_h4_an_undo_can_be_undone() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &second()).await;
    let after = world.items();
    let (undo, event) = world.ask(20, &Request::Undo(order(&night))).await;
    world.send(event).await;
    let (_, event) = world.ask(30, &Request::Undo(order(&undo))).await;
    assert_eq!(world.send(event).await.applied, 1);
    assert!(world.items() == after, "another table");
}

#[tokio::test]
async fn r_h4_an_undo_over_a_later_change_is_refused_with_the_list_and_changes_nothing() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &second()).await;
    // One of those whom the night renamed, and one of those whom it had archived.
    world.night(20, &Night { renamed: 6..8, classes: 2, ..Night::of(1..33) }).await;
    let before = world.items();
    let (run, event) = world.ask(30, &Request::Undo(order(&night))).await;
    assert_eq!(world.send(event.clone()).await, Summary { refused: 1, ..Summary::default() });
    assert!(world.items() == before);
    assert_eq!(world.state(&run).await, RunState::Refused);
    let report = world.report(&run).await;
    assert_eq!(report.state, RunState::Refused);
    let named: Vec<(String, String)> = report
        .findings
        .iter()
        .filter(|finding| finding.code == "undo_changed_since")
        .filter_map(|finding| finding.entity.as_ref())
        .map(|entity| (entity.kind.to_string(), entity.id.as_str().to_owned()))
        .collect();
    for id in ["student 000005", "student 000001"] {
        assert!(named.contains(&("student".into(), id.into())), "{named:?}");
    }
    assert!(!named.contains(&("student".into(), "student 000006".into())));
    let refused = report.findings.iter().find(|finding| finding.code == "undo_refused").unwrap();
    assert!(refused.message.contains("Restore the snapshot"), "{}", refused.message);
    assert_eq!(report.item_writes, 0);
    assert_eq!(world.send(event).await.repeated, 1);
    // What it advises is possible.
    let of = world.run_of(0);
    let (run, event) = world.ask(40, &Request::Restore(order(&of))).await;
    assert_eq!(world.send(event).await.continued, 1);
    let summary = world.send(world.staged_event(&run)).await;
    assert_eq!(summary.applied + summary.held, 1);
}

#[tokio::test]
async fn r_h1_r_h2_a_dangerous_undo_waits_for_a_person() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let before = world.items();
    let (night, _) = world.night(10, &Night { classes: 2, ..Night::of(0..60) }).await;
    let after = world.items();
    let (undo, event) = world.ask(20, &Request::Undo(order(&night))).await;
    assert_eq!(world.send(event.clone()).await, Summary { held: 1, ..Summary::default() });
    assert!(world.items() == after, "a held run wrote something");
    let holds = world.report(&undo).await.holds;
    assert!(
        holds.iter().any(|hold| hold.kind == "student" && hold.count == 30 && hold.of == 60),
        "{holds:?}"
    );
    assert_eq!(world.send(event).await.repeated, 1);
    assert_eq!(world.send(world.decide(&undo, "approve").await).await.applied, 1);
    assert!(world.items() == before);
    assert_eq!(world.report(&undo).await.decided.unwrap().decision, Decision::Approve);
}

#[tokio::test]
async fn r_h4_a_refused_undo_leaves_a_held_run_held_and_its_approval_possible() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &second()).await;
    world.night(20, &Night { renamed: 6..8, classes: 2, ..Night::of(1..33) }).await;
    let (held, summary) = world.night(30, &Night { classes: 2, ..Night::of(1..15) }).await;
    assert_eq!(summary.held, 1);
    world.bus.take_all();
    let unknown = RunId::from("01HZ0000000000000000000000");
    for (minute, of) in [(40, &night), (41, &unknown)] {
        let (run, event) = world.ask(minute, &Request::Undo(order(of))).await;
        assert_eq!(world.send(event).await, Summary { refused: 1, ..Summary::default() });
        assert_eq!(world.state(&run).await, RunState::Refused);
        assert_eq!(
            (world.state(&held).await, world.report(&held).await.state),
            (RunState::Held, RunState::Held)
        );
        let district = world.table.district(&world.district).await.unwrap().unwrap();
        assert_eq!(district.open.as_ref(), Some(&held), "the run that waits is still the open one");
    }
    let (_, event) = world.ask(42, &Request::Restore(order(&unknown))).await;
    assert_eq!(world.send(event).await.refused, 1);
    assert_eq!(world.state(&held).await, RunState::Held);
    assert_eq!(world.send(world.decide(&held, "approve").await).await.applied, 1);
    // An undo that can be done still replaces what is held.
    let (next, _) = world.night(60, &Night { classes: 2, ..Night::of(1..5) }).await;
    assert_eq!(world.state(&next).await, RunState::Held);
    let (undo, event) = world.ask(70, &Request::Undo(order(&held))).await;
    world.send(event).await;
    assert!(matches!(world.state(&undo).await, RunState::Applied | RunState::Held));
    assert_eq!(world.state(&next).await, RunState::Replaced);
}

#[tokio::test]
async fn r_h4_a_run_that_was_undone_is_refused_as_already_undone_until_the_undo_is_undone() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &second()).await;
    let (undo, event) = world.ask(20, &Request::Undo(order(&night))).await;
    assert_eq!(world.send(event).await.applied, 1);
    let said = impossible(&world, 30, Request::Undo(order(&night))).await;
    assert!(said.contains("already undone"), "{said}");
    let (_, event) = world.ask(40, &Request::Undo(order(&undo))).await;
    assert_eq!(world.send(event).await.applied, 1);
    let (_, event) = world.ask(50, &Request::Undo(order(&night))).await;
    assert_eq!(world.send(event).await.applied, 1, "its changes are there again");
}

#[tokio::test]
async fn r_h2_the_next_night_replaces_a_held_undo() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (night, _) = world.night(10, &Night { classes: 2, ..Night::of(0..60) }).await;
    let (undo, event) = world.ask(20, &Request::Undo(order(&night))).await;
    assert_eq!(world.send(event).await.held, 1);
    let (_, summary) = world.night(30, &Night { classes: 2, ..Night::of(0..60) }).await;
    assert_eq!(summary.unchanged, 1);
    assert_eq!(
        (world.state(&undo).await, world.report(&undo).await.state),
        (RunState::Replaced, RunState::Replaced)
    );
    assert_eq!(world.send(world.decide(&undo, "approve").await).await.repeated, 1);
}

/// Asks for something that cannot be; gives the finding.
async fn impossible(world: &World, minute: i64, request: Request) -> String {
    let before = world.items();
    let (run, event) = world.ask(minute, &request).await;
    assert_eq!(
        world.send(event.clone()).await,
        Summary { refused: 1, ..Summary::default() },
        "{request:?}"
    );
    assert!(world.items() == before);
    assert_eq!(world.state(&run).await, RunState::Refused);
    assert_eq!(world.send(event).await.repeated, 1);
    let report = world.report(&run).await;
    assert_eq!((report.state, report.findings.len()), (RunState::Refused, 1));
    format!("{}: {}", report.findings[0].code, report.findings[0].message)
}

#[tokio::test]
async fn r_h4_what_cannot_be_taken_back_or_gone_back_to_is_refused_and_says_why() {
    let world = World::new().await;
    world.night(0, &first()).await;
    let (held, _) = world.night(10, &Night { classes: 2, ..Night::of(0..20) }).await;
    let of = world.run_of(0);
    let unknown = RunId::from("01HZ0000000000000000000000");
    let year = 366 * 24 * 60;
    let mut minute = 20;
    for (make, code) in [
        (Request::Undo as fn(RunCommand) -> Request, "undo_not_possible"),
        (Request::Restore as fn(RunCommand) -> Request, "restore_not_possible"),
    ] {
        for (run, why, later) in [
            (&unknown, "there is no such run", 0),
            (&held, "it was not applied", 0),
            (&of, "it is more than 365 days old", year),
        ] {
            minute += 1;
            let said = impossible(&world, minute + later, make(order(run))).await;
            assert!(said.starts_with(code) && said.contains(why), "{said}");
        }
    }
    // The objects are gone.
    world.internal.remove(&keys::part(
        &world.district,
        &of,
        roster::snapshot::PartName::Records(roster::records::RecordKind::School),
    ));
    assert!(impossible(&world, 40, Request::Restore(order(&of))).await.contains("has expired"));
    world.internal.remove(&keys::plan(&world.district, &of));
    assert!(impossible(&world, 41, Request::Undo(order(&of))).await.contains("has expired"));
    assert_eq!(world.state(&held).await, RunState::Held, "a refused request changes nothing");
    // The mirror belongs to the people (R-O5).
    use mirror::ports::districts::Changed;
    let off = world
        .table
        .configure(&world.district, &Settings::of_preset("clever"), DistrictStatus::Off)
        .await
        .unwrap();
    assert_eq!(off, Changed::Yes);
    assert!(impossible(&world, 42, Request::Undo(order(&of))).await.contains("not synced"));
    assert!(impossible(&world, 43, Request::Restore(order(&of))).await.contains("not synced"));
}

#[tokio::test]
async fn r_h4_a_restored_snapshot_is_the_newest_and_goes_the_way_of_any() {
    let world = World::new().await;
    let (of, _) = world.night(0, &first()).await;
    let before = said(&world);
    let (night, _) = world.night(10, &second()).await;
    world.edits("v1").await;
    let today = jiff::civil::date(2026, 9, 3);
    let (run, event) =
        world.ask(20, &Request::Restore(RunCommand { today: Some(today), ..order(&of) })).await;
    assert_eq!(world.send(event.clone()).await, Summary { continued: 1, ..Summary::default() });
    assert_eq!(world.state(&run).await, RunState::Staged);
    let manifest = read_manifest(&world.internal, &world.district, &run).await.unwrap().unwrap();
    assert_eq!((manifest.origin.restored_of.as_ref(), manifest.today), (Some(&of), today));
    let old = read_manifest(&world.internal, &world.district, &of).await.unwrap().unwrap();
    assert_eq!((&manifest.parts, manifest.enrollments), (&old.parts, old.enrollments));
    // A delta that comes next is read over what was uploaded last.
    let chain = read_chain(&world.internal, &world.district, &run).await.unwrap();
    assert_eq!(chain, read_chain(&world.internal, &world.district, &night).await.unwrap());
    assert_eq!(
        world.table.district(&world.district).await.unwrap().unwrap().latest.unwrap().run,
        run
    );

    assert_eq!(
        world.send(world.staged_event(&run)).await,
        Summary { applied: 1, ..Summary::default() }
    );
    let after = said(&world);
    // Those whom the second night brought are archived: a restore is a night, and no night deletes.
    assert!(
        before.iter().all(|(place, body)| after.get(place) == Some(body)),
        "not what the snapshot says"
    );
    assert_eq!(world.keys_with("archived").len(), after.len() - before.len());
    assert_eq!(world.edits_there().len(), 1, "a restore is a night for edits too");
    let report = world.report(&run).await;
    assert_eq!(
        (&report.cause, report.state),
        (&Cause::Restore(order(&of).for_record()), RunState::Applied)
    );
    // Delivered again, both: one run.
    assert_eq!(world.send(event).await.repeated, 1);
    assert_eq!(world.send(world.staged_event(&run)).await.repeated, 1);
    // A night that was taken before it does not follow it (R-M6); the next one does.
    let (late, summary) = world.night(15, &second()).await;
    assert_eq!((summary.replaced, world.state(&late).await), (1, RunState::Replaced));
    assert_eq!(world.night(30, &second()).await.1.applied, 1);
}

#[tokio::test]
async fn r_m7_a_snapshot_restored_under_ignore_has_no_demographics() {
    let world = World::new().await;
    let (of, _) = world.night(0, &first()).await;
    let mut settings = Settings::of_preset("clever");
    settings.overrides.insert("demographics".into(), json!("ignore"));
    let _ = world.table.configure(&world.district, &settings, DistrictStatus::Live).await.unwrap();
    let part = roster::snapshot::PartName::Records(roster::records::RecordKind::Student);
    let lines = |run: &RunId| {
        let body = world.internal.body(&keys::part(&world.district, run, part)).unwrap();
        let mut lines = mirror::files::spool::Lines::new(&body[..], "read").unwrap();
        let mut all = String::new();
        while let Some(line) = lines.next_line().unwrap() {
            all.push_str(std::str::from_utf8(line).unwrap());
        }
        all
    };
    assert!(lines(&of).contains("\"grades\":[\"05\"]"));
    let (run, event) = world.ask(20, &Request::Restore(order(&of))).await;
    assert_eq!(world.send(event).await.continued, 1);
    assert!(!lines(&run).contains("grades") && lines(&run).contains("student 000029"));
    assert_eq!(world.send(world.staged_event(&run)).await.applied, 1);
}

#[tokio::test]
async fn r_m6_something_newer_than_a_request_makes_a_restore_moot() {
    let world = World::new().await;
    let (of, _) = world.night(0, &first()).await;
    let (run, event) = world.ask(5, &Request::Restore(order(&of))).await;
    world.night(10, &second()).await;
    let before = world.items();
    assert_eq!(world.send(event).await, Summary { replaced: 1, ..Summary::default() });
    assert_eq!(world.state(&run).await, RunState::Replaced);
    assert!(world.items() == before);
    assert!(read_manifest(&world.internal, &world.district, &run).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_no_request_is_passed_over_once_and_for_all() {
    let world = World::new().await;
    let id = keys::ulid(world.now(), 1);
    for body in [
        &b"not JSON"[..],
        b"{}",
        br#"{"erase":{"run":"x"}}"#,
        br#"{"undo":{"run":"x","by":"kim","reason":"y"}}"#,
    ] {
        world.internal.upload(&keys::request(&world.district, &id), body, None);
        assert_eq!(
            world.send(world.request_event(&id)).await,
            Summary { skipped: 1, ..Summary::default() }
        );
    }
    // A name from the future: what came of it would keep the nights until then out.
    let (of, _) = world.night(0, &first()).await;
    let ahead = keys::ulid(world.now() + std::time::Duration::from_secs(3600), 1);
    mirror::ops::requests::put(
        &world.internal,
        &world.district,
        &ahead,
        &Request::Restore(order(&of)),
    )
    .await
    .unwrap();
    assert_eq!(
        world.send(world.request_event(&ahead)).await,
        Summary { skipped: 1, ..Summary::default() }
    );
    // Nor does a request make a district.
    let mut stranger = World::new().await;
    stranger.district = "nowhere".into();
    let (run, event) = stranger.ask(1, &Request::Undo(order(&id))).await;
    assert_eq!(stranger.send(event).await, Summary { skipped: 1, ..Summary::default() });
    assert!(stranger.table.run(&stranger.district, &run).await.unwrap().is_none());
}

#[tokio::test]
async fn r_h2_a_decision_by_request_counts_for_the_plan_that_was_seen_alone() {
    let world = World::new().await;
    world.night(0, &Night::of(0..30)).await;
    let (held, summary) = world.night(10, &Night::of(0..20)).await;
    assert_eq!(summary.held, 1);
    let decided =
        Decided { decision: Decision::Approve, by: "kim.operator".into(), reason: "Seen.".into() };
    let approve = Request::Decide(Decide { run: held.clone(), decided });
    let (first, event) = world.ask(20, &approve).await;
    // The mirror is another one by now: what is planned anew is held anew, for nobody has seen it.
    let mut applied =
        world.table.district(&world.district).await.unwrap().unwrap().applied.unwrap();
    applied.version += 1;
    bump(&world, &applied).await;
    assert_eq!(world.send(event.clone()).await.held, 1);
    assert_eq!(world.record(&held).await.decided_in.as_ref(), Some(&first));
    // The old decision's event comes once more.
    assert_eq!(world.send(event).await, Summary { repeated: 1, ..Summary::default() });
    assert_eq!(world.state(&held).await, RunState::Held);
    let (_, event) = world.ask(30, &approve).await;
    assert_eq!(world.send(event).await.applied, 1);
    assert_eq!(world.record(&held).await.decided.unwrap().by, "kim.operator");
}

/// Gives the mirror another version, as another run would.
async fn bump(world: &World, applied: &mirror::ports::districts::Applied) {
    use mirror::ports::districts::{Changed, Leases, ReleaseLease, TakeLease};
    let until = world.now() + std::time::Duration::from_secs(60);
    let taken = world.table.take(&world.district, "another", world.now(), until).await.unwrap();
    let TakeLease::Taken(district) = taken else { panic!("nobody works") };
    let token = district.lease.unwrap().token;
    assert_eq!(
        world.table.set_applied(&world.district, token, applied).await.unwrap(),
        Changed::Yes
    );
    let seen = district.latest.map(|latest| latest.run);
    assert_eq!(
        world.table.release(&world.district, token, seen.as_ref()).await.unwrap(),
        ReleaseLease::Released
    );
}

#[tokio::test]
async fn r_h4_what_was_made_for_somebody_new_is_in_the_way_of_an_undo() {
    let world = World::new().await;
    world.night(0, &Night::of(2..30)).await;
    let (night, summary) = world.night(10, &Night::of(0..30)).await;
    assert_eq!(summary.applied, 1);
    let account = made("v1").remove(2);
    world.edit(&LocalEdit { key: "student 000001".into(), ..account }).await;
    let (run, event) = world.ask(20, &Request::Undo(order(&night))).await;
    assert_eq!(world.send(event).await.refused, 1);
    let report = world.report(&run).await;
    let named: Vec<_> = report
        .findings
        .iter()
        .filter_map(|finding| finding.entity.as_ref())
        .map(|entity| entity.id.as_str())
        .collect();
    assert_eq!(named, ["student 000001"]);
}
