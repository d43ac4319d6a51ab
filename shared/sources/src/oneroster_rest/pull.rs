//! Reads all lists that a district shares, page by page. A pull can stop after any page and
//! continue later.
//!
//! # Why not simply read until a page is empty
//!
//! Servers differ in what they report about their pages, and a truncated list looks like a district
//! that has lost its students. So every page but the first is requested from the last record of the
//! page before. A page that holds only this record is the end of the list; nothing has to be
//! requested beyond it, where some servers answer with an error. A short page is not the end,
//! because a server may send fewer records than requested. The next request never depends on a link
//! or a count, but if both report that the list is complete, it is. A page that was already read is
//! a loop.
//!
//! If a page holds a single record, the server's page limit may be 1. Then the next offset is
//! requested, and an error there is the end of the list if no later record exists.
//!
//! # Data that changes during a pull
//!
//! Records then move between pages, and some may be missed. The change shows if a page does not
//! begin with the last record of the page before, or if the count or the revision changes. At the
//! end, the last record of every list is requested again.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Api;
use super::access::{Access, TokenError};
use super::page::{self, PageProperties};
use super::progress::{PageVerdict, Progress, PullState};
use super::resource::Resource;
use crate::http::pace::{TRIES, Window};
use crate::http::retry::{self, RequestError};
use crate::http::{Answer, Failing, Get, Http, NoAnswer, Now, PaginationError, Pulled, Wait};

/// The number of tries of a request that only checks whether a record exists.
const PROBE_TRIES: u32 = 2;

/// The smallest page size that is requested from a server that cannot serve larger pages.
const MIN_PAGE_SIZE: u32 = 50;

/// Stores pages. A page that is stored again, after a crash, replaces the earlier one.
pub trait Pages: Sync {
    /// The error of the storage.
    type Error: Send;
    /// Whether a list is read at all.
    fn wants(&self, list: Resource) -> bool;
    /// Stores the `number`-th page (from 0) of a list, and then the list's progress.
    fn keep(
        &self,
        list: Resource,
        number: u32,
        body: Vec<u8>,
        progress: &Progress,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Why a pull failed. The messages are for operators and identify no record.
#[derive(Debug, thiserror::Error)]
pub enum PullError<E> {
    /// The server rejected the token, key or secret.
    #[error("the server refused the credentials")]
    Unauthorized,
    /// The list does not exist or is not shared.
    #[error(
        "the server answered {status} for the list of {list}: the list may not be shared \
         with this application, or the address or the version may be wrong"
    )]
    Refused {
        /// The list.
        list: &'static str,
        /// The status.
        status: u16,
    },
    /// The server failed repeatedly.
    #[error("the server failed: {list} could not be read after {tries} tries ({last})")]
    Down {
        /// The list.
        list: &'static str,
        /// The number of tries.
        tries: u32,
        /// The last failure.
        last: Failing,
    },
    /// A page is not valid.
    #[error("a page of {list} is not valid: {fault}")]
    Page {
        /// The list.
        list: &'static str,
        /// What is wrong with it.
        fault: PaginationError,
    },
    /// A page could not be stored.
    #[error("a page could not be stored")]
    Keep(E),
}

/// Reads a district's lists.
#[derive(Clone)]
pub struct Client<H, W> {
    /// The HTTP client.
    pub http: H,
    /// Pauses between requests.
    pub wait: W,
    /// The clock.
    pub now: Now,
    /// The server's address and options.
    pub api: Api,
    /// The credentials.
    pub access: Access,
}

/// The result of requesting one page.
enum Read {
    /// A page.
    Page(Box<Answer>, PageProperties),
    /// The server refused this request, with this status.
    Refused(u16),
    /// The page may be too large for the server.
    TooLarge(Failing, u32),
}

