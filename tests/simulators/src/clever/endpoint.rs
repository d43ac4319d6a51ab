//! The HTTP endpoint: faults, authentication, rate limit, and the token list.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::faults::{Fault, Incident};
use super::records::{id, moment};
use super::{Counted, World, lists, lock};

/// Routes all paths to one handler, because a fault can replace the answer of any path.
pub(super) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(answer).with_state(world)
}

/// A request to the Clever API.
pub(super) struct ApiRequest {
    /// Such as `/v3.1/users`.
    pub(super) path: String,
    /// Path and query.
    pub(super) whole: String,
    query: Vec<(String, String)>,
    pub(super) fault: Option<Fault>,
    /// The number of the request, counted from 1 over all requests.
    pub(super) number: usize,
}

impl ApiRequest {
    /// The first value of a query parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.query
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| value.clone())
            .collect()
    }
}

async fn answer(State(world): State<Arc<World>>, http: Request) -> Response<Body> {
    let path = http.uri().path().to_owned();
    let query = http.uri().query().unwrap_or_default();
    let whole = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let number = {
        let mut requests = lock(&world.requests);
        requests.push(whole.clone());
        requests.len()
    };
    let delay = lock(&world.limits).delay;
    tokio::time::sleep(delay).await;
    let incident = world.faults.of(&whole);
    if let Some(Incident::Sync { district, night }) = &incident {
        world.sync(district, night.as_ref());
    }
    let fault = if let Some(Incident::Fault(fault)) = incident { Some(fault) } else { None };
    let mut response = match fault {
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            None
        }
        Some(fault) => replacement(fault),
        None => None,
    };
    let request = ApiRequest { path, whole, query, fault, number };
    let response = match response.take() {
        Some(response) => response,
        None if http.method() != Method::GET => cannot(http.method().as_str(), &request.path),
        None if request.path == "/oauth/tokens" => tokens(&world, http.headers(), &request),
        None if request.path == "/oauth/tokeninfo" => token_info(&world, http.headers()),
        None => data(&world, http.headers(), &request),
    };
    broken(response, fault).await
}

/// The answer of a fault that replaces the data. `None` for other faults.
fn replacement(fault: Fault) -> Option<Response<Body>> {
    Some(match fault {
        Fault::Status(status) => message(status, "something went wrong"),
        Fault::OldStatus(status) => sent(status, &json!({ "error": "something went wrong" })),
        Fault::Html(status) => raw(
            status,
            "text/html",
            "<html><head><title>Error</title></head><body>Bad gateway</body></html>",
        ),
        Fault::RetryAfter(seconds) => {
            let mut refused = message(429, "too many requests");
            refused.headers_mut().insert(RETRY_AFTER, seconds.into());
            refused
        }
        _ => return None,
    })
}

/// Truncates an answer, or breaks its connection, if that is the fault.
async fn broken(response: Response<Body>, fault: Option<Fault>) -> Response<Body> {
    if !matches!(fault, Some(Fault::Truncated | Fault::Reset)) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    parts.headers.remove("content-length");
    let body = if fault == Some(Fault::Truncated) {
        Body::from(half)
    } else {
        let reset = async {
            // The part already written must arrive first.
            tokio::time::sleep(Duration::from_millis(5)).await;
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        };
        use futures::StreamExt;
        Body::from_stream(
            futures::stream::iter([Ok::<Bytes, std::io::Error>(half)])
                .chain(futures::stream::once(reset)),
        )
    };
    Response::from_parts(parts, body)
}

pub(super) fn raw(status: u16, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

pub(super) fn sent(status: u16, body: &Value) -> Response<Body> {
    raw(status, "application/json; charset=utf-8", body.to_string())
}

/// An error in the format of the specification.
pub(super) fn message(status: u16, text: &str) -> Response<Body> {
    sent(status, &json!({ "message": text }))
}

/// The answer to an unknown path, as recorded.
pub(super) fn cannot(method: &str, path: &str) -> Response<Body> {
    raw(
        404,
        "text/html; charset=utf-8",
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<body>\n<pre>Cannot {method} {path}</pre>\n</body>\n</html>\n"
        ),
    )
}

