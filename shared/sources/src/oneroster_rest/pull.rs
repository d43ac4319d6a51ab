//! Reading everything that a district shares, page by page, so that it can stop and go on.
//!
//! # Where a list ends
//!
//! Servers differ in what they tell of their pages, and a list that is cut off looks like a
//! district that has lost its pupils. So every page but the first is asked for from the last record
//! on that was read before: a page that holds this one alone is the end, and nobody has to read
//! behind it, where some servers answer with an error. A short page is no end: a server may send
//! fewer records than it was asked for. What is asked next never depends on a link or a count; but
//! a server that says by both that all is read is believed. A page that comes again is a loop. Only
//! behind a page of one record, where a server may send no more than that, is the next one asked
//! for from behind it; then an error is the end if there is no record anywhere behind.
//!
//! # Data that change meanwhile
//!
//! Records move between pages then, and some may never be seen. A page that does not begin with the
//! record that the last one ended with tells of it, and so does a count or a revision that changes;
//! at the end every list is asked for its last record once more.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use super::Api;
use super::access::{Access, NoToken};
use super::page::{self, Sight};
use crate::http::asking::{self, Unanswered};
use crate::http::pace::{TRIES, Window};
use crate::http::{Answer, Failing, Get, Http, NoAnswer, Now, PaginationError, Pulled, Wait};

/// The lists that a pull reads. What is referred to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resource {
    /// `/orgs`
    Orgs,
    /// `/academicSessions`
    AcademicSessions,
    /// `/courses`
    Courses,
    /// `/classes`
    Classes,
    /// `/users`
    Users,
    /// `/demographics`: the one list that a roster can do without.
    Demographics,
    /// `/enrollments`
    Enrollments,
}

impl Resource {
    /// All of them.
    pub const ALL: [Resource; 7] = [
        Resource::Orgs,
        Resource::AcademicSessions,
        Resource::Courses,
        Resource::Classes,
        Resource::Users,
        Resource::Demographics,
        Resource::Enrollments,
    ];

    /// Its name in addresses, in the envelope, in staged pages and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Orgs => "orgs",
            Resource::AcademicSessions => "academicSessions",
            Resource::Courses => "courses",
            Resource::Classes => "classes",
            Resource::Users => "users",
            Resource::Demographics => "demographics",
            Resource::Enrollments => "enrollments",
        }
    }
}

/// How often a record is asked for of which it is only to be seen whether it is there.
const GLANCES: u32 = 2;

/// The smallest page that is asked for of a server for which larger ones are too heavy.
const SMALLEST: u32 = 50;

/// The most pages of a list: far more than the largest district has, with the smallest pages.
const MOST_PAGES: u32 = 500_000;

/// How far a list is. Ids are kept as hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Pages staged.
    pub pages: u32,
    /// Records in them.
    pub records: u64,
    /// Whether the last page is staged.
    pub done: bool,
    /// The server does not give the list, and says so with this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<u16>,
    /// Records a page, where those that the settings name were too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    /// The server does not sort.
    #[serde(default)]
    unsorted: bool,
    /// How many records the list has, says the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// What the server counts is not the list.
    #[serde(default)]
    miscounts: bool,
    /// The server has named a next page.
    #[serde(default)]
    links: bool,
    /// The last record.
    #[serde(default)]
    last: u64,
    /// Records of the largest page.
    #[serde(default)]
    most: u64,
    /// The first page and the last one.
    #[serde(default)]
    marks: Option<(u64, u64)>,
    /// The state of its data of which the server spoke until then, if it speaks of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// How far a pull is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullState {
    /// The state of its data of which the server spoke first, if it speaks of any.
    pub revision: Option<String>,
    /// By list; none: nothing is kept yet.
    pub lists: BTreeMap<Resource, Progress>,
}

impl PullState {
    /// How far a pull is whose lists are so far.
    pub fn of(lists: BTreeMap<Resource, Progress>) -> Self {
        Self { revision: lists.values().find_map(|progress| progress.revision.clone()), lists }
    }
}

