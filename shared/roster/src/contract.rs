//! The contract between the planner and what it reads from and writes to.
//!
//! The engine in the crate `rules` implements none of these traits: `mirror` reads snapshots and the
//! table through them, and tests read from memory.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::edit::LocalEdit;
use crate::finding::Finding;
use crate::id::{AccountId, DistrictId, RunId, SourceId};
use crate::personal::Personal;
use crate::policy::Policy;
use crate::records::{Kind, Link, Mirrored, MirroredBox, RecordKind, SourceBox};
use crate::snapshot::UnreadableRecord;

/// An error of whatever the planner reads from or writes to.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a plan is made for.
#[derive(Debug, Clone)]
pub struct PlanContext<'a> {
    /// The district.
    pub district: &'a DistrictId,
    /// The run.
    pub run: &'a RunId,
    /// The day for which dates are read.
    pub today: Date,
    /// The district's policy.
    pub policy: &'a Policy,
    /// False for "additions and changes only" (R-H2): nothing counts as gone.
    pub removals: bool,
}

/// What a plan is made from. Every sequence can be read again from its start, and is in the order
/// of [`crate::id::table_order`] (the snapshot's by source id, the mirror's and the edits by key).
/// Records come in boxes: a record is up to a kilobyte, and goes through several hands.
pub trait PlanInputs {
    /// What can go wrong while reading.
    type Error: Into<BoxError>;
    /// The records of one kind that the source has.
    fn snapshot<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Self::Error>>, Self::Error>;
    /// The same, of which only what an [projection](Kind::Projection) has needs to be there.
    fn snapshot_projection<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Self::Error>>, Self::Error> {
        self.snapshot::<K>()
    }
    /// What the source sent and could not be read.
    fn gaps(
        &self,
    ) -> Result<impl Iterator<Item = Result<UnreadableRecord, Self::Error>>, Self::Error>;
    /// The records of one kind that the mirror has, archived ones too.
    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Self::Error>>, Self::Error>;
    /// The same, of which only what an [projection](Kind::StateProjection) has needs to be there.
    fn mirror_projection<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Self::Error>>, Self::Error> {
        self.mirror::<K>()
    }
    /// What people did to the records of one kind; the edits of a record stand together.
    fn edits(
        &self,
        kind: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Self::Error>>, Self::Error>;
    /// Identity links.
    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Self::Error>>, Self::Error>;
    /// Whether the source's ids are those of the student information system, as in OneRoster.
    /// Clever has ids of its own.
    fn sis_ids(&self) -> bool {
        true
    }
    /// Administrators of the district: e-mail (lower case) and account (R-M5).
    fn administrators(&self) -> Result<Vec<Administrator>, Self::Error>;
}

/// What an undo is made from. Every sequence can be read again from its start.
pub trait UndoInputs {
    /// What can go wrong while reading.
    type Error: Into<BoxError>;
    /// The changes of the run that is to be taken back, in the order of its plan.
    fn changes(&self) -> Result<impl Iterator<Item = Result<Change, Self::Error>>, Self::Error>;
    /// The records of one kind that the mirror has now, archived ones too.
    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<Mirrored<K>, Self::Error>>, Self::Error>;
    /// The local edits beside the records of one kind.
    fn edits(
        &self,
        kind: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Self::Error>>, Self::Error>;
    /// Identity links.
    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Self::Error>>, Self::Error>;
}

/// Takes what a plan produces, in this order: for each kind of [`RecordKind::ALL`] its additions and
/// changes, and, whenever they come up, removals, which the receiver keeps apart and applies last
/// (invariant 21).
pub trait PlanSink {
    /// What can go wrong while writing.
    type Error: Into<BoxError>;
    /// One change.
    fn change(&mut self, change: Change) -> Result<(), Self::Error>;
    /// One finding.
    fn finding(&mut self, finding: Finding) -> Result<(), Self::Error>;
    /// An active student who belongs to a group (R-M8).
    fn member(
        &mut self,
        field: &'static str,
        value: &Personal,
        student: &SourceId,
    ) -> Result<(), Self::Error>;
}

/// An administrator's account, made here by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// E-mail, lower case.
    pub email: Personal,
    /// The account.
    pub account: AccountId,
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The snapshot or the mirror could not be read.
    #[error("could not read the input of the plan")]
    Input(#[source] BoxError),
    /// A change or a finding could not be written.
    #[error("could not write the plan")]
    Sink(#[source] BoxError),
    /// A sequence is not in the order of the table: a merge of it would take present records for
    /// gone ones.
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
