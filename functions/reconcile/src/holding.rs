//! Holding a plan until a person decides (R-H1, R-H2), and the run of the part of a plan that waits
//! (R-H5).

use jiff::SignedDuration;
use mirror::MirrorError;
use mirror::eventbridge::event::Event;
use mirror::files::plan::StoredPlan;
use mirror::keys;
use mirror::ports::runs::{RunRecord, Runs as _};
use roster::id::{RunId, hash64};
use roster::outcome::{Guard, Hold};
use roster::run::Step;
use roster::snapshot::Manifest;
use tracing::{info, warn};

use crate::session::Session;
use crate::{ReconcileFailure, RunOutcome, Services};

/// The kind of a hold that concerns the whole district, not one kind of record.
const DISTRICT: &str = "district";

fn of_district(guard: Guard, what: String, changes: u64) -> Hold {
    let (count, of) = (changes, changes);
    Hold { guard, kind: DISTRICT.into(), school: None, class: None, what, count, of }
}

/// Returns the hold of the first run of a district, and of the first run after its sync was
/// switched on again: it is always reviewed (R-O2, R-O5).
pub(crate) fn review(changes: u64) -> Hold {
    let what = format!(
        "the first run after the sync is switched on must be reviewed: \
         it would make {changes} changes"
    );
    of_district(Guard::Review, what, changes)
}

/// Returns the hold of an approved run whose plan is not the one that was shown (R-H2).
pub(crate) fn outdated(changes: u64) -> Hold {
    let what =
        format!("the plan has changed since it was shown: it would now make {changes} changes");
    of_district(Guard::Outdated, what, changes)
}

impl<S: Services> Session<'_, S> {
    pub(crate) async fn hold(
        &mut self,
        mut record: RunRecord,
        manifest: &Manifest,
        stored: &StoredPlan,
    ) -> Result<RunOutcome, ReconcileFailure> {
        record.step(Step::Hold)?;
        record.decided = None;
        self.write_report(&record, manifest, stored).await?;
        self.storage.notifications.send(self.waiting_event(&record, stored)).await;
        self.save(&mut record).await?;
        warn!(
            district = %record.district, run = %record.run, holds = stored.outcome.holds.len(),
            "the run is held and waits for a decision"
        );
        self.count(&record, "held", &[("Runs", 1.0), ("PlanSeconds", record.plan_seconds)]);
        Ok(RunOutcome::Held)
    }

    /// Returns the notification about a run that waits for a decision. A run that is planned again
    /// with another plan is notified again.
    fn waiting_event(&self, record: &RunRecord, stored: &StoredPlan) -> Event {
        let (holds, counts) = (stored.outcome.holds.as_slice(), &stored.outcome.counts);
        let review = holds.iter().any(|hold| hold.guard == Guard::Review);
        let plan = record.plan.as_ref().map(|plan| format!("{}-{}", plan.against, plan.hash));
        Event::run_waits(
            self.storage.clock.now(),
            (&record.district, &record.run),
            review,
            (holds, counts),
            &plan.unwrap_or_default(),
        )
    }

    /// Creates the run of the part that waits, if there is one, and names it on the record. The
    /// caller saves the record. A retry computes the same id and finds the same run.
    pub(crate) async fn begin_remainder(
        &mut self,
        record: &mut RunRecord,
        stored: &StoredPlan,
    ) -> Result<(), ReconcileFailure> {
        if stored.outcome.waits.is_empty() {
            return Ok(());
        }
        let id = remainder_id(&record.run);
        let mut remainder = record.remainder(id.clone());
        remainder.step(Step::Stage)?;
        self.storage.table.begin(&remainder).await?;
        info!(district = %record.district, run = %record.run, remainder = %id, "a part waits");
        record.remainder = Some(id.clone());
        self.remainder = Some(id);
        Ok(())
    }
}

/// Returns the id of the run of the part of a run that waits: right after the run, in the order of
/// ids, which is that of time.
fn remainder_id(run: &RunId) -> RunId {
    let after = keys::time_of(run).map(|at| at + SignedDuration::from_millis(1));
    keys::ulid(after.unwrap_or_default(), u128::from(hash64(run.as_str())))
}

/// Returns the run that continues the work of an event: the part that waits of a run that has ended,
/// if a crash came before it was planned, otherwise the run itself.
pub(crate) async fn unfinished<R: mirror::ports::runs::Runs>(
    runs: &R,
    record: RunRecord,
) -> Result<RunRecord, MirrorError> {
    match &record.remainder {
        Some(remainder) if record.state.is_final() => {
            Ok(runs.run(&record.district, remainder).await?.unwrap_or(record))
        }
        _ => Ok(record),
    }
}
