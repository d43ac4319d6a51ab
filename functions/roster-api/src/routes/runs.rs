//! Runs: their reports and plans, decisions about held ones (R-H2), and going back (R-H4).

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use mirror::files::report;
use mirror::files::scan;
use mirror::files::snapshot;
use mirror::ops::requests::{self, Decide, Request, RunCommand};
use mirror::ports::runs::RunRecord;
use roster::district::Step;
use roster::id::RunId;
use roster::run::{Decided, Decision, RunState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::changes::view;
use super::districts::configured;
use crate::answer::{Made, json_text, ok, once};
use crate::caller::Granted;
use crate::input::{At, Body, reason};
use crate::page::{Asked, Page};
use crate::problem::Problem;
use crate::{Api, Objects, Table};

/// Runs of a district that are kept: more than a year has nights.
pub(super) const LISTED_RUNS: usize = 2000;

fn line(run: &RunRecord) -> Value {
    json!({
        "run": run.run, "state": run.state, "cause": run.cause, "taken_at": run.taken_at, "today": run.today, "decided": run.decided,
        "changes": run.plan.map(|plan| plan.changes), "item_writes": run.item_writes, "edits_kept": run.edits_kept,
    })
}

pub(super) async fn read<T: Table, O: Objects>(
    api: &Api<T, O>,
    granted: &Granted,
    run: &RunId,
) -> Result<RunRecord, Problem> {
    api.table.run(&granted.caller.district, run).await?.ok_or_else(Problem::not_found)
}

/// `GET /runs`: the newest first.
pub(super) async fn list<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    query: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) =
        query.map_err(|_| Problem::bad_request("the query parameters are not valid"))?;
    let (limit, after) = (asked.limit()?, asked.after(|text| Some(RunId::new(text)))?);
    let district = &granted.caller.district;
    api.table.configured(district).await?.ok_or_else(Problem::not_found)?;
    let at_most = if after.is_some() { LISTED_RUNS } else { limit + 1 };
    let runs = api.table.newest(district, at_most).await?;
    let mut runs = runs.iter().filter(|run| after.as_ref().is_none_or(|after| run.run < *after));
    let page: Vec<&RunRecord> = runs.by_ref().take(limit).collect();
    let next = page.last().filter(|_| runs.next().is_some()).map(|run| run.run.to_string());
    ok(&Page::new(page.into_iter().map(line).collect(), next))
}

/// `GET /runs/{run}`.
pub(super) async fn get<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    ok(&line(&read(&api, &granted, &at.run()?).await?))
}

/// `GET /runs/{run}/report`.
pub(super) async fn report<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let run = read(&api, &granted, &at.run()?).await?;
    let report = report::read_text(&api.internal, &run.district, &run.run).await?;
    Ok(json_text(StatusCode::OK, report.ok_or_else(Problem::not_found)?))
}

#[derive(Deserialize)]
pub(super) struct OfCode {
    code: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// `GET /runs/{run}/findings?code=…`: all that is kept, while the report lists the first ones of
/// each code.
pub(super) async fn findings<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    query: Result<Query<OfCode>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(OfCode { code, after, limit }) =
        query.map_err(|_| Problem::bad_request("the query parameters are not valid"))?;
    let asked = Asked { after, limit };
    let (limit, skip) =
        (asked.limit()?, asked.after(|text| text.parse::<u64>().ok())?.unwrap_or(0));
    let run = read(&api, &granted, &at.run()?).await?;
    let internal = &api.internal;
    if run.state == RunState::Refused {
        // There is no snapshot: all that was found stands in the report.
        let report = report::read(internal, &run.district, &run.run)
            .await?
            .ok_or_else(Problem::not_found)?;
        let mut all = report.findings;
        all.retain(|finding| code.as_ref().is_none_or(|code| finding.code == *code));
        let rest = all.split_off(all.len().min(skip as usize));
        let next = (rest.len() > limit).then(|| (skip as usize + limit).to_string());
        return ok(&Page::new(rest.into_iter().take(limit).collect(), next));
    }
    let (found, next) =
        scan::findings(internal, &run.district, &run.run, code.as_deref(), skip, limit).await?;
    ok(&Page::new(found, next.map(|next| next.to_string())))
}

