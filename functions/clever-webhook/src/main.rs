//! Starts the function: everything that can be wrong at start fails here.

use std::convert::Infallible;

use clever_webhook::{Config, Door, KEYS_KEPT};
use lambda_http::{Error, Request, run, service_fn, tracing};
use mirror::clock::Clock;
use mirror::connect::Connections;
use mirror::ports::secrets::SecretCache;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let connections = Connections::from_lookup(|name| std::env::var(name).ok(), false);
    let door = Door {
        secrets: SecretCache::new(connections.secrets(), Clock::system(), KEYS_KEPT),
        notices: connections.table(&config.table),
        schedules: connections.schedules(&config.schedule_group, &config.schedule_role_arn),
        clock: Clock::system(),
        config,
    };
    run(service_fn(async |request: Request| Ok::<_, Infallible>(door.handle(request).await))).await
}
