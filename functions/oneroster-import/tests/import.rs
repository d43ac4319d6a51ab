//! Imports of uploads, with storage in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use districts::{Defect, District, Night, Size};
use jiff::Timestamp;
use jiff::civil::date;
use lambda_runtime::{Context, LambdaEvent};
use mirror::clock::Clock;
use mirror::eventbridge::Notifications;
use mirror::eventbridge::event::Kind;
use mirror::files::snapshot::read_manifest;
use mirror::keys;
use mirror::ports::districts::{Districts, Wrote};
use mirror::ports::runs::{Importer, RunRecord, Runs};
use mirror::testing::Configure as _;
use mirror::testing::failing::{Cue, Failing};
use mirror::testing::memory::{MemoryBus, MemoryObjects, MemoryTable};
use oneroster_import::{Config, ImportFailure, Storage, Summary, handle, upload_events};
use roster::id::{DistrictId, RunId};
use roster::report::Report;
use roster::run::RunState;
use roster::settings::{DistrictStatus, Settings};
use roster::snapshot::Manifest;
use serde_json::Value;

/// The time of the sample events.
const NOON: &str = "2026-09-01T02:03:04.567Z";

struct World {
    table: MemoryTable,
    inbox: MemoryObjects,
    internal: MemoryObjects,
    bus: MemoryBus,
    now: Arc<AtomicI64>,
    config: Config,
    district: DistrictId,
}

