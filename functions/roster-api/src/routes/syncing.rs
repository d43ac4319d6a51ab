//! The sync of a district: off and on (R-O5), paused and resumed, and a pull now (R-O4). The
//! allowed steps are in [`roster::district`].

use std::time::Duration;

use axum::http::{Method, StatusCode};
use axum::response::Response;
use mirror::ports::districts::{Changed, District};
use mirror::ports::runs::RunRecord;
use roster::district::{NotAllowed, Step};
use roster::id::RunId;
use roster::rule::Rule;
use roster::run::{Cause, RunState};
use roster::settings::DistrictStatus;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use super::districts::configured;
use super::runs::Why;
use crate::context::RequestContext;
use crate::input::{Body, reason};
use crate::problem::Problem;
use crate::pulls::{minute, run_of};
use crate::response::{Created, ok, once};
use crate::{Objects, Table};

/// How many of the newest runs are checked for one in progress.
const NEWEST: usize = 5;

/// A run that has not ended after this time has crashed. A pull retries an unavailable source for
/// less than an hour.
const AT_WORK: Duration = Duration::from_secs(2 * 3600);

impl From<NotAllowed> for Problem {
    fn from(not: NotAllowed) -> Self {
        Problem::conflict(not.instead).under(not.rule).with("district_status", json!(not.from))
    }
}

/// Takes a step with the caller's district. Returns the new status.
async fn step<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    step: Step,
) -> Result<DistrictStatus, Problem> {
    let (id, seen) = (&context.granted.caller.district, configured(context).await?);
    let status = seen.status.after(step)?;
    if status != seen.status {
        if context.api.table.reconfigure(id, &seen, &seen.settings, status).await? == Changed::No {
            return Err(Problem::changed_meanwhile());
        }
        info!(district = %id, ?status, ?step, "the district's sync has changed");
    }
    Ok(status)
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    On,
    Off,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    sync: Wanted,
    reason: String,
}

/// `POST …/sync` (R-O5). Off: nothing is planned any more, and everything can be edited by hand.
/// On: the next run is held for review.
pub(super) async fn switch<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(switch): Body<Switch>,
) -> Result<Response, Problem> {
    reason(&switch.reason)?;
    let wanted = match switch.sync {
        Wanted::On => Step::SwitchOn,
        Wanted::Off => Step::SwitchOff,
    };
    ok(&json!({ "status": step(&context, wanted).await? }))
}

/// `POST …/pause` (R-O4): nothing is pulled or planned until the district is resumed. The next
/// hourly discovery of nightly-pull removes the schedule; a pull before that does nothing.
pub(super) async fn pause<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(why): Body<Why>,
) -> Result<Response, Problem> {
    reason(&why.reason)?;
    ok(&json!({ "status": step(&context, Step::Pause).await? }))
}

/// `POST …/resume` (R-O4). No review is needed, because synced data cannot be edited during a
/// pause.
pub(super) async fn resume<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(why): Body<Why>,
) -> Result<Response, Problem> {
    reason(&why.reason)?;
    let status = step(&context, Step::Resume).await?;
    let district = context
        .api
        .table
        .district(&context.granted.caller.district)
        .await?
        .ok_or_else(Problem::not_found)?;
    ok(&json!({ "status": status, "missed": missed(&context, &district).await? }))
}

/// Returns the run of a snapshot that arrived while nothing was planned. A pulled district gets
/// newer data tonight; the run of an upload can be restored.
async fn missed<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    district: &District,
) -> Result<Option<Value>, Problem> {
    let Some(latest) = &district.latest else { return Ok(None) };
    let run = context.api.table.run(&district.id, &latest.run).await?;
    let waits = run.is_some_and(|run| {
        matches!(run.state, RunState::Staged | RunState::Planning) && run.cause == Cause::Source
    });
    Ok(waits.then(|| json!(latest.run)))
}

/// `POST …/runs`: requests a pull now (R-O4) from nightly-pull. The response names the run.
pub(super) async fn pull<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(why): Body<Why>,
) -> Result<Response, Problem> {
    once(&context, (&Method::POST, "runs", &why), async |_| {
        reason(&why.reason)?;
        let id = &context.granted.caller.district;
        let district = context.api.table.district(id).await?.ok_or_else(Problem::not_found)?;
        if !district.settings.source.is_pulled() {
            return Err(Problem::conflict(
                "this district uploads its files, and every upload starts a run: upload the export \
                 again (see functions/OPERATIONS.md, Uploading files)",
            )
            .under(Rule::O4));
        }
        district.status.after(Step::Pull)?;
        let Some(pulls) = &context.api.pulls else {
            return Err(Problem::conflict(
                "this deployment has no source to pull from: its stack was deployed without \
                 credentials",
            ));
        };
        let now = context.api.clock.now();
        let at = minute(now);
        let run = run_of(id, at);
        nothing_at_work(&context, &district, &run).await?;
        pulls.request(id, at, now).await?;
        info!(district = %id, %run, "a pull was asked for");
        let created = Created::with_status(StatusCode::ACCEPTED, &json!({ "run": run }))?;
        Ok(created.at(format!("runs/{run}")))
    })
    .await
}

/// Rejects the request if a run is being read, planned or applied: if the district's lease is held,
/// or a run started recently and has not ended. A held run does not count.
async fn nothing_at_work<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    district: &District,
    ours: &RunId,
) -> Result<(), Problem> {
    let now = context.api.clock.now();
    let is_at_work = |run: &&RunRecord| {
        let is_open = !run.state.is_final() && run.state != RunState::Held;
        is_open && run.run != *ours && now.duration_since(run.taken_at).unsigned_abs() < AT_WORK
    };
    let newest = context.api.table.newest(&district.id, NEWEST).await?;
    let begun = newest.iter().find(is_at_work).map(|run| &run.run);
    let is_leased = district.lease.as_ref().is_some_and(|lease| lease.until > now);
    match begun.or(district.open.as_ref().filter(|_| is_leased)) {
        None if !is_leased => Ok(()),
        busy => {
            Err(Problem::conflict("a run of the district is in progress: wait until it has ended")
                .with("run", json!(busy)))
        }
    }
}