/// `GET /runs/{run}/plan`: every change, with before, after, rule and reason (R-X2).
pub(super) async fn plan<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    query: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) =
        query.map_err(|_| Problem::bad_request("the query parameters are not valid"))?;
    let (limit, skip) =
        (asked.limit()?, asked.after(|text| text.parse::<usize>().ok())?.unwrap_or(0));
    let run = read(&api, &granted, &at.run()?).await?;
    let changes = scan::changes(&api.internal, &run.district, &run.run, skip, limit).await?;
    let (changes, more) = changes.ok_or_else(Problem::not_found)?;
    let next = more.then(|| (skip + limit).to_string());
    ok(&Page::new(changes.iter().map(view).collect::<Result<Vec<Value>, _>>()?, next))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDecision {
    decision: Decision,
    reason: String,
}

/// What was asked of reconcile: it will be done in a moment.
fn accepted(run: &str) -> Result<Made, Problem> {
    Ok(Made::with_status(StatusCode::ACCEPTED, &json!({ "run": run }))?.at(format!("runs/{run}")))
}

/// `POST /runs/{run}/decision`: approve, approve_additions or reject, by a named person, with a
/// reason.
pub(super) async fn decide<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(body): Body<NewDecision>,
) -> Result<Response, Problem> {
    let run = read(&api, &granted, &at.run()?).await?;
    let path = format!("runs/{}/decision", run.run);
    once(&api, &granted, &headers, (&Method::POST, &path, &body), async |fresh| {
        let decided = Decided {
            decision: body.decision,
            by: granted.caller.subject.to_string(),
            reason: reason(&body.reason)?,
        };
        if run.state != RunState::Held {
            return Err(
                Problem::conflict("only a held run can be decided").with("state", json!(run.state))
            );
        }
        if body.decision != Decision::Reject && run.cause.is_source() {
            // Nothing is written while the district is paused: an approval would wait, and the next
            // night take its place.
            configured(&api, &granted).await?.status.after(Step::Pull)?;
        }
        let request = Request::Decide(Decide { run: run.run.clone(), decided });
        requests::put(&api.internal, &run.district, &RunId::new(fresh), &request).await?;
        accepted(run.run.as_str())
    })
    .await
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    pub(super) reason: String,
}

fn order(granted: &Granted, run: &RunRecord, reason: String) -> RunCommand {
    RunCommand { run: run.run.clone(), by: granted.caller.subject.to_string(), reason, today: None }
}

/// `POST /runs/{run}/undo`: a run that takes everything back that this one has done.
pub(super) async fn undo<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(body): Body<Why>,
) -> Result<Response, Problem> {
    let run = read(&api, &granted, &at.run()?).await?;
    let path = format!("runs/{}/undo", run.run);
    once(&api, &granted, &headers, (&Method::POST, &path, &body), async |fresh| {
        let reason = reason(&body.reason)?;
        if run.state != RunState::Applied {
            return Err(Problem::conflict("only an applied run can be undone")
                .with("state", json!(run.state)));
        }
        // Stricter than reconcile, which also accepts unchanged runs: undoing one has no effect.
        let age = api.clock.now().duration_since(run.taken_at);
        if run.state.check_reversible(age).is_err() {
            return Err(Problem::conflict(
                "a run can be undone for 365 days; an earlier snapshot may still be restored",
            ));
        }
        let request = Request::Undo(order(&granted, &run, reason));
        requests::put(&api.internal, &run.district, &RunId::new(fresh.as_str()), &request).await?;
        accepted(&fresh)
    })
    .await
}

/// `POST /runs/{run}/restore`: a run that brings the mirror to this one's snapshot.
pub(super) async fn restore<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(body): Body<Why>,
) -> Result<Response, Problem> {
    let run = read(&api, &granted, &at.run()?).await?;
    let path = format!("runs/{}/restore", run.run);
    once(&api, &granted, &headers, (&Method::POST, &path, &body), async |fresh| {
        let reason = reason(&body.reason)?;
        if snapshot::read_manifest(&api.internal, &run.district, &run.run).await?.is_none() {
            return Err(Problem::conflict("the run has no snapshot, or its snapshot has expired"));
        }
        let request = Request::Restore(order(&granted, &run, reason));
        requests::put(&api.internal, &run.district, &RunId::new(fresh.as_str()), &request).await?;
        accepted(&fresh)
    })
    .await
}
