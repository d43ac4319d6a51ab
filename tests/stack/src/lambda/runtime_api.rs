//! The Runtime API that a function's process polls. Each process has its own server, so only the
//! process that received an event can answer it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use simulators::listen::Listening;

/// Maximum size of a function's answer, as in AWS.
const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

/// An event for a process.
#[derive(Clone, Debug)]
pub(super) struct Invoke {
    pub(super) request_id: String,
    pub(super) arn: String,
    pub(super) payload: Bytes,
    pub(super) timeout: Duration,
}

/// A message from a process.
#[derive(Debug)]
pub(super) enum Message {
    /// The process has received the event. The time limit starts.
    Received,
    /// The answer to the event with this request id.
    Answer(String, Bytes),
    /// The error of the event with this request id.
    Error(String, Value),
    /// The process failed to start.
    InitError(Value),
}

struct Calls {
    events: Mutex<mpsc::Receiver<Invoke>>,
    messages: mpsc::UnboundedSender<Message>,
}

/// The host's side of a process's Runtime API.
pub(super) struct RuntimeApi {
    server: Listening,
    pub(super) events: mpsc::Sender<Invoke>,
    pub(super) messages: mpsc::UnboundedReceiver<Message>,
}

impl RuntimeApi {
    pub(super) async fn start() -> io::Result<Self> {
        let (events, waiting) = mpsc::channel(1);
        let (sender, messages) = mpsc::unbounded_channel();
        let calls = Arc::new(Calls { events: Mutex::new(waiting), messages: sender });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(LARGEST_ANSWER))
            .with_state(calls);
        Ok(Self { server: Listening::router(router).await?, events, messages })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> String {
        self.server.address().to_string()
    }
}

async fn next(State(calls): State<Arc<Calls>>) -> Response<Body> {
    let Some(event) = calls.events.lock().await.recv().await else {
        return status(StatusCode::GONE);
    };
    let _ = calls.messages.send(Message::Received);
    let deadline = SystemTime::now() + event.timeout;
    let deadline = deadline.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Response::builder()
        .header("Content-Type", "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", &event.request_id)
        .header("Lambda-Runtime-Deadline-Ms", deadline.to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", &event.arn)
        .header("Lambda-Runtime-Trace-Id", format!("Root=1-{}", event.request_id))
        .body(Body::from(event.payload))
        .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn response(
    State(calls): State<Arc<Calls>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let _ = calls.messages.send(Message::Answer(id, body));
    status(StatusCode::ACCEPTED)
}

async fn error(
    State(calls): State<Arc<Calls>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let _ = calls.messages.send(Message::Error(id, json_or_text(&body)));
    status(StatusCode::ACCEPTED)
}

async fn init_error(State(calls): State<Arc<Calls>>, body: Bytes) -> Response<Body> {
    let _ = calls.messages.send(Message::InitError(json_or_text(&body)));
    status(StatusCode::ACCEPTED)
}

fn json_or_text(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}
