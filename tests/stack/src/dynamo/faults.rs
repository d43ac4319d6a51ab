//! A proxy in front of the database. It counts the calls, throttles some of them, and leaves items
//! of some batch writes unprocessed, like a busy table.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};

use simulators::listen::Listening;

/// DynamoDB's own limit on a request.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// The share of calls that fail. The same seed gives the n-th call the same outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DynamoFaults {
    /// Seed of the random decisions.
    pub seed: u64,
    /// Share (0 to 1) of BatchWriteItem calls that return some of their items as
    /// `UnprocessedItems`.
    pub unprocessed: f64,
    /// Share (0 to 1) of all calls that fail with a ProvisionedThroughputExceededException.
    pub throttled: f64,
}

impl DynamoFaults {
    /// No faults: the calls are only counted.
    pub fn none() -> Self {
        Self { seed: 0, unprocessed: 0.0, throttled: 0.0 }
    }
}

/// Number of calls per operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<String, u64>>>);

impl Tally {
    fn add(&self, operation: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(operation.to_owned()).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Proxy {
    client: Client<HttpConnector, Body>,
    behind: SocketAddr,
    faults: DynamoFaults,
    calls: AtomicU64,
    tally: Tally,
}

pub(super) async fn in_front_of(
    behind: SocketAddr,
    faults: DynamoFaults,
    tally: Tally,
) -> io::Result<Listening> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let proxy = Arc::new(Proxy { client, behind, faults, calls: AtomicU64::new(0), tally });
    let router = axum::Router::new()
        .fallback(forward)
        .layer(axum::extract::DefaultBodyLimit::max(LARGEST_BODY));
    Listening::router(router.with_state(proxy)).await
}

async fn forward(
    State(proxy): State<Arc<Proxy>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let call = proxy.calls.fetch_add(1, Ordering::Relaxed);
    let operation =
        headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    proxy.tally.add(operation.rsplit_once('.').map_or(operation, |(_, name)| name));
    let mut luck =
        fastrand::Rng::with_seed(proxy.faults.seed ^ call.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    if luck.f64() < proxy.faults.throttled {
        return throttled();
    }
    if operation.ends_with(".BatchWriteItem")
        && luck.f64() < proxy.faults.unprocessed
        && let Some((written, unprocessed)) = split(&body, &mut luck)
    {
        if written.is_empty() {
            return throttled(); // like DynamoDB when it can write no item
        }
        let mut request: Value = serde_json::from_slice(&body).unwrap_or_default();
        request["RequestItems"] = written.into();
        let answer = proxy.send(headers, Bytes::from(request.to_string())).await;
        return with_unprocessed(answer, unprocessed).await;
    }
    proxy.send(headers, body).await
}

impl Proxy {
    async fn send(&self, mut headers: HeaderMap, body: Bytes) -> Response<Body> {
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::HOST);
        let mut request = Request::post(format!("http://{}/", self.behind))
            .body(Body::from(body))
            .unwrap_or_default();
        *request.headers_mut() = headers;
        match self.client.request(request).await {
            Ok(response) => response.map(Body::new),
            Err(_) => answer(
                StatusCode::BAD_GATEWAY,
                json!({ "message": "the local DynamoDB does not answer" }),
            ),
        }
    }
}

type Items = Map<String, Value>;

/// Splits the items of a request into those to write and those to return as unprocessed.
fn split(body: &[u8], luck: &mut fastrand::Rng) -> Option<(Items, Items)> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let (mut written, mut unprocessed) = (Items::new(), Items::new());
    for (table, writes) in request.get("RequestItems")?.as_object()? {
        let (rejected, accepted): (Vec<_>, Vec<_>) =
            writes.as_array()?.iter().cloned().partition(|_| luck.bool());
        for (part, writes) in [(&mut written, accepted), (&mut unprocessed, rejected)] {
            if !writes.is_empty() {
                part.insert(table.clone(), writes.into());
            }
        }
    }
    Some((written, unprocessed))
}

async fn with_unprocessed(response: Response<Body>, unprocessed: Items) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let Ok(Value::Object(mut written)) = serde_json::from_slice::<Value>(&body) else {
        return Response::from_parts(parts, Body::from(body));
    };
    if parts.status.is_success() {
        written.insert("UnprocessedItems".into(), unprocessed.into());
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove("x-amz-crc32"); // checksum of the original body
    Response::from_parts(parts, Body::from(Value::Object(written).to_string()))
}

fn throttled() -> Response<Body> {
    let kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
    answer(
        StatusCode::BAD_REQUEST,
        json!({ "__type": kind, "message": "the level of configured throughput was exceeded" }),
    )
}

fn answer(status: StatusCode, body: Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}
