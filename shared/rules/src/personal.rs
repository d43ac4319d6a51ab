//! Values that belong to a person and must never reach a log, a metric, an error text or an event.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name, an address, a number, a date of birth: text that identifies a person.
///
/// It can be stored and compared but not printed: there is no `Display`, and `Debug` shows only whether it is empty. Code that really
/// needs the text calls [`Personal::reveal`], so that every such place can be found by that word.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal(Box<str>);

impl Personal {
    /// Wraps a text as it stands.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Wraps a text, or gives nothing where it is blank.
    pub fn non_blank(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The text itself, to be stored, compared or shown to somebody who may see it; never to be logged.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "Personal(blank)" } else { "Personal(…)" })
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
    }
}
