//! R-H4 through the real functions: local edits, a night that removes some of them, undo and
//! restore.

use std::collections::{BTreeMap, BTreeSet};

use districts::{District, Size};
use e2e::{Application, Night};
use mirror::keys;
use mirror::ops::edits::{Edits, Ending};
use mirror::ops::requests::{self, Request, RunCommand};
use mirror::ports::items::{Range, ReadItems};
use mirror::ports::objects::WriteObjects;
use mirror::ports::runs::Runs;
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::id::{DistrictId, RunId, SHARDS, SourceId};
use roster::personal::Personal;
use roster::records::RecordKind;
use roster::run::{Cause, RunState};
use roster::settings::Settings;
use serde_json::{Value, json};
use stack::INTERNAL;

fn school_district() -> District {
    District::new(Size::students(120)).seed(23).churn(6.0)
}

fn settings() -> Settings {
    let mut settings = Settings::of_preset("clever");
    settings.overrides.insert("hold_if_removed_percent".into(), json!(60));
    settings.overrides.insert("hold_if_changed_percent".into(), json!(100));
    settings
}

/// Returns every item of the shards of a district, byte for byte.
async fn items(application: &Application, district: &DistrictId) -> BTreeMap<(u8, String), String> {
    let table = application.stack.table();
    let mut all = BTreeMap::new();
    for shard in 0..SHARDS {
        let mut after: Option<String> = None;
        loop {
            let page = table
                .page(district, shard, Range::Whole, after.as_deref())
                .await
                .expect("the table answers");
            all.extend(page.items.into_iter().map(|item| ((shard, item.sk), item.body)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    all
}

/// Returns the slots of the stored edits: those of the twin items if `twins`, else all others.
fn slots(items: &BTreeMap<(u8, String), String>, twins: bool) -> Vec<String> {
    let slots = items
        .keys()
        .filter_map(|(_, sk)| sk.split_once(keys::EDIT))
        .filter(|(_, slot)| slot.starts_with(keys::AT) == twins);
    let mut slots: Vec<String> =
        slots.map(|(_, slot)| slot.split('#').next().unwrap_or_default().to_owned()).collect();
    slots.sort();
    slots
}

/// Returns the active records without the run that wrote them. Removes archived classes from
/// people, because those classes keep their members (R-A5).
async fn active(
    application: &Application,
    district: &DistrictId,
) -> BTreeMap<(RecordKind, String), Value> {
    let mut all = application.mirror(district).await;
    all.retain(|_, record| record["status"] == "active");
    let classes: BTreeSet<String> = all
        .keys()
        .filter(|(kind, _)| *kind == RecordKind::Class)
        .map(|(_, key)| key.clone())
        .collect();
    for record in all.values_mut().filter_map(Value::as_object_mut) {
        record.remove("changed_by");
        record.remove("first_seen");
        if let Some(of_person) = record["state"].get_mut("classes").and_then(Value::as_array_mut) {
            of_person.retain(|class| class.as_str().is_some_and(|class| classes.contains(class)));
        }
    }
    all
}

/// Stores a request as roster-api does and waits for its run.
async fn request(application: &Application, district: &DistrictId, request: Request) -> Night {
    let bucket = application.stack.bucket(INTERNAL);
    let now = jiff::Timestamp::now();
    let id = keys::ulid(now, now.as_nanosecond().unsigned_abs());
    requests::put(&bucket, district, &id, &request).await.expect("the bucket stores it");
    application.stack.settled().await;
    let run = application.stack.table().run(district, &id).await.expect("the table answers");
    let run = run.unwrap_or_else(|| {
        panic!("the request started no run; failures: {:?}", application.failures())
    });
    let report = application.stack.report(district, &id).await.expect("the report can be read");
    Night {
        run,
        report: report
            .unwrap_or_else(|| panic!("no report; failures: {:?}", application.failures())),
    }
}

fn command(of: &RunId, today: Option<jiff::civil::Date>) -> RunCommand {
    RunCommand {
        run: of.clone(),
        by: "kim.operator".into(),
        reason: "The file was last year's.".into(),
        today,
    }
}

/// Makes local edits after the first night: a custom name, a co-teacher, a student, the name of a
/// person, a join code.
async fn make_edits(application: &Application, district: &DistrictId) {
    let mirror = application.mirror(district).await;
    let of = |kind: RecordKind| {
        mirror.iter().filter(move |((of, _), record)| *of == kind && record["status"] == "active")
    };
    let ((_, class), record) = of(RecordKind::Class).next().expect("a class");
    let roster = |list: &str| record["state"][list].as_array().cloned().unwrap_or_default();
    let other = |kind: RecordKind, list: &str| -> SourceId {
        let here = roster(list);
        let found = of(kind).find(|((_, key), _)| !here.iter().any(|one| one == key.as_str()));
        found.map(|((_, key), _)| key.as_str().into()).expect("a person who is not in the class")
    };
    let (teacher, student) =
        (other(RecordKind::Teacher, "teachers"), other(RecordKind::Student, "students"));
    let text = Personal::new;
    let edits = [
        (RecordKind::Class, class.as_str().into(), Edit::CustomName { name: text("Robins") }),
        (RecordKind::Class, class.as_str().into(), Edit::JoinCode { code: text("WXYZ-1234") }),
        (
            RecordKind::Class,
            class.as_str().into(),
            Edit::Member { role: RecordKind::Teacher, person: teacher },
        ),
        (
            RecordKind::Class,
            class.as_str().into(),
            Edit::Member { role: RecordKind::Student, person: student.clone() },
        ),
        (RecordKind::Student, student, Edit::Name { given: Some(text("Wren")), family: None }),
    ];
    for (n, (kind, key, edit)) in edits.into_iter().enumerate() {
        let version = EditVersion::new(format!("version-{n}"));
        let edit = LocalEdit {
            kind,
            key,
            edit,
            by: "leader".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            version,
        };
        let done = application
            .stack
            .table()
            .put_edit(district, &edit, None)
            .await
            .expect("the table answers");
        assert_eq!(done.ending, Ending::Done);
    }
}

#[tokio::test]
async fn r_h4_undo_restores_every_item_and_restore_applies_an_earlier_snapshot() {
    let application = Application::start().await;
    let district = application.district("brook", settings()).await;
    let (first, second) = (school_district().night(0), school_district().night(1));
    let of_first = application.night(&district, &first).await;
    assert_eq!(of_first.state(), RunState::Applied, "{:?}", application.failures());
    let after_first = active(&application, &district).await;
    make_edits(&application, &district).await;
    let before = items(&application, &district).await;
    assert_eq!(slots(&before, false), ["CODE", "IN", "IN", "NAME", "NAME"]);
    assert_eq!(slots(&before, true), ["AT", "AT"]);

    // The night erases edits to data that the source provides and keeps the edits of the class
    // itself.
    let of_second = application.night(&district, &second).await;
    assert_eq!(of_second.state(), RunState::Applied, "{:?}", of_second.report.holds);
    let after = items(&application, &district).await;
    assert_eq!(
        (slots(&after, false), slots(&after, true)),
        (vec!["CODE".to_owned(), "NAME".into()], vec![])
    );
    assert!(of_second.found("edit_erased"));
    assert_eq!(of_second.report.edits_kept, 0);

    // The undo restores every item, twin items included. The join code was in its class all the
    // time.
    let undone =
        request(&application, &district, Request::Undo(command(&of_second.run.run, None))).await;
    assert_eq!(
        undone.state(),
        RunState::Applied,
        "{:?} {:?}",
        undone.report.findings,
        application.failures()
    );
    assert_eq!(undone.report.cause, Cause::Undo(command(&of_second.run.run, None).for_record()));
    assert!(items(&application, &district).await == before, "the table differs after the undo");
    assert!(
        application
            .stack
            .table()
            .class_of_code(&district, &Personal::new("WXYZ-1234"))
            .await
            .expect("an answer")
            .is_some()
    );
    // A second undo of the same run is refused.
    let again =
        request(&application, &district, Request::Undo(command(&of_second.run.run, None))).await;
    assert_eq!(again.state(), RunState::Refused);
    assert!(again.found("undo_not_possible"));
    assert!(items(&application, &district).await == before, "a refused undo changed the table");

    // The next night applies the source again, and the snapshot of the first night is restored over
    // it.
    let repeated = application.night(&district, &second).await;
    assert_eq!(repeated.state(), RunState::Applied, "{:?}", repeated.report.holds);
    assert!(active(&application, &district).await != after_first);
    let restored = request(
        &application,
        &district,
        Request::Restore(command(&of_first.run.run, Some(first.date()))),
    )
    .await;
    assert_eq!(
        restored.state(),
        RunState::Applied,
        "{:?} {:?}",
        restored.report.holds,
        application.failures()
    );
    assert_eq!(restored.report.origin.restored_of.as_ref(), Some(&of_first.run.run));
    let now = active(&application, &district).await;
    let differ = after_first
        .keys()
        .chain(now.keys())
        .filter(|place| after_first.get(place) != now.get(place));
    let differ: Vec<_> =
        differ.take(3).map(|place| (place, after_first.get(place), now.get(place))).collect();
    assert!(differ.is_empty(), "differs from the files of the first night: {differ:#?}");
    assert_eq!(slots(&items(&application, &district).await, false), ["CODE", "NAME"]);

    // A delta is based on the last upload, regardless of restores.
    let third = school_district().night(2);
    let of_third = application.night(&district, &third.clone().delta()).await;
    assert_eq!(
        of_third.state(),
        RunState::Applied,
        "{:?} {:?}",
        of_third.report.holds,
        of_third.report.findings
    );
    let alone = application.district("alone", settings()).await;
    application.night(&alone, &third).await;
    for kind in [RecordKind::Student, RecordKind::Class] {
        let (here, there) = (
            application.keys(&district, kind, "active").await,
            application.keys(&alone, kind, "active").await,
        );
        assert_eq!(here, there, "{kind}");
    }
    assert!(application.failures().is_empty(), "{:?}", application.failures());
}

#[tokio::test]
async fn an_unreadable_request_does_not_fail_the_function() {
    let application = Application::start().await;
    let district = application.district("brook", settings()).await;
    let bucket = application.stack.bucket(INTERNAL);
    for (key, body) in [
        (keys::request(&district, &keys::ulid(jiff::Timestamp::now(), 1)), &b"{\"erase\":{}}"[..]),
        (keys::request(&district, &keys::ulid(jiff::Timestamp::now(), 2)), b"nothing"),
        (format!("requests/{district}/notes.json"), b"{}"),
    ] {
        bucket.put(&key, "application/json", body.to_vec()).await.expect("the bucket stores it");
    }
    application.stack.settled().await;
    assert!(application.failures().is_empty(), "{:?}", application.failures());
    assert!(
        application
            .stack
            .table()
            .newest(&district, 10)
            .await
            .expect("the table answers")
            .is_empty()
    );
    let log = application.stack.log(stack::RECONCILE);
    assert_eq!(log.matches("\"UnreadableRequests\":1").count(), 2, "{log}");
}
