//! What the parts of the index pass read and collect.

use crate::engine::aliases::Links;
use crate::engine::hashes::{IdMap, IdSet};
use crate::engine::merge::Reading;
use crate::engine::protected::Protected;
use roster::contract::PlanContext;
use roster::finding::Finding;
use roster::id::SourceId;
use roster::records::{Link, Membership, RecordKind};

/// A link before and after the run.
pub(in crate::engine) type ChangedLink = (Option<Link>, Option<Link>);

/// What every part reads.
pub(super) struct Input<'a, I> {
    /// District, run, day and policy.
    pub(super) context: &'a PlanContext<'a>,
    /// The sequences.
    pub(super) from: &'a Reading<'a, I>,
    /// Unreadable records and pins.
    pub(super) protected: &'a Protected,
    /// Identity links, by kind.
    pub(super) links: &'a [Links; RecordKind::ALL.len()],
}

/// What several parts collect and none of them reads.
#[derive(Default)]
pub(super) struct Collected {
    /// Schools that the source refers to (R-A6).
    pub(super) schools: IdSet,
    /// E-mail addresses of all active people, hashed (R-I5).
    pub(super) emails: Vec<u64>,
    /// Links that change, by kind.
    pub(super) links: [Vec<ChangedLink>; RecordKind::ALL.len()],
    /// Unreadable guardians, each with a student who lists the guardian.
    pub(super) of_students: Vec<(SourceId, SourceId)>,
    /// Unreadable students, each with a guardian who lists the student.
    pub(super) of_guardians: Vec<(SourceId, SourceId)>,
    /// Enrollments in classes whose own record is unreadable, by kind of person and class; the id
    /// of the enrollment is the person's.
    pub(super) joining: [IdMap<Vec<Membership>>; RecordKind::ALL.len()],
    /// Findings about identity.
    pub(super) findings: Vec<Finding>,
}
