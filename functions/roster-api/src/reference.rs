//! How records are named in paths and responses.
//!
//! A source's id may contain any characters, slashes and spaces included, and gateways handle an
//! escaped slash differently. An id of plain characters is written unchanged; any other id is
//! written as `~` and the hexadecimal digits of its UTF-8. Both forms pass every gateway.

use roster::id::SourceId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest reference, in bytes. No known source has ids of more than 1,000 bytes.
const LONGEST: usize = 2001;

/// The name of a record in paths and responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(pub SourceId);

impl Reference {
    /// Returns the reference to an id.
    pub fn text(id: &SourceId) -> String {
        let id = id.as_str();
        let is_plain = !id.is_empty()
            && !id.starts_with('~')
            && !id.bytes().all(|c| c == b'.')
            && id.bytes().all(|c| {
                c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'~' | b'@' | b':')
            });
        if is_plain {
            return id.to_owned();
        }
        format!("~{}", hex::encode(id))
    }

    /// Returns the id of a reference, or `None` if the text is not a reference.
    pub fn parse(text: &str) -> Option<SourceId> {
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let Some(hex) = text.strip_prefix('~') else { return Some(SourceId::new(text)) };
        let id = String::from_utf8(hex::decode(hex).ok()?).ok()?;
        (!id.is_empty()).then(|| SourceId::new(id))
    }
}

impl From<&SourceId> for Reference {
    fn from(id: &SourceId) -> Self {
        Self(id.clone())
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Self::text(&self.0))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a reference to a record"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_survives_the_round_trip_through_a_path() {
        for id in ["a", "A-1_b.c@x:y", "a/b", "a b", "~7e", "..", "é", "a%2Fb", "a#b", "\u{10ffff}"]
        {
            let text = Reference::text(&id.into());
            assert!(
                text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.~@:".contains(&c)),
                "{text}"
            );
            assert_eq!(Reference::parse(&text), Some(id.into()), "{id}");
        }
    }

    #[test]
    fn invalid_references_are_rejected() {
        for text in ["", "~", "~1", "~zz", "~+1", "~ff", &"x".repeat(LONGEST + 1)] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
