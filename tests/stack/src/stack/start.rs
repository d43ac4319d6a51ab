//! Starts a stack: data folder, services, functions.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mirror::dynamo::DynamoTable;
use serde_json::json;
use simulators::clever::CleverSimulator;
use simulators::listen::Listening;
use simulators::oneroster::OneRosterSimulator;

use super::endpoints::{Clients, Endpoints};
use super::names::{
    ACCOUNT, API, CLASSLINK_KEY, CLASSLINK_SECRET, CLEVER_CLIENT, CLEVER_SECRET, CREDENTIAL,
    IMPORT, INBOX, INTERNAL, OPERATOR_BUS, PULL, RECONCILE, REGION, SCHEDULE_GROUP, TABLE, WEBHOOK,
    WEBHOOK_KEYS, WEBHOOK_SCHEDULE_GROUP,
};
use super::{Stack, StackConfig, StackError};
use crate::activity::Activity;
use crate::dynamo::Dynamo;
use crate::eventbridge::Bus;
use crate::functions::Binaries;
use crate::gateway::{self, FunctionUrl, Gateway, Route};
use crate::lambda::{self, FunctionConfig, Lambda};
use crate::s3::{Store, Subscription};
use crate::scheduler::{Running, Scheduler};
use crate::secrets;

/// Names and values of a function's environment variables.
type Variables<'a> = &'a [(&'a str, &'a str)];

impl Stack {
    /// Starts every service and adds the functions.
    ///
    /// Resumes what an earlier process left in the data folder: objects, table, schedules, and
    /// events that were not handled.
    pub async fn start(config: StackConfig) -> Result<Self, StackError> {
        let (data, temporary) = data_folder(&config)?;
        let lock = lock(&data)?;
        let table_file = config.data.is_some().then(|| data.join("table.sqlite"));
        let dynamo = Dynamo::start(table_file.as_deref(), config.faults).await?;
        let activity = Activity::new();
        let lambda = Lambda::new(lambda::Setting {
            region: REGION.into(),
            account: ACCOUNT.into(),
            folder: data.clone(),
            environment: BTreeMap::new(),
            activity: activity.clone(),
        });
        let s3 = serve_s3(&data, &lambda).await?;
        let scheduler = start_scheduler(&data, &lambda).await?;
        let invoke = lambda.serve().await.map_err(StackError::Listen)?;
        let gateway = start_gateway(&data, &lambda, &config).await?;
        let (client, password) = CLEVER_CLIENT;
        let clock = scheduler.scheduler.clock().clone();
        let clever =
            CleverSimulator::start(client, password, clock).await.map_err(StackError::Clever)?;
        let oneroster =
            OneRosterSimulator::start(CLASSLINK_KEY).await.map_err(StackError::Listen)?;
        let webhook = FunctionUrl::start(lambda.clone(), WEBHOOK).await.map_err(StackError::Api)?;
        let secrets = source_secrets();
        let secrets_server = secrets.serve().await.map_err(StackError::Clever)?;
        let bus = Bus::new(OPERATOR_BUS);
        let events = bus.serve().await.map_err(StackError::Bus)?;
        let endpoints = Endpoints {
            dynamodb: dynamo.url(),
            s3: s3.url(),
            lambda: invoke.url(),
            scheduler: scheduler.url(),
            secrets: secrets_server.url(),
            events: events.url(),
            api: gateway.url(),
            clever: clever.url(),
            oneroster: oneroster.url(),
            webhook: webhook.url(),
        };
        let clients = Clients::new(&endpoints);
        let table = DynamoTable::new(clients.dynamodb.clone(), TABLE);
        table
            .create_table()
            .await
            .map_err(|error| StackError::Dynamo(mirror::error::chain(&error)))?;
        lambda.add_environment(endpoints.function_variables());
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
            _webhook: webhook,
            secrets,
            bus,
            _servers: [s3, invoke, secrets_server, events],
            _lock: lock,
            _temporary: temporary,
        };
        if let Some(binaries) = stack.config.functions.clone() {
            stack.add_functions(binaries)?;
        }
        Ok(stack)
    }

    /// Adds the five functions, each with the environment variables that `template.yaml` gives it.
    fn add_functions(&self, binaries: Binaries) -> Result<(), StackError> {
        self.add_function(self.function(RECONCILE, binaries.reconcile))?;
        let mut import = self.function(IMPORT, binaries.oneroster_import);
        // Synthetic districts have one school year, whenever they are imported.
        for name in ["AS_OF_DAYS_BACK", "AS_OF_DAYS_AHEAD"] {
            import.environment.insert(name.into(), "40000".into());
        }
        self.add_function(import)?;
        let pull = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PULL}");
        let Endpoints { clever, oneroster, .. } = &self.endpoints;
        let functions: [(&str, PathBuf, Variables<'_>); 3] = [
            (API, binaries.roster_api, &[("PULL_FUNCTION_ARN", &pull)]),
            (
                WEBHOOK,
                binaries.clever_webhook,
                &[
                    ("NOTICE_KEYS", WEBHOOK_KEYS),
                    ("SCHEDULE_GROUP", WEBHOOK_SCHEDULE_GROUP),
                    ("PULL_FUNCTION_ARN", &pull),
                ],
            ),
            (
                PULL,
                binaries.nightly_pull,
                &[
                    ("CLEVER_SECRET", CLEVER_SECRET),
                    ("CLEVER_TOKENS_URL", clever),
                    ("CLEVER_API_URL", clever),
                    ("CLASSLINK_SECRET", CLASSLINK_SECRET),
                    ("CLASSLINK_PROXY_URL", oneroster),
                ],
            ),
        ];
        for (name, binary, variables) in functions {
            let mut function = self.function(name, binary);
            for (name, value) in variables {
                function.environment.insert((*name).to_owned(), (*value).to_owned());
            }
            self.add_function(function)?;
        }
        Ok(())
    }

    /// A function's configuration, with the stack's limits.
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

    /// Adds a function, or replaces the function of the same name.
    pub fn add_function(&self, config: FunctionConfig) -> Result<(), StackError> {
        self.lambda.add(config)
    }
}

