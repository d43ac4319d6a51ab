//! R-H4, invariant 19: undoing a run restores the mirror to its state before the run, including
//! local edits.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use proptest::prelude::*;
use roster::change::{Action, Change};
use roster::contract::UndoInputs;
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::finding::request;
use roster::id::SourceId;
use roster::records::{AnyMirrored, Kind, Link, Mirrored, RecordKind, Status, kinds};
use rules::undo::{UndoContext, Undone, undo};

use super::world::{Mirror, Planned, World, kind_of, parse, world};
use super::{cases, clean, edited_district, new_edits, night};

/// A mirror, and the plan to undo.
struct Past<'a> {
    mirror: &'a Mirror,
    changes: &'a [Change],
}

impl UndoInputs for Past<'_> {
    type Error = Infallible;

    fn changes(&self) -> Result<impl Iterator<Item = Result<Change, Infallible>>, Infallible> {
        Ok(self.changes.iter().cloned().map(Ok))
    }

    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<Mirrored<K>, Infallible>>, Infallible> {
        Ok(self.mirror.of::<K>().into_iter().map(Ok))
    }

    fn edits(
        &self,
        kind: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Infallible>>, Infallible> {
        Ok(self.mirror.edits.values().filter(move |edit| edit.kind == kind).cloned().map(Ok))
    }

    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Infallible>>, Infallible> {
        Ok(self.mirror.links.values().cloned().map(Ok))
    }
}

fn undo_run(world: &World, changes: &[Change], removals: bool) -> (Undone, Planned) {
    let context = UndoContext { policy: &world.policy, removals };
    let mut planned = Planned::default();
    let undone = undo(&context, &Past { mirror: &world.mirror, changes }, &mut planned).unwrap();
    if let Undone::Planned(outcome) = &undone {
        planned.outcome = (**outcome).clone();
    }
    (undone, planned)
}

/// A plan in the order of writing: additions and changes first, then removals (invariant 21).
fn in_order(changes: &[Change]) -> Vec<Change> {
    let (gone, come): (Vec<_>, Vec<_>) =
        changes.iter().cloned().partition(|change| change.action == Action::Remove);
    come.into_iter().chain(gone).collect()
}

fn apply(mirror: &mut Mirror, changes: &[Change]) {
    for change in in_order(changes) {
        mirror.apply(&change);
    }
}

type Place = (RecordKind, SourceId);

/// The records that a plan adds.
fn added(changes: &[Change]) -> BTreeSet<Place> {
    let new = changes
        .iter()
        .filter(|change| change.before.is_none())
        .filter_map(|change| change.after.as_ref());
    new.filter(|any| !matches!(any, AnyMirrored::Link(_) | AnyMirrored::Edit(_)))
        .map(|any| (kind_of(any), any.key().clone()))
        .collect()
}

/// Whether a local edit belongs to one of the records or refers to it.
fn are_edited(mirror: &Mirror, added: &BTreeSet<Place>) -> bool {
    mirror.edits.values().any(|edit| {
        let other = edit.edit.other().map(|(kind, key)| (kind, key.clone()));
        added.contains(&(edit.kind, edit.key.clone()))
            || other.is_some_and(|other| added.contains(&other))
    })
}

/// A record without the run that changed it last.
fn content(any: &AnyMirrored) -> serde_json::Value {
    let mut json = serde_json::to_value(any).unwrap();
    json.as_object_mut()
        .unwrap()
        .values_mut()
        .next()
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove("changed_by");
    json
}

/// The content of every item, by its unique place.
fn items(mirror: &Mirror) -> BTreeMap<(&'static str, RecordKind, SourceId), serde_json::Value> {
    let records = mirror
        .records
        .iter()
        .map(|((kind, key), any)| (("record", *kind, key.clone()), content(any)));
    let link = |link: &Link| serde_json::to_value(link).unwrap();
    records
        .chain(
            mirror.links.iter().map(|((kind, id), one)| (("link", *kind, id.clone()), link(one))),
        )
        .collect()
}

