//! The API through which people and applications read rosters, edit beside them, and look after
//! runs.
//!
//! API Gateway has verified the token before anything here runs; the role decides what may be done
//! ([`access`]), the district and the schools in the token are walls: what lies beyond is answered
//! like what does not exist. Nothing here writes into the mirror: edits are put beside it, runs are
//! asked of reconcile. No line of the log names a person or a source's id of one.

pub mod access;
mod answer;
mod caller;
mod config;
mod desk;
pub mod etag;
mod fresh;
mod input;
mod kept;
mod page;
mod people;
mod policy;
pub mod problem;
mod pulls;
mod reference;
mod router;
mod routes;
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
pub use input::LONGEST_BODY;
pub use reference::Reference;
pub use router::{Route, router, routes};

/// What the API does with the table.
pub trait Table:
    Districts + Leases + SettingsStore + Runs + Directory + Edits + IdempotencyRecords + EraseItems
{
}
impl<
    T: Districts + Leases + SettingsStore + Runs + Directory + Edits + IdempotencyRecords + EraseItems,
> Table for T
{
}

/// What the API does with buckets.
pub trait Objects: ReadObjects + WriteObjects + EraseObjects {}
impl<T: ReadObjects + WriteObjects + EraseObjects> Objects for T {}

/// Where the API reads and writes.
#[derive(Debug)]
pub struct Api<T, O>(Arc<Storage<T, O>>);

/// What an [`Api`] works with.
#[derive(Debug)]
pub struct Storage<T, O> {
    pub(crate) table: T,
    pub(crate) internal: O,
    pub(crate) inbox: O,
    pub(crate) clock: Clock,
    pub(crate) memory: kept::Memory,
    pub(crate) pulls: Option<Box<dyn pulls::Pulls>>,
}

impl<T, O> Clone for Api<T, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, O> Api<T, O> {
    /// The table, the bucket of snapshots and runs, the bucket of uploads, and the time. Nobody is
    /// asked for pulls.
    pub fn new(table: T, internal: O, inbox: O, clock: Clock) -> Self {
        Self::with(table, internal, inbox, clock, None)
    }

    /// The same, with the function that pulls districts: its schedules and its ARN.
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
        pulls: Option<Box<dyn pulls::Pulls>>,
    ) -> Self {
        Self(Arc::new(Storage {
            table,
            internal,
            inbox,
            clock,
            memory: kept::Memory::default(),
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
