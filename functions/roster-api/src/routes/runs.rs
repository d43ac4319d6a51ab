//! Runs: reports, plans, decisions about held runs (R-H2), undo and restore (R-H4).

use axum::http::{Method, StatusCode};
use axum::response::Response;
use mirror::files::report;
use mirror::files::scan;
use mirror::files::snapshot;
use mirror::keys;
use mirror::ops::requests::{self, Decide, Request, RunCommand};
use mirror::ports::runs::RunRecord;
use roster::district::Step;
use roster::id::RunId;
use roster::run::{Cause, Decided, Decision, RunState};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::districts::configured;
use super::listing::{RUNS, change_view};
use crate::caller::Caller;
use crate::context::RequestContext;
use crate::input::{Body, Parameters, reason};
use crate::page::{Page, PageQuery};
use crate::problem::Problem;
use crate::response::{Created, file, json_text, ok, once};
use crate::{Objects, Table};

fn line(run: &RunRecord) -> Value {
    json!({
        "run": run.run, "state": run.state, "cause": run.cause, "taken_at": run.taken_at,
        "today": run.today, "decided": run.decided,
        "changes": run.plan.as_ref().map(|plan| plan.changes),
        "plan": run.plan.as_ref().map(|plan| plan.hash.as_str()), "remainder": run.remainder,
        "item_writes": run.item_writes,
        "edits_kept": run.edits_kept,
    })
}

pub(super) async fn read<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    run: &RunId,
) -> Result<RunRecord, Problem> {
    context
        .api
        .table
        .run(&context.granted.caller.district, run)
        .await?
        .ok_or_else(Problem::not_found)
}

/// `GET /runs`: the runs, newest first.
pub(super) async fn list<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Response, Problem> {
    let page = query;
    let (limit, after) = (page.limit()?, page.after(|text| Some(RunId::new(text)))?);
    let district = &context.granted.caller.district;
    context.api.table.configured(district).await?.ok_or_else(Problem::not_found)?;
    let at_most = if after.is_some() { RUNS } else { limit + 1 };
    let runs = context.api.table.newest(district, at_most).await?;
    let mut runs = runs.iter().filter(|run| after.as_ref().is_none_or(|after| run.run < *after));
    let page: Vec<&RunRecord> = runs.by_ref().take(limit).collect();
    let next = page.last().filter(|_| runs.next().is_some()).map(|run| run.run.to_string());
    ok(&Page::new(page.into_iter().map(line).collect(), next))
}

/// `GET /runs/{run}`.
pub(super) async fn get<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    ok(&line(&read(&context, &context.path.run()?).await?))
}

/// `GET /runs/{run}/report`.
pub(super) async fn report<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let run = read(&context, &context.path.run()?).await?;
    let report =
        report::read_file(&context.api.internal, &keys::report(&run.district, &run.run)).await?;
    Ok(json_text(StatusCode::OK, report.ok_or_else(Problem::not_found)?))
}

/// `GET /runs/{run}/report.html`: the report as a page to read.
pub(super) async fn report_page<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let run = read(&context, &context.path.run()?).await?;
    let page =
        report::read_file(&context.api.internal, &keys::report_page(&run.district, &run.run))
            .await?;
    Ok(file("text/html; charset=utf-8", page.ok_or_else(Problem::not_found)?))
}

/// `GET /runs/{run}/findings.csv`: the findings of the report, to hand to those who correct them.
pub(super) async fn findings_csv<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let run = read(&context, &context.path.run()?).await?;
    let csv =
        report::read_file(&context.api.internal, &keys::findings_csv(&run.district, &run.run))
            .await?;
    Ok(file("text/csv; charset=utf-8", csv.ok_or_else(Problem::not_found)?))
}

#[derive(Deserialize)]
pub(super) struct OfCode {
    code: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// `GET /runs/{run}/findings?code=…`: all stored findings. The report has only the first ones of
/// each code.
pub(super) async fn findings<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Parameters(query): Parameters<OfCode>,
) -> Result<Response, Problem> {
    let OfCode { code, after, limit } = query;
    let page = PageQuery { after, limit };
    let (limit, skip) = (page.limit()?, page.after(|text| text.parse::<u64>().ok())?.unwrap_or(0));
    let run = read(&context, &context.path.run()?).await?;
    let internal = &context.api.internal;
    if run.state == RunState::Refused {
        // There is no snapshot; the report has all findings.
        let report = report::read(internal, &run.district, &run.run)
            .await?
            .ok_or_else(Problem::not_found)?;
        let mut all = report.findings;
        all.retain(|finding| code.as_ref().is_none_or(|code| finding.code == *code));
        let rest = all.split_off(all.len().min(skip as usize));
        let next = (rest.len() > limit).then(|| (skip as usize + limit).to_string());
        return ok(&Page::new(rest.into_iter().take(limit).collect(), next));
    }
    let (found, next) = scan::findings(
        internal,
        &run.district,
        (&run.run, run.snapshot()),
        code.as_deref(),
        skip,
        limit,
    )
    .await?;
    ok(&Page::new(found, next.map(|next| next.to_string())))
}

