//! A district in memory, with snapshots staged like a source stages them.
#![allow(dead_code, reason = "each test file uses its part of this")]

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use mirror::clock::Clock;
use mirror::eventbridge::Notifications;
use mirror::files::copy::read_beside;
use mirror::files::snapshot::{
    LineageLink, SnapshotWriter, UploadLineage, put_chain, put_manifest,
};
use mirror::keys;
use mirror::ops::apply::Pace;
use mirror::ops::edits::{Edits, Ending};
use mirror::ops::requests::{self, Decide, Request, RunCommand};
use mirror::ports::districts::{Changed, Districts, Latest};
use mirror::ports::items::PutItem;
use mirror::ports::runs::{RunRecord, Runs};
use mirror::testing::failing::{Cue, Failing};
use mirror::testing::memory::{MemoryBus, MemoryObjects, MemorySchedules, MemoryTable};
use reconcile::{Config, ReconcileFailure, Services, Storage, Summary, handle};
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::id::{DistrictId, RunId, SourceId};
use roster::personal::Personal;
use roster::records::{
    Class, ClassDetails, Demographics, Membership, Person, RecordKind, School, Student,
};
use roster::report::Report;
use roster::run::{Decided, RunState, Step};
use roster::settings::{DistrictStatus, Settings};
use roster::snapshot::{Manifest, Origin, PartName, SnapshotSink, Upload};
use serde::Serialize;
use serde_json::Value;

pub(crate) const NOON: i64 = 1_788_000_000_000;

/// The source's data in one night: one school whose students are all members of every class. The
/// students in `renamed` have another given name.
#[derive(Clone, Debug)]
pub(crate) struct Night {
    pub(crate) students: std::ops::Range<usize>,
    pub(crate) renamed: std::ops::Range<usize>,
    pub(crate) classes: usize,
}

impl Night {
    pub(crate) fn of(students: std::ops::Range<usize>) -> Self {
        Self { students, renamed: 0..0, classes: 1 }
    }

    fn sorted<T>(mut records: Vec<T>, id: impl Fn(&T) -> &roster::id::SourceId) -> Vec<T> {
        records.sort_by(|a, b| id(a).table_order(id(b)));
        records
    }

    fn student_id(n: usize) -> String {
        format!("student {n:06}")
    }

    fn lines(&self) -> Vec<(PartName, Vec<u8>)> {
        let mut lines = Vec::new();
        let mut push = |kind: RecordKind, value: &dyn erased::Line| {
            lines.push((PartName::Records(kind), value.line()))
        };
        push(
            RecordKind::School,
            &School { id: "s1".into(), name: "Oakfield".into(), identifier: None, parent: None },
        );
        let classes: Vec<String> = (0..self.classes).map(|n| format!("class {n}")).collect();
        let membership = |id: &str| Membership::of(id.into());
        let students = self.students.clone().map(|n| Student {
            id: Self::student_id(n).as_str().into(),
            person: Person {
                given: Some(Personal::new(if self.renamed.contains(&n) { "Robin" } else { "Kim" })),
                family: Some(Personal::new(format!("Number {n}"))),
                email: Some(Personal::new(format!("n{n}@oakfield.example"))),
                schools: vec!["s1".into()],
                ..Person::default()
            },
            demographics: Demographics {
                grades: vec![Personal::new("05")],
                ..Demographics::default()
            },
            guardians: vec![],
            classes: classes.iter().map(|id| membership(id)).collect(),
            by_enrollment: false,
        });
        for student in Self::sorted(students.collect(), |s| &s.id) {
            push(RecordKind::Student, &student);
        }
        let records = classes.iter().map(|id| Class {
            id: id.as_str().into(),
            details: ClassDetails {
                title: format!("Reading of {id}"),
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
            students: self.students.clone().map(|n| membership(&Self::student_id(n))).collect(),
        });
        for class in Self::sorted(records.collect(), |c| &c.id) {
            push(RecordKind::Class, &class);
        }
        lines
    }
}

mod erased {
    pub(super) trait Line {
        fn line(&self) -> Vec<u8>;
    }

