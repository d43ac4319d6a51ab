//! Everything together.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use mirror::dynamo::DynamoTable;
use mirror::s3::S3Bucket;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::activity::Activity;
use crate::dynamo::{Dynamo, DynamoFaults};
use crate::functions::Binaries;
use crate::gateway::{
    Api, Claims, FunctionUrl, Gateway, Issuer, IssuerError, Route, RouteError,
    Setting as ApiSetting,
};
use crate::lambda::{Answer, FailureRecord, FunctionConfig, Invocation, Lambda, Setting};
use crate::operators::{Bus, BusMood, Told};
use crate::s3::{Store, Subscription};
use crate::scheduler::{Clock, DeadLetter, Running, Scheduler};
use crate::secrets;
use simulators::clever::CleverSimulator;
use simulators::listen::Listening;
use simulators::oneroster::OneRosterSimulator;

/// The region that everything believes to be in.
const REGION: &str = "us-east-1";
/// The account.
const ACCOUNT: &str = "000000000000";
/// Access key id and secret of everybody.
const CREDENTIAL: &str = "rollbook";

/// The bucket for uploads.
pub const INBOX: &str = "rollbook-inbox";
/// The bucket for snapshots, plans and reports.
pub const INTERNAL: &str = "rollbook-internal";
/// The table.
pub const TABLE: &str = "rollbook";
/// The group of one-time schedules by which a run goes on.
pub const SCHEDULE_GROUP: &str = "rollbook-continuations";
/// The bus on which operators are told.
const OPERATOR_BUS: &str = "rollbook-operators";
/// The function that makes a snapshot of an upload.
pub const IMPORT: &str = "oneroster-import";
/// The function that makes a plan of a snapshot, and the mirror of a plan.
pub const RECONCILE: &str = "reconcile";
/// The function behind the API.
pub const API: &str = "roster-api";
/// The function that takes notices that a district shares data.
pub const WEBHOOK: &str = "clever-webhook";
/// The function that pulls districts from their sources' servers.
pub const PULL: &str = "nightly-pull";
/// The group of schedules by which a notice is looked into.
pub const NOTICE_GROUP: &str = "rollbook-notices";
/// The secret with the keys of notices.
pub const NOTICE_KEYS: &str = "rollbook-notice-keys";

/// The secret with the application's credentials at the simulated Clever: `{"client_id": …,
/// "client_secret": …}`.
pub const CLEVER_SECRET: &str = "rollbook-clever";
/// The secret with the partner key of the simulated ClassLink: `{"api_key": …}`.
pub const CLASSLINK_SECRET: &str = "rollbook-classlink";
/// The partner key.
pub const CLASSLINK_KEY: &str = "an-invented-partner-key";
/// Who the application is at the simulated Clever, and its password there.
pub const CLEVER_CLIENT: (&str, &str) = ("rollbook", "an-invented-client-secret");

/// How a stack is to be.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// The folder in which everything is kept, made if need be; none: a temporary one, and the
    /// table in memory.
    pub data: Option<PathBuf>,
    /// The binaries of the functions; none: uploads start nothing.
    pub functions: Option<Binaries>,
    /// Faults of the table; with [`DynamoFaults::none`] its calls are counted and nothing else.
    pub faults: Option<DynamoFaults>,
    /// How long an invocation may take: 15 minutes in AWS.
    pub timeout: Duration,
    /// How many processes a function may have at once.
    pub concurrency: usize,
    /// The wait before a failed event's first retry: a minute in AWS.
    pub retry_delay: Duration,
    /// The routes of the API; none: those of `template.yaml`.
    pub routes: Option<Vec<Route>>,
    /// How long the API waits for its function: 30 seconds in AWS.
    pub api_timeout: Duration,
    /// Variables that the functions get beside their own.
    pub environment: BTreeMap<String, String>,
}

impl Default for StackConfig {
    fn default() -> Self {
        Self {
            data: None,
            functions: None,
            faults: None,
            timeout: Duration::from_secs(900),
            concurrency: 2,
            retry_delay: Duration::from_secs(1),
            routes: None,
            api_timeout: Duration::from_secs(30),
            environment: BTreeMap::new(),
        }
    }
}

