//! The checks that the data answers.

use super::{Advice, Check, CheckResult, Facts, Step, Where};
use crate::book::{classes, guardians, students};
use roster::records::{RecordKind, Status};
use roster::run::RunState;
use roster::settings::DistrictStatus;

fn ok(check: Step, found: impl Into<String>) -> Check {
    Check { check, result: CheckResult::Ok, found: found.into(), advice: None }
}

fn failed(check: Step, found: impl Into<String>, place: Where, what: impl Into<String>) -> Check {
    Check {
        check,
        result: CheckResult::Failed,
        found: found.into(),
        advice: Some(Advice { place, what: what.into() }),
    }
}

impl Facts<'_> {
    /// Returns the name of the system in which to check the source's data first.
    fn source(&self) -> &'static str {
        self.between().map_or("the exported data", |(_, name)| name)
    }

    pub(super) fn in_snapshot(&self) -> Check {
        let (step, kind) = (Step::InSnapshot, self.kind.name());
        if self.is_manual() {
            return ok(
                step,
                format!("This {kind} was added here by hand; it does not come from the source."),
            );
        }
        let Some(snapshot) = &self.snapshot else {
            let what = "Send the first data, or check that the source shares it.";
            return failed(
                step,
                "No data of this district has been imported yet.",
                Where::Sis,
                what,
            );
        };
        if snapshot.record.is_some() {
            return ok(
                step,
                format!("The newest data (from {}) contains this {kind}.", snapshot.taken_at),
            );
        }
        if snapshot.unreadable {
            let found = format!(
                "The newest data (from {}) contains records that cannot be read; this {kind} may \
                 be one of them.",
                snapshot.taken_at
            );
            return failed(
                step,
                found,
                Where::Sis,
                "Correct the records that the findings of the newest report name.",
            );
        }
        let found =
            format!("The newest data (from {}) does not contain this {kind}.", snapshot.taken_at);
        let what = match (self.kind, self.between()) {
            _ if self.similar > 0 && self.mirror.is_none() => format!(
                "Check the id first. Similar ids here or in the newest data: {}. If the {kind} has \
                 one of them, ask again with that id.",
                self.similar
            ),
            _ if self.is_slow() => self.see_and_wait(format!("the {kind} is listed there")),
            (RecordKind::Class, Some((_, name))) => {
                format!(
                    "Check that the section is in the student information system and is shared in \
                     {name}."
                )
            }
            (_, Some((_, name))) => format!(
                "Check that the {kind} is listed in the student information system and, after the \
                 two have synced, in {name}."
            ),
            _ => format!(
                "Add the {kind} in the student information system, or check that its school is \
                 shared."
            ),
        };
        failed(step, found, Where::Sis, what)
    }

    /// Checks the contact that admission requires (R-S1, R-G1).
    pub(super) fn has_contact(&self) -> Option<Check> {
        let step = Step::HasContact;
        let record = self.record()?;
        match self.kind {
            RecordKind::Student => Some(self.student_has_email(record.email)),
            RecordKind::Teacher => Some(ok(
                step,
                if record.email {
                    "The source has an e-mail address."
                } else {
                    "The source has no e-mail address; a teacher is admitted without one."
                },
            )),
            RecordKind::Guardian => Some(self.guardian_has_contact(record.contact)),
            _ => None,
        }
    }

    fn student_has_email(&self, has_email: bool) -> Check {
        let step = Step::HasContact;
        if has_email {
            return ok(step, "The source has an e-mail address.");
        }
        match (students::requirements(self.policy).email, &self.mirror) {
            (false, _) => ok(
                step,
                "The source has no e-mail address; this district admits students without one \
                 (R-S2).",
            ),
            (true, Some(_)) => {
                ok(step, "The source has no e-mail address; an existing student stays (R-S1).")
            }
            (true, None) => failed(
                step,
                "The source has no e-mail address; a student is admitted only with one (R-S1).",
                Where::Sis,
                "Add the e-mail address in the student information system.",
            ),
        }
    }

    fn guardian_has_contact(&self, has_contact: bool) -> Check {
        let step = Step::HasContact;
        let waits = || self.findings.iter().any(|found| found.code == guardians::WAITS.name);
        if !guardians::admits_guardians(self.policy) {
            failed(
                step,
                "This district admits no guardians from its source (R-G1).",
                Where::Here,
                "Add the guardian to the student by hand, or ask the operator to change the \
                 setting admit_guardians.",
            )
        } else if !has_contact {
            failed(
                step,
                "The source has neither an e-mail address nor a phone number; a guardian is \
                 admitted only with one of them (R-G1).",
                Where::Sis,
                "Add an e-mail address or a phone number in the student information system.",
            )
        } else if waits() {
            failed(
                step,
                "Every e-mail address and phone number in the source also belongs to another \
                 guardian; a guardian needs one of their own (R-G1).",
                Where::Sis,
                "Enter an e-mail address or a phone number that no other guardian uses.",
            )
        } else {
            ok(step, "The source has an e-mail address or a phone number.")
        }
    }

    pub(super) fn in_active_class(&self) -> Option<Check> {
        let step = Step::InActiveClass;
        match self.kind {
            RecordKind::Student => {
                let record = self.record()?;
                let needed = students::requirements(self.policy).class;
                let found = format!(
                    "{} of {} current enrollments are in active classes.",
                    record.in_active_classes, record.enrolled
                );
                Some(if record.in_active_classes > 0 || !needed || self.mirror.is_some() {
                    ok(step, found)
                } else {
                    let found =
                        format!("{found} A student is admitted only with at least one (R-S1).");
                    let what = "Enroll the student in a class that has a teacher and a term that \
                        is not over.";
                    failed(step, found, Where::Sis, what)
                })
            }
            RecordKind::Class => {
                let inactive = &self.mirror.as_ref()?.inactive;
                if inactive.is_empty() {
                    return Some(ok(
                        step,
                        "The class has a teacher, a student and a term that is not over.",
                    ));
                }
                let why: Vec<&str> =
                    inactive.iter().map(|reason| classes::inactive_clause(*reason)).collect();
                let found = format!("The class is inactive: {} (R-C4).", why.join(", "));
                Some(failed(
                    step,
                    found,
                    Where::Sis,
                    "Correct the class's enrollments or its term in the student information \
                     system.",
                ))
            }
            _ => None,
        }
    }

    pub(super) fn in_that_class(&self) -> Option<Check> {
        let step = Step::InThatClass;
        let manual = self.mirror.as_ref().and_then(|mirror| mirror.in_class);
        Some(match self.record().and_then(|record| record.in_class) {
            Some(true) => ok(step, "The newest data contains the enrollment in this class."),
            Some(false) if manual == Some(true) => ok(
                step,
                "The newest data does not contain the enrollment; it was added here by hand.",
            ),
            Some(false) => failed(
                step,
                format!("In the newest data the {} is not in this class.", self.kind),
                self.between().filter(|_| !self.is_slow()).map_or(Where::Sis, |(place, _)| place),
                if self.is_slow() {
                    self.see_and_wait(format!("the {} is listed in this class there", self.kind))
                } else {
                    format!(
                        "Check that the enrollment is in the student information system and has \
                         reached {}.",
                        self.source()
                    )
                },
            ),
            None => return None,
        })
    }

    pub(super) fn run_since(&self) -> Check {
        let step = Step::RunSince;
        if self.is_manual() {
            return ok(step, "No run is needed for records added by hand.");
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
                "Ask the operator to switch the sync on, or to approve the run in review.",
            );
        }
        let (Some(snapshot), applied) = (&self.snapshot, &self.applied) else {
            return failed(step, "There has been no run yet.", Where::Sis, "Send the first data.");
        };
        if let Some(applied) =
            applied.as_ref().filter(|applied| applied.taken_at >= snapshot.taken_at)
        {
            return ok(step, format!("Run {} applied the newest data.", applied.run));
        }
        match self.waiting {
            Some(RunState::Held) => failed(
                step,
                "The run with the newest data is held: a person must approve or reject it (R-H1).",
                Where::Here,
                "Ask the operator to review the held run and to approve or reject it.",
            ),
            Some(RunState::Rejected) => failed(
                step,
                "A person rejected the run with the newest data (R-H2).",
                Where::Here,
                "Ask the operator why. The next data starts a new run.",
            ),
            _ => Check {
                check: step,
                result: CheckResult::Open,
                found: "The run with the newest data is not finished yet.".into(),
                advice: Some(Advice {
                    place: Where::Here,
                    what: "Wait a few minutes and ask again.".into(),
                }),
            },
        }
    }

    pub(super) fn not_removed(&self) -> Check {
        let (step, kind) = (Step::NotRemoved, self.kind);
        let Some(mirror) = &self.mirror else {
            return ok(step, format!("This {kind} was never here."));
        };
        if mirror.status == Status::Archived {
            let when = mirror.archived_on.map_or_else(String::new, |day| format!(" on {day}"));
            let rules: Vec<String> = mirror
                .reasons
                .iter()
                .map(|reason| format!("{}: {}", reason.rule.id(), reason.what))
                .collect();
            let why =
                if rules.is_empty() { "its plan has expired".to_owned() } else { rules.join("; ") };
            let found = format!("Run {} archived this {kind}{when} ({why}).", mirror.changed_by);
            return failed(
                step,
                found,
                Where::Sis,
                format!(
                    "If this {kind} belongs here, add it to the student information system again; \
                     it gets the same account."
                ),
            );
        }
        if mirror.taken_out {
            return failed(
                step,
                "It was removed from this class here by hand.",
                Where::Here,
                "Add it to the class again.",
            );
        }
        if !mirror.enabled {
            return failed(
                step,
                "The account exists but is disabled.",
                Where::Here,
                "A school leader can enable the account.",
            );
        }
        ok(step, format!("This {kind} is here; run {} changed it last.", mirror.changed_by))
    }

    pub(super) fn known_by_id(&self, already_explained: bool) -> Check {
        let step = Step::KnownById;
        if self.mirror.is_some() {
            return ok(step, "There is a record with this id here.");
        }
        let has_run = self
            .applied
            .as_ref()
            .zip(self.snapshot.as_ref())
            .is_some_and(|(run, data)| run.taken_at >= data.taken_at);
        if already_explained || !has_run {
            return Check {
                check: step,
                result: CheckResult::Open,
                found: "There is no record with this id here.".into(),
                advice: None,
            };
        }
        failed(
            step,
            "All other checks passed, but there is no record with this id here.",
            Where::Here,
            "Ask support for an ID adjustment: the source's id must be linked to the account \
             (R-I3).",
        )
    }
}
