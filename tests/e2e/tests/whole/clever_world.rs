//! Pulls from Clever in this process, for tests of single cases.
//!
//! A pull runs the code of the function in this process, against the simulator over HTTP and the
//! table and buckets of the local stack. Waiting only advances the clock. After the snapshot the
//! real functions take over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use districts::{District, Size};
use e2e::{Application, Night};
use lambda_runtime::{Context, LambdaEvent};
use mirror::clock::Clock as FunctionClock;
use mirror::dynamo::DynamoTable;
use mirror::eventbridge::Notifications;
use mirror::eventbridge::event::{Kind, Status};
use mirror::ports::runs::Runs;
use mirror::ports::secrets::SecretCache;
use mirror::s3::S3Bucket;
use mirror::testing::memory::{MemoryBus, MemorySchedules, MemorySecrets};
use nightly_pull::{Config, DiscoverySummary, Outcome, PullOutcome, Services, Storage, handle};
use roster::id::DistrictId;
use roster::records::RecordKind;
use roster::run::RunState;
use roster::settings::{Clever, Settings};
use serde_json::{Value, json};
use simulators::clever::{CleverSimulator, id};
use sources::clever::Wait;
use sources::http::HttpClient;
use stack::{CLEVER_CLIENT, CLEVER_SECRET, Clock, INTERNAL, TABLE};

/// Advances the clock instead of waiting.
#[derive(Clone)]
struct AdvanceClock(Clock);

impl Wait for AdvanceClock {
    async fn wait(&self, time: Duration) {
        self.0.advance(time);
        tokio::task::yield_now().await;
    }
}

/// The stack's table and buckets, and all other services in memory.
struct Mixed;

impl Services for Mixed {
    type Table = DynamoTable;
    type Objects = S3Bucket;
    type Schedules = MemorySchedules;
    type Secrets = MemorySecrets;
    type Http = HttpClient;
    type Wait = AdvanceClock;
}

/// The stack and the dependencies of a pull in this process.
pub(crate) struct World {
    pub(crate) application: Application,
    config: Config,
    pub(crate) bus: MemoryBus,
    later: MemorySchedules,
    secrets: MemorySecrets,
    http: HttpClient,
    requests: AtomicU64,
}

/// A district, its id at Clever and its synthetic data.
pub(crate) struct Pulled {
    pub(crate) source: String,
    pub(crate) here: DistrictId,
    pub(crate) set: District,
}

/// Contents of a mirror without the run of the last change and the id of the district at Clever.
pub(crate) type Contents = BTreeMap<(RecordKind, String), String>;

