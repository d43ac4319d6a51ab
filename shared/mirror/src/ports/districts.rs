//! A district's own item: settings, status, newest snapshot, last applied run, open run and lease.

use std::future::Future;

use jiff::Timestamp;
use roster::contract::Administrator;
use roster::id::{DistrictId, RunId};
use roster::settings::{DistrictStatus, Settings};
use serde::{Deserialize, Serialize};

use crate::MirrorError;

/// A district as stored in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct District {
    /// The id.
    pub id: DistrictId,
    /// The settings.
    pub settings: Settings,
    /// The status.
    pub status: DistrictStatus,
    /// The lease, if an invocation holds one.
    pub lease: Option<Lease>,
    /// The newest accepted snapshot: the only one that may be planned.
    pub latest: Option<Latest>,
    /// The last run that was applied to the mirror.
    pub applied: Option<Applied>,
    /// The last run that was planned. It may be held, or partly written.
    pub open: Option<RunId>,
}

/// The exclusive right to process the runs of a district, for a limited time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The invocation that holds the lease.
    pub owner: String,
    /// The fencing token. It increases each time the lease is taken; a write with a smaller token
    /// is rejected.
    pub token: u64,
    /// When the lease expires, unless it is released before.
    pub until: Timestamp,
}

/// The newest accepted snapshot. The key of its upload lineage is [`crate::keys::chain`], that of
/// its manifest [`crate::keys::manifest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The run of the snapshot.
    pub run: RunId,
    /// The time of its data: that of its newest upload.
    pub taken_at: Timestamp,
}

/// The last run that was applied to the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The run.
    pub run: RunId,
    /// The time of its snapshot's data.
    pub taken_at: Timestamp,
    /// The number of runs that have changed the mirror. A held plan is valid while it stays the
    /// same.
    pub version: u64,
}

/// The result of a write that is made once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// The item was written.
    Yes,
    /// The item already exists.
    AlreadyThere,
}

/// The result of a conditional change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// The change was made.
    Yes,
    /// The condition was not met: another process was faster, or the lease is lost.
    No,
}

/// The result of taking a lease.
#[derive(Clone, Debug, PartialEq)]
pub enum TakeLease {
    /// The lease is taken. Contains the district with the new lease.
    Taken(Box<District>),
    /// Another invocation holds the lease.
    Held {
        /// When that lease expires.
        until: Timestamp,
    },
    /// The district does not exist.
    NoDistrict,
}

/// The result of releasing a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseLease {
    /// The caller no longer holds the lease.
    Released,
    /// A newer snapshot was accepted in the meantime. The caller still holds the lease.
    NewerSnapshot,
}

/// Reads and creates districts.
pub trait Districts: Clone + Send + Sync + 'static {
    /// Returns a district, or `None` if it does not exist.
    fn district(
        &self,
        id: &DistrictId,
    ) -> impl Future<Output = Result<Option<District>, MirrorError>> + Send;
    /// Creates a district.
    fn create(
        &self,
        id: &DistrictId,
        settings: &Settings,
        status: DistrictStatus,
    ) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
    /// Makes a snapshot the district's newest, if the newest is still that of the run `seen`
    /// (`None` if there was none).
    fn accept(
        &self,
        id: &DistrictId,
        latest: &Latest,
        seen: Option<&RunId>,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
    /// Returns the administrators, who are managed in Rollbook (R-M5).
    fn administrators(
        &self,
        id: &DistrictId,
    ) -> impl Future<Output = Result<Vec<Administrator>, MirrorError>> + Send;
    /// Stores an administrator. Replaces the one with the same e-mail address.
    fn put_administrator(
        &self,
        id: &DistrictId,
        administrator: &Administrator,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}

/// Ensures that at most one run per district is in progress.
///
/// The lease lasts longer than an invocation can, so no invocation writes under an expired lease.
/// Every write of the district's item under a lease checks the token.
pub trait Leases: Clone + Send + Sync + 'static {
    /// Takes the lease if it is free, expired, or held by the same owner (the same invocation,
    /// retried after a crash).
    fn take(
        &self,
        id: &DistrictId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<TakeLease, MirrorError>> + Send;
    /// Releases the lease, unless the newest snapshot is no longer that of the run `seen`: the
    /// event of the newer snapshot found the lease taken, so the holder must process its run.
    fn release(
        &self,
        id: &DistrictId,
        token: u64,
        seen: Option<&RunId>,
    ) -> impl Future<Output = Result<ReleaseLease, MirrorError>> + Send;
    /// Records the run that is planned next, before it can be held or written.
    fn set_open(
        &self,
        id: &DistrictId,
        token: u64,
        run: &RunId,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
    /// Records the run that was applied. The run stays the open one: if its record could not be
    /// saved, the next run of the district completes it.
    fn set_applied(
        &self,
        id: &DistrictId,
        token: u64,
        applied: &Applied,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
}
