//! Reading for people, settings, answers, notices and erasing: the table in memory and the real one
//! do the same.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed the test")]

mod service;

use jiff::{SignedDuration, Timestamp};
use mirror::item;
use mirror::ops::edits::{Edits, Ending};
use mirror::ops::erase::partitions;
use mirror::ports::directory::{Directory, InSchool, Place};
use mirror::ports::district_settings::SettingsStore;
use mirror::ports::districts::{Changed, Districts, Wrote};
use mirror::ports::erase::EraseItems;
use mirror::ports::idempotency::{Answer, Begun, IdempotencyRecords, IdempotentRequest};
use mirror::ports::items::WriteItems;
use mirror::ports::webhook_events::WebhookEvents;
use mirror::testing::memory::MemoryTable;
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::id::{AccountId, DistrictId, RunId, SourceId};
use roster::personal::Personal;
use roster::records::{
    AnyMirrored, ClassDetails, ClassState, Demographics, Kind, Link, Mirrored, Origin, Person,
    RecordKind, Status, StudentState, kinds,
};
use roster::rule::Rule;
use roster::settings::{DistrictStatus, Settings};

fn oak() -> DistrictId {
    DistrictId::new("oak")
}

fn mirrored<K: Kind>(key: &str, state: K::State) -> Mirrored<K> {
    let run = RunId::from("01HZ0000000000000000000001");
    let (status, origin) = (Status::Active, Origin::Source);
    let key = SourceId::from(key);
    Mirrored {
        id: key.clone(),
        key,
        account: None,
        status,
        origin,
        state,
        first_seen: run.clone(),
        changed_by: run,
        archived_on: None,
    }
}

fn student(key: &str, email: &str, school: &str) -> Mirrored<kinds::Students> {
    let person = Person {
        email: Some(Personal::new(email)),
        schools: vec![school.into()],
        ..Person::default()
    };
    let (demographics, email_shared) = (Demographics::default(), false);
    mirrored(
        key,
        StudentState { person, demographics, guardians: vec![], classes: vec![], email_shared },
    )
}

fn class(key: &str, students: usize) -> Mirrored<kinds::Classes> {
    let details = ClassDetails {
        title: "Reading".into(),
        code: None,
        class_type: None,
        location: None,
        school: "north".into(),
        course: None,
        terms: vec![],
        grades: vec![],
        subjects: vec![],
        subject_codes: vec![],
        periods: vec![],
    };
    let students =
        (0..students).map(|n| SourceId::new(format!("student-with-a-long-id-{n:06}"))).collect();
    mirrored(key, ClassState { details, teachers: vec![], students, inactive: vec![] })
}

async fn put(table: &impl WriteItems, record: AnyMirrored) {
    let writes = item::writes(&oak(), None, Some(&record)).unwrap().unwrap();
    for write in writes.before.into_iter().chain([writes.item]) {
        assert!(table.write(vec![write]).await.unwrap().left.is_empty());
    }
}

fn edit(kind: RecordKind, key: &str, version: &str, edit: Edit) -> LocalEdit {
    let (by, version) = (AccountId::from("a1"), EditVersion::new(version));
    LocalEdit { kind, key: key.into(), edit, by, at: Timestamp::UNIX_EPOCH, version }
}

async fn records_come_with_their_edits_and_twins(table: impl Directory + Edits) {
    for key in ["s1", "s1x", "s 1"] {
        put(&table, AnyMirrored::Student(student(key, "s@oak.org", "north"))).await;
    }
    // Longer than one item.
    put(&table, AnyMirrored::Class(class("c1", 30_000))).await;
    let name =
        edit(RecordKind::Class, "c1", "v1", Edit::CustomName { name: Personal::new("Owls") });
    let member = edit(
        RecordKind::Class,
        "c1",
        "v2",
        Edit::Member { role: RecordKind::Student, person: "s1".into() },
    );
    for edit in [&name, &member] {
        assert_eq!(table.put_edit(&oak(), edit, None).await.unwrap().ending, Ending::Done);
    }
    let found = table.found(&oak(), &Place::of(RecordKind::Class, &"c1".into())).await.unwrap();
    assert_eq!(found.record::<kinds::Classes>().unwrap().unwrap().state.students.len(), 30_000);
    assert_eq!((found.edits, found.twins), (vec![member.clone(), name.clone()], vec![]));
    let found = table.found(&oak(), &Place::of(RecordKind::Student, &"s1".into())).await.unwrap();
    assert_eq!((found.body.is_some(), found.edits, found.twins), (true, vec![], vec![member]));
    let found = table.found(&oak(), &Place::of(RecordKind::Student, &"s".into())).await.unwrap();
    assert_eq!((found.body, found.twins), (None, vec![]), "nobody whose key only begins a key");
    let elsewhere = table
        .found(&DistrictId::new("elm"), &Place::of(RecordKind::Student, &"s1".into()))
        .await
        .unwrap();
    assert_eq!(elsewhere.body, None);

    let places = [
        Place::of(RecordKind::Student, &"s1".into()),
        Place::of(RecordKind::Student, &"nobody".into()),
        Place::of(RecordKind::Class, &"c1".into()),
    ];
    let listed = table.find_many(&oak(), &places, &["NAME"]).await.unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|found| (found.body.is_some(), found.edits.len(), found.twins.len()))
        .collect();
    assert_eq!(
        seen,
        [(true, 0, 0), (false, 0, 0), (false, 1, 0)],
        "a long body is left to a reader of the record"
    );

    let link = Link {
        kind: RecordKind::Student,
        source: "new".into(),
        key: "s1".into(),
        rule: Rule::I3,
        administrator: None,
    };
    put(&table, AnyMirrored::Link(link.clone())).await;
    assert_eq!(table.link(&oak(), RecordKind::Student, &"new".into()).await.unwrap(), Some(link));
    assert_eq!(table.link(&oak(), RecordKind::Teacher, &"new".into()).await.unwrap(), None);
}

