//! Starts the function. Configuration errors fail here, at the start.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn, tracing};
use mirror::clock::Clock;
use mirror::connect::Connections;
use mirror::eventbridge::Notifications;
use oneroster_import::{Config, Storage, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let connections = Connections::from_lookup(|name| std::env::var(name).ok(), config.path_style);
    let [inbox, internal] = connections.buckets([&config.inbox_bucket, &config.internal_bucket]);
    let notifications = Notifications::new(connections.operators(&config.operator_bus));
    let storage = Storage {
        table: connections.table(&config.table),
        inbox,
        internal,
        notifications,
        clock: Clock::system(),
    };
    // The runtime logs the `Debug` form of an error. That of a `Diagnostic` has no further details.
    let handler = async |event: LambdaEvent<serde_json::Value>| {
        Box::pin(handle(&config, &storage, event)).await.map_err(Diagnostic::from)
    };
    run(service_fn(handler)).await
}
