//! The records of a snapshot: what a source sends, normalized.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::Date;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::SourceId;
use crate::personal::Personal;

fn is_false(value: &bool) -> bool {
    !*value
}

/// A school: an org of type school, or an org that classes name as their school.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct School {
    /// The source's id.
    pub id: SourceId,
    /// The name.
    pub name: String,
    /// A human-readable id, for example the NCES id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// The parent org, usually a district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SourceId>,
}

/// The type of an academic session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SessionKind {
    /// A grading period within a term.
    GradingPeriod,
    /// Half a school year.
    Semester,
    /// A whole school year.
    SchoolYear,
    /// A term.
    Term,
    /// A type of the source's own (`ext:…`).
    Other,
}

/// An academic session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The source's id.
    pub id: SourceId,
    /// The title.
    pub title: String,
    /// The type.
    pub kind: SessionKind,
    /// The first day. `None` if the source has no dates, as Clever may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    /// The day after the last, because OneRoster's endDate is exclusive: from this day on the term
    /// is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// The parent session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SourceId>,
    /// The year in which the school year ends, `2027`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school_year: Option<String>,
}

/// A course. Classes belong to courses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// The source's id.
    pub id: SourceId,
    /// The title.
    pub title: String,
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The org that offers it: a school or a district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<SourceId>,
    /// The school year, an academic session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school_year: Option<SourceId>,
    /// The grade codes, unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<String>,
    /// Names of subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Codes of subjects, in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_codes: Vec<String>,
}

/// The details of a class, without its roster (R-C1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassDetails {
    /// The source's name of the class, unchanged (R-M3).
    pub title: String,
    /// The class code or section number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `homeroom`, `scheduled` or a type of the source's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_type: Option<String>,
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The school.
    pub school: SourceId,
    /// The course.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<SourceId>,
    /// The academic sessions in which it is taught.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<SourceId>,
    /// The grade codes, unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<String>,
    /// Names of subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Codes of subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_codes: Vec<String>,
    /// The periods. They are text, because values such as `1-2` occur.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<String>,
}

/// An enrollment, as the class lists it: a person, with dates.
///
/// An enrollment without dates and without the primary mark is serialized as a plain string. Nearly
/// all are, and they are most of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The person.
    pub id: SourceId,
    /// Whether this is the primary teacher. Always false for students.
    pub primary: bool,
    /// The first day. `None`: no limit.
    pub begin: Option<Date>,
    /// The day after the last. `None`: no limit.
    pub end: Option<Date>,
}

/// An enrollment that is serialized as an object.
#[derive(Serialize, Deserialize)]
struct FullMembership<'a> {
    id: Cow<'a, SourceId>,
    #[serde(default, skip_serializing_if = "is_false")]
    primary: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begin: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<Date>,
}

impl Serialize for Membership {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.primary && self.begin.is_none() && self.end.is_none() {
            return self.id.serialize(serializer);
        }
        let full = FullMembership {
            id: Cow::Borrowed(&self.id),
            primary: self.primary,
            begin: self.begin,
            end: self.end,
        };
        full.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Membership {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Membership;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id or a seat")
            }

