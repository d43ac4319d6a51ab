//! A district's own item: what is configured, which snapshot is the newest, what was applied, and
//! who may work on it now.

use std::future::Future;

use jiff::Timestamp;
use roster::contract::Administrator;
use roster::id::{DistrictId, RunId};
use roster::settings::{DistrictStatus, Settings};
use serde::{Deserialize, Serialize};

use crate::MirrorError;

/// A district as the table has it.
#[derive(Clone, Debug, PartialEq)]
pub struct District {
    /// Its id.
    pub id: DistrictId,
    /// What the operator configured.
    pub settings: Settings,
    /// Where it stands.
    pub status: DistrictStatus,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// The newest snapshot that was accepted: the only one that may be planned.
    pub latest: Option<Latest>,
    /// The last run that the mirror equals.
    pub applied: Option<Applied>,
    /// The last run that was planned: it may wait for a person, or be half written.
    pub open: Option<RunId>,
}

/// The right to work on a district, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it: an invocation.
    pub owner: String,
    /// Grows with every taking; a write under a smaller one is refused.
    pub token: u64,
    /// Until when, unless given back before.
    pub until: Timestamp,
}

/// The newest accepted snapshot. Its list of uploads lies at [`crate::keys::chain`], its manifest
/// at [`crate::keys::manifest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The run that made it.
    pub run: RunId,
    /// The moment for which it speaks: that of its newest upload.
    pub taken_at: Timestamp,
}

/// What the mirror equals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The run.
    pub run: RunId,
    /// The moment for which its snapshot spoke.
    pub taken_at: Timestamp,
    /// How many runs changed the mirror up to this one: a held plan is still good while this is the
    /// same.
    pub version: u64,
}

/// Whether something was written that is to be written once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// Yes.
    Yes,
    /// It was there before.
    AlreadyThere,
}

/// Whether a conditional change was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// Yes.
    Yes,
    /// The condition did not hold: somebody else was faster, or the lease is lost.
    No,
}

/// What became of taking a lease.
#[derive(Clone, Debug, PartialEq)]
pub enum TakeLease {
    /// It is ours: the district as it is now, with our lease in it.
    Taken(Box<District>),
    /// It is somebody else's.
    Held {
        /// Until when, at the latest.
        until: Timestamp,
    },
    /// No such district.
    NoDistrict,
}

/// What became of giving a lease back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseLease {
    /// It is nobody's now, or was no longer ours.
    Released,
    /// A newer snapshot was accepted meanwhile; the lease is still ours.
    NewerSnapshot,
}

/// Reading and configuring districts.
pub trait Districts: Clone + Send + Sync + 'static {
    /// A district, or none.
    fn district(
        &self,
        id: &DistrictId,
    ) -> impl Future<Output = Result<Option<District>, MirrorError>> + Send;
    /// Makes a district.
    fn create(
        &self,
        id: &DistrictId,
        settings: &Settings,
        status: DistrictStatus,
    ) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
    /// Makes a snapshot the district's newest, provided that the newest is still the one that was
    /// seen before (`None`: none).
    fn accept(
        &self,
        id: &DistrictId,
        latest: &Latest,
        seen: Option<&RunId>,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
    /// The administrators made by hand (R-M5).
    fn administrators(
        &self,
        id: &DistrictId,
    ) -> impl Future<Output = Result<Vec<Administrator>, MirrorError>> + Send;
    /// Makes an administrator, or gives one another account.
    fn put_administrator(
        &self,
        id: &DistrictId,
        administrator: &Administrator,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}

/// One run per district at a time.
///
/// The lease outlives the longest invocation, so that nobody writes under a lease that is over.
/// Every later write of the district's item checks the token.
pub trait Leases: Clone + Send + Sync + 'static {
    /// Takes the lease if it is free, over, or already this owner's (the same invocation, delivered
    /// again after a crash).
    fn take(
        &self,
        id: &DistrictId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<TakeLease, MirrorError>> + Send;
    /// Gives it back, unless the newest snapshot is no longer `seen`: then its run has found the
    /// lease taken, and must not wait.
    fn release(
        &self,
        id: &DistrictId,
        token: u64,
        seen: Option<&RunId>,
    ) -> impl Future<Output = Result<ReleaseLease, MirrorError>> + Send;
    /// Notes the run that is planned next, before it can wait for a person or write.
    fn set_open(
        &self,
        id: &DistrictId,
        token: u64,
        run: &RunId,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
    /// Notes what the mirror equals now. The run stays the open one: whoever comes next sees to it
    /// that its record says so too.
    fn set_applied(
        &self,
        id: &DistrictId,
        token: u64,
        applied: &Applied,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
}
