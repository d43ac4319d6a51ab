//! What a person is shown of a district's data as a whole before it is let in (R-O2): of how many
//! records each field is known, and what each school has.
//!
//! Numbers only. Whoever wants to see a few of the records takes them from the snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Counts;
use crate::id::SourceId;
use crate::records::{Demographics, Person, RecordKind};

/// A field that a district shares, under the name that it has where districts choose what they
/// share at Clever. The rules' own names differ: what is called `hispanic` here is shared as
/// `hispanic_ethnicity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The schools of a person.
    Schools,
    /// The id in the student information system.
    SisId,
    /// The main school of a person.
    School,
    /// The district.
    District,
    /// Given and family name.
    Name,
    /// An e-mail address that can be right.
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
    /// All fields: those that a district must share, then those that it may.
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

    /// Whether a district must share it (R-O2).
    pub fn is_required(self) -> bool {
        self < Field::Race
    }

    /// Whether it belongs to the demographics, which a policy may forbid (R-M7).
    pub fn is_demographic(self) -> bool {
        !self.is_required()
    }

    /// Whether records of a kind have the field at all.
    pub fn is_of(self, kind: RecordKind) -> bool {
        match kind {
            RecordKind::Student => true,
            RecordKind::Teacher => self < Field::StudentNumber,
            _ => false,
        }
    }

    /// Returns whether the person has a value for the field. `sis`: the source's ids are the student information
    /// system's own.
    pub fn is_known(self, person: &Person, demographics: &Demographics, sis: bool) -> bool {
        match self {
            Field::Schools | Field::School => !person.schools.is_empty(),
            Field::SisId => sis || person.sis_id.is_some(),
            // A record that names another district, or another district's token, does not come this
            // far.
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

/// Of how many records of a kind a field is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldShare {
    /// Students or teachers.
    pub kind: RecordKind,
    /// The field.
    pub field: Field,
    /// Whether a district must share it.
    pub required: bool,
    /// Records of the snapshot that have it.
    pub has: u64,
    /// Records of the kind in the snapshot. Those whose rows could not be read are not among them
    /// ([`Review::unreadable`]).
    pub of: u64,
    /// The policy ignores demographics: nobody knows, for none is stored (R-M7).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
}

/// What a plan does in one school. A person of two schools counts in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolCounts {
    /// The school's id.
    pub school: SourceId,
    /// Counts of teachers, students, guardians, classes and enrollments, where there are any.
    pub counts: BTreeMap<String, Counts>,
}

/// What a plan knows of the snapshot as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Review {
    /// Fields of students, then of teachers.
    #[serde(default)]
    pub fields: Vec<FieldShare>,
    /// Schools by their ids, whether they have a record of their own or not.
    #[serde(default)]
    pub schools: Vec<SchoolCounts>,
    /// Records that the source sent and that could not be read, by kind: they are in no other
    /// number here (R-H3).
    #[serde(default)]
    pub unreadable: BTreeMap<String, u64>,
}
