//! What a person decides about a held run (R-H2).

use mirror::MirrorError;
use mirror::clock::Invocation;
use mirror::files::report;
use mirror::ports::districts::Changed;
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::RunRecord;
use roster::district;
use roster::id::RunId;
use roster::run::{Decided, Decision, RunState, Step};
use tracing::{info, warn};

use crate::{Config, Ended, Named, Objects, ReconcileFailure, Storage, Summary, Table, session};

/// Puts a decision on record, and goes on with an approved run. A decision about a run that no
/// longer waits changes nothing.
///
/// `request` is the request by which it came, if it came by one: its event may come again when the
/// run waits once more, for a decision about another plan.
pub(crate) async fn decide<T: Table, O: Objects, L: OneTimeSchedules>(
    config: &Config,
    storage: &Storage<T, O, L>,
    invocation: &Invocation,
    named: &Named,
    decided: Decided,
    request: Option<&RunId>,
    summary: &mut Summary,
) -> Result<(), ReconcileFailure> {
    let Some(mut record) = storage.table.run(&named.district, &named.run).await? else {
        warn!(district = %named.district, run = %named.run, "there is no such run");
        summary.count(Ended::Skipped);
        return Ok(());
    };
    let rejects = decided.decision == Decision::Reject;
    let is_old = request
        .is_some_and(|request| record.decided_in.as_ref().is_some_and(|last| request <= last));
    if record.state == RunState::Held && is_old {
        info!(district = %named.district, run = %named.run, "the decision refers to an earlier plan");
        summary.count(Ended::Repeated);
        return Ok(());
    }
    if record.state == RunState::Held {
        record.step(if rejects { Step::Reject } else { Step::Approve })?;
        record.decided = Some(decided.clone());
        record.decided_in = request.cloned().or(record.decided_in);
        if storage.table.save(&mut record).await? == Changed::No {
            // A newer snapshot has just replaced it, or the same decision came twice at once.
            summary.count(Ended::Repeated);
            return Ok(());
        }
        info!(district = %named.district, run = %named.run, decision = ?decided.decision, "decided");
    } else if record.decided.as_ref() != Some(&decided) {
        info!(district = %named.district, run = %named.run, state = ?record.state, "the run does not wait for a decision");
        summary.count(Ended::Repeated);
        return Ok(());
    }
    if rejects {
        tell(storage, &record).await?;
        summary.count(Ended::Rejected);
        return Ok(());
    }
    go_live(storage, named).await?;
    session::run(config, storage, invocation, named, summary).await
}

/// How often settings are read again because somebody has changed them meanwhile.
const TRIES: u32 = 5;

/// Approving the run of a district in review makes the district live (R-O2, R-O5). Done again after
/// a crash, for the decision is on record by then.
async fn go_live<T: Table, O: Objects, L: OneTimeSchedules>(
    storage: &Storage<T, O, L>,
    named: &Named,
) -> Result<(), ReconcileFailure> {
    for _ in 0..TRIES {
        let Some(seen) = storage.table.configured(&named.district).await? else { return Ok(()) };
        // Where nothing is reviewed there is nothing to do.
        let Ok(live) = seen.status.after(district::Step::Approve) else { return Ok(()) };
        let changed =
            storage.table.reconfigure(&named.district, &seen, &seen.settings, live).await?;
        if changed == Changed::Yes {
            info!(district = %named.district, "the district is live");
            return Ok(());
        }
    }
    Err(MirrorError::OutOfTime { doing: "make the district live" }.into())
}

/// Says in the report what was decided. The record says it already: a crash in between is made good
/// by the retry.
async fn tell<T: Table, O: Objects, L: OneTimeSchedules>(
    storage: &Storage<T, O, L>,
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