fn places(changes: &[Change]) -> BTreeSet<(&'static str, RecordKind, SourceId)> {
    let any = changes.iter().filter_map(|change| change.after.as_ref().or(change.before.as_ref()));
    let place = |any: &AnyMirrored| match any {
        AnyMirrored::Edit(_) => None,
        AnyMirrored::Link(link) => Some(("link", link.kind, link.source.clone())),
        record => Some(("record", kind_of(record), record.key().clone())),
    };
    any.filter_map(place).collect()
}

/// The groups of a mirror's students (R-M8).
fn groups(mirror: &Mirror) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for student in mirror
        .of::<kinds::Students>()
        .into_iter()
        .filter(|student| student.status == Status::Active)
    {
        all.extend(
            student
                .state
                .demographics
                .grades
                .iter()
                .map(|grade| (grade.reveal().into(), student.key.as_str().into())),
        );
    }
    all.sort();
    all
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn r_h4_an_undo_restores_the_state_before_the_run(mut world in edited_district(), nights in prop::collection::vec((new_edits(), night()), 1..4)) {
        for (new_edits, text) in nights {
            for (kind, key, edit) in new_edits {
                world.edit(kind, key, edit);
            }
            let before = world.mirror.clone();
            let planned = world.run(&clean(&text));
            let after = world.mirror.clone();
            let (undone, back) = undo_run(&world, &planned.changes, true);
            if are_edited(&after, &added(&planned.changes)) {
                let refused = matches!(undone, Undone::Refused { .. });
                prop_assert!(refused && back.changes.is_empty());
                continue;
            }
            prop_assert!(matches!(undone, Undone::Planned(_)), "{:?}", back.findings);
            prop_assert_eq!(back.changes.len() as u64, back.outcome.changes);
            apply(&mut world.mirror, &back.changes);
            prop_assert_eq!(&world.mirror, &before);
            let mut members: Vec<_> = back.members.iter().map(|(_, value, student)| (value.clone(), student.clone())).collect();
            members.sort();
            prop_assert_eq!(members, groups(&before));
            // An undo can be undone like any run.
            let (again, forth) = undo_run(&world, &in_order(&back.changes), true);
            prop_assert!(matches!(again, Undone::Planned(_)), "{:?}", forth.findings);
            apply(&mut world.mirror, &forth.changes);
            prop_assert_eq!(&world.mirror, &after);
        }
    }

    #[test]
    fn r_h4_an_undo_is_refused_after_later_changes_and_keeps_all_others(
        mut world in edited_district(),
        first in night(),
        second in night(),
        third in night(),
    ) {
        world.run(&clean(&first));
        let before = world.mirror.clone();
        let planned = world.run(&clean(&second));
        let left = items(&world.mirror);
        world.run(&clean(&third));
        let now = world.mirror.clone();
        let there = items(&now);
        let changed: Vec<_> = places(&planned.changes).into_iter().filter(|place| left.get(place) != there.get(place)).collect();
        let (undone, back) = undo_run(&world, &in_order(&planned.changes), true);
        if !changed.is_empty() {
            prop_assert_eq!(undone, Undone::Refused { changed: changed.len() as u64 });
            prop_assert!(back.changes.is_empty() && back.members.is_empty());
            let of_code = |code: &str| back.findings.iter().filter(|finding| finding.code == code).count();
            prop_assert_eq!(of_code(request::UNDO_REFUSED.name), 1);
            prop_assert_eq!(of_code(request::UNDO_CHANGED_SINCE.name), changed.len());
            for finding in back.findings.iter().filter_map(|finding| finding.entity.as_ref()) {
                prop_assert!(changed.iter().any(|(_, kind, id)| kind.name() == finding.kind && *id == finding.id));
            }
            return Ok(());
        }
        // The third run's changes of other records are kept.
        apply(&mut world.mirror, &back.changes);
        let (was, is) = (items(&before), items(&world.mirror));
        let touched = places(&planned.changes);
        for place in was.keys().chain(is.keys()).chain(there.keys()) {
            let expected = if touched.contains(place) { was.get(place) } else { there.get(place) };
            prop_assert_eq!(is.get(place), expected);
        }
    }

    #[test]
    fn r_h2_an_undo_approved_for_additions_removes_nothing(mut world in edited_district(), nights in prop::collection::vec(night(), 1..3)) {
        for text in nights {
            let planned = world.run(&clean(&text));
            let before = world.mirror.clone();
            let (undone, back) = undo_run(&world, &planned.changes, false);
            prop_assert!(matches!(undone, Undone::Planned(_)));
            apply(&mut world.mirror, &back.changes);
            for (place, record) in &before.records {
                let now = &world.mirror.records[place];
                prop_assert!(back.changes.iter().any(|change| change.after.as_ref() == Some(now)) || now == record);
            }
            prop_assert!(back.changes.iter().all(|change| change.action != Action::Remove));
            world.mirror = before;
        }
    }
}

