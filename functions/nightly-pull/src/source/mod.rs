//! The sources from which districts are pulled. Each is one module: credentials, reading, and the
//! list of connected districts.
//!
//! Everything common to all sources (runs, attempts, deadlines, snapshots, reports, schedules) is
//! outside this module and uses only [`Source`] and [`Discover`]. To add a source, write its module
//! and add one line to `registry.rs`; its settings are in [`roster::settings`].

mod classlink;
mod clever;
mod oneroster;
mod staging;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use mirror::MirrorError;
use mirror::clock::Deadline;
use mirror::files::pulls::Pages;
use mirror::ports::secrets::Secrets as _;
use roster::finding::{Code, pull as codes};
use roster::policy::Policy;
use roster::settings::{PulledSource, SourceSettings};
use roster::snapshot::SnapshotSink;
use serde_json::Value;
use sources::http::{Now, Pulled as How};
use sources::{Import, ImportError};
use tokio::runtime::Handle;

use crate::{Config, Objects, PullFailure, Services, Storage};

/// What a source needs to send requests.
pub(crate) struct SourceContext<'a, S: Services> {
    pub(crate) config: &'a Config,
    pub(crate) storage: &'a Storage<S>,
}

impl<S: Services> SourceContext<'_, S> {
    /// Returns the HTTP client, the pauses and the clock.
    fn client(&self) -> (S::Http, S::Wait, Now) {
        let clock = self.storage.clock.clone();
        (self.storage.http.clone(), self.storage.wait.clone(), Arc::new(move || clock.now()))
    }

    /// Reads a secret. `what` names its content, for the error if it does not exist.
    async fn secret(&self, name: &str, what: &str) -> Result<roster::personal::Secret, AuthError> {
        let secret = self.storage.secrets.secret(name).await?;
        secret.ok_or_else(|| AuthError::Missing(format!("the secret with {what} does not exist")))
    }
}

/// Why authentication at a source failed.
#[derive(Debug)]
pub(crate) enum AuthError {
    /// There are no usable credentials; the text is for operators.
    Missing(String),
    /// The server with the credentials is down.
    Down(String),
    /// Storage failed.
    Storage(MirrorError),
}

impl From<MirrorError> for AuthError {
    fn from(error: MirrorError) -> Self {
        AuthError::Storage(error)
    }
}

/// Why a pull is interrupted.
pub(crate) enum PullInterrupted {
    /// Someone has to act: the code and text of the finding say why.
    Refused(&'static Code, Option<String>),
    /// The source is down; retry later.
    Down(String),
    /// The source no longer accepts the credentials.
    Unauthorized,
    /// The function itself failed.
    Failed(PullFailure),
}

impl From<MirrorError> for PullInterrupted {
    fn from(error: MirrorError) -> Self {
        PullInterrupted::Failed(error.into())
    }
}

impl From<AuthError> for PullInterrupted {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing(why) => PullInterrupted::Refused(&codes::SOURCE_NO_TOKEN, Some(why)),
            AuthError::Down(why) => PullInterrupted::Down(why),
            AuthError::Storage(error) => error.into(),
        }
    }
}

/// How far an attempt got.
pub(crate) enum Reached<P> {
    /// All pages are staged.
    Whole(P),
    /// Time is up.
    Paused,
    /// The data changed meanwhile, so the pages must not be used together.
    Changed,
}

impl<P> Reached<P> {
    /// Converts a client's result; `None` means that time was up.
    fn of(how: Option<How>, lists: P) -> Self {
        match how {
            Some(How::Whole) => Reached::Whole(lists),
            Some(How::Changed) => Reached::Changed,
            Some(How::Paused) | None => Reached::Paused,
        }
    }
}

/// The inputs of a snapshot.
pub(crate) struct SnapshotInputs<'a, O> {
    /// The pages of the full pull, if this pull is incremental.
    pub(crate) base: Option<Pages<O>>,
    pub(crate) handle: &'a Handle,
    pub(crate) settings: &'a SourceSettings,
    pub(crate) policy: &'a Policy,
    pub(crate) today: Date,
    pub(crate) sink: &'a mut dyn SnapshotSink,
}

/// A source, implemented by its settings type.
pub(crate) trait Source: PulledSource + Clone + Send + Sync + 'static {
    /// The credentials. Fetched for every pull, because they may change any day.
    type Key: Clone + PartialEq + Send + Sync;
    /// The progress of each list.
    type Lists: Send + 'static;

    /// Checks the settings. The error says for operators why no request can be made with them.
    fn check(&self) -> Result<(), String>;
    /// Fetches the credentials.
    async fn key<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        rng: &mut fastrand::Rng,
    ) -> Result<Self::Key, AuthError>;
    /// Reads the version of the source's data, before the first page.
    async fn data_version<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Self::Key,
        rng: &mut fastrand::Rng,
    ) -> Result<Value, PullInterrupted>;
    /// Reads the lists, starting after the last staged page.
    async fn read<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Self::Key,
        attempt: Attempt<'_, S::Objects>,
    ) -> Result<Reached<Self::Lists>, PullInterrupted>;
    /// Makes a snapshot of the staged pages. Blocks the thread.
    fn snapshot<O: Objects>(
        &self,
        pages: Pages<O>,
        lists: &Self::Lists,
        inputs: SnapshotInputs<'_, O>,
    ) -> Result<Import, ImportError>;
}

/// One attempt of a pull.
pub(crate) struct Attempt<'a, O> {
    pub(crate) pages: Pages<O>,
    pub(crate) settings: &'a SourceSettings,
    pub(crate) policy: &'a Policy,
    pub(crate) data_version: Value,
    /// If set, only records that have changed since then are read.
    pub(crate) since: Option<Timestamp>,
    pub(crate) deadline: &'a Deadline,
    pub(crate) rng: fastrand::Rng,
}

/// A district in a source's list.
pub(crate) struct Listed<K> {
    /// The district's id at the source.
    pub(crate) id: String,
    /// The district's credentials.
    pub(crate) key: K,
}

/// A source with a list of the districts that have connected the application.
pub(crate) trait Discover: Source {
    /// The list's name in requests for a discovery poll.
    const LIST: &'static str = Self::SOURCE;
    /// The preset of a new district. An operator configures the district before anything is pulled
    /// (R-O2).
    const PRESET: &'static str;

    /// Whether credentials for the list are configured.
    fn is_configured(config: &Config) -> bool;
    /// Reads the list: all districts, or only the one with the id `only`.
    async fn listed<S: Services>(
        context: &SourceContext<'_, S>,
        only: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Listed<Self::Key>>, AuthError>;
    /// Returns the source settings of a new district.
    fn new(config: &Config, id: &str) -> Self;
    /// Returns our id for a district, from its id at the source.
    fn district(id: &str) -> String;
    /// Stores the source settings in a district's settings.
    fn set(self, settings: &mut SourceSettings);
    /// Whether the district shares at least one school or org. The error is for the log.
    async fn shares<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Self::Key,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, String>;
}

/// Reads the progress of all lists, by their names.
async fn cursors<R: Copy + Ord, P: serde::de::DeserializeOwned, O: Objects>(
    pages: &Pages<O>,
    all: impl IntoIterator<Item = (R, &'static str)>,
) -> Result<BTreeMap<R, P>, MirrorError> {
    let mut lists = BTreeMap::new();
    for (list, name) in all {
        if let Some(progress) = pages.cursor(name).await? {
            lists.insert(list, progress);
        }
    }
    Ok(lists)
}
