//! A function URL: one function for every path, without authentication. Unlike the API, a failed
//! function is a 502.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};

use super::{LARGEST_EVENT, event, is_for_this_server, reply, too_large};
use crate::lambda::Lambda;
use simulators::listen::Listening;

/// A running function URL.
pub(crate) struct FunctionUrl {
    front: Listening,
}

struct Served {
    lambda: Arc<Lambda>,
    function: &'static str,
    port: u16,
}

impl FunctionUrl {
    /// Serves a function on a free port.
    pub(crate) async fn start(lambda: Arc<Lambda>, function: &'static str) -> io::Result<Self> {
        let (listener, address) = Listening::bind().await?;
        let served = Arc::new(Served { lambda, function, port: address.port() });
        Ok(Self {
            front: Listening::router_at(
                listener,
                Router::new().fallback(handle).with_state(served),
            )?,
        })
    }

    /// The URL.
    pub(crate) fn url(&self) -> String {
        self.front.url()
    }
}

async fn handle(State(served): State<Arc<Served>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if !is_for_this_server(&parts.headers, served.port) {
        return reply::message(StatusCode::FORBIDDEN, "Forbidden");
    }
    let Ok(body) = axum::body::to_bytes(body, LARGEST_EVENT).await else { return too_large() };
    let path = event::path(&parts);
    let request = event::Request {
        parts: &parts,
        path: &path,
        body: &body,
        route_key: "$default".into(),
        parameters: BTreeMap::new(),
        claims: None,
        id: &format!("{:016x}", fastrand::u64(..)),
        account: "anonymous",
        port: served.port,
    };
    let event = request.event();
    if event.to_string().len() > LARGEST_EVENT {
        return too_large();
    }
    let failed = || reply::message(StatusCode::BAD_GATEWAY, "Internal Server Error");
    match served.lambda.invoke(served.function, event).await {
        Some(answer) if !answer.failed => reply::of(&answer.payload).unwrap_or_else(failed),
        _ => failed(),
    }
}
