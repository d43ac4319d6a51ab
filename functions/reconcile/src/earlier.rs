//! The checks that undo and restore share: which earlier run they refer to, and whether it can
//! still be undone or restored (R-H4).

use mirror::ports::runs::{RunRecord, Runs};
use roster::run::Command;
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
