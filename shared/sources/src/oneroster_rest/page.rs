//! The envelope of a list: an object with one key, the list's name.

use std::borrow::Cow;

use roster::id::hash64;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::http::PaginationError;

/// Returns the items of a page, not decoded. A body without the list's key is an error, not an
/// empty list.
///
/// # Errors
/// If the body is not a page of the list `key`.
pub(super) fn items<'a>(body: &'a [u8], key: &str) -> Result<Vec<&'a RawValue>, PaginationError> {
    let mut page = serde_json::Deserializer::from_slice(body);
    let items = Envelope(key).deserialize(&mut page).ok().flatten();
    items.filter(|_| page.end().is_ok()).ok_or(PaginationError::NotAPage)
}

/// Reads the list under a key.
///
/// # Why not simply a struct with derived `Deserialize`
///
/// The key depends on the list, and a map of values would need a second pass over large pages.
struct Envelope<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Envelope<'_> {
    type Value = Option<Vec<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_> {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = None;
        while let Some(Name(key)) = map.next_key::<Name<'de>>()? {
            if key == self.0 {
                list = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(list)
    }
}

/// A key, borrowed unless it has escapes.
#[derive(Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The id of an object.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default, rename = "sourcedId")]
    id: Option<Cow<'a, str>>,
}

/// The properties of a page that paging needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageProperties {
    pub(super) records: u64,
    /// The hashes of the first and last object's ids; of the whole object, if its id is unreadable.
    pub(super) first: u64,
    pub(super) last: u64,
    /// The position of the second object in the page.
    pub(super) second: Option<usize>,
}

impl PageProperties {
    /// Returns a fingerprint of the page. A repeated page has the same one.
    pub(super) fn fingerprint(self) -> u64 {
        hash64(&format!("{}/{}/{}", self.records, self.first, self.last))
    }
}

/// Reads the properties of a page.
pub(super) fn properties(body: &[u8], key: &str) -> Result<PageProperties, PaginationError> {
    let items = items(body, key)?;
    let hash = |item: Option<&&RawValue>| {
        let Some(item) = item else { return 0 };
        let named = serde_json::from_str::<Named<'_>>(item.get()).ok().and_then(|named| named.id);
        named.map_or_else(|| hash64(item.get()), |id| hash64(&id))
    };
    // Items are slices of the page.
    let second = items.get(1).map(|item| item.get().as_ptr().addr() - body.as_ptr().addr());
    Ok(PageProperties {
        records: items.len() as u64,
        first: hash(items.first()),
        last: hash(items.last()),
        second,
    })
}

/// Removes the first record of a page, and whatever the envelope has before the list.
pub(super) fn without_first(mut body: Vec<u8>, key: &str, page: PageProperties) -> Vec<u8> {
    let head = format!("{{\"{key}\":[");
    match page.second.filter(|second| *second >= head.len()) {
        Some(second) => {
            body.splice(..second, head.into_bytes());
            body
        }
        None => format!("{head}]}}").into_bytes(),
    }
}

/// Whether a `Link` header has a next page. Its address is not used: requests always use our own
/// address, so that the token is not sent to another host, and an offset that counts the records
/// received, so that none is skipped if a page has fewer than requested.
pub(super) fn has_next(link: &str) -> bool {
    link.split(',').any(|one| {
        one.split(';').skip(1).any(|part| {
            let Some((name, value)) = part.split_once('=') else { return false };
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_without_the_lists_key_is_not_a_page() {
        let body = br#"{ "users" : [ {"sourcedId":"a"}, {"sourcedId":"b\u0041"} ] , "other": 1 }"#;
        let page = properties(body, "users").unwrap();
        assert_eq!((page.records, page.first, page.last), (2, hash64("a"), hash64("bA")));
        assert_eq!(properties(br#"{"users":[]}"#, "users").unwrap().records, 0);
        for body in [
            &b""[..],
            b"{}",
            b"[]",
            b"null",
            b"<html>",
            br#"{"orgs":[]}"#,
            br#"{"users":null}"#,
            br#"{"users":{"sourcedId":"a"}}"#,
            br#"{"users":[{"sourcedId":"a"},"#,
            br#"{"imsx_codeMajor":"failure","imsx_severity":"error"}"#,
        ] {
            assert_eq!(properties(body, "users"), Err(PaginationError::NotAPage));
        }
    }

    #[test]
    fn removing_the_first_record_keeps_the_others() {
        for (page, rest) in [
            (
                r#"{"n":1, "users": [ {"a":[1, 2]} , {"b":"]"},{"c":3}]}"#,
                r#"{"users":[{"b":"]"},{"c":3}]}"#,
            ),
            (r#"{"users":[{"a":1}]}"#, r#"{"users":[]}"#),
        ] {
            let page_properties = properties(page.as_bytes(), "users").unwrap();
            assert_eq!(without_first(page.into(), "users", page_properties), rest.as_bytes());
        }
    }

    #[test]
    fn a_next_link_is_found_in_every_notation() {
        assert!(has_next(
            r#"<https://x/users?limit=2&offset=2>; rel="next", <https://x/users>; rel="first""#
        ));
        assert!(has_next("<https://x/users?offset=2>;rel=next"));
        assert!(has_next(r#"<https://x/users>; REL="last next""#));
        assert!(!has_next(
            r#"<https://x/users?limit=2>; rel="prev", <https://x/users>; rel="last""#
        ));
        assert!(!has_next(r#"<https://x/next?rel=next>; rel="last""#));
        assert!(!has_next(""));
    }
}
