//! The requests that Clever answers.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, RawQuery, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use serde_json::{Value, json};

use super::records::{List, Record};
use super::{AtClever, Fault, Sharing, World};

type Ask = HashMap<String, String>;

/// Records a page, unless the request says otherwise; and at most.
const DEFAULT_LIMIT: usize = 100;
const LONGEST: usize = 10_000;

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/oauth/tokens", get(tokens))
        .route("/oauth/tokeninfo", get(token_info))
        .route("/{version}/districts", get(districts))
        .route("/{version}/districts/{id}", get(districts))
        .route("/{version}/{list}", get(list))
        .route("/{version}/{list}/{id}", get(single))
        .with_state(world)
}

fn answer(status: u16, body: &Value) -> Response<Body> {
    raw(status, "application/json", body.to_string())
}

fn raw(status: u16, kind: &str, body: impl Into<Body>) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(body.into()).unwrap_or_default()
}

fn message(status: u16, text: &str) -> Response<Body> {
    answer(status, &json!({ "message": text }))
}

/// A fault that takes the place of an answer; others are made by the lists.
fn instead(fault: &Fault) -> Option<Response<Body>> {
    Some(match fault {
        Fault::Status(status) => message(*status, "something went wrong"),
        Fault::OldStatus(status) => answer(*status, &json!({ "error": "something went wrong" })),
        Fault::Html(status) => raw(*status, "text/html", "<html><body>Bad gateway</body></html>"),
        Fault::RetryAfter(seconds) => {
            let mut refused = message(429, "too many requests");
            refused.headers_mut().insert(header::RETRY_AFTER, (*seconds).into());
            refused
        }
        _ => return None,
    })
}

async fn tokens(State(world): State<Arc<World>>, headers: HeaderMap, RawQuery(query): RawQuery, Query(ask): Query<Ask>) -> Response<Body> {
    let path = format!("/oauth/tokens?{}", query.unwrap_or_default());
    let fault = note(&world, &path);
    if let Some(Fault::Slow(time)) = &fault {
        tokio::time::sleep(*time).await;
    }
    if let Some(refused) = fault.as_ref().and_then(instead) {
        return refused;
    }
    let expected = format!("Basic {}", base64(format!("{}:{}", world.client, world.secret).as_bytes()));
    if headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) != Some(&expected) {
        return answer(401, &json!({ "error": "invalid client" }));
    }
    let data: Vec<Value> = world
        .districts()
        .iter()
        .filter(|(id, at)| at.connected && ask.get("district").is_none_or(|asked| asked == *id))
        .map(|(id, at)| {
            json!({
                "id": super::id("token", id), "created": "2026-07-01T12:00:00.000Z", "owner": { "type": "district", "id": id },
                "access_token": at.token, "scopes": ["read:students", "read:teachers"],
            })
        })
        .collect();
    answer(200, &json!({ "data": data, "links": [{ "rel": "self", "uri": path }] }))
}

async fn token_info(State(world): State<Arc<World>>, headers: HeaderMap) -> Response<Body> {
    match bearer(&world, &headers) {
        Some(_) => answer(200, &json!({ "client_id": world.client, "scopes": ["read:students"] })),
        None => message(401, "unauthorized"),
    }
}

/// The district that a token belongs to.
fn bearer(world: &World, headers: &HeaderMap) -> Option<String> {
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    world.districts().iter().find(|(_, at)| at.connected && at.token == token).map(|(id, _)| id.clone())
}

/// Writes the request down, and gives the fault that waits for it.
fn note(world: &World, path: &str) -> Option<Fault> {
    world.requests.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    world.faults.of(path)
}

