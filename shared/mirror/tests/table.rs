//! The same tests on the table in memory, and on the real client with a service in this process.
//! Both must give the same results.

#![expect(clippy::unwrap_used, reason = "a value that cannot be unwrapped fails the test")]

mod service;

use std::time::Duration;

use jiff::Timestamp;
use mirror::files::copy::{MirrorCopy, read_record};
use mirror::keys;
use mirror::ports::connected_districts::{Connected, ConnectedDistricts};
use mirror::ports::district_settings::SettingsStore;
use mirror::ports::districts::{
    Applied, Changed, Districts, Latest, Leases, ReleaseLease, TakeLease, Wrote,
};
use mirror::ports::items::{PutItem, Range, ReadItems, Write, WriteItems};
use mirror::ports::runs::{RunRecord, Runs};
use mirror::testing::Configure as _;
use mirror::testing::memory::MemoryTable;
use roster::contract::Administrator;
use roster::id::{AccountId, DistrictId, RunId, SourceId};
use roster::personal::Personal;
use roster::records::{Mirrored, Origin, RecordKind, School, Status, kinds};
use roster::run::Step;
use roster::settings::{DistrictStatus, Settings};

/// The capabilities of a table that are tested here.
trait Table:
    Districts + SettingsStore + Leases + Runs + ConnectedDistricts + ReadItems + WriteItems
{
}
impl<T> Table for T where
    T: Districts + SettingsStore + Leases + Runs + ConnectedDistricts + ReadItems + WriteItems
{
}

fn oak() -> DistrictId {
    DistrictId::new("oak")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_788_000_000 + second).unwrap()
}

fn run(minute: i64) -> RunId {
    keys::run_id(at(minute * 60), "inbox", "a.zip", "e", "")
}

async fn districts_and_leases(table: &impl Table) {
    let settings = Settings::of_preset("sis");
    let taken = table.take(&oak(), "a", at(0), at(900)).await.unwrap();
    assert_eq!(taken, TakeLease::NoDistrict);
    assert_eq!(table.district(&oak()).await.unwrap(), None);
    assert_eq!(
        table.configure(&oak(), &settings, DistrictStatus::Live).await.unwrap(),
        Changed::No
    );
    let latest = Latest { run: run(0), taken_at: at(0) };
    assert_eq!(table.accept(&oak(), &latest, None).await.unwrap(), Changed::No);

    assert_eq!(
        table.create(&oak(), &settings, DistrictStatus::Configured).await.unwrap(),
        Wrote::Yes
    );
    assert_eq!(
        table.create(&oak(), &settings, DistrictStatus::Live).await.unwrap(),
        Wrote::AlreadyThere
    );
    assert_eq!(
        table.configure(&oak(), &settings, DistrictStatus::Live).await.unwrap(),
        Changed::Yes
    );

    // The lease.
    let TakeLease::Taken(district) = table.take(&oak(), "a", at(0), at(900)).await.unwrap() else {
        panic!("a free lease can be taken")
    };
    assert_eq!((district.status, district.settings), (DistrictStatus::Live, settings));
    let first = district.lease.unwrap().token;
    assert_eq!(
        table.take(&oak(), "b", at(10), at(910)).await.unwrap(),
        TakeLease::Held { until: at(900) }
    );
    let TakeLease::Taken(again) = table.take(&oak(), "a", at(20), at(920)).await.unwrap() else {
        panic!("the owner can take its lease again")
    };
    let TakeLease::Taken(taken_over) = table.take(&oak(), "b", at(921), at(1800)).await.unwrap()
    else {
        panic!("an expired lease can be taken")
    };
    let token = taken_over.lease.unwrap().token;
    assert!(first < again.lease.unwrap().token && first + 1 < token);

    // With an old token, nothing is written and no lease is released.
    let applied = Applied { run: run(0), taken_at: at(0), version: 1 };
    assert_eq!(table.set_applied(&oak(), first, &applied).await.unwrap(), Changed::No);
    assert_eq!(table.set_open(&oak(), first, &run(0)).await.unwrap(), Changed::No);
    assert_eq!(table.release(&oak(), first, None).await.unwrap(), ReleaseLease::Released);
    assert!(matches!(
        table.take(&oak(), "c", at(930), at(940)).await.unwrap(),
        TakeLease::Held { .. }
    ));

    assert_eq!(table.set_open(&oak(), token, &run(0)).await.unwrap(), Changed::Yes);
    assert_eq!(table.district(&oak()).await.unwrap().unwrap().open, Some(run(0)));
    assert_eq!(table.set_applied(&oak(), token, &applied).await.unwrap(), Changed::Yes);
    let district = table.district(&oak()).await.unwrap().unwrap();
    assert_eq!((district.open, district.applied), (Some(run(0)), Some(applied.clone())));

    // The release reports a snapshot that was accepted in the meantime.
    assert_eq!(table.accept(&oak(), &latest, None).await.unwrap(), Changed::Yes);
    assert_eq!(table.accept(&oak(), &latest, None).await.unwrap(), Changed::No);
    let newer = Latest { run: run(1), taken_at: at(60) };
    assert_eq!(table.accept(&oak(), &newer, Some(&run(0))).await.unwrap(), Changed::Yes);
    assert_eq!(
        table.release(&oak(), token, Some(&run(0))).await.unwrap(),
        ReleaseLease::NewerSnapshot
    );
    assert_eq!(table.release(&oak(), token, Some(&run(1))).await.unwrap(), ReleaseLease::Released);
    assert_eq!(
        table.set_applied(&oak(), token, &applied).await.unwrap(),
        Changed::No,
        "the lease was released"
    );
    assert_eq!(table.district(&oak()).await.unwrap().unwrap().latest, Some(newer));
}

