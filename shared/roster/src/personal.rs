//! Values that must never reach a log, a metric, an error text or an event: those of persons, and
//! secrets.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// A name, an address, a number, a date of birth: text that identifies a person.
///
/// It can be stored and compared but not printed: there is no `Display`, and `Debug` shows only
/// whether it is empty. Code that really needs the text calls [`Personal::reveal`], so that every
/// such place can be found by that word. Short texts, as names and numbers are, stand in place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal(CompactString);

impl Personal {
    /// Wraps a text as it stands.
    pub fn new(text: impl Into<CompactString>) -> Self {
        Self(text.into())
    }

    /// Wraps a text, or gives nothing where it is blank.
    pub fn non_blank(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The text itself, to be stored, compared or shown to somebody who may see it; never to be
    /// logged.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Personal(blank)" } else { "Personal(…)" })
    }
}

/// A token or a password. It goes where it lets somebody in and nowhere else: it can be neither
/// printed nor stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever asks for it at the door.
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
