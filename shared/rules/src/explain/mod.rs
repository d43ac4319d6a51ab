//! Why somebody, or a class, is not here (R-X1): the checklist of support as data, each step with
//! what was found, and at the end what to do, where, and when it will show.
//!
//! Who calls brings the facts; nothing is looked up here. What is said names rules, counts and
//! days, never a person.

mod checks;
mod late;

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

/// All that is known of the one that is asked about.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Student, teacher, guardian or class.
    pub kind: RecordKind,
    /// The moment of the question.
    pub now: Timestamp,
    /// The district's policy.
    pub policy: &'a Policy,
    /// Its time zone.
    pub time_zone: &'a str,
    /// Where it stands.
    pub status: DistrictStatus,
    /// The newest snapshot, if there is one.
    pub snapshot: Option<InSnapshot>,
    /// The run that the mirror equals, if any.
    pub applied: Option<Applied>,
    /// Where the newest snapshot's run stands, if the mirror does not equal it yet.
    pub waiting: Option<RunState>,
    /// What the mirror has.
    pub mirror: Option<InMirror>,
    /// Findings of the newest report about it.
    pub findings: Vec<Finding>,
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

    /// The system that stands between the student information system and us, and what it is called.
    fn between(&self) -> Option<(Where, &'static str)> {
        match self.snapshot.as_ref()?.source.as_str() {
            Clever::SOURCE => Some((Where::Clever, "Clever")),
            ClassLink::SOURCE => Some((Where::ClassLink, "ClassLink")),
            _ => None,
        }
    }
}

/// What the newest snapshot says.
#[derive(Clone, Debug)]
pub struct InSnapshot {
    /// The source: `clever`, `oneroster_csv`, ….
    pub source: String,
    /// When the source said so.
    pub taken_at: Timestamp,
    /// The record, if it is in it.
    pub record: Option<SourceRecord>,
    /// Its row, or one that may be its, could not be read (R-H3).
    pub unreadable: bool,
}

/// What a snapshot's record has of what the rules ask for.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceRecord {
    /// An e-mail address.
    pub email: bool,
    /// An e-mail address or a phone.
    pub contact: bool,
    /// Enrolments that are on today. For a class: people in it.
    pub enrolled: usize,
    /// Those of them in active classes.
    pub in_active_classes: usize,
    /// Whether it is in the class that was asked about; none: no class was.
    pub in_class: Option<bool>,
}

/// The run that the mirror equals.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The run.
    pub run: RunId,
    /// The moment for which it spoke.
    pub taken_at: Timestamp,
}

/// What the mirror has, with the local edits.
#[derive(Clone, Debug)]
pub struct InMirror {
    /// In the rosters or archived.
    pub status: Status,
    /// Source or manual.
    pub origin: Origin,
    /// The run that last changed it.
    pub changed_by: RunId,
    /// The day on which it was archived.
    pub archived_on: Option<Date>,
    /// Why that run changed it, where its plan still says.
    pub reasons: Vec<Reason>,
    /// Whether the account may be used; true for what has none.
    pub enabled: bool,
    /// For a class: why it is inactive.
    pub inactive: Vec<Inactive>,
    /// Whether it is in the class that was asked about, as people see it.
    pub in_class: Option<bool>,
    /// Somebody took it out of that class by hand.
    pub taken_out: bool,
}

/// The steps, in the order of the checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Is it in the newest snapshot?
    InSnapshot,
    /// Has it the contact without which it does not come in?
    HasContact,
    /// Is it in an active class; is the class active?
    InActiveClass,
    /// Is it in that class in the snapshot?
    InThatClass,
    /// Was there a successful run since it came?
    RunSince,
    /// Was it removed by a rule, or here by hand?
    NotRemoved,
    /// Is the schedule finalised? Only asked where a change needs days to reach the source: what is
    /// not final is not sent on.
    ScheduleFinalised,
    /// Is the time over that a change needs to reach the source?
    PropagationOver,
    /// Is it known under this id?
    KnownById,
}

/// How a step came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// Nothing is wrong there.
    Ok,
    /// This keeps it away.
    Failed,
    /// Only a person can tell.
    Open,
}

/// Where something is to be done.
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
    /// Here.
    Here,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Where.
    pub place: Where,
    /// What, in a sentence.
    pub what: String,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub check: Step,
    /// How it came out.
    pub came: Came,
    /// What was found, in a sentence.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
}

/// When it will show, once what is advised has been done now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "shows")]
pub enum Shows {
    /// It is here.
    Now,
    /// With the run of this moment.
    At {
        /// When that run begins.
        at: Timestamp,
    },
    /// With the first upload after this moment.
    WithUploadAfter {
        /// When the change has reached the source.
        at: Timestamp,
    },
    /// As soon as somebody here has done what is advised.
    OnceDone,
    /// Not before the district's sync is on.
    NotWhileOff,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether it is here, and in the class that was asked about.
    pub here: bool,
    /// The steps that apply, in order.
    pub checks: Vec<Check>,
    /// What to do: the advice of the first step that failed, or else is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// When it will show.
    pub shows: Shows,
}

/// Goes through the checklist.
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let here = facts.is_here();
    let steps = [
        Some(facts.in_snapshot()),
        facts.has_contact(),
        facts.in_active_class(),
        facts.in_that_class(),
        Some(facts.run_since()),
        Some(facts.not_removed()),
        facts.schedule_finalised(),
        facts.propagation_over(),
    ];
    let mut checks: Vec<Check> = steps.into_iter().flatten().collect();
    checks.push(facts.known_by_id(checks.iter().any(|check| check.came == Came::Failed)));
    let first =
        |came: Came| checks.iter().find(|check| check.came == came && check.advice.is_some());
    let advice = if here {
        None
    } else {
        first(Came::Failed).or_else(|| first(Came::Open)).and_then(|check| check.advice.clone())
    };
    let shows = match &advice {
        _ if here => Shows::Now,
        Some(Advice { place: Where::Here, .. }) => Shows::OnceDone,
        _ => facts.next_run(),
    };
    Explanation { here, checks, advice, shows }
}
