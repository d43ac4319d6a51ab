//! The progress of a pull: of each list, and what a page means for its list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::page::{self, PageProperties};
use super::resource::Resource;
use crate::http::{Answer, PaginationError};

/// The maximum number of pages of a list: far more than the largest district has with the smallest
/// pages.
const MAX_PAGES: u32 = 500_000;

/// The progress of a list. Ids are stored as hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The number of staged pages.
    pub pages: u32,
    /// The number of records in them.
    pub records: u64,
    /// Whether the last page is staged.
    pub done: bool,
    /// The status with which the server refused the list, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<u16>,
    /// Records per page, if the number in the settings was too large for the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<u32>,
    /// Whether the server does not support sorting.
    #[serde(default)]
    pub(super) unsorted: bool,
    /// The server's count of the list's records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
    /// Whether the server counts something other than the list's records.
    #[serde(default)]
    pub(super) miscounts: bool,
    /// Whether the server has ever linked to a next page.
    #[serde(default)]
    pub(super) links: bool,
    /// The last record that was read.
    #[serde(default)]
    pub(super) last: u64,
    /// The number of records of the largest page.
    #[serde(default, rename = "most")]
    pub(super) largest_page: u64,
    /// The fingerprints of the first and of the last page.
    #[serde(default)]
    pub(super) marks: Option<(u64, u64)>,
    /// The data's revision that the server reported so far, if it reports any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<String>,
}

/// The progress of a pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullState {
    /// The first revision of the data that the server reported, if it reports any.
    pub revision: Option<String>,
    /// The progress of each list; a list without an entry has no staged pages.
    pub lists: BTreeMap<Resource, Progress>,
}

impl PullState {
    /// Returns the progress of a pull with these lists.
    pub fn of(lists: BTreeMap<Resource, Progress>) -> Self {
        Self { revision: lists.values().find_map(|progress| progress.revision.clone()), lists }
    }
}

/// What a page means for its list.
pub(super) enum PageVerdict {
    /// It continues the list.
    Accepted,
    /// It was already read.
    Repeated,
    /// The data has changed since the pages before.
    Changed,
    /// It is not valid.
    Fault(PaginationError),
}

impl Progress {
    /// Whether the next page is requested from the last record that was read, so that the pages
    /// overlap: whenever a page can hold two records.
    pub(super) fn overlaps(&self, limit: u32) -> bool {
        self.largest_page > 1 && limit > 1
    }

    /// Adds a page. If it overlaps, its first record was already read.
    pub(super) fn add(
        &mut self,
        answer: &Answer,
        seen: PageProperties,
        overlaps: bool,
    ) -> PageVerdict {
        let fingerprint = seen.fingerprint();
        let is_repeated =
            self.marks.is_some_and(|(first, last)| fingerprint == first || fingerprint == last);
        if seen.records > 0 && is_repeated {
            return PageVerdict::Repeated;
        }
        if self.pages >= MAX_PAGES {
            return PageVerdict::Fault(PaginationError::Loop);
        }
        let continues = seen.records > 0 && seen.first == self.last;
        if overlaps && !continues || !overlaps && continues && self.records > 0 {
            return PageVerdict::Changed;
        }
        // Some servers count the page instead of the list, which shows on the second page.
        let counts_page = self.records > 0 && answer.total == Some(seen.records);
        self.miscounts |= counts_page && self.total != answer.total;
        match (self.total, answer.total) {
            (Some(then), Some(now)) if then != now && !counts_page => return PageVerdict::Changed,
            (None, Some(now)) => self.total = Some(now),
            _ => {}
        }
        let total = self.total.filter(|_| !self.miscounts);
        let next = answer.link.as_deref().map(page::has_next);
        self.links |= next == Some(true);
        self.pages += 1;
        let records = seen.records - u64::from(overlaps);
        self.records += records;
        if records == 0 {
            self.done = true;
            return if total.is_some_and(|total| self.records < total) {
                PageVerdict::Fault(PaginationError::Short)
            } else {
                PageVerdict::Accepted
            };
        }
        self.largest_page = self.largest_page.max(seen.records);
        self.last = seen.last;
        self.marks = Some((self.marks.map_or(fingerprint, |(first, _)| first), fingerprint));
        let has_no_next = next == Some(false) || (next.is_none() && self.links);
        self.done = has_no_next && total == Some(self.records);
        PageVerdict::Accepted
    }
}
