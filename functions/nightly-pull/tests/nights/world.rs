//! A district at a Clever server in memory, with storage in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use mirror::clock::Clock;
use mirror::eventbridge::Notifications;
use mirror::eventbridge::event::Status;
use mirror::files::snapshot::read_manifest;
use mirror::ports::districts::{Changed, Districts, Leases, TakeLease, Wrote};
use mirror::ports::runs::{RunRecord, Runs};
use mirror::ports::secrets::SecretCache;
use mirror::testing::Configure as _;
use mirror::testing::failing::{Cue, Failing};
use mirror::testing::memory::{
    MemoryBus, MemoryObjects, MemorySchedules, MemorySecrets, MemoryTable,
};
use nightly_pull::{
    Config, DiscoverySummary, Outcome, PullFailure, PullOutcome, Request, Services, Storage,
    handle, request,
};
use roster::id::{DistrictId, RunId};
use roster::report::Report;
use roster::run::RunState;
use roster::settings::{Clever, DistrictStatus, Settings};
use roster::snapshot::Manifest;
use serde_json::{Value, json};
use sources::clever::memory::MemoryClever;
use sources::http::Wait;

use crate::servers::Servers;

/// The district's id at Clever.
pub(crate) const OAK: &str = "58da8a43cc70ab00017a1a87";
pub(crate) const TOKEN: &str = "0123456789012345678901234567890123456789";

/// The ARN by which the function is invoked.
pub(crate) const FUNCTION: &str =
    "arn:aws:lambda:us-east-1:123456789012:function:rollbook-nightly-pull";

/// The time limit of an invocation.
const LIFE: Duration = Duration::from_secs(900);

/// The clock. Waiting moves it.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Wait for Time {
    async fn wait(&self, time: Duration) {
        self.pass(time);
        tokio::task::yield_now().await;
    }
}

