//! The records of the mirror.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{ClassDetails, Demographics, GuardianRole, Kind, Person, RecordKind, kinds};
use crate::edit::LocalEdit;
use crate::id::{AccountId, RunId, SourceId};
use crate::rule::Rule;

fn is_false(value: &bool) -> bool {
    !*value
}

/// Whether a record is in the rosters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In the source as of the last run.
    Active,
    /// No longer in the source. Kept, never deleted (R-A2, R-A5).
    Archived,
}

/// Who maintains a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The source: the next run may change it.
    #[default]
    Source,
    /// People, by hand: no run changes it (R-C2, R-G4). A disconnected class becomes manual (R-A5).
    Manual,
}

/// A record of the mirror, with its history.
///
/// References to people inside a state ([`ClassState::students`], [`StudentState::guardians`], …)
/// are *keys*, not source ids: they stay the same when a person gets a new id in the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Mirrored<K: Kind> {
    /// The id under which the record was first added. It is the item's key and never changes.
    pub key: SourceId,
    /// The source's current id. It differs from `key` after a relink (R-I2, R-I3).
    pub id: SourceId,
    /// The account of a person (R-I1). For a teacher whom support linked to an administrator, it
    /// is the administrator's account (R-M5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Whether the record is active or archived.
    pub status: Status,
    /// Whether the source or people maintain it.
    #[serde(default)]
    pub origin: Origin,
    /// The content.
    pub state: K::State,
    /// The run that added the record.
    pub first_seen: RunId,
    /// The run that last changed it (R-X2).
    pub changed_by: RunId,
    /// The day of the run that archived it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_on: Option<Date>,
}

/// Why a class is inactive (R-C4). An inactive class does not admit a student (R-S1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inactive {
    /// The source lists no teacher today.
    NoTeacher,
    /// The source lists no student today.
    NoStudent,
    /// All its terms are over.
    TermOver,
}

/// A class with its roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassState {
    /// The details.
    pub details: ClassDetails,
    /// Keys of the teachers, the primary one first (R-T2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<SourceId>,
    /// Keys of the students, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub students: Vec<SourceId>,
    /// Why it is inactive; empty for an active class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inactive: Vec<Inactive>,
    /// The days after the last days of the enrollments in the roster, without duplicates, sorted;
    /// `None` stands for enrollments without an end. Empty if no enrollment has an end. The next
    /// run reads from it which enrollments were expected to end (R-H1, guard 3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<Option<Date>>,
}

/// A student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudentState {
    /// Names, contacts, schools.
    pub person: Person,
    /// Race, grade and the other demographics.
    #[serde(default, skip_serializing_if = "Demographics::is_empty")]
    pub demographics: Demographics,
    /// Keys of the guardians who are in the mirror (R-G3), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardians: Vec<SourceId>,
    /// Keys of the classes whose roster has the student, archived ones included, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<SourceId>,
    /// Whether another person has the same e-mail address. It cannot be used to sign in (R-I5).
    #[serde(default, skip_serializing_if = "is_false")]
    pub email_shared: bool,
}

/// A teacher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeacherState {
    /// Names, contacts, schools.
    pub person: Person,
    /// Keys of the classes whose roster has the teacher, archived ones included, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<SourceId>,
    /// Whether another person has the same e-mail address. It cannot be used to sign in (R-I5).
    #[serde(default, skip_serializing_if = "is_false")]
    pub email_shared: bool,
    /// Whether the teacher is an administrator here: the account is the administrator's, and no run
    /// changes it (R-M5).
    #[serde(default, skip_serializing_if = "is_false")]
    pub administrator: bool,
}

/// A guardian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardianState {
    /// Names, contacts, schools.
    pub person: Person,
    /// The role in the source.
    pub role: GuardianRole,
    /// Keys of the students who are in the mirror (R-G3), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<SourceId>,
    /// Further ids of the same person in the source (R-G2), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<SourceId>,
    /// Whether another person has the same e-mail address. It cannot be used to sign in (R-I5).
    #[serde(default, skip_serializing_if = "is_false")]
    pub email_shared: bool,
}

/// A link from a source id to a record with another key. Without a link, the id is the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The kind of the record.
    pub kind: RecordKind,
    /// The source's id.
    pub source: SourceId,
    /// The key of the record that it belongs to.
    pub key: SourceId,
    /// The rule that created it: R-I2, R-G2, R-I1 or, by hand, R-I3.
    pub rule: Rule,
    /// The administrator's account that a teacher uses, if support says that they are one person
    /// (R-M5). Only a link made by hand sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator: Option<AccountId>,
}

/// Anything that a change can be about: a mirrored record of any kind, a link or a local edit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnyMirrored {
    /// A school.
    School(Mirrored<kinds::Schools>),
    /// An academic session.
    Term(Mirrored<kinds::Terms>),
    /// A course.
    Course(Mirrored<kinds::Courses>),
    /// A teacher.
    Teacher(Mirrored<kinds::Teachers>),
    /// A student.
    Student(Mirrored<kinds::Students>),
    /// A guardian.
    Guardian(Mirrored<kinds::Guardians>),
    /// A class.
    Class(Mirrored<kinds::Classes>),
    /// An identity link.
    Link(Link),
    /// A local edit.
    Edit(LocalEdit),
}

/// Evaluates an expression for a record of any kind.
macro_rules! of_any {
    ($any:expr, $record:ident => $of:expr, $link:pat => $of_link:expr, $edit:pat => $of_edit:expr) => {
        match $any {
            AnyMirrored::School($record) => $of,
            AnyMirrored::Term($record) => $of,
            AnyMirrored::Course($record) => $of,
            AnyMirrored::Teacher($record) => $of,
            AnyMirrored::Student($record) => $of,
            AnyMirrored::Guardian($record) => $of,
            AnyMirrored::Class($record) => $of,
            AnyMirrored::Link($link) => $of_link,
            AnyMirrored::Edit($edit) => $of_edit,
        }
    };
}

impl AnyMirrored {
    /// Whether it is a record, not a link or an edit.
    pub fn is_record(&self) -> bool {
        !matches!(self, AnyMirrored::Link(_) | AnyMirrored::Edit(_))
    }

    /// The key of the record. For a link, the source's id; for a local edit, the key of its record.
    pub fn key(&self) -> &SourceId {
        of_any!(self, record => &record.key, link => &link.source, edit => &edit.key)
    }

    /// The kind of the record. For a link or a local edit, the kind of the record that it belongs
    /// to.
    pub fn kind(&self) -> RecordKind {
        fn of<K: Kind>(_: &Mirrored<K>) -> RecordKind {
            K::KIND
        }
        of_any!(self, record => of(record), link => link.kind, edit => edit.kind)
    }

    /// Who maintains the record. `None` for a link and a local edit.
    pub fn origin(&self) -> Option<Origin> {
        of_any!(self, record => Some(record.origin), _ => None, _ => None)
    }
}
