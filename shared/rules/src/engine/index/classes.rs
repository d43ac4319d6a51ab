//! Index pass over classes: the outcome of the run for each.

use super::input::Input;
use crate::book::absence;
use crate::book::classes::{self, ClassFate, MirroredClass};
use crate::book::holds;
use crate::engine::facts::{Members, Terms};
use crate::engine::hashes::{IdMap, IdSet};
use crate::engine::merge::projections;
use roster::contract::{PlanError, PlanInputs};
use roster::id::SourceId;
use roster::records::{Class, Mirrored, Origin, RecordKind, Status, kinds};

/// What the index pass over classes finds out.
#[derive(Default)]
pub(super) struct Indexed {
    /// The outcome for every class, by key.
    pub(super) fates: IdMap<ClassFate>,
    /// The classes that were active before the run and are not expected to be over.
    pub(super) live: IdSet,
    /// The same with those that are inactive for another reason than a date: they have no teacher or
    /// no student.
    pub(super) open: IdSet,
    /// The highest grade of the mirror's active classes that name grades, by key.
    pub(super) grades: IdMap<u8>,
}

/// Decides the outcome for every class. Adds the schools of the classes that stay to `schools`.
pub(super) fn index<I: PlanInputs>(
    input: &Input<'_, I>,
    terms: &Terms,
    teachers: &Members,
    schools: &mut IdSet,
) -> Result<Indexed, PlanError> {
    let mut indexed = Indexed::default();
    projections::<kinds::Classes, I>(input.from, |at, _| {
        let (source, item) = at.parts();
        if let Some(source) = &source {
            schools.insert(source.details.school.hash64());
        }
        if let Some(item) = item.as_deref().filter(|item| is_open(terms, item, source.as_deref())) {
            indexed.open.insert(item.key.hash64());
            if item.state.inactive.is_empty() {
                indexed.live.insert(item.key.hash64());
            }
        }
        if let Some(item) = item.as_deref().filter(|item| item.status == Status::Active) {
            let grade = holds::highest_grade(item.state.details.grades.iter().map(String::as_str));
            indexed.grades.extend(grade.map(|grade| (item.key.hash64(), grade)));
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
        indexed.fates.insert(key, fate);
        Ok(())
    })?;
    Ok(indexed)
}

fn is_open(terms: &Terms, item: &Mirrored<kinds::Classes>, source: Option<&Class>) -> bool {
    let tonight = source.map(|source| &source.details.terms[..]);
    item.status == Status::Active
        && item.origin == Origin::Source
        && !terms.expected_over(&item.state, tonight)
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