async fn a_school_is_read_in_pages(table: impl Directory + WriteItems) {
    for n in 0..7 {
        let mut student =
            student(&format!("s{n}"), "same@oak.org", if n == 3 { "south" } else { "north" });
        if n % 2 == 1 {
            student.status = Status::Archived;
        }
        put(&table, AnyMirrored::Student(student)).await;
    }
    put(&table, AnyMirrored::Class(class("s9", 1))).await;
    let school = SourceId::from("north");
    let all = async |kind, status, at_most| {
        let (mut keys, mut after, mut pages) = (Vec::new(), None::<Place>, 0);
        loop {
            let question =
                InSchool { school: &school, kind, status, after: after.as_ref(), at_most };
            let listed = table.in_school(&oak(), question).await.unwrap();
            assert!(listed.places.len() <= at_most);
            keys.extend(
                listed
                    .places
                    .iter()
                    .map(|place| place.text().split('#').nth(1).unwrap().to_owned()),
            );
            pages += 1;
            after = listed.next;
            if after.is_none() {
                return (keys.join(" "), pages > 1);
            }
        }
    };
    for at_most in [1, 2, 6, 100] {
        assert_eq!(
            all(RecordKind::Student, None, at_most).await.0,
            "s0 s1 s2 s4 s5 s6",
            "{at_most}"
        );
        assert_eq!(
            all(RecordKind::Student, Some(Status::Active), at_most).await.0,
            "s0 s2 s4 s6",
            "{at_most}"
        );
        assert_eq!(
            all(RecordKind::Student, Some(Status::Archived), at_most).await.0,
            "s1 s5",
            "{at_most}"
        );
    }
    assert_eq!(all(RecordKind::Class, None, 10).await, ("s9".to_owned(), false));
    assert_eq!(table.with_email(&oak(), &Personal::new("same@oak.org")).await.unwrap().len(), 7);
    assert!(
        table
            .with_email(&DistrictId::new("elm"), &Personal::new("same@oak.org"))
            .await
            .unwrap()
            .is_empty()
    );
}

async fn settings_change_only_from_the_version_that_was_seen(
    table: impl SettingsStore + Districts,
) {
    assert_eq!(table.configured(&oak()).await.unwrap(), None);
    table.create(&oak(), &Settings::of_preset("sis"), DistrictStatus::Live).await.unwrap();
    let seen = table.configured(&oak()).await.unwrap().unwrap();
    let next = Settings::of_preset("clever");
    assert_eq!(
        table.reconfigure(&oak(), &seen, &next, DistrictStatus::Off).await.unwrap(),
        Changed::Yes
    );
    assert_eq!(
        table.reconfigure(&oak(), &seen, &next, DistrictStatus::Live).await.unwrap(),
        Changed::No
    );
    let now = table.configured(&oak()).await.unwrap().unwrap();
    assert_eq!((&now.settings, now.status), (&next, DistrictStatus::Off));
    assert_ne!(now.version(), seen.version());
    assert_eq!(
        table
            .reconfigure(&DistrictId::new("elm"), &now, &next, DistrictStatus::Live)
            .await
            .unwrap(),
        Changed::No
    );
}

