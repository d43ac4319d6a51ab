//! The verdict of a run: what happened, in one sentence that is true for the worst file (R-X3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::{Hold, plural};
use crate::report::Report;
use crate::run::{Cause, Decision, RunState};

/// How a run ended, for people and programs that only want to know whether to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// The mirror equals the source.
    Applied,
    /// The mirror does not equal the source: records were left out, or stay although they were not
    /// sent.
    AppliedPartly,
    /// Additions and changes were applied; removals were not (R-H2).
    AppliedWithoutRemovals,
    /// A part was applied, and a part waits for a decision (R-H5).
    AppliedWithHolds,
    /// The run waits for a decision. Nothing was written.
    Held,
    /// The source's data, or the request, cannot be used. Nothing was written.
    Refused,
    /// The mirror already equals the source.
    Unchanged,
    /// A person rejected the run. Nothing was written.
    Rejected,
    /// A newer run has replaced this one. Nothing was written.
    Replaced,
    /// The run is in progress.
    InProgress,
}

/// The verdict of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The kind.
    pub kind: VerdictKind,
    /// One or two sentences.
    pub text: String,
}

impl Verdict {
    /// Returns the verdict about a report.
    pub fn of(report: &Report) -> Self {
        let kind = kind(report);
        let text = match kind {
            VerdictKind::Applied | VerdictKind::Unchanged => equal(report, kind),
            VerdictKind::AppliedPartly => partly(report),
            VerdictKind::AppliedWithHolds => with_holds(report),
            VerdictKind::AppliedWithoutRemovals if report.cause.is_source() => {
                "Additions and changes were applied, removals were not: records that the source no \
                 longer has stay in the mirror."
                    .to_owned()
            }
            VerdictKind::AppliedWithoutRemovals => {
                "Additions and changes were applied, removals were not.".to_owned()
            }
            VerdictKind::Held => held(report),
            VerdictKind::Refused if report.cause.is_source() => {
                "The source's data cannot be used. Nothing was written, and no record was removed."
                    .to_owned()
            }
            VerdictKind::Refused => {
                "The request cannot be carried out. Nothing was written.".to_owned()
            }
            VerdictKind::Rejected => "A person rejected the run. Nothing was written.".to_owned(),
            VerdictKind::Replaced => {
                "A newer run has replaced this one. Nothing was written.".to_owned()
            }
            VerdictKind::InProgress => "The run is in progress.".to_owned(),
        };
        Self { kind, text }
    }
}

fn kind(report: &Report) -> VerdictKind {
    match report.state {
        RunState::Importing | RunState::Staged | RunState::Planning | RunState::Applying => {
            VerdictKind::InProgress
        }
        RunState::Held => VerdictKind::Held,
        RunState::Refused => VerdictKind::Refused,
        RunState::Rejected => VerdictKind::Rejected,
        RunState::Replaced => VerdictKind::Replaced,
        RunState::Applied if !report.waits.is_empty() => VerdictKind::AppliedWithHolds,
        RunState::Applied | RunState::Unchanged
            if sum(&report.left_out) + sum(&report.still_named) > 0 =>
        {
            VerdictKind::AppliedPartly
        }
        RunState::Applied if is_without_removals(report) => VerdictKind::AppliedWithoutRemovals,
        RunState::Applied => VerdictKind::Applied,
        RunState::Unchanged => VerdictKind::Unchanged,
    }
}

fn is_without_removals(report: &Report) -> bool {
    let decision = report.decided.as_ref().map(|decided| decided.decision);
    decision == Some(Decision::ApproveAdditions)
}

fn sum(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().sum()
}

/// A verdict about a run after which the mirror is what it should be.
fn equal(report: &Report, kind: VerdictKind) -> String {
    let is_applied = kind == VerdictKind::Applied;
    let text = match (&report.cause, is_applied) {
        (Cause::Undo(_), true) => "The earlier run was undone.",
        (Cause::Undo(_), false) => "There was nothing to undo.",
        (Cause::Restore(_), true) => "The mirror now equals the restored data.",
        (Cause::Restore(_), false) => "The mirror already equals the restored data.",
        // Reading changes alone removes nothing, so the mirror may have more than the source.
        (Cause::Source | Cause::Remainder(_), true) if report.origin.changes_over.is_some() => {
            "The records that changed since the last full pull were applied. Nothing was removed."
        }
        (Cause::Source | Cause::Remainder(_), false) if report.origin.changes_over.is_some() => {
            "No record has changed since the last full pull. Nothing was written."
        }
        (Cause::Source | Cause::Remainder(_), true) => "The mirror now equals the source.",
        (Cause::Source | Cause::Remainder(_), false) => {
            "The mirror already equals the source. Nothing was written."
        }
    };
    let mut text = text.to_owned();
    if report.edits_kept > 0 {
        text.push_str(&format!(
            " Skipped changes of records that people edited during the run: {}.",
            report.edits_kept
        ));
    }
    // If a policy admits no student, an empty mirror equals the source. The number says so.
    let students = report.counts.get("student").copied().unwrap_or_default();
    if students.not_admitted > 0 && report.cause.is_source() {
        let not = students.not_admitted;
        let admitted = students.in_source.saturating_sub(not);
        text.push_str(&format!(
            " {admitted} of {} students are admitted; {not} do not meet the conditions yet.",
            students.in_source
        ));
    }
    text
}

