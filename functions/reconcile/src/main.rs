//! Starts the function: everything that can be wrong at start fails here.

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use mirror::clock::Clock;
use mirror::connect::Connections;
use reconcile::{Config, Storage, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let connections = Connections::from_env(config.path_style).await;
    let [internal] = connections.buckets([&config.internal_bucket]);
    let later = connections.schedules(&config.schedule_group, &config.schedule_role_arn);
    let storage = Storage { table: connections.table(&config.table), internal, later, clock: Clock::system() };
    run(service_fn(|event: LambdaEvent<serde_json::Value>| handle(&config, &storage, event))).await
}
