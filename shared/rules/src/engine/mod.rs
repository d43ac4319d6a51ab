//! The planner: computes what a run will change, before anything is written.
//!
//! The index pass (`index`) reads each sequence once and gathers the facts that cross records
//! (`facts`), as hashes of ids: which account a record is, who is active, which classes admit
//! students. The decide pass (`decide`) merges snapshot and mirror kind by kind and decides each
//! record's next state from its own record, its own past and the facts; `edits` decides which local
//! edits are kept. The rules themselves are in [`crate::book`]. The guards (`guard`) check the
//! result. No pass keeps records in memory, so that a district of a million students can be planned
//! in a small process.

mod administrators;
mod aliases;
mod decide;
mod edits;
mod facts;
mod graduates;
mod guard;
mod hashes;
mod index;
mod lists;
mod merge;
mod narrow;
mod output;
mod protected;
mod withheld;

pub use narrow::plan_narrowly;

use roster::contract::{PlanContext, PlanError, PlanInputs, PlanSink};
use roster::outcome::{Outcome, count_name};
use roster::records::RecordKind;
use roster::review::Review;

use crate::review::Fields;

/// Makes the plan that brings the mirror to the snapshot, as the policy says.
///
/// Pure and deterministic: the same inputs give the same changes and findings, in the same order.
/// The order of the changes of one kind has no meaning.
///
/// # Errors
/// Returns the errors of the inputs and the sink, and an error for sequences that are not in table
/// order. The caller must discard what the sink has received.
pub fn plan<I: PlanInputs, S: PlanSink>(
    context: &PlanContext<'_>,
    inputs: &I,
    sink: &mut S,
) -> Result<Outcome, PlanError> {
    let mut protected = protected::Protected::read::<I>(context.withheld, inputs)?;
    let owners = edits::read::<I>(context, inputs, &mut protected)?;
    let from = &merge::Reading { inputs, owners: &owners, withheld: protected.withheld() };
    let mut administrators = administrators::Administrators::read::<I>(inputs)?;
    let links = aliases::Links::read::<I>(inputs, &administrators)?;
    administrators.teachers = links[RecordKind::Teacher as usize].administrators();
    let index = index::build::<I>(context, from, &protected, &links, administrators)?;
    drop(links);
    let mut output = output::Output::new(context, sink, Fields::new(inputs.sis_ids()));
    for finding in index.findings {
        output.finding(finding)?;
    }
    let facts = &index.facts;
    let deciding = decide::Deciding { from, owners: &owners, protected: &protected, facts };
    let mut shared = decide::SharedEmails::default();
    for (kind, changed) in RecordKind::ALL.into_iter().zip(index.links) {
        for (before, after) in changed {
            output.link(before, after)?;
        }
        deciding.records(kind, &mut output, &mut shared)?;
        edits::of_people(kind, inputs, facts, &protected, &mut output)?;
    }
    shared.report(&mut output)?;
    Ok(outcome(context, output, &protected))
}

/// Closes the counts and applies the guards (R-H1).
fn outcome<S: PlanSink>(
    context: &PlanContext<'_>,
    output: output::Output<'_, S>,
    protected: &protected::Protected,
) -> Outcome {
    let (changes, erased) = (output.changes, output.erased);
    let fields = output.fields.shares(!context.policy.stores_demographics());
    let guard::Closed { counts, effects, holds, schools, still_named } =
        output.tally.close(context, protected);
    let unreadable = RecordKind::ALL
        .into_iter()
        .map(|kind| (count_name(kind).to_owned(), protected.count(kind)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let left_out = protected.left_out();
    let review = Review { fields, schools, unreadable, left_out, still_named };
    Outcome { counts, changes, erased, effects, holds, waits: Vec::new(), review }
}
