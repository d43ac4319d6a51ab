//! A client of the API, for the command line, the tests and the benches.

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, Response};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Largest answer that is read.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The API, as somebody with a token sees it.
#[derive(Clone)]
pub struct Api {
    client: Client<HttpConnector, Body>,
    url: String,
    token: Option<String>,
}

/// What the API has answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// What was asked cannot be a request.
    #[error("this is no request")]
    Request(#[source] axum::http::Error),
    /// Nobody answers.
    #[error("the API does not answer")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it went well.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Api {
    /// The API at a URL, for somebody with this token, or without any.
    pub fn new(url: &str, token: Option<String>) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: url.to_owned(),
            token,
        }
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Result<Reply, ApiError> {
        self.call(Method::GET, path, &[], None).await
    }

    /// Sends JSON by any method, with headers of one's own.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, ApiError> {
        let mut all = headers.to_vec();
        if body.is_some() {
            all.push((CONTENT_TYPE.as_str(), "application/json"));
        }
        self.send(method, path, &all, body.map(ToString::to_string).unwrap_or_default().into())
            .await
    }

    /// Sends anything.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, ApiError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).map_err(ApiError::Request)?;
        let response: Response<_> =
            self.client.request(request).await.map_err(|error| ApiError::NoAnswer(error.into()))?;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(Body::new(body), LARGEST_ANSWER)
            .await
            .map_err(|error| ApiError::NoAnswer(error.into()))?;
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}
