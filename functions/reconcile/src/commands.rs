//! What a person asks for in an object of the bucket: a decision (R-H2), an undo or a restore
//! (R-H4).

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mirror::clock::Invocation;
use mirror::eventbridge;
use mirror::keys;
use mirror::ops::requests::{self, Asked, Decide, Order, Request};
use mirror::ports::districts::{District, Wrote};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::RunRecord;
use roster::run::{Cause, RunState, Step};
use tracing::warn;

use crate::{
    Config, Ended, Named, Objects, ReconcileFailure, Storage, Summary, Table, decisions, restoring,
    session,
};

/// How far the clock of whoever puts a request may be ahead of ours. A snapshot restored for a
/// later day would keep the nights before that day out (R-M6).
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// Does what a request says. The request's id is the id of the run that comes of it, so that an
/// event that comes again finds the run that there is.
pub(crate) async fn asked<T: Table, O: Objects, L: OneTimeSchedules>(
    config: &Config,
    storage: &Storage<T, O, L>,
    invocation: &Invocation,
    named: &Named,
    summary: &mut Summary,
) -> Result<(), ReconcileFailure> {
    let at = keys::time_of(&named.run).filter(|at| *at <= storage.clock.now() + AHEAD);
    let request = match (requests::read(&storage.internal, &named.district, &named.run).await?, at)
    {
        (Asked::Request(request), Some(_)) => request,
        // Nobody can make anything of it however often the event comes: operators are told by the
        // count.
        _ => {
            warn!(district = %named.district, request = %named.run, "a request that cannot be read");
            let counts = [("UnreadableRequests", 1.0)];
            eventbridge::metrics(
                storage.clock.now(),
                "skipped",
                &named.district,
                &named.run,
                &counts,
            );
            summary.count(Ended::Skipped);
            return Ok(());
        }
    };
    let (order, cause) = match request {
        Request::Decide(Decide { run, decided }) => {
            let held = Named { district: named.district.clone(), run };
            return decisions::decide(
                config,
                storage,
                invocation,
                &held,
                decided,
                Some(&named.run),
                summary,
            )
            .await;
        }
        Request::Undo(order) => (order.clone(), Cause::Undo(order.command())),
        Request::Restore(order) => (order.clone(), Cause::Restore(order.command())),
    };
    let Some(district) = storage.table.district(&named.district).await? else {
        warn!(district = %named.district, request = %named.run, "a request for a district that does not exist");
        summary.count(Ended::Skipped);
        return Ok(());
    };
    let record = begin(storage, named, &district, &order, cause).await?;
    if !matches!(record.cause, Cause::Restore(_)) {
        return session::run(config, storage, invocation, named, summary).await;
    }
    if record.state == RunState::Importing {
        summary.count(restoring::stage(storage, record, &district).await?);
    } else {
        // The event of its manifest has taken it from there.
        summary.count(Ended::Repeated);
    }
    Ok(())
}

/// The run of a request, made if it is not there yet. An undo needs no snapshot and is staged at
/// once.
async fn begin<T: Table, O: Objects, L: OneTimeSchedules>(
    storage: &Storage<T, O, L>,
    named: &Named,
    district: &District,
    order: &Order,
    cause: Cause,
) -> Result<RunRecord, ReconcileFailure> {
    let at = keys::time_of(&named.run).unwrap_or_else(|| storage.clock.now());
    let mut record = RunRecord::importing(named.district.clone(), named.run.clone(), at);
    let zone = TimeZone::get(&district.settings.time_zone).unwrap_or(TimeZone::UTC);
    let day: Date = order.today.unwrap_or_else(|| at.to_zoned(zone).date());
    record.today = Some(day);
    if matches!(cause, Cause::Undo(_)) {
        record.step(Step::Stage)?;
    }
    record.cause = cause;
    if storage.table.begin(&record).await? == Wrote::AlreadyThere {
        let there = storage.table.run(&named.district, &named.run).await?;
        return there.ok_or_else(|| mirror::MirrorError::Missing { what: "a run's record" }.into());
    }
    Ok(record)
}
