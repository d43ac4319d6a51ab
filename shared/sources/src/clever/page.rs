//! The envelope of Clever's lists, and the link to the next page.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::PaginationError;

/// One item of a list.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    /// The object, not decoded.
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
}

/// A link of a list.
#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    rel: String,
    #[serde(default)]
    uri: String,
}

/// Returns the link to the next page. It is not validated.
pub(super) fn next_of(links: Vec<Link>) -> Option<String> {
    links.into_iter().find(|link| link.rel == "next").map(|link| link.uri)
}

/// A page of a list. The order of keys is not fixed, and there may be further keys (according to
/// Clever's documentation and to recorded responses).
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Vec<Item<'a>>,
    #[serde(default)]
    links: Vec<Link>,
}

/// A valid page.
pub(super) struct Page<'a> {
    /// Its items.
    pub(super) items: Vec<Item<'a>>,
    /// The cursor of the next page (the id after which it begins), or `None` for the last page.
    pub(super) next: Option<String>,
}

impl fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("items", &self.items.len()).finish_non_exhaustive()
    }
}

/// Reads a page of the list at `path` (`/v3.1/sections`) that began after `after`.
///
/// Only the cursor is taken from the link to the next page. Requests always use our own path and
/// host, so the token is never sent to another address.
pub(super) fn read<'a>(
    body: &'a [u8],
    path: &str,
    after: Option<&str>,
) -> Result<Page<'a>, PaginationError> {
    let envelope = envelope(body)?;
    let Some(next) = next_of(envelope.links) else {
        return Ok(Page { items: envelope.data, next: None });
    };
    let (next_path, query) = next.split_once('?').ok_or(PaginationError::ForeignLink)?;
    if next_path != path {
        return Err(PaginationError::ForeignLink);
    }
    let cursor = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("starting_after="))
        .ok_or(PaginationError::ForeignLink)?;
    if !is_id(cursor) {
        return Err(PaginationError::ForeignLink);
    }
    // Lists are sorted by id, and a cursor is the last id of its page.
    if after.is_some_and(|after| cursor <= after) {
        return Err(PaginationError::Loop);
    }
    Ok(Page { items: envelope.data, next: Some(cursor.to_owned()) })
}

/// Returns the items of a page, ignoring its link to the next one.
pub(super) fn items(body: &[u8]) -> Result<Vec<Item<'_>>, PaginationError> {
    Ok(envelope(body)?.data)
}

/// A page and the positions of its objects in it.
pub(super) struct Split {
    body: String,
    objects: Vec<Range<usize>>,
}

impl Split {
    /// Returns the objects, not decoded.
    pub(super) fn objects(&self) -> impl Iterator<Item = &str> {
        self.objects.iter().map(|place| &self.body[place.clone()])
    }
}

/// Splits a page into its objects, ignoring its link to the next page.
pub(super) fn split(body: Vec<u8>) -> Result<Split, PaginationError> {
    let body = String::from_utf8(body).map_err(|_| PaginationError::NotAPage)?;
    let place = |object: &str| {
        let begin = object.as_ptr().addr() - body.as_ptr().addr();
        begin..begin + object.len()
    };
    let objects = items(body.as_bytes())?.into_iter().map(|item| place(item.data.get())).collect();
    Ok(Split { body, objects })
}

fn envelope(body: &[u8]) -> Result<Envelope<'_>, PaginationError> {
    serde_json::from_slice(body).map_err(|_| PaginationError::NotAPage)
}

/// The demographic fields of a student's role (R-M7), and `ext`, in which a district may store
/// anything.
const DEMOGRAPHICS: [&str; 15] = [
    "grade",
    "graduation_year",
    "dob",
    "gender",
    "race",
    "hispanic_ethnicity",
    "ell_status",
    "frl_status",
    "iep_status",
    "gifted_status",
    "section_504_status",
    "disability",
    "home_language",
    "home_language_code",
    "ext",
];

/// Removes the demographics from a page of students, for a district that keeps none (R-M7).
///
/// # Errors
/// If the body is not a page.
pub fn without_demographics(body: &[u8]) -> Result<Vec<u8>, PaginationError> {
    let mut page: Value = serde_json::from_slice(body).map_err(|_| PaginationError::NotAPage)?;
    let items =
        page.get_mut("data").and_then(Value::as_array_mut).ok_or(PaginationError::NotAPage)?;
    for student in
        items.iter_mut().filter_map(|item| item.pointer_mut("/data/roles/student")?.as_object_mut())
    {
        for field in DEMOGRAPHICS {
            student.remove(field);
        }
    }
    serde_json::to_vec(&page).map_err(|_| PaginationError::NotAPage)
}

/// Whether a text is one of Clever's ids: 24 hexadecimal digits, lower case.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaa1";
    const B: &str = "aaaaaaaaaaaaaaaaaaaaaaa2";

    fn page(uri: &str) -> String {
        format!(
            r#"{{"links":[{{"rel":"self","uri":"/v3.1/users"}},{{"rel":"next","uri":"{uri}"}}],"data":[{{"data":{{"id":"{A}"}},"uri":"x"}}]}}"#
        )
    }

    #[test]
    fn a_page_has_items_and_the_cursor_of_the_next_page() {
        let body = page(&format!("/v3.1/users?limit=25&starting_after={B}"));
        let page = read(body.as_bytes(), "/v3.1/users", Some(A)).unwrap();
        assert_eq!((page.items.len(), page.next.as_deref()), (1, Some(B)));
        assert_eq!(read(br#"{"data":[],"links":[]}"#, "/v3.1/users", None).unwrap().next, None);
    }

    #[test]
    fn links_to_other_addresses_or_earlier_pages_are_rejected() {
        let fault = |uri: &str| read(page(uri).as_bytes(), "/v3.1/users", Some(B)).unwrap_err();
        assert_eq!(
            fault(&format!("https://evil.example/v3.1/users?starting_after={B}")),
            PaginationError::ForeignLink
        );
        assert_eq!(
            fault(&format!("/v3.1/events?starting_after={B}")),
            PaginationError::ForeignLink
        );
        assert_eq!(fault("/v3.1/users?limit=25"), PaginationError::ForeignLink);
        assert_eq!(fault("/v3.1/users?starting_after=../../me"), PaginationError::ForeignLink);
        assert_eq!(fault(&format!("/v3.1/users?starting_after={B}")), PaginationError::Loop);
        assert_eq!(fault(&format!("/v3.1/users?starting_after={A}")), PaginationError::Loop);
    }

    #[test]
    fn splitting_a_page_keeps_the_text_of_its_objects() {
        let page = split(
            format!(
                r#"{{"data":[{{"data": {{"id":"{A}","é":[1]}} }},{{"uri":"x","data":{{}}}}]}}"#
            )
            .into_bytes(),
        )
        .unwrap();
        assert_eq!(
            page.objects().collect::<Vec<_>>(),
            [format!(r#"{{"id":"{A}","é":[1]}}"#).as_str(), "{}"]
        );
        let not_utf8 = Vec::from(*b"{\"data\":[]} \xff");
        assert!(split(not_utf8).is_err());
    }

    #[test]
    fn truncated_responses_and_html_are_not_pages() {
        for body in
            ["", "{\"data\":[{\"data\":{\"id\":", "<html>", "[]", "{\"resources\":[]}", "null"]
        {
            assert_eq!(
                read(body.as_bytes(), "/v3.1/users", None).unwrap_err(),
                PaginationError::NotAPage
            );
        }
    }
}
