//! The checks that undo and restore share: which earlier run they refer to, and whether it can
//! still be undone or restored (R-H4).

use std::collections::HashSet;

use mirror::MirrorError;
use mirror::ports::runs::{RunRecord, Runs};
use roster::id::{DistrictId, RunId};
use roster::run::{Cause, Command, RunState};
use roster::settings::DistrictStatus;

use crate::refusal::{Refusal, Stopped};

/// Checks that a command about an earlier run can be done. `record` is the run of the command.
pub(crate) async fn check(
    runs: &impl Runs,
    status: DistrictStatus,
    record: &RunRecord,
    command: &Command,
) -> Result<(), Stopped> {
    if !status.is_reversible() {
        return Err(Refusal::NotSynced.into());
    }
    let earlier = runs.run(&record.district, &command.of).await?.ok_or(Refusal::NoSuchRun)?;
    earlier.state.check_reversible(record.taken_at.duration_since(earlier.taken_at))?;
    Ok(())
}

/// The most runs of a district that are searched for an earlier undo: two a day for a year.
const SEARCHED: usize = 800;

/// Returns true if an undo of this run was applied, and that undo was not undone itself.
pub(crate) async fn is_undone(
    runs: &impl Runs,
    district: &DistrictId,
    of: &RunId,
) -> Result<bool, MirrorError> {
    let newest = runs.newest(district, SEARCHED).await?;
    Ok(undone(&newest).contains(of))
}

/// Returns the runs whose undo was applied. A run whose undo was undone itself is not among them:
/// its changes are in force again. `newest` has the newest run first.
pub(crate) fn undone(newest: &[RunRecord]) -> HashSet<&RunId> {
    let mut undone = HashSet::new();
    // Newest first: whether an undo was undone is known before the undo is reached.
    for run in newest.iter().filter(|run| run.state == RunState::Applied) {
        if let Cause::Undo(command) = &run.cause
            && !undone.contains(&run.run)
        {
            undone.insert(&command.of);
        }
    }
    undone
}
