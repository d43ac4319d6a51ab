//! R-S: students.

use roster::finding::sync;
use roster::policy::{AdmitStudents, Policy};
use roster::rule::Rule;

use super::{Because, Observation};

/// What a policy requires of a new student (R-S1, R-S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// An e-mail address.
    pub email: bool,
    /// An enrollment in an active class.
    pub class: bool,
    /// Why a student who meets them is admitted.
    pub reason: Because,
}

/// The facts about a student in the source that decide about admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StudentFacts {
    /// The source has an e-mail address.
    pub has_email: bool,
    /// The source lists the student in an active class today. Not read if the policy does not
    /// [require a class](Requirements::class).
    pub in_active_class: bool,
}

/// What a policy requires and a student does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// An e-mail address.
    pub email: bool,
    /// An enrollment in an active class.
    pub class: bool,
}

/// The decision about a student.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The student meets all requirements.
    Admit(Because),
    /// A new student waits; a student who is already admitted stays.
    Wait(Missing),
}

impl Admission {
    /// Whether a new student is admitted.
    #[inline]
    pub fn admits(self) -> bool {
        matches!(self, Self::Admit(_))
    }

    /// What is missing.
    #[inline]
    pub fn missing(self) -> Missing {
        match self {
            Self::Admit(_) => Missing::default(),
            Self::Wait(missing) => missing,
        }
    }
}

/// Returns what a policy requires of a new student (R-S1, R-S2).
#[inline]
pub fn requirements(policy: &Policy) -> Requirements {
    let (email, class, rule, what) = match policy.admit_students {
        AdmitStudents::Shared => (false, false, Rule::S2, "the source shares this student"),
        AdmitStudents::Email => (true, false, Rule::S1, "in the source with an e-mail address"),
        AdmitStudents::EmailAndEnrolled => {
            (true, true, Rule::S1, "in the source with an e-mail address and an active class")
        }
    };
    Requirements { email, class, reason: Because { rule, what } }
}

/// Decides whether a new student is admitted (R-S1, R-S2).
#[inline]
pub fn admission(policy: &Policy, facts: StudentFacts) -> Admission {
    let required = requirements(policy);
    let missing = Missing {
        email: required.email && !facts.has_email,
        class: required.class && !facts.in_active_class,
    };
    if missing == Missing::default() {
        Admission::Admit(required.reason)
    } else {
        Admission::Wait(missing)
    }
}

/// Returns the findings about a student's missing data: a student who is not admitted waits, one
/// who is stays, and where no e-mail address is required, its absence is reported nevertheless
/// (R-S1, R-S2).
pub fn missing_data(
    policy: &Policy,
    facts: StudentFacts,
    is_admitted: bool,
) -> [Option<Observation>; 2] {
    let required = requirements(policy);
    let missing = admission(policy, facts).missing();
    let email = match (required.email, is_admitted) {
        _ if facts.has_email => None,
        (false, _) => Some((&sync::STUDENT_NO_EMAIL, "has no e-mail address")),
        (true, true) => {
            Some((&sync::STUDENT_LOST_EMAIL, "has no e-mail address; the account stays"))
        }
        (true, false) => Some((&sync::STUDENT_WAITS_FOR_EMAIL, "was not added: no e-mail address")),
    };
    let class = match is_admitted {
        _ if !missing.class => None,
        true => Some((&sync::STUDENT_LOST_CLASS, "is in no active class; the account stays")),
        false => Some((
            &sync::STUDENT_WAITS_FOR_CLASS,
            "was not added: no enrollment in an active class",
        )),
    };
    let email = email.map(|(code, what)| Observation::new(code, required.reason.rule, what));
    let class = class.map(|(code, what)| Observation::new(code, Rule::S1, what));
    [email, class]
}
