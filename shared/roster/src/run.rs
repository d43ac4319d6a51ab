//! The life of a run, as states and the steps between them (R-H2). Who stores a run asks here
//! whether a step is allowed.

use serde::{Deserialize, Serialize};

use crate::id::RunId;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The source is being read.
    Importing,
    /// The source could not be trusted: nothing was planned (R-H3).
    Refused,
    /// The snapshot is complete.
    Staged,
    /// A plan is being made.
    Planning,
    /// The plan waits for a person (R-H1).
    Held,
    /// The plan is being written to the mirror.
    Applying,
    /// The mirror equals what the plan said.
    Applied,
    /// The plan was empty.
    Unchanged,
    /// A person said no (R-H2).
    Rejected,
    /// A newer snapshot took its place before anything was written (R-M6, R-H2).
    Replaced,
}

/// What happens to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The source was read whole.
    Stage,
    /// The source could not be trusted.
    Refuse,
    /// Planning begins, or begins again after a crash.
    Plan,
    /// The guards stopped it.
    Hold,
    /// There is nothing to write.
    FindNothing,
    /// Writing begins, or goes on after a crash.
    Apply,
    /// All is written.
    Finish,
    /// A person approved it, in full or additions and changes only.
    Approve,
    /// A person rejected it.
    Reject,
    /// A newer snapshot took its place.
    Replace,
}

/// A step that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run in the state {from:?} does not allow the step {step:?}")]
pub struct NotAllowed {
    /// Where the run stands.
    pub from: RunState,
    /// What was asked.
    pub step: Step,
}

impl RunState {
    /// The state after a step, or why there is none.
    ///
    /// A held run can only be approved, rejected or replaced: no event that comes late can start
    /// it. An approved run goes through planning again, which applies the plan as it was if the
    /// mirror is still what it was planned against (R-H2).
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

    /// Whether nothing more can happen to it.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::Applied | Self::Unchanged | Self::Rejected | Self::Replaced
        )
    }
}

/// What a person decided about a held run (R-H2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// All of it.
    Approve,
    /// Additions and changes, no removals.
    ApproveAdditions,
    /// None of it.
    Reject,
}

/// A decision on record: by whom and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// Who: the name under which the operator signs in.
    pub by: String,
    /// Why, in the operator's words.
    pub reason: String,
}

/// What makes a run.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The source said something.
    #[default]
    Source,
    /// A person takes an earlier run back (R-H4).
    Undo(Command),
    /// A person goes back to an earlier snapshot (R-H4).
    Restore(Command),
}

/// What a person wants done about an earlier run, on record: by whom and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The earlier run.
    pub of: RunId,
    /// Who: the name under which the operator signs in.
    pub by: String,
    /// Why, in the operator's words.
    pub reason: String,
}

impl Cause {
    /// Whether it is the source, as it is on every night.
    pub fn is_source(&self) -> bool {
        *self == Self::Source
    }
}
