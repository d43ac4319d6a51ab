//! R-M7 and R-M8: demographics, and the groups that are made of them.

use roster::personal::Personal;
use roster::policy::Policy;
use roster::records::{Demographics, Student, StudentState};

/// Whether demographics that the mirror already has must be removed (R-M7).
#[inline]
pub fn removes(policy: &Policy, demographics: &Demographics) -> bool {
    !policy.stores_demographics() && !demographics.is_empty()
}

/// Lists the groups of a student: field and value (R-M8).
pub fn of(demographics: &Demographics) -> impl Iterator<Item = (&'static str, &Personal)> {
    let several = [("race", &demographics.races), ("grade", &demographics.grades)];
    let single = [
        ("hispanic", &demographics.hispanic),
        ("gender", &demographics.gender),
        ("birth_date", &demographics.birth_date),
        ("ell", &demographics.ell),
        ("frl", &demographics.frl),
        ("iep", &demographics.iep),
    ];
    let several = several
        .into_iter()
        .flat_map(|(field, values)| values.iter().map(move |value| (field, value)));
    several.chain(
        single.into_iter().filter_map(|(field, value)| value.as_ref().map(|value| (field, value))),
    )
}

/// Whether there is nothing but the grade, which is no demographic (R-M7) and has its own column.
pub fn are_blank(demographics: &Demographics) -> bool {
    Demographics { grades: Vec::new(), ..demographics.clone() }.is_empty()
}

/// Returns a student whose row of demographics could not be read: with the mirror's demographics,
/// and its numbers where the source has none, because columns of that row may hold them (R-H3).
pub fn with_known(mut student: Student, known: Option<&StudentState>) -> Student {
    let Some(known) = known else { return student };
    let grades = std::mem::take(&mut student.demographics.grades);
    student.demographics = Demographics { grades, ..known.demographics.clone() };
    let person = &mut student.person;
    person.number = person.number.take().or_else(|| known.person.number.clone());
    person.state_id = person.state_id.take().or_else(|| known.person.state_id.clone());
    student
}
