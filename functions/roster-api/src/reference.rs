//! How records are named in addresses and answers.
//!
//! A source's id may be any text, slashes and spaces included, and gateways differ in what they
//! make of an escaped slash. So an id of plain characters stands as it is, and any other as `~` and
//! the hexadecimal digits of its UTF-8: a *reference*, which no part of the way can misread.

use roster::id::SourceId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest reference that is read. An id beyond 1,000 bytes is no id of any source we know.
const LONGEST: usize = 2001;

/// The name of a record in addresses and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(pub SourceId);

impl Reference {
    /// What stands in an address.
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

    /// The id that a text stands for.
    pub fn parse(text: &str) -> Option<SourceId> {
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let Some(digits) = text.strip_prefix('~') else { return Some(SourceId::new(text)) };
        let id = String::from_utf8(hex::decode(digits).ok()?).ok()?;
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
    fn any_id_survives_the_way_through_an_address() {
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
    fn what_is_no_reference_is_none() {
        for text in ["", "~", "~1", "~zz", "~+1", "~ff", &"x".repeat(LONGEST + 1)] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
