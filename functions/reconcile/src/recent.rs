//! What the runs of the last days have removed, for the guard against removals that add up (R-H1,
//! guard 7).

use jiff::SignedDuration;
use mirror::files::plan;
use mirror::ports::runs::{RunRecord, Runs};
use roster::outcome::RecentRemovals;
use roster::run::{Cause, RunState};

use crate::{ReconcileFailure, Services, Storage, earlier};

/// How far back removals add up.
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Most runs of a week: a nightly pull, an hourly pull of changes, and some uploads a day.
const MOST_RUNS: usize = 300;

/// Returns what the runs of the 7 days before `record` have removed. Runs that a person approved,
/// and runs that were undone, do not count.
pub(crate) async fn removals<S: Services>(
    storage: &Storage<S>,
    record: &RunRecord,
) -> Result<RecentRemovals, ReconcileFailure> {
    let runs = storage.table.newest(&record.district, MOST_RUNS).await?;
    let undone = earlier::undone(&runs);
    let counts = |run: &&RunRecord| {
        run.run != record.run
            && run.state == RunState::Applied
            && run.removed > 0
            && run.decided.is_none()
            && !matches!(run.cause, Cause::Undo(_))
            && !undone.contains(&run.run)
            && run.taken_at <= record.taken_at
            && record.taken_at.duration_since(run.taken_at) <= WINDOW
    };
    let mut recent = RecentRemovals::default();
    for run in runs.iter().filter(counts) {
        if let Some(plan) = plan::read_plan(&storage.internal, &run.district, &run.run).await? {
            recent.add(&plan.outcome.counts, &plan.outcome.review);
        }
    }
    Ok(recent)
}
