//! When a plan is dangerous (R-H1).

use roster::change::Hold;
use roster::id::SourceId;

/// Below this many, only the loss of all of them counts: one of two is half, and means little.
const FEW: u64 = 20;

/// The reason to hold a plan by which so many of a kind, in the district or a school, would be
/// removed or changed; none: that is not too many.
pub(crate) fn hold(
    kind: &str,
    school: Option<SourceId>,
    word: &str,
    count: u64,
    of: u64,
    limit: f64,
) -> Option<Hold> {
    let is_dangerous =
        if of < FEW { count > 0 && count == of } else { count as f64 * 100.0 > of as f64 * limit };
    if !is_dangerous {
        return None;
    }
    let place = if school.is_some() { "of the school" } else { "of the district" };
    let limit = if of < FEW {
        format!("a run must not affect all records if there are fewer than {FEW}")
    } else {
        format!("the limit is {limit} %")
    };
    let what = format!("{count} of {of} {kind} records {place} would be {word}; {limit}");
    Some(Hold { kind: kind.to_owned(), school, what, count, of })
}
