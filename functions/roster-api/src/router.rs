//! Which address does what: one list, from which the router is made and with which the description
//! and the template are compared.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Router, handler::Handler};
use lambda_http::request::RequestContext;
use tracing::info;

use crate::access::{Operation, Reach, reach};
use crate::caller::{Caller, Granted};
use crate::problem::Problem;
use crate::routes::add_all;
use crate::{Api, Objects, Table};

/// Beginning of every path.
pub(crate) const BASE: &str = "/v1/districts/{district}";

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// `GET`, `PUT`, ….
    pub method: &'static str,
    /// With the names of its parts in braces, as API Gateway, OpenAPI and axum write it.
    pub path: String,
    /// What it is for, in the table of roles.
    pub operation: Operation,
}

/// A router in the making.
pub(crate) struct Routes<T, O> {
    router: Router<Api<T, O>>,
    listed: Vec<Route>,
}

impl<T: Table, O: Objects> Routes<T, O> {
    /// Adds a route. The role is checked before the handler runs.
    pub(crate) fn add<H, M>(
        mut self,
        method: Method,
        below: &str,
        operation: Operation,
        handler: H,
    ) -> Self
    where
        H: Handler<M, Api<T, O>>,
        M: 'static,
    {
        let path = format!("{BASE}{below}");
        let (filter, name) = match method {
            Method::PUT => (MethodFilter::PUT, "PUT"),
            Method::POST => (MethodFilter::POST, "POST"),
            Method::DELETE => (MethodFilter::DELETE, "DELETE"),
            _ => (MethodFilter::GET, "GET"),
        };
        let guarded: MethodRouter<Api<T, O>> = on(filter, handler)
            .route_layer(from_fn(move |request, next| guard(operation, request, next)));
        self.router = self.router.route(&path, guarded);
        self.listed.push(Route { method: name, path, operation });
        self
    }
}

fn all<T: Table, O: Objects>() -> Routes<T, O> {
    add_all(Routes { router: Router::new(), listed: Vec::new() })
}

/// The API as a service.
pub fn router<T: Table, O: Objects>(api: Api<T, O>) -> Router {
    let router = all().router.method_not_allowed_fallback(async || Problem::method_not_allowed());
    router.fallback(async || Problem::not_found()).with_state(api)
}

/// Every route.
pub fn routes<T: Table, O: Objects>() -> Vec<Route> {
    all::<T, O>().listed
}

/// Lets a caller through whose role may do this in this district, and notes what was asked, without
/// whom it is about.
async fn guard(operation: Operation, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let caller = match Caller::from_context(request.extensions().get::<RequestContext>()) {
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
    let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
    info!(
        %method, path, operation = operation.name(), role = role.name(), %district,
        status = response.status().as_u16(), milliseconds, "answered"
    );
    response
}

/// The role first: its refusal says nothing about what is there. Then the district: another one
/// than the token's does not exist.
fn granted(caller: Caller, operation: Operation, uri: &Uri) -> Result<Granted, Problem> {
    let reach = reach(caller.role, operation);
    match reach {
        Reach::No => return Err(Problem::forbidden("the token's role does not allow this")),
        Reach::Whole if caller.schools.is_some() => {
            return Err(Problem::forbidden(
                "this operation needs access to the whole district; the token is limited to some schools",
            ));
        }
        _ => {}
    }
    if uri.path().split('/').nth(3) != Some(caller.district.as_str()) {
        return Err(Problem::not_found());
    }
    Ok(Granted { caller, reach })
}
