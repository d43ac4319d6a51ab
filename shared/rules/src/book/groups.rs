//! R-M7 and R-M8: demographics, and the groups that are made of them.

use roster::personal::Personal;
use roster::policy::Policy;
use roster::records::Demographics;

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
