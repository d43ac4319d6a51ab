//! Lists in pages: `?after=…&limit=…`. A cursor is opaque: it is what the page before gave, and
//! nothing else is taken.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// The most entries of a page.
pub(crate) const LARGEST: usize = 200;
/// The entries of a page, where nobody asks for another number.
const USUAL: usize = 50;

/// What a list was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Asked {
    /// The cursor that the page before gave.
    pub(crate) after: Option<String>,
    /// The most entries.
    pub(crate) limit: Option<String>,
}

impl Asked {
    /// The number of entries.
    ///
    /// # Errors
    /// 400 where it is none from 1 to 200.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        let Some(limit) = &self.limit else { return Ok(USUAL) };
        let limit = limit.parse::<usize>().ok().filter(|limit| (1..=LARGEST).contains(limit));
        limit.ok_or_else(|| Problem::bad_request("`limit` must be a number from 1 to 200"))
    }

    /// What the cursor says; none: from the beginning.
    ///
    /// # Errors
    /// 400 where it is no cursor of this list.
    pub(crate) fn after<C>(
        &self,
        read: impl FnOnce(&str) -> Option<C>,
    ) -> Result<Option<C>, Problem> {
        let Some(cursor) = &self.after else { return Ok(None) };
        let text = decode(cursor).ok_or_else(not_ours)?;
        read(&text).map(Some).ok_or_else(not_ours)
    }
}

/// A cursor that this list did not give.
pub(crate) fn not_ours() -> Problem {
    Problem::bad_request("`after` must be the `next` value of a page of this list")
}

/// One page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Page<T> {
    /// The entries.
    pub(crate) items: Vec<T>,
    /// The cursor of the next page; none: this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// A page, and what its cursor is to say.
    pub(crate) fn new(items: Vec<T>, next: Option<impl AsRef<str>>) -> Self {
        Self { items, next: next.map(|text| hex::encode(text.as_ref())) }
    }
}

fn decode(cursor: &str) -> Option<String> {
    if cursor.is_empty() || cursor.len() > 4096 {
        return None;
    }
    String::from_utf8(hex::decode(cursor).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_others_are_refused() {
        let page = Page::new(vec![1], Some("3student#a b"));
        let asked = Asked { after: page.next, limit: None };
        assert_eq!(
            asked.after(|text| Some(text.to_owned())).unwrap().as_deref(),
            Some("3student#a b")
        );
        for after in ["", "zz", "6", "ff"] {
            assert!(
                Asked { after: Some(after.into()), limit: None }
                    .after(|text| Some(text.len()))
                    .is_err(),
                "{after}"
            );
        }
    }

    #[test]
    fn a_page_has_1_to_200_entries() {
        let limit = |text: &str| Asked { after: None, limit: Some(text.into()) }.limit().ok();
        assert_eq!(Asked::default().limit().unwrap(), USUAL);
        assert_eq!((limit("1"), limit("200")), (Some(1), Some(200)));
        assert_eq!(
            (limit("0"), limit("201"), limit("-1"), limit("many")),
            (None, None, None, None)
        );
    }
}
