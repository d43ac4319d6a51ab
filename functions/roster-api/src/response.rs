//! Responses: JSON with versions, and requests that take effect once (`Idempotency-Key`).

use std::future::Future;
use std::time::Duration;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use mirror::MirrorError;
use mirror::ports::idempotency::{Answer, Begun, IdempotentRequest};
use roster::personal::Personal;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::caller::Granted;
use crate::context::RequestContext;
use crate::problem::Problem;
use crate::{Objects, Table, etag, id_generator};

/// How long a request with an `Idempotency-Key` counts as in progress. Longer than a request can
/// take; after this, a retry continues it.
const IN_PROGRESS: Duration = Duration::from_secs(30);

/// JSON with a status. No proxy may cache it.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_string(value)
        .map_err(|e| Problem::from(MirrorError::corrupt("a stored response", e)))?;
    Ok(json_text(status, body))
}

/// A response from serialized JSON.
pub(crate) fn json_text(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 200 with a file that people read. A browser runs no script in it and guesses no other type.
pub(crate) fn file(content_type: &'static str, body: String) -> Response {
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// 200 with JSON.
pub(crate) fn ok(value: &impl Serialize) -> Result<Response, Problem> {
    json(StatusCode::OK, value)
}

/// 200 with JSON and its version as the ETag.
pub(crate) fn versioned(value: &impl Serialize, version: &str) -> Result<Response, Problem> {
    Ok(etag::with_version(ok(value)?, version))
}

/// 204.
pub(crate) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// The response to a request that creates something.
pub(crate) struct Created {
    pub(crate) status: StatusCode,
    pub(crate) version: Option<String>,
    /// The path of the new resource, below the district's path.
    pub(crate) location: Option<String>,
    body: String,
}

impl Created {
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

    /// Sets the version.
    pub(crate) fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the path of the new resource, below the district's path.
    pub(crate) fn at(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    fn stored(&self, granted: &Granted) -> Answer {
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

fn to_response(answer: &Answer) -> Response {
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

/// Creates something at most once per `Idempotency-Key`: a repeated request gets the stored
/// response.
///
/// `create` gets the id for the new record. A retry after a crash gets the same id, so that it
/// finds what the first attempt has created.
pub(crate) async fn once<T: Table, O: Objects, F: Future<Output = Result<Created, Problem>>>(
    context: &RequestContext<T, O>,
    (method, path, body): (&Method, &str, &impl Serialize),
    create: impl FnOnce(String) -> F,
) -> Result<Response, Problem> {
    let RequestContext { api, granted, headers, .. } = context;
    let now = api.clock.now();
    let ulid = id_generator::ulid(now)?;
    let Some(key) = headers.get("idempotency-key") else {
        return create(ulid).await.map(|created| to_response(&created.stored(granted)));
    };
    let key = key.to_str().ok().map(str::trim).filter(|key| (1..=255).contains(&key.len()));
    let key = key.ok_or_else(|| {
        Problem::bad_request("`Idempotency-Key` must have 1 to 255 visible characters")
    })?;
    let hash = |text: String| format!("{:032x}", xxh3_128(text.as_bytes()));
    let body = serde_json::to_string(body)
        .map_err(|e| Problem::from(MirrorError::corrupt("a request", e)))?;
    let name = hash(format!("{}\u{1f}{key}", granted.caller.subject));
    let request = hash(format!("{method}\u{1f}{path}\u{1f}{body}"));
    let asked = IdempotentRequest {
        name: &name,
        request: &request,
        fresh: &ulid,
        now,
        until: now + IN_PROGRESS,
    };
    let district = &granted.caller.district;
    match api.table.claim(district, asked.clone()).await? {
        Begun::Answered(answer) => Ok(to_response(&answer)),
        Begun::AtWork => Err(Problem::conflict(
            "a request with this Idempotency-Key is in progress; try again in a moment",
        )),
        Begun::AnotherRequest => Err(Problem::unprocessable(
            "this Idempotency-Key was already used for a different request",
        )),
        Begun::Ours { fresh } => match create(fresh).await {
            Ok(created) => {
                let answer = created.stored(granted);
                api.table.finish(district, asked, answer.clone()).await?;
                Ok(to_response(&answer))
            }
            Err(problem) => {
                // A rejected request had no effect and may be sent again, corrected. After an
                // internal error the effect is unknown: a retry must continue with the same id.
                if problem.status() != StatusCode::INTERNAL_SERVER_ERROR {
                    api.table.forget(district, asked).await?;
                }
                Err(problem)
            }
        },
    }
}