async fn administrators(table: &impl Table) {
    assert_eq!(table.administrators(&oak()).await.unwrap(), []);
    let mut kim =
        Administrator { email: Personal::new("kim@oak.example"), account: AccountId::new("a1") };
    table.put_administrator(&oak(), &kim).await.unwrap();
    kim.account = AccountId::new("a2");
    table.put_administrator(&oak(), &kim).await.unwrap();
    assert_eq!(table.administrators(&oak()).await.unwrap(), [kim]);
}

async fn connected(table: &impl Table) {
    assert_eq!(table.connected("clever").await.unwrap(), []);
    let one = |id: &str| Connected {
        id: id.into(),
        district: oak(),
        since: at(0),
        missed: None,
        notified: false,
    };
    assert_eq!(table.add_connected("clever", &one("b")).await.unwrap(), Wrote::Yes);
    assert_eq!(table.add_connected("clever", &one("a")).await.unwrap(), Wrote::Yes);
    assert_eq!(table.add_connected("elsewhere", &one("a")).await.unwrap(), Wrote::Yes);
    let missed = Connected { missed: Some(at(60)), ..one("a") };
    assert_eq!(table.add_connected("clever", &missed).await.unwrap(), Wrote::AlreadyThere);
    table.update_connected("clever", &missed).await.unwrap();
    assert_eq!(table.connected("clever").await.unwrap(), [missed, one("b")]);
}

async fn run_records(table: &impl Table) {
    assert_eq!(table.run(&oak(), &run(0)).await.unwrap(), None);
    for minute in [1, 0, 2] {
        let record = RunRecord::importing(oak(), run(minute), at(minute * 60));
        assert_eq!(table.begin(&record).await.unwrap(), Wrote::Yes);
        assert_eq!(table.begin(&record).await.unwrap(), Wrote::AlreadyThere);
    }
    let newest: Vec<RunId> =
        table.newest(&oak(), 2).await.unwrap().into_iter().map(|record| record.run).collect();
    assert_eq!(newest, [run(2), run(1)]);

    let mut mine = table.run(&oak(), &run(0)).await.unwrap().unwrap();
    let mut other = mine.clone();
    mine.step(Step::Stage).unwrap();
    mine.token = 5;
    assert_eq!(table.save(&mut mine).await.unwrap(), Changed::Yes);
    assert_eq!(table.run(&oak(), &run(0)).await.unwrap().unwrap(), mine);
    other.token = 6;
    assert_eq!(
        table.save(&mut other).await.unwrap(),
        Changed::No,
        "the record was read before the last save"
    );
    let mut older = mine.clone();
    older.token = 4;
    assert_eq!(table.save(&mut older).await.unwrap(), Changed::No, "the token is older");
    assert_eq!(table.save(&mut mine).await.unwrap(), Changed::Yes);
}

