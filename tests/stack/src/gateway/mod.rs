//! API Gateway: an HTTP API with a JWT authorizer in front of the function `roster-api`.
//!
//! Statuses and bodies are those of HTTP APIs, which differ from REST APIs: a failed function is a
//! 500, a late one a 503, and an unknown route or method a 404.

mod authorizer;
mod event;
mod function_url;
mod issuer;
mod reply;
mod routes;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::get;
use serde_json::json;

use crate::lambda::Lambda;
pub(crate) use function_url::FunctionUrl;
pub use issuer::{AUDIENCE, Claims, Issuer, IssuerError};
pub use routes::{Route, RouteError};
pub use simulators::client::{Api, ApiError, Reply};
use simulators::listen::Listening;

/// Maximum size of a request's body, as in AWS.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// Maximum size of an event of a synchronous invocation.
const LARGEST_EVENT: usize = 6 * 1024 * 1024;

/// The configuration of an API.
pub(crate) struct Setting {
    pub(crate) lambda: Arc<Lambda>,
    /// The function that handles the requests.
    pub(crate) function: &'static str,
    pub(crate) routes: Vec<Route>,
    /// How long to wait for the function: 30 seconds in AWS.
    pub(crate) timeout: Duration,
    pub(crate) account: String,
}

/// A running API.
pub(crate) struct Gateway {
    front: Listening,
    issuer: Arc<Issuer>,
}

struct Served {
    setting: Setting,
    issuer: Arc<Issuer>,
    port: u16,
}

impl Gateway {
    /// Serves the API of a data folder.
    pub(crate) async fn start(data: &std::path::Path, setting: Setting) -> io::Result<Self> {
        let (issuer, listener) = Issuer::listen(data).await?;
        let issuer = Arc::new(issuer);
        let port = listener.local_addr()?.port();
        let served = Arc::new(Served { setting, issuer: issuer.clone(), port });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/.well-known/jwks.json", get(key_set))
            .fallback(handle)
            .with_state(served);
        Ok(Self { front: Listening::router_at(listener, router)?, issuer })
    }

    /// The URL.
    pub(crate) fn url(&self) -> String {
        self.front.url()
    }

    /// The issuer of the tokens that the API accepts.
    pub(crate) fn issuer(&self) -> &Issuer {
        &self.issuer
    }
}

async fn configuration(State(served): State<Arc<Served>>) -> Response<Body> {
    reply::json_response(StatusCode::OK, &served.issuer.configuration())
}

async fn key_set(State(served): State<Arc<Served>>) -> Response<Body> {
    match served.issuer.key_set() {
        Ok(keys) => reply::json_response(StatusCode::OK, &json!(keys)),
        Err(_) => reply::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
    }
}

async fn handle(State(served): State<Arc<Served>>, request: Request) -> Response<Body> {
    let id = format!("{:016x}", fastrand::u64(..));
    let mut response = served.answer(request, &id).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}

impl Served {
    async fn answer(&self, request: Request, id: &str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if !is_for_this_server(&parts.headers, self.port) {
            return reply::message(StatusCode::FORBIDDEN, "Forbidden");
        }
        let path = event::path(&parts);
        let Some((route, parameters)) =
            routes::find(&self.setting.routes, parts.method.as_str(), &path)
        else {
            return reply::message(StatusCode::NOT_FOUND, "Not Found");
        };
        let claims = match authorizer::authorize(&self.issuer, &parts.headers) {
            _ if route.open => None,
            Ok(claims) => Some(claims),
            Err(refusal) => return reply::refused(&refusal),
        };
        let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
            return too_large();
        };
        let port = self.port;
        let account = &self.setting.account;
        let route_key = route.key();
        let request = event::Request {
            parts: &parts,
            path: &path,
            body: &body,
            route_key,
            parameters,
            claims,
            id,
            account,
            port,
        };
        let event = request.event();
        // Only a large body can exceed the limit, so smaller events are not measured.
        if body.len() > LARGEST_EVENT / 2 && event.to_string().len() > LARGEST_EVENT {
            return too_large();
        }
        match tokio::time::timeout(
            self.setting.timeout,
            self.setting.lambda.invoke(self.setting.function, event),
        )
        .await
        {
            Ok(Some(answer)) if !answer.failed => reply::of(&answer.payload).unwrap_or_else(failed),
            Ok(_) => failed(),
            Err(_) => reply::message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        }
    }
}

/// Whether the request's `Host` is this server. Prevents DNS rebinding, where a web page's own
/// name resolves to 127.0.0.1.
fn is_for_this_server(headers: &HeaderMap, port: u16) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.and_then(|host| host.rsplit_once(':')).is_some_and(|(name, at)| {
        matches!(name, "127.0.0.1" | "localhost") && at.parse() == Ok(port)
    })
}

fn too_large() -> Response<Body> {
    reply::message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
}

fn failed() -> Response<Body> {
    reply::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}
