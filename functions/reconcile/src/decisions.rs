//! Decisions about held runs (R-H2).

use mirror::MirrorError;
use mirror::eventbridge;
use mirror::files::report;
use mirror::ports::district_settings::SettingsStore as _;
use mirror::ports::districts::{Changed, Districts as _};
use mirror::ports::runs::{RunRecord, Runs as _};
use roster::district;
use roster::id::RunId;
use roster::run::{Cause, Decided, Decision, RunState, Step};
use tracing::{info, warn};

use crate::{ReconcileFailure, RunOutcome, RunRef, Services, Storage, Summary, Worker, session};

/// Records a decision and continues an approved run. A decision about a run that is not held
/// changes nothing.
///
/// `plan` is the hash of the plan that the person has seen. A decision about another plan changes
/// nothing: the run stays held (R-H2).
///
/// `request` is the id of the request object that contained the decision. The event of that object
/// may be delivered again while the run is held with another plan: a request that is not newer than
/// the last one is ignored.
pub(crate) async fn decide<S: Services>(
    worker: &Worker<'_, S>,
    target: &RunRef,
    (plan, decided): (&str, Decided),
    request: &RunId,
    summary: &mut Summary,
) -> Result<(), ReconcileFailure> {
    let (storage, RunRef { district, run }) = (worker.storage, target);
    let Some(mut record) = storage.table.run(district, run).await? else {
        skip(storage, target, "the run of the decision does not exist", summary);
        return Ok(());
    };
    let is_rejection = decided.decision == Decision::Reject;
    let is_old = record.decided_in.as_ref().is_some_and(|last| request <= last);
    if record.state == RunState::Held && is_old {
        info!(%district, %run, "the decision refers to an earlier plan");
        summary.count(RunOutcome::Repeated);
        return Ok(());
    }
    if record.state == RunState::Held {
        let shown = record.plan.as_ref().map(|plan| plan.hash.as_str());
        if shown != Some(plan) {
            skip(storage, target, "the decision is about another plan", summary);
            return Ok(());
        }
        let applies_data = !is_rejection && !matches!(record.cause, Cause::Undo(_));
        let now = storage.table.district(district).await?;
        if applies_data && !now.is_some_and(|district| district.status.takes_data()) {
            skip(storage, target, "the district is paused or switched off", summary);
            return Ok(());
        }
        record.step(if is_rejection { Step::Reject } else { Step::Approve })?;
        record.decided = Some(decided.clone());
        record.decided_in = Some(request.clone());
        if storage.table.save(&mut record).await? == Changed::No {
            // A newer snapshot has just superseded the run, or the decision was delivered twice.
            summary.count(RunOutcome::Repeated);
            return Ok(());
        }
        info!(%district, %run, decision = ?decided.decision, "decided");
    } else if record.decided.as_ref() != Some(&decided) {
        info!(%district, %run, state = ?record.state, "the run does not wait for a decision");
        summary.count(RunOutcome::Repeated);
        return Ok(());
    }
    if is_rejection {
        update_report(storage, &record).await?;
        summary.count(RunOutcome::Rejected);
        return Ok(());
    }
    make_live(storage, target).await?;
    session::run(worker, target, summary).await
}

/// Skips a decision that cannot be carried out. The metric raises an alarm, because the person was
/// told that the request was accepted.
fn skip<S: Services>(
    storage: &Storage<S>,
    target: &RunRef,
    reason: &'static str,
    summary: &mut Summary,
) {
    let RunRef { district, run } = target;
    warn!(%district, %run, reason, "a decision was skipped");
    let counts = [("UnreadableRequests", 1.0)];
    eventbridge::metrics(storage.clock.now(), "skipped", district, run, &counts);
    summary.count(RunOutcome::Skipped);
}

/// How often settings are read again because they were changed in the meantime.
const SETTINGS_ATTEMPTS: u32 = 5;

/// Makes a district in review live, because its run was approved (R-O2, R-O5). A retry repeats
/// this: the decision is already recorded.
async fn make_live<S: Services>(
    storage: &Storage<S>,
    target: &RunRef,
) -> Result<(), ReconcileFailure> {
    let district = &target.district;
    for _ in 0..SETTINGS_ATTEMPTS {
        let Some(seen) = storage.table.configured(district).await? else { return Ok(()) };
        // A district that is not in review keeps its status.
        let Ok(live) = seen.status.after(district::Step::Approve) else { return Ok(()) };
        let changed = storage.table.reconfigure(district, &seen, &seen.settings, live).await?;
        if changed == Changed::Yes {
            info!(%district, "the district is live");
            return Ok(());
        }
    }
    Err(MirrorError::OutOfTime { doing: "make the district live" }.into())
}

/// Adds the decision to the report. The decision is already in the run's record: after a crash in
/// between, the retry updates the report.
async fn update_report<S: Services>(
    storage: &Storage<S>,
    record: &RunRecord,
) -> Result<(), ReconcileFailure> {
    if let Some(mut report) = report::read(&storage.internal, &record.district, &record.run).await?
    {
        report.state = record.state;
        report.decided.clone_from(&record.decided);
        report::put(&storage.internal, &report).await?;
    }
    Ok(())
}