/// Takes pages as they come. A page that comes again (after a crash) takes the place of the one
/// before.
pub trait Pages: Sync {
    /// What can go wrong.
    type Error: Send;
    /// Whether a list is to be read at all.
    fn wants(&self, list: Resource) -> bool;
    /// Keeps the `number`-th page (from 0) of a list, and after it how far the list is then.
    fn keep(
        &self,
        list: Resource,
        number: u32,
        body: Vec<u8>,
        progress: &Progress,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Why a pull stopped. The messages are for operators and name no record.
#[derive(Debug, thiserror::Error)]
pub enum PullError<E> {
    /// Token, key or secret are not taken.
    #[error("the server refused the credentials")]
    Unauthorized,
    /// The list is not there, or not for us.
    #[error(
        "the server answered {status} for the list of {list}: the list may not be shared with this application, or the address or the version may be wrong"
    )]
    Refused {
        /// The list.
        list: &'static str,
        /// The status.
        status: u16,
    },
    /// The server fails, again and again.
    #[error("the server failed: {list} could not be read after {tries} tries ({last})")]
    Down {
        /// The list.
        list: &'static str,
        /// How often it was tried.
        tries: u32,
        /// How it failed last.
        last: Failing,
    },
    /// A page leads nowhere.
    #[error("a page of {list} is not valid: {fault}")]
    Page {
        /// The list.
        list: &'static str,
        /// Why.
        fault: PaginationError,
    },
    /// A page could not be kept.
    #[error("a page could not be stored")]
    Keep(E),
}

/// Reads a district's data.
#[derive(Clone)]
pub struct Client<H, W> {
    /// Requests.
    pub http: H,
    /// Waiting.
    pub wait: W,
    /// The time.
    pub now: Now,
    /// Where the server is.
    pub api: Api,
    /// Who asks.
    pub access: Access,
}

/// What reading one page came to.
enum Read {
    Page(Box<Answer>, Sight),
    /// The server says no to this very request, with this status.
    No(u16),
    /// The page is too heavy for the server.
    Heavy(Failing, u32),
}

impl<H: Http, W: Wait> Client<H, W> {
    /// Whether the district shares any org: credentials alone say that it may, not that it does.
    ///
    /// # Errors
    /// If the server does not say.
    pub async fn shares<E>(&self, rng: &mut fastrand::Rng) -> Result<bool, PullError<E>> {
        let list = Resource::Orgs;
        match self
            .ask(list, &format!("{}?limit=1&offset=0", list.name()), &Window::default(), rng)
            .await?
        {
            Read::Page(_, sight) => Ok(sight.records > 0),
            Read::No(status) => Err(PullError::Refused { list: list.name(), status }),
            Read::Heavy(last, tries) => Err(PullError::Down { list: list.name(), tries, last }),
        }
    }

    /// Goes on, from nothing at first: reads all lists, one after the other, until all is kept or
    /// `stop` says that it is time.
    ///
    /// `state` is right at every return, after an error and where this is broken off, too: what it
    /// calls kept is kept.
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

