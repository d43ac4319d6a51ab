//! The envelope of a list: an object with one key, named after what is in it.

use std::borrow::Cow;

use roster::id::hash64;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::http::PaginationError;

/// A page: its items, unread. A 200 without the key of the list is an error, not an empty list.
///
/// # Errors
/// If it is no page of the list that is called `key`.
pub(super) fn items<'a>(body: &'a [u8], key: &str) -> Result<Vec<&'a RawValue>, PaginationError> {
    let mut page = serde_json::Deserializer::from_slice(body);
    let items = Envelope(key).deserialize(&mut page).ok().flatten();
    items.filter(|_| page.end().is_ok()).ok_or(PaginationError::NotAPage)
}

/// Reads the list behind a key, in one pass: pages are large, and there are many.
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

/// A key, borrowed where it can be.
#[derive(Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// An object, as far as paging is concerned.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default, rename = "sourcedId")]
    id: Option<Cow<'a, str>>,
}

/// What paging must know of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) records: u64,
    /// Of the first object's id and of the last's. An object without one that can be read stands
    /// for itself.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Where in the page the second object begins.
    pub(super) second: Option<usize>,
}

impl Sight {
    /// The page as a whole: one that comes again has the same.
    pub(super) fn mark(self) -> u64 {
        hash64(&format!("{}/{}/{}", self.records, self.first, self.last))
    }
}

/// Looks at a page.
pub(super) fn sight(body: &[u8], key: &str) -> Result<Sight, PaginationError> {
    let items = items(body, key)?;
    let mark = |item: Option<&&RawValue>| {
        let Some(item) = item else { return 0 };
        let named = serde_json::from_str::<Named<'_>>(item.get()).ok().and_then(|named| named.id);
        named.map_or_else(|| hash64(item.get()), |id| hash64(&id))
    };
    // Items lie in the page.
    let second = items.get(1).map(|item| item.get().as_ptr().addr() - body.as_ptr().addr());
    Ok(Sight {
        records: items.len() as u64,
        first: mark(items.first()),
        last: mark(items.last()),
        second,
    })
}

/// A page without its first record, given what was seen of it. What the envelope had before its
/// list is left out too.
pub(super) fn without_first(mut body: Vec<u8>, key: &str, sight: Sight) -> Vec<u8> {
    let head = format!("{{\"{key}\":[");
    match sight.second.filter(|second| *second >= head.len()) {
        Some(second) => {
            body.splice(..second, head.into_bytes());
            body
        }
        None => format!("{head}]}}").into_bytes(),
    }
}

/// Whether a `Link` header names a next page. Where it is does not matter: what is asked next is
/// always our own address, so that no token goes elsewhere, and as many records on as were sent, so
/// that a server that sends fewer than it was asked for loses none.
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
    fn a_page_has_the_key_of_its_list_or_is_none() {
        let body = br#"{ "users" : [ {"sourcedId":"a"}, {"sourcedId":"b\u0041"} ] , "other": 1 }"#;
        let seen = sight(body, "users").unwrap();
        assert_eq!((seen.records, seen.first, seen.last), (2, hash64("a"), hash64("bA")));
        assert_eq!(sight(br#"{"users":[]}"#, "users").unwrap().records, 0);
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
            assert_eq!(sight(body, "users"), Err(PaginationError::NotAPage));
        }
    }

    #[test]
    fn a_page_goes_on_behind_its_first_record() {
        for (page, rest) in [
            (
                r#"{"n":1, "users": [ {"a":[1, 2]} , {"b":"]"},{"c":3}]}"#,
                r#"{"users":[{"b":"]"},{"c":3}]}"#,
            ),
            (r#"{"users":[{"a":1}]}"#, r#"{"users":[]}"#),
        ] {
            let sight = sight(page.as_bytes(), "users").unwrap();
            assert_eq!(without_first(page.into(), "users", sight), rest.as_bytes());
        }
    }

    #[test]
    fn a_link_header_says_whether_there_is_more_however_it_is_written() {
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
