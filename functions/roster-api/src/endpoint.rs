//! A route with its handler. The caller's permission is checked before the handler runs.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::handler::Handler;
use axum::http::{Method, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use lambda_http::request::RequestContext as GatewayContext;
use tracing::info;

use crate::access::{Operation, Scope, scope};
use crate::caller::{Caller, Granted};
use crate::problem::Problem;
use crate::{Api, Objects, Table};

/// The beginning of every path.
const BASE: &str = "/v1/districts/{district}";

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// `GET`, `PUT`, ….
    pub method: &'static str,
    /// The path with its parameters in braces, as API Gateway, OpenAPI and axum write it.
    pub path: String,
    /// The operation in the table of roles.
    pub operation: Operation,
}

/// A route with its handler.
pub(crate) struct Endpoint<T, O> {
    pub(crate) route: Route,
    pub(crate) handler: MethodRouter<Api<T, O>>,
}

impl<T: Table, O: Objects> Endpoint<T, O> {
    /// Connects a route to a handler. The permission of the role is checked before the handler
    /// runs.
    pub(crate) fn new<H, M>(method: Method, below: &str, operation: Operation, handler: H) -> Self
    where
        H: Handler<M, Api<T, O>>,
        M: 'static,
    {
        let path = format!("{BASE}{below}");
        let (filter, method) = match method {
            Method::PUT => (MethodFilter::PUT, "PUT"),
            Method::POST => (MethodFilter::POST, "POST"),
            Method::DELETE => (MethodFilter::DELETE, "DELETE"),
            _ => (MethodFilter::GET, "GET"),
        };
        let handler = on(filter, handler)
            .route_layer(from_fn(move |request, next| guard(operation, request, next)));
        Self { route: Route { method, path, operation }, handler }
    }
}

/// Checks the permission of the caller, calls the handler and logs the request. The log names
/// neither people nor records.
async fn guard(operation: Operation, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let caller = match Caller::from_context(request.extensions().get::<GatewayContext>()) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let (role, district) = (caller.role, caller.district.clone());
    let method = request.method().clone();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned())
        .unwrap_or_default();
    let response = match granted(caller, operation, request.uri()) {
        Ok(granted) => {
            request.extensions_mut().insert(granted);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    info!(
        %method, path, operation = operation.name(), role = role.name(), %district,
        status = response.status().as_u16(), milliseconds, "answered"
    );
    response
}

/// Checks the role, then the district. The role comes first because its refusal does not reveal
/// what exists. Any district other than the token's is answered with 404.
fn granted(caller: Caller, operation: Operation, uri: &Uri) -> Result<Granted, Problem> {
    let scope = scope(caller.role, operation);
    match scope {
        Scope::None => return Err(Problem::forbidden("the token's role does not allow this")),
        Scope::District if caller.schools.is_some() => {
            return Err(Problem::forbidden(
                "this operation needs access to the whole district; the token is limited to some \
                 schools",
            ));
        }
        _ => {}
    }
    if uri.path().split('/').nth(3) != Some(caller.district.as_str()) {
        return Err(Problem::not_found());
    }
    Ok(Granted { caller, scope })
}
