//! Starts the function. Invalid configuration stops the process here.

use std::convert::Infallible;

use clever_webhook::{Config, Endpoint, KEYS_CACHED, Services};
use lambda_http::{Error, Request, run, service_fn, tracing};
use mirror::clock::Clock;
use mirror::connect::Connections;
use mirror::dynamo::DynamoTable;
use mirror::ports::secrets::SecretCache;
use mirror::scheduler::ScheduleGroup;
use mirror::secrets_manager::ManagedSecrets;

/// The services on AWS.
struct Aws;

impl Services for Aws {
    type Secrets = ManagedSecrets;
    type Events = DynamoTable;
    type Schedules = ScheduleGroup;
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let connections = Connections::from_lookup(|name| std::env::var(name).ok(), false);
    let endpoint = Endpoint::<Aws> {
        secrets: SecretCache::new(connections.secrets(), Clock::system(), KEYS_CACHED),
        events: connections.table(&config.table),
        schedules: connections.schedules(&config.schedule_group, &config.schedule_role_arn),
        clock: Clock::system(),
        config,
    };
    run(service_fn(async |request: Request| Ok::<_, Infallible>(endpoint.handle(request).await)))
        .await
}
