//! What a plan consists of: changes, each with its reasons, and the outcome that counts them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::SourceId;
use crate::records::{AnyMirrored, RecordKind};
use crate::review::Review;
use crate::rule::Rule;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A record that was not there.
    Add,
    /// An archived record that is there again (R-A4).
    Return,
    /// Another content.
    Update,
    /// Archived, or disconnected: no longer in the source.
    Remove,
}

/// Why a change is made: a rule, and what it did, in words without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// What it did: names of fields, counts.
    pub what: Cow<'static, str>,
}

/// One change of one mirror item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What it does.
    pub action: Action,
    /// The item's key.
    pub key: SourceId,
    /// Why; never empty (invariant 22).
    pub reasons: Vec<Reason>,
    /// The item as the plan saw it; none for an addition.
    pub before: Option<AnyMirrored>,
    /// The item as it will be; none where the item goes altogether (only links and local edits do,
    /// and what an undo takes back).
    pub after: Option<AnyMirrored>,
}

impl Change {
    /// The change that takes this one back (R-H4): after it the item is what it was, to the letter.
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

/// How many records of a kind, and what becomes of them. For enrollments: seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// In the snapshot.
    pub in_source: u64,
    /// Active in the mirror before the run.
    pub in_mirror: u64,
    /// Added or returned.
    pub added: u64,
    /// Changed by the source (what follows from dates alone does not count).
    pub changed: u64,
    /// Archived or taken out.
    pub removed: u64,
    /// As they were.
    pub unchanged: u64,
}

/// One reason for which a run is held (R-H1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The kind: `student`, …, `enrollment`.
    pub kind: String,
    /// The school; none for the whole district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school: Option<SourceId>,
    /// What would happen to how many, and the limit, in words.
    pub what: String,
    /// How many would be removed or changed.
    pub count: u64,
    /// Of how many.
    pub of: u64,
}

/// What a plan amounts to.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Counts by kind, and `enrollment`.
    pub counts: BTreeMap<String, Counts>,
    /// Changes of items, links and local edits included.
    pub changes: u64,
    /// Local edits that no rule lets live (R-M2).
    #[serde(default)]
    pub erased: u64,
    /// Why the run must be held; empty: it may go.
    pub holds: Vec<Hold>,
    /// What a reviewer is shown of the data as a whole (R-O2); empty for an undo, which has none.
    #[serde(default)]
    pub review: Review,
}

/// Marks which tags a kind name stands for in [`Outcome::counts`]; enrollments have no records of
/// their own.
pub const ENROLLMENT: &str = "enrollment";

/// The name under which a kind is counted.
pub fn count_name(tag: RecordKind) -> &'static str {
    tag.name()
}
