//! Records without what a survey does not ask for. Reading them costs a fraction: most of a
//! district's bytes are lists of who sits where.

use serde::Deserialize;

use super::{
    Class, ClassDetails, ClassState, Demographics, Inactive, Kind, Mirrored, Origin, Person, Seat,
    Status, Student, StudentState, Teacher, TeacherState,
};
use crate::id::{RunId, SourceId};
use crate::personal::Personal;

/// Who a person is, as far as one is told from another.
#[derive(Debug, Deserialize)]
pub struct PersonOutline {
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

impl From<PersonOutline> for Person {
    fn from(of: PersonOutline) -> Self {
        let PersonOutline { given, family, middle, email, number, state_id, schools } = of;
        Self { given, family, middle, email, number, state_id, schools, ..Self::default() }
    }
}

/// A student of the source without guardians and demographics.
#[derive(Debug, Deserialize)]
pub struct StudentOutline {
    id: SourceId,
    person: PersonOutline,
    #[serde(default)]
    classes: Vec<Seat>,
    #[serde(default)]
    by_enrollment: bool,
}

impl From<StudentOutline> for Student {
    fn from(of: StudentOutline) -> Self {
        let StudentOutline { id, person, classes, by_enrollment } = of;
        let demographics = Demographics::default();
        Self {
            id,
            person: person.into(),
            demographics,
            guardians: Vec::new(),
            classes,
            by_enrollment,
        }
    }
}

/// A teacher of the source without classes.
#[derive(Debug, Deserialize)]
pub struct TeacherOutline {
    id: SourceId,
    person: PersonOutline,
    #[serde(default)]
    by_enrollment: bool,
}

impl From<TeacherOutline> for Teacher {
    fn from(of: TeacherOutline) -> Self {
        Self {
            id: of.id,
            person: of.person.into(),
            classes: Vec::new(),
            by_enrollment: of.by_enrollment,
        }
    }
}

#[derive(Debug, Deserialize)]
struct DetailsOutline {
    school: SourceId,
    #[serde(default)]
    terms: Vec<SourceId>,
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
            grades: Vec::new(),
            subjects: Vec::new(),
            subject_codes: Vec::new(),
            periods: Vec::new(),
        }
    }
}

/// A class of the source without its students.
#[derive(Debug, Deserialize)]
pub struct ClassOutline {
    id: SourceId,
    details: DetailsOutline,
    #[serde(default)]
    teachers: Vec<Seat>,
}

impl From<ClassOutline> for Class {
    fn from(of: ClassOutline) -> Self {
        Self { id: of.id, details: of.details.into(), teachers: of.teachers, students: Vec::new() }
    }
}

/// A student of the mirror without classes and demographics.
#[derive(Debug, Deserialize)]
pub struct StudentStateOutline {
    person: PersonOutline,
    #[serde(default)]
    guardians: Vec<SourceId>,
}

impl From<StudentStateOutline> for StudentState {
    fn from(of: StudentStateOutline) -> Self {
        let StudentStateOutline { person, guardians } = of;
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
pub struct TeacherStateOutline {
    person: PersonOutline,
}

impl From<TeacherStateOutline> for TeacherState {
    fn from(of: TeacherStateOutline) -> Self {
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
pub struct ClassStateOutline {
    details: DetailsOutline,
    #[serde(default)]
    teachers: Vec<SourceId>,
    #[serde(default)]
    inactive: Vec<Inactive>,
}

impl From<ClassStateOutline> for ClassState {
    fn from(of: ClassStateOutline) -> Self {
        let ClassStateOutline { details, teachers, inactive } = of;
        Self { details: details.into(), teachers, students: Vec::new(), inactive }
    }
}

/// A record of the mirror as a survey reads it.
#[derive(Debug, Deserialize)]
#[serde(bound = "")]
pub struct MirroredOutline<K: Kind> {
    key: SourceId,
    id: SourceId,
    status: Status,
    #[serde(default)]
    origin: Origin,
    state: K::StateOutline,
}

impl<K: Kind> From<MirroredOutline<K>> for Mirrored<K> {
    fn from(of: MirroredOutline<K>) -> Self {
        let MirroredOutline { key, id, status, origin, state } = of;
        let nobody = || RunId::new("");
        let state = state.into();
        Self {
            key,
            id,
            account: None,
            status,
            origin,
            state,
            first_seen: nobody(),
            changed_by: nobody(),
            archived_on: None,
        }
    }
}
