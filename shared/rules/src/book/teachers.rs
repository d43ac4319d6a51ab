//! R-T: teachers and co-teachers.

use roster::finding::sync;
use roster::policy::{Policy, RoleConflicts};
use roster::rule::Rule;

use super::Observation;

/// Whether a record counts as absent because an enrollment, not the user record, gives the person
/// this role (R-T7).
#[inline]
pub fn ignores_role(policy: &Policy, by_enrollment: bool) -> bool {
    by_enrollment
        && match policy.role_conflicts {
            RoleConflicts::User => true,
            RoleConflicts::Enrollment => false,
        }
}

/// Moves the primary teacher to the front; the co-teachers keep the order of the source (R-T2).
/// `primary` is the place of the first teacher who is marked as primary, if any is.
#[inline]
pub fn primary_first<T>(teachers: &mut [T], primary: Option<usize>) {
    if let Some(place) = primary {
        teachers[..=place].rotate_right(1);
    }
}

/// Returns the finding about a class in which not exactly one teacher is marked as primary (R-T2).
pub fn primary_marks(teachers: usize, marked: usize) -> Option<Observation> {
    let (code, what) = match marked {
        0 if teachers > 0 => (
            &sync::CLASS_NO_PRIMARY,
            format!("has {teachers} teachers, none of them marked as primary"),
        ),
        0 | 1 => return None,
        _ => (
            &sync::CLASS_MANY_PRIMARIES,
            format!("has {marked} primary teachers; the first one listed was used"),
        ),
    };
    Some(Observation::new(code, Rule::T2, what))
}

/// Returns the finding about a class with more co-teachers than its source supports (R-T5). They
/// are mirrored nevertheless.
pub fn too_many_co_teachers(policy: &Policy, teachers: usize) -> Option<Observation> {
    let co_teachers = teachers.saturating_sub(1);
    let most = policy.max_source_co_teachers.filter(|most| co_teachers > *most as usize)?;
    Some(Observation::new(
        &sync::CLASS_TOO_MANY_CO_TEACHERS,
        Rule::T5,
        format!("has {co_teachers} co-teachers in the source, which supports {most}"),
    ))
}
