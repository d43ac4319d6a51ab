//! Local edits: changes that people make here. They are stored next to the mirror, never in it
//! (R-M2).
//!
//! An edit belongs to one record of the mirror. Record and *slot* identify it, so making the same
//! edit twice results in one edit. People add and remove edits at any time. A run erases an edit
//! that no rule keeps, but only if it is still the version that the plan saw.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, SourceId, key_text};
use crate::personal::Personal;
use crate::records::RecordKind;

/// A change to a record. A new variant compiles only after every rule about edits handles it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case")]
pub enum Edit {
    /// A custom name of a class. The source's name is still mirrored (R-M4).
    CustomName {
        /// The name.
        name: Personal,
    },
    /// A person added to a class by hand: a student (R-S4, R-C2), a co-teacher (R-T3), or a
    /// guardian who used the join code (R-G4).
    Member {
        /// [`RecordKind::Student`], [`RecordKind::Teacher`] or [`RecordKind::Guardian`].
        role: RecordKind,
        /// The person's key.
        person: SourceId,
    },
    /// A person removed from a class by hand: from a manual class, or from any class while the sync
    /// is off (R-O5).
    Left {
        /// [`RecordKind::Student`] or [`RecordKind::Teacher`].
        role: RecordKind,
        /// The person's key.
        person: SourceId,
    },
    /// The code with which guardians join a class (R-G4).
    JoinCode {
        /// The code.
        code: Personal,
    },
    /// A person's name, changed by a users manager or by the active user (R-S6, R-G5). A field that
    /// is `None` has the mirror's value.
    Name {
        /// Given name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        given: Option<Personal>,
        /// Family name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Personal>,
    },
    /// A person's contact data, changed likewise (R-G5). A field that is `None` has the mirror's
    /// value.
    Contact {
        /// E-mail address, normalized.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<Personal>,
        /// Phone in E.164.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<Personal>,
        /// Phone for short messages in E.164.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sms: Option<Personal>,
    },
    /// A temporary e-mail address to sign in with (R-I4).
    SignIn {
        /// E-mail address, normalized.
        email: Personal,
    },
    /// The state of a person's account: invited until it is accepted (R-G5); enabled or not (R-S6).
    Account {
        /// When the invitation was accepted; `None` if the person is still invited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accepted: Option<Timestamp>,
        /// Whether the account is enabled.
        enabled: bool,
    },
    /// The person's first sign-in with single sign-on (R-T6).
    SignedIn {
        /// The time.
        first: Timestamp,
    },
    /// A guardian linked to a student by hand (R-G4).
    Child {
        /// The student's key.
        student: SourceId,
    },
    /// A pin: no run removes the record before a date (R-P1).
    Pin {
        /// The first day on which the pin no longer holds.
        until: Date,
        /// The reason that support gave, without names.
        reason: String,
    },
    /// A pinned enrollment: no run removes the person from the class before a date (R-P1).
    #[serde(rename = "pin_seat")]
    PinEnrollment {
        /// [`RecordKind::Student`] or [`RecordKind::Teacher`].
        role: RecordKind,
        /// The person's key.
        person: SourceId,
        /// The first day on which the pin no longer holds.
        until: Date,
        /// The reason that support gave, without names.
        reason: String,
    },
}

impl Edit {
    /// Returns the part of the edit's key that is unique among the edits of its record.
    pub fn slot(&self) -> String {
        let of_person = |what: &str, role: &RecordKind, person: &SourceId| {
            format!("{what}#{role}#{}", key_text(person.as_str()))
        };
        match self {
            Edit::CustomName { .. } | Edit::Name { .. } => "NAME".into(),
            Edit::Member { role, person } => of_person("IN", role, person),
            Edit::Left { role, person } => of_person("OUT", role, person),
            Edit::JoinCode { .. } => "CODE".into(),
            Edit::Contact { .. } => "CONTACT".into(),
            Edit::SignIn { .. } => "SIGNIN".into(),
            Edit::Account { .. } => "ACCOUNT".into(),
            Edit::SignedIn { .. } => "SSO".into(),
            Edit::Child { student } => of_person("CHILD", &RecordKind::Student, student),
            Edit::Pin { .. } => "PIN".into(),
            Edit::PinEnrollment { role, person, .. } => of_person("PIN", role, person),
        }
    }

