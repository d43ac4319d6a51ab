//! Index pass over classes: the outcome of the run for each.

use super::input::Input;
use crate::book::absence;
use crate::book::classes::{self, ClassFate, MirroredClass};
use crate::engine::facts::{Members, Terms};
use crate::engine::hashes::{IdMap, IdSet};
use crate::engine::merge::projections;
use roster::contract::{PlanError, PlanInputs};
use roster::id::SourceId;
use roster::records::{Class, Mirrored, Origin, RecordKind, Status, kinds};

/// Decides the outcome for every class, and returns the classes that were active before the run
/// and are not expected to be over. Adds the schools of the classes that stay to `schools`.
pub(super) fn index<I: PlanInputs>(
    input: &Input<'_, I>,
    terms: &Terms,
    teachers: &Members,
    schools: &mut IdSet,
) -> Result<(IdMap<ClassFate>, IdSet), PlanError> {
    let (mut fates, mut live) = (IdMap::default(), IdSet::default());
    projections::<kinds::Classes, I>(input.from, |at, _| {
        let (source, item) = at.parts();
        if let Some(source) = &source {
            schools.insert(source.details.school.hash64());
        }
        if let Some(item) = item.as_deref().filter(|item| is_live(terms, item)) {
            live.insert(item.key.hash64());
        }
        let mirrored = item.as_deref().map(|item| mirrored(input, item));
        let (key, fate) = match (&source, &item, mirrored) {
            (Some(source), item, mirrored) => {
                let admits = || admits(input, terms, teachers, source, item.as_deref());
                (source.id.hash64(), classes::present(mirrored, admits))
            }
            (None, Some(item), Some(mirrored)) => {
                let fate = absence::class(input.context.policy, mirrored);
                if matches!(fate, ClassFate::Kept { .. }) {
                    schools.insert(item.state.details.school.hash64());
                }
                (item.key.hash64(), fate)
            }
            (None, ..) => return Ok(()),
        };
        fates.insert(key, fate);
        Ok(())
    })?;
    Ok((fates, live))
}

fn is_live(terms: &Terms, item: &Mirrored<kinds::Classes>) -> bool {
    item.status == Status::Active
        && item.origin == Origin::Source
        && item.state.inactive.is_empty()
        && !terms.expected_over(&item.state)
}

fn mirrored<I>(input: &Input<'_, I>, item: &Mirrored<kinds::Classes>) -> MirroredClass {
    let protected = input.protected;
    MirroredClass {
        is_manual: item.origin == Origin::Manual,
        is_archived: item.status == Status::Archived,
        is_kept: protected.keeps_all(RecordKind::Class)
            || protected.is_unreadable(RecordKind::Class, item.id.hash64())
            || protected.keeps(RecordKind::Class, item.key.hash64()),
        is_inactive: !item.state.inactive.is_empty(),
    }
}

/// Whether a class of the source is an active class for the admission of students (R-C4).
fn admits<I>(
    input: &Input<'_, I>,
    terms: &Terms,
    teachers: &Members,
    source: &Class,
    item: Option<&Mirrored<kinds::Classes>>,
) -> bool {
    let class = source.id.hash64();
    let unreadable = input.protected.enrollments_of_class(RecordKind::Teacher, class);
    let has_teacher = teachers.are_listed(&source.teachers, unreadable, input.context.today)
        || item.filter(|item| item.status == Status::Active).is_some_and(|item| {
            item.state.teachers.iter().map(SourceId::hash64).any(|teacher| {
                teachers.people.active.contains(&teacher) && teachers.stays(class, teacher)
            })
        });
    classes::is_active(has_teacher, terms.over(&source.details.terms))
}
