//! The plan: what a run will change, computed before anything is written.
//!
//! Pass A (`facts`) reads each sequence once and keeps what crosses records, as hashes of ids: who
//! is one and the same (`survey`, `identity`, `relink`; guardians: `contacts`, `guardian_keys`),
//! who is in, which classes admit. Pass B merges snapshot and mirror kind by kind and makes each
//! record's next state from its own record, its own past and the facts (`places`, `people`,
//! `guardians`, `classes`), and tells which local edits live (`edits`). The guards (`guard`) look
//! at what comes out. Nothing here keeps records: a million students fit into small memory.

mod classes;
mod contacts;
mod edits;
mod facts;
mod gaps;
mod groups;
mod guard;
mod guardian_keys;
mod guardians;
mod hashes;
mod identity;
mod lists;
mod merge;
mod output;
mod people;
mod places;
mod relink;
mod shared_emails;
mod survey;

use roster::change::{Outcome, count_name};
use roster::contract::{PlanContext, PlanError, PlanInputs, PlanSink};
use roster::policy::KeepDemographics;
use roster::records::{Kind, RecordKind, Student, Teacher, kinds};
use roster::review::Review;

use crate::review::Fields;

/// Makes the plan that brings the mirror to the snapshot, as the policy says.
///
/// Pure and deterministic: the same inputs give the same changes and findings, in the same order.
/// Changes of a kind come in no order that means anything.
///
/// # Errors
/// What inputs and sink report, and sequences out of order. Nothing is decided then; what the sink
/// has got so far is to be thrown away.
pub fn plan<I: PlanInputs, S: PlanSink>(
    context: &PlanContext<'_>,
    inputs: &I,
    sink: &mut S,
) -> Result<Outcome, PlanError> {
    let mut gaps = gaps::Gaps::read::<I>(context.removals, inputs)?;
    let owners = edits::read::<I>(context, inputs, &mut gaps)?;
    let from = &merge::Reading { inputs, owners: &owners };
    let links = identity::Links::read::<I>(inputs)?;
    let mut facts = facts::Facts::gather::<I>(context, from, &gaps, &links)?;
    drop(links);
    let changed_links = std::mem::take(&mut facts.links);
    let mut output = output::Output::new(context, sink, Fields::new(inputs.sis_ids()));
    for finding in std::mem::take(&mut facts.findings) {
        output.finding(finding)?;
    }
    let mut shared = shared_emails::SharedEmails::default();
    for (tag, changed) in RecordKind::ALL.into_iter().zip(changed_links) {
        for (before, after) in changed {
            output.link(before, after)?;
        }
        match tag {
            RecordKind::School => places::<kinds::Schools, I, S>(from, &facts, &gaps, &mut output)?,
            RecordKind::Term => places::<kinds::Terms, I, S>(from, &facts, &gaps, &mut output)?,
            RecordKind::Course => places::<kinds::Courses, I, S>(from, &facts, &gaps, &mut output)?,
            RecordKind::Teacher => {
                let mut teachers =
                    people::Teachers { facts: &facts, gaps: &gaps, shared: &mut shared };
                let left_out = |source: &Teacher| survey::leaves_out(context, source.by_enrollment);
                merge::by_key::<kinds::Teachers, I>(
                    from,
                    &facts.teachers.aliases,
                    left_out,
                    |entry| teachers.visit(&mut output, entry),
                )?;
            }
            RecordKind::Student => {
                let mut students =
                    people::Students { facts: &facts, gaps: &gaps, shared: &mut shared };
                let left_out = |source: &Student| survey::leaves_out(context, source.by_enrollment);
                merge::by_key::<kinds::Students, I>(
                    from,
                    &facts.students.aliases,
                    left_out,
                    |entry| students.visit(&mut output, entry),
                )?;
            }
            RecordKind::Guardian => {
                let owners = &owners[RecordKind::Guardian as usize];
                let mut guardians = guardians::Guardians {
                    facts: &facts,
                    gaps: &gaps,
                    shared: &mut shared,
                    owners,
                };
                merge::by_key::<kinds::Guardians, I>(
                    from,
                    &facts.guardians.aliases,
                    |_| false,
                    |entry| guardians.visit(&mut output, entry),
                )?;
            }
            RecordKind::Class => {
                let beside = edits::EditsByRecord::of_kind::<I>(RecordKind::Class, inputs)?;
                let mut classes = classes::Classes::new(&facts, &gaps, beside);
                merge::side_by_side::<kinds::Classes, I>(from, |at| {
                    let (source, item) = at.parts();
                    classes.visit(&mut output, source, item)
                })?;
            }
        }
        edits::of_people(tag, inputs, &facts, &gaps, &mut output)?;
    }
    shared.report(&mut output)?;
    let (changes, erased) = (output.changes, output.erased);
    let fields = output.fields.shares(context.policy.demographics == KeepDemographics::Ignore);
    let (counts, holds, schools) = output.tally.close(context.policy, &gaps);
    let unreadable =
        RecordKind::ALL.into_iter().map(|tag| (count_name(tag).to_owned(), gaps.count(tag)));
    let unreadable = unreadable.filter(|(_, count)| *count > 0).collect();
    let review = Review { fields, schools, unreadable };
    Ok(Outcome { counts, changes, erased, holds, review })
}

fn places<K, I: PlanInputs, S: PlanSink>(
    from: &merge::Reading<'_, I>,
    facts: &facts::Facts,
    gaps: &gaps::Gaps,
    output: &mut output::Output<'_, S>,
) -> Result<(), PlanError>
where
    K: Kind<State = <K as Kind>::Source>,
{
    merge::side_by_side::<K, I>(from, |at| {
        let (source, item) = at.parts();
        places::visit::<K, S>(facts, gaps, output, source, item)
    })
}