/// Why a stack cannot be.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The folder.
    #[error("{} cannot be used", folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Two at once.
    #[error("{} is in use by another process; wait until that has ended, or name another folder", .0.display())]
    InUse(PathBuf),
    /// No port.
    #[error("no port of 127.0.0.1 can be opened")]
    Listen(#[source] io::Error),
    /// The database.
    #[error("the local DynamoDB does not start: {0}")]
    Dynamo(String),
    /// The object store.
    #[error("the local S3 does not start")]
    S3(#[source] io::Error),
    /// Clever, or Secrets Manager.
    #[error("the simulated Clever or the local Secrets Manager does not start")]
    Clever(#[source] io::Error),
    /// The bus.
    #[error("the local EventBridge does not start")]
    Bus(#[source] io::Error),
    /// The scheduler.
    #[error("the local scheduler does not start")]
    Scheduler(#[source] io::Error),
    /// The routes of the API.
    #[error("the routes of the API cannot be read")]
    Routes(#[from] RouteError),
    /// The API.
    #[error("the local API does not start")]
    Api(#[source] io::Error),
    /// A function.
    #[error("the function {name} cannot be set up")]
    Function {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Where a client finds the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// DynamoDB.
    pub dynamodb: String,
    /// S3, path style.
    pub s3: String,
    /// Lambda's Invoke.
    pub lambda: String,
    /// EventBridge Scheduler.
    pub scheduler: String,
    /// Secrets Manager.
    pub secrets: String,
    /// EventBridge.
    pub events: String,
    /// The API for people and applications.
    pub api: String,
    /// The simulated Clever: data and token list.
    pub clever: String,
    /// The simulated OneRoster servers, and ClassLink's proxy.
    pub oneroster: String,
    /// Where notices are sent to.
    pub notices: String,
}

/// The running system. It ends, with all child processes, when it is dropped.
pub struct Stack {
    endpoints: Endpoints,
    data: PathBuf,
    lambda: Arc<Lambda>,
    activity: Activity,
    config: StackConfig,
    clients: Clients,
    scheduler: Running,
    gateway: Gateway,
    dynamo: Dynamo,
    clever: CleverSimulator,
    oneroster: OneRosterSimulator,
    _notices: FunctionUrl,
    secrets: secrets::Store,
    bus: Bus,
    _servers: [Listening; 4],
    _lock: File,
    _temporary: Option<tempfile::TempDir>,
}

struct Clients {
    s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    scheduler: aws_sdk_scheduler::Client,
}

impl Stack {
    /// Starts everything. What an earlier process left in the folder is taken up: objects, table,
    /// schedules, and events that were under way.
    pub async fn start(config: StackConfig) -> Result<Self, StackError> {
        let (data, temporary) = match &config.data {
            Some(data) => (data.clone(), None),
            None => {
                let made = tempfile::Builder::new().prefix("rollbook-").tempdir();
                let made = made
                    .map_err(|source| StackError::Data { folder: std::env::temp_dir(), source })?;
                (made.path().to_owned(), Some(made))
            }
        };
        let lock = lock(&data)?;
        let table_file = config.data.is_some().then(|| data.join("table.sqlite"));
        let dynamo = Dynamo::start(table_file.as_deref(), config.faults).await?;
        let activity = Activity::new();
        let lambda = Lambda::new(Setting {
            region: REGION.into(),
            account: ACCOUNT.into(),
            folder: data.clone(),
            environment: BTreeMap::new(),
            activity: activity.clone(),
        });
        let told = lambda.clone();
        let notify = Arc::new(move |function: &str, event| {
            told.send(function, event); // nobody there: an upload that starts nothing
        });
        let store =
            Store::open(&data.join("s3"), REGION, &[INBOX, INTERNAL], subscriptions(), notify)
                .map_err(StackError::S3)?;
        let s3 = Listening::service(store.service(CREDENTIAL, CREDENTIAL))
            .await
            .map_err(StackError::Listen)?;
        let asked = lambda.clone();
        let deliver = Arc::new(move |target: &str, event| asked.send(target, event));
        let scheduler = Scheduler::start(
            deliver,
            REGION,
            ACCOUNT,
            &[SCHEDULE_GROUP, NOTICE_GROUP],
            data.join("schedules.json"),
        );
        let scheduler = scheduler.await.map_err(StackError::Scheduler)?;
        let invoke = lambda.serve().await.map_err(StackError::Listen)?;
        let api = ApiSetting {
            lambda: lambda.clone(),
            function: API,
            routes: config.routes.clone().map_or_else(Route::of_template, Ok)?,
            timeout: config.api_timeout,
            account: ACCOUNT.into(),
        };
        let gateway = Gateway::start(&data, api).await.map_err(StackError::Api)?;
        let (client, password) = CLEVER_CLIENT;
        let clever =
            CleverSimulator::start(client, password, scheduler.scheduler.clock().clone()).await;
        let clever = clever.map_err(StackError::Clever)?;
        let oneroster = OneRosterSimulator::start(CLASSLINK_KEY).await;
        let oneroster = oneroster.map_err(StackError::Listen)?;
        let notices = FunctionUrl::start(lambda.clone(), WEBHOOK).await.map_err(StackError::Api)?;
        let secrets = secrets::Store::default();
        let keeper = secrets.serve().await.map_err(StackError::Clever)?;
        secrets.put(
            CLEVER_SECRET,
            &serde_json::json!({ "client_id": client, "client_secret": password }).to_string(),
        );
        let bus = Bus::new(OPERATOR_BUS);
        let events = bus.serve().await.map_err(StackError::Bus)?;
        secrets.put(CLASSLINK_SECRET, &serde_json::json!({ "api_key": CLASSLINK_KEY }).to_string());
        let endpoints = Endpoints {
            dynamodb: dynamo.url(),
            s3: s3.url(),
            lambda: invoke.url(),
            scheduler: scheduler.url(),
            secrets: keeper.url(),
            events: events.url(),
            api: gateway.url(),
            clever: clever.url(),
            oneroster: oneroster.url(),
            notices: notices.url(),
        };
        let clients = Clients::of(&endpoints);
        let table = DynamoTable::new(clients.dynamodb.clone(), TABLE);
        table
            .create_table()
            .await
            .map_err(|error| StackError::Dynamo(mirror::error::chain(&error)))?;
        lambda.add_environment(variables(&endpoints));
        lambda.add_environment(config.environment.clone());
        let stack = Self {
            endpoints,
            data,
            lambda,
            activity,
            config,
            clients,
            scheduler,
            gateway,
            dynamo,
            clever,
            oneroster,
            _notices: notices,
            secrets,
            bus,
            _servers: [s3, invoke, keeper, events],
            _lock: lock,
            _temporary: temporary,
        };
        if let Some(binaries) = stack.config.functions.clone() {
            stack.add_function(stack.function(RECONCILE, binaries.reconcile))?;
            stack.add_function(stack.function(IMPORT, binaries.oneroster_import))?;
            let pull = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PULL}");
            let mut api = stack.function(API, binaries.roster_api);
            api.environment.insert("PULL_FUNCTION_ARN".into(), pull.clone());
            stack.add_function(api)?;
            let mut webhook = stack.function(WEBHOOK, binaries.clever_webhook);
            for (name, value) in [
                ("NOTICE_KEYS", NOTICE_KEYS),
                ("SCHEDULE_GROUP", NOTICE_GROUP),
                ("PULL_FUNCTION_ARN", &pull),
            ] {
                webhook.environment.insert(name.into(), value.into());
            }
            stack.add_function(webhook)?;
            let mut pull = stack.function(PULL, binaries.nightly_pull);
            let Endpoints { clever, oneroster, .. } = &stack.endpoints;
            for (name, value) in [
                ("CLEVER_SECRET", CLEVER_SECRET),
                ("CLEVER_TOKENS_URL", clever),
                ("CLEVER_API_URL", clever),
                ("CLASSLINK_SECRET", CLASSLINK_SECRET),
                ("CLASSLINK_PROXY_URL", oneroster),
            ] {
                pull.environment.insert(name.into(), value.into());
            }
            stack.add_function(pull)?;
        }
        Ok(stack)
    }

    /// A function's configuration, with what the stack's own says of all.
    pub fn function(&self, name: &str, binary: PathBuf) -> FunctionConfig {
        FunctionConfig {
            name: name.into(),
            binary,
            timeout: self.config.timeout,
            memory_mb: 3008,
            concurrency: self.config.concurrency,
            retries: 2,
            retry_delay: self.config.retry_delay,
            environment: BTreeMap::new(),
        }
    }

    /// Adds a function, or puts another in its place.
    pub fn add_function(&self, config: FunctionConfig) -> Result<(), StackError> {
        self.lambda.add(config)
    }

    /// Where the services are.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Where everything is kept. `s3/objects/<bucket>/<key>` are plain files.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where an object's file is.
    pub fn object_file(&self, bucket: &str, key: &str) -> PathBuf {
        self.data.join("s3/objects").join(bucket).join(key)
    }

    /// The table, as the functions see it.
    pub fn table(&self) -> DynamoTable {
        DynamoTable::new(self.clients.dynamodb.clone(), TABLE)
    }

    /// A bucket ([`INBOX`] or [`INTERNAL`]), as the functions see it.
    pub fn bucket(&self, name: &str) -> S3Bucket {
        S3Bucket::new(self.clients.s3.clone(), name)
    }

    /// A client of S3.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        &self.clients.s3
    }

    /// A client of DynamoDB.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.clients.dynamodb
    }

    /// A client of the scheduler.
    pub fn scheduler(&self) -> &aws_sdk_scheduler::Client {
        &self.clients.scheduler
    }

    /// How often each operation of the table was called, by whomever; only a stack with
    /// [`StackConfig::faults`] counts.
    pub fn table_calls(&self) -> BTreeMap<String, u64> {
        self.dynamo.calls()
    }

    /// Who signs the tokens of the API.
    pub fn issuer(&self) -> &Issuer {
        self.gateway.issuer()
    }

    /// The API, as somebody sees it whose token says this; the token is good for an hour.
    pub fn api(&self, claims: &Claims) -> Result<Api, IssuerError> {
        let token = self.issuer().token(claims, Duration::from_secs(3600))?;
        Ok(Api::new(&self.endpoints.api, Some(token)))
    }

    /// The simulated Clever; its clock is the scheduler's.
    pub fn clever(&self) -> &CleverSimulator {
        &self.clever
    }

    /// The simulated OneRoster servers, and ClassLink's proxy.
    pub fn oneroster(&self) -> &OneRosterSimulator {
        &self.oneroster
    }

    /// Gives a secret a text, and makes it if need be.
    pub fn put_secret(&self, name: &str, text: &str) {
        self.secrets.put(name, text);
    }

    /// What operators were told so far, in this process.
    pub fn told(&self) -> Vec<Told> {
        self.bus.told()
    }

    /// What operators are told from now on.
    pub fn listen(&self) -> UnboundedReceiver<Told> {
        self.bus.listen()
    }

    /// How the bus of the operators treats what it is given from now on.
    pub fn set_bus_mood(&self, mood: BusMood) {
        self.bus.set_mood(mood);
    }

    /// The scheduler's clock.
    pub fn clock(&self) -> &Clock {
        self.scheduler.scheduler.clock()
    }

    /// When the next schedule is due, if there is one.
    pub fn next_schedule(&self) -> Option<jiff::Timestamp> {
        self.scheduler.scheduler.next_due()
    }

    /// Lets time pass until a moment: everything that is due by then happens in its turn, and each
    /// thing is done before the next is due.
    pub async fn live_until(&self, moment: jiff::Timestamp) {
        loop {
            self.settled().await;
            match self.next_schedule().filter(|due| *due <= moment) {
                Some(due) => self.clock().advance_to(due),
                None => break,
            }
        }
        self.clock().advance_to(moment);
    }

    /// Events of schedules that no function took, in the failure queues of their schedules.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.scheduler.scheduler.dead_letters()
    }

    /// Invokes a function and waits for its answer, without retries. None: there is no such
    /// function.
    pub async fn invoke(&self, function: &str, event: Value) -> Option<Answer> {
        self.lambda.invoke(function, event).await
    }

    /// Queues an event for a function, with retries and, at the end of them, a failure record.
    /// False: there is no such function.
    pub fn send(&self, function: &str, event: Value) -> bool {
        self.lambda.send(function, event)
    }

    /// Waits until nothing is going on: no event queued, waiting for a retry or being handled, and
    /// no schedule due.
    pub async fn settled(&self) {
        loop {
            self.activity.quiet().await;
            if !self.scheduler.scheduler.fire_due() && self.activity.count() == 0 {
                return;
            }
        }
    }

    /// How many events are queued, waiting or being handled.
    pub fn under_way(&self) -> usize {
        self.activity.count()
    }

    /// Events that a function has failed for good, in this process.
    pub fn failures(&self, function: &str) -> Vec<FailureRecord> {
        self.lambda.get(function).map(|function| function.failures()).unwrap_or_default()
    }

    /// Every try of every event of a function, in this process; of very many the last ones.
    pub fn invocations(&self, function: &str) -> Vec<Invocation> {
        self.lambda.get(function).map(|function| function.history()).unwrap_or_default()
    }

    /// Most memory that a process of a function has held, in bytes; none before the first, or where
    /// the system does not tell.
    pub fn peak_rss(&self, function: &str) -> Option<u64> {
        self.lambda.get(function)?.peak_rss()
    }

    /// What a function's processes have written.
    pub fn log(&self, function: &str) -> String {
        let file = self.lambda.get(function).map(|function| function.log_file());
        file.and_then(|file| std::fs::read(file).ok())
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    /// Variables with which the AWS CLI and SDKs find the stack.
    pub fn client_environment(&self) -> Vec<(String, String)> {
        let mut all = variables(&self.endpoints);
        all.retain(|(name, _)| name.starts_with("AWS_"));
        all.push(("AWS_DEFAULT_REGION".into(), REGION.into())); // what version 1 of the AWS CLI reads
        all.push(("AWS_ENDPOINT_URL_LAMBDA".into(), self.endpoints.lambda.clone()));
        all
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.lambda.stop();
    }
}

impl Clients {
    fn of(endpoints: &Endpoints) -> Self {
        let credentials = || Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "local");
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&endpoints.s3)
            .force_path_style(true)
            .build();
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&endpoints.dynamodb)
            .build();
        let scheduler = aws_sdk_scheduler::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&endpoints.scheduler)
            .build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            scheduler: aws_sdk_scheduler::Client::from_conf(scheduler),
        }
    }
}

