//! The rule book as code: one file per chapter of `RULES.md`.
//!
//! A function here takes a few small facts and returns a decision, together with the rule and the
//! text that a change or a finding carries. It reads no sequence and writes to no sink. The planner
//! and the explainer both call it, so a rule is written once. Each policy setting is read by
//! exactly one function; `tests/settings.rs` lists them.

pub mod absence;
pub mod classes;
pub mod edits;
pub mod groups;
pub mod guardians;
pub mod holds;
pub mod identity;
pub mod pins;
pub mod students;
pub mod teachers;

use std::borrow::Cow;

use roster::finding::Code;
use roster::rule::Rule;

/// The reason of a change: a rule and a text without personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Because {
    /// The rule.
    pub rule: Rule,
    /// What the rule did.
    pub what: &'static str,
}

/// A finding about a record, without the record. The text of the finding is the kind of the record,
/// its id and `what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The code of the finding.
    pub code: &'static Code,
    /// The rule.
    pub rule: Rule,
    /// The predicate: `has no e-mail address`.
    pub what: Cow<'static, str>,
}

impl Observation {
    pub(crate) fn new(code: &'static Code, rule: Rule, what: impl Into<Cow<'static, str>>) -> Self {
        Self { code, rule, what: what.into() }
    }
}
