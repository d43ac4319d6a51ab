//! Reading everything that a district shares, page by page, so that it can stop and go on.

use std::collections::BTreeMap;
use std::future::Future;

use futures::future::join_all;
use roster::settings::Clever;
use serde::{Deserialize, Serialize};

use super::objects::{District, Text};
use super::page;
use crate::http::asking::{self, Unanswered};
use crate::http::pace::Window;
use crate::http::{
    Answer, Credential, Failing, Get, Http, Now, PaginationError, Pulled, Secret, Wait, is_host,
};

/// The lists that a pull reads, each in the order of ids. What is referred to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// `/schools`
    Schools,
    /// `/terms`
    Terms,
    /// `/courses`
    Courses,
    /// `/users?role=teacher`
    Teachers,
    /// `/users?role=staff`: no accounts, but sections may name them.
    Staff,
    /// `/users?role=district_admin`: likewise.
    DistrictAdmins,
    /// `/users?role=student`
    Students,
    /// `/users?role=contact`
    Contacts,
    /// `/sections`: the only place where it says who teaches whom.
    Sections,
}

impl Resource {
    /// All of them.
    pub const ALL: [Resource; 9] = [
        Resource::Schools,
        Resource::Terms,
        Resource::Courses,
        Resource::Teachers,
        Resource::Staff,
        Resource::DistrictAdmins,
        Resource::Students,
        Resource::Contacts,
        Resource::Sections,
    ];

    /// Its name in staged pages and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Schools => "schools",
            Resource::Terms => "terms",
            Resource::Courses => "courses",
            Resource::Sections => "sections",
            Resource::Teachers => "teachers",
            Resource::Staff => "staff",
            Resource::DistrictAdmins => "district_admins",
            Resource::Students => "students",
            Resource::Contacts => "contacts",
        }
    }

    fn list(self) -> &'static str {
        match self {
            Resource::Schools | Resource::Terms | Resource::Courses | Resource::Sections => {
                self.name()
            }
            _ => "users",
        }
    }

    fn role(self) -> Option<&'static str> {
        match self {
            Resource::Teachers => Some("teacher"),
            Resource::Staff => Some("staff"),
            Resource::DistrictAdmins => Some("district_admin"),
            Resource::Students => Some("student"),
            Resource::Contacts => Some("contact"),
            _ => None,
        }
    }
}

/// How to reach Clever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Scheme and host of the data, `https://api.clever.com`.
    data: String,
    /// The version, `v3.1`.
    version: String,
    /// Records a page.
    limit: u32,
}

/// Settings by which Clever cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {0} has an invalid value")]
pub struct BadSetting(pub &'static str);

impl Api {
    /// What the settings say. A token goes over TLS alone, but for an address of this machine.
    ///
    /// # Errors
    /// If no request could be made with them, or none should be.
    pub fn of(settings: &Clever) -> Result<Self, BadSetting> {
        let is_version = |text: &str| {
            text.starts_with('v') && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'.')
        };
        if !page::is_id(&settings.district) {
            Err(BadSetting("source.clever.district"))
        } else if !is_host(&settings.api) {
            Err(BadSetting("source.clever.api"))
        } else if !is_version(&settings.version) {
            Err(BadSetting("source.clever.version"))
        } else if !(1..=10_000).contains(&settings.page_size) {
            Err(BadSetting("source.clever.page_size"))
        } else {
            Ok(Self {
                data: settings.api.clone(),
                version: settings.version.clone(),
                limit: settings.page_size,
            })
        }
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

/// How far a pull is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullState {
    /// What the district said of its data before the first page.
    pub before: DataMark,
    /// By list; none: nothing is kept yet.
    pub lists: BTreeMap<Resource, Progress>,
    /// Why the data is not of today, as the district said when all was read.
    pub frozen: Option<Frozen>,
}

/// Why a district's data at Clever stays as it is: its own sync to Clever does not go on (`state`
/// of the district object).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// The district has paused it, or its yearly pause has come.
    Paused,
    /// It fails, and the district can mend it.
    Pending,
    /// It fails, and Clever can mend it.
    Error,
}

impl Frozen {
    fn of(state: &str) -> Option<Self> {
        match state {
            "paused" => Some(Self::Paused),
            "pending" => Some(Self::Pending),
            "error" => Some(Self::Error),
            _ => None,
        }
    }

    /// What is so, in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Paused => "the district's sync to Clever is paused",
            Self::Pending => "the district's sync to Clever fails; the district must fix it",
            Self::Error => "the district's sync to Clever fails; Clever must fix it",
        }
    }
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
    /// The state of its data.
    pub mark: DataMark,
    /// Why that is not of today.
    pub frozen: Option<Frozen>,
}

