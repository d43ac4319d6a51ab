//! Reading everything that a district shares, page by page, so that it can stop and go on.

use std::collections::BTreeMap;
use std::future::Future;

use futures::future::join_all;
use serde::{Deserialize, Serialize};

use super::objects::District;
use super::pace::{self, Now, TRIES, Wait, Window};
use super::page::{self, PageFault};
use crate::http::{Answer, Credential, Get, Http, NoAnswer, Secret};

/// The lists that a pull reads, each in the order of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// `/schools`
    Schools,
    /// `/terms`
    Terms,
    /// `/courses`
    Courses,
    /// `/sections`: the only place where it says who teaches whom.
    Sections,
    /// `/users?role=teacher`
    Teachers,
    /// `/users?role=student`
    Students,
    /// `/users?role=contact`
    Contacts,
}

impl Resource {
    /// All of them.
    pub const ALL: [Resource; 7] = [
        Resource::Schools,
        Resource::Terms,
        Resource::Courses,
        Resource::Sections,
        Resource::Teachers,
        Resource::Students,
        Resource::Contacts,
    ];

    /// Its name in staged pages and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Schools => "schools",
            Resource::Terms => "terms",
            Resource::Courses => "courses",
            Resource::Sections => "sections",
            Resource::Teachers => "teachers",
            Resource::Students => "students",
            Resource::Contacts => "contacts",
        }
    }

    fn list(self) -> &'static str {
        match self {
            Resource::Teachers | Resource::Students | Resource::Contacts => "users",
            other => other.name(),
        }
    }

    fn role(self) -> Option<&'static str> {
        match self {
            Resource::Teachers => Some("teacher"),
            Resource::Students => Some("student"),
            Resource::Contacts => Some("contact"),
            _ => None,
        }
    }
}

/// How to reach Clever; settings of the operator, for versions and hosts change.
#[derive(Clone, Debug)]
pub struct Api {
    /// Scheme and host of the data, `https://api.clever.com`.
    pub data: String,
    /// Scheme and host of the token list, `https://clever.com`.
    pub tokens: String,
    /// The version, `v3.1`.
    pub version: String,
    /// Records a page: 10,000 at most; a thousand sections are a little more than a megabyte.
    pub limit: u32,
}

impl Default for Api {
    fn default() -> Self {
        Self { data: "https://api.clever.com".into(), tokens: "https://clever.com".into(), version: "v3.1".into(), limit: 1000 }
    }
}

/// How far a list is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Pages staged.
    pub pages: u32,
    /// Records in them.
    pub records: u64,
    /// The id after which the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether the last page is staged.
    pub done: bool,
}

/// How far a pull is: kept between invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullState {
    /// What the district said of its data before the first page.
    pub before: DataMark,
    /// By list.
    pub lists: BTreeMap<Resource, Progress>,
}

/// What tells one state of a district's data from the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataMark {
    /// When its data last came to Clever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<String>,
    /// When data in our scope last went through Clever, where Clever tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_clever_sync: Option<String>,
}

/// A district as Clever sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `running`, `pending`, `error`, `paused`, `success`, or nothing.
    pub state: Option<String>,
    /// Until when it is paused.
    pub pause_end: Option<String>,
    /// The state of its data.
    pub mark: DataMark,
}

/// Takes pages as they come. A page that comes again (after a crash) takes the place of the one before.
pub trait Pages: Clone + Send + Sync + 'static {
    /// What can go wrong.
    type Error: Send;
    /// Keeps the `number`-th page (from 0) of a list, as it was sent.
    fn page(&self, resource: Resource, number: u32, body: Vec<u8>) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Why a pull stopped. The messages are for operators and name no record.
