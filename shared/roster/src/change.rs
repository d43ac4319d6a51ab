//! The content of a plan: changes with their reasons, and the outcome that counts them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::SourceId;
use crate::records::{AnyMirrored, RecordKind};
use crate::review::Review;
use crate::rule::Rule;

/// What a change does to its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Adds a new record.
    Add,
    /// Restores an archived record (R-A4).
    Return,
    /// Changes the content.
    Update,
    /// Archives or disconnects a record that is no longer in the source.
    Remove,
}

/// Why a change is made: a rule, and its effect in words without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// The effect: names of fields, counts.
    pub what: Cow<'static, str>,
}

/// A change of one mirror item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What the change does.
    pub action: Action,
    /// The item's key.
    pub key: SourceId,
    /// The reasons; never empty (invariant 22).
    pub reasons: Vec<Reason>,
    /// The item as the plan read it. `None` for an addition.
    pub before: Option<AnyMirrored>,
    /// The item after the change. `None` if the item is deleted: only links, local edits, and
    /// additions that an undo reverts.
    pub after: Option<AnyMirrored>,
}

impl Change {
    /// Returns the change that reverts this one (R-H4): it restores the item byte for byte.
    #[must_use]
    pub fn inverse(self) -> Self {
        let action = match self.action {
            Action::Add | Action::Return => Action::Remove,
            Action::Update => Action::Update,
            Action::Remove if self.after.is_none() => Action::Add,
            Action::Remove => Action::Return,
        };
        Self { action, before: self.after, after: self.before, ..self }
    }
}

/// The number of records of a kind, by what the plan does with them. For enrollments: the number of
/// enrollments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// In the snapshot.
    pub in_source: u64,
    /// Active in the mirror before the run.
    pub in_mirror: u64,
    /// Added or returned.
    pub added: u64,
    /// Changed by the source. Changes by date alone are not counted.
    pub changed: u64,
    /// Archived or removed.
    pub removed: u64,
    /// Unchanged.
    pub unchanged: u64,
}

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
