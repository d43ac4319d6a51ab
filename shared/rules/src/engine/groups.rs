//! Groups: who has which demographic value (R-M8).

use super::output::Output;
use roster::contract::{PlanError, PlanSink};
use roster::id::SourceId;
use roster::records::Demographics;

/// Names the groups of one active student. Under `ignore` there are no demographics, and so no
/// groups.
pub(super) fn members<S: PlanSink>(
    output: &mut Output<'_, S>,
    student: &SourceId,
    demographics: &Demographics,
) -> Result<(), PlanError> {
    for (field, value) in crate::book::groups::of(demographics) {
        output.member(field, value, student)?;
    }
    Ok(())
}
