//! The outcome of a run, and the summary that counts outcomes.

use serde::{Deserialize, Serialize};

/// Defines [`RunOutcome`] and [`Summary`] from one list, so that each outcome has its counter.
macro_rules! outcomes {
    ($($(#[$doc:meta])* $outcome:ident: $field:ident,)*) => {
        /// The outcome of one run or of one record of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum RunOutcome {
            $($(#[$doc])* $outcome,)*
        }

        /// The number of runs and records of an event by outcome: the answer of the function.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Summary {
            $($(#[$doc])* pub $field: u32,)*
        }

        impl Summary {
            /// Adds one outcome.
            pub(crate) fn count(&mut self, outcome: RunOutcome) {
                match outcome {
                    $(RunOutcome::$outcome => self.$field += 1,)*
                }
            }
        }
    };
}

outcomes! {
    /// The plan is written.
    Applied: applied,
    /// The plan was empty.
    Unchanged: unchanged,
    /// The run waits for a decision.
    Held: held,
    /// A requested undo or restore cannot be done.
    Refused: refused,
    /// An operator rejected the run.
    Rejected: rejected,
    /// A newer snapshot superseded the run.
    Replaced: replaced,
    /// A further invocation continues the run.
    Continued: continued,
    /// The run waits for another run of the district, or for the district to be live.
    Waiting: waiting,
    /// The event is late or was delivered again, and changed nothing.
    Repeated: repeated,
    /// The event is unknown, or names a run or district that does not exist.
    Skipped: skipped,
}
