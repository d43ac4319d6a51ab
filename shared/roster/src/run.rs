//! The states of a run and the steps between them (R-H2), and how long a run can be undone or its
//! snapshot restored (R-H4).

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::id::RunId;

/// How long after its snapshot was taken a run can be undone and its snapshot restored (R-H4).
///
/// The bucket must keep snapshots and plans for as long: the lifecycle rules of `snapshots/` and
/// `runs/` in `template.yaml` expire after the same number of days. The test
/// `retention_matches_the_template` compares them.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The source is being read.
    Importing,
    /// Nothing was planned: the source could not be trusted, or a request was refused (R-H3, R-H4).
    Refused,
    /// The snapshot is complete.
    Staged,
    /// A plan is being made.
    Planning,
    /// The plan waits for a decision (R-H1).
    Held,
    /// The plan is being written to the mirror.
    Applying,
    /// All changes of the plan are written.
    Applied,
    /// The plan was empty.
    Unchanged,
    /// An operator rejected the plan (R-H2).
    Rejected,
    /// A newer snapshot superseded it before anything was written (R-M6, R-H2).
    Replaced,
}

/// A transition between two states of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The source was read completely.
    Stage,
    /// The source cannot be trusted, or the request cannot be done.
    Refuse,
    /// Planning starts, or starts again after a crash.
    Plan,
    /// A guard held the plan.
    Hold,
    /// The plan is empty.
    FindNothing,
    /// Writing starts, or continues after a crash.
    Apply,
    /// All changes are written.
    Finish,
    /// An operator approved it, in full or without removals.
    Approve,
    /// An operator rejected it.
    Reject,
    /// A newer snapshot superseded it.
    Replace,
}

/// A step that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run in the state {from:?} does not allow the step {step:?}")]
pub struct NotAllowed {
    /// The state of the run.
    pub from: RunState,
    /// The requested step.
    pub step: Step,
}

impl RunState {
    /// Returns the state after a step, or an error if the state does not allow the step.
    ///
    /// A held run can only be approved, rejected or replaced, so a late event cannot start it. An
    /// approved run is planned again; the stored plan is applied unchanged if the mirror still has
    /// the version that it was planned against (R-H2).
    pub fn after(self, step: Step) -> Result<RunState, NotAllowed> {
        use RunState::*;
        Ok(match (self, step) {
            (Importing, Step::Stage) => Staged,
            (Importing, Step::Refuse) => Refused,
            (Staged | Planning, Step::Plan) => Planning,
            (Staged | Planning, Step::Refuse) => Refused,
            (Planning, Step::Hold) => Held,
            (Planning, Step::FindNothing) => Unchanged,
            (Planning | Applying, Step::Apply) => Applying,
            (Applying, Step::Finish) => Applied,
            (Held, Step::Approve) => Planning,
            (Held, Step::Reject) => Rejected,
            (Importing | Staged | Planning | Held, Step::Replace) => Replaced,
            (from, step) => return Err(NotAllowed { from, step }),
        })
    }

    /// Returns true if no further step is possible.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::Applied | Self::Unchanged | Self::Rejected | Self::Replaced
        )
    }

    /// Checks that a run in this state can be undone, or its snapshot restored (R-H4). `age` is the
    /// time since the snapshot of the run was taken.
    ///
    /// An unchanged run is accepted: its snapshot can be restored, and undoing it changes nothing.
    pub fn check_reversible(self, age: SignedDuration) -> Result<(), NotReversible> {
        if !matches!(self, Self::Applied | Self::Unchanged) {
            return Err(NotReversible::NotApplied);
        }
        if age > RETENTION {
            return Err(NotReversible::TooOld);
        }
        Ok(())
    }
}

/// Why a run can be neither undone nor restored (R-H4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReversible {
    /// The run did not end as applied or unchanged.
    #[error("it was not applied")]
    NotApplied,
    /// The run is older than [`RETENTION`].
    #[error("it is more than 365 days old")]
    TooOld,
}

/// What an operator decided about a held run (R-H2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Write the whole plan.
    Approve,
    /// Write additions and changes, but no removals.
    ApproveAdditions,
    /// Write nothing.
    Reject,
}

/// A recorded decision, with its author and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// The name under which the operator signs in.
    pub by: String,
    /// The reason, in the operator's words.
    pub reason: String,
}

/// What started a run.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// New data of the source.
    #[default]
    Source,
    /// An operator undoes an earlier run (R-H4).
    Undo(Command),
    /// An operator restores the snapshot of an earlier run (R-H4).
    Restore(Command),
    /// The part of an earlier run that waited for a decision (R-H5). It has the snapshot of that
    /// run.
    Remainder(Remainder),
}

/// Names the run of which a part waited for a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remainder {
    /// The run that applied the other part.
    pub of: RunId,
}

/// A recorded undo or restore of an earlier run, with its author and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The earlier run.
    pub of: RunId,
    /// The name under which the operator signs in.
    pub by: String,
    /// The reason, in the operator's words.
    pub reason: String,
}

impl Cause {
    /// Returns true if new data of the source started the run.
    pub fn is_source(&self) -> bool {
        *self == Self::Source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_matches_the_template() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
        let template = std::fs::read_to_string(path).unwrap();
        let days = RETENTION.as_hours() / 24;
        for prefix in ["snapshots/", "runs/"] {
            let rule = template.split_once(&format!("Prefix: {prefix}\n")).unwrap().1;
            let expiration = rule.trim_start().lines().next().unwrap();
            assert_eq!(expiration, format!("ExpirationInDays: {days}"), "{prefix}");
        }
        assert!(NotReversible::TooOld.to_string().contains(&format!("{days} days")));
    }

    #[test]
    fn r_h4_only_an_applied_or_unchanged_run_of_the_last_365_days_is_reversible() {
        let second = SignedDuration::from_secs(1);
        for state in [RunState::Applied, RunState::Unchanged] {
            assert_eq!(state.check_reversible(RETENTION), Ok(()));
            assert_eq!(state.check_reversible(RETENTION + second), Err(NotReversible::TooOld));
        }
        for state in [RunState::Held, RunState::Applying, RunState::Refused, RunState::Replaced] {
            assert_eq!(state.check_reversible(second), Err(NotReversible::NotApplied));
        }
    }
}