    /// Reads the next page of a list. False: the data have changed since the pages before.
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
        let (answer, sight) = match self
            .ask(list, &self.api.query(list, offset, limit, progress.unsorted), window, rng)
            .await?
        {
            Read::Page(answer, sight) => (answer, sight),
            Read::Heavy(last, _) if limit > SMALLEST && last != Failing::Status(500) => {
                progress.limit = Some((limit / 2).max(SMALLEST));
                state.lists.insert(list, progress);
                return Ok(true);
            }
            Read::Heavy(last, tries) => {
                // Some fail behind the end, as if that were their fault.
                if overlaps || !self.is_behind_the_end(list, &progress, window, rng).await? {
                    return Err(PullError::Down { list: name, tries, last });
                }
                return self.end(list, pages, state, progress).await;
            }
            Read::No(400 | 422) if progress.pages == 0 && !progress.unsorted => {
                progress.unsorted = true;
                state.lists.insert(list, progress);
                return Ok(true);
            }
            Read::No(status @ (403 | 404))
                if progress.pages == 0 && list == Resource::Demographics =>
            {
                progress.refused = Some(status);
                return self.end(list, pages, state, progress).await;
            }
            Read::No(status) => {
                if overlaps || !self.is_behind_the_end(list, &progress, window, rng).await? {
                    return Err(PullError::Refused { list: name, status });
                }
                return self.end(list, pages, state, progress).await;
            }
        };
        if !same_revision(&mut state.revision, &answer) {
            return Ok(false);
        }
        match progress.takes(&answer, sight, overlaps) {
            Taken::Yes => {}
            Taken::Changed => return Ok(false),
            Taken::Again if self.minds_offsets(list, &progress, window, rng).await? => {
                return Ok(false);
            }
            Taken::Again => {
                return Err(PullError::Page { list: name, fault: PaginationError::Loop });
            }
            Taken::Fault(fault) => return Err(PullError::Page { list: name, fault }),
        }
        let body =
            if overlaps { page::without_first(answer.body, name, sight) } else { answer.body };
        progress.revision.clone_from(&state.revision);
        pages.keep(list, progress.pages - 1, body, &progress).await.map_err(PullError::Keep)?;
        state.lists.insert(list, progress);
        Ok(true)
    }

    /// Ends a list behind which there is nothing but an error, or that is not given at all, with an
    /// empty page.
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

    /// Whether what cannot be read begins right behind the last record: that can be read, and
    /// nothing behind it. One record that the server cannot send is no end: those behind it can be
    /// read.
    async fn is_behind_the_end<E>(
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
        let there = self
            .ask_so_often::<E>(GLANCES, list, &self.api.query(list, last, 1, unsorted), window, rng)
            .await?;
        if !matches!(there, Read::Page(_, sight) if sight.records == 1) {
            return Ok(false);
        }
        for behind in [last + 1, last + 2, last + 1 + u64::from(self.api.limit)] {
            let there = self
                .ask_so_often::<E>(
                    GLANCES,
                    list,
                    &self.api.query(list, behind, 1, unsorted),
                    window,
                    rng,
                )
                .await?;
            if matches!(there, Read::Page(_, sight) if sight.records > 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a server sends another record where another is asked for. If not, a page that came
    /// again says nothing of the data.
    async fn minds_offsets<E>(
        &self,
        list: Resource,
        progress: &Progress,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, PullError<E>> {
        let mut firsts = Vec::new();
        for offset in [0, 1] {
            let there = self
                .ask_so_often::<E>(
                    GLANCES,
                    list,
                    &self.api.query(list, offset, 1, progress.unsorted),
                    window,
                    rng,
                )
                .await?;
            firsts.push(if let Read::Page(_, sight) = there { Some(sight.first) } else { None });
        }
        Ok(firsts[0] != firsts[1])
    }

    /// Whether a list that was read ends where it did.
    async fn still_ends<E>(
        &self,
        list: Resource,
        progress: &Progress,
        revision: Option<&str>,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, PullError<E>> {
        let at = progress.records.saturating_sub(1);
        let (answer, sight) = match self
            .ask(list, &self.api.query(list, at, 1, progress.unsorted), window, rng)
            .await?
        {
            Read::Page(answer, sight) => (answer, sight),
            Read::No(status) if progress.records > 0 => {
                return Err(PullError::Refused { list: list.name(), status });
            }
            Read::Heavy(last, tries) if progress.records > 0 => {
                return Err(PullError::Down { list: list.name(), tries, last });
            }
            // Nothing was there, and nothing is.
            Read::No(_) | Read::Heavy(..) => return Ok(true),
        };
        let same_revision =
            revision.is_none_or(|known| answer.revision.as_deref().is_none_or(|now| now == known));
        let counts = progress.total.filter(|_| !progress.miscounts).zip(answer.total);
        let same_total = counts.is_none_or(|(then, now)| then == now || now == sight.records);
        let same_end = if progress.records == 0 {
            sight.records == 0
        } else {
            progress.unsorted || sight.last == progress.last
        };
        Ok(same_revision && same_total && same_end)
    }

    /// Asks for a page.
    async fn ask<E>(
        &self,
        list: Resource,
        query: &str,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<Read, PullError<E>> {
        self.ask_so_often(TRIES, list, query, window, rng).await
    }

    /// Asks for a page; with another token, once, where the present one is not taken any more.
    async fn ask_so_often<E>(
        &self,
        tries: u32,
        list: Resource,
        query: &str,
        window: &Window,
        rng: &mut fastrand::Rng,
    ) -> Result<Read, PullError<E>> {
        let world = (&self.http, &self.wait, &self.now);
        let (url, key) = (format!("{}/{query}", self.api.base), list.name());
        let (nonce, signed) = (rng.u128(..), AtomicU32::new(0));
        let make = || {
            let nonce = nonce.wrapping_add(signed.fetch_add(1, Ordering::Relaxed).into());
            Get { url: url.clone(), credential: self.access.credential(&url, (self.now)(), nonce) }
        };
        let mut renewed = false;
        loop {
            self.access.ready(world, rng).await.map_err(|none| match none {
                NoToken::Refused => PullError::Unauthorized,
                NoToken::Down { tries, last } => PullError::Down { list: "tokens", tries, last },
            })?;
            return match asking::ask_with(world, window, (&make, tries), rng, |body| {
                page::sight(body, key)
            })
            .await
            {
                Ok((answer, sight)) => Ok(Read::Page(Box::new(answer), sight)),
                Err(Unanswered::Refused(401)) if !renewed && self.access.forget() => {
                    renewed = true;
                    continue;
                }
                Err(Unanswered::Refused(401)) => Err(PullError::Unauthorized),
                Err(other) => unanswered(key, other),
            };
        }
    }
}

fn unanswered<E>(list: &'static str, unanswered: Unanswered) -> Result<Read, PullError<E>> {
    match unanswered {
        Unanswered::Refused(413) => Ok(Read::Heavy(Failing::Status(413), 1)),
        Unanswered::Refused(status) => Ok(Read::No(status)),
        Unanswered::Page(fault) => Err(PullError::Page { list, fault }),
        Unanswered::Down { tries, last: last @ Failing::Status(500 | 502 | 504) } => {
            Ok(Read::Heavy(last, tries))
        }
        Unanswered::Down {
            tries,
            last: last @ Failing::NoAnswer(NoAnswer::TooLong(_) | NoAnswer::TimedOut),
        } => Ok(Read::Heavy(last, tries)),
        Unanswered::Down { tries, last } => Err(PullError::Down { list, tries, last }),
    }
}

impl Api {
    /// What is asked for: by id, so that the order is the same on every page.
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

/// What a page is to those before it.
enum Taken {
    Yes,
    /// It came before.
    Again,
    Changed,
    Fault(PaginationError),
}

impl Progress {
    /// Whether the next page is asked for from the last record on that was read: wherever pages
    /// have room for two.
    fn overlaps(&self, limit: u32) -> bool {
        self.most > 1 && limit > 1
    }

    /// Goes on by a page. If it overlaps, its first record was read before.
    fn takes(&mut self, answer: &Answer, sight: Sight, overlaps: bool) -> Taken {
        let mark = sight.mark();
        let comes_again = self.marks.is_some_and(|(first, last)| mark == first || mark == last);
        if sight.records > 0 && comes_again {
            return Taken::Again;
        }
        if self.pages >= MOST_PAGES {
            return Taken::Fault(PaginationError::Loop);
        }
        let goes_on = sight.records > 0 && sight.first == self.last;
        if overlaps && !goes_on || !overlaps && goes_on && self.records > 0 {
            return Taken::Changed;
        }
        // Some count the page instead of the list, which shows behind the first one.
        let counts_page = self.records > 0 && answer.total == Some(sight.records);
        self.miscounts |= counts_page && self.total != answer.total;
        match (self.total, answer.total) {
            (Some(then), Some(now)) if then != now && !counts_page => return Taken::Changed,
            (None, Some(now)) => self.total = Some(now),
            _ => {}
        }
        let total = self.total.filter(|_| !self.miscounts);
        let next = answer.link.as_deref().map(page::has_next);
        self.links |= next == Some(true);
        self.pages += 1;
        let records = sight.records - u64::from(overlaps);
        self.records += records;
        if records == 0 {
            self.done = true;
            return if total.is_some_and(|total| self.records < total) {
                Taken::Fault(PaginationError::Short)
            } else {
                Taken::Yes
            };
        }
        self.most = self.most.max(sight.records);
        self.last = sight.last;
        self.marks = Some((self.marks.map_or(mark, |(first, _)| first), mark));
        let says_no_more = next == Some(false) || (next.is_none() && self.links);
        self.done = says_no_more && total == Some(self.records);
        Taken::Yes
    }
}
