//! The plan: what a run will change, computed before anything is written.

use serde::{Deserialize, Serialize};

use crate::id::{DistrictId, RunId, SourceId};
use crate::model::{AnyMirrored, Kind, Link, Mirrored, Tag};
use crate::personal::Personal;
use crate::policy::Policy;
use crate::rule::Rule;
use crate::snapshot::Gap;
use jiff::civil::Date;

/// What a plan is made for.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The district.
    pub district: &'a DistrictId,
    /// The run.
    pub run: &'a RunId,
    /// The day for which dates are read.
    pub today: Date,
    /// The district's policy.
    pub policy: &'a Policy,
    /// False for "additions and changes only" (R-H2): nothing counts as gone.
    pub removals: bool,
}

/// What a plan is made from. Every sequence can be read again from its start, and is in the order of [`crate::id::table_order`] (the snapshot's by
/// source id, the mirror's by key). Local edits will be one more method here.
pub trait Inputs {
    /// What can go wrong while reading.
    type Error;
    /// The records of one kind that the source has.
    fn snapshot<K: Kind>(&self) -> Result<impl Iterator<Item = Result<K::Source, Self::Error>>, Self::Error>;
    /// What the source sent and could not be read.
    fn gaps(&self) -> Result<impl Iterator<Item = Result<Gap, Self::Error>>, Self::Error>;
    /// The records of one kind that the mirror has, archived ones too.
    fn mirror<K: Kind>(&self) -> Result<impl Iterator<Item = Result<Mirrored<K>, Self::Error>>, Self::Error>;
    /// Identity links.
    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Self::Error>>, Self::Error>;
    /// Administrators of the district: e-mail (lower case) and account (R-M5).
    fn administrators(&self) -> Result<Vec<Administrator>, Self::Error>;
}

/// An administrator's account, made here by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// E-mail, lower case.
    pub email: Personal,
    /// The account.
    pub account: crate::id::AccountId,
}

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
    pub what: std::borrow::Cow<'static, str>,
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
    /// The item as it will be; none where the item goes altogether (only links do, and what an undo takes back).
    pub after: Option<AnyMirrored>,
}

/// Takes what a plan produces, in this order: for each kind of [`Tag::ALL`] its additions and changes, and, whenever they come up, removals, which the
/// receiver keeps apart and applies last (invariant 21).
pub trait Sink {
    /// What can go wrong while writing.
    type Error;
    /// One change.
    fn change(&mut self, change: Change) -> Result<(), Self::Error>;
    /// One finding.
    fn finding(&mut self, finding: crate::finding::Finding) -> Result<(), Self::Error>;
    /// An active student who belongs to a group (R-M8).
    fn member(&mut self, field: &'static str, value: &Personal, student: &SourceId) -> Result<(), Self::Error>;
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
    pub counts: std::collections::BTreeMap<String, Counts>,
    /// Changes of items, links included.
    pub changes: u64,
    /// Why the run must be held; empty: it may go.
    pub holds: Vec<Hold>,
}

/// Marks which tags a kind name stands for in [`Outcome::counts`]; enrollments have no records of their own.
pub const ENROLLMENT: &str = "enrollment";

/// The name under which a kind is counted.
pub fn count_name(tag: Tag) -> &'static str {
    tag.name()
}
