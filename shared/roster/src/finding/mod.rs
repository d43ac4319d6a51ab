//! Findings: problems and notable facts in the data, in words that a district's administrator can
//! act on.
//!
//! Every finding has a [`Code`]. There are five tables of codes: [`upload`] (problems before an
//! upload is read), [`source`] (problems in a source's data), [`pull`] (problems of pulls from a
//! server), [`sync`] (effects of the sync rules) and [`request`] (problems with a person's
//! request). `shared/roster/FINDINGS.md` is generated from them. A new check adds a line to one of
//! them.

pub mod cause;
pub mod pull;
pub mod request;
pub mod source;
pub mod sync;
pub mod upload;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::id::SourceId;
use crate::rule::Rule;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information; nothing to do.
    Info,
    /// The data was used, but should be corrected.
    Warn,
    /// The record was skipped, and stays unchanged in the mirror.
    Drop,
    /// The snapshot is unsafe: no plan is made, and nothing changes.
    Stop,
}

impl Severity {
    /// Returns what a finding of this severity means for the record, in a sentence.
    pub fn consequence(self) -> &'static str {
        match self {
            Severity::Stop => "Because of this, the data was refused.",
            Severity::Drop => "The record was left out. If the mirror has it, it stays unchanged.",
            Severity::Warn => "Please correct it.",
            Severity::Info => "For your information.",
        }
    }
}

/// The type of a finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name, `snake_case`. Reports and counts use it; its meaning never changes.
    pub name: &'static str,
    /// The severity, unless the code that reports the finding sets another.
    pub severity: Severity,
    /// The meaning, without a full stop.
    pub meaning: &'static str,
    /// What to do about it, in full sentences.
    pub advice: &'static str,
}

/// Returns all codes, table by table.
pub fn all_codes() -> impl Iterator<Item = &'static Code> {
    upload::ALL
        .iter()
        .chain(source::ALL)
        .chain(pull::ALL)
        .chain(sync::ALL)
        .chain(request::ALL)
        .copied()
}

/// Returns the code with a name, or `None` if there is no such code.
pub fn code(name: &str) -> Option<&'static Code> {
    static BY_NAME: LazyLock<HashMap<&str, &Code>> =
        LazyLock::new(|| all_codes().map(|code| (code.name, code)).collect());
    BY_NAME.get(name).copied()
}

/// Defines a table of codes: one constant each, and `ALL`.
macro_rules! codes {
    ($($name:ident = $text:literal, $severity:ident, $meaning:literal, $advice:literal;)*) => {
        $(
            #[doc = $meaning]
            pub static $name: $crate::finding::Code = $crate::finding::Code {
                name: $text, severity: $crate::finding::Severity::$severity, meaning: $meaning, advice: $advice,
            };
        )*
        /// Every code of this table.
        pub static ALL: &[&$crate::finding::Code] = &[$(&$name,)*];
    };
}
pub(crate) use codes;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The name of the file, `users.csv`.
    pub file: Cow<'static, str>,
    /// The line on which the record begins; the header is line 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The name of the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<Cow<'static, str>>,
}

/// The record that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// `org`, `user`, `class`, `student`, `enrollment`, …: the source's term for problems in the
    /// source's data, otherwise ours.
    pub kind: Cow<'static, str>,
    /// The source's id.
    pub id: SourceId,
}

/// A problem or notable fact in the data. It is stored in snapshots and reports, but never logged,
/// because ids may identify people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The name of the code.
    pub code: Cow<'static, str>,
    /// The severity.
    pub severity: Severity,
    /// The rule behind the finding, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// The place in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Entity>,
    /// What was found and what to do, in a sentence or two. It may contain ids, codes and malformed
    /// values, but no name, address or birth date.
    pub message: String,
}

impl Finding {
    /// Creates a finding with the code's meaning and advice as its message.
    pub fn new(code: &'static Code) -> Self {
        Self {
            code: Cow::Borrowed(code.name),
            severity: code.severity,
            rule: None,
            place: None,
            entity: None,
            message: format!("{}. {}", code.meaning, code.advice),
        }
    }

    /// Replaces the code's meaning in the message by a more specific one. The code's advice stays.
    #[must_use]
    pub fn with(mut self, found: impl AsRef<str>) -> Self {
        let advice = code(&self.code).map_or("", |code| code.advice);
        self.message = format!("{}. {advice}", found.as_ref());
        self
    }

    /// Sets the rule.
    #[must_use]
    pub fn under(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Sets the record.
    #[must_use]
    pub fn about(mut self, kind: impl Into<Cow<'static, str>>, id: &SourceId) -> Self {
        self.entity = Some(Entity { kind: kind.into(), id: id.clone() });
        self
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Sets another severity than the code's.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_unique_name_and_advice() {
        let mut names: Vec<_> = all_codes().map(|code| code.name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
        for code in all_codes() {
            assert!(
                code.name
                    .bytes()
                    .all(|c| c.is_ascii_lowercase() || c == b'_' || c.is_ascii_digit()),
                "{}",
                code.name
            );
            assert!(!code.meaning.ends_with('.') && code.advice.ends_with('.'), "{}", code.name);
        }
    }
}