#[derive(Debug, thiserror::Error)]
pub enum PullError<E> {
    /// The token is not taken any more.
    #[error(
        "Clever refuses the district's token (401): the district may have disconnected; the token list is read again before anything else is tried"
    )]
    Unauthorized,
    /// The token is another district's.
    #[error("the token belongs to another district")]
    OtherDistrict,
    /// The list is not there.
    #[error(
        "Clever answers {status} for the list of {list}: it may not be shared with this application, or this version may not have it"
    )]
    Refused {
        /// The list.
        list: &'static str,
        /// The status.
        status: u16,
    },
    /// Clever fails, again and again.
    #[error("Clever fails: {list} could not be read after {tries} tries ({last})")]
    Down {
        /// The list.
        list: &'static str,
        /// How often it was tried.
        tries: u32,
        /// How it failed last.
        last: Failing,
    },
    /// A page leads nowhere.
    #[error("a page of {list} cannot be trusted: {fault}")]
    Page {
        /// The list.
        list: &'static str,
        /// Why.
        fault: PageFault,
    },
    /// A page could not be kept.
    #[error("a page could not be kept")]
    Keep(E),
}

/// How a request failed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failing {
    /// With a status.
    #[error("status {0}")]
    Status(u16),
    /// Without an answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// With something that is no page.
    #[error(transparent)]
    Page(#[from] PageFault),
}

/// How a pull stands after some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// All pages are kept, and the data did not change while they were read.
    Whole,
    /// It is time to stop; the state says where to go on.
    Paused,
    /// All pages are kept, but the district's data changed meanwhile: they are of two states and must not be used together.
    Changed,
}

/// Reads from Clever.
#[derive(Clone)]
pub struct Client<H, W> {
    /// Requests.
    pub http: H,
    /// Waiting.
    pub wait: W,
    /// The time.
    pub now: Now,
    /// Where Clever is.
    pub api: Api,
}

impl<H: Http, W: Wait> Client<H, W> {
    /// The district that the token belongs to.
    pub async fn district<E>(&self, token: &Secret, rng: &mut fastrand::Rng) -> Result<Seen, PullError<E>> {
        let path = format!("/{}/districts", self.api.version);
        let window = Window::default();
        let answer =
            self.ask(&window, "districts", &self.api.data, &path, token, rng, |body| page::read(body, &path, None).map(|_| ()));
        let (answer, ()) = answer.await?;
        let not_a_page = PullError::Page { list: "districts", fault: PageFault::NotAPage };
        let Ok(page) = page::read(&answer.body, &path, None) else { return Err(not_a_page) };
        let Some(first) = page.items.first() else { return Err(not_a_page) };
        let Ok(district) = serde_json::from_str::<District<'_>>(first.data.get()) else { return Err(not_a_page) };
        let text = |text: &super::objects::Text<'_>| text.get().map(str::to_owned);
        Ok(Seen {
            id: text(&district.id).unwrap_or_default(),
            name: text(&district.name).unwrap_or_default(),
            state: text(&district.state),
            pause_end: text(&district.pause_end),
            mark: DataMark { last_sync: text(&district.last_sync), last_clever_sync: text(&district.last_clever_sync) },
        })
    }