impl<H: Http, W: Wait> Client<H, W> {
    /// Whether the district shares at least one org. Valid credentials alone do not mean that it
    /// does.
    ///
    /// # Errors
    /// If the list of orgs cannot be read.
    pub async fn shares<E>(&self, rng: &mut fastrand::Rng) -> Result<bool, PullError<E>> {
        let list = Resource::Orgs;
        match self
            .request(list, &format!("{}?limit=1&offset=0", list.name()), &Window::default(), rng)
            .await?
        {
            Read::Page(_, seen) => Ok(seen.records > 0),
            Read::Refused(status) => Err(PullError::Refused { list: list.name(), status }),
            Read::TooLarge(last, tries) => Err(PullError::Down { list: list.name(), tries, last }),
        }
    }

    /// Starts or continues a pull: reads all lists, one after the other, until all pages are stored
    /// or `stop` returns true.
    ///
    /// `state` is correct at every return, after an error and if the future is dropped: every page
    /// that it counts is stored.
    ///
    /// # Errors
    /// If a list cannot be read to its end.
    pub async fn pull<P: Pages>(
        &self,
        pages: &P,
        state: &mut PullState,
        mut rng: fastrand::Rng,
        stop: impl Fn() -> bool + Send + Sync,
    ) -> Result<Pulled, PullError<P::Error>> {
        let window = Window::default();
        for list in Resource::ALL.into_iter().filter(|list| pages.wants(*list)) {
            while !state.lists.get(&list).is_some_and(|progress| progress.done) {
                if stop() {
                    return Ok(Pulled::Paused);
                }
                if !self.next_page(list, pages, state, &window, &mut rng).await? {
                    return Ok(Pulled::Changed);
                }
            }
        }
        for (list, progress) in state.lists.clone() {
            if stop() {
                return Ok(Pulled::Paused);
            }
            if progress.refused.is_none()
                && !self
                    .still_ends(list, &progress, state.revision.as_deref(), &window, &mut rng)
                    .await?
            {
                return Ok(Pulled::Changed);
            }
        }
        Ok(Pulled::Whole)
    }