async fn a_request_is_answered_once(table: impl IdempotencyRecords) {
    let now = "2026-09-01T12:00:00Z".parse::<Timestamp>().unwrap();
    let until = now + SignedDuration::from_secs(30);
    let asked = |fresh, now| IdempotentRequest { name: "n", request: "r", fresh, now, until };
    assert_eq!(
        table.claim(&oak(), asked("f1", now)).await.unwrap(),
        Begun::Ours { fresh: "f1".into() }
    );
    assert_eq!(table.claim(&oak(), asked("f2", now)).await.unwrap(), Begun::AtWork);
    assert_eq!(
        table
            .claim(&oak(), IdempotentRequest { request: "other", ..asked("f2", now) })
            .await
            .unwrap(),
        Begun::AnotherRequest
    );
    // Whoever began it has died: the next one goes on under the same id.
    let later = until + SignedDuration::from_secs(1);
    assert_eq!(
        table.claim(&oak(), asked("f3", later)).await.unwrap(),
        Begun::Ours { fresh: "f1".into() }
    );
    let answer = Answer {
        status: 201,
        version: Some("v".into()),
        location: None,
        body: Personal::new("{}"),
    };
    table.finish(&oak(), asked("f3", later), answer.clone()).await.unwrap();
    assert_eq!(table.claim(&oak(), asked("f4", later)).await.unwrap(), Begun::Answered(answer));
    assert_eq!(
        table.claim(&DistrictId::new("elm"), asked("f5", later)).await.unwrap(),
        Begun::Ours { fresh: "f5".into() }
    );
    table.forget(&oak(), asked("f4", later)).await.unwrap();
    assert_eq!(
        table.claim(&oak(), asked("f6", later)).await.unwrap(),
        Begun::Ours { fresh: "f6".into() }
    );
}

async fn a_district_is_erased_and_its_neighbours_stay(
    table: impl EraseItems + Districts + Edits + Directory + IdempotencyRecords,
) {
    for id in ["oak", "oakfield"] {
        table
            .create(&DistrictId::new(id), &Settings::of_preset("sis"), DistrictStatus::Live)
            .await
            .unwrap();
    }
    for n in 0..60 {
        put(&table, AnyMirrored::Student(student(&format!("s{n}"), "s@oak.org", "north"))).await;
    }
    let pin =
        edit(RecordKind::Student, "s1", "v1", Edit::SignIn { email: Personal::new("x@oak.org") });
    assert_eq!(table.put_edit(&oak(), &pin, None).await.unwrap().ending, Ending::Done);
    let code = edit(RecordKind::Class, "c1", "v1", Edit::JoinCode { code: Personal::new("CODE") });
    assert_eq!(table.put_edit(&oak(), &code, None).await.unwrap().ending, Ending::Done);
    let mut hashes = std::collections::BTreeSet::new();
    for pk in partitions(&oak()) {
        loop {
            let page = table.first_items(&pk).await.unwrap();
            if page.items.is_empty() {
                break;
            }
            hashes.extend(page.items.iter().map(|item| item.hash));
            table.erase_items(&page.items).await.unwrap();
        }
    }
    // 60 students, an edit with its address, a code with its edit, and the district itself.
    assert_eq!(hashes.len(), 65);
    assert!(table.district(&oak()).await.unwrap().is_none());
    assert!(table.district(&DistrictId::new("oakfield")).await.unwrap().is_some());
    assert_eq!(
        table.found(&oak(), &Place::of(RecordKind::Student, &"s1".into())).await.unwrap(),
        Default::default()
    );
}

async fn notices_are_remembered(table: impl WebhookEvents) {
    let until = Timestamp::from_second(1_780_000_600).unwrap();
    assert!(!table.is_recorded("d1").await.unwrap());
    assert_eq!(table.record("d1", until).await.unwrap(), Wrote::Yes);
    assert_eq!(table.record("d1", until).await.unwrap(), Wrote::AlreadyThere);
    assert!(table.is_recorded("d1").await.unwrap() && !table.is_recorded("d2").await.unwrap());
    for (stretch, count) in [("100", 1), ("100", 2), ("101", 1), ("100", 3)] {
        assert_eq!(table.count(stretch, until).await.unwrap(), count);
    }
    assert!(!table.is_recorded("100").await.unwrap(), "a count is no notice");
}

/// Runs a story on the table in memory and on the real one.
macro_rules! on_both {
    ($($name:ident: $story:ident;)*) => { $(
        mod $name {
            #[tokio::test]
            async fn in_memory() {
                super::$story(super::MemoryTable::default()).await;
            }

            #[tokio::test]
            async fn for_real() {
                super::$story(super::service::real_table().await.0).await;
            }
        }
    )* };
}

on_both! {
    records: records_come_with_their_edits_and_twins;
    schools: a_school_is_read_in_pages;
    settings: settings_change_only_from_the_version_that_was_seen;
    answers: a_request_is_answered_once;
    notices: notices_are_remembered;
    erasing: a_district_is_erased_and_its_neighbours_stay;
}
