//! Records without the fields that the index pass does not need. Reading them costs a fraction,
//! because most of a district's bytes are enrollment lists.

use jiff::civil::Date;
use serde::Deserialize;

use super::{
    Class, ClassDetails, ClassState, Demographics, Inactive, Kind, Membership, Mirrored, Origin,
    Person, Status, Student, StudentState, Teacher, TeacherState,
};
use crate::id::{RunId, SourceId};
use crate::personal::Personal;

/// The fields of a person that identify them.
#[derive(Debug, Deserialize)]
pub struct PersonProjection {
    #[serde(default)]
    given: Option<Personal>,
    #[serde(default)]
    family: Option<Personal>,
    #[serde(default)]
    middle: Option<Personal>,
    #[serde(default)]
    email: Option<Personal>,
    #[serde(default)]
    number: Option<Personal>,
    #[serde(default)]
    state_id: Option<Personal>,
    #[serde(default)]
    schools: Vec<SourceId>,
}

impl From<PersonProjection> for Person {
    fn from(of: PersonProjection) -> Self {
        let PersonProjection { given, family, middle, email, number, state_id, schools } = of;
        Self { given, family, middle, email, number, state_id, schools, ..Self::default() }
    }
}

/// A student of the source without demographics.
#[derive(Debug, Deserialize)]
pub struct StudentProjection {
    id: SourceId,
    person: PersonProjection,
    #[serde(default)]
    guardians: Vec<SourceId>,
    #[serde(default)]
    classes: Vec<Membership>,
    #[serde(default)]
    by_enrollment: bool,
}

impl From<StudentProjection> for Student {
    fn from(of: StudentProjection) -> Self {
        let StudentProjection { id, person, guardians, classes, by_enrollment } = of;
        let demographics = Demographics::default();
        Self { id, person: person.into(), demographics, guardians, classes, by_enrollment }
    }
}

/// A teacher of the source.
#[derive(Debug, Deserialize)]
pub struct TeacherProjection {
    id: SourceId,
    person: PersonProjection,
    #[serde(default)]
    classes: Vec<Membership>,
    #[serde(default)]
    by_enrollment: bool,
}

impl From<TeacherProjection> for Teacher {
    fn from(of: TeacherProjection) -> Self {
        Self {
            id: of.id,
            person: of.person.into(),
            classes: of.classes,
            by_enrollment: of.by_enrollment,
        }
    }
}

#[derive(Debug, Deserialize)]
struct DetailsOutline {
    school: SourceId,
    #[serde(default)]
    terms: Vec<SourceId>,
    #[serde(default)]
    grades: Vec<String>,
}

impl From<DetailsOutline> for ClassDetails {
    fn from(of: DetailsOutline) -> Self {
        Self {
            title: String::new(),
            code: None,
            class_type: None,
            location: None,
            school: of.school,
            course: None,
            terms: of.terms,
            grades: of.grades,
            subjects: Vec::new(),
            subject_codes: Vec::new(),
            periods: Vec::new(),
        }
    }
}

/// A class of the source without its students.
#[derive(Debug, Deserialize)]
pub struct ClassProjection {
    id: SourceId,
    details: DetailsOutline,
    #[serde(default)]
    teachers: Vec<Membership>,
}

impl From<ClassProjection> for Class {
    fn from(of: ClassProjection) -> Self {
        Self { id: of.id, details: of.details.into(), teachers: of.teachers, students: Vec::new() }
    }
}

/// A student of the mirror without classes and demographics.
#[derive(Debug, Deserialize)]
pub struct StudentStateProjection {
    person: PersonProjection,
    #[serde(default)]
    guardians: Vec<SourceId>,
}

impl From<StudentStateProjection> for StudentState {
    fn from(of: StudentStateProjection) -> Self {
        let StudentStateProjection { person, guardians } = of;
        let demographics = Demographics::default();
        Self {
            person: person.into(),
            demographics,
            guardians,
            classes: Vec::new(),
            email_shared: false,
        }
    }
}

/// A teacher of the mirror without classes.
#[derive(Debug, Deserialize)]
pub struct TeacherStateProjection {
    person: PersonProjection,
}

impl From<TeacherStateProjection> for TeacherState {
    fn from(of: TeacherStateProjection) -> Self {
        Self {
            person: of.person.into(),
            classes: Vec::new(),
            email_shared: false,
            administrator: false,
        }
    }
}

/// A class of the mirror without its students.
#[derive(Debug, Deserialize)]
pub struct ClassStateProjection {
    details: DetailsOutline,
    #[serde(default)]
    teachers: Vec<SourceId>,
    #[serde(default)]
    inactive: Vec<Inactive>,
    #[serde(default)]
    ends: Vec<Option<Date>>,
}

impl From<ClassStateProjection> for ClassState {
    fn from(of: ClassStateProjection) -> Self {
        let ClassStateProjection { details, teachers, inactive, ends } = of;
        Self { details: details.into(), teachers, students: Vec::new(), inactive, ends }
    }
}

/// A record of the mirror as the index pass reads it.
#[derive(Debug, Deserialize)]
#[serde(bound = "")]
pub struct MirroredProjection<K: Kind> {
    key: SourceId,
    id: SourceId,
    status: Status,
    #[serde(default)]
    origin: Origin,
    state: K::StateProjection,
}

impl<K: Kind> From<MirroredProjection<K>> for Mirrored<K> {
    fn from(of: MirroredProjection<K>) -> Self {
        let MirroredProjection { key, id, status, origin, state } = of;
        let no_run = || RunId::new("");
        let state = state.into();
        Self {
            key,
            id,
            account: None,
            status,
            origin,
            state,
            first_seen: no_run(),
            changed_by: no_run(),
            archived_on: None,
        }
    }
}
