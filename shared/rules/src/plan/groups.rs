//! Groups: who has which demographic value (R-M8).

use super::output::Output;
use super::{PlanError, Sink};
use crate::id::SourceId;
use crate::model::Demographics;

/// Names the groups of one active student. Under `ignore` there are no demographics, and so no groups.
pub(super) fn members<S: Sink, E>(
    output: &mut Output<'_, S>,
    student: &SourceId,
    demographics: &Demographics,
) -> Result<(), PlanError<E, S::Error>> {
    for race in &demographics.races {
        output.member("race", race, student)?;
    }
    for grade in &demographics.grades {
        output.member("grade", grade, student)?;
    }
    for (field, value) in [
        ("hispanic", &demographics.hispanic),
        ("gender", &demographics.gender),
        ("birth_date", &demographics.birth_date),
        ("ell", &demographics.ell),
        ("frl", &demographics.frl),
        ("iep", &demographics.iep),
    ] {
        if let Some(value) = value {
            output.member(field, value, student)?;
        }
    }
    Ok(())
}