/// The configured data folder, or a temporary one that is removed when the guard is dropped.
fn data_folder(config: &StackConfig) -> Result<(PathBuf, Option<tempfile::TempDir>), StackError> {
    if let Some(data) = &config.data {
        return Ok((data.clone(), None));
    }
    let temporary = tempfile::Builder::new()
        .prefix("rollbook-")
        .tempdir()
        .map_err(|source| StackError::Data { folder: std::env::temp_dir(), source })?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

/// Locks the data folder for this process. The operating system releases the lock when the process
/// ends, even after a crash.
fn lock(data: &Path) -> Result<File, StackError> {
    let failed = |source| StackError::Data { folder: data.to_owned(), source };
    std::fs::create_dir_all(data).map_err(failed)?;
    let file = File::create(data.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StackError::InUse(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

async fn serve_s3(data: &Path, lambda: &Arc<Lambda>) -> Result<Listening, StackError> {
    let lambda = lambda.clone();
    let notify = Arc::new(move |function: &str, event| {
        lambda.send(function, event); // without the function an upload starts no run
    });
    let buckets = [INBOX, INTERNAL];
    let store = Store::open(&data.join("s3"), REGION, &buckets, subscriptions(), notify)
        .map_err(StackError::S3)?;
    Listening::service(store.service(CREDENTIAL, CREDENTIAL)).await.map_err(StackError::Listen)
}

/// The event notifications of the buckets, as in `template.yaml`.
fn subscriptions() -> Vec<Subscription> {
    let subscription = |bucket: &str, prefix: &str, suffix: &str, function: &str| Subscription {
        bucket: bucket.into(),
        prefix: prefix.into(),
        suffix: suffix.into(),
        function: function.into(),
    };
    vec![
        subscription(INBOX, "uploads/", ".zip", IMPORT),
        subscription(INBOX, "uploads/", ".ZIP", IMPORT),
        subscription(INBOX, "uploads/", "manifest.csv", IMPORT),
        subscription(INTERNAL, "snapshots/", "manifest.json", RECONCILE),
        subscription(INTERNAL, "requests/", ".json", RECONCILE),
    ]
}

async fn start_scheduler(data: &Path, lambda: &Arc<Lambda>) -> Result<Running, StackError> {
    let lambda = lambda.clone();
    let deliver = Arc::new(move |target: &str, event| lambda.send(target, event));
    let groups = [SCHEDULE_GROUP, WEBHOOK_SCHEDULE_GROUP];
    Scheduler::start(deliver, REGION, ACCOUNT, &groups, data.join("schedules.json"))
        .await
        .map_err(StackError::Scheduler)
}

async fn start_gateway(
    data: &Path,
    lambda: &Arc<Lambda>,
    config: &StackConfig,
) -> Result<Gateway, StackError> {
    let setting = gateway::Setting {
        lambda: lambda.clone(),
        function: API,
        routes: config.routes.clone().map_or_else(Route::of_template, Ok)?,
        timeout: config.api_timeout,
        account: ACCOUNT.into(),
    };
    Gateway::start(data, setting).await.map_err(StackError::Api)
}

/// The secrets with the credentials for the simulated sources.
fn source_secrets() -> secrets::Store {
    let secrets = secrets::Store::default();
    let (client, password) = CLEVER_CLIENT;
    let clever = json!({ "client_id": client, "client_secret": password });
    secrets.put(CLEVER_SECRET, &clever.to_string());
    secrets.put(CLASSLINK_SECRET, &json!({ "api_key": CLASSLINK_KEY }).to_string());
    secrets
}
