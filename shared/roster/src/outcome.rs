//! The result of a plan in numbers: counts by kind, the reasons to hold it, and the review.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Counts;
use crate::id::SourceId;
use crate::records::RecordKind;
use crate::review::Review;

/// A reason to hold a run (R-H1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The kind: `student`, …, `enrollment`.
    pub kind: String,
    /// The school. `None` for the whole district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school: Option<SourceId>,
    /// How many records would be removed or changed, and the limit, in words.
    pub what: String,
    /// How many records would be removed or changed.
    pub count: u64,
    /// The number of records to compare `count` with.
    pub of: u64,
}

/// The result of a plan.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Counts by kind, and `enrollment`.
    pub counts: BTreeMap<String, Counts>,
    /// The number of changed items, links and local edits included.
    pub changes: u64,
    /// The number of local edits that the run erases (R-M2).
    #[serde(default)]
    pub erased: u64,
    /// Why the run must be held. If empty, it is applied.
    pub holds: Vec<Hold>,
    /// What a reviewer sees of the data as a whole (R-O2). Empty for an undo.
    #[serde(default)]
    pub review: Review,
}

/// The key under which enrollment changes are counted in [`Outcome::counts`]. Enrollments are not
/// records of their own.
pub const ENROLLMENT: &str = "enrollment";

/// The key under which a kind is counted in [`Outcome::counts`].
pub fn count_name(kind: RecordKind) -> &'static str {
    kind.name()
}
