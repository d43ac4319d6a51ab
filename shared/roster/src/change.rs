//! The content of a plan: changes with their reasons, and the outcome that counts them.

use std::borrow::Cow;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::id::SourceId;
use crate::records::AnyMirrored;
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
    /// Ended by a date that the last run knew: a class whose terms are over and that the source no
    /// longer has, and enrollments whose last day has passed. Neither removed nor unchanged
    /// (readings, R-H1).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ended: u64,
    /// In the snapshot, but not in the mirror after the run, because the record does not meet the
    /// conditions for admission.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_admitted: u64,
}

impl Counts {
    /// Returns the counts with [`unchanged`](Self::unchanged) computed from the others.
    #[must_use]
    pub fn with_unchanged(self) -> Self {
        let gone = self.removed + self.changed + self.ended;
        Self { unchanged: self.in_mirror.saturating_sub(gone), ..self }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            in_source: self.in_source + other.in_source,
            in_mirror: self.in_mirror + other.in_mirror,
            added: self.added + other.added,
            changed: self.changed + other.changed,
            removed: self.removed + other.removed,
            unchanged: self.unchanged + other.unchanged,
            ended: self.ended + other.ended,
            not_admitted: self.not_admitted + other.not_admitted,
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