/// Takes pages as they come. A page that comes again (after a crash) takes the place of the one
/// before.
pub trait Pages: Sync {
    /// What can go wrong.
    type Error: Send;
    /// Keeps the `number`-th page (from 0) of a list, as it was sent, and after it how far the list
    /// is then.
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
    /// The token is not taken any more.
    #[error("Clever refused the district's token")]
    Unauthorized,
    /// The token is another district's.
    #[error("the token belongs to another district")]
    OtherDistrict,
    /// The list is not there.
    #[error(
        "Clever answered {status} for the list of {list}: the list may not be shared with this application or may not exist in this version"
    )]
    Refused {
        /// The list.
        list: &'static str,
        /// The status.
        status: u16,
    },
    /// Clever fails, again and again.
    #[error("Clever failed: {list} could not be read after {tries} tries ({last})")]
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

/// Reads a district's data from Clever.
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
    ///
    /// # Errors
    /// If Clever does not say.
    pub async fn district<E>(
        &self,
        token: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<Seen, PullError<E>> {
        let path = format!("/{}/districts", self.api.version);
        let window = Window::default();
        let answer =
            self.ask(&window, "districts", &path, token, rng, |body| page::items(body).map(|_| ()));
        let (answer, ()) = answer.await?;
        let not_a_page = PullError::Page { list: "districts", fault: PaginationError::NotAPage };
        let Some(first) = page::items(&answer.body).ok().and_then(|items| items.into_iter().next())
        else {
            return Err(not_a_page);
        };
        let Ok(district) = serde_json::from_str::<District<'_>>(first.data.get()) else {
            return Err(not_a_page);
        };
        let text = |text: &Text<'_>| text.get().map(str::to_owned);
        Ok(Seen {
            id: text(&district.id).unwrap_or_default(),
            name: text(&district.name).unwrap_or_default(),
            frozen: district.state.get().and_then(Frozen::of),
            mark: DataMark {
                last_sync: text(&district.last_sync),
                last_clever_sync: text(&district.last_clever_sync),
            },
        })
    }

    /// Whether the district shares any school: a token alone says that it may, not that it does.
    ///
    /// # Errors
    /// If Clever does not say.
    pub async fn shares<E>(
        &self,
        token: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, PullError<E>> {
        let path = format!("/{}/schools?limit=1", self.api.version);
        let read = |body: &[u8]| page::items(body).map(|items| !items.is_empty());
        Ok(self.ask(&Window::default(), "schools", &path, token, rng, read).await?.1)
    }

    /// Goes on, from nothing at first: reads all lists, side by side, until all is kept or `stop`
    /// says that it is time.
    ///
    /// `state` is right at every return, after an error and where this is broken off, too: what it
    /// calls kept is kept.
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
        if state.before != seen.mark {
            // Pages of two states cannot be put together, so there is no use in reading more of
            // them.
            return Ok(Pulled::Changed);
        }
        for resource in Resource::ALL {
            state.lists.entry(resource).or_default();
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
        state.frozen = after.frozen;
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
            let read = |body: &[u8]| {
                page::read(body, &path, after.as_deref())
                    .map(|page| (page.items.len() as u64, page.next))
            };
            let asked = self.ask(window, resource.name(), &query, token, &mut rng, read).await?;
            let (answer, (records, next)) = asked;
            if records == 0 && next.is_some() {
                return Err(PullError::Page {
                    list: resource.name(),
                    fault: PaginationError::Loop,
                });
            }
            let after = Progress {
                pages: progress.pages + 1,
                records: progress.records + records,
                done: next.is_none(),
                after: next.or_else(|| progress.after.clone()),
            };
            pages
                .keep(resource, progress.pages, answer.body, &after)
                .await
                .map_err(PullError::Keep)?;
            *progress = after;
        }
        Ok(true)
    }

    /// Asks for a page of a list.
    async fn ask<T, E>(
        &self,
        window: &Window,
        list: &'static str,
        path: &str,
        token: &Secret,
        rng: &mut fastrand::Rng,
        read: impl Fn(&[u8]) -> Result<T, PaginationError>,
    ) -> Result<(Answer, T), PullError<E>> {
        let request = Get {
            url: format!("{}{path}", self.api.data),
            credential: Credential::Bearer(token.clone()),
        };
        asking::ask((&self.http, &self.wait, &self.now), window, &request, rng, read).await.map_err(
            |unanswered| match unanswered {
                Unanswered::Refused(401 | 403) => PullError::Unauthorized,
                Unanswered::Refused(status) => PullError::Refused { list, status },
                Unanswered::Page(fault) => PullError::Page { list, fault },
                Unanswered::Down { tries, last } => PullError::Down { list, tries, last },
            },
        )
    }
}