    /// Returns the other record that the edit refers to, if any. Reads of that record must return
    /// the edit too.
    pub fn other(&self) -> Option<(RecordKind, &SourceId)> {
        match self {
            Edit::Member { role, person }
            | Edit::Left { role, person }
            | Edit::PinEnrollment { role, person, .. } => Some((*role, person)),
            Edit::Child { student } => Some((RecordKind::Student, student)),
            Edit::CustomName { .. }
            | Edit::JoinCode { .. }
            | Edit::Name { .. }
            | Edit::Contact { .. }
            | Edit::SignIn { .. }
            | Edit::Account { .. }
            | Edit::SignedIn { .. }
            | Edit::Pin { .. } => None,
        }
    }

    /// Returns the e-mail address that the edit lets the person sign in with, if any (R-I4, R-G5).
    pub fn sign_in_address(&self) -> Option<&Personal> {
        match self {
            Edit::Contact { email, .. } => email.as_ref(),
            Edit::SignIn { email } => Some(email),
            Edit::CustomName { .. }
            | Edit::Member { .. }
            | Edit::Left { .. }
            | Edit::JoinCode { .. }
            | Edit::Name { .. }
            | Edit::Account { .. }
            | Edit::SignedIn { .. }
            | Edit::Child { .. }
            | Edit::Pin { .. }
            | Edit::PinEnrollment { .. } => None,
        }
    }

    /// Returns when the invitation was accepted, or `None` for any other edit than an accepted
    /// account.
    pub fn accepted(&self) -> Option<Timestamp> {
        match self {
            Edit::Account { accepted, .. } => *accepted,
            Edit::CustomName { .. }
            | Edit::Member { .. }
            | Edit::Left { .. }
            | Edit::JoinCode { .. }
            | Edit::Name { .. }
            | Edit::Contact { .. }
            | Edit::SignIn { .. }
            | Edit::SignedIn { .. }
            | Edit::Child { .. }
            | Edit::Pin { .. }
            | Edit::PinEnrollment { .. } => None,
        }
    }

    /// Returns a description without personal data.
    pub fn words(&self) -> &'static str {
        match self {
            Edit::CustomName { .. } => "custom name",
            Edit::Member { role: RecordKind::Student, .. } => "student added by hand",
            Edit::Member { role: RecordKind::Guardian, .. } => {
                "guardian who joined with the join code"
            }
            Edit::Member { .. } => "co-teacher added by hand",
            Edit::Left { role: RecordKind::Student, .. } => "student removed by hand",
            Edit::Left { .. } => "teacher removed by hand",
            Edit::JoinCode { .. } => "join code",
            Edit::Name { .. } => "name changed by hand",
            Edit::Contact { .. } => "contacts changed by hand",
            Edit::SignIn { .. } => "temporary sign-in e-mail",
            Edit::Account { .. } => "account",
            Edit::SignedIn { .. } => "sign-in",
            Edit::Child { .. } => "child linked by hand",
            Edit::Pin { .. } | Edit::PinEnrollment { .. } => "pin",
        }
    }
}

/// The version of an edit, different after every change. Callers create it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EditVersion(Box<str>);

impl EditVersion {
    /// Wraps a version's text.
    pub fn new(version: impl Into<Box<str>>) -> Self {
        Self(version.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An edit with the record that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalEdit {
    /// The kind of that record.
    pub kind: RecordKind,
    /// The record's key.
    pub key: SourceId,
    /// The change.
    #[serde(flatten)]
    pub edit: Edit,
    /// The account of the person who made it.
    pub by: AccountId,
    /// The time at which it was made.
    pub at: Timestamp,
    /// The version of the edit.
    pub version: EditVersion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_round_trips_and_debug_shows_no_name() {
        let edit = LocalEdit {
            kind: RecordKind::Student,
            key: "s1".into(),
            edit: Edit::Name { given: Some(Personal::new("Ada")), family: None },
            by: AccountId::from("a1"),
            at: Timestamp::UNIX_EPOCH,
            version: EditVersion::new("1"),
        };
        let json = serde_json::to_string(&edit).unwrap();
        assert_eq!(
            json,
            r#"{"kind":"student","key":"s1","edit":"name","given":"Ada","by":"a1","at":"1970-01-01T00:00:00Z","version":"1"}"#
        );
        assert_eq!(serde_json::from_str::<LocalEdit>(&json).unwrap(), edit);
        assert!(!format!("{edit:?}").contains("Ada"));
    }

    #[test]
    fn a_slot_escapes_the_persons_key() {
        let slot = Edit::Member { role: RecordKind::Student, person: "a#b c".into() }.slot();
        assert_eq!(slot, "IN#student#a%23b%20c");
    }
}
