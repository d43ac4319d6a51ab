//! Local edits and manual records: the same tests on the table in memory, and on the real client
//! with a service in this process.

#![expect(clippy::unwrap_used, reason = "a value that cannot be unwrapped fails the test")]

mod service;

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use mirror::MirrorError;
use mirror::files::copy::{MirrorCopy, WithEdits, read_beside, read_record};
use mirror::item::body_hash;
use mirror::keys;
use mirror::ops::edits::{Edits, Ending};
use mirror::ports::districts::Wrote;
use mirror::ports::items::{Range, ReadItems, Write, WriteItems};
use mirror::testing::memory::MemoryTable;
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::id::{AccountId, DistrictId, RunId, SHARDS, SourceId};
use roster::personal::Personal;
use roster::records::{
    AnyMirrored, ClassDetails, ClassState, Mirrored, Origin, Person, RecordKind, Status,
    StudentState, kinds,
};

fn oak() -> DistrictId {
    DistrictId::new("oak")
}

fn edit(kind: RecordKind, key: &str, version: &str, edit: Edit) -> LocalEdit {
    let (by, at) = (AccountId::from("a1"), Timestamp::UNIX_EPOCH);
    LocalEdit { kind, key: key.into(), edit, by, at, version: EditVersion::new(version) }
}

fn member(class: &str, student: &str, version: &str) -> LocalEdit {
    edit(
        RecordKind::Class,
        class,
        version,
        Edit::Member { role: RecordKind::Student, person: student.into() },
    )
}

fn named(class: &str, name: &str, version: &str) -> LocalEdit {
    edit(RecordKind::Class, class, version, Edit::CustomName { name: Personal::new(name) })
}

fn code(class: &str, code: &str, version: &str) -> LocalEdit {
    edit(RecordKind::Class, class, version, Edit::JoinCode { code: Personal::new(code) })
}

fn class(key: &str, origin: Origin, students: usize) -> Mirrored<kinds::Classes> {
    Mirrored {
        key: key.into(),
        id: key.into(),
        account: None,
        status: Status::Active,
        origin,
        state: ClassState {
            details: ClassDetails {
                title: "Practice".into(),
                code: None,
                class_type: None,
                location: None,
                school: "s1".into(),
                course: None,
                terms: vec![],
                grades: vec![],
                subjects: vec![],
                subject_codes: vec![],
                periods: vec![],
            },
            teachers: vec![],
            students: (0..students).map(|n| SourceId::new(format!("student-{n:040}"))).collect(),
            inactive: vec![],
            ends: vec![],
        },
        first_seen: RunId::from("r1"),
        changed_by: RunId::from("r1"),
        archived_on: None,
    }
}

fn student(key: &str, email: &str) -> Mirrored<kinds::Students> {
    let person = Person {
        email: Some(Personal::new(email)),
        schools: vec!["s1".into()],
        ..Person::default()
    };
    Mirrored {
        key: key.into(),
        id: key.into(),
        account: Some(AccountId::from("a7")),
        status: Status::Active,
        origin: Origin::Source,
        state: StudentState {
            person,
            demographics: Default::default(),
            guardians: vec![],
            classes: vec![],
            email_shared: false,
        },
        first_seen: RunId::from("r1"),
        changed_by: RunId::from("r1"),
        archived_on: None,
    }
}

/// Writes a record as a run does.
async fn put(table: &impl WriteItems, record: AnyMirrored) {
    let writes = mirror::item::writes(&oak(), None, Some(&record)).unwrap().unwrap();
    for write in writes.before.into_iter().chain([writes.item]) {
        assert!(table.write(vec![write]).await.unwrap().left.is_empty());
    }
}

async fn beside(table: &impl ReadItems, kind: RecordKind, key: &str) -> WithEdits {
    read_beside(table, &oak(), kind, &key.into()).await.unwrap()
}

