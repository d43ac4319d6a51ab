//! Districts and their settings.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mirror::ports::district_settings::Configured;
use mirror::ports::districts::{Changed, Wrote};
use roster::district::Step;
use roster::settings::{DistrictStatus, Settings};
use serde_json::json;

use crate::answer::{json, ok, versioned};
use crate::caller::Granted;
use crate::input::Body;
use crate::problem::Problem;
use crate::{Api, Objects, Table, etag};

/// Settings that amount to a policy in a time zone that exists.
fn checked(settings: Settings) -> Result<Settings, Problem> {
    // The policy's own message names settings and their values, which are the caller's and no
    // person's.
    settings.policy().map_err(|error| Problem::unprocessable(error.to_string()))?;
    if jiff::tz::TimeZone::get(&settings.time_zone).is_err() {
        return Err(Problem::unprocessable("`time_zone` must be an IANA time zone"));
    }
    Ok(settings)
}

/// `POST /v1/districts/{district}`: a new district, configured; its first run is held for review
/// once it is switched on.
pub(super) async fn create<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    Body(settings): Body<Settings>,
) -> Result<Response, Problem> {
    let (district, settings) = (&granted.caller.district, checked(settings)?);
    if api.table.create(district, &settings, DistrictStatus::Configured).await?
        == Wrote::AlreadyThere
    {
        return Err(Problem::conflict("a district with this id already exists"));
    }
    let made = api.table.configured(district).await?.ok_or_else(Problem::internal)?;
    Ok(etag::with_version(json(StatusCode::CREATED, &made.settings)?, &made.version()))
}

/// `GET /v1/districts/{district}`: where it stands.
pub(super) async fn get<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
) -> Result<Response, Problem> {
    let district =
        api.table.district(&granted.caller.district).await?.ok_or_else(Problem::not_found)?;
    let applied =
        district.applied.map(|applied| json!({ "run": applied.run, "taken_at": applied.taken_at, "version": applied.version }));
    let latest =
        district.latest.map(|latest| json!({ "run": latest.run, "taken_at": latest.taken_at }));
    ok(&json!({
        "district": district.id, "status": district.status, "time_zone": district.settings.time_zone,
        "latest_snapshot": latest, "applied": applied, "open_run": district.open,
    }))
}

/// What is configured of the caller's district.
pub(super) async fn configured<T: Table, O: Objects>(
    api: &Api<T, O>,
    granted: &Granted,
) -> Result<Configured, Problem> {
    api.table.configured(&granted.caller.district).await?.ok_or_else(Problem::not_found)
}

/// `GET …/settings`.
pub(super) async fn settings<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
) -> Result<Response, Problem> {
    let configured = configured(&api, &granted).await?;
    versioned(&configured.settings, &configured.version())
}

/// `PUT …/settings`. A district that a source has told of is configured by it (R-O2).
pub(super) async fn change<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    headers: HeaderMap,
    Body(settings): Body<Settings>,
) -> Result<Response, Problem> {
    let (seen, settings) = (configured(&api, &granted).await?, checked(settings)?);
    etag::check(&headers, Some(&seen.version()))?;
    let status = seen.status.after(Step::Configure)?;
    replace(&api, &granted, &seen, &settings, status).await
}

async fn replace<T: Table, O: Objects>(
    api: &Api<T, O>,
    granted: &Granted,
    seen: &Configured,
    settings: &Settings,
    status: DistrictStatus,
) -> Result<Response, Problem> {
    if api.table.reconfigure(&granted.caller.district, seen, settings, status).await? == Changed::No
    {
        return Err(Problem::changed_meanwhile());
    }
    let now = configured(api, granted).await?;
    versioned(&now.settings, &now.version())
}