impl World {
    pub(crate) async fn new() -> Self {
        let application = Application::start().await;
        let clever = application.stack.clever().url();
        let config = Config::from_lookup(|name| match name {
            "INTERNAL_BUCKET" => Some(INTERNAL.into()),
            "TABLE" => Some(TABLE.into()),
            "CLEVER_SECRET" => Some(CLEVER_SECRET.into()),
            "CLEVER_TOKENS_URL" | "CLEVER_API_URL" => Some(clever.clone()),
            "OPERATOR_BUS" | "SCHEDULE_GROUP" | "SCHEDULE_ROLE_ARN" => Some("of-its-own".into()),
            _ => None,
        });
        let (secrets, (client, password)) = (MemorySecrets::default(), CLEVER_CLIENT);
        secrets.put(
            CLEVER_SECRET,
            &json!({ "client_id": client, "client_secret": password }).to_string(),
        );
        Self {
            application,
            config: config.expect("a configuration"),
            bus: MemoryBus::default(),
            later: MemorySchedules::default(),
            secrets,
            http: HttpClient::new().expect("a client"),
            requests: AtomicU64::new(0),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.application.stack.clock()
    }

    pub(crate) fn clever(&self) -> &CleverSimulator {
        self.application.stack.clever()
    }

    /// Creates a live district with its first night in the mirror.
    pub(crate) async fn district(&self, name: &str, overrides: Value) -> Pulled {
        self.paged(name, overrides, 20).await
    }

    /// Like `district`, with this number of records per page.
    pub(crate) async fn paged(&self, name: &str, overrides: Value, page_size: u32) -> Pulled {
        let (source, set) =
            (id("district", name), District::new(Size::students(40)).seed(5).churn(4.0));
        self.clever().connect(&source, &set.night(0));
        let mut settings = Settings::of_preset("clever");
        settings.time_zone = "America/New_York".into();
        settings.source.clever =
            Some(Clever { api: self.clever().url(), page_size, ..Clever::of(&source) });
        settings.overrides = overrides.as_object().cloned().unwrap_or_default();
        let pulled = Pulled { here: self.application.district(name, settings).await, source, set };
        let first = self.pull(&pulled.here).await;
        assert_eq!(first.state(), RunState::Applied, "{:?}", first.report.findings);
        assert_eq!(self.notified(), []);
        pulled
    }

    async fn send(&self, event: Value) -> Outcome {
        let clock = self.clock().clone();
        let clock = FunctionClock::new(move || clock.now());
        let storage = Storage::<Mixed> {
            table: self.application.stack.table(),
            internal: self.application.stack.bucket(INTERNAL),
            schedules: self.later.clone(),
            // Each invocation has a new cache, as in a new process.
            secrets: SecretCache::new(
                self.secrets.clone(),
                clock.clone(),
                self.config.keep_secrets,
            ),
            http: self.http.clone(),
            wait: AdvanceClock(self.clock().clone()),
            notifications: Notifications::new(self.bus.clone()),
            clock,
        };
        let mut context = Context::default();
        context.request_id = format!("request {}", self.requests.fetch_add(1, Ordering::SeqCst));
        context.invoked_function_arn =
            "arn:aws:lambda:us-east-1:000000000000:function:nightly-pull".into();
        context.deadline =
            u64::try_from((self.clock().now() + Duration::from_secs(900)).as_millisecond())
                .expect("after 1970");
        handle(&self.config, &storage, LambdaEvent::new(event, context))
            .await
            .expect("only Clever fails here")
    }

    /// Starts a pull and continues it until it ends, then waits until its snapshot is planned and
    /// applied.
    pub(crate) async fn pull(&self, district: &DistrictId) -> Night {
        // Two pulls started in the same second would have the same time.
        self.clock().advance(Duration::from_secs(2));
        let mut ended = self.send(json!({ "district": district, "at": self.clock().now() })).await;
        while ended == Outcome::Pull(PullOutcome::Continued) {
            let (_, at, payload) = self.later.take_all().pop().expect("the pull continues");
            self.clock().advance_to(at);
            ended = self.send(serde_json::from_str(&payload).expect("JSON")).await;
        }
        self.application.stack.settled().await;
        let stack = &self.application.stack;
        let run = stack
            .table()
            .newest(district, 1)
            .await
            .expect("the table answers")
            .pop()
            .expect("a run");
        let report = stack.report(district, &run.run).await.expect("the report can be read");
        Night {
            report: report.unwrap_or_else(|| {
                panic!("no report; failures: {:?}", self.application.failures())
            }),
            run,
        }
    }

    pub(crate) async fn discover(&self) -> DiscoverySummary {
        match self.send(json!({ "look": "clever" })).await {
            Outcome::Discovery(summary) => summary,
            Outcome::Pull(ended) => panic!("{ended:?}"),
        }
    }

    /// Returns the notifications of this pull since the last call. The other functions must have
    /// sent none.
    pub(crate) fn notified(&self) -> Vec<(Kind, Status)> {
        let of_other_functions = self.application.notifications();
        assert!(of_other_functions.is_empty(), "{of_other_functions:?}");
        self.bus.take_all().into_iter().map(|event| (event.kind, event.detail.status)).collect()
    }

    pub(crate) async fn contents(&self, district: &Pulled) -> Contents {
        let mirror = self.application.mirror(&district.here).await.into_iter();
        let text = |record: Value| {
            format!("{} {}", record["status"], record["state"])
                .replace(&district.source, "the district")
        };
        mirror.map(|(key, record)| (key, text(record))).collect()
    }
}

/// Settings with high hold limits: in a small district, normal changes exceed the defaults.
pub(crate) fn tolerant() -> Value {
    json!({ "hold_if_removed_percent": 60, "hold_if_changed_percent": 100 })
}