fn sample(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

fn zip(night: &Night) -> Vec<u8> {
    let mut zip = Cursor::new(Vec::new());
    night.write_zip(&mut zip).unwrap();
    zip.into_inner()
}

fn nights() -> District {
    District::new(Size::students(40)).seed(3).churn(10.0)
}

impl World {
    async fn new() -> Self {
        let world = Self::without_district();
        let made = world
            .table
            .create(&world.district, &Settings::of_preset("clever"), DistrictStatus::Live)
            .await;
        assert_eq!(made.unwrap(), Wrote::Yes);
        world
    }

    fn without_district() -> Self {
        let needed = ["INBOX_BUCKET", "INTERNAL_BUCKET", "TABLE", "OPERATOR_BUS"];
        Self {
            table: MemoryTable::default(),
            inbox: MemoryObjects::default(),
            internal: MemoryObjects::default(),
            bus: MemoryBus::default(),
            now: Arc::new(AtomicI64::new(noon().as_millisecond() + 1500)),
            // The synthetic nights are in October, the sample events in September.
            config: Config::from_lookup(|name| match name {
                "AS_OF_DAYS_AHEAD" => Some("100".to_owned()),
                _ => needed.contains(&name).then(|| name.to_owned()),
            })
            .unwrap(),
            district: DistrictId::new("oakfield"),
        }
    }

    /// Uploads a zip and returns its event: the sample event at a given minute.
    fn put(&self, name: &str, minute: i64, body: Vec<u8>, as_of: Option<&str>) -> Value {
        let key = format!("uploads/oakfield/{name}");
        let etag = self.inbox.upload(&key, body, as_of);
        event("s3-put-zip.json", &key, &etag, minute)
    }

    fn night(&self, minute: i64, night: &Night) -> Value {
        let as_of = night.date().to_string();
        self.put(&format!("night-{minute}.zip"), minute, zip(night), Some(&as_of))
    }

    async fn send(&self, event: &Value) -> Summary {
        self.send_under(event, &Cue::never(), "request").await.unwrap()
    }

    async fn send_under(
        &self,
        event: &Value,
        cue: &Cue,
        request: &str,
    ) -> Result<Summary, ImportFailure> {
        let now = self.now.clone();
        let storage = Storage {
            table: Failing::new(self.table.clone(), cue),
            inbox: Failing::new(self.inbox.clone(), cue),
            internal: Failing::new(self.internal.clone(), cue),
            notifications: Notifications::new(self.bus.clone()),
            clock: Clock::new(move || {
                Timestamp::from_millisecond(now.load(Ordering::SeqCst)).unwrap()
            }),
        };
        let mut context = Context::default();
        context.request_id = request.into();
        handle(&self.config, &storage, LambdaEvent::new(event.clone(), context)).await
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    async fn record(&self, event: &Value) -> RunRecord {
        self.table.run(&self.district, &run_of(event)).await.unwrap().unwrap()
    }

    async fn manifest(&self, event: &Value) -> Option<Manifest> {
        read_manifest(&self.internal, &self.district, &run_of(event)).await.unwrap()
    }

    async fn report(&self, event: &Value) -> Report {
        mirror::files::report::read(&self.internal, &self.district, &run_of(event))
            .await
            .unwrap()
            .unwrap()
    }

    async fn latest(&self) -> Option<RunId> {
        self.table.district(&self.district).await.unwrap().unwrap().latest.map(|latest| latest.run)
    }

    fn snapshots(&self) -> Vec<(String, Vec<u8>)> {
        let keys = self.internal.keys().into_iter().filter(|key| key.starts_with("snapshots/"));
        keys.map(|key| (self.internal.body(&key).unwrap(), key))
            .map(|(body, key)| (key, body))
            .collect()
    }
}

fn event(name: &str, key: &str, etag: &str, minute: i64) -> Value {
    let mut event = sample(name);
    let record = event.pointer_mut("/Records/0").unwrap();
    record["eventTime"] =
        (noon() + std::time::Duration::from_secs(minute as u64 * 60)).to_string().into();
    record["s3"]["object"]["key"] = key.replace(' ', "+").into();
    record["s3"]["object"]["eTag"] = etag.into();
    event
}

fn run_of(event: &Value) -> RunId {
    upload_events(event)[0].clone().unwrap().run
}

fn staged() -> Summary {
    Summary { staged: 1, ..Summary::default() }
}

fn refused() -> Summary {
    Summary { refused: 1, ..Summary::default() }
}

fn replaced() -> Summary {
    Summary { replaced: 1, ..Summary::default() }
}

#[tokio::test]
async fn a_zip_becomes_a_snapshot_and_a_repeated_event_does_nothing() {
    let world = World::new().await;
    let event = world.night(0, &nights().night(0));
    assert_eq!(world.send(&event).await, staged());
    let manifest = world.manifest(&event).await.unwrap();
    assert_eq!(
        (manifest.taken_at, manifest.parts["student"].records, manifest.seconds),
        (noon(), 40, 1.5)
    );
    assert_eq!(manifest.today, nights().night(0).date());
    assert_eq!(world.record(&event).await.state, RunState::Staged);
    assert_eq!(world.latest().await, Some(run_of(&event)));

    let before = world.snapshots();
    assert_eq!(world.send(&event).await, Summary { repeated: 1, ..Summary::default() });
    assert_eq!(world.snapshots(), before);
}

#[tokio::test]
async fn without_as_of_the_day_of_the_upload_in_the_districts_time_zone_is_used() {
    let world = World::new().await;
    let mut settings = Settings::of_preset("clever");
    settings.time_zone = "America/New_York".into();
    let _ = world.table.configure(&world.district, &settings, DistrictStatus::Live).await.unwrap();
    let event = world.put("a.zip", 0, zip(&nights().night(0)), None);
    world.send(&event).await;
    assert_eq!(world.manifest(&event).await.unwrap().today, date(2026, 8, 31));
}

#[tokio::test]
async fn r_h1_an_as_of_date_far_from_the_upload_is_refused() {
    let mut world = World::new().await;
    world.config.as_of_days_ahead = 7;
    let mut minute = 0;
    let mut send = async |as_of: &str| {
        minute += 1;
        let body = zip(&nights().night(0));
        let event = world.put(&format!("{minute}.zip"), minute, body, Some(as_of));
        (world.send(&event).await, event)
    };
    // The sample event is of 2026-09-01.
    for as_of in ["2062-09-01", "2026-09-09", "2025-07-27", "0001-01-01", "soon"] {
        let (summary, event) = send(as_of).await;
        assert_eq!(summary, Summary { refused: 1, ..Summary::default() }, "{as_of}");
        let report = world.report(&event).await;
        assert_eq!(report.findings[0].code, "as_of_not_usable");
    }
    for as_of in ["2026-09-08", "2025-07-28"] {
        assert_eq!(send(as_of).await.0, staged(), "{as_of}");
    }
}

#[tokio::test]
async fn a_folder_is_imported_once_when_its_manifest_is_uploaded() {
    let world = World::new().await;
    let night = nights().night(0);
    let folder = "uploads/oakfield/night 1";
    let mut etag = String::new();
    for name in night
        .files()
        .iter()
        .map(|file| format!("{}.csv", file.name()))
        .chain(["manifest.csv".to_owned()])
    {
        etag =
            world.inbox.upload(&format!("{folder}/{name}"), night.bytes_of(&name).unwrap(), None);
        let file = event("s3-put-folder-manifest.json", &format!("{folder}/{name}"), &etag, 0);
        if name != "manifest.csv" {
            assert_eq!(world.send(&file).await, Summary { skipped: 1, ..Summary::default() });
        }
    }
    let event = event("s3-put-folder-manifest.json", &format!("{folder}/manifest.csv"), &etag, 0);
    assert_eq!(world.send(&event).await, staged());
    let manifest = world.manifest(&event).await.unwrap();
    assert_eq!(manifest.parts["student"].records, 40);
    assert!(manifest.origin.uploads[0].files.len() > 5);
}

#[tokio::test]
async fn r_h3_a_file_that_is_not_a_zip_is_refused_with_a_report() {
    let world = World::new().await;
    let event = world.put("a.zip", 0, b"no zip at all".to_vec(), None);
    assert_eq!(world.send(&event).await, refused());
    assert_eq!(world.record(&event).await.state, RunState::Refused);
    let report = world.report(&event).await;
    assert_eq!(
        (report.state, report.finding_totals.contains_key("zip_unreadable")),
        (RunState::Refused, true)
    );
    assert!(world.snapshots().is_empty());
    assert_eq!(world.latest().await, None);
    let sent = world.bus.take_all();
    assert_eq!((sent.len(), sent[0].kind), (1, Kind::UploadRefused));
    assert_eq!(
        (sent[0].detail.run.as_ref(), sent[0].detail.findings["zip_unreadable"]),
        (Some(&run_of(&event)), 1)
    );
    assert_eq!(world.send(&event).await.repeated, 1);
    assert_eq!(world.bus.take_all(), [], "a repeated event sends no notification");
}

#[tokio::test]
async fn r_h3_a_cut_off_file_is_refused_and_the_complete_one_is_imported() {
    let world = World::new().await;
    let good = world.night(0, &nights().night(0));
    assert_eq!(world.send(&good).await, staged());
    for (minute, defect) in
        [(10, Defect::FileCutOff), (20, Defect::FileCutOffInQuote), (30, Defect::MemberCutOff)]
    {
        // The next night's export ends in the middle of a row, or of a file in the zip.
        let event = world.night(minute, &nights().night(1).with(defect));
        assert_eq!(world.send(&event).await, refused(), "{defect}");
        let report = world.report(&event).await;
        assert_eq!(report.state, RunState::Refused, "{defect}");
        let found = report.findings.iter().find(|finding| finding.code == "file_cut_off").unwrap();
        assert!(found.message.contains("send the complete file"), "{}", found.message);
        assert!(world.manifest(&event).await.is_none(), "{defect}");
        // What was imported before stays the latest snapshot.
        assert_eq!(world.latest().await, Some(run_of(&good)), "{defect}");
    }
    // The complete file, sent again. Its last line has no line end, which is fine.
    let event = world.night(40, &nights().night(1).with(Defect::NoLastLineEnd));
    assert_eq!(world.send(&event).await, staged());
    assert_eq!(world.latest().await, Some(run_of(&event)));
}

#[tokio::test]
async fn an_upload_for_an_unknown_district_is_reported_and_changes_no_item() {
    let world = World::without_district();
    let event = world.night(0, &nights().night(0));
    for _ in 0..2 {
        assert_eq!(world.send(&event).await, refused());
    }
    let sent: BTreeSet<String> =
        world.bus.take_all().into_iter().map(|event| event.detail.id).collect();
    assert_eq!(sent.len(), 1, "repeated notifications have the same id");
    let key = keys::refused(&world.district, &run_of(&event));
    assert_eq!(world.internal.keys(), std::slice::from_ref(&key));
    let report: Report = serde_json::from_slice(&world.internal.body(&key).unwrap()).unwrap();
    assert_eq!(report.findings[0].code, "district_unknown");
    assert_eq!(world.table.newest(&world.district, 9).await.unwrap(), []);
}

#[tokio::test]
async fn an_older_bulk_upload_never_replaces_a_newer_one() {
    let world = World::new().await;
    let (older, newer) = (world.night(0, &nights().night(0)), world.night(10, &nights().night(1)));
    assert_eq!(world.send(&newer).await, staged());
    assert_eq!(world.send(&older).await, replaced());
    assert_eq!(
        (world.record(&older).await.state, world.report(&older).await.state),
        (RunState::Replaced, RunState::Replaced)
    );
    assert!(world.manifest(&older).await.is_none());
    assert_eq!(world.latest().await, Some(run_of(&newer)));
}

#[tokio::test]
async fn an_upload_overwritten_before_it_was_read_is_replaced() {
    let world = World::new().await;
    let first = world.put("roster.zip", 0, zip(&nights().night(0)), None);
    let second = world.put("roster.zip", 1, zip(&nights().night(1)), None);
    assert_eq!(world.send(&first).await, replaced());
    assert_eq!(world.send(&second).await, staged());
    assert_eq!(world.latest().await, Some(run_of(&second)));
}

#[tokio::test]
async fn an_upload_that_was_deleted_is_refused() {
    let world = World::new().await;
    let event = world.night(0, &nights().night(0));
    world.inbox.remove("uploads/oakfield/night-0.zip");
    assert_eq!(world.send(&event).await, refused());
    assert!(world.report(&event).await.finding_totals.contains_key("upload_gone"));
}

#[tokio::test]
async fn invalid_settings_refuse_the_upload_with_a_finding() {
    for (preset, zone) in [("nightly", "UTC"), ("clever", "Mars/Olympus")] {
        let world = World::new().await;
        let settings = Settings { time_zone: zone.into(), ..Settings::of_preset(preset) };
        let _ =
            world.table.configure(&world.district, &settings, DistrictStatus::Live).await.unwrap();
        let event = world.night(0, &nights().night(0));
        assert_eq!(world.send(&event).await, refused());
        assert!(world.report(&event).await.finding_totals.contains_key("district_settings"));
    }
}

/// The records of a snapshot, without the id of the run.
async fn records(world: &World, event: &Value) -> Vec<(String, u64, String)> {
    let parts = world.manifest(event).await.unwrap().parts;
    parts
        .into_iter()
        .filter(|(name, _)| name != "findings")
        .map(|(name, part)| (name, part.records, part.xxh3))
        .collect()
}

#[tokio::test]
async fn deltas_apply_by_their_times_in_any_order_of_arrival() {
    let calm = World::new().await;
    let (bulk, first, second) = (
        calm.night(0, &nights().night(0)),
        calm.night(10, &nights().night(1).delta()),
        calm.night(20, &nights().night(2).delta()),
    );
    for event in [&bulk, &first, &second] {
        assert_eq!(calm.send(event).await, staged());
    }
    assert_eq!(calm.manifest(&second).await.unwrap().origin.uploads.len(), 3);
    let right = records(&calm, &second).await;

    // The second delta arrives before the first. The first is inserted by its time, and its
    // snapshot contains both.
    let world = World::new().await;
    for event in [&bulk, &first, &second] {
        let key = event.pointer("/Records/0/s3/object/key").unwrap().as_str().unwrap();
        let info = calm.inbox.body(key).unwrap();
        world.inbox.upload(key, info, Some(&nights().night(2).date().to_string()));
    }
    for event in [&bulk, &second, &first] {
        assert_eq!(world.send(event).await, staged());
    }
    assert_eq!(records(&world, &first).await, right);
    assert_eq!(world.latest().await, Some(run_of(&first)));
    let time = world.manifest(&second).await.unwrap().taken_at;
    assert_eq!(world.manifest(&first).await.unwrap().taken_at, time);
}

#[tokio::test]
async fn a_delta_over_a_deleted_upload_needs_a_bulk_set() {
    let world = World::new().await;
    world.send(&world.night(0, &nights().night(0))).await;
    world.inbox.remove("uploads/oakfield/night-0.zip");
    let delta = world.night(10, &nights().night(1).delta());
    assert_eq!(world.send(&delta).await, refused());
    let report = world.report(&delta).await;
    assert!(
        report.findings[0].message.contains("Send a bulk export"),
        "{}",
        report.findings[0].message
    );
    // A bulk set solves it.
    assert_eq!(world.send(&world.night(20, &nights().night(2))).await, staged());
}

#[tokio::test]
async fn an_event_is_retried_while_another_invocation_imports_the_upload() {
    let world = World::new().await;
    let event = world.night(0, &nights().night(0));
    let mut record = RunRecord::importing(world.district.clone(), run_of(&event), noon());
    let until = noon() + std::time::Duration::from_secs(900);
    record.importer = Some(Importer { owner: "another request".into(), until });
    world.table.begin(&record).await.unwrap();
    let failed = world.send_under(&event, &Cue::never(), "request").await;
    assert!(matches!(failed, Err(ImportFailure::InProgress)));
    world.pass(1000);
    assert_eq!(world.send(&event).await, staged());
}

#[tokio::test]
async fn records_that_start_no_import_are_counted_and_the_rest_is_imported() {
    let world = World::new().await;
    for name in ["s3-test-event.json", "s3-put-snapshot-manifest.json", "resume.json"] {
        assert_eq!(
            world.send(&sample(name)).await,
            Summary { skipped: 1, ..Summary::default() },
            "{name}"
        );
    }
    let mut event = world.night(0, &nights().night(0));
    let good = event["Records"][0].clone();
    let mut other = good.clone();
    other["s3"]["object"]["key"] = "uploads/oakfield/notes.txt".into();
    event["Records"] = Value::Array(vec![other, good.clone(), good]);
    assert_eq!(
        world.send(&event).await,
        Summary { staged: 1, repeated: 1, skipped: 1, ..Summary::default() }
    );
}

#[tokio::test]
async fn a_retry_after_a_crash_at_any_point_makes_the_same_snapshot() {
    let calm = World::new().await;
    let (bulk, delta) =
        (calm.night(0, &nights().night(0)), calm.night(10, &nights().night(1).delta()));
    calm.send(&bulk).await;
    calm.send(&delta).await;
    let right = calm.snapshots();

    for is_carried_out in [false, true] {
        for n in 0.. {
            let world = World::new().await;
            let (bulk, delta) =
                (world.night(0, &nights().night(0)), world.night(10, &nights().night(1).delta()));
            world.send(&bulk).await;
            let cue = Cue::at(n, is_carried_out);
            let _ = world.send_under(&delta, &cue, "request").await;
            if cue.calls() <= n {
                assert!(n > 10, "too few calls for a test");
                break;
            }
            let at = format!("call {n}, carried out before it failed: {is_carried_out}");
            let request = if n % 2 == 0 {
                "request"
            } else {
                world.pass(2000);
                "another request"
            };
            world
                .send_under(&delta, &Cue::never(), request)
                .await
                .unwrap_or_else(|e| panic!("{at}: {e:?}"));
            assert_eq!(world.record(&delta).await.state, RunState::Staged, "{at}");
            assert_eq!(world.latest().await, Some(run_of(&delta)), "{at}");
            let seconds = |snapshots: Vec<(String, Vec<u8>)>| -> Vec<(String, Vec<u8>)> {
                // The manifest contains the duration, which differs.
                snapshots.into_iter().filter(|(key, _)| !key.ends_with("manifest.json")).collect()
            };
            assert!(seconds(world.snapshots()) == seconds(right.clone()), "{at}: another snapshot");
            assert!(world.manifest(&delta).await.is_some(), "{at}");
        }
    }
}
