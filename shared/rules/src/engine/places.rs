//! Pass B over schools, terms and courses: no people in them, and nothing to wait for.

use super::facts::Facts;
use super::gaps::Gaps;
use super::guard::Became;
use super::output::{Output, Why};
use roster::contract::{PlanError, PlanSink};
use roster::finding::sync;
use roster::records::{Kind, Mirrored, MirroredBox, Origin, RecordKind, SourceBox, Status};
use roster::rule::Rule;

/// The next state of one record whose state is the source's record.
pub(super) fn visit<K, S>(
    facts: &Facts,
    gaps: &Gaps,
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
            let run = output.context.run.clone();
            let id = K::id(&source).clone();
            let after = Mirrored {
                key: id.clone(),
                id,
                account: None,
                status: Status::Active,
                origin: Origin::Source,
                state: *source,
                first_seen: run.clone(),
                changed_by: run,
                archived_on: None,
            };
            output.add::<K>(after, why)
        }
        (Some(source), Some(item)) => {
            let same = item.state == *source;
            let mut why = Why::default();
            if item.status == Status::Active {
                output.tally.was_active(
                    K::KIND,
                    &[],
                    if same { Became::Same } else { Became::Changed },
                );
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
        (None, Some(item)) if item.status == Status::Active => {
            let unread = gaps.keeps_all(K::KIND) || gaps.has(K::KIND, item.id.hash64());
            // R-A6: what the source still refers to is not gone, though its own row is missing.
            let dangling =
                K::KIND == RecordKind::School && facts.schools.contains(&item.key.hash64());
            if unread || dangling {
                output.tally.was_active(K::KIND, &[], Became::Same);
                if dangling && !unread {
                    let what = format!(
                        "school {} is missing from the source, but classes or people refer to it",
                        item.id.as_str()
                    );
                    output.find::<K>(&sync::SCHOOL_DANGLING, Rule::A6, &item.id, what)?;
                }
                return Ok(());
            }
            output.tally.was_active(K::KIND, &[], Became::Removed);
            let mut why = Why::default();
            let rule = if K::KIND == RecordKind::School { Rule::A6 } else { Rule::M1 };
            why.add(rule, "no longer in the source");
            let mut after = item.clone();
            super::people::archive(&mut after, output.context.today);
            output.settle(item, *after, why)?;
            Ok(())
        }
        (None, _) => Ok(()),
    }
}
