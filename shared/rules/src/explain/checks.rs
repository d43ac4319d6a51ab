//! The steps of the checklist that the data answer.

use super::{Advice, Came, Check, Facts, Step, Where};
use roster::finding::sync::GUARDIAN_WAITS_FOR_CONTACT;
use roster::policy::{AdmitGuardians, AdmitStudents};
use roster::records::{Inactive, RecordKind, Status};
use roster::run::RunState;
use roster::settings::DistrictStatus;

fn ok(check: Step, found: impl Into<String>) -> Check {
    Check { check, came: Came::Ok, found: found.into(), advice: None }
}

fn failed(check: Step, found: impl Into<String>, place: Where, what: impl Into<String>) -> Check {
    Check {
        check,
        came: Came::Failed,
        found: found.into(),
        advice: Some(Advice { place, what: what.into() }),
    }
}

impl Facts<'_> {
    /// Where the source's data is looked at first, and what that system is called.
    fn source(&self) -> &'static str {
        self.between().map_or("what the student information system sends", |(_, name)| name)
    }

    pub(super) fn in_snapshot(&self) -> Check {
        let (step, kind) = (Step::InSnapshot, self.kind.name());
        if self.is_manual() {
            return ok(
                step,
                format!("This {kind} was made here by hand and does not come from the source."),
            );
        }
        let Some(snapshot) = &self.snapshot else {
            let what = "Send the first data, or see to it that the source shares it.";
            return failed(
                step,
                "No data of this district has been taken in yet.",
                Where::Sis,
                what,
            );
        };
        if snapshot.record.is_some() {
            return ok(
                step,
                format!("The newest data, of {}, has this {kind}.", snapshot.taken_at),
            );
        }
        if snapshot.unreadable {
            let found = format!(
                "The newest data, of {}, has rows that cannot be read, and this {kind} may be one of them.",
                snapshot.taken_at
            );
            return failed(
                step,
                found,
                Where::Sis,
                "Correct the rows that the findings of the newest report name.",
            );
        }
        let found =
            format!("The newest data, of {}, does not have this {kind}.", snapshot.taken_at);
        let what = match (self.kind, self.between()) {
            _ if self.is_slow() => self.see_and_wait(format!("the {kind} is listed there")),
            (RecordKind::Class, Some((_, name))) => {
                format!(
                    "See that the section is in the student information system and is shared in {name}."
                )
            }
            (_, Some((_, name))) => format!(
                "See that the {kind} is listed in the student information system, and in {name} once the two have synced."
            ),
            _ => format!(
                "Add the {kind} in the student information system, or see that the school is among those shared."
            ),
        };
        failed(step, found, Where::Sis, what)
    }

    pub(super) fn has_contact(&self) -> Option<Check> {
        let step = Step::HasContact;
        let record = self.record()?;
        match self.kind {
            RecordKind::Student => {
                let needed = self.policy.admit_students != AdmitStudents::Shared;
                Some(match (record.email, needed) {
                    (true, _) => ok(step, "There is an e-mail address in the source."),
                    (false, false) => ok(
                        step,
                        "There is no e-mail address in the source; this district takes students in without one (R-S2).",
                    ),
                    (false, true) if self.mirror.is_some() => ok(
                        step,
                        "There is no e-mail address in the source any more; that alone makes nobody leave (R-S1).",
                    ),
                    (false, true) => failed(
                        step,
                        "There is no e-mail address in the source, and without one a student does not come in (R-S1).",
                        Where::Sis,
                        "Add the e-mail address in the student information system.",
                    ),
                })
            }
            RecordKind::Teacher => Some(ok(
                step,
                if record.email {
                    "There is an e-mail address in the source."
                } else {
                    "There is no e-mail address in the source; a teacher comes in without one."
                },
            )),
            RecordKind::Guardian if self.policy.admit_guardians == AdmitGuardians::None => {
                Some(failed(
                    step,
                    "This district takes no guardians from its source (R-G1).",
                    Where::Here,
                    "Add the guardian by hand to the student, or ask the operator to change the setting admit_guardians.",
                ))
            }
            RecordKind::Guardian => {
                let waits = self
                    .findings
                    .iter()
                    .any(|finding| finding.code == GUARDIAN_WAITS_FOR_CONTACT.name);
                Some(if !record.contact {
                    let found = "There is neither an e-mail address nor a phone in the source, and without one a guardian does not come in (R-G1).";
                    failed(
                        step,
                        found,
                        Where::Sis,
                        "Add an e-mail address or a phone number in the student information system.",
                    )
                } else if waits {
                    let found = "Every e-mail address and phone in the source is another guardian's too; one of them must be this guardian's alone (R-G1).";
                    failed(
                        step,
                        found,
                        Where::Sis,
                        "Give this guardian an e-mail address or a phone number of their own.",
                    )
                } else {
                    ok(step, "There is an e-mail address or a phone in the source.")
                })
            }
            _ => None,
        }
    }

    pub(super) fn in_active_class(&self) -> Option<Check> {
        let step = Step::InActiveClass;
        match self.kind {
            RecordKind::Student => {
                let record = self.record()?;
                let needed = self.policy.admit_students == AdmitStudents::EmailAndEnrolled;
                let found = format!(
                    "{} of {} enrollments of today are in active classes.",
                    record.in_active_classes, record.enrolled
                );
                Some(if record.in_active_classes > 0 || !needed || self.mirror.is_some() {
                    ok(step, found)
                } else {
                    let found = format!("{found} A student comes in only with one (R-S1).");
                    let what = "Enroll the student in a class that has a teacher and whose term is not over.";
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

    pub(super) fn in_that_class(&self) -> Option<Check> {
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
                    format!(
                        "See that the enrollment is in the student information system and has reached {}.",
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
        if let Some(applied) =
            applied.as_ref().filter(|applied| applied.taken_at >= snapshot.taken_at)
        {
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
            let why = if rules.is_empty() {
                "its plan is no longer kept".to_owned()
            } else {
                rules.join("; ")
            };
            let found =
                format!("The run {} archived this {kind}{when} ({why}).", mirror.changed_by);
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
            return failed(
                step,
                "Somebody here took it out of this class by hand.",
                Where::Here,
                "Add it to the class again.",
            );
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

    pub(super) fn known_by_id(&self, already_explained: bool) -> Check {
        let step = Step::KnownById;
        if self.mirror.is_some() {
            return ok(step, "It is known here under this id.");
        }
        let has_run = self
            .applied
            .as_ref()
            .zip(self.snapshot.as_ref())
            .is_some_and(|(run, data)| run.taken_at >= data.taken_at);
        if already_explained || !has_run {
            return Check {
                check: step,
                came: Came::Open,
                found: "It is not known here under this id.".into(),
                advice: None,
            };
        }
        failed(
            step,
            "Everything is as it should be, and still it is not known here under this id.",
            Where::Here,
            "Ask support for an ID adjustment: the source's id must be linked to the account (R-I3).",
        )
    }
}