fn school(id: &str, name: &str) -> Mirrored<kinds::Schools> {
    Mirrored {
        key: id.into(),
        id: id.into(),
        account: None,
        status: Status::Active,
        origin: Origin::Source,
        state: School { id: id.into(), name: name.into(), identifier: None, parent: None },
        first_seen: run(0),
        changed_by: run(0),
        archived_on: None,
    }
}

async fn mirror_items(table: &impl Table) {
    let ids: Vec<String> = (0..60).map(|n| format!("school {n} #")).collect();
    let long = "x".repeat(900_000);
    let mut batch = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let after = school(id, if n == 30 { &long } else { "Oak" });
        let writes =
            mirror::item::writes(&oak(), None, Some(&roster::records::AnyMirrored::School(after)))
                .unwrap()
                .unwrap();
        batch.extend(writes.before);
        batch.push(writes.item);
        if batch.len() > 20 {
            let written = table.write(std::mem::take(&mut batch)).await.unwrap();
            assert!(written.left.is_empty() && written.units > 0.0);
        }
    }
    if !batch.is_empty() {
        table.write(batch).await.unwrap();
    }
    let copy = MirrorCopy::read(table, &oak()).await.unwrap();
    assert!(copy.read_units > 0.0);
    let mut expected: Vec<SourceId> = ids.iter().map(|id| id.as_str().into()).collect();
    expected.sort_by(SourceId::table_order);
    let records: Vec<Mirrored<kinds::Schools>> =
        copy.records::<kinds::Schools>().map(|record| *record.unwrap()).collect();
    assert_eq!(records.iter().map(|r| r.key.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(records.iter().filter(|r| r.state.name == long).count(), 1);
    assert_eq!(copy.records::<kinds::Students>().count(), 0);
    assert_eq!(
        MirrorCopy::read_kind(table, &oak(), RecordKind::School)
            .await
            .unwrap()
            .bodies(RecordKind::School)
            .count(),
        60
    );

    let body = read_record(table, &oak(), RecordKind::School, &"school 30 #".into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        serde_json::from_str::<Mirrored<kinds::Schools>>(&body).unwrap(),
        school("school 30 #", &long)
    );
    assert_eq!(
        read_record(table, &oak(), RecordKind::School, &"school 3".into()).await.unwrap(),
        None
    );

    // A link is deleted, and a district does not read the items of another district (invariant 14).
    let shard = SourceId::from("old").shard();
    let (pk, sk) =
        (keys::shard_pk(&oak(), shard), keys::link_sk(RecordKind::Student, &"old".into()));
    let put = PutItem { pk: pk.clone(), sk: sk.clone(), body: "{}".into(), ..PutItem::default() };
    table.write(vec![Write::Put(put)]).await.unwrap();
    let range = Range::BeginningWith(keys::LINK);
    assert_eq!(table.page(&oak(), shard, range, None).await.unwrap().items.len(), 1);
    assert_eq!(
        table.page(&DistrictId::new("oa"), shard, range, None).await.unwrap().items.len(),
        0
    );
    table.write(vec![Write::Delete { pk, sk }]).await.unwrap();
    assert_eq!(table.page(&oak(), shard, range, None).await.unwrap().items.len(), 0);
}

async fn all(table: impl Table) {
    districts_and_leases(&table).await;
    administrators(&table).await;
    run_records(&table).await;
    connected(&table).await;
    mirror_items(&table).await;
}

#[tokio::test]
async fn the_table_in_memory() {
    all(MemoryTable::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_client() {
    tokio::time::timeout(Duration::from_secs(60), async {
        all(service::real_table().await.0).await
    })
    .await
    .unwrap();
}
