//! Starts the function. Invalid configuration stops the process here.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn, tracing};
use mirror::clock::Clock;
use mirror::connect::Connections;
use mirror::dynamo::DynamoTable;
use mirror::eventbridge::Notifications;
use mirror::ports::secrets::SecretCache;
use mirror::s3::S3Bucket;
use mirror::scheduler::ScheduleGroup;
use mirror::secrets_manager::ManagedSecrets;
use nightly_pull::{Config, Services, Storage, handle};
use sources::http::{HttpClient, RealWait};

/// The services on AWS.
struct Aws;

impl Services for Aws {
    type Table = DynamoTable;
    type Objects = S3Bucket;
    type Schedules = ScheduleGroup;
    type Secrets = ManagedSecrets;
    type Http = HttpClient;
    type Wait = RealWait;
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let connections = Connections::from_lookup(|name| std::env::var(name).ok(), config.path_style);
    let [internal] = connections.buckets([&config.internal_bucket]);
    let clock = Clock::system();
    let storage = Storage::<Aws> {
        table: connections.table(&config.table),
        internal,
        schedules: connections.schedules(&config.schedule_group, &config.schedule_role_arn),
        secrets: SecretCache::new(connections.secrets(), clock.clone(), config.keep_secrets),
        http: HttpClient::new()?,
        wait: RealWait,
        notifications: Notifications::new(connections.operators(&config.operator_bus)),
        clock,
    };
    // The runtime logs the `Debug` form of a handler's error. A `Diagnostic` prints only its type
    // and message; the error itself could print more.
    let handler = async |event: LambdaEvent<serde_json::Value>| {
        Box::pin(handle(&config, &storage, event)).await.map_err(Diagnostic::from)
    };
    run(service_fn(handler)).await
}