            fn visit_str<E>(self, id: &str) -> Result<Membership, E> {
                Ok(Membership::of(SourceId::new(id)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Membership, A::Error> {
                let full = FullMembership::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Membership {
                    id: full.id.into_owned(),
                    primary: full.primary,
                    begin: full.begin,
                    end: full.end,
                })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Membership {
    /// An enrollment without dates.
    pub fn of(id: SourceId) -> Self {
        Self { id, primary: false, begin: None, end: None }
    }

    /// Whether the enrollment is in the roster on a day (readings, R-C4): it has begun and has not
    /// ended.
    pub fn is_on(&self, today: Date) -> bool {
        self.begin.is_none_or(|begin| begin <= today) && self.end.is_none_or(|end| today < end)
    }
}

/// A class with its enrollments. A person has at most one enrollment in each list: the sources
/// merge repeated ones, and prefer one that is current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The source's id.
    pub id: SourceId,
    /// The details.
    pub details: ClassDetails,
    /// Teachers' enrollments, in the order of the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<Membership>,
    /// Students' enrollments, sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub students: Vec<Membership>,
}

/// The fields that students, teachers and guardians share.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Person {
    /// Given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Personal>,
    /// Family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Personal>,
    /// Middle names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle: Option<Personal>,
    /// The preferred given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_given: Option<Personal>,
    /// The preferred family name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_family: Option<Personal>,
    /// A valid e-mail address, trimmed and in lower case. `None` if it is malformed (readings,
    /// R-S1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// A phone number in E.164 format. `None` if it is malformed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Personal>,
    /// A phone number for text messages, in E.164 format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<Personal>,
    /// The username at the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Personal>,
    /// The student or staff number: OneRoster's `identifier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Personal>,
    /// The state's id of the student.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_id: Option<Personal>,
    /// The id in the student information system, for sources such as Clever that have ids of their
    /// own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sis_id: Option<Personal>,
    /// The schools that the source names, the main one first. Orgs of other types are omitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schools: Vec<SourceId>,
    /// Whether the source's `enabledUser` is false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
}

impl Person {
    /// Replaces name and contacts by those of a person who owns them (R-G5). Numbers, schools and
    /// the rest stay the source's.
    pub fn keep_own(&mut self, own: &Person) {
        for (mine, theirs) in [
            (&mut self.given, &own.given),
            (&mut self.family, &own.family),
            (&mut self.middle, &own.middle),
            (&mut self.preferred_given, &own.preferred_given),
            (&mut self.preferred_family, &own.preferred_family),
            (&mut self.email, &own.email),
            (&mut self.phone, &own.phone),
            (&mut self.sms, &own.sms),
        ] {
            mine.clone_from(theirs);
        }
    }
}

/// The demographics of R-M7. Under `ignore` every field is empty, in snapshots too.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Demographics {
    /// The grade codes, unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<Personal>,
    /// Races, by OneRoster's column names: `asian`, `white`, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub races: Vec<Personal>,
    /// Hispanic or Latino: `true` or `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hispanic: Option<Personal>,
    /// Gender (OneRoster's `sex`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Personal>,
    /// Date of birth, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<Personal>,
    /// English language learner status, unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ell: Option<Personal>,
    /// Free and reduced lunch status, unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frl: Option<Personal>,
    /// Individual education plan status, unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iep: Option<Personal>,
}

impl Demographics {
    /// Whether every field is empty.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Whether all fields but the grades are equal.
    pub fn is_same_but_for_grades(&self, other: &Self) -> bool {
        *other == Self { grades: other.grades.clone(), ..self.clone() }
    }
}

/// A student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Student {
    /// The source's id.
    pub id: SourceId,
    /// Names, contacts, schools.
    pub person: Person,
    /// The demographics.
    #[serde(default, skip_serializing_if = "Demographics::is_empty")]
    pub demographics: Demographics,
    /// Guardians, from either direction of the relationship, sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardians: Vec<SourceId>,
    /// The enrollments, as in [`Class::students`], but `id` is the class. Sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Membership>,
    /// Whether only an enrollment, not the user record, gives the person this role (R-T7).
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_enrollment: bool,
}

/// A teacher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Teacher {
    /// The source's id.
    pub id: SourceId,
    /// Names, contacts, schools.
    pub person: Person,
    /// The enrollments; `id` is the class. Sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Membership>,
    /// Whether only an enrollment, not the user record, gives the person this role (R-T7).
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_enrollment: bool,
}

/// The source's role of a guardian. It belongs to the person, not to the relationship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuardianRole {
    /// A guardian who is not mother or father.
    Guardian,
    /// Mother or father.
    Parent,
    /// A relative.
    Relative,
}

/// A guardian, parent or relative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardian {
    /// The source's id.
    pub id: SourceId,
    /// Names, contacts, schools.
    pub person: Person,
    /// The role in the source.
    pub role: GuardianRole,
    /// The students, from either direction of the relationship, sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<SourceId>,
}
