//! Request objects of the bucket: decisions (R-H2), undo and restore (R-H4).

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mirror::eventbridge;
use mirror::keys;
use mirror::ops::requests::{self, Decide, Request, RunCommand, StoredRequest};
use mirror::ports::districts::{District, Districts as _, Wrote};
use mirror::ports::runs::{RunRecord, Runs as _};
use roster::run::{Cause, RunState, Step};
use tracing::warn;

use crate::{
    ReconcileFailure, RunOutcome, RunRef, Services, Storage, Summary, Worker, decisions, restore,
    session,
};

/// How far the clock of a request's writer may be ahead of ours. A snapshot that is restored with a
/// time in the future would block the snapshots before that time (R-M6).
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Executes a request. The id of an undo or a restore is also the id of its run, so an event that
/// is delivered twice finds the same run.
pub(crate) async fn execute<S: Services>(
    worker: &Worker<'_, S>,
    target: &RunRef,
    summary: &mut Summary,
) -> Result<(), ReconcileFailure> {
    let (storage, RunRef { district: id, run }) = (worker.storage, target);
    let at = keys::time_of(run).filter(|at| *at <= storage.clock.now() + MAX_CLOCK_SKEW);
    let request = match (requests::read(&storage.internal, id, run).await?, at) {
        (StoredRequest::Readable(request), Some(_)) => request,
        // A retry would read the same object, so the event is skipped. The metric raises an alarm.
        _ => {
            warn!(district = %id, request = %run, "the request is not readable");
            let counts = [("UnreadableRequests", 1.0)];
            eventbridge::metrics(storage.clock.now(), "skipped", id, run, &counts);
            summary.count(RunOutcome::Skipped);
            return Ok(());
        }
    };
    let (command, cause) = match request {
        Request::Decide(Decide { run: held, plan, decided }) => {
            let held = RunRef { district: id.clone(), run: held };
            return decisions::decide(worker, &held, (&plan, decided), run, summary).await;
        }
        Request::Undo(command) => (command.clone(), Cause::Undo(command.for_record())),
        Request::Restore(command) => (command.clone(), Cause::Restore(command.for_record())),
    };
    let Some(district) = storage.table.district(id).await? else {
        warn!(district = %id, request = %run, "the district of the request does not exist");
        summary.count(RunOutcome::Skipped);
        return Ok(());
    };
    let record = begin(storage, target, &district, &command, cause).await?;
    if !matches!(record.cause, Cause::Restore(_)) {
        return session::run(worker, target, summary).await;
    }
    if record.state == RunState::Importing {
        summary.count(restore::stage(storage, record, &district).await?);
    } else {
        // The snapshot is already staged; the event of its manifest continues the run.
        summary.count(RunOutcome::Repeated);
    }
    Ok(())
}

/// Creates the run of a request, or returns the existing one. An undo needs no snapshot and is
/// staged immediately.
async fn begin<S: Services>(
    storage: &Storage<S>,
    target: &RunRef,
    district: &District,
    command: &RunCommand,
    cause: Cause,
) -> Result<RunRecord, ReconcileFailure> {
    let at = keys::time_of(&target.run).unwrap_or_else(|| storage.clock.now());
    let mut record = RunRecord::importing(target.district.clone(), target.run.clone(), at);
    let zone = TimeZone::get(&district.settings.time_zone).unwrap_or(TimeZone::UTC);
    let day: Date = command.today.unwrap_or_else(|| at.to_zoned(zone).date());
    record.today = Some(day);
    if matches!(cause, Cause::Undo(_)) {
        record.step(Step::Stage)?;
    }
    record.cause = cause;
    if storage.table.begin(&record).await? == Wrote::AlreadyThere {
        let existing = storage.table.run(&target.district, &target.run).await?;
        return existing
            .ok_or_else(|| mirror::MirrorError::Missing { what: "a run's record" }.into());
    }
    Ok(record)
}