    /// Reads the next page of a list. Returns false if the data has changed since the pages before.
    async fn next_page<P: Pages>(
        &self,
        list: Resource,
        pages: &P,
        state: &mut PullState,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, PullError<P::Error>> {
        let mut progress = state.lists.entry(list).or_default().clone();
        let limit = progress.limit.unwrap_or(self.api.limit);
        let name = list.name();
        let overlaps = progress.overlaps(limit);
        let offset = progress.records - u64::from(overlaps);
        let (answer, seen) = match self
            .request(list, &self.api.query(list, offset, limit, progress.unsorted), window, rng)
            .await?
        {
            Read::Page(answer, seen) => (answer, seen),
            Read::TooLarge(last, _) if limit > MIN_PAGE_SIZE && last != Failing::Status(500) => {
                progress.limit = Some((limit / 2).max(MIN_PAGE_SIZE));
                state.lists.insert(list, progress);
                return Ok(true);
            }
            Read::TooLarge(last, tries) => {
                // Some servers fail with a server error beyond the end of the list.
                if overlaps || !self.is_at_end(list, &progress, window, rng).await? {
                    return Err(PullError::Down { list: name, tries, last });
                }
                return self.end(list, pages, state, progress).await;
            }
            Read::Refused(400 | 422) if progress.pages == 0 && !progress.unsorted => {
                progress.unsorted = true;
                state.lists.insert(list, progress);
                return Ok(true);
            }
            Read::Refused(status @ (403 | 404))
                if progress.pages == 0 && list == Resource::Demographics =>
            {
                progress.refused = Some(status);
                return self.end(list, pages, state, progress).await;
            }
            Read::Refused(status) => {
                if overlaps || !self.is_at_end(list, &progress, window, rng).await? {
                    return Err(PullError::Refused { list: name, status });
                }
                return self.end(list, pages, state, progress).await;
            }
        };
        if !same_revision(&mut state.revision, &answer) {
            return Ok(false);
        }
        match progress.add(&answer, seen, overlaps) {
            PageVerdict::Accepted => {}
            PageVerdict::Changed => return Ok(false),
            PageVerdict::Repeated if self.honors_offset(list, &progress, window, rng).await? => {
                return Ok(false);
            }
            PageVerdict::Repeated => {
                return Err(PullError::Page { list: name, fault: PaginationError::Loop });
            }
            PageVerdict::Fault(fault) => return Err(PullError::Page { list: name, fault }),
        }
        let body =
            if overlaps { page::without_first(answer.body, name, seen) } else { answer.body };
        progress.revision.clone_from(&state.revision);
        pages.keep(list, progress.pages - 1, body, &progress).await.map_err(PullError::Keep)?;
        state.lists.insert(list, progress);
        Ok(true)
    }

    /// Ends a list with an empty page: one that the server refuses, or whose end answers with an
    /// error.
    async fn end<P: Pages>(
        &self,
        list: Resource,
        pages: &P,
        state: &mut PullState,
        mut progress: Progress,
    ) -> Result<bool, PullError<P::Error>> {
        (progress.pages, progress.done) = (progress.pages + 1, true);
        progress.revision.clone_from(&state.revision);
        let body = format!("{{\"{}\":[]}}", list.name()).into_bytes();
        pages.keep(list, progress.pages - 1, body, &progress).await.map_err(PullError::Keep)?;
        state.lists.insert(list, progress);
        Ok(true)
    }

    /// Whether the list ends at the last record that was read: it can be read, and no record after
    /// it. A single record that the server cannot send is not the end, because later ones can be
    /// read.
    async fn is_at_end<E>(
        &self,
        list: Resource,
        progress: &Progress,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, PullError<E>> {
        let Some(last) = progress.records.checked_sub(1) else { return Ok(false) };
        if let Some(total) = progress.total.filter(|_| !progress.miscounts) {
            return Ok(progress.records >= total);
        }
        let unsorted = progress.unsorted;
        let probed = self
            .request_with_tries::<E>(
                PROBE_TRIES,
                list,
                &self.api.query(list, last, 1, unsorted),
                window,
                rng,
            )
            .await?;
        if !matches!(probed, Read::Page(_, seen) if seen.records == 1) {
            return Ok(false);
        }
        for behind in [last + 1, last + 2, last + 1 + u64::from(self.api.limit)] {
            let probed = self
                .request_with_tries::<E>(
                    PROBE_TRIES,
                    list,
                    &self.api.query(list, behind, 1, unsorted),
                    window,
                    rng,
                )
                .await?;
            if matches!(probed, Read::Page(_, seen) if seen.records > 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the server honors the offset. If it does not, a repeated page does not mean that the
    /// data has changed.
    async fn honors_offset<E>(
        &self,
        list: Resource,
        progress: &Progress,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, PullError<E>> {
        let mut firsts = Vec::new();
        for offset in [0, 1] {
            let probed = self
                .request_with_tries::<E>(
                    PROBE_TRIES,
                    list,
                    &self.api.query(list, offset, 1, progress.unsorted),
                    window,
                    rng,
                )
                .await?;
            firsts.push(if let Read::Page(_, seen) = probed { Some(seen.first) } else { None });
        }
        Ok(firsts[0] != firsts[1])
    }

    /// Whether a list still ends with the record that was read last.
    async fn still_ends<E>(
        &self,
        list: Resource,
        progress: &Progress,
        revision: Option<&str>,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, PullError<E>> {
        let at = progress.records.saturating_sub(1);
        let (answer, seen) = match self
            .request(list, &self.api.query(list, at, 1, progress.unsorted), window, rng)
            .await?
        {
            Read::Page(answer, seen) => (answer, seen),
            Read::Refused(status) if progress.records > 0 => {
                return Err(PullError::Refused { list: list.name(), status });
            }
            Read::TooLarge(last, tries) if progress.records > 0 => {
                return Err(PullError::Down { list: list.name(), tries, last });
            }
            // The list was empty, and still is.
            Read::Refused(_) | Read::TooLarge(..) => return Ok(true),
        };
        let same_revision =
            revision.is_none_or(|known| answer.revision.as_deref().is_none_or(|now| now == known));
        let counts = progress.total.filter(|_| !progress.miscounts).zip(answer.total);
        let same_total = counts.is_none_or(|(then, now)| then == now || now == seen.records);
        let same_end = if progress.records == 0 {
            seen.records == 0
        } else {
            progress.unsorted || seen.last == progress.last
        };
        Ok(same_revision && same_total && same_end)
    }

    /// Requests a page.
    async fn request<E>(
        &self,
        list: Resource,
        query: &str,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<Read, PullError<E>> {
        self.request_with_tries(TRIES, list, query, window, rng).await
    }

    /// Requests a page. If the token is rejected, retries once with a new one.
    async fn request_with_tries<E>(
        &self,
        tries: u32,
        list: Resource,
        query: &str,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<Read, PullError<E>> {
        let client = (&self.http, &self.wait, &self.now);
        let (url, key) = (format!("{}/{query}", self.api.base), list.name());
        let (nonce, signed) = (rng.u128(..), AtomicU32::new(0));
        let make = || {
            let nonce = nonce.wrapping_add(signed.fetch_add(1, Ordering::Relaxed).into());
            Get { url: url.clone(), credential: self.access.credential(&url, (self.now)(), nonce) }
        };
        let mut renewed = false;
        loop {
            self.access.prepare(client, rng).await.map_err(|error| match error {
                TokenError::Refused => PullError::Unauthorized,
                TokenError::Down { tries, last } => PullError::Down { list: "tokens", tries, last },
            })?;
            return match retry::send_with(client, window, (&make, tries), rng, |body| {
                page::properties(body, key)
            })
            .await
            {
                Ok((answer, seen)) => Ok(Read::Page(Box::new(answer), seen)),
                Err(RequestError::Refused(401)) if !renewed && self.access.forget() => {
                    renewed = true;
                    continue;
                }
                Err(RequestError::Refused(401)) => Err(PullError::Unauthorized),
                Err(other) => failed(key, other),
            };
        }
    }
}

fn failed<E>(list: &'static str, error: RequestError) -> Result<Read, PullError<E>> {
    match error {
        RequestError::Refused(413) => Ok(Read::TooLarge(Failing::Status(413), 1)),
        RequestError::Refused(status) => Ok(Read::Refused(status)),
        RequestError::Page(fault) => Err(PullError::Page { list, fault }),
        RequestError::Down { tries, last: last @ Failing::Status(500 | 502 | 504) } => {
            Ok(Read::TooLarge(last, tries))
        }
        RequestError::Down {
            tries,
            last: last @ Failing::NoAnswer(NoAnswer::TooLong(_) | NoAnswer::TimedOut),
        } => Ok(Read::TooLarge(last, tries)),
        RequestError::Down { tries, last } => Err(PullError::Down { list, tries, last }),
    }
}

impl Api {
    /// Returns path and query of a page. Records are sorted by id, so that the order is the same on
    /// every page.
    fn query(&self, list: Resource, offset: u64, limit: u32, unsorted: bool) -> String {
        let sort = if unsorted { "" } else { "&sort=sourcedId&orderBy=asc" };
        let filter = self.since.map(|then| {
            then.strftime("&filter=dateLastModified%%3E%%27%Y-%m-%dT%H%%3A%M%%3A%S.000Z%%27")
                .to_string()
        });
        format!("{}?limit={limit}&offset={offset}{sort}{}", list.name(), filter.unwrap_or_default())
    }
}

fn same_revision(known: &mut Option<String>, answer: &Answer) -> bool {
    match (&known, &answer.revision) {
        (Some(known), Some(now)) => known == now,
        (None, Some(now)) => {
            *known = Some(now.clone());
            true
        }
        (_, None) => true,
    }
}
