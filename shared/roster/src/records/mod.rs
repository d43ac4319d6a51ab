//! The records: what a source sends, normalized, and what the mirror stores.
//!
//! Names follow OneRoster (org, class, enrollment, academic session, guardian), shortened as
//! schools do: an org of type school is a [`School`], an academic session a [`Term`].

mod kind;
mod mirrored;
mod projection;
mod source;

pub use kind::{Kind, MirroredBox, RecordKind, SourceBox, kinds};
pub use mirrored::{
    AnyMirrored, ClassState, GuardianState, Inactive, Link, Mirrored, Origin, Status, StudentState,
    TeacherState,
};
pub use projection::{
    ClassProjection, ClassStateProjection, MirroredProjection, PersonProjection, StudentProjection,
    StudentStateProjection, TeacherProjection, TeacherStateProjection,
};
pub use source::{
    Class, ClassDetails, Course, Demographics, Guardian, GuardianRole, Membership, Person, School,
    SessionKind, Student, Teacher, Term,
};