impl Time {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Services in memory, which fail on a [`Cue`].
struct InMemory;

impl Services for InMemory {
    type Table = Failing<MemoryTable>;
    type Objects = Failing<MemoryObjects>;
    type Schedules = Failing<MemorySchedules>;
    type Secrets = Failing<MemorySecrets>;
    type Http = Servers;
    type Wait = Time;
}

pub(crate) struct World {
    pub(crate) clever: MemoryClever,
    pub(crate) servers: Servers,
    pub(crate) table: MemoryTable,
    pub(crate) internal: MemoryObjects,
    pub(crate) schedules: MemorySchedules,
    pub(crate) secrets: MemorySecrets,
    pub(crate) bus: MemoryBus,
    pub(crate) time: Time,
    pub(crate) config: Config,
    pub(crate) district: DistrictId,
}

pub(crate) fn sample(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Returns the order of a full pull; nights are counted from 0.
pub(crate) fn order(night: u64) -> Value {
    let mut order = sample("pull.json");
    let at: Timestamp = order["at"].as_str().unwrap().parse().unwrap();
    order["at"] = (at + Duration::from_secs(night * 24 * 3600)).to_string().into();
    order
}

pub(crate) fn run_of(order: &Value) -> RunId {
    match request(order) {
        Ok(Request::Pull(named)) => named.run,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn user(number: u32, role: &str, fields: Value) -> Value {
    let mut fields = fields;
    fields["school"] = "500000000000000000000001".into();
    fields["schools"] = json!(["500000000000000000000001"]);
    json!({ "id": format!("7{number:023}"), "district": OAK, "name": { "first": "Ada", "last": format!("Quill{number}") },
        "email": format!("ada{number}@example.org"), "roles": { role: fields } })
}

impl World {
    /// A live district with a school, two teachers, two sections, and twelve students, in pages of
    /// three records.
    pub(crate) async fn new() -> Self {
        let servers = Servers::default();
        let clever = servers.clever.clone();
        clever.connect(OAK, TOKEN);
        clever.put(
            "schools",
            json!({ "id": "500000000000000000000001", "district": OAK, "name": "Elm" }),
        );
        clever.put(
            "terms",
            json!({ "id": "600000000000000000000001", "name": "Fall", "start_date": "2026-08-15", "end_date": "2026-12-18" }),
        );
        for number in 1..3 {
            clever.put("users", user(number, "teacher", json!({})));
        }
        for number in 11..23 {
            clever.put(
                "users",
                user(number, "student", json!({ "student_number": number.to_string() })),
            );
        }
        for number in 1..3 {
            let students: Vec<String> = (11..23).map(|n| format!("7{n:023}")).collect();
            clever.put("sections", json!({ "id": format!("8{number:023}"), "district": OAK, "name": "Reading", "school": "500000000000000000000001",
                "term_id": "600000000000000000000001", "teacher": format!("7{number:023}"), "teachers": [format!("7{number:023}")], "students": students }));
        }
        let needed = [
            "INTERNAL_BUCKET",
            "TABLE",
            "OPERATOR_BUS",
            "SCHEDULE_GROUP",
            "SCHEDULE_ROLE_ARN",
            "CLEVER_SECRET",
        ];
        let world = Self {
            clever,
            servers,
            table: MemoryTable::default(),
            internal: MemoryObjects::default(),
            schedules: MemorySchedules::default(),
            secrets: MemorySecrets::default(),
            bus: MemoryBus::default(),
            time: Time(Arc::new(AtomicI64::new(
                "2026-09-15T06:00:02Z".parse::<Timestamp>().unwrap().as_millisecond(),
            ))),
            config: Config::from_lookup(|name| needed.contains(&name).then(|| name.to_owned()))
                .unwrap(),
            district: DistrictId::new("oakfield"),
        };
        world.secrets.put("CLEVER_SECRET", &credentials(MemoryClever::CLIENT_SECRET));
        let made = world.table.create(&world.district, &settings(), DistrictStatus::Live).await;
        assert_eq!(made.unwrap(), Wrote::Yes);
        world
    }

    pub(crate) async fn configure(&self, settings: &Settings, status: DistrictStatus) {
        let _ = self.table.configure(&self.district, settings, status).await.unwrap();
    }

    pub(crate) async fn send(&self, event: &Value) -> PullOutcome {
        self.send_under(event, &Cue::never(), "request").await.unwrap()
    }

    pub(crate) async fn send_under(
        &self,
        event: &Value,
        cue: &Cue,
        owner: &str,
    ) -> Result<PullOutcome, PullFailure> {
        self.send_for(event, cue, owner, LIFE).await
    }

    pub(crate) async fn send_for(
        &self,
        event: &Value,
        cue: &Cue,
        owner: &str,
        life: Duration,
    ) -> Result<PullOutcome, PullFailure> {
        match self.invoke(event, cue, owner, life).await? {
            Outcome::Pull(ended) => Ok(ended),
            Outcome::Discovery(summary) => panic!("{summary:?}"),
        }
    }

    /// Runs a discovery poll of all lists.
    pub(crate) async fn discover(&self, cue: &Cue) -> Result<DiscoverySummary, PullFailure> {
        self.discover_for(&sample("look.json"), cue).await
    }

    /// Runs the discovery poll of a webhook event.
    pub(crate) async fn confirm(&self, district: &str) -> DiscoverySummary {
        self.discover_for(
            &serde_json::json!({ "confirm": { "district": district } }),
            &Cue::never(),
        )
        .await
        .unwrap()
    }

    pub(crate) async fn discover_for(
        &self,
        event: &Value,
        cue: &Cue,
    ) -> Result<DiscoverySummary, PullFailure> {
        match self.invoke(event, cue, "request", LIFE).await? {
            Outcome::Discovery(summary) => Ok(summary),
            Outcome::Pull(ended) => panic!("{ended:?}"),
        }
    }

    async fn invoke(
        &self,
        event: &Value,
        cue: &Cue,
        owner: &str,
        life: Duration,
    ) -> Result<Outcome, PullFailure> {
        let time = self.time.clone();
        let clock = Clock::new(move || time.now());
        let storage = Storage::<InMemory> {
            table: Failing::new(self.table.clone(), cue),
            internal: Failing::new(self.internal.clone(), cue),
            schedules: Failing::new(self.schedules.clone(), cue),
            secrets: SecretCache::new(
                Failing::new(self.secrets.clone(), cue),
                clock.clone(),
                self.config.keep_secrets,
            ),
            http: self.servers.clone(),
            wait: self.time.clone(),
            notifications: Notifications::new(self.bus.clone()),
            clock,
        };
        let mut context = Context::default();
        context.request_id = owner.into();
        context.invoked_function_arn = FUNCTION.into();
        context.deadline = (self.time.now() + life).as_millisecond() as u64;
        handle(&self.config, &storage, LambdaEvent::new(event.clone(), context)).await
    }

    /// Sends all scheduled events at their time, until none is left. Returns the last outcome.
    pub(crate) async fn continue_all(&self) -> Option<PullOutcome> {
        let mut ended = None;
        for _ in 0..50 {
            let Some((_, at, payload)) = self.schedules.take_all().into_iter().next() else {
                return ended;
            };
            let wait = at.duration_since(self.time.now());
            self.time.pass(Duration::try_from(wait).unwrap_or_default());
            ended = Some(self.send(&serde_json::from_str(&payload).unwrap()).await);
        }
        panic!("the pull never ends");
    }

    pub(crate) async fn record(&self, order: &Value) -> RunRecord {
        self.table.run(&self.district, &run_of(order)).await.unwrap().unwrap()
    }

    pub(crate) async fn manifest(&self, order: &Value) -> Option<Manifest> {
        read_manifest(&self.internal, &self.district, &run_of(order)).await.unwrap()
    }

    pub(crate) async fn report(&self, order: &Value) -> Report {
        mirror::files::report::read(&self.internal, &self.district, &run_of(order))
            .await
            .unwrap()
            .unwrap()
    }

    /// Returns code and message of the only finding of a refused run.
    pub(crate) async fn refused(&self, order: &Value) -> (String, String) {
        let report = self.report(order).await;
        assert_eq!((report.state, report.findings.len()), (RunState::Refused, 1));
        assert!(self.manifest(order).await.is_none());
        assert_eq!(self.latest().await, None);
        (report.findings[0].code.to_string(), report.findings[0].message.clone())
    }

    /// Holds a run of the district for a decision.
    pub(crate) async fn hold(&self, run: &RunId) {
        let now = self.time.now();
        let taken = self
            .table
            .take(&self.district, "reconcile", now, now + Duration::from_secs(60))
            .await
            .unwrap();
        let TakeLease::Taken(district) = taken else { panic!("{taken:?}") };
        let token = district.lease.unwrap().token;
        assert_eq!(self.table.set_open(&self.district, token, run).await.unwrap(), Changed::Yes);
        let mut record = self.table.run(&self.district, run).await.unwrap().unwrap();
        record.state = RunState::Held;
        assert_eq!(self.table.save(&mut record).await.unwrap(), Changed::Yes);
    }

    /// Returns and removes the notifications: each event's type, the status of its district or run,
    /// and whether it is retried.
    pub(crate) fn notifications(&self) -> Vec<(&'static str, Status, bool)> {
        let all = self.bus.take_all().into_iter();
        all.map(|event| {
            (event.kind.detail_type(), event.detail.status, event.detail.tried_again.is_some())
        })
        .collect()
    }

    pub(crate) async fn latest(&self) -> Option<RunId> {
        self.table.district(&self.district).await.unwrap().unwrap().latest.map(|latest| latest.run)
    }

    /// Returns the parts of all snapshots.
    pub(crate) fn snapshots(&self) -> Vec<(String, Vec<u8>)> {
        let keys = self.internal.keys().into_iter();
        // The manifest has the duration, which differs each time.
        let keys =
            keys.filter(|key| key.starts_with("snapshots/") && !key.ends_with("manifest.json"));
        keys.map(|key| (self.internal.body(&key).unwrap(), key))
            .map(|(body, key)| (key, body))
            .collect()
    }
}

pub(crate) fn credentials(password: &str) -> String {
    json!({ "client_id": MemoryClever::CLIENT, "client_secret": password }).to_string()
}

pub(crate) fn settings() -> Settings {
    let mut settings = Settings::of_preset("clever");
    settings.time_zone = "America/New_York".into();
    settings.source.clever = Some(Clever { page_size: 3, ..Clever::of(OAK) });
    settings
}
