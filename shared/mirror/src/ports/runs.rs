//! Run records.

use std::future::Future;

use jiff::{Timestamp, civil::Date};
use roster::id::{DistrictId, RunId};
use roster::run::{Cause, Decided, NotAllowed, Remainder, RunState, Step};
use roster::snapshot::Upload;
use serde::{Deserialize, Serialize};

use crate::MirrorError;
use crate::ports::districts::{Changed, Wrote};

/// The record of a run. The snapshot, plan and report of a run are objects of the bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The district.
    pub district: DistrictId,
    /// The run.
    pub run: RunId,
    /// The cause of the run.
    #[serde(default, skip_serializing_if = "Cause::is_source")]
    pub cause: Cause,
    /// The state. Only [`RunRecord::step`] changes it.
    pub state: RunState,
    /// The time of its data, such as the time of the upload. The data of a snapshot that includes
    /// later uploads is newer.
    pub taken_at: Timestamp,
    /// The day that dates are evaluated for, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<Date>,
    /// The upload, for a source of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Upload>,
    /// The invocation that imports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importer: Option<Importer>,
    /// The plan, once it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRef>,
    /// The number of records, enrollments and relationships that the plan removes.
    #[serde(default)]
    pub removed: u64,
    /// The decision of an operator (R-H2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// The request object of the decision ([`crate::ops::requests`]). Its event may be delivered
    /// again while the run waits for another decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_in: Option<RunId>,
    /// The run of the part that waits for a decision (R-H5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remainder: Option<RunId>,
    /// The number of changes that are written, in the order of the plan.
    #[serde(default)]
    pub cursor: u64,
    /// How often a further invocation continued the run.
    #[serde(default)]
    pub continued: u32,
    /// The number of items written so far.
    #[serde(default)]
    pub item_writes: u64,
    /// The number of changes that were skipped because the edit or the manual record was changed
    /// after the plan was made (invariant 12).
    #[serde(default)]
    pub edits_kept: u64,
    /// The read units consumed so far.
    #[serde(default)]
    pub read_units: f64,
    /// The write units consumed so far.
    #[serde(default)]
    pub write_units: f64,
    /// Seconds of planning, over all attempts.
    #[serde(default)]
    pub plan_seconds: f64,
    /// Seconds of writing, over all invocations.
    #[serde(default)]
    pub apply_seconds: f64,
    /// The fencing token of the last lease that saved it. An older lease cannot save it.
    #[serde(default)]
    pub token: u64,
    /// Increases with every save. A save of an outdated record is rejected.
    #[serde(default)]
    pub revision: u64,
}

/// The invocation that reads the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Importer {
    /// The invocation.
    pub owner: String,
    /// When another invocation may start the import again.
    pub until: Timestamp,
}

/// A plan that is completely stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRef {
    /// The number of changes.
    pub changes: u64,
    /// The version of the mirror that the plan was made against.
    pub against: u64,
    /// The hash of the changes ([`roster::snapshot::Part::xxh3`]). A decision names it (R-H2).
    #[serde(default)]
    pub hash: String,
}

impl RunRecord {
    /// Returns a new run that starts to read its source.
    pub fn importing(district: DistrictId, run: RunId, taken_at: Timestamp) -> Self {
        Self {
            district,
            run,
            cause: Cause::Source,
            state: RunState::Importing,
            taken_at,
            today: None,
            upload: None,
            importer: None,
            plan: None,
            removed: 0,
            decided: None,
            decided_in: None,
            remainder: None,
            cursor: 0,
            continued: 0,
            item_writes: 0,
            edits_kept: 0,
            read_units: 0.0,
            write_units: 0.0,
            plan_seconds: 0.0,
            apply_seconds: 0.0,
            token: 0,
            revision: 0,
        }
    }

    /// Returns the run that applies the part of this run that waits for a decision (R-H5). The same
    /// run for every call.
    pub fn remainder(&self, id: RunId) -> Self {
        let cause = Cause::Remainder(Remainder { of: self.run.clone() });
        let new = Self::importing(self.district.clone(), id, self.taken_at);
        Self { cause, today: self.today, ..new }
    }

    /// Returns the run whose snapshot this run has.
    pub fn snapshot(&self) -> &RunId {
        match &self.cause {
            Cause::Remainder(remainder) => &remainder.of,
            Cause::Source | Cause::Undo(_) | Cause::Restore(_) => &self.run,
        }
    }

    /// Changes the state by a step.
    ///
    /// # Errors
    /// If the state does not allow the step.
    pub fn step(&mut self, step: Step) -> Result<(), NotAllowed> {
        self.state = self.state.after(step)?;
        Ok(())
    }
}

/// Stores run records.
pub trait Runs: Clone + Send + Sync + 'static {
    /// Returns a run, or `None` if it does not exist.
    fn run(
        &self,
        district: &DistrictId,
        run: &RunId,
    ) -> impl Future<Output = Result<Option<RunRecord>, MirrorError>> + Send;
    /// Returns the newest runs of a district, the newest first.
    fn newest(
        &self,
        district: &DistrictId,
        at_most: usize,
    ) -> impl Future<Output = Result<Vec<RunRecord>, MirrorError>> + Send;
    /// Stores a new run, unless it is already stored.
    fn begin(&self, record: &RunRecord) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
    /// Replaces the record if its revision is still the stored one and no newer lease saved it. On
    /// success, `record` has the new revision.
    fn save(
        &self,
        record: &mut RunRecord,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
}