/// Lists the districts that have connected the application. Authentication is HTTP Basic.
///
/// Unlike in the Data API, items have no envelope and responses no rate-limit headers.
fn tokens(world: &World, headers: &HeaderMap, request: &ApiRequest) -> Response<Body> {
    let expected =
        format!("Basic {}", STANDARD.encode(format!("{}:{}", world.client, world.secret)));
    if headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) != Some(&expected) {
        return sent(401, &json!({ "error": "invalid client" }));
    }
    let after = request.get("starting_after").unwrap_or_default();
    let districts = lock(&world.districts);
    let mut listed = districts.iter().filter(|(id, at)| {
        at.connected
            && id.as_str() > after
            && request.get("district").is_none_or(|district| district == id.as_str())
    });
    let page = lock(&world.limits).tokens.unwrap_or(usize::MAX);
    let mut last = "";
    let data: Vec<Value> = listed
        .by_ref()
        .take(page)
        .map(|(district, at)| {
            last = district;
            json!({
                "id": id("token of", &at.token), "created": moment(at.authorized),
                "owner": { "type": "district", "id": district },
                "access_token": at.token, "scopes": ["read:students", "read:teachers",
                "read:user_id"],
            })
        })
        .collect();
    let mut links = vec![json!({ "rel": "self", "uri": request.whole })];
    if listed.next().is_some() {
        links.push(json!({ "rel": "next",
            "uri": format!("{}?owner_type=district&starting_after={last}", request.path) }));
    }
    sent(200, &json!({ "data": data, "links": links }))
}

fn token_info(world: &World, headers: &HeaderMap) -> Response<Body> {
    match bearer(world, headers) {
        Some(_) => sent(
            200,
            &json!({ "client_id": world.client, "scopes": ["read:students", "read:teachers"] }),
        ),
        None => message(401, "unauthorized"),
    }
}

/// The owner of a token.
struct Bearer {
    token: String,
    district: String,
    /// The user who signed in. `None`: the token belongs to the application.
    user: Option<String>,
}

fn bearer(world: &World, headers: &HeaderMap) -> Option<Bearer> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let signed_in = lock(&world.users).get(token).cloned();
    let districts = lock(&world.districts);
    let mut connected = districts.iter().filter(|(_, at)| at.connected);
    let (district, user) = match signed_in {
        Some((district, user)) => {
            (connected.any(|(id, _)| *id == district).then_some(district)?, Some(user))
        }
        None => (connected.find(|(_, at)| at.token == token)?.0.clone(), None),
    };
    Some(Bearer { token: token.to_owned(), district, user })
}

fn data(world: &World, headers: &HeaderMap, request: &ApiRequest) -> Response<Body> {
    let Some(bearer) = bearer(world, headers) else { return message(401, "unauthorized") };
    let (allowed, limits) = count(world, &bearer.token);
    let answer = || lists::answer(world, &bearer.district, bearer.user.as_deref(), request);
    let mut response = if allowed { answer() } else { message(429, "rate limit exceeded") };
    let headers = limits.into_iter().chain([
        ("x-request-id", format!("{:032x}", request.number)),
        ("clever-request-id", format!("{:016x}", request.number)),
    ]);
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Counts a request of a token in a fixed window of one minute. Returns whether it is allowed, and
/// the rate-limit headers.
fn count(world: &World, token: &str) -> (bool, [(&'static str, String); 4]) {
    let (now, limit) = (world.clock.now().as_second(), lock(&world.limits).per_minute);
    let mut counted = lock(&world.counted);
    let window = counted.entry(token.to_owned()).or_default();
    if window.minute != now / 60 {
        *window = Counted { minute: now / 60, requests: 0 };
    }
    window.requests += 1;
    let headers = [
        ("x-ratelimit-bucket", "bearer".to_owned()),
        ("x-ratelimit-limit", limit.to_string()),
        ("x-ratelimit-remaining", limit.saturating_sub(window.requests).to_string()),
        ("x-ratelimit-reset", ((now / 60 + 1) * 60).to_string()),
    ];
    (window.requests <= limit, headers)
}