/// Returns the number of all items in the district's shards.
async fn items(table: &impl ReadItems) -> usize {
    let mut count = 0;
    for shard in 0..SHARDS {
        let mut after: Option<String> = None;
        loop {
            let page = table.page(&oak(), shard, Range::Whole, after.as_deref()).await.unwrap();
            count += page.items.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    count
}

async fn an_edit_replaces_only_the_version_that_was_read(table: &impl Edits) {
    let first = named("c 1", "Robins", "v1");
    let done = table.put_edit(&oak(), &first, None).await.unwrap();
    assert_eq!((done.ending, done.items), (Ending::Done, 1));
    assert!(done.units > 0.0);
    // Sent again, because the response was lost.
    assert_eq!(table.put_edit(&oak(), &first, None).await.unwrap().ending, Ending::Done);
    // Another writer has not read the first edit.
    let other = named("c 1", "Wrens", "v2");
    let refused = table.put_edit(&oak(), &other, None).await.unwrap();
    assert_eq!((refused.ending, refused.items), (Ending::Changed, 0));
    assert_eq!(table.put_edit(&oak(), &other, Some(&first)).await.unwrap().ending, Ending::Done);
    assert_eq!(
        table.put_edit(&oak(), &other, Some(&first)).await.unwrap().ending,
        Ending::Done,
        "sent again"
    );
    let late = named("c 1", "Larks", "v3");
    assert_eq!(table.put_edit(&oak(), &late, Some(&first)).await.unwrap().ending, Ending::Changed);
    assert_eq!(beside(table, RecordKind::Class, "c 1").await.edits, std::slice::from_ref(&other));
    // Only the version that was read is deleted. Deleting it twice has the same result.
    assert_eq!(table.take_edit(&oak(), &first).await.unwrap().ending, Ending::Changed);
    assert_eq!(table.take_edit(&oak(), &other).await.unwrap().ending, Ending::Done);
    assert_eq!(table.take_edit(&oak(), &other).await.unwrap().ending, Ending::Done);
    assert_eq!(
        table.put_edit(&oak(), &late, Some(&other)).await.unwrap().ending,
        Ending::Changed,
        "the edit was deleted"
    );
    assert_eq!(beside(table, RecordKind::Class, "c 1").await, WithEdits::default());
    // An edit cannot replace an edit of another slot.
    assert!(matches!(
        table.put_edit(&oak(), &late, Some(&member("c 1", "s", "v"))).await,
        Err(MirrorError::Corrupt { .. })
    ));
}

async fn an_edit_about_a_person_is_found_with_both_records_and_planned_once(table: &impl Edits) {
    put(table, AnyMirrored::Class(class("c 1", Origin::Source, 30_000))).await;
    put(table, AnyMirrored::Student(student("ann", "ann@oak.example"))).await;
    put(table, AnyMirrored::Student(student("ann 2", "ann2@oak.example"))).await;
    let ann = member("c 1", "ann", "v1");
    let name = named("c 1", "Robins", "v2");
    let done = table.put_edit(&oak(), &ann, None).await.unwrap();
    assert_eq!((done.ending, done.items), (Ending::Done, 2));
    for edit in [&name, &member("b", "ann", "v3"), &member("c", "ann 2", "v4")] {
        assert_eq!(table.put_edit(&oak(), edit, None).await.unwrap().ending, Ending::Done);
    }
    // The class is longer than one item: its edits are between its first item and its further
    // pieces.
    let found = beside(table, RecordKind::Class, "c 1").await;
    assert!(found.record.unwrap().len() > 1_000_000);
    assert_eq!((found.edits, found.twins), (vec![ann.clone(), name.clone()], vec![]));
    assert!(read_record(table, &oak(), RecordKind::Class, &"c 1".into()).await.unwrap().is_some());
    let found = beside(table, RecordKind::Student, "ann").await;
    assert_eq!((found.edits, found.twins), (vec![], vec![member("b", "ann", "v3"), ann.clone()]));
    // A plan reads each edit once, in the order of the table, with the edits of a record together.
    let copy = MirrorCopy::read(table, &oak()).await.unwrap();
    let all: Vec<LocalEdit> = copy.edits(RecordKind::Class).map(Result::unwrap).collect();
    assert_eq!(all.len(), 4);
    assert!(all.is_sorted_by(|a, b| a.key.table_order(&b.key).is_le()));
    assert_eq!(copy.edits(RecordKind::Student).count(), 0);
    assert_eq!(
        copy.records::<kinds::Classes>()
            .map(Result::unwrap)
            .filter(|c| c.state.students.len() == 30_000)
            .count(),
        1
    );
    assert_eq!(copy.records::<kinds::Students>().count(), 2);
    let one_kind = MirrorCopy::read_kind(table, &oak(), RecordKind::Class).await.unwrap();
    assert_eq!(one_kind.edits(RecordKind::Class).count(), 4);
    // The twin is changed and deleted together with its edit.
    let again = LocalEdit { version: EditVersion::new("v5"), ..ann.clone() };
    assert_eq!(table.put_edit(&oak(), &again, Some(&ann)).await.unwrap().ending, Ending::Done);
    assert!(beside(table, RecordKind::Student, "ann").await.twins.contains(&again));
    assert_eq!(table.take_edit(&oak(), &ann).await.unwrap().ending, Ending::Changed);
    assert!(
        beside(table, RecordKind::Student, "ann").await.twins.contains(&again),
        "the twin was deleted, but not its edit"
    );
    assert_eq!(table.take_edit(&oak(), &again).await.unwrap().ending, Ending::Done);
    assert_eq!(beside(table, RecordKind::Student, "ann").await.twins, [member("b", "ann", "v3")]);
    assert_eq!(beside(table, RecordKind::Class, "c 1").await.edits, [name]);
}

async fn a_join_code_belongs_to_one_class(table: &impl Edits) {
    let class_of =
        async |text: &str| table.class_of_code(&oak(), &Personal::new(text)).await.unwrap();
    assert_eq!(class_of("ABCD-1234").await, None);
    let first = code("c 1", "ABCD-1234", "v1");
    assert_eq!(table.put_edit(&oak(), &first, None).await.unwrap().ending, Ending::Done);
    assert_eq!(class_of("ABCD-1234").await, Some("c 1".into()));
    assert_eq!(
        table.class_of_code(&DistrictId::new("elm"), &Personal::new("ABCD-1234")).await.unwrap(),
        None
    );
    // Two classes cannot have the same code: the edit of the second class is not written.
    let taken = code("c 2", "ABCD-1234", "v2");
    assert_eq!(table.put_edit(&oak(), &taken, None).await.unwrap().ending, Ending::CodeTaken);
    assert_eq!(beside(table, RecordKind::Class, "c 2").await, WithEdits::default());
    // After a change of the code, no class has the old code.
    let second = code("c 1", "WXYZ-9876", "v3");
    assert_eq!(table.put_edit(&oak(), &second, Some(&first)).await.unwrap().ending, Ending::Done);
    assert_eq!(
        (class_of("ABCD-1234").await, class_of("WXYZ-9876").await),
        (None, Some("c 1".into()))
    );
    let same = LocalEdit { version: EditVersion::new("v4"), ..second.clone() };
    assert_eq!(table.put_edit(&oak(), &same, Some(&second)).await.unwrap().ending, Ending::Done);
    assert_eq!(class_of("WXYZ-9876").await, Some("c 1".into()));
    assert_eq!(table.take_edit(&oak(), &same).await.unwrap().ending, Ending::Done);
    assert_eq!(class_of("WXYZ-9876").await, None);
}

fn contact(student: &str, email: &str, version: &str) -> LocalEdit {
    let email = Some(Personal::new(email));
    edit(RecordKind::Student, student, version, Edit::Contact { email, phone: None, sms: None })
}

fn sign_in(student: &str, email: &str, version: &str) -> LocalEdit {
    edit(RecordKind::Student, student, version, Edit::SignIn { email: Personal::new(email) })
}

async fn r_i5_an_address_belongs_to_one_person(table: &impl Edits) {
    let before = items(table).await;
    let holder = async |address: &str| {
        let found = table.holder_of_address(&oak(), &Personal::new(address)).await.unwrap();
        found.map(|(_, key)| key.as_str().to_owned())
    };
    let put = async |edit: &LocalEdit, seen: Option<&LocalEdit>| {
        table.put_edit(&oak(), edit, seen).await.unwrap().ending
    };
    let take = async |edit: &LocalEdit| table.take_edit(&oak(), edit).await.unwrap().ending;
    let anns = contact("ann", "a@x", "v1");
    assert_eq!(put(&anns, None).await, Ending::Done);
    assert_eq!(put(&anns, None).await, Ending::Done, "sent again");
    assert_eq!(holder("a@x").await.as_deref(), Some("ann"));
    let elm = DistrictId::new("elm");
    assert_eq!(table.holder_of_address(&elm, &Personal::new("a@x")).await.unwrap(), None);
    // No other person gets it, by either edit, and nothing of the refused edit is stored.
    for taken in [contact("bob", "a@x", "v2"), sign_in("bob", "a@x", "v2")] {
        assert_eq!(put(&taken, None).await, Ending::AddressTaken);
    }
    assert_eq!(beside(table, RecordKind::Student, "bob").await.edits, []);
    // The person may set it twice; it is free after the second edit is gone.
    let temporary = sign_in("ann", "a@x", "v3");
    assert_eq!(put(&temporary, None).await, Ending::Done);
    assert_eq!(take(&anns).await, Ending::Done);
    assert_eq!(put(&contact("bob", "a@x", "v4"), None).await, Ending::AddressTaken);
    // A change of the address frees the former one, but not if the change is refused.
    let changed = sign_in("ann", "b@x", "v5");
    assert_eq!(put(&sign_in("ann", "c@x", "v6"), Some(&changed)).await, Ending::Changed);
    assert_eq!((holder("a@x").await.as_deref(), holder("c@x").await), (Some("ann"), None));
    assert_eq!(put(&changed, Some(&temporary)).await, Ending::Done);
    assert_eq!(put(&changed, Some(&temporary)).await, Ending::Done, "sent again");
    assert_eq!((holder("a@x").await, holder("b@x").await.as_deref()), (None, Some("ann")));
    assert_eq!(take(&changed).await, Ending::Done);
    assert_eq!(take(&changed).await, Ending::Done, "taken away twice");
    assert_eq!(holder("b@x").await, None);
    // An edit without an address reserves none.
    let phone =
        Edit::Contact { email: None, phone: Some(Personal::new("+12025550100")), sms: None };
    let phone = edit(RecordKind::Student, "bob", "v7", phone);
    assert_eq!(put(&phone, None).await, Ending::Done);
    assert_eq!(take(&phone).await, Ending::Done);
    assert_eq!(items(table).await, before);
}

async fn r_i5_of_writers_at_the_same_time_one_gets_the_address(table: &impl Edits) {
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..12 {
        let table = table.clone();
        writers.spawn(async move {
            let edit = match n % 2 {
                0 => contact(&format!("w{n}"), "same@x", &format!("v{n}")),
                _ => sign_in(&format!("w{n}"), "same@x", &format!("v{n}")),
            };
            (table.put_edit(&oak(), &edit, None).await.unwrap().ending, edit)
        });
    }
    let ended = writers.join_all().await;
    let done: Vec<_> = ended.iter().filter(|(ending, _)| *ending == Ending::Done).collect();
    assert_eq!(done.len(), 1, "{ended:?}");
    for (ending, edit) in &ended {
        assert!(matches!(ending, Ending::Done | Ending::AddressTaken | Ending::Busy), "{ending:?}");
        let stored = beside(table, RecordKind::Student, edit.key.as_str()).await.edits;
        assert_eq!(stored.len(), usize::from(*ending == Ending::Done));
    }
    assert_eq!(table.take_edit(&oak(), &done[0].1).await.unwrap().ending, Ending::Done);
}

async fn a_manual_record_replaces_only_the_version_that_was_read(table: &impl Edits) {
    let hash = async |key: &str| {
        body_hash(
            &read_record(table, &oak(), RecordKind::Class, &key.into()).await.unwrap().unwrap(),
        )
    };
    let before = items(table).await;
    let made = AnyMirrored::Class(class("m-1", Origin::Manual, 0));
    assert_eq!(table.put_manual(&oak(), &made, None).await.unwrap().ending, Ending::Done);
    let seen = hash("m-1").await;
    let mut grown = class("m-1", Origin::Manual, 20_000);
    assert_eq!(
        table.put_manual(&oak(), &AnyMirrored::Class(grown.clone()), None).await.unwrap().ending,
        Ending::Changed
    );
    let done =
        table.put_manual(&oak(), &AnyMirrored::Class(grown.clone()), Some(&seen)).await.unwrap();
    assert_eq!(done.ending, Ending::Done);
    assert!(done.items > 2 && items(table).await > before + 2, "the record has several items");
    assert_eq!(
        table.put_manual(&oak(), &made, Some("0011223344556677")).await.unwrap().ending,
        Ending::Changed
    );
    // Archived, and short again: the further pieces are deleted.
    let long = hash("m-1").await;
    (grown.status, grown.state.students) = (Status::Archived, vec![]);
    let archived = AnyMirrored::Class(grown.clone());
    assert_eq!(
        table.put_manual(&oak(), &archived, Some(&seen)).await.unwrap().ending,
        Ending::Changed
    );
    assert_eq!(
        table.put_manual(&oak(), &archived, Some(&long)).await.unwrap().ending,
        Ending::Done
    );
    assert_eq!(items(table).await, before + 1);
    let body = read_record(table, &oak(), RecordKind::Class, &"m-1".into()).await.unwrap().unwrap();
    assert_eq!(mirror::item::parse(RecordKind::Class, &body).unwrap(), archived);
    // Only runs write records that belong to the source.
    let source = AnyMirrored::Class(class("c 9", Origin::Source, 0));
    assert!(matches!(
        table.put_manual(&oak(), &source, None).await,
        Err(MirrorError::Corrupt { .. })
    ));
    assert_eq!(items(table).await, before + 1);
}

async fn all(table: impl Edits) {
    an_edit_replaces_only_the_version_that_was_read(&table).await;
    an_edit_about_a_person_is_found_with_both_records_and_planned_once(&table).await;
    a_join_code_belongs_to_one_class(&table).await;
    a_manual_record_replaces_only_the_version_that_was_read(&table).await;
    r_i5_an_address_belongs_to_one_person(&table).await;
    r_i5_of_writers_at_the_same_time_one_gets_the_address(&table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_in_memory() {
    all(MemoryTable::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_client() {
    tokio::time::timeout(Duration::from_secs(90), async {
        all(service::real_table().await.0).await
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_throttled_table_is_reported_and_nothing_is_written() {
    let table = MemoryTable::default();
    table.leave_every(1);
    assert_eq!(
        table.put_edit(&oak(), &named("c 1", "Robins", "v1"), None).await.unwrap().ending,
        Ending::Busy
    );
    let long = AnyMirrored::Class(class("m-1", Origin::Manual, 20_000));
    assert_eq!(table.put_manual(&oak(), &long, None).await.unwrap().ending, Ending::Busy);
    assert!(table.items().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_indexes_by_email_and_school_contain_records_but_no_edits() {
    let (table, client) = service::real_table().await;
    assert_eq!(table.create_table().await.unwrap(), Wrote::AlreadyThere);
    put(&table, AnyMirrored::Student(student("ann", "ann@oak.example"))).await;
    put(&table, AnyMirrored::Class(class("c 1", Origin::Source, 20_000))).await;
    let done = table.put_edit(&oak(), &member("c 1", "ann", "v1"), None).await.unwrap();
    assert_eq!(done.ending, Ending::Done);
    let query = |index: &str, name: &str, value: String| {
        let query = client
            .query()
            .table_name("rollbook")
            .index_name(index)
            .key_condition_expression("#k = :k");
        query
            .expression_attribute_names("#k", name)
            .expression_attribute_values(":k", AttributeValue::S(value))
            .send()
    };
    let by_email = query(
        keys::BY_EMAIL,
        "email_key",
        keys::email_key(&oak(), &Personal::new("ann@oak.example")),
    )
    .await
    .unwrap();
    let sort_keys = |items: &[std::collections::HashMap<String, AttributeValue>]| -> Vec<String> {
        items.iter().map(|item| item["SK"].as_s().unwrap().clone()).collect()
    };
    assert_eq!(sort_keys(by_email.items()), ["student#ann"]);
    let by_school =
        query(keys::BY_SCHOOL, "school_key", keys::school_key(&oak(), &"s1".into())).await.unwrap();
    assert_eq!(sort_keys(by_school.items()), ["class#c%201", "student#ann"]);
    for item in by_school.items() {
        assert_eq!(item["status"].as_s().unwrap(), "active");
        assert!(!item.contains_key("body"));
    }
    // A deleted record is removed from the indexes, too.
    let (pk, sk) =
        (keys::shard_pk(&oak(), SourceId::from("ann").shard()), "student#ann".to_owned());
    table.write(vec![Write::Delete { pk, sk }]).await.unwrap();
    let by_school =
        query(keys::BY_SCHOOL, "school_key", keys::school_key(&oak(), &"s1".into())).await.unwrap();
    assert_eq!(sort_keys(by_school.items()), ["class#c%201"]);
}
