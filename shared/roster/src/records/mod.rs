//! The canonical model: what every source is brought to, and what the mirror holds of it.
//!
//! Names follow OneRoster (org, class, enrollment, academic session, guardian), shortened where a
//! school would say it shorter: an org of type school is a [`School`], an academic session a
//! [`Term`].

mod kind;
mod mirrored;
mod projection;
mod source;

pub use kind::{Kind, MirroredBox, SourceBox, Tag, kinds};
pub use mirrored::{
    AnyMirrored, ClassState, GuardianState, Inactive, Link, Mirrored, Origin, Status, StudentState,
    TeacherState,
};
pub use projection::{
    ClassOutline, ClassStateOutline, MirroredOutline, PersonOutline, StudentOutline,
    StudentStateOutline, TeacherOutline, TeacherStateOutline,
};
pub use source::{
    Class, ClassDetails, Course, Demographics, Guardian, GuardianRole, Person, School, Seat,
    SessionKind, Student, Teacher, Term,
};