fn with_holds(report: &Report) -> String {
    let run = report.remainder.as_ref().map_or("another run", |run| run.as_str());
    let reason = reasons(&report.waits);
    let mut text = format!(
        "A part of the changes was applied. The other part was held as run {run}, about which a \
         person decides{reason}."
    );
    add_left_out(&mut text, report);
    text
}

fn partly(report: &Report) -> String {
    let mut text = if report.state == RunState::Unchanged {
        "Nothing was written, but the mirror does not equal the source.".to_owned()
    } else {
        "The changes were applied, but the mirror does not equal the source.".to_owned()
    };
    add_left_out(&mut text, report);
    if is_without_removals(report) {
        text.push_str(" Removals were not approved.");
    }
    text
}

/// Adds what could not be used, and what the source still refers to.
fn add_left_out(text: &mut String, report: &Report) {
    if !report.left_out.is_empty() {
        text.push_str(&format!(
            " Left out, because they cannot be used: {}. What the mirror has of them stays \
             unchanged.",
            list(&report.left_out)
        ));
    }
    if !report.still_named.is_empty() {
        text.push_str(&format!(
            " Missing from the source, which still refers to them: {}. They stay in the mirror.",
            list(&report.still_named)
        ));
    }
}

/// `104 classes, 1 teacher`.
fn list(counts: &BTreeMap<String, u64>) -> String {
    let kinds = counts.iter().map(|(kind, count)| match count {
        1 => format!("1 {kind}"),
        count => format!("{count} {}", plural(kind)),
    });
    kinds.collect::<Vec<_>>().join(", ")
}

/// The first reason, and how many others there are.
fn reasons(holds: &[Hold]) -> String {
    match holds {
        [] => String::new(),
        [only] => format!(": {}", only.what),
        [first, _] => format!(": {} (and one more reason)", first.what),
        [first, others @ ..] => format!(": {} (and {} more reasons)", first.what, others.len()),
    }
}

fn held(report: &Report) -> String {
    let reason = reasons(&report.holds);
    format!("A person must approve or reject the run{reason}. Nothing was written.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Counts;
    use crate::id::{DistrictId, RunId};
    use crate::outcome::{Guard, Hold};
    use crate::run::Decided;
    use crate::snapshot::Origin;

    fn report(state: RunState) -> Report {
        let origin = Origin::of("oneroster_csv");
        let day = jiff::civil::date(2026, 10, 1);
        let at = jiff::Timestamp::UNIX_EPOCH;
        Report::new(DistrictId::new("oak"), RunId::new("r1"), state, (at, day), origin)
    }

    #[test]
    fn r_x3_a_run_that_left_records_out_is_neither_applied_nor_unchanged() {
        for state in [RunState::Applied, RunState::Unchanged] {
            let left_out = BTreeMap::from([("class".to_owned(), 104), ("teacher".to_owned(), 1)]);
            let verdict = Verdict::of(&Report { left_out, ..report(state) });
            assert_eq!(verdict.kind, VerdictKind::AppliedPartly);
            assert!(verdict.text.contains("104 classes, 1 teacher"), "{}", verdict.text);
            assert!(verdict.text.contains("does not equal the source"), "{}", verdict.text);
        }
    }

    #[test]
    fn r_x3_additions_only_never_claims_that_the_mirror_equals_the_source() {
        let decided = Decided {
            decision: Decision::ApproveAdditions,
            by: "kim".into(),
            reason: "seen".into(),
        };
        let verdict = Verdict::of(&Report { decided: Some(decided), ..report(RunState::Applied) });
        assert_eq!(verdict.kind, VerdictKind::AppliedWithoutRemovals);
        assert!(verdict.text.contains("stay in the mirror"), "{}", verdict.text);
    }

    #[test]
    fn r_x3_students_who_are_not_admitted_are_named() {
        let students = Counts { in_source: 20, not_admitted: 20, ..Counts::default() };
        let counts = BTreeMap::from([("student".to_owned(), students)]);
        let verdict = Verdict::of(&Report { counts, ..report(RunState::Applied) });
        assert!(verdict.text.contains("0 of 20 students are admitted"), "{}", verdict.text);
    }

    #[test]
    fn r_x3_people_who_were_not_sent_but_stay_are_named() {
        let still_named = BTreeMap::from([("student".to_owned(), 9)]);
        let verdict = Verdict::of(&Report { still_named, ..report(RunState::Unchanged) });
        assert_eq!(verdict.kind, VerdictKind::AppliedPartly);
        assert!(verdict.text.contains("9 students. They stay in the mirror"), "{}", verdict.text);
    }

    #[test]
    fn r_x3_a_pull_of_changes_never_claims_that_the_mirror_equals_the_source() {
        for state in [RunState::Applied, RunState::Unchanged] {
            let mut report = report(state);
            report.origin.changes_over = Some(RunId::new("full"));
            let text = Verdict::of(&report).text;
            assert!(text.contains("last full pull") && !text.contains("equals"), "{text}");
        }
    }

    #[test]
    fn r_x3_a_held_run_says_its_first_reason() {
        let hold = |what: &str| Hold {
            guard: Guard::Missing,
            kind: "school".into(),
            school: None,
            class: None,
            what: what.into(),
            count: 2,
            of: 3,
        };
        let holds = vec![hold("2 of 3 schools are missing from the source"), hold("other")];
        let verdict = Verdict::of(&Report { holds, ..report(RunState::Held) });
        assert_eq!(
            verdict.text,
            "A person must approve or reject the run: 2 of 3 schools are missing from the source \
             (and one more reason). Nothing was written."
        );
    }
}
