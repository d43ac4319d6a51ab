//! Decide pass over schools, terms and courses: records whose state is the source's record.

use super::record::{archive, new_record};
use crate::book::absence;
use crate::engine::facts::Facts;
use crate::engine::guard::Became;
use crate::engine::output::{Output, Why};
use crate::engine::protected::Protected;
use roster::contract::{PlanError, PlanSink};
use roster::finding::sync;
use roster::records::{Kind, MirroredBox, Origin, RecordKind, SourceBox, Status};
use roster::rule::Rule;

/// Decides the next state of one record.
pub(super) fn visit<K, S>(
    facts: &Facts,
    protected: &Protected,
    output: &mut Output<'_, S>,
    source: Option<SourceBox<K>>,
    item: Option<MirroredBox<K>>,
) -> Result<(), PlanError>
where
    K: Kind<State = <K as Kind>::Source>,
    S: PlanSink,
{
    if source.is_some() {
        output.tally.in_source(K::KIND, &[]);
    }
    match (source, item) {
        (_, Some(item)) if item.origin == Origin::Manual => Ok(()),
        (Some(source), None) => {
            let mut why = Why::default();
            why.add(Rule::M1, format!("the source has this {}", K::KIND));
            let (id, run) = (K::id(&source).clone(), output.context.run.clone());
            output.add::<K>(new_record(id.clone(), id, None, *source, run), why)
        }
        (Some(source), Some(item)) => present::<K, S>(output, source, item),
        (None, Some(item)) if item.status == Status::Active => {
            absent::<K, S>(facts, protected, output, item)
        }
        (None, _) => Ok(()),
    }
}

fn present<K, S>(
    output: &mut Output<'_, S>,
    source: SourceBox<K>,
    item: MirroredBox<K>,
) -> Result<(), PlanError>
where
    K: Kind<State = <K as Kind>::Source>,
    S: PlanSink,
{
    let same = item.state == *source;
    let mut why = Why::default();
    if item.status == Status::Active {
        let became = if same { Became::Same } else { Became::Changed };
        output.tally.was_active(K::KIND, &[], became, false);
    } else {
        why.add(Rule::A4, format!("the source has this {} again", K::KIND));
    }
    if same && item.status == Status::Active {
        return Ok(());
    }
    if !same {
        why.add(Rule::M1, "details");
    }
    let mut after = item.clone();
    after.id = K::id(&source).clone();
    after.state = *source;
    after.status = Status::Active;
    after.archived_on = None;
    output.settle(item, *after, why)?;
    Ok(())
}

fn absent<K: Kind, S: PlanSink>(
    facts: &Facts,
    protected: &Protected,
    output: &mut Output<'_, S>,
    item: MirroredBox<K>,
) -> Result<(), PlanError> {
    let unread = protected.keeps_all(K::KIND)
        || protected.is_unreadable(K::KIND, item.id.hash64())
        || protected.keeps(K::KIND, item.key.hash64());
    // The source still refers to the school, so it is not gone (readings, R-A6).
    let dangling = K::KIND == RecordKind::School && facts.schools.contains(&item.key.hash64());
    if unread || dangling {
        output.tally.was_active(K::KIND, &[], Became::Same, false);
        if dangling && !unread {
            let what = format!(
                "school {} is missing from the source, but classes or people refer to it",
                item.id.as_str()
            );
            output.find::<K>(&sync::SCHOOL_DANGLING, Rule::A6, &item.id, what)?;
        }
        return Ok(());
    }
    output.tally.was_active(K::KIND, &[], Became::Removed, false);
    if K::KIND == RecordKind::School {
        output.tally.missing_school(&item.id);
    }
    let mut why = Why::default();
    why.add(absence::place_leaves_by(K::KIND), "no longer in the source");
    let mut after = item.clone();
    archive(&mut after, output.context.today);
    output.settle(item, *after, why)?;
    Ok(())
}
