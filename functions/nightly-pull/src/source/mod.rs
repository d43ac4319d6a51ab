//! The sources from which districts are pulled, each in a module of its own: what opens it, how it
//! is read, and who has connected.
//!
//! What is common to all (runs, tries, deadlines, snapshots, reports, schedules) is outside, and
//! knows of a source only what [`Source`] says. A source that is added is a module here, a line in
//! [`for_source`], and one in [`roster::settings::SourceSettings::pulled`].

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
use mirror::clock::{Clock, Deadline};
use mirror::files::pulls::Pages;
use mirror::ports::secrets::{SecretCache, Secrets};
use roster::finding::{Code, pull as codes};
use roster::policy::Policy;
use roster::settings::SourceSettings;
use roster::snapshot::SnapshotSink;
use serde_json::Value;
use sources::http::{Http, Now, Pulled as How, Wait};
use sources::{Import, ImportError};
use tokio::runtime::Handle;

use crate::{Config, Objects, PullFailure, Storage};

/// Does something with the source that a district's settings name, whichever it is; none: the
/// roster is not pulled.
macro_rules! for_source {
    ($settings:expr, |$source:ident| $work:expr) => {
        match $settings.pulled() {
            Some(roster::settings::Pulled::Clever(own)) => {
                let $source = own.clone();
                Some($work)
            }
            Some(roster::settings::Pulled::OneRoster(own)) => {
                let $source = own.clone();
                Some($work)
            }
            Some(roster::settings::Pulled::ClassLink(own)) => {
                let $source = own.clone();
                Some($work)
            }
            None => None,
        }
    };
}

pub(crate) use for_source;

/// What a source is reached with.
pub(crate) struct World<'a, S, H, W> {
    pub(crate) config: &'a Config,
    pub(crate) secrets: &'a SecretCache<S>,
    http: &'a H,
    wait: &'a W,
    clock: &'a Clock,
}

impl<'a, S, H: Clone, W: Clone> World<'a, S, H, W> {
    pub(crate) fn of<T, O, L>(config: &'a Config, storage: &'a Storage<T, O, L, S, H, W>) -> Self {
        let Storage { secrets, http, wait, clock, .. } = storage;
        Self { config, secrets, http, wait, clock }
    }

    fn client(&self) -> (H, W, Now) {
        let clock = self.clock.clone();
        (self.http.clone(), self.wait.clone(), Arc::new(move || clock.now()))
    }
}

/// Why a source does not let anybody in.
#[derive(Debug)]
pub(crate) enum AuthError {
    /// There is nothing to open it with, in words for an operator.
    None(String),
    /// Nobody can tell now.
    Down(String),
    /// Storage failed.
    Storage(MirrorError),
}

impl From<MirrorError> for AuthError {
    fn from(error: MirrorError) -> Self {
        AuthError::Storage(error)
    }
}

/// What stands between an order and its snapshot.
pub(crate) enum Stop {
    /// A person has to do something.
    Refused(&'static Code, Option<String>),
    /// The source is down: it may be up again in a while.
    Down(String),
    /// What opened the source does not any more.
    Unauthorized,
    /// Something here failed.
    Failed(PullFailure),
}

impl From<MirrorError> for Stop {
    fn from(error: MirrorError) -> Self {
        Stop::Failed(error.into())
    }
}

impl From<AuthError> for Stop {
    fn from(none: AuthError) -> Self {
        match none {
            AuthError::None(why) => Stop::Refused(&codes::SOURCE_NO_TOKEN, Some(why)),
            AuthError::Down(why) => Stop::Down(why),
            AuthError::Storage(error) => error.into(),
        }
    }
}

/// How far a try got.
pub(crate) enum Reached<P> {
    Whole(P),
    Paused,
    Changed,
}

impl<P> Reached<P> {
    /// What a client says of it; `None`: time was up.
    fn of(how: Option<How>, lists: P) -> Self {
        match how {
            Some(How::Whole) => Reached::Whole(lists),
            Some(How::Changed) => Reached::Changed,
            Some(How::Paused) | None => Reached::Paused,
        }
    }
}

/// What a snapshot is made with.
pub(crate) struct SnapshotInputs<'a, O> {
    /// The pages of everything, where what was read is what has changed since.
    pub(crate) base: Option<Pages<O>>,
    pub(crate) handle: &'a Handle,
    pub(crate) settings: &'a SourceSettings,
    pub(crate) policy: &'a Policy,
    pub(crate) today: Date,
    pub(crate) sink: &'a mut dyn SnapshotSink,
}

