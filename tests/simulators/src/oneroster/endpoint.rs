//! The HTTP endpoint: authentication, tokens, ClassLink's list, and responses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LINK, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sources::http::{Answer, NoAnswer};

use super::signed::{Signed, verify};
use super::{Authentication, DistrictServer, World, lock};

/// Maximum difference between a signature's timestamp and the current time, in seconds.
const SKEW: i64 = 300;

/// Routes all paths to one handler. The first part of a path is the district's id.
pub(super) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(answer).with_state(world)
}

async fn answer(State(world): State<Arc<World>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // Not decoded: ids may contain percent-encoded characters.
    let (path, query) =
        (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
    lock(&world.requests).push(if query.is_empty() {
        path.clone()
    } else {
        format!("{path}?{query}")
    });
    let time = *lock(&world.answer);
    tokio::time::sleep(time).await;
    if path == "/applications" {
        return applications(&world, &parts.headers, &query);
    }
    let Some((district, rest)) = path[1..].split_once('/') else {
        return problem(404, "unknownobject");
    };
    if rest == "oauth/token" && parts.method == Method::POST {
        let body = axum::body::to_bytes(body, 1 << 16).await.unwrap_or_default();
        return token(&world, district, &parts.headers, &body);
    }
    if parts.method != Method::GET {
        return problem(405, "unsupported");
    }
    let found = {
        let mut districts = lock(&world.districts);
        let Some(at) = districts.get_mut(district) else { return problem(404, "unknownobject") };
        let root = if at.version == districts::Version::V1_2 {
            "ims/oneroster/rostering/v1p2/"
        } else {
            "ims/oneroster/v1p1/"
        };
        let Some(list) = rest.strip_prefix(root) else { return problem(404, "unknownobject") };
        match authenticate(at, &parts.headers, &path, &query) {
            Ok(()) => at.server.answer(list, &query),
            Err(why) => return problem_with(401, "unauthorisedrequest", why),
        }
    };
    match found {
        Ok(answer) => sent(answer),
        Err(NoAnswer::TimedOut) => {
            tokio::time::sleep(Duration::from_secs(90)).await;
            problem(500, "internal_server_error")
        }
        Err(_) => broken(),
    }
}

/// Checks a request's authentication.
fn authenticate(
    at: &mut DistrictServer,
    headers: &HeaderMap,
    path: &str,
    query: &str,
) -> Result<(), &'static str> {
    let header =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match &at.authentication {
        Authentication::Bearer(token) if header == format!("Bearer {token}") => Ok(()),
        Authentication::Oauth2 { .. } => {
            let token = header.strip_prefix("Bearer ").unwrap_or_default();
            match at.tokens.get_mut(token).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    Ok(())
                }
                None => Err("the token has expired"),
            }
        }
        Authentication::Bearer(_) => Err("another token"),
        Authentication::Oauth1 { key, secret, sha1 } => {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let request = Signed { address: &format!("http://{host}{path}"), query, header };
            let (nonce, time) = verify(&request, (key, secret), *sha1)?;
            // The client signs with the real time, not with the simulator's clock.
            if (jiff::Timestamp::now().as_second() - time).abs() > SKEW {
                return Err("the signature is old");
            }
            if at.nonces.insert(nonce) { Ok(()) } else { Err("the nonce was used before") }
        }
    }
}

/// Issues a token for client credentials, sent by HTTP Basic or in the form.
fn token(world: &World, district: &str, headers: &HeaderMap, body: &Bytes) -> Response<Body> {
    let refuse = |status: u16, code: &str| json_of(status, &json!({ "error": code }));
    let mut districts = lock(&world.districts);
    let Some(at) = districts.get_mut(district) else { return refuse(404, "not_found") };
    let Authentication::Oauth2 { client, secret, uses } = &at.authentication else {
        return refuse(404, "not_found");
    };
    let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let basic = format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")));
    let is_basic = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) == Some(&basic);
    let is_form =
        form.get("client_id") == Some(client) && form.get("client_secret") == Some(secret);
    if !is_basic && !is_form {
        return refuse(401, "invalid_client");
    }
    if form.get("grant_type").map(String::as_str) != Some("client_credentials") {
        return refuse(400, "unsupported_grant_type");
    }
    let given = format!("token-{}-of-{district}", at.tokens.len() + 1);
    at.tokens.insert(given.clone(), *uses);
    json_of(200, &json!({ "access_token": given, "token_type": "bearer", "expires_in": 3600 }))
}

/// ClassLink's list of districts that have added the application. The response has no total; a
/// short page is the last.
fn applications(world: &World, headers: &HeaderMap, query: &str) -> Response<Body> {
    if headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())
        != Some(&format!("Bearer {}", world.key))
    {
        return json_of(401, &json!({ "status": 0, "message": "unauthorized" }));
    }
    let mut failing = lock(&world.failing);
    if *failing > 0 {
        *failing -= 1;
        return json_of(500, &json!({ "status": 0, "message": "error" }));
    }
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let number = |name: &str, default: usize| {
        query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let all: Vec<Value> = lock(&world.applications)
        .iter()
        .skip(number("offset", 0))
        .take(number("limit", 100))
        .map(|one| {
            json!({
                "id": one.tenant * 10, "application_id": 77, "tenant_id": one.tenant,
                "tenant_name": one.name, "bearer": one.bearer(),
                "oneroster_application_id": one.id(), "name": "Rollbook",
                "enabled": if one.enabled { "true" } else { "false" },
                "tenant_status": "Active", "version": "1.2",
            })
        })
        .collect();
    json_of(200, &json!({ "status": 1, "applications": all, "message": "" }))
}

fn problem(status: u16, minor: &str) -> Response<Body> {
    problem_with(status, minor, "the request failed")
}

/// An error in the format of OneRoster 1.2.
fn problem_with(status: u16, minor: &str, why: &str) -> Response<Body> {
    let fields = json!([{ "imsx_codeMinorFieldName": "TargetEndSystem",
        "imsx_codeMinorFieldValue": minor }]);
    let body = json!({
        "imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_description": why,
        "imsx_CodeMinor": { "imsx_codeMinorField": fields },
    });
    json_of(status, &body)
}

fn json_of(status: u16, body: &Value) -> Response<Body> {
    sent(Answer { status, body: body.to_string().into_bytes(), ..Answer::default() })
}

fn sent(answer: Answer) -> Response<Body> {
    let count = answer.body.len();
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(total) = answer.total {
        headers.insert("x-total-count", total.into());
    }
    if let Some(link) = answer.link.and_then(|link| link.parse().ok()) {
        headers.insert(LINK, link);
    }
    if let Some(revision) = answer.revision.and_then(|revision| revision.parse().ok()) {
        headers.insert("x-perm-rev", revision);
    }
    if let Some(seconds) = answer.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    headers.insert("x-count", count.into());
    response
}

/// A response whose connection breaks in the middle.
fn broken() -> Response<Body> {
    use futures::StreamExt;
    let reset = async {
        // The part already written must arrive first.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    let half = Bytes::from_static(b"{\"users\":[");
    Response::new(Body::from_stream(
        futures::stream::iter([Ok::<Bytes, std::io::Error>(half)])
            .chain(futures::stream::once(reset)),
    ))
}
