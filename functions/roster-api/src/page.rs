//! Lists in pages: `?after=…&limit=…`. A cursor is opaque to callers: only the `next` value of a
//! page of the same list is valid.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// The largest page.
pub(crate) const LARGEST: usize = 200;
/// The size of a page without `limit`.
const DEFAULT_LIMIT: usize = 50;
/// The longest cursor, in characters.
const LONGEST_CURSOR: usize = 4096;

/// The query parameters of every list.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct PageQuery {
    /// The cursor of the previous page.
    pub(crate) after: Option<String>,
    /// The size of the page.
    pub(crate) limit: Option<String>,
}

impl PageQuery {
    /// Returns the size of the page.
    ///
    /// # Errors
    /// 400 if `limit` is not a number from 1 to 200.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let Some(limit) = &self.limit else { return Ok(DEFAULT_LIMIT) };
        let limit = limit.parse::<usize>().ok().filter(|limit| (1..=LARGEST).contains(limit));
        limit.ok_or_else(|| Problem::bad_request("`limit` must be a number from 1 to 200"))
    }

    /// Returns the position that `read` finds in the cursor, or `None` for the first page.
    ///
    /// # Errors
    /// 400 if it is not a cursor of this list.
    pub(crate) fn after<C>(
        &self,
        read: impl FnOnce(&str) -> Option<C>,
    ) -> Result<Option<C>, Problem> {
        let Some(cursor) = &self.after else { return Ok(None) };
        let text = decode(cursor).ok_or_else(invalid_cursor)?;
        read(&text).map(Some).ok_or_else(invalid_cursor)
    }
}

fn invalid_cursor() -> Problem {
    Problem::bad_request("`after` must be the `next` value of a page of this list")
}

/// One page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Page<T> {
    /// The entries.
    pub(crate) items: Vec<T>,
    /// The cursor of the next page. `None`: this is the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// A page. `next` is the position of the next page.
    pub(crate) fn new(items: Vec<T>, next: Option<impl AsRef<str>>) -> Self {
        Self { items, next: next.map(|position| cursor(position.as_ref())) }
    }
}

/// Returns the cursor for a position.
pub(crate) fn cursor(position: &str) -> String {
    hex::encode(position)
}

fn decode(cursor: &str) -> Option<String> {
    if cursor.is_empty() || cursor.len() > LONGEST_CURSOR {
        return None;
    }
    String::from_utf8(hex::decode(cursor).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_returns_its_position_and_others_are_rejected() {
        let page = Page::new(vec![1], Some("3student#a b"));
        let query = PageQuery { after: page.next, limit: None };
        assert_eq!(
            query.after(|text| Some(text.to_owned())).unwrap().as_deref(),
            Some("3student#a b")
        );
        for after in ["", "zz", "6", "ff"] {
            assert!(
                PageQuery { after: Some(after.into()), limit: None }
                    .after(|text| Some(text.len()))
                    .is_err(),
                "{after}"
            );
        }
    }

    #[test]
    fn a_page_has_1_to_200_entries() {
        let limit = |text: &str| PageQuery { after: None, limit: Some(text.into()) }.limit().ok();
        assert_eq!(PageQuery::default().limit().unwrap(), DEFAULT_LIMIT);
        assert_eq!((limit("1"), limit("200")), (Some(1), Some(200)));
        assert_eq!(
            (limit("0"), limit("201"), limit("-1"), limit("many")),
            (None, None, None, None)
        );
    }
}
