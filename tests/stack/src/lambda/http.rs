//! The Invoke call of the Lambda API, for the AWS CLI and SDKs.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::Lambda;

/// Maximum size of an event of a synchronous invocation, as in AWS.
const LARGEST_EVENT: usize = 6 * 1024 * 1024;

pub(super) fn router(lambda: Arc<Lambda>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .layer(DefaultBodyLimit::max(LARGEST_EVENT))
        .with_state(lambda)
}

async fn invoke(
    State(lambda): State<Arc<Lambda>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let payload =
        if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice::<Value>(&body) };
    let Ok(payload) = payload else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            "the payload is not JSON",
        );
    };
    if lambda.get(&name).is_none() {
        return refuse(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            "there is no such function",
        );
    }
    match headers.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok()) {
        Some("DryRun") => answer(StatusCode::NO_CONTENT, Body::empty()),
        Some("Event") => {
            lambda.send(&name, payload);
            answer(StatusCode::ACCEPTED, Body::empty())
        }
        _ => {
            let Some(done) = lambda.invoke(&name, payload).await else {
                return refuse(
                    StatusCode::NOT_FOUND,
                    "ResourceNotFoundException",
                    "there is no such function",
                );
            };
            let mut response = answer(StatusCode::OK, Body::from(done.payload.to_string()));
            if done.failed {
                response.headers_mut().insert(
                    "x-amz-function-error",
                    axum::http::HeaderValue::from_static("Unhandled"),
                );
            }
            response
        }
    }
}

fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("x-amz-executed-version", axum::http::HeaderValue::from_static("$LATEST"));
    response
}

fn refuse(status: StatusCode, kind: &'static str, message: &str) -> Response<Body> {
    let mut response = answer(status, Body::from(json!({ "Message": message }).to_string()));
    response.headers_mut().insert("x-amzn-errortype", axum::http::HeaderValue::from_static(kind));
    response
}