    /// Begins or goes on: reads all lists, side by side, until all is kept or `stop` says that it is time.
    ///
    /// `state` is right at every return, after an error too: what it calls kept is kept.
    pub async fn pull<P: Pages>(
        &self,
        district: &str,
        token: &Secret,
        pages: &P,
        state: &mut PullState,
        mut rng: fastrand::Rng,
        stop: impl Fn() -> bool + Sync,
    ) -> Result<Pulled, PullError<P::Error>> {
        let seen = self.district(token, &mut rng).await?;
        if seen.id != district {
            return Err(PullError::OtherDistrict);
        }
        if state.lists.is_empty() {
            state.before = seen.mark;
            state.lists = Resource::ALL.into_iter().map(|resource| (resource, Progress::default())).collect();
        } else if state.before != seen.mark {
            // Pages of two states cannot be put together, so there is no use in reading more of them.
            return Ok(Pulled::Changed);
        }
        let window = Window::default();
        let lists = state.lists.iter_mut().map(|(resource, progress)| {
            let rng = rng.fork();
            self.list(*resource, progress, token, pages, &window, rng, &stop)
        });
        let ends = join_all(lists).await;
        let mut whole = true;
        for end in ends {
            whole &= end?;
        }
        if !whole {
            return Ok(Pulled::Paused);
        }
        let after = self.district(token, &mut rng).await?;
        Ok(if after.mark == state.before { Pulled::Whole } else { Pulled::Changed })
    }

    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one list of one pull")]
    async fn list<P: Pages>(
        &self,
        resource: Resource,
        progress: &mut Progress,
        token: &Secret,
        pages: &P,
        window: &Window,
        mut rng: fastrand::Rng,
        stop: &(impl Fn() -> bool + Sync),
    ) -> Result<bool, PullError<P::Error>> {
        let path = format!("/{}/{}", self.api.version, resource.list());
        while !progress.done {
            if stop() {
                return Ok(false);
            }
            let mut query = format!("{path}?limit={}", self.api.limit);
            if let Some(role) = resource.role() {
                query.push_str("&role=");
                query.push_str(role);
            }
            if let Some(after) = &progress.after {
                query.push_str("&starting_after=");
                query.push_str(after);
            }
            let after = progress.after.clone();
            let read = |body: &[u8]| page::read(body, &path, after.as_deref()).map(|page| (page.items.len() as u64, page.next));
            let asked = self.ask(window, resource.name(), &self.api.data, &query, token, &mut rng, read).await?;
            let (answer, (records, next)) = asked;
            pages.page(resource, progress.pages, answer.body).await.map_err(PullError::Keep)?;
            progress.pages += 1;
            progress.records += records;
            progress.done = next.is_none();
            progress.after = next.or(progress.after.take());
        }
        Ok(true)
    }

    /// Asks until there is an answer that can be understood, or until there is no use in asking again.
    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one request")]
    pub(super) async fn ask<T, E>(
        &self,
        window: &Window,
        list: &'static str,
        host: &str,
        path: &str,
        token: &Secret,
        rng: &mut fastrand::Rng,
        read: impl Fn(&[u8]) -> Result<T, PageFault>,
    ) -> Result<(Answer, T), PullError<E>> {
        let mut last = Failing::Status(0);
        for tries in 0..TRIES {
            loop {
                let wait = window.before_request((self.now)());
                if wait.is_zero() {
                    break;
                }
                self.wait.wait(wait).await;
            }
            let request = Get { url: format!("{host}{path}"), credential: Credential::Bearer(token.clone()) };
            let wait = match self.http.get(request).await {
                Ok(answer) => {
                    window.note(&answer);
                    match answer.status {
                        200 => match read(&answer.body) {
                            Ok(found) => return Ok((answer, found)),
                            Err(fault @ PageFault::NotAPage) => {
                                last = fault.into();
                                pace::back_off(tries, rng)
                            }
                            Err(fault) => return Err(PullError::Page { list, fault }),
                        },
                        401 | 403 => return Err(PullError::Unauthorized),
                        status @ 429 => {
                            last = Failing::Status(status);
                            pace::after_too_many(&answer, (self.now)(), tries, rng)
                        }
                        status @ (408 | 500 | 502..=599) => {
                            last = Failing::Status(status);
                            pace::back_off(tries, rng)
                        }
                        status => return Err(PullError::Refused { list, status }),
                    }
                }
                Err(NoAnswer::Request) => return Err(PullError::Down { list, tries: tries + 1, last: NoAnswer::Request.into() }),
                Err(error) => {
                    last = error.into();
                    pace::back_off(tries, rng)
                }
            };
            if tries + 1 < TRIES {
                self.wait.wait(wait).await;
            }
        }
        Err(PullError::Down { list, tries: TRIES, last })
    }
}