    impl<T: super::Serialize> Line for T {
        fn line(&self) -> Vec<u8> {
            serde_json::to_vec(self).unwrap()
        }
    }
}

/// The services in memory, which fail on a [`Cue`].
enum InMemory {}

impl Services for InMemory {
    type Table = Failing<MemoryTable>;
    type Objects = Failing<MemoryObjects>;
    type Schedules = Failing<MemorySchedules>;
}

type Meanwhile = Arc<Mutex<Option<(u32, Box<dyn FnOnce() + Send>)>>>;

pub(crate) struct World {
    pub(crate) table: MemoryTable,
    pub(crate) internal: MemoryObjects,
    pub(crate) schedules: MemorySchedules,
    pub(crate) bus: MemoryBus,
    /// Milliseconds since 1970.
    pub(crate) now: Arc<AtomicI64>,
    /// An action that runs at the n-th read of the clock from now on.
    meanwhile: Meanwhile,
    /// Milliseconds that pass with each read of the clock.
    pub(crate) tick: Arc<AtomicI64>,
    pub(crate) district: DistrictId,
    pub(crate) config: Config,
}

impl World {
    pub(crate) async fn new() -> Self {
        let needed =
            ["INTERNAL_BUCKET", "TABLE", "OPERATOR_BUS", "SCHEDULE_GROUP", "SCHEDULE_ROLE_ARN"];
        let mut config =
            Config::from_lookup(|name| needed.contains(&name).then(|| name.to_owned())).unwrap();
        config.pace = Pace { wait: Duration::from_micros(50), checkpoint: 10, ..Pace::default() };
        let world = Self {
            table: MemoryTable::default(),
            internal: MemoryObjects::default(),
            schedules: MemorySchedules::default(),
            bus: MemoryBus::default(),
            now: Arc::new(AtomicI64::new(NOON)),
            tick: Arc::default(),
            meanwhile: Arc::default(),
            district: DistrictId::new("oakfield"),
            config,
        };
        world.table.create(&world.district, &whole_holds(), DistrictStatus::Live).await.unwrap();
        world
    }

