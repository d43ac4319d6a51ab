//! The API through which people and applications read rosters, make local edits and manage runs.
//!
//! API Gateway has verified the token before this code runs. The role in the token decides which
//! operations are allowed ([`access`]). The district and the schools in the token isolate tenants:
//! a record outside of them is answered like one that does not exist. Nothing here writes to the
//! mirror: local edits are stored beside it, and runs are requested from reconcile. The log names
//! neither people nor their ids.

pub mod access;
mod addresses;
mod cache;
mod caller;
mod class;
mod config;
mod context;
mod endpoint;
pub mod etag;
mod id_generator;
mod input;
mod page;
mod people;
mod policy;
pub mod problem;
mod pulls;
mod reference;
mod response;
mod router;
mod routes;
mod searching;
mod views;

use std::sync::Arc;

use mirror::clock::Clock;
use mirror::ops::edits::Edits;
use mirror::ports::directory::Directory;
use mirror::ports::district_settings::SettingsStore;
use mirror::ports::districts::{Districts, Leases};
use mirror::ports::erase::{EraseItems, EraseObjects};
use mirror::ports::idempotency::IdempotencyRecords;
use mirror::ports::objects::{ReadObjects, WriteObjects};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::Runs;

pub use caller::Caller;
pub use config::Config;
pub use endpoint::Route;
pub use input::LONGEST_BODY;
pub use reference::Reference;
pub use router::{router, routes};

/// The table as the API uses it.
pub trait Table:
    Districts + Leases + SettingsStore + Runs + Directory + Edits + IdempotencyRecords + EraseItems
{
}
impl<
    T: Districts + Leases + SettingsStore + Runs + Directory + Edits + IdempotencyRecords + EraseItems,
> Table for T
{
}

/// A bucket as the API uses it.
pub trait Objects: ReadObjects + WriteObjects + EraseObjects {}
impl<T: ReadObjects + WriteObjects + EraseObjects> Objects for T {}

/// The API: its storage behind a cheap clone.
#[derive(Debug)]
pub struct Api<T, O>(Arc<Storage<T, O>>);

/// What an [`Api`] reads from and writes to.
#[derive(Debug)]
pub struct Storage<T, O> {
    pub(crate) table: T,
    pub(crate) internal: O,
    pub(crate) inbox: O,
    pub(crate) clock: Clock,
    pub(crate) caches: cache::Caches,
    pub(crate) pulls: Option<Box<dyn pulls::RequestPull>>,
}

impl<T, O> Clone for Api<T, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, O> Api<T, O> {
    /// Creates an API that cannot request pulls. `internal` is the bucket of snapshots and runs,
    /// `inbox` the bucket of uploads.
    pub fn new(table: T, internal: O, inbox: O, clock: Clock) -> Self {
        Self::with(table, internal, inbox, clock, None)
    }

    /// Creates an API that requests pulls from nightly-pull: from the function with the ARN
    /// `function`, by schedules in `schedules`.
    pub fn with_pulls(
        table: T,
        internal: O,
        inbox: O,
        clock: Clock,
        schedules: impl OneTimeSchedules + std::fmt::Debug,
        function: &str,
    ) -> Self {
        let pulls = pulls::Scheduled { schedules, function: function.to_owned() };
        Self::with(table, internal, inbox, clock, Some(Box::new(pulls)))
    }

    fn with(
        table: T,
        internal: O,
        inbox: O,
        clock: Clock,
        pulls: Option<Box<dyn pulls::RequestPull>>,
    ) -> Self {
        Self(Arc::new(Storage {
            table,
            internal,
            inbox,
            clock,
            caches: cache::Caches::default(),
            pulls,
        }))
    }
}

impl<T, O> std::ops::Deref for Api<T, O> {
    type Target = Storage<T, O>;

    fn deref(&self) -> &Storage<T, O> {
        &self.0
    }
}