/// A source, as the settings of a district have it.
pub(crate) trait Source: Clone + Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;
    /// What opens it: looked up for every pull, for it may change any day.
    type Key: Clone + PartialEq + Send + Sync;
    /// How far each of its lists is.
    type Lists: Send + 'static;

    /// The district's id there.
    fn id(&self) -> String;
    /// Whether the settings are such that requests can be made with them; if not, why.
    fn check(&self) -> Result<(), String>;
    /// How many hours apart what has changed is read between the nights; none: never.
    fn changes_every(&self) -> Option<u8> {
        None
    }
    /// What opens it.
    async fn key<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        rng: &mut fastrand::Rng,
    ) -> Result<Self::Key, AuthError>;
    /// What it says of the state of its data, before the first page.
    async fn mark<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Self::Key,
        rng: &mut fastrand::Rng,
    ) -> Result<Value, Stop>;
    /// Reads on from where the staged pages end.
    async fn read<S: Secrets, H: Http, W: Wait, O: Objects>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Self::Key,
        trying: Attempt<'_, O>,
    ) -> Result<Reached<Self::Lists>, Stop>;
    /// Makes a snapshot of the staged pages, in a thread that may block.
    fn snapshot<O: Objects>(
        &self,
        pages: Pages<O>,
        lists: &Self::Lists,
        making: SnapshotInputs<'_, O>,
    ) -> Result<Import, ImportError>;
}

/// One try of a pull.
pub(crate) struct Attempt<'a, O> {
    pub(crate) pages: Pages<O>,
    pub(crate) settings: &'a SourceSettings,
    pub(crate) policy: &'a Policy,
    pub(crate) mark: Value,
    /// Only what has changed since then is read; none: everything.
    pub(crate) since: Option<Timestamp>,
    pub(crate) deadline: &'a Deadline,
    pub(crate) rng: fastrand::Rng,
}

/// A district that a source's list names.
pub(crate) struct Listed<K> {
    /// Its id there.
    pub(crate) id: String,
    /// What opens it.
    pub(crate) key: K,
}

/// A source that has a list of who has connected.
pub(crate) trait Listing: Source {
    /// The preset that a district begins with; an operator configures it before anything is pulled
    /// (R-O2).
    const PRESET: &'static str;

    /// Whether there are credentials for the list.
    fn is_configured(config: &Config) -> bool;
    /// Those who have connected: all, or the one that is asked for.
    async fn listed<S: Secrets, H: Http, W: Wait>(
        world: &World<'_, S, H, W>,
        only: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Listed<Self::Key>>, AuthError>;
    /// What is configured of a district before anybody configures it.
    fn new(config: &Config, id: &str) -> Self;
    /// The id that a district has here.
    fn district(id: &str) -> String;
    /// Puts it into settings.
    fn set(self, settings: &mut SourceSettings);
    /// Whether the district shares anything yet. The error is for the log.
    async fn shares<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Self::Key,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, String>;
}

/// How far lists are of which each has a name.
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

/// A secret that must be there.
async fn secret<S: Secrets, H, W>(
    world: &World<'_, S, H, W>,
    name: &str,
    what: &str,
) -> Result<roster::personal::Secret, AuthError> {
    let secret = world.secrets.secret(name).await?;
    secret.ok_or_else(|| AuthError::None(format!("the secret with {what} does not exist")))
}