/// Counts a request of a token: a fixed window of a minute, told in every answer.
fn count(world: &World, token: &str) -> (bool, [(&'static str, String); 4]) {
    let now = world.clock.now().as_second();
    let mut counted = world.counted.lock().unwrap_or_else(PoisonError::into_inner);
    let window = counted.entry(token.to_owned()).or_default();
    if window.minute != now / 60 {
        *window = super::Counted { minute: now / 60, requests: 0 };
    }
    window.requests += 1;
    let headers = [
        ("x-ratelimit-bucket", "bearer".to_owned()),
        ("x-ratelimit-limit", world.limit.to_string()),
        ("x-ratelimit-remaining", world.limit.saturating_sub(window.requests).to_string()),
        ("x-ratelimit-reset", ((now / 60 + 1) * 60).to_string()),
    ];
    (window.requests <= world.limit, headers)
}

fn with_headers(mut response: Response<Body>, headers: [(&'static str, String); 4]) -> Response<Body> {
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Everything that stands before an answer from the data: fault, authority, limit.
async fn door(
    world: &World,
    headers: &HeaderMap,
    path: &str,
) -> Result<(String, Option<Fault>, [(&'static str, String); 4]), Response<Body>> {
    let fault = note(world, path);
    if let Some(Fault::Slow(time)) = &fault {
        tokio::time::sleep(*time).await;
    }
    if let Some(refused) = fault.as_ref().and_then(instead) {
        return Err(refused);
    }
    let district = bearer(world, headers).ok_or_else(|| message(401, "unauthorized"))?;
    let (allowed, limits) = count(world, &district);
    if !allowed {
        return Err(with_headers(message(429, "rate limit exceeded"), limits));
    }
    Ok((district, fault, limits))
}

async fn districts(State(world): State<Arc<World>>, headers: HeaderMap, Path(parts): Path<Vec<(String, String)>>) -> Response<Body> {
    let version = parts.first().map_or("v3.1", |(_, version)| version);
    let path = format!("/{version}/districts");
    let (me, _, limits) = match door(&world, &headers, &path).await {
        Ok(open) => open,
        Err(refused) => return refused,
    };
    let asked = parts.get(1).map(|(_, id)| id);
    if asked.is_some_and(|id| *id != me) {
        return with_headers(message(404, "not found"), limits);
    }
    let districts = world.districts();
    let Some(at) = districts.get(&me) else { return message(401, "unauthorized") };
    let object = json!({
        "id": me, "name": at.name, "sis_type": "sftp", "state": at.state, "error": "", "last_sync": at.last_sync.to_string(),
        "portal_url": "https://example.org/portal", "login_methods": ["Google"], "launch_date": "2026-08-15",
    });
    let uri = format!("{path}/{me}");
    let body = if asked.is_some() {
        json!({ "data": object, "links": [{ "rel": "self", "uri": uri }] })
    } else {
        json!({ "data": [{ "data": object, "uri": uri }], "links": [{ "rel": "self", "uri": path }] })
    };
    with_headers(answer(200, &body), limits)
}

fn shared(at: &AtClever, record: &Record) -> bool {
    match &at.sharing {
        Sharing::All => true,
        Sharing::Nothing => false,
        Sharing::Schools(schools) => record.schools.is_empty() || record.schools.iter().any(|school| schools.contains(school)),
    }
}

fn list_of(name: &str) -> Option<List> {
    List::ALL.into_iter().find(|list| list.name() == name)
}

async fn list(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    Path((version, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Query(ask): Query<Ask>,
) -> Response<Body> {
    let path = format!("/{version}/{name}");
    let whole = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let (me, fault, limits) = match door(&world, &headers, &whole).await {
        Ok(open) => open,
        Err(refused) => return refused,
    };
    let Some(list) = list_of(&name).filter(|_| matches!(version.as_str(), "v3.0" | "v3.1")) else {
        return raw(404, "text/html", format!("<pre>Cannot GET {path}</pre>"));
    };
    let limit = match ask.get("limit").map_or(Ok(DEFAULT_LIMIT), |limit| limit.parse()) {
        Ok(limit @ 1..=LONGEST) => limit,
        Ok(limit) if limit > LONGEST => return with_headers(message(413, "limit is too large"), limits),
        _ => return with_headers(message(400, "limit must be a number"), limits),
    };
    let mut districts = world.districts();
    let Some(at) = districts.get_mut(&me) else { return message(401, "unauthorized") };
    if fault == Some(Fault::NewData) {
        at.last_sync = at.last_sync + Duration::from_secs(1);
    }
    let after = ask.get("starting_after").map_or("", String::as_str);
    let role = ask.get("role").map(String::as_str);
    let records = &at.records[&list];
    let from = records.range::<str, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
    let mut found = from.filter(|(_, record)| role.is_none_or(|role| record.role == role) && shared(at, record));
    let mut body = String::from("{\"data\":[");
    let mut last = "";
    for (count, (id, record)) in found.by_ref().take(limit).enumerate() {
        if count > 0 {
            body.push(',');
        }
        body.push_str(&format!("{{\"data\":{},\"uri\":\"{path}/{id}\"}}", record.json));
        last = id;
    }
    let more = found.next().is_some();
    let link = |cursor: &str| {
        let role = role.map_or_else(String::new, |role| format!("&role={role}"));
        format!("{path}?limit={limit}{role}&starting_after={cursor}")
    };
    let next = match &fault {
        Some(Fault::Loop) => Some(link(if after.is_empty() { records.keys().next().map_or("", String::as_str) } else { after })),
        Some(Fault::ForeignLink) => Some(format!("https://clever.example.net{}", link(last))),
        _ => more.then(|| link(last)),
    };
    let mut links = vec![json!({ "rel": "self", "uri": whole })];
    links.extend(next.map(|uri| json!({ "rel": "next", "uri": uri })));
    body.push_str(&format!("],\"links\":{}}}", Value::Array(links)));
    with_headers(broken(body, fault.as_ref()), limits)
}

/// The body, or what a fault leaves of it.
fn broken(mut body: String, fault: Option<&Fault>) -> Response<Body> {
    match fault {
        Some(Fault::Truncated) => {
            body.truncate(body.len() / 2);
            raw(200, "application/json", body)
        }
        Some(Fault::Reset) => {
            body.truncate(body.len() / 2);
            let parts = [Ok(Bytes::from(body)), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
            raw(200, "application/json", Body::from_stream(futures::stream::iter(parts)))
        }
        _ => raw(200, "application/json", body),
    }
}

async fn single(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    Path((version, name, id)): Path<(String, String, String)>,
) -> Response<Body> {
    let path = format!("/{version}/{name}/{id}");
    let (me, _, limits) = match door(&world, &headers, &path).await {
        Ok(open) => open,
        Err(refused) => return refused,
    };
    let districts = world.districts();
    let found = list_of(&name).zip(districts.get(&me)).and_then(|(list, at)| {
        at.records[&list].get(&id).filter(|record| shared(at, record))
    });
    let Some(record) = found else { return with_headers(message(404, "not found"), limits) };
    let body = format!("{{\"data\":{},\"links\":[{{\"rel\":\"self\",\"uri\":\"{path}\"}}]}}", record.json);
    with_headers(raw(200, "application/json", body), limits)
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |word, (place, byte)| word | u32::from(*byte) << (16 - 8 * place));
        for place in 0..4 {
            text.push(if place <= chunk.len() { char::from(LETTERS[(word >> (18 - 6 * place) & 63) as usize]) } else { '=' });
        }
    }
    text
}
