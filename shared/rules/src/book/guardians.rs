//! R-G: guardians.

use roster::finding::{Code, sync};
use roster::policy::{AdmitGuardians, ContactUpdates, Policy};
use roster::rule::Rule;

use super::{Because, Observation};

/// The contacts that a guardian has in the source, compared with those of all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContactFacts {
    /// The guardian has a contact that no other guardian has.
    pub has_unique: bool,
    /// Another guardian has the same e-mail address.
    pub email_taken: bool,
    /// Another guardian has the same phone number.
    pub phone_taken: bool,
}

/// Whether a policy admits guardians from the source at all (R-G1).
#[inline]
pub fn admits_guardians(policy: &Policy) -> bool {
    match policy.admit_guardians {
        AdmitGuardians::None => false,
        AdmitGuardians::UniqueContact => true,
    }
}

/// Decides whether a new guardian is admitted (R-G1).
#[inline]
pub fn admits(policy: &Policy, has_unique_contact: bool) -> bool {
    has_unique_contact && admits_guardians(policy)
}

/// The reason for which a guardian is admitted (R-G1).
pub const ADMITTED: Because =
    Because { rule: Rule::G1, what: "in the source with a unique contact" };

/// Returns the finding about a guardian without a unique contact: one who is not admitted waits,
/// one who is stays (R-G1).
pub fn missing_contact(
    policy: &Policy,
    facts: ContactFacts,
    is_admitted: bool,
) -> Option<Observation> {
    if facts.has_unique || !admits_guardians(policy) {
        return None;
    }
    let why = match (facts.email_taken, facts.phone_taken) {
        (false, false) => "no e-mail address and no phone number",
        (true, false) => "another guardian has the same e-mail address",
        (false, true) => "another guardian has the same phone number",
        (true, true) => "other guardians have the same e-mail address and phone number",
    };
    let (code, what) = if is_admitted {
        (&sync::GUARDIAN_LOST_CONTACT, "stays, but has no unique contact")
    } else {
        (WAITS, "was not added")
    };
    Some(Observation::new(code, Rule::G1, format!("{what}: {why}")))
}

/// The finding about a guardian who waits for a unique contact (R-G1). The explainer reads it from
/// the report, because uniqueness is a fact about all guardians.
pub const WAITS: &Code = &sync::GUARDIAN_WAITS_FOR_CONTACT;

/// Whose name and contacts count for a person with an account (R-G5, R-G6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataOwner {
    /// The person: no run changes the data (R-G5).
    Person,
    /// The source, until the person accepts the invitation (R-G5).
    SourceUntilAccepted,
    /// The source (R-G6).
    Source,
}

/// Decides whose name and contacts count (R-G5, R-G6). `accepted`: the person has accepted the
/// invitation.
#[inline]
pub fn data_owner(policy: &Policy, accepted: bool) -> DataOwner {
    match policy.contact_updates {
        ContactUpdates::Always => DataOwner::Source,
        ContactUpdates::UntilActive if accepted => DataOwner::Person,
        ContactUpdates::UntilActive => DataOwner::SourceUntilAccepted,
    }
}
