//! Groups: who has which demographic value (R-M8).

use super::output::Output;
use super::{PlanError, Sink};
use crate::id::SourceId;
use crate::model::Demographics;

/// Names the groups of one active student. Under `ignore` there are no demographics, and so no
/// groups.
pub(super) fn members<S: Sink, E>(
    output: &mut Output<'_, S>,
    student: &SourceId,
    demographics: &Demographics,
) -> Result<(), PlanError<E, S::Error>> {
    for (field, value) in crate::groups::of(demographics) {
        output.member(field, value, student)?;
    }
    Ok(())
}
