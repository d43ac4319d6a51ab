//! Starts the function: everything that can be wrong at start fails here.

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use mirror::clock::Clock;
use mirror::connect::Connections;
use oneroster_import::{Config, Storage, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let connections = Connections::from_env(config.path_style).await;
    let [inbox, internal] = connections.buckets([&config.inbox_bucket, &config.internal_bucket]);
    let storage = Storage { table: connections.table(&config.table), inbox, internal, clock: Clock::system() };
    run(service_fn(|event: LambdaEvent<serde_json::Value>| handle(&config, &storage, event))).await
}
