//! The record of a run, and the few ways to change it.

use std::future::Future;

use jiff::{Timestamp, civil::Date};
use roster::id::{DistrictId, RunId};
use roster::run::{Cause, Decided, NotAllowed, RunState, Step};
use roster::snapshot::Upload;
use serde::{Deserialize, Serialize};

use crate::MirrorError;
use crate::ports::districts::{Changed, Wrote};

/// All that is kept of a run beside its objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The district.
    pub district: DistrictId,
    /// The run.
    pub run: RunId,
    /// What made it.
    #[serde(default, skip_serializing_if = "Cause::is_source")]
    pub cause: Cause,
    /// Where it stands. Changed by [`RunRecord::step`] alone.
    pub state: RunState,
    /// When its source was complete: an upload's time. A snapshot that folds later uploads in
    /// speaks for a later moment.
    pub taken_at: Timestamp,
    /// The day for which dates are read, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<Date>,
    /// What was uploaded, for sources that are files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Upload>,
    /// Who imports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importer: Option<Importer>,
    /// The plan, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRef>,
    /// What a person decided about it (R-H2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// The request by which that came ([`crate::ops::requests`]): its event may come again, when the run
    /// waits for another decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_in: Option<RunId>,
    /// How far the plan is written: so many of its changes, in its order.
    #[serde(default)]
    pub cursor: u64,
    /// How often it went on in a new invocation.
    #[serde(default)]
    pub continued: u32,
    /// Mirror items written so far.
    #[serde(default)]
    pub item_writes: u64,
    /// Changes of the plan that were left out, since somebody had changed the edit or the manual
    /// record after the plan saw it (invariant 12).
    #[serde(default)]
    pub edits_kept: u64,
    /// Read units consumed so far.
    #[serde(default)]
    pub read_units: f64,
    /// Write units consumed so far.
    #[serde(default)]
    pub write_units: f64,
    /// Seconds spent on planning, all tries.
    #[serde(default)]
    pub plan_seconds: f64,
    /// Seconds spent on writing, all invocations.
    #[serde(default)]
    pub apply_seconds: f64,
    /// The fencing token of whoever works on it: an older one cannot save it.
    #[serde(default)]
    pub token: u64,
    /// Grows with every save: a save over a record that somebody else has saved meanwhile is
    /// refused.
    #[serde(default)]
    pub revision: u64,
}

/// The invocation that reads the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Importer {
    /// The invocation.
    pub owner: String,
    /// From then on, somebody else may begin again.
    pub until: Timestamp,
}

/// A plan that was written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRef {
    /// How many changes it has.
    pub changes: u64,
    /// The version of the mirror that it was made against.
    pub against: u64,
    /// False for a plan of additions and changes only (R-H2).
    pub removals: bool,
}

impl RunRecord {
    /// A run that begins to read its source.
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
            decided: None,
            decided_in: None,
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

    /// Takes a step, if the rules allow it from here.
    pub fn step(&mut self, step: Step) -> Result<(), NotAllowed> {
        self.state = self.state.after(step)?;
        Ok(())
    }
}

/// Keeping runs.
pub trait Runs: Clone + Send + Sync + 'static {
    /// A run, or none.
    fn run(
        &self,
        district: &DistrictId,
        run: &RunId,
    ) -> impl Future<Output = Result<Option<RunRecord>, MirrorError>> + Send;
    /// The newest runs of a district, the newest first.
    fn newest(
        &self,
        district: &DistrictId,
        at_most: usize,
    ) -> impl Future<Output = Result<Vec<RunRecord>, MirrorError>> + Send;
    /// Puts a run that is not there yet.
    fn begin(&self, record: &RunRecord) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
    /// Replaces the record, provided that it is still the one that was read (its revision) and that
    /// no younger lease wrote it (its token). On success the record's revision is the new one.
    fn save(
        &self,
        record: &mut RunRecord,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
}
