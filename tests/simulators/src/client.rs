//! A small HTTP client for servers on this machine. Tests and the command line use it for the API.

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, Response};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Maximum size of a response.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// A client for one server, with an optional bearer token.
#[derive(Clone)]
pub struct Api {
    client: Client<HttpConnector, Body>,
    url: String,
    token: Option<String>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Why a call has no response.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The path or a header is invalid.
    #[error("the request is invalid")]
    Request(#[source] axum::http::Error),
    /// The server does not answer, or the response ends early.
    #[error("the API does not answer")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Reply {
    /// The body as JSON. Null if it is not JSON.
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

    /// Whether the status is 2xx.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Api {
    /// A client for the server at `url`. The token is sent with every request.
    pub fn new(url: &str, token: Option<String>) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: url.to_owned(),
            token,
        }
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> Result<Reply, ApiError> {
        self.call(Method::GET, path, &[], None).await
    }

    /// Sends a request with additional headers and an optional JSON body.
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

    /// Sends a request with any body.
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
