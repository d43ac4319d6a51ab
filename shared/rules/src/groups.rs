//! Which groups a student belongs to (R-M8).

use roster::personal::Personal;
use roster::records::Demographics;

/// The groups of a student: field and value.
pub(crate) fn of(demographics: &Demographics) -> impl Iterator<Item = (&'static str, &Personal)> {
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
