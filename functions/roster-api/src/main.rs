//! Starts the function. An invalid configuration fails here, before the first request.

use lambda_http::{Error, run, tracing};
use mirror::clock::Clock;
use mirror::connect::Connections;
use roster_api::{Api, Config, router};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = Config::from_lookup(|name| std::env::var(name).ok())?;
    let connections = Connections::from_lookup(|name| std::env::var(name).ok(), config.path_style);
    let [inbox, internal] = connections.buckets([&config.inbox_bucket, &config.internal_bucket]);
    let table = connections.table(&config.table);
    let api = match &config.pulls {
        Some(pulls) => {
            let schedules = connections.schedules(&pulls.schedule_group, &pulls.schedule_role_arn);
            Api::with_pulls(table, internal, inbox, Clock::system(), schedules, &pulls.function_arn)
        }
        None => Api::new(table, internal, inbox, Clock::system()),
    };
    run(router(api)).await
}