/// `GET /runs/{run}/plan`: every change, with before, after, rule and reason (R-X2).
pub(super) async fn plan<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Response, Problem> {
    let page = query;
    let (limit, skip) =
        (page.limit()?, page.after(|text| text.parse::<usize>().ok())?.unwrap_or(0));
    let run = read(&context, &context.path.run()?).await?;
    let changes =
        scan::changes(&context.api.internal, &run.district, &run.run, skip, limit).await?;
    let (changes, more) = changes.ok_or_else(Problem::not_found)?;
    let next = more.then(|| (skip + limit).to_string());
    ok(&Page::new(changes.iter().map(change_view).collect::<Result<Vec<Value>, _>>()?, next))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDecision {
    decision: Decision,
    /// The `plan` of the run that the person has seen.
    plan: String,
    reason: String,
}

/// 202: reconcile will carry out the request.
fn accepted(run: &str) -> Result<Created, Problem> {
    Ok(Created::with_status(StatusCode::ACCEPTED, &json!({ "run": run }))?
        .at(format!("runs/{run}")))
}

/// `POST /runs/{run}/decision`: approve, approve_additions or reject, with the plan that was shown
/// and a reason. 412 if the run has another plan now (R-H2).
pub(super) async fn decide<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewDecision>,
) -> Result<Response, Problem> {
    let run = read(&context, &context.path.run()?).await?;
    let path = format!("runs/{}/decision", run.run);
    once(&context, (&Method::POST, &path, &body), async |id| {
        let decided = Decided {
            decision: body.decision,
            by: context.granted.caller.subject.to_string(),
            reason: reason(&body.reason)?,
        };
        if run.state != RunState::Held {
            return Err(
                Problem::conflict("only a held run can be decided").with("state", json!(run.state))
            );
        }
        if run.plan.as_ref().is_none_or(|plan| plan.hash != body.plan) {
            return Err(Problem::changed_meanwhile()
                .with("plan", json!(run.plan.as_ref().map(|plan| &plan.hash))));
        }
        if body.decision != Decision::Reject && !matches!(run.cause, Cause::Undo(_)) {
            // Nothing is applied while the district is paused: the approved run would wait and be
            // replaced by the next night's run.
            configured(&context).await?.status.after(Step::Pull)?;
        }
        let request =
            Request::Decide(Decide { run: run.run.clone(), plan: body.plan.clone(), decided });
        requests::put(&context.api.internal, &run.district, &RunId::new(id), &request).await?;
        accepted(run.run.as_str())
    })
    .await
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    pub(super) reason: String,
}

fn order(caller: &Caller, run: &RunRecord, reason: String) -> RunCommand {
    RunCommand { run: run.run.clone(), by: caller.subject.to_string(), reason, today: None }
}

/// `POST /runs/{run}/undo`: requests a run that reverts all changes of this run.
pub(super) async fn undo<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<Why>,
) -> Result<Response, Problem> {
    let run = read(&context, &context.path.run()?).await?;
    let path = format!("runs/{}/undo", run.run);
    once(&context, (&Method::POST, &path, &body), async |id| {
        let reason = reason(&body.reason)?;
        if run.state != RunState::Applied {
            return Err(Problem::conflict("only an applied run can be undone")
                .with("state", json!(run.state)));
        }
        // Stricter than reconcile, which also accepts unchanged runs: undoing one has no effect.
        let age = context.api.clock.now().duration_since(run.taken_at);
        if run.state.check_reversible(age).is_err() {
            return Err(Problem::conflict(
                "a run can be undone for 365 days; an earlier snapshot may still be restored",
            ));
        }
        let request = Request::Undo(order(context.caller(), &run, reason));
        requests::put(&context.api.internal, &run.district, &RunId::new(id.as_str()), &request)
            .await?;
        accepted(&id)
    })
    .await
}

/// `POST /runs/{run}/restore`: requests a run that changes the mirror to this run's snapshot.
pub(super) async fn restore<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<Why>,
) -> Result<Response, Problem> {
    let run = read(&context, &context.path.run()?).await?;
    let path = format!("runs/{}/restore", run.run);
    once(&context, (&Method::POST, &path, &body), async |id| {
        let reason = reason(&body.reason)?;
        if snapshot::read_manifest(&context.api.internal, &run.district, &run.run).await?.is_none()
        {
            return Err(Problem::conflict("the run has no snapshot, or its snapshot has expired"));
        }
        let request = Request::Restore(order(context.caller(), &run, reason));
        requests::put(&context.api.internal, &run.district, &RunId::new(id.as_str()), &request)
            .await?;
        accepted(&id)
    })
    .await
}
