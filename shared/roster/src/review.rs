//! What a reviewer sees of a district's data as a whole before the district goes live (R-O2): how
//! many records have each field, and what each school has.
//!
//! It contains only numbers. Sample records are read from the snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Counts;
use crate::id::SourceId;
use crate::records::{Demographics, Person, RecordKind};

/// A field that a district can share, under the name that Clever gives it. The names in records can
/// differ: `hispanic` there is `hispanic_ethnicity` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The schools of a person.
    Schools,
    /// The id in the student information system.
    SisId,
    /// The main school of the person.
    School,
    /// The district.
    District,
    /// Given and family name.
    Name,
    /// A well-formed e-mail address.
    Email,
    /// The student's number.
    StudentNumber,
    /// The state's id of the student.
    StateId,
    /// Race.
    Race,
    /// Individual education plan.
    IepStatus,
    /// Grade.
    Grade,
    /// English language learner.
    EllStatus,
    /// Gender.
    Gender,
    /// Hispanic or Latino.
    HispanicEthnicity,
    /// Free and reduced lunch.
    FrlStatus,
}

impl Field {
    /// All fields: first those that a district must share, then the optional ones.
    pub const ALL: [Field; 15] = [
        Field::Schools,
        Field::SisId,
        Field::School,
        Field::District,
        Field::Name,
        Field::Email,
        Field::StudentNumber,
        Field::StateId,
        Field::Race,
        Field::IepStatus,
        Field::Grade,
        Field::EllStatus,
        Field::Gender,
        Field::HispanicEthnicity,
        Field::FrlStatus,
    ];

    /// Whether a district must share the field (R-O2).
    pub fn is_required(self) -> bool {
        self < Field::Race
    }

    /// Whether the field is a demographic, which a policy may ignore (R-M7).
    pub fn is_demographic(self) -> bool {
        !self.is_required()
    }

    /// Whether records of a kind can have the field.
    pub fn is_of(self, kind: RecordKind) -> bool {
        match kind {
            RecordKind::Student => true,
            RecordKind::Teacher => self < Field::StudentNumber,
            _ => false,
        }
    }

    /// Returns whether the person has a value for the field. `sis`: the source's ids are the
    /// student information system's own.
    pub fn is_known(self, person: &Person, demographics: &Demographics, sis: bool) -> bool {
        match self {
            Field::Schools | Field::School => !person.schools.is_empty(),
            Field::SisId => sis || person.sis_id.is_some(),
            // Always known: the import rejects records of other districts.
            Field::District => true,
            Field::Name => person.given.is_some() && person.family.is_some(),
            Field::Email => person.email.is_some(),
            Field::StudentNumber => person.number.is_some(),
            Field::StateId => person.state_id.is_some(),
            Field::Race => !demographics.races.is_empty(),
            Field::IepStatus => demographics.iep.is_some(),
            Field::Grade => !demographics.grades.is_empty(),
            Field::EllStatus => demographics.ell.is_some(),
            Field::Gender => demographics.gender.is_some(),
            Field::HispanicEthnicity => demographics.hispanic.is_some(),
            Field::FrlStatus => demographics.frl.is_some(),
        }
    }
}

/// How many records of a kind have a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldShare {
    /// The kind: student or teacher.
    pub kind: RecordKind,
    /// The field.
    pub field: Field,
    /// Whether a district must share the field.
    pub required: bool,
    /// The number of records of the snapshot that have the field.
    pub has: u64,
    /// The number of records of the kind in the snapshot, without unreadable ones
    /// ([`Review::unreadable`]).
    pub of: u64,
    /// Whether the policy ignores the field, so that the number is not known (R-M7).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
}

/// What a plan does in one school. A person in two schools is counted in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolCounts {
    /// The school's id.
    pub school: SourceId,
    /// Counts of teachers, students, guardians, classes and enrollments; kinds without any are
    /// omitted.
    pub counts: BTreeMap<String, Counts>,
}

/// What a plan finds out about the snapshot as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Review {
    /// Fields of students, then of teachers.
    #[serde(default)]
    pub fields: Vec<FieldShare>,
    /// Schools by id, including schools without a record of their own.
    #[serde(default)]
    pub schools: Vec<SchoolCounts>,
    /// The number of unreadable records by kind. No other number here includes them (R-H3). A user
    /// whose role could not be read counts for each kind of person.
    #[serde(default)]
    pub unreadable: BTreeMap<String, u64>,
    /// The number of rows that were sent but could not be used, each counted once: `unreadable` with
    /// `person` for users whose role could not be read, `enrollment` and `demographics`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, u64>,
    /// The number of records, by kind, that stay in the mirror although they were not sent, because
    /// the source still refers to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub still_named: BTreeMap<String, u64>,
}
