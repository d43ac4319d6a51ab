//! Personal data and secrets: values that must never be in a log, a metric, an error text or an
//! event.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Text that identifies a person: a name, an address, a number, a date of birth.
///
/// It can be stored and compared but not printed: there is no `Display`, and `Debug` shows only
/// whether it is empty. Code that needs the text calls [`Personal::reveal`], so that every use can
/// be found by that name. Short texts are stored without an allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal(CompactString);

impl Personal {
    /// Wraps a text unchanged.
    pub fn new(text: impl Into<CompactString>) -> Self {
        Self(text.into())
    }

    /// Wraps a trimmed text. Returns `None` if it is blank.
    pub fn non_blank(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// Returns the text, to store it, compare it or show it to an authorized person. Never log it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Personal(blank)" } else { "Personal(…)" })
    }
}

/// A token or a password. It can be neither printed nor stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text, to authenticate with it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_never_shows_the_value() {
        let name = Personal::new("Ada Quillfeather");
        assert_eq!(format!("{name:?}"), "Personal(…)");
        assert!(!format!("{:?}", Some(&name)).contains("Ada"));
        assert_eq!(format!("{:?}", Secret::new("open-sesame")), "Secret(…)");
    }
}
