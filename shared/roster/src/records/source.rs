//! What a source says: the records of a snapshot, normalised.

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

/// A school: an org of type school, or one that classes refer to as theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct School {
    /// The source's id.
    pub id: SourceId,
    /// Its name.
    pub name: String,
    /// A human-readable id, for example the NCES id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// The org above it: a district, as a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SourceId>,
}

/// The type of an academic session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SessionKind {
    /// A part of a term for which grades are given.
    GradingPeriod,
    /// Half a school year.
    Semester,
    /// A whole school year.
    SchoolYear,
    /// A term.
    Term,
    /// One of the source's own (`ext:…`).
    Other,
}

/// An academic session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The source's id.
    pub id: SourceId,
    /// Its title.
    pub title: String,
    /// Its type.
    pub kind: SessionKind,
    /// The first day. A source that tells no dates (Clever may not) leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    /// The day after the last (OneRoster's endDate is exclusive): from this day on the term is
    /// over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// The session that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SourceId>,
    /// The year in which the school year ends, `2027`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school_year: Option<String>,
}

/// A course, of which classes are taught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// The source's id.
    pub id: SourceId,
    /// Its title.
    pub title: String,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The org that offers it: a school or a district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<SourceId>,
    /// The school year, an academic session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school_year: Option<SourceId>,
    /// Grade codes as sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<String>,
    /// Names of subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Codes of subjects, in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_codes: Vec<String>,
}

/// What a class is, without who is in it (R-C1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassDetails {
    /// The source's name of the class, to the letter (R-M3).
    pub title: String,
    /// The class code or section number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `homeroom`, `scheduled` or the source's own.
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
    /// Grade codes as sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<String>,
    /// Names of subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Codes of subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_codes: Vec<String>,
    /// Periods; text, for `1-2` is seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<String>,
}

/// One enrollment, seen from its class: who sits in it, and when.
///
/// In files a seat that says nothing but who is a plain text: nearly all are, and they are most of
/// a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The person.
    pub id: SourceId,
    /// Marked as the primary teacher; always false for students.
    pub primary: bool,
    /// The first day; none means from ever.
    pub begin: Option<Date>,
    /// The day after the last; none means for ever.
    pub end: Option<Date>,
}

/// A seat that says more than who.
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
    /// A seat without dates.
    pub fn of(id: SourceId) -> Self {
        Self { id, primary: false, begin: None, end: None }
    }

    /// Whether the enrollment is in the roster on that day (readings, R-C4): begun, and its endDate
    /// not yet come.
    pub fn is_on(&self, today: Date) -> bool {
        self.begin.is_none_or(|begin| begin <= today) && self.end.is_none_or(|end| today < end)
    }
}

/// A class with its enrollments. A person has at most one seat in each list: the sources merge
/// repeated enrollments so that none that is on today is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The source's id.
    pub id: SourceId,
    /// What it is.
    pub details: ClassDetails,
    /// Teachers' enrollments, in the order of the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<Membership>,
    /// Students' enrollments, sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub students: Vec<Membership>,
}

/// What students, teachers and guardians have in common.
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
    /// The given name that the person goes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_given: Option<Personal>,
    /// The family name that the person goes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_family: Option<Personal>,
    /// A well-formed e-mail address, trimmed and lower-cased; a malformed one is none (readings,
    /// R-S1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// A phone in E.164; a malformed one is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Personal>,
    /// A phone for short messages, in E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<Personal>,
    /// The name to sign in with at the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Personal>,
    /// Student or staff number: OneRoster's `identifier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Personal>,
    /// The state's id of a student.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_id: Option<Personal>,
    /// The id in the student information system, where the source has ids of its own as Clever has;
    /// not told by sources whose ids are that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sis_id: Option<Personal>,
    /// The schools that the source names, the main one first; orgs that are no schools are left
    /// out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schools: Vec<SourceId>,
    /// The source's `enabledUser` is false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
}

impl Person {
    /// Takes over name and contacts of somebody who owns them (R-G5); numbers, schools and the rest
    /// stay the source's.
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

/// What R-M7 calls demographics. Under `ignore` every field stays empty, and none is in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Demographics {
    /// Grade codes as sent.
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
    /// English language learner status, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ell: Option<Personal>,
    /// Free and reduced lunch status, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frl: Option<Personal>,
    /// Individual education plan status, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iep: Option<Personal>,
}

impl Demographics {
    /// Whether nothing at all is known.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// A student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Student {
    /// The source's id.
    pub id: SourceId,
    /// Names, contacts, schools.
    pub person: Person,
    /// Race, grade and the rest.
    #[serde(default, skip_serializing_if = "Demographics::is_empty")]
    pub demographics: Demographics,
    /// Guardians, from either direction of the relationship, sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardians: Vec<SourceId>,
    /// The seats in classes: the same as [`Class::students`], seen from the student; `id` is the
    /// class. Sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Membership>,
    /// The source does not call this person a student; only an enrollment does (R-T7).
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
    /// The seats in classes, seen from the teacher; `id` is the class. Sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Membership>,
    /// The source does not call this person a teacher; only an enrollment does (R-T7).
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_enrollment: bool,
}

/// The word that the source uses for a guardian. It belongs to the person, not to the relationship.
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
    /// The source's word.
    pub role: GuardianRole,
    /// The students, from either direction of the relationship, sorted by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<SourceId>,
}
