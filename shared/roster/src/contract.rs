//! The contract between the planner and what it reads from and writes to.
//!
//! The crate `mirror` implements these traits for snapshots and the table; tests implement them in
//! memory. The engine in the crate `rules` only uses them.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::edit::LocalEdit;
use crate::finding::Finding;
use crate::id::{AccountId, DistrictId, RunId, SourceId};
use crate::outcome::RecentRemovals;
use crate::personal::Personal;
use crate::policy::Policy;
use crate::records::{Kind, Link, Mirrored, MirroredBox, RecordKind, SourceBox};
use crate::snapshot::UnreadableRecord;
use crate::withheld::Withheld;

/// An error of a [`PlanInputs`], [`UndoInputs`] or [`PlanSink`].
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The district, run and day that a plan is computed for.
#[derive(Debug, Clone)]
pub struct PlanContext<'a> {
    /// The district.
    pub district: &'a DistrictId,
    /// The run.
    pub run: &'a RunId,
    /// The day for which terms and enrollments are read.
    pub today: Date,
    /// The district's policy.
    pub policy: &'a Policy,
    /// The scopes in which the plan leaves out removals, or removals and changes (R-H2, R-H5).
    pub withheld: &'a Withheld,
    /// The date on which the plan is made, in the district's time zone. Pins end by it, not by the
    /// day of the snapshot (R-P1).
    pub made_on: Date,
    /// What the runs of the last 7 days have removed (R-H1).
    pub recent: &'a RecentRemovals,
}

/// The inputs of a plan. Every sequence can be read repeatedly, and is in the order of
/// [`crate::id::table_order`] (the snapshot by source id, the mirror and the edits by key). Records
/// are boxed because they are up to 1 KB and are moved often.
pub trait PlanInputs {
    /// The error of a read.
    type Error: Into<BoxError>;
    /// Returns the snapshot's records of one kind.
    fn snapshot<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Self::Error>>, Self::Error>;
    /// Returns the same records; only the fields of the [projection](Kind::Projection) need to be
    /// set.
    fn snapshot_projection<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Self::Error>>, Self::Error> {
        self.snapshot::<K>()
    }
    /// Returns the records and enrollments that could not be read.
    fn unreadable(
        &self,
    ) -> Result<impl Iterator<Item = Result<UnreadableRecord, Self::Error>>, Self::Error>;
    /// Returns the mirror's records of one kind, archived ones included.
    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Self::Error>>, Self::Error>;
    /// Returns the same records; only the fields of the [projection](Kind::StateProjection) need to
    /// be set.
    fn mirror_projection<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Self::Error>>, Self::Error> {
        self.mirror::<K>()
    }
    /// Returns the local edits of the records of one kind, grouped by record.
    fn edits(
        &self,
        kind: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Self::Error>>, Self::Error>;
    /// Returns the identity links.
    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Self::Error>>, Self::Error>;
    /// Whether the source's ids are those of the student information system, as in OneRoster.
    /// Clever has ids of its own.
    fn sis_ids(&self) -> bool {
        true
    }
    /// Returns the administrators of the district (R-M5).
    fn administrators(&self) -> Result<Vec<Administrator>, Self::Error>;
}

/// The inputs of an undo. Every sequence can be read repeatedly.
pub trait UndoInputs {
    /// The error of a read.
    type Error: Into<BoxError>;
    /// Returns the changes of the run to undo, in the order of its plan.
    fn changes(&self) -> Result<impl Iterator<Item = Result<Change, Self::Error>>, Self::Error>;
    /// Returns the mirror's present records of one kind, archived ones included.
    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<Mirrored<K>, Self::Error>>, Self::Error>;
    /// Returns the local edits of the records of one kind.
    fn edits(
        &self,
        kind: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Self::Error>>, Self::Error>;
    /// Returns the identity links.
    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Self::Error>>, Self::Error>;
}

/// Receives a plan: for each kind of [`RecordKind::ALL`] its additions and changes. Removals can
/// arrive at any point; the receiver stores them separately and applies them last (invariant 21).
pub trait PlanSink {
    /// The error of a write.
    type Error: Into<BoxError>;
    /// Receives a change.
    fn change(&mut self, change: Change) -> Result<(), Self::Error>;
    /// Receives a finding.
    fn finding(&mut self, finding: Finding) -> Result<(), Self::Error>;
    /// Receives an active student who belongs to a group (R-M8).
    fn member(
        &mut self,
        field: &'static str,
        value: &Personal,
        student: &SourceId,
    ) -> Result<(), Self::Error>;
}

/// An administrator's account, created by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// The e-mail address, in lower case.
    pub email: Personal,
    /// The account.
    pub account: AccountId,
}

/// Why a plan could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The snapshot or the mirror could not be read.
    #[error("could not read the input of the plan")]
    Input(#[source] BoxError),
    /// A change or a finding could not be written.
    #[error("could not write the plan")]
    Sink(#[source] BoxError),
    /// A sequence is not in the order of the table. Merging it would treat present records as gone.
    #[error("the records of kind {kind} are not in table order")]
    Order {
        /// The kind.
        kind: RecordKind,
    },
}

impl PlanError {
    /// Wraps an error of [`PlanInputs`] or [`UndoInputs`].
    pub fn input(error: impl Into<BoxError>) -> Self {
        Self::Input(error.into())
    }

    /// Wraps an error of [`PlanSink`].
    pub fn sink(error: impl Into<BoxError>) -> Self {
        Self::Sink(error.into())
    }
}
