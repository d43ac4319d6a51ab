//! Findings: one thing wrong or notable in the data, in words that a district's administrator can
//! act on.
//!
//! Every finding has a [`Code`]. The codes stand in five tables, [`upload`] (what stops an upload
//! before it is read), [`source`] (what is wrong with what a source sent), [`pull`] (the same for a
//! source that is pulled from a server), [`sync`] (what a rule made of it) and [`request`] (what is
//! in the way of what a person asked for). `shared/roster/FINDINGS.md` is generated from them. A new
//! check adds a line to one of them.

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

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Info,
    /// Taken, but not as it should be.
    Warn,
    /// The record is left out, and left as it is in the mirror.
    Drop,
    /// The whole snapshot is unsafe: no plan is made, nothing changes.
    Stop,
}

/// What a finding is about, once for all findings of the sort.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable name, `snake_case`. It is what reports and counts use; it never changes its meaning.
    pub name: &'static str,
    /// How much it weighs, unless the place that reports it says otherwise.
    pub severity: Severity,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

/// All codes, table after table.
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

/// Makes a table of codes: one constant each, and `ALL`.
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

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The file's name, `users.csv`.
    pub file: Cow<'static, str>,
    /// The line on which the record begins; the header is line 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<Cow<'static, str>>,
}

/// The record that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// `org`, `user`, `class`, `student`, `enrollment`, …: the source's word where the source is
    /// wrong, ours elsewhere.
    pub kind: Cow<'static, str>,
    /// The source's id.
    pub id: SourceId,
}

/// One thing wrong or notable in the data. It goes into snapshots and reports, never into logs: ids
/// may identify people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The code's name.
    pub code: Cow<'static, str>,
    /// Its weight here.
    pub severity: Severity,
    /// The rule behind it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// Where it was seen, for files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Entity>,
    /// What was found and what to do, in a sentence or two. It may name ids, codes and malformed
    /// values, but no name, address or birth date.
    pub message: String,
}

impl Finding {
    /// A finding of a code, with the code's meaning as its message.
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

    /// Replaces the message's first sentence with what exactly was found. The code's advice stays.
    #[must_use]
    pub fn with(mut self, found: impl AsRef<str>) -> Self {
        let advice = code(&self.code).map_or("", |code| code.advice);
        self.message = format!("{}. {advice}", found.as_ref());
        self
    }

    /// Names the rule behind it.
    #[must_use]
    pub fn under(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Names the record.
    #[must_use]
    pub fn about(mut self, kind: impl Into<Cow<'static, str>>, id: &SourceId) -> Self {
        self.entity = Some(Entity { kind: kind.into(), id: id.clone() });
        self
    }

    /// Names the place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Gives it another weight than the code's.
    #[must_use]
    pub fn weighing(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_says_what_to_do() {
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