fn co_teacher(key: &str) -> Edit {
    Edit::Member { role: RecordKind::Teacher, person: key.into() }
}

const NIGHT: &str =
    "class c1 teachers=t1* students=s1\nteacher t1\nteacher t2\nstudent s1 email=s1@x grade=5";

#[test]
fn r_h4_an_undo_keeps_a_newer_edit_that_replaced_an_erased_one() {
    let mut world = world("sis", serde_json::json!({})).after(NIGHT).with_edit(
        RecordKind::Class,
        "c1",
        co_teacher("t2"),
    );
    let before = world.mirror.clone();
    let planned = world.run(&parse::snapshot(NIGHT));
    assert_eq!(planned.changes.len(), 1, "{planned:?}");
    // Nothing changed after the run: the undo restores exactly this edit.
    let (_, back) = undo_run(&world, &planned.changes, true);
    let mut undone = world.mirror.clone();
    apply(&mut undone, &back.changes);
    assert_eq!(undone, before);
    // The teacher was added again by hand: the undo keeps that edit and reports it.
    world.edit(RecordKind::Class, "c1", co_teacher("t2"));
    let (undone, back) = undo_run(&world, &planned.changes, true);
    assert!(matches!(undone, Undone::Planned(_)) && back.changes.is_empty());
    assert_eq!(
        back.findings.iter().map(|finding| &*finding.code).collect::<Vec<_>>(),
        [request::UNDO_EDIT_STAYS.name]
    );
    // The run stopped before it erased the edit: nothing to restore, nothing to report.
    world.mirror = before;
    let (undone, back) = undo_run(&world, &planned.changes, true);
    assert!(
        matches!(undone, Undone::Planned(_)) && back.changes.is_empty() && back.findings.is_empty()
    );
}

#[test]
fn r_h4_an_edit_of_a_new_record_refuses_the_undo() {
    let mut world = world("sis", serde_json::json!({})).after(NIGHT);
    let planned = world.run(&parse::snapshot(&format!("{NIGHT}\nteacher t3")));
    world.edit(RecordKind::Class, "c1", co_teacher("t3"));
    let (undone, back) = undo_run(&world, &planned.changes, true);
    assert_eq!(undone, Undone::Refused { changed: 1 });
    let about = back.findings.iter().find_map(|finding| finding.entity.clone()).unwrap();
    assert_eq!((&*about.kind, about.id), ("teacher", "t3".into()));
}

#[test]
fn r_h4_a_record_changed_and_changed_back_is_unmodified() {
    let renamed = NIGHT.replace("grade=5", "grade=6");
    let mut world =
        world("sis", serde_json::json!({ "hold_if_changed_percent": 100 })).after(NIGHT);
    let before = world.mirror.clone();
    let planned = world.run(&parse::snapshot(&renamed));
    let world = world.after(NIGHT).after(&renamed);
    let (_, back) = undo_run(&world, &planned.changes, true);
    let [change] = &back.changes[..] else { panic!("{back:?}") };
    // `before` is the current record, not the one that the undone run wrote: a write succeeds
    // only if the record matches.
    assert_eq!(
        change.before.as_ref(),
        world.mirror.records.get(&(RecordKind::Student, "s1".into()))
    );
    assert_eq!(change.after.as_ref(), before.records.get(&(RecordKind::Student, "s1".into())));
    assert!(change.reasons.iter().all(|reason| reason.rule.id() == "R-H4"));
}

