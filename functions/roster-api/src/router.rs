//! The router. It is built from one list of routes; tests compare that list with the OpenAPI
//! description and the template.

use axum::Router;

use crate::endpoint::Route;
use crate::problem::Problem;
use crate::routes as endpoints;
use crate::{Api, Objects, Table};

/// Returns the API as a service.
pub fn router<T: Table, O: Objects>(api: Api<T, O>) -> Router {
    let router = endpoints::all().into_iter().fold(Router::new(), |router, endpoint| {
        router.route(&endpoint.route.path, endpoint.handler)
    });
    router
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback(async || Problem::not_found())
        .with_state(api)
}

/// Returns every route.
pub fn routes<T: Table, O: Objects>() -> Vec<Route> {
    endpoints::all::<T, O>().into_iter().map(|endpoint| endpoint.route).collect()
}
