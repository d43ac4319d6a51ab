//! Plans what may be applied at once, and leaves out what must wait for a decision (R-H5).

use super::plan;
use crate::book::holds::{self, Waits};
use roster::contract::{PlanContext, PlanError, PlanInputs, PlanSink};
use roster::outcome::{Hold, Outcome};
use roster::withheld::Withheld;

/// Most plans for one run. A school that is left out can make the district's numbers smaller, so
/// that other schools trip a guard.
const MOST_PLANS: usize = 5;

/// Makes the plan of a run. If a guard trips in some schools or classes only, the plan leaves out
/// what must wait there, and [`Outcome::waits`] says why. If everything must wait, the plan is
/// complete, and [`Outcome::holds`] says why.
///
/// `sink` makes a sink for one attempt. The sinks of the other attempts are dropped unfinished.
///
/// # Errors
/// The same as those of [`plan`]. The caller must discard what the sinks have received.
pub fn plan_narrowly<I: PlanInputs, S: PlanSink>(
    context: &PlanContext<'_>,
    inputs: &I,
    mut sink: impl FnMut() -> S,
) -> Result<(Outcome, S), PlanError> {
    let mut attempt = |withheld: &Withheld| -> Result<(Outcome, S), PlanError> {
        let mut sink = sink();
        let outcome = plan(&PlanContext { withheld, ..context.clone() }, inputs, &mut sink)?;
        Ok((outcome, sink))
    };
    let complete = attempt(context.withheld)?;
    let mut waits: Vec<Hold> = complete.0.holds.clone();
    let mut next = holds::waits(context.policy, &waits, context.withheld);
    for _ in 1..MOST_PLANS {
        let withheld = match next {
            Waits::Scopes(withheld) => withheld,
            // Nothing waits: no guard has tripped.
            Waits::Nothing | Waits::Everything => break,
        };
        let (mut outcome, sink) = attempt(&withheld)?;
        next = holds::waits(context.policy, &outcome.holds, &withheld);
        match next {
            Waits::Nothing if outcome.changes > 0 => {
                outcome.waits = waits;
                return Ok((outcome, sink));
            }
            Waits::Nothing | Waits::Everything => break,
            Waits::Scopes(_) => {
                let new = outcome.holds.into_iter().filter(|hold| {
                    !waits.iter().any(|known| {
                        (known.guard, &known.kind, &known.school, &known.class)
                            == (hold.guard, &hold.kind, &hold.school, &hold.class)
                    })
                });
                let new: Vec<Hold> = new.collect();
                waits.extend(new);
            }
        }
    }
    Ok(complete)
}
