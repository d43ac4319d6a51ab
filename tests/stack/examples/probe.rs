//! The function of the stack's own tests. The event's field `do` chooses what it does: `echo` (the
//! default), `fail`, `exit`, `sleep` or `variables`. Behind the API the header `x-do` chooses, and
//! `reply` returns the request's body.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    match event["do"].as_str().or(event["headers"]["x-do"].as_str()) {
        Some("reply") => Ok(serde_json::from_str(event["body"].as_str().unwrap_or_default())?),
        Some("fail") => Err("failed on request".into()),
        Some("exit") => std::process::exit(7),
        Some("sleep") => {
            tokio::time::sleep(Duration::from_millis(event["ms"].as_u64().unwrap_or(60_000))).await;
            Ok(json!({ "slept": event["ms"], "process": std::process::id() }))
        }
        Some("variables") => Ok(std::env::vars()
            .map(|(name, value)| (name, Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()),
        _ => {
            let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
            Ok(json!({
                "echo": event,
                "process": std::process::id(),
                "function": context.env_config.function_name,
                "milliseconds": left.as_millis() as u64,
            }))
        }
    }
}
