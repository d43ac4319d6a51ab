//! Explains why a person or a class is not in the roster (R-X1): the support checklist as data.
//! Each check has a result, and the answer ends with what to do, where, and when it takes effect.
//!
//! The caller provides all facts. The texts name rules, counts and days, and never contain personal
//! data.

mod checks;
mod late;
pub mod search;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use roster::change::Reason;
use roster::finding::Finding;
use roster::id::RunId;
use roster::policy::Policy;
use roster::records::{Inactive, Origin, RecordKind, Status};
use roster::run::RunState;
use roster::settings::{ClassLink, Clever, DistrictStatus, PulledSource};

/// All facts about the person or the class to explain.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Student, teacher, guardian or class.
    pub kind: RecordKind,
    /// The current time.
    pub now: Timestamp,
    /// The district's policy.
    pub policy: &'a Policy,
    /// The district's time zone.
    pub time_zone: &'a str,
    /// The state of the district.
    pub status: DistrictStatus,
    /// The newest snapshot, if there is one.
    pub snapshot: Option<InSnapshot>,
    /// The run whose snapshot the mirror equals, if there is one.
    pub applied: Option<Applied>,
    /// The state of the newest snapshot's run, if it is not applied yet.
    pub waiting: Option<RunState>,
    /// The mirror's record, if there is one.
    pub mirror: Option<InMirror>,
    /// Findings of the newest report about the record.
    pub findings: Vec<Finding>,
    /// The number of other records of the kind with a similar id ([`search::Similar`]), if the
    /// record is neither in the snapshot nor in the mirror.
    pub similar: usize,
}

impl Facts<'_> {
    fn is_here(&self) -> bool {
        self.mirror.as_ref().is_some_and(|mirror| {
            mirror.status == Status::Active && mirror.enabled && mirror.in_class != Some(false)
        })
    }

    fn is_manual(&self) -> bool {
        self.mirror.as_ref().is_some_and(|mirror| mirror.origin == Origin::Manual)
    }

    fn record(&self) -> Option<SourceRecord> {
        self.snapshot.as_ref()?.record
    }

    /// Returns the system between the student information system and Rollbook, and its name.
    fn between(&self) -> Option<(Where, &'static str)> {
        match self.snapshot.as_ref()?.source.as_str() {
            Clever::SOURCE => Some((Where::Clever, "Clever")),
            ClassLink::SOURCE => Some((Where::ClassLink, "ClassLink")),
            _ => None,
        }
    }
}

/// The newest snapshot.
#[derive(Clone, Debug)]
pub struct InSnapshot {
    /// The source: `clever`, `oneroster_csv`, ….
    pub source: String,
    /// The time of the data.
    pub taken_at: Timestamp,
    /// The record, if the snapshot has it.
    pub record: Option<SourceRecord>,
    /// The record, or one that may be this record, is unreadable (R-H3).
    pub unreadable: bool,
}

/// The facts about a snapshot's record that the rules need.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceRecord {
    /// An e-mail address.
    pub email: bool,
    /// An e-mail address or a phone.
    pub contact: bool,
    /// Number of enrollments that are current today. For a class: number of people in it.
    pub enrolled: usize,
    /// Number of these enrollments in active classes.
    pub in_active_classes: usize,
    /// Whether the person is in the class in question; `None` if the request names no class.
    pub in_class: Option<bool>,
}

/// The run whose snapshot the mirror equals.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The run.
    pub run: RunId,
    /// The time of its data.
    pub taken_at: Timestamp,
}

/// The mirror's record with its local edits.
#[derive(Clone, Debug)]
pub struct InMirror {
    /// Active or archived.
    pub status: Status,
    /// From the source or manual.
    pub origin: Origin,
    /// The run that last changed the record.
    pub changed_by: RunId,
    /// The day on which the record was archived.
    pub archived_on: Option<Date>,
    /// The reasons of that change, if the plan still exists.
    pub reasons: Vec<Reason>,
    /// Whether the account is enabled; true for records without an account.
    pub enabled: bool,
    /// For a class: the reasons for which it is inactive.
    pub inactive: Vec<Inactive>,
    /// Whether the person is in the class in question, in the effective roster.
    pub in_class: Option<bool>,
    /// The person was removed from that class by hand.
    pub taken_out: bool,
}

/// The checks, in the order of the checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The newest snapshot has the record.
    InSnapshot,
    /// The record has the contact that admission requires.
    HasContact,
    /// The person is in an active class; the class is active.
    InActiveClass,
    /// The person is in the class in question, in the snapshot.
    InThatClass,
    /// A run has applied the newest snapshot.
    RunSince,
    /// The record was not removed by a rule or by hand.
    NotRemoved,
    /// The schedule is finalized. Only for sources that changes need days to reach, because a
    /// schedule is passed on only after it is final.
    #[serde(rename = "schedule_finalised")]
    ScheduleFinalized,
    /// The time that a change needs to reach the source is over.
    PropagationOver,
    /// The record is known under this id.
    KnownById,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// No problem.
    Ok,
    /// A reason for which the record is not in the roster.
    Failed,
    /// The data does not show it; a person must check.
    Open,
}

/// The system in which to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// In the student information system.
    Sis,
    /// In Clever.
    Clever,
    /// In ClassLink.
    #[serde(rename = "classlink")]
    ClassLink,
    /// In Rollbook.
    Here,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The system in which to act.
    pub place: Where,
    /// The action, in a sentence.
    pub what: String,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The check.
    pub check: Step,
    /// The result.
    #[serde(rename = "came")]
    pub result: CheckResult,
    /// The fact that was found, in a sentence.
    pub found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
}

/// When the record appears, if the advice is followed now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "shows")]
pub enum Shows {
    /// It is in the roster already.
    Now,
    /// With the run at this time.
    At {
        /// The start of the run.
        at: Timestamp,
    },
    /// With the first upload after this time.
    WithUploadAfter {
        /// The time at which the change has reached the source.
        at: Timestamp,
    },
    /// As soon as the advice is followed in Rollbook.
    OnceDone,
    /// Not while the district's sync is off.
    NotWhileOff,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the record is in the roster, and in the class in question.
    pub here: bool,
    /// The checks that apply, in order.
    pub checks: Vec<Check>,
    /// What to do: the advice of the first check that failed, or else of the first open one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// When the record appears.
    pub shows: Shows,
}

/// Runs the checklist.
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let here = facts.is_here();
    let steps = [
        Some(facts.in_snapshot()),
        facts.has_contact(),
        facts.in_active_class(),
        facts.in_that_class(),
        Some(facts.run_since()),
        Some(facts.not_removed()),
        facts.schedule_finalized(),
        facts.propagation_over(),
    ];
    let mut checks: Vec<Check> = steps.into_iter().flatten().collect();
    checks.push(facts.known_by_id(checks.iter().any(|check| check.result == CheckResult::Failed)));
    let first = |result: CheckResult| {
        checks.iter().find(|check| check.result == result && check.advice.is_some())
    };
    let advice = if here {
        None
    } else {
        first(CheckResult::Failed)
            .or_else(|| first(CheckResult::Open))
            .and_then(|check| check.advice.clone())
    };
    let shows = match &advice {
        _ if here => Shows::Now,
        Some(Advice { place: Where::Here, .. }) => Shows::OnceDone,
        _ => facts.next_run(),
    };
    Explanation { here, checks, advice, shows }
}
