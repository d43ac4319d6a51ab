//! Ids, and the order in which all records are sorted.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

use arrayvec::ArrayString;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// The number of partitions that a district's records are spread over, so that a district is not
/// limited to the throughput of one partition.
pub const SHARDS: u8 = 16;

/// The longest escaped id that is used unchanged in a sort key, in bytes. DynamoDB allows 1,024
/// bytes for the whole sort key.
const LONGEST_KEY: usize = 700;

/// The text of an id.
///
/// Why this is not simply `String`: nearly all ids are short (a UUID has 36 characters) and are
/// stored inline. A plan reads millions of them on one thread and drops them on another;
/// allocations were a third of its time. It has no `Debug`: each type of id decides whether it may
/// be printed.
#[derive(Clone)]
enum Text {
    Short(ArrayString<40>),
    Long(Box<str>),
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Short(text) => text,
            Text::Long(text) => text,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        ArrayString::from(text).map_or_else(|_| Text::Long(text.into()), Text::Short)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(other)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Copied;

        impl Visitor<'_> for Copied {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text::from(text))
            }
        }

        deserializer.deserialize_str(Copied)
    }
}

/// The id that a source gives to a record. It can be any text: slashes, spaces, hashes and 400
/// characters have all been seen.
///
/// Some sources put personal data into it (usernames, student numbers), so `Debug` shows a hash,
/// and there is no `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(Text);

impl SourceId {
    /// Wraps an id unchanged: ids that differ only in case are two ids.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(Text::from(id.as_ref()))
    }

    /// Returns the text, for storing and comparing. Never log it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a 64-bit hash, for sets that hold a whole district in memory. The probability that
    /// two of a million ids share a hash is 3e-8.
    pub fn hash64(&self) -> u64 {
        hash64(&self.0)
    }

    /// Returns the partition of a district that stores this record: 0 to [`SHARDS`] - 1.
    pub fn shard(&self) -> u8 {
        shard_of(&self.0)
    }

    /// Returns the id as part of a sort key. See [`key_text`].
    pub fn key(&self) -> String {
        key_text(&self.0)
    }

    /// Compares by the order of the table and of every snapshot: by shard, then by key text, byte
    /// by byte.
    pub fn table_order(&self, other: &Self) -> Ordering {
        table_order(&self.0, &other.0)
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceId(#{:08x})", self.hash64() >> 32)
    }
}

impl From<&str> for SourceId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

/// The hash of [`SourceId::hash64`], for ids that are not wrapped yet.
pub fn hash64(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

/// Returns the shard of an id: the top four bits of its hash. Hash maps use other bits, so a map of
/// one shard stays well distributed.
pub fn shard_of(id: &str) -> u8 {
    (hash64(id) >> 60) as u8
}

/// Returns an id as it is written in a sort key.
///
/// Bytes up to `#` and `%` are percent-encoded, so `#` separates the parts of a key, and keys that
/// extend the key of a record sort directly after it. An id that is too long is cut and ends in a
/// 128-bit hash of the whole id.
pub fn key_text(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for c in id.chars() {
        if c <= '#' || c == '%' || c == '\u{7f}' {
            let _ = write!(text, "%{:02X}", c as u32);
        } else {
            text.push(c);
        }
    }
    if text.len() > LONGEST_KEY {
        let mut cut = LONGEST_KEY - 40;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        text.truncate(cut);
        let _ = write!(text, "~{:032x}", xxh3_128(id.as_bytes()));
    }
    text
}

/// Compares two ids by the order of the table. Builds their keys only if one needs escaping.
pub fn table_order(a: &str, b: &str) -> Ordering {
    shard_of(a).cmp(&shard_of(b)).then_with(|| key_order(a, b))
}

/// Compares two ids of one shard by the order of the table.
pub fn key_order(a: &str, b: &str) -> Ordering {
    let plain = |id: &str| {
        id.len() <= LONGEST_KEY && id.bytes().all(|c| c > b'#' && c != b'%' && c != 0x7f)
    };
    if plain(a) && plain(b) { a.cmp(b) } else { key_text(a).cmp(&key_text(b)) }
}

macro_rules! plain_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Text);

        impl $name {
            /// Wraps a text unchanged.
            pub fn new(id: impl AsRef<str>) -> Self {
                Self(Text::from(id.as_ref()))
            }

            /// Returns the text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self::new(id)
            }
        }
    };
}

plain_id! {
    /// A district's id. The operator chooses it; it contains no personal data and may be logged.
    DistrictId
}

impl DistrictId {
    /// Whether a text can be a district's id: 1 to 64 letters, digits, `-`, `_` or `.`, and not
    /// only dots. Such an id is safe in keys and in object names.
    pub fn is_valid(id: &str) -> bool {
        (1..=64).contains(&id.len())
            && id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
            && !id.bytes().all(|c| c == b'.')
    }
}

plain_id! {
    /// A run's id: a ULID, which sorts by time. It is passed in, never generated in this crate.
    RunId
}

plain_id! {
    /// The id of an account in our application. It never changes and is never reused (R-I1).
    AccountId
}

impl AccountId {
    /// Derives the account of the person whose item has this key. It is derived, so that a plan
    /// that is computed twice names the same accounts. 128 bits, so that there are no collisions.
    pub fn derive(district: &DistrictId, kind: &str, key: &SourceId) -> Self {
        let text = format!("{district}\u{1f}{kind}\u{1f}{}", key.as_str());
        Self::new(format!("{:032x}", xxh3_128(text.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_ids_behave_alike() {
        for length in [0, 1, 36, 40, 41, 400] {
            let (text, other) =
                ("é".repeat(length / 2) + &"x".repeat(length % 2), "x".repeat(length + 1));
            let (a, b) = (SourceId::new(&text), SourceId::new(&other));
            assert_eq!(a.as_str(), text);
            assert_eq!(a.cmp(&b), text.cmp(&other));
            assert_eq!(serde_json::to_string(&a).unwrap(), serde_json::to_string(&text).unwrap());
            assert_eq!(
                serde_json::from_str::<SourceId>(&serde_json::to_string(&text).unwrap()).unwrap(),
                a
            );
        }
    }

    #[test]
    fn keys_escape_only_separators() {
        assert_eq!(key_text("a/b@c.d-é"), "a/b@c.d-é");
        assert_eq!(key_text("a#b c%"), "a%23b%20c%25");
        let long = "x".repeat(4000);
        assert!(key_text(&long).len() <= LONGEST_KEY);
        assert_ne!(key_text(&long), key_text(&"x".repeat(4001)));
    }

    #[test]
    fn ids_sort_like_their_keys() {
        let ids = ["a", "a!", "a#", "a b", "aa", "a%", "é", "Z", "~"];
        for a in ids {
            for b in ids {
                assert_eq!(key_order(a, b), key_text(a).cmp(&key_text(b)), "{a} {b}");
            }
        }
    }

    #[test]
    fn keys_that_extend_a_record_sort_before_the_next_record() {
        for next in ["a!", "a b", "a#", "a%", "ab"] {
            assert!(format!("{}#MORE", key_text("a")) < key_text(next), "{next}");
        }
    }
}
