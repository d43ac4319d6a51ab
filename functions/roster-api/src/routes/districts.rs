//! Districts and their settings.

use axum::http::StatusCode;
use axum::response::Response;
use mirror::ports::district_settings::Configured;
use mirror::ports::districts::{Changed, Wrote};
use roster::district::Step;
use roster::settings::{DistrictStatus, Settings};
use serde_json::json;

use crate::context::RequestContext;
use crate::input::Body;
use crate::problem::Problem;
use crate::response::{json, ok, versioned};
use crate::{Objects, Table, etag};

/// Returns the settings if they are a valid policy with a valid time zone.
fn checked(settings: Settings) -> Result<Settings, Problem> {
    // The message names settings and values of the request. They contain no personal data.
    settings.policy().map_err(|error| Problem::unprocessable(error.to_string()))?;
    if jiff::tz::TimeZone::get(&settings.time_zone).is_err() {
        return Err(Problem::unprocessable("`time_zone` must be an IANA time zone"));
    }
    Ok(settings)
}

/// `POST /v1/districts/{district}`: creates a district with the status `configured`. After its sync
/// is switched on, its first run is held for review.
pub(super) async fn create<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(settings): Body<Settings>,
) -> Result<Response, Problem> {
    let (district, settings) = (&context.granted.caller.district, checked(settings)?);
    if context.api.table.create(district, &settings, DistrictStatus::Configured).await?
        == Wrote::AlreadyThere
    {
        return Err(Problem::conflict("a district with this id already exists"));
    }
    let made = context.api.table.configured(district).await?.ok_or_else(Problem::internal)?;
    Ok(etag::with_version(json(StatusCode::CREATED, &made.settings)?, &made.version()))
}

/// `GET /v1/districts/{district}`: the status of the district.
pub(super) async fn get<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let district = context
        .api
        .table
        .district(&context.granted.caller.district)
        .await?
        .ok_or_else(Problem::not_found)?;
    let applied = district.applied.map(|applied| {
        json!({
            "run": applied.run,
            "taken_at": applied.taken_at,
            "version": applied.version,
        })
    });
    let latest =
        district.latest.map(|latest| json!({ "run": latest.run, "taken_at": latest.taken_at }));
    ok(&json!({
        "district": district.id, "status": district.status,
        "time_zone": district.settings.time_zone,
        "latest_snapshot": latest, "applied": applied, "open_run": district.open,
    }))
}

/// Returns settings and status of the caller's district.
pub(super) async fn configured<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
) -> Result<Configured, Problem> {
    context
        .api
        .table
        .configured(&context.granted.caller.district)
        .await?
        .ok_or_else(Problem::not_found)
}

/// `GET …/settings`.
pub(super) async fn settings<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let configured = configured(&context).await?;
    versioned(&configured.settings, &configured.version())
}

/// `PUT …/settings`. A `notified` district becomes `configured` (R-O2).
pub(super) async fn change<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(settings): Body<Settings>,
) -> Result<Response, Problem> {
    let (seen, settings) = (configured(&context).await?, checked(settings)?);
    etag::check(&context.headers, Some(&seen.version()))?;
    let status = seen.status.after(Step::Configure)?;
    replace(&context, &seen, &settings, status).await
}

async fn replace<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    seen: &Configured,
    settings: &Settings,
    status: DistrictStatus,
) -> Result<Response, Problem> {
    if context
        .api
        .table
        .reconfigure(&context.granted.caller.district, seen, settings, status)
        .await?
        == Changed::No
    {
        return Err(Problem::changed_meanwhile());
    }
    let now = configured(context).await?;
    versioned(&now.settings, &now.version())
}