/// Opens the folder for this process alone. The lock goes with the process, however that ends.
fn lock(data: &Path) -> Result<File, StackError> {
    let cannot = |source| StackError::Data { folder: data.to_owned(), source };
    std::fs::create_dir_all(data).map_err(cannot)?;
    let file = File::create(data.join("lock")).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StackError::InUse(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(cannot(source)),
    }
}

/// The notifications of the buckets, as `template.yaml` has them.
fn subscriptions() -> Vec<Subscription> {
    let of = |bucket: &str, prefix: &str, suffix: &str, function: &str| Subscription {
        bucket: bucket.into(),
        prefix: prefix.into(),
        suffix: suffix.into(),
        function: function.into(),
    };
    vec![
        of(INBOX, "uploads/", ".zip", IMPORT),
        of(INBOX, "uploads/", ".ZIP", IMPORT),
        of(INBOX, "uploads/", "manifest.csv", IMPORT),
        of(INTERNAL, "snapshots/", "manifest.json", RECONCILE),
        of(INTERNAL, "requests/", ".json", RECONCILE),
    ]
}

/// What the functions are told of their surroundings.
fn variables(endpoints: &Endpoints) -> Vec<(String, String)> {
    [
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
        ("AWS_ENDPOINT_URL_S3", &endpoints.s3),
        ("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb),
        ("AWS_ENDPOINT_URL_SCHEDULER", &endpoints.scheduler),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &endpoints.secrets),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", &endpoints.events),
        ("INBOX_BUCKET", INBOX),
        ("INTERNAL_BUCKET", INTERNAL),
        ("TABLE", TABLE),
        ("OPERATOR_BUS", OPERATOR_BUS),
        ("SCHEDULE_GROUP", SCHEDULE_GROUP),
        ("SCHEDULE_ROLE_ARN", "arn:aws:iam::000000000000:role/rollbook-scheduler"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}
