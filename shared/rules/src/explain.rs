//! Why somebody, or a class, is not here (R-X1): the checklist of support as data, each step with what was found, and at the end what to do, where, and
//! when it will show.
//!
//! Who calls brings the facts; nothing is looked up here. What is said names rules, counts and days, never a person.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Serialize;

use crate::finding::Finding;
use crate::finding::sync::GUARDIAN_WAITS_FOR_CONTACT;
use crate::id::RunId;
use crate::model::{Inactive, Origin, Status, Tag};
use crate::plan::Reason;
use crate::policy::{AdmitGuardians, AdmitStudents, Policy};
use crate::run::RunState;
use crate::schedule::nightly;
use crate::settings::{ClassLink, Clever, DistrictStatus};

/// A source that changes need so long to reach gets them from people, and not by a machine's next sync.
const SLOW_HOURS: f64 = 24.0;

/// All that is known of the one that is asked about.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Student, teacher, guardian or class.
    pub kind: Tag,
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
    /// Is the schedule finalised? Only asked where a change needs days to reach the source: what is not final is not sent on.
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
    let first = |came: Came| checks.iter().find(|check| check.came == came && check.advice.is_some());
    let advice =
        if here { None } else { first(Came::Failed).or_else(|| first(Came::Open)).and_then(|check| check.advice.clone()) };
    let shows = match &advice {
        _ if here => Shows::Now,
        Some(Advice { place: Where::Here, .. }) => Shows::OnceDone,
        _ => facts.next_run(),
    };
    Explanation { here, checks, advice, shows }
}

fn ok(check: Step, found: impl Into<String>) -> Check {
    Check { check, came: Came::Ok, found: found.into(), advice: None }
}

fn failed(check: Step, found: impl Into<String>, place: Where, what: impl Into<String>) -> Check {
    Check { check, came: Came::Failed, found: found.into(), advice: Some(Advice { place, what: what.into() }) }
}