#[test]
fn r_h1_an_undo_is_held_like_any_plan() {
    let class = |students: std::ops::Range<usize>| {
        let names: Vec<String> = students.clone().map(|n| format!("s{n}")).collect();
        let people: Vec<String> = students.map(|n| format!("student s{n} email=s{n}@x")).collect();
        format!(
            "class c1 teachers=t1* students={}\nteacher t1\n{}",
            names.join(","),
            people.join("\n")
        )
    };
    let mut world = world("sis", serde_json::json!({})).after(&class(0..30));
    let planned = world.run(&parse::snapshot(&class(0..40)));
    let (_, back) = undo_run(&world, &planned.changes, true);
    let hold = |kind: &str| {
        back.outcome.holds.iter().find(|hold| hold.kind == kind).map(|hold| (hold.count, hold.of))
    };
    assert_eq!(
        (hold("student"), hold("student_enrollment"), hold("class")),
        (Some((10, 40)), Some((10, 40)), None)
    );
    assert_eq!(back.outcome.counts["student"].removed, 10);
    assert_eq!(back.outcome.counts["class"].changed, 0, "only its roster changes");
}

#[test]
fn r_m7_an_undo_stores_no_demographics_that_the_policy_now_ignores() {
    let mut world = world("sis", serde_json::json!({})).after(NIGHT);
    world.policy.demographics = roster::policy::KeepDemographics::Ignore;
    let planned = world.run(&parse::snapshot(NIGHT));
    assert_eq!(planned.changes.len(), 1, "{planned:?}");
    let (_, back) = undo_run(&world, &planned.changes, true);
    apply(&mut world.mirror, &back.changes);
    assert!(
        world
            .mirror
            .of::<kinds::Students>()
            .iter()
            .all(|student| student.state.demographics.is_empty())
    );
    assert!(back.members.is_empty());
}

#[test]
fn r_i3_a_newer_link_made_by_hand_refuses_the_undo() {
    let mut world = world("sis", serde_json::json!({})).after(NIGHT);
    let old = "class c1 teachers=t1* students=n1\nteacher t1\nteacher t2\nstudent n1 email=s1@x grade=5 number=1";
    world.run(&parse::snapshot(&NIGHT.replace("student s1", "student s1 number=1")));
    let planned = world.run(&parse::snapshot(old));
    assert!(
        planned.changes.iter().any(|change| matches!(change.after, Some(AnyMirrored::Link(_)))),
        "{planned:?}"
    );
    let (undone, _) = undo_run(&world, &planned.changes, true);
    assert!(matches!(undone, Undone::Planned(_)));
    let world = world.with_link(RecordKind::Student, "n1", "s9");
    let (undone, back) = undo_run(&world, &planned.changes, true);
    assert_eq!(undone, Undone::Refused { changed: 1 });
    assert!(
        back.findings.iter().any(|finding| finding.message.starts_with("the id link of a student"))
    );
}

#[test]
fn r_h4_edits_with_equal_content_differ_by_version() {
    let mut world = world("sis", serde_json::json!({})).after(NIGHT).with_edit(
        RecordKind::Class,
        "c1",
        co_teacher("t2"),
    );
    let planned = world.run(&parse::snapshot(NIGHT));
    let Some(AnyMirrored::Edit(erased)) = planned.changes[0].before.clone() else {
        panic!("{planned:?}")
    };
    let made_again = LocalEdit { version: EditVersion::new("another"), ..erased.clone() };
    let place = (RecordKind::Class, SourceId::from("c1"), erased.edit.slot());
    world.mirror.edits.insert(place, made_again);
    let (_, back) = undo_run(&world, &planned.changes, true);
    assert!(back.changes.is_empty() && back.findings.len() == 1);
}
