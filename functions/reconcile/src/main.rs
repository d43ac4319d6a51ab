//! Starts the function. An invalid configuration fails here, not at the first event.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn, tracing};
use mirror::clock::Clock;
use mirror::connect::Connections;
use mirror::dynamo::DynamoTable;
use mirror::eventbridge::Notifications;
use mirror::s3::S3Bucket;
use mirror::scheduler::ScheduleGroup;
use reconcile::{Config, Services, Storage, handle};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The services of AWS.
enum Aws {}

impl Services for Aws {
    type Table = DynamoTable;
    type Objects = S3Bucket;
    type Schedules = ScheduleGroup;
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let connections = Connections::from_lookup(|name| std::env::var(name).ok(), config.path_style);
    let [internal] = connections.buckets([&config.internal_bucket]);
    let storage = Storage::<Aws> {
        table: connections.table(&config.table),
        internal,
        schedules: connections.schedules(&config.schedule_group, &config.schedule_role_arn),
        notifications: Notifications::new(connections.operators(&config.operator_bus)),
        clock: Clock::system(),
    };
    // The runtime logs the `Debug` form of an error; a diagnostic contains nothing else.
    let handler = async |event: LambdaEvent<serde_json::Value>| {
        Box::pin(handle(&config, &storage, event)).await.map_err(Diagnostic::from)
    };
    run(service_fn(handler)).await
}