impl Facts<'_> {
    fn is_here(&self) -> bool {
        self.mirror
            .as_ref()
            .is_some_and(|mirror| mirror.status == Status::Active && mirror.enabled && mirror.in_class != Some(false))
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

    /// Where the source's data is looked at first, and what that system is called.
    fn source(&self) -> &'static str {
        self.between().map_or("what the student information system sends", |(_, name)| name)
    }

    fn in_snapshot(&self) -> Check {
        let (step, kind) = (Step::InSnapshot, self.kind.name());
        if self.is_manual() {
            return ok(step, format!("This {kind} was made here by hand and does not come from the source."));
        }
        let Some(snapshot) = &self.snapshot else {
            let what = "Send the first data, or see to it that the source shares it.";
            return failed(step, "No data of this district has been taken in yet.", Where::Sis, what);
        };
        if snapshot.record.is_some() {
            return ok(step, format!("The newest data, of {}, has this {kind}.", snapshot.taken_at));
        }
        if snapshot.unreadable {
            let found = format!(
                "The newest data, of {}, has rows that cannot be read, and this {kind} may be one of them.",
                snapshot.taken_at
            );
            return failed(step, found, Where::Sis, "Correct the rows that the findings of the newest report name.");
        }
        let found = format!("The newest data, of {}, does not have this {kind}.", snapshot.taken_at);
        let what = match (self.kind, self.between()) {
            _ if self.is_slow() => self.see_and_wait(format!("the {kind} is listed there")),
            (Tag::Class, Some((_, name))) => {
                format!("See that the section is in the student information system and is shared in {name}.")
            }
            (_, Some((_, name))) => format!(
                "See that the {kind} is listed in the student information system, and in {name} once the two have synced."
            ),
            _ => format!("Add the {kind} in the student information system, or see that the school is among those shared."),
        };
        failed(step, found, Where::Sis, what)
    }

    fn has_contact(&self) -> Option<Check> {
        let step = Step::HasContact;
        let record = self.record()?;
        match self.kind {
            Tag::Student => {
                let needed = self.policy.admit_students != AdmitStudents::Shared;
                Some(match (record.email, needed) {
                    (true, _) => ok(step, "There is an e-mail address in the source."),
                    (false, false) => {
                        ok(step, "There is no e-mail address in the source; this district takes students in without one (R-S2).")
                    }
                    (false, true) if self.mirror.is_some() => {
                        ok(step, "There is no e-mail address in the source any more; that alone makes nobody leave (R-S1).")
                    }
                    (false, true) => failed(
                        step,
                        "There is no e-mail address in the source, and without one a student does not come in (R-S1).",
                        Where::Sis,
                        "Add the e-mail address in the student information system.",
                    ),
                })
            }
            Tag::Teacher => Some(ok(
                step,
                if record.email {
                    "There is an e-mail address in the source."
                } else {
                    "There is no e-mail address in the source; a teacher comes in without one."
                },
            )),
            Tag::Guardian if self.policy.admit_guardians == AdmitGuardians::None => Some(failed(
                step,
                "This district takes no guardians from its source (R-G1).",
                Where::Here,
                "Add the guardian by hand to the student, or ask the operator to change the setting admit_guardians.",
            )),
            Tag::Guardian => {
                let waits = self.findings.iter().any(|finding| finding.code == GUARDIAN_WAITS_FOR_CONTACT.name);
                Some(if !record.contact {
                    let found = "There is neither an e-mail address nor a phone in the source, and without one a guardian does not come in (R-G1).";
                    failed(step, found, Where::Sis, "Add an e-mail address or a phone number in the student information system.")
                } else if waits {
                    let found = "Every e-mail address and phone in the source is another guardian's too; one of them must be this guardian's alone (R-G1).";
                    failed(step, found, Where::Sis, "Give this guardian an e-mail address or a phone number of their own.")
                } else {
                    ok(step, "There is an e-mail address or a phone in the source.")
                })
            }
            _ => None,
        }
    }

    fn in_active_class(&self) -> Option<Check> {
        let step = Step::InActiveClass;
        match self.kind {
            Tag::Student => {
                let record = self.record()?;
                let needed = self.policy.admit_students == AdmitStudents::EmailAndEnrolled;
                let found =
                    format!("{} of {} enrollments of today are in active classes.", record.in_active_classes, record.enrolled);
                Some(if record.in_active_classes > 0 || !needed || self.mirror.is_some() {
                    ok(step, found)
                } else {
                    let found = format!("{found} A student comes in only with one (R-S1).");
                    let what = "Enroll the student in a class that has a teacher and whose term is not over.";
                    failed(step, found, Where::Sis, what)
                })
            }
            Tag::Class => {
                let inactive = &self.mirror.as_ref()?.inactive;
                if inactive.is_empty() {
                    return Some(ok(step, "The class has a teacher, a student and a term that is not over."));
                }
                let why: Vec<&str> = inactive
                    .iter()
                    .map(|why| match why {
                        Inactive::NoTeacher => "it has no teacher today",
                        Inactive::NoStudent => "it has no student today",
                        Inactive::TermOver => "its term is over",
                    })
                    .collect();
                let found = format!("The class is inactive: {} (R-C4).", why.join(", "));
                Some(failed(
                    step,
                    found,
                    Where::Sis,
                    "Correct the class's enrollments or its term in the student information system.",
                ))
            }
            _ => None,
        }
    }

    fn in_that_class(&self) -> Option<Check> {
        let step = Step::InThatClass;
        let manual = self.mirror.as_ref().and_then(|mirror| mirror.in_class);
        Some(match self.record().and_then(|record| record.in_class) {
            Some(true) => ok(step, "The newest data has the enrollment in this class."),
            Some(false) if manual == Some(true) => {
                ok(step, "The newest data does not have the enrollment; it was made here by hand.")
            }
            Some(false) => failed(
                step,
                format!("In the newest data the {} is not in this class.", self.kind),
                self.between().filter(|_| !self.is_slow()).map_or(Where::Sis, |(place, _)| place),
                if self.is_slow() {
                    self.see_and_wait(format!("the {} is listed in this class there", self.kind))
                } else {
                    format!("See that the enrollment is in the student information system and has reached {}.", self.source())
                },
            ),
            None => return None,
        })
    }

    fn run_since(&self) -> Check {
        let step = Step::RunSince;
        if self.is_manual() {
            return ok(step, "No run is needed for what is made by hand.");
        }
        if self.status != DistrictStatus::Live {
            let found = match self.status {
                DistrictStatus::Off => "The district's sync is switched off.",
                DistrictStatus::Paused => "The district's sync is paused.",
                DistrictStatus::InReview => "The district's next run waits for review.",
                _ => "The district is not synced yet.",
            };
            return failed(
                step,
                found,
                Where::Here,
                "Ask the operator to switch the sync on, or to approve the run that is in review.",
            );
        }
        let (Some(snapshot), applied) = (&self.snapshot, &self.applied) else {
            return failed(step, "There was no run yet.", Where::Sis, "Send the first data.");
        };
        if let Some(applied) = applied.as_ref().filter(|applied| applied.taken_at >= snapshot.taken_at) {
            return ok(step, format!("The run {} has brought in the newest data.", applied.run));
        }
        match self.waiting {
            Some(RunState::Held) => failed(
                step,
                "The run of the newest data is held: it waits for a person (R-H1).",
                Where::Here,
                "Ask the operator to look at the held run and to approve or reject it.",
            ),
            Some(RunState::Rejected) => failed(
                step,
                "A person rejected the run of the newest data (R-H2).",
                Where::Here,
                "Ask the operator why; the next data makes a new run.",
            ),
            _ => Check {
                check: step,
                came: Came::Open,
                found: "The run of the newest data is not finished yet.".into(),
                advice: Some(Advice { place: Where::Here, what: "Wait a few minutes and ask again.".into() }),
            },
        }
    }

    fn not_removed(&self) -> Check {
        let (step, kind) = (Step::NotRemoved, self.kind);
        let Some(mirror) = &self.mirror else { return ok(step, format!("This {kind} was never here.")) };
        if mirror.status == Status::Archived {
            let when = mirror.archived_on.map_or_else(String::new, |day| format!(" on {day}"));
            let rules: Vec<String> =
                mirror.reasons.iter().map(|reason| format!("{}: {}", reason.rule.id(), reason.what)).collect();
            let why = if rules.is_empty() { "its plan is no longer kept".to_owned() } else { rules.join("; ") };
            let found = format!("The run {} archived this {kind}{when} ({why}).", mirror.changed_by);
            return failed(
                step,
                found,
                Where::Sis,
                format!(
                    "If the {kind} belongs here, put it back in the student information system: it gets the same account again."
                ),
            );
        }
        if mirror.taken_out {
            return failed(step, "Somebody here took it out of this class by hand.", Where::Here, "Add it to the class again.");
        }
        if !mirror.enabled {
            return failed(
                step,
                "The account is here, but it is disabled.",
                Where::Here,
                "A school leader can enable the account.",
            );
        }
        ok(step, format!("This {kind} is here; the run {} changed it last.", mirror.changed_by))
    }

    /// Whether something is not in the newest data, and may be on its way.
    fn may_be_under_way(&self) -> bool {
        let is_missing = self.record().is_none_or(|record| record.in_class == Some(false));
        self.policy.propagation_hours > 0.0 && is_missing && !self.is_manual()
    }

    /// Whether changes need days to reach the source: then somebody passes finalised schedules on, as for ATS/STARS.
    fn is_slow(&self) -> bool {
        self.policy.propagation_hours >= SLOW_HOURS
    }

    /// How long a change needs to reach the source.
    fn propagation(&self) -> SignedDuration {
        SignedDuration::try_from_secs_f64(self.policy.propagation_hours * 3600.0).unwrap_or_default()
    }

    /// The same in words.
    fn propagation_in_words(&self) -> String {
        match self.policy.propagation_hours {
            hours if hours < 1.0 => format!("{} minutes", (hours * 60.0).round()),
            hours => format!("{hours} hours"),
        }
    }

    /// The moment before which every change has reached the newest data.
    fn reached_until(&self) -> Option<Timestamp> {
        self.snapshot.as_ref()?.taken_at.checked_sub(self.propagation()).ok()
    }

    /// What to look at where changes need days, and until when to wait for them.
    fn see_and_wait(&self, what: impl AsRef<str>) -> String {
        let (long, source) = (self.propagation_in_words(), self.between().map_or("the source", |(_, name)| name));
        let since = self.reached_until().map_or_else(String::new, |since| format!(" after {since}"));
        format!(
            "See in the student information system that the schedule is finalised and that {}; if not, ask whoever keeps it (ATS/STARS: \
             the DIIT office). If that was done{since}, it may not have reached {source} yet: wait until {long} after it was done.",
            what.as_ref()
        )
    }

    /// Only a person can tell, where the source gets nothing but finalised schedules.
    fn schedule_finalised(&self) -> Option<Check> {
        if !self.may_be_under_way() || !self.is_slow() {
            return None;
        }
        let what = "See in the student information system that the schedule is finalised; if not, ask whoever keeps it (ATS/STARS: the DIIT office).";
        Some(Check {
            check: Step::ScheduleFinalised,
            came: Came::Open,
            found: "A schedule is passed on once it is finalised; whether it is, the data do not tell.".into(),
            advice: Some(Advice { place: Where::Sis, what: what.into() }),
        })
    }

    /// Only for sources that changes reach late, and only where something is not in the newest data.
    fn propagation_over(&self) -> Option<Check> {
        if !self.may_be_under_way() {
            return None;
        }
        let long = self.propagation_in_words();
        let begins = if self.is_slow() { " once the schedule is finalised" } else { "" };
        let newest = self
            .reached_until()
            .map_or_else(String::new, |until| format!(" The newest data has what was changed before {until}."));
        Some(Check {
            check: Step::PropagationOver,
            came: Came::Open,
            found: format!("A change needs {long} to reach the source{begins}.{newest}"),
            advice: Some(Advice {
                place: Where::Sis,
                what: format!("If it was changed later, wait until {long} after the change."),
            }),
        })
    }

    fn known_by_id(&self, already_explained: bool) -> Check {
        let step = Step::KnownById;
        if self.mirror.is_some() {
            return ok(step, "It is known here under this id.");
        }
        let has_run = self.applied.as_ref().zip(self.snapshot.as_ref()).is_some_and(|(run, data)| run.taken_at >= data.taken_at);
        if already_explained || !has_run {
            return Check { check: step, came: Came::Open, found: "It is not known here under this id.".into(), advice: None };
        }
        failed(
            step,
            "Everything is as it should be, and still it is not known here under this id.",
            Where::Here,
            "Ask support for an ID adjustment: the source's id must be linked to the account (R-I3).",
        )
    }

    /// The first run that can bring in a change that is made now.
    fn next_run(&self) -> Shows {
        if matches!(self.status, DistrictStatus::Off | DistrictStatus::Paused) {
            return Shows::NotWhileOff;
        }
        let reached = self.now.checked_add(self.propagation()).unwrap_or(self.now);
        let at = self.policy.schedule.parse::<Time>().ok().and_then(|time| next_at(reached, time, self.time_zone));
        at.map_or(Shows::WithUploadAfter { at: reached }, |at| Shows::At { at })
    }
}

/// The first night of a district that begins at `from` or later.
fn next_at(from: Timestamp, wished: Time, zone: &str) -> Option<Timestamp> {
    let zone = TimeZone::get(zone).ok()?;
    let time = nightly(wished, &zone, from);
    let today = from.to_zoned(zone.clone()).date();
    let on = |day: Date| day.to_datetime(time).to_zoned(zone.clone()).ok().map(|at| at.timestamp());
    match on(today)? {
        at if at >= from => Some(at),
        _ => on(today.checked_add(1.day()).ok()?),
    }
}
