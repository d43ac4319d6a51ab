//! What goes out: JSON, with versions; and creations that have their effect once
//! (`Idempotency-Key`).

use std::future::Future;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use mirror::MirrorError;
use mirror::ports::idempotency::{Answer, Asked, Begun};
use roster::personal::Personal;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::caller::Granted;
use crate::problem::Problem;
use crate::{Api, Objects, Table, etag, fresh};

/// How long nobody else goes on with a request that somebody has begun: longer than one may take.
const AT_WORK: Duration = Duration::from_secs(30);

/// JSON with a status. Rosters are nobody's to keep on the way.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_string(value)
        .map_err(|e| Problem::from(MirrorError::corrupt("a stored response", e)))?;
    Ok(json_text(status, body))
}

/// JSON that is text already.
pub(crate) fn json_text(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 200 with JSON.
pub(crate) fn ok(value: &impl Serialize) -> Result<Response, Problem> {
    json(StatusCode::OK, value)
}

/// 200 with JSON and its version.
pub(crate) fn versioned(value: &impl Serialize, version: &str) -> Result<Response, Problem> {
    Ok(etag::with_version(ok(value)?, version))
}

/// 204.
pub(crate) fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// What a creation has made.
pub(crate) struct Made {
    pub(crate) status: StatusCode,
    pub(crate) version: Option<String>,
    /// The address of what was made, below the district's.
    pub(crate) location: Option<String>,
    body: String,
}

impl Made {
    /// 201 with JSON.
    pub(crate) fn new(value: &impl Serialize) -> Result<Self, Problem> {
        Self::with_status(StatusCode::CREATED, value)
    }

    /// JSON with a status.
    pub(crate) fn with_status(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_string(value)
            .map_err(|e| Problem::from(MirrorError::corrupt("a stored response", e)))?;
        Ok(Self { status, version: None, location: None, body })
    }

    /// Names its version.
    pub(crate) fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Names its address, below the district's.
    pub(crate) fn at(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    fn kept(&self, granted: &Granted) -> Answer {
        let district = &granted.caller.district;
        let location = self
            .location
            .as_ref()
            .map(|below| Personal::new(format!("/v1/districts/{district}/{below}")));
        Answer {
            status: self.status.as_u16(),
            version: self.version.clone(),
            location,
            body: Personal::new(self.body.as_str()),
        }
    }
}

fn told(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = json_text(status, answer.body.reveal().to_owned());
    if let Some(location) =
        answer.location.as_ref().and_then(|at| HeaderValue::from_str(at.reveal()).ok())
    {
        response.headers_mut().insert(LOCATION, location);
    }
    match &answer.version {
        Some(version) => etag::with_version(response, version),
        None => response,
    }
}

/// Makes something, once: a request with an `Idempotency-Key` that was answered gets the same
/// answer again. `work` gets the id for what it makes; the same one if an earlier try has died on
/// the way, so that it finds what that one has made.
pub(crate) async fn once<T: Table, O: Objects, F: Future<Output = Result<Made, Problem>>>(
    api: &Api<T, O>,
    granted: &Granted,
    headers: &HeaderMap,
    what: (&Method, &str, &impl Serialize),
    work: impl FnOnce(String) -> F,
) -> Result<Response, Problem> {
    let now = api.clock.now();
    let ulid = fresh::ulid(now)?;
    let Some(key) = headers.get("idempotency-key") else {
        return work(ulid).await.map(|made| told(&made.kept(granted)));
    };
    let key = key.to_str().ok().map(str::trim).filter(|key| (1..=255).contains(&key.len()));
    let key = key.ok_or_else(|| {
        Problem::bad_request("`Idempotency-Key` must have 1 to 255 visible characters")
    })?;
    let hash = |text: String| format!("{:032x}", xxh3_128(text.as_bytes()));
    let (method, path, body) = what;
    let body = serde_json::to_string(body)
        .map_err(|e| Problem::from(MirrorError::corrupt("a request", e)))?;
    let name = hash(format!("{}\u{1f}{key}", granted.caller.subject));
    let request = hash(format!("{method}\u{1f}{path}\u{1f}{body}"));
    let asked = Asked { name: &name, request: &request, fresh: &ulid, now, until: now + AT_WORK };
    let district = &granted.caller.district;
    match api.table.claim(district, asked.clone()).await? {
        Begun::Answered(answer) => Ok(told(&answer)),
        Begun::AtWork => Err(Problem::conflict(
            "a request with this Idempotency-Key is in progress; try again in a moment",
        )),
        Begun::AnotherRequest => Err(Problem::unprocessable(
            "this Idempotency-Key was already used for a different request",
        )),
        Begun::Ours { fresh } => match work(fresh).await {
            Ok(made) => {
                let answer = made.kept(granted);
                api.table.finish(district, asked, answer.clone()).await?;
                Ok(told(&answer))
            }
            Err(problem) => {
                // What was refused had no effect, and may be sent again, corrected. After a failure
                // nobody knows: whoever comes again goes on.
                if problem.status() != StatusCode::INTERNAL_SERVER_ERROR {
                    api.table.forget(district, asked).await?;
                }
                Err(problem)
            }
        },
    }
}
