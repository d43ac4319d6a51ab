//! Clever's objects, reduced to the fields that a roster needs. Absent, null and `""` all mean
//! unknown (recorded responses have all three).
//!
//! The types contain personal data, so none of them is printable. Objects are compared by their
//! hashes, because the order of fields is not fixed.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::intake::values::trim;

/// A text that may be absent, null, blank, or (in free fields) a number or a boolean.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    /// Returns the text unchanged, or `None` if it is unknown.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.trim().is_empty())
    }

    /// Returns the trimmed text, or `""` if it is unknown.
    pub(super) fn trimmed(&self) -> &str {
        trim(self.0.as_deref().unwrap_or_default())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyText)
    }
}

/// Accepts any value. An object or a list in place of a text counts as unknown.
struct AnyText;

impl<'de> Visitor<'de> for AnyText {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        // A text with escapes. A NUL is damage, as in files.
        if text.contains('\0') {
            return Err(E::custom("a NUL"));
        }
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Borrowed(if yes { "Y" } else { "N" }))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Text<'de>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

/// A list that may be absent or null.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// A list that may be null. An absent one is `None`.
fn some_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    list(deserializer).map(Some)
}

/// An object that may be absent, null, or another type of value.
fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let Some(value) = Option::<&RawValue>::deserialize(deserializer)? else {
        return Ok(T::default());
    };
    if !value.get().starts_with('{') {
        return Ok(T::default());
    }
    // The object itself must be readable.
    serde_json::from_str(value.get()).map_err(|_| D::Error::custom("an unreadable object"))
}

/// Whether the field has a value.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<IgnoredAny>::deserialize(deserializer)?.is_some())
}

/// The id of an object that is otherwise unreadable.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Named<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
}

/// A district, for the checks before and after a pull.
#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct District<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) state: Text<'a>,
    pub(super) last_sync: Text<'a>,
    pub(super) last_clever_sync: Text<'a>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct School<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) district: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) sis_id: Text<'a>,
    pub(super) school_number: Text<'a>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Term<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) district: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) start_date: Text<'a>,
    pub(super) end_date: Text<'a>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Course<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) district: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) number: Text<'a>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Section<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) district: Text<'a>,
    pub(super) school: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) course: Text<'a>,
    pub(super) term_id: Text<'a>,
    pub(super) period: Text<'a>,
    pub(super) grade: Text<'a>,
    pub(super) subject: Text<'a>,
    pub(super) section_number: Text<'a>,
    pub(super) teacher: Text<'a>,
    #[serde(deserialize_with = "list")]
    pub(super) teachers: Vec<Text<'a>>,
    /// `None` if the section has no list at all, which says nothing about its students.
    #[serde(deserialize_with = "some_list")]
    pub(super) students: Option<Vec<Text<'a>>>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Name<'a> {
    #[serde(borrow)]
    pub(super) first: Text<'a>,
    pub(super) middle: Text<'a>,
    pub(super) last: Text<'a>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct User<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) district: Text<'a>,
    #[serde(deserialize_with = "lenient")]
    pub(super) name: Name<'a>,
    pub(super) email: Text<'a>,
    #[serde(deserialize_with = "lenient")]
    pub(super) roles: Roles<'a>,
}

/// A user's roles. Student and contact are never combined with another role.
#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Roles<'a> {
    #[serde(borrow)]
    pub(super) student: Option<StudentRole<'a>>,
    pub(super) teacher: Option<TeacherRole<'a>>,
    pub(super) contact: Option<ContactRole<'a>>,
    pub(super) staff: Option<StaffRole<'a>>,
    #[serde(deserialize_with = "is_there")]
    pub(super) district_admin: bool,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Credentials<'a> {
    #[serde(borrow)]
    pub(super) district_username: Text<'a>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct StudentRole<'a> {
    #[serde(borrow)]
    pub(super) school: Text<'a>,
    #[serde(deserialize_with = "list")]
    pub(super) schools: Vec<Text<'a>>,
    pub(super) student_number: Text<'a>,
    pub(super) state_id: Text<'a>,
    pub(super) sis_id: Text<'a>,
    pub(super) grade: Text<'a>,
    pub(super) dob: Text<'a>,
    pub(super) gender: Text<'a>,
    pub(super) race: Text<'a>,
    pub(super) hispanic_ethnicity: Text<'a>,
    pub(super) ell_status: Text<'a>,
    pub(super) frl_status: Text<'a>,
    pub(super) iep_status: Text<'a>,
    #[serde(deserialize_with = "lenient")]
    pub(super) credentials: Credentials<'a>,
    #[serde(deserialize_with = "lenient")]
    pub(super) preferred_name: Name<'a>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct TeacherRole<'a> {
    #[serde(borrow)]
    pub(super) school: Text<'a>,
    #[serde(deserialize_with = "list")]
    pub(super) schools: Vec<Text<'a>>,
    pub(super) teacher_number: Text<'a>,
    pub(super) state_id: Text<'a>,
    pub(super) sis_id: Text<'a>,
    #[serde(deserialize_with = "lenient")]
    pub(super) credentials: Credentials<'a>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct StaffRole<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) schools: Vec<Text<'a>>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct ContactRole<'a> {
    #[serde(borrow)]
    pub(super) phone: Text<'a>,
    pub(super) phone_type: Text<'a>,
    #[serde(deserialize_with = "list")]
    pub(super) student_relationships: Vec<Relationship<'a>>,
}

#[derive(Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Relationship<'a> {
    #[serde(borrow)]
    pub(super) student: Text<'a>,
    pub(super) relationship: Text<'a>,
    #[serde(rename = "type")]
    pub(super) kind: Text<'a>,
}
