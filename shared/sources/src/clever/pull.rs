//! Reads all lists that a district shares, page by page. A pull can stop after any page and
//! continue later.

use std::collections::BTreeMap;
use std::future::Future;

use futures::future::join_all;
use roster::settings::Clever;
use serde::{Deserialize, Serialize};

use super::objects::{District, Text};
use super::page;
use crate::http::pace::Window;
use crate::http::retry::{self, RequestError};
use crate::http::{
    Answer, Credential, Failing, Get, Http, Now, PaginationError, Pulled, Secret, Wait, is_host,
};

/// The lists that a pull reads, each sorted by id. A list follows those that it refers to.
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
    /// `/users?role=staff`. They get no account, but sections may list them.
    Staff,
    /// `/users?role=district_admin`. They get no account, either.
    DistrictAdmins,
    /// `/users?role=student`
    Students,
    /// `/users?role=contact`
    Contacts,
    /// `/sections`, the only list with enrollments.
    Sections,
}

impl Resource {
    /// All lists, in the order in which they are imported.
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

    /// Returns the list's name in staged pages and messages.
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

/// Address and options of Clever's Data API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Scheme and host of the data, `https://api.clever.com`.
    data: String,
    /// The version, `v3.1`.
    version: String,
    /// Records per page.
    limit: u32,
}

/// A setting with which no request can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {0} has an invalid value")]
pub struct BadSetting(pub &'static str);

impl Api {
    /// Reads the settings. Requests use TLS, except to the local machine.
    ///
    /// # Errors
    /// If a setting has an invalid value.
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

/// The progress of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The number of staged pages.
    pub pages: u32,
    /// The number of records in them.
    pub records: u64,
    /// The id after which the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether the last page is staged.
    pub done: bool,
}

/// The progress of a pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullState {
    /// The data's version before the first page was read.
    pub before: DataVersion,
    /// The progress of each list; a list without an entry has no staged pages.
    pub lists: BTreeMap<Resource, Progress>,
    /// Why the data is not current, according to the district's record after the last page.
    pub frozen: Option<Frozen>,
}

/// Why a district's data at Clever is not current: the district's sync to Clever has stopped
/// (`state` of the district object).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// The district has paused it, or it is paused for the summer.
    Paused,
    /// It fails, and the district must fix it.
    Pending,
    /// It fails, and Clever must fix it.
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

    /// Returns the reason as text for a finding.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Paused => "the district's sync to Clever is paused",
            Self::Pending => "the district's sync to Clever fails; the district must fix it",
            Self::Error => "the district's sync to Clever fails; Clever must fix it",
        }
    }
}

/// The version of a district's data: it differs if the data has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataVersion {
    /// When the district last synced to Clever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<String>,
    /// When Clever last processed data in our scope, if Clever reports that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_clever_sync: Option<String>,
}

/// A district's record at Clever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistrictRecord {
    /// The district's id.
    pub id: String,
    /// The district's name.
    pub name: String,
    /// The version of its data.
    pub version: DataVersion,
    /// Why the data is not current, if it is not.
    pub frozen: Option<Frozen>,
}

/// Stores pages. A page that is stored again, after a crash, replaces the earlier one.
pub trait Pages: Sync {
    /// The error of the storage.
    type Error: Send;
    /// Stores the `number`-th page (from 0) of a list unchanged, and then the list's progress.
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
    /// Clever rejected the token.
    #[error("Clever refused the district's token")]
    Unauthorized,
    /// The token belongs to another district.
    #[error("the token belongs to another district")]
    OtherDistrict,
    /// The list does not exist or is not shared.
    #[error(
        "Clever answered {status} for the list of {list}: the list may not be shared \
         with this application or may not exist in this version"
    )]
    Refused {
        /// The list.
        list: &'static str,
        /// The status.
        status: u16,
    },
    /// Clever failed repeatedly.
    #[error("Clever failed: {list} could not be read after {tries} tries ({last})")]
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

/// Reads a district's data from Clever.
#[derive(Clone)]
pub struct Client<H, W> {
    /// The HTTP client.
    pub http: H,
    /// Pauses between requests.
    pub wait: W,
    /// The clock.
    pub now: Now,
    /// Clever's address and options.
    pub api: Api,
}

impl<H: Http, W: Wait> Client<H, W> {
    /// Returns the record of the district to which the token belongs.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub async fn district<E>(
        &self,
        token: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<DistrictRecord, PullError<E>> {
        let path = format!("/{}/districts", self.api.version);
        let window = Window::default();
        let answer = self
            .request(&window, "districts", &path, token, rng, |body| page::items(body).map(|_| ()));
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
        Ok(DistrictRecord {
            id: text(&district.id).unwrap_or_default(),
            name: text(&district.name).unwrap_or_default(),
            frozen: district.state.get().and_then(Frozen::of),
            version: DataVersion {
                last_sync: text(&district.last_sync),
                last_clever_sync: text(&district.last_clever_sync),
            },
        })
    }

    /// Whether the district shares at least one school. A valid token alone does not mean that it
    /// does.
    ///
    /// # Errors
    /// If the list of schools cannot be read.
    pub async fn shares<E>(
        &self,
        token: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, PullError<E>> {
        let path = format!("/{}/schools?limit=1", self.api.version);
        let read = |body: &[u8]| page::items(body).map(|items| !items.is_empty());
        Ok(self.request(&Window::default(), "schools", &path, token, rng, read).await?.1)
    }

    /// Starts or continues a pull: reads all lists concurrently, until all pages are stored or
    /// `stop` returns true.
    ///
    /// `state` is correct at every return, after an error and if the future is dropped: every page
    /// that it counts is stored.
    ///
    /// # Errors
    /// If a list cannot be read to its end.
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
        if state.before != seen.version {
            // Pages of two versions cannot be combined, so reading more of them is useless.
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
        Ok(if after.version == state.before { Pulled::Whole } else { Pulled::Changed })
    }

    #[expect(clippy::too_many_arguments, reason = "all arguments belong to one list of one pull")]
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
            let response =
                self.request(window, resource.name(), &query, token, &mut rng, read).await?;
            let (answer, (records, next)) = response;
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

    /// Requests a page of a list.
    async fn request<T, E>(
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
        retry::send((&self.http, &self.wait, &self.now), window, &request, rng, read).await.map_err(
            |error| match error {
                RequestError::Refused(401 | 403) => PullError::Unauthorized,
                RequestError::Refused(status) => PullError::Refused { list, status },
                RequestError::Page(fault) => PullError::Page { list, fault },
                RequestError::Down { tries, last } => PullError::Down { list, tries, last },
            },
        )
    }
}
