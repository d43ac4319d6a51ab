//! Local edits: what people did here, beside the mirror and never in it (R-M2).
//!
//! An edit stands beside one record of the mirror and is named by that record and its *slot*, so
//! doing the same thing twice is one edit. People make edits, whenever they like; only a run takes
//! one away that no rule lets live, and only if it is still the version that the plan saw.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, SourceId, key_text};
use crate::personal::Personal;
use crate::records::RecordKind;

/// What somebody did to a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case")]
pub enum Edit {
    /// A class has a name of its own here; the source's goes on being mirrored (R-M4).
    CustomName {
        /// The name.
        name: Personal,
    },
    /// Somebody is in a class by hand: a student (R-S4, R-C2), a co-teacher (R-T3), a guardian who
    /// had the join code (R-G4).
    Member {
        /// [`RecordKind::Student`], [`RecordKind::Teacher`] or [`RecordKind::Guardian`].
        role: RecordKind,
        /// The person's key.
        person: SourceId,
    },
    /// Somebody is taken out of a class by hand: of a manual class, or of any while the sync is off
    /// (R-O5).
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
    /// A person's name, changed by a users manager or by the active user (R-S6, R-G5). What is none
    /// is as the mirror has it.
    Name {
        /// Given name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        given: Option<Personal>,
        /// Family name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        family: Option<Personal>,
    },
    /// A person's contacts, changed likewise (R-G5). What is none is as the mirror has it.
    Contact {
        /// E-mail address, normalised.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<Personal>,
        /// Phone in E.164.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<Personal>,
        /// Phone for short messages in E.164.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sms: Option<Personal>,
    },
    /// A temporary e-mail to sign in with, for one who must get in today (R-I4).
    SignIn {
        /// E-mail address, normalised.
        email: Personal,
    },
    /// The state of a person's account: invited until it is accepted (R-G5); enabled or not (R-S6).
    Account {
        /// When the invitation was accepted; none: still invited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accepted: Option<Timestamp>,
        /// Whether the person may sign in at all.
        enabled: bool,
    },
    /// The person has signed in with single sign-on (R-T6).
    SignedIn {
        /// When for the first time.
        first: Timestamp,
    },
    /// A guardian has a child by hand (R-G4).
    Child {
        /// The student's key.
        student: SourceId,
    },
    /// No run removes the record before a day (R-P1).
    Pin {
        /// The first day on which it no longer holds.
        until: Date,
        /// Why, in words of support without names.
        reason: String,
    },
    /// No run takes a person out of a class before a day (R-P1).
    PinSeat {
        /// [`RecordKind::Student`] or [`RecordKind::Teacher`].
        role: RecordKind,
        /// The person's key.
        person: SourceId,
        /// The first day on which it no longer holds.
        until: Date,
        /// Why, in words of support without names.
        reason: String,
    },
}

impl Edit {
    /// What names the edit among those of its record. No two edits of a record have the same.
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
            Edit::PinSeat { role, person, .. } => of_person("PIN", role, person),
        }
    }

    /// The other record that the edit is about, where there is one: whoever reads that one must
    /// find the edit there, too.
    pub fn other(&self) -> Option<(RecordKind, &SourceId)> {
        match self {
            Edit::Member { role, person }
            | Edit::Left { role, person }
            | Edit::PinSeat { role, person, .. } => Some((*role, person)),
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
            | Edit::PinSeat { .. } => None,
        }
    }

    /// What it is, in words without personal data.
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
            Edit::Pin { .. } | Edit::PinSeat { .. } => "pin",
        }
    }
}

/// One version of an edit: another after every change of it. Passed in, never made here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EditVersion(Box<str>);

impl EditVersion {
    /// Takes the text as it stands.
    pub fn new(version: impl Into<Box<str>>) -> Self {
        Self(version.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An edit in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalEdit {
    /// The kind of the record that it stands beside.
    pub kind: RecordKind,
    /// That record's key.
    pub key: SourceId,
    /// What was done.
    #[serde(flatten)]
    pub edit: Edit,
    /// Who did it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// Which version this is.
    pub version: EditVersion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_reads_as_it_was_written_and_shows_nobody() {
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
    fn a_slot_is_safe_in_a_key_whoever_the_person_is() {
        let slot = Edit::Member { role: RecordKind::Student, person: "a#b c".into() }.slot();
        assert_eq!(slot, "IN#student#a%23b%20c");
    }
}