    /// Runs an action at the n-th read of the clock from now on. The action may use only storage in
    /// memory, because it is polled once.
    pub(crate) fn meanwhile(&self, n: u32, action: impl Future<Output = ()> + Send + 'static) {
        let action = Box::new(move || {
            let done = pin!(action).poll(&mut std::task::Context::from_waker(Waker::noop()));
            assert!(done.is_ready());
        });
        *self.meanwhile.lock().unwrap() = Some((n, action));
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn run_of(&self, minute: i64) -> RunId {
        keys::run_id(
            Timestamp::from_millisecond(NOON + minute * 60_000).unwrap(),
            "inbox",
            "a.zip",
            "e",
            "",
        )
    }

    /// Stages a snapshot taken at a minute after [`NOON`], like oneroster-import does.
    pub(crate) async fn stage(&self, minute: i64, night: &Night) -> RunId {
        let manifest = self.stage_parts(minute, night).await;
        accept(&self.table, &self.internal, &manifest).await;
        let mut record = self.record(&manifest.run).await;
        record.step(Step::Stage).unwrap();
        assert_eq!(self.table.save(&mut record).await.unwrap(), Changed::Yes);
        manifest.run
    }

    /// Stages only the parts of a snapshot: its run is still being imported, it is not the
    /// district's latest snapshot, and its manifest is not stored yet.
    pub(crate) async fn stage_parts(&self, minute: i64, night: &Night) -> Manifest {
        let run = self.run_of(minute);
        let taken_at = Timestamp::from_millisecond(NOON + minute * 60_000).unwrap();
        let record = RunRecord::importing(self.district.clone(), run.clone(), taken_at);
        self.table.begin(&record).await.unwrap();
        let (handle, objects, district) =
            (tokio::runtime::Handle::current(), self.internal.clone(), self.district.clone());
        let (lines, of) = (night.lines(), run.clone());
        let parts = tokio::task::spawn_blocking(move || {
            let mut writer = SnapshotWriter::new(handle, objects, &district, &of);
            for (part, line) in lines {
                writer.line(part, &line).unwrap();
            }
            writer.finish().unwrap()
        });
        let upload = Upload {
            bucket: "inbox".into(),
            key: "a.zip".into(),
            etag: "e".into(),
            version: None,
            at: taken_at,
            files: vec![],
        };
        let manifest = Manifest {
            district: self.district.clone(),
            run: run.clone(),
            taken_at,
            today: jiff::civil::date(2026, 9, 1),
            origin: Origin { uploads: vec![upload.clone()], ..Origin::of("oneroster_csv") },
            parts: parts.await.unwrap(),
            enrollments: (night.students.len() * night.classes) as u64,
            findings: BTreeMap::new(),
            seconds: 0.5,
        };
        let chain = UploadLineage { links: vec![LineageLink { upload, whole: true }] };
        put_chain(&self.internal, &self.district, &run, &chain).await.unwrap();
        manifest
    }

    /// The S3 event of a snapshot's manifest, made from the sample event.
    pub(crate) fn staged_event(&self, run: &RunId) -> Value {
        let mut event = sample("s3-put-snapshot-manifest.json");
        *event.pointer_mut("/Records/0/s3/object/key").unwrap() =
            keys::manifest(&self.district, run).into();
        event
    }

    pub(crate) async fn send(&self, payload: Value) -> Summary {
        self.send_under(payload, &Cue::never(), "request").await.unwrap()
    }

    pub(crate) async fn send_under(
        &self,
        payload: Value,
        cue: &Cue,
        request: &str,
    ) -> Result<Summary, ReconcileFailure> {
        let (now, tick, meanwhile) = (self.now.clone(), self.tick.clone(), self.meanwhile.clone());
        let clock = Clock::new(move || {
            let mut meanwhile = meanwhile.lock().unwrap();
            match meanwhile.take() {
                Some((1, action)) => action(),
                Some((n, action)) => *meanwhile = Some((n - 1, action)),
                None => {}
            }
            let tick = tick.load(Ordering::SeqCst);
            Timestamp::from_millisecond(now.fetch_add(tick, Ordering::SeqCst)).unwrap()
        });
        let storage = Storage::<InMemory> {
            table: Failing::new(self.table.clone(), cue),
            internal: Failing::new(self.internal.clone(), cue),
            schedules: Failing::new(self.schedules.clone(), cue),
            notifications: Notifications::new(self.bus.clone()),
            clock,
        };
        let mut context = Context::default();
        context.request_id = request.into();
        context.invoked_function_arn =
            "arn:aws:lambda:eu-central-1:111122223333:function:reconcile".into();
        context.deadline = u64::try_from(self.now().as_millisecond()).unwrap() + 900_000;
        handle(&self.config, &storage, LambdaEvent::new(payload, context)).await
    }

    pub(crate) async fn night(&self, minute: i64, night: &Night) -> (RunId, Summary) {
        let run = self.stage(minute, night).await;
        let summary = self.send(self.staged_event(&run)).await;
        (run, summary)
    }

    pub(crate) async fn record(&self, run: &RunId) -> RunRecord {
        self.table.run(&self.district, run).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, run: &RunId) -> RunState {
        self.record(run).await.state
    }

    pub(crate) async fn report(&self, run: &RunId) -> Report {
        mirror::files::report::read(&self.internal, &self.district, run).await.unwrap().unwrap()
    }

    pub(crate) async fn applied(&self) -> Option<RunId> {
        self.table
            .district(&self.district)
            .await
            .unwrap()
            .unwrap()
            .applied
            .map(|applied| applied.run)
    }

    /// Sort keys of the records with a status, in all shards.
    pub(crate) fn keys_with(&self, status: &str) -> Vec<String> {
        let items = self.table.items().into_values();
        let mut keys: Vec<String> =
            items.filter(|item| item.status == Some(status)).map(|item| item.sk).collect();
        keys.sort();
        keys
    }

    pub(crate) fn items(&self) -> BTreeMap<(String, String), PutItem> {
        self.table.items()
    }

    /// Stores an edit, which replaces an earlier edit of the same slot.
    pub(crate) async fn edit(&self, edit: &LocalEdit) {
        put_edit(&self.table, &self.district, edit).await;
    }

    /// Stores the [`sample_edits`].
    pub(crate) async fn edits(&self, version: &str) -> Vec<LocalEdit> {
        let edits = sample_edits(version);
        for edit in &edits {
            self.edit(edit).await;
        }
        edits
    }

    /// The stored local edits. Checks that the twins of the edits are stored, and no other twins.
    pub(crate) fn stored_edits(&self) -> Vec<LocalEdit> {
        let items = self.items();
        let of = |twins: bool| -> Vec<LocalEdit> {
            let edits = items.values().filter(|item| {
                item.sk.contains(keys::EDIT) && item.sk.contains("#EDIT#AT#") == twins
            });
            edits.map(|item| serde_json::from_str(&item.body).unwrap()).collect()
        };
        let edits = of(false);
        let mut about: Vec<String> =
            edits.iter().filter(|edit| edit.edit.other().is_some()).map(text).collect();
        let mut twins: Vec<String> = of(true).iter().map(text).collect();
        about.sort();
        twins.sort();
        assert_eq!(about, twins, "edits and their twins");
        edits
    }

    /// Stores a request made at a minute after [`NOON`]. Returns its run and the S3 event.
    pub(crate) async fn request(&self, minute: i64, request: &Request) -> (RunId, Value) {
        let at = NOON + minute * 60_000;
        self.now.fetch_max(at, Ordering::SeqCst);
        let id = keys::ulid(Timestamp::from_millisecond(at).unwrap(), 7);
        requests::put(&self.internal, &self.district, &id, request).await.unwrap();
        let event = self.request_event(&id);
        (id, event)
    }

    /// The S3 event of a request, made from the sample event.
    pub(crate) fn request_event(&self, id: &RunId) -> Value {
        let mut event = sample("s3-put-request.json");
        *event.pointer_mut("/Records/0/s3/object/key").unwrap() =
            keys::request(&self.district, id).into();
        event
    }

    /// The hash of the plan of a run; a hash of no plan if it has none.
    pub(crate) async fn plan_of(&self, run: &RunId) -> String {
        let record = self.table.run(&self.district, run).await.unwrap();
        record.and_then(|record| record.plan).map_or("none".into(), |plan| plan.hash)
    }

    /// Stores a decision about a run, a minute after the last request, and returns its event.
    pub(crate) async fn decide(&self, run: &RunId, decision: &str) -> Value {
        let decided = Decided {
            decision: serde_json::from_value(decision.into()).unwrap(),
            by: "kim.operator".into(),
            reason: "the district closed two schools".into(),
        };
        let minute = (self.now.load(Ordering::SeqCst) - NOON) / 60_000 + 1;
        let plan = self.plan_of(run).await;
        self.request(minute, &Request::Decide(Decide { run: run.clone(), plan, decided })).await.1
    }
}

fn text(edit: &LocalEdit) -> String {
    serde_json::to_string(edit).unwrap()
}

/// The command of an undo or restore of a run.
pub(crate) fn command(run: &RunId) -> RunCommand {
    RunCommand {
        run: run.clone(),
        by: "kim.operator".into(),
        reason: "It was last year's file.".into(),
        today: None,
    }
}

/// The settings of the test district. Its single school is the district, so a hold concerns all of
/// it; the tests of narrow holds have settings of their own.
pub(crate) fn whole_holds() -> Settings {
    let mut settings = Settings::of_preset("clever");
    settings.overrides.insert("hold_scope".into(), "district".into());
    settings
}

/// A pin of a student.
pub(crate) fn pin(student: usize) -> LocalEdit {
    let until = jiff::civil::date(2100, 1, 1);
    LocalEdit {
        kind: RecordKind::Student,
        key: Night::student_id(student).as_str().into(),
        edit: Edit::Pin { until, reason: "moves back in spring".into() },
        by: "a1".into(),
        at: Timestamp::UNIX_EPOCH,
        version: EditVersion::new("v1"),
    }
}

/// Edits of two students and the first class: a name and a membership, which a run with the preset
/// `clever` erases, and an account, which it keeps.
pub(crate) fn sample_edits(version: &str) -> Vec<LocalEdit> {
    let edit = |kind: RecordKind, key: String, edit: Edit| LocalEdit {
        kind,
        key: key.as_str().into(),
        edit,
        by: "a1".into(),
        at: Timestamp::UNIX_EPOCH,
        version: EditVersion::new(version),
    };
    let student: SourceId = Night::student_id(4).as_str().into();
    vec![
        edit(
            RecordKind::Student,
            Night::student_id(3),
            Edit::Name { given: Some(Personal::new("Robin")), family: None },
        ),
        edit(
            RecordKind::Class,
            "class 0".into(),
            Edit::Member { role: RecordKind::Student, person: student },
        ),
        edit(
            RecordKind::Student,
            Night::student_id(4),
            Edit::Account { accepted: None, enabled: false },
        ),
    ]
}

/// Stores an edit like roster-api does: on condition that the edit of the slot has not changed
/// since it was read.
pub(crate) async fn put_edit(table: &MemoryTable, district: &DistrictId, edit: &LocalEdit) {
    let stored = read_beside(table, district, edit.kind, &edit.key).await.unwrap();
    let seen = stored.edits.iter().find(|other| other.edit.slot() == edit.edit.slot());
    assert_eq!(table.put_edit(district, edit, seen).await.unwrap().ending, Ending::Done);
}

/// Completes a snapshot whose parts are staged: makes it the district's latest snapshot, unless the
/// latest one is newer, and stores its manifest.
pub(crate) async fn accept(table: &MemoryTable, internal: &MemoryObjects, manifest: &Manifest) {
    let (district, taken_at) = (&manifest.district, manifest.taken_at);
    let seen = table.district(district).await.unwrap().unwrap().latest;
    if seen.as_ref().is_none_or(|latest| latest.taken_at < taken_at) {
        let latest = Latest { run: manifest.run.clone(), taken_at };
        let seen = seen.map(|latest| latest.run);
        assert_eq!(table.accept(district, &latest, seen.as_ref()).await.unwrap(), Changed::Yes);
    }
    put_manifest(internal, manifest).await.unwrap();
}

/// Reads a sample event of the folder `events`.
pub(crate) fn sample(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
