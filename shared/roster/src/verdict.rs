//! The verdict of a run: what happened, in one sentence that is true for the worst file (R-X3).

use serde::{Deserialize, Serialize};

use crate::report::Report;
use crate::run::{Cause, Decision, RunState};

/// How a run ended, for people and programs that only want to know whether to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// The mirror equals the source.
    Applied,
    /// The mirror equals the source, except for records that were left out.
    AppliedPartly,
    /// Additions and changes were applied; removals were not (R-H2).
    AppliedWithoutRemovals,
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
            VerdictKind::AppliedWithoutRemovals => "Additions and changes were applied. Removals \
                 were not: the mirror still has records that the source no longer has."
                .to_owned(),
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
        RunState::Applied | RunState::Unchanged if left_out(report) > 0 => {
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

/// The number of records of the source that could not be used.
fn left_out(report: &Report) -> u64 {
    report.left_out.values().sum()
}

fn equal(report: &Report, kind: VerdictKind) -> String {
    let mut text = match (&report.cause, kind) {
        (Cause::Undo(_), VerdictKind::Applied) => {
            return "The earlier run was undone.".to_owned();
        }
        (Cause::Undo(_), _) => return "There was nothing to undo.".to_owned(),
        (Cause::Restore(_), VerdictKind::Applied) => {
            "The mirror now equals the restored data.".to_owned()
        }
        (Cause::Restore(_), _) => "The mirror already equals the restored data.".to_owned(),
        (Cause::Source, VerdictKind::Applied) => "The mirror now equals the source.".to_owned(),
        (Cause::Source, _) => {
            "The mirror already equals the source. Nothing was written.".to_owned()
        }
    };
    // A source that a policy admits nobody of is equal to an empty mirror: say so.
    let students = report.counts.get("student").copied().unwrap_or_default();
    if students.not_admitted > 0 {
        let not = students.not_admitted;
        let admitted = students.in_source.saturating_sub(not);
        text.push_str(&format!(
            " {admitted} of {} students are admitted; {not} do not meet the conditions yet.",
            students.in_source
        ));
    }
    text
}

fn partly(report: &Report) -> String {
    let kinds: Vec<String> = report
        .left_out
        .iter()
        .map(|(kind, count)| format!("{count} {}", plural(kind, *count)))
        .collect();
    let (count, be) = match left_out(report) {
        1 => ("1 record".to_owned(), "was"),
        count => (format!("{count} records"), "were"),
    };
    let begin = if report.state == RunState::Unchanged {
        "Nothing was written, but the mirror does not equal the source"
    } else {
        "The changes were applied, but the mirror does not equal the source"
    };
    format!(
        "{begin}: {count} of the source {be} left out ({}). The mirror keeps them as they were.",
        kinds.join(", ")
    )
}

fn held(report: &Report) -> String {
    let reason = match report.holds.as_slice() {
        [] => String::new(),
        [only] => format!(": {}", only.what),
        [first, _] => format!(": {} (and one more reason)", first.what),
        [first, others @ ..] => format!(": {} (and {} more reasons)", first.what, others.len()),
    };
    format!("A person must approve or reject the run{reason}. Nothing was written.")
}

fn plural(kind: &str, count: u64) -> String {
    match (kind, count) {
        (kind, 1) => kind.to_owned(),
        ("class", _) => "classes".to_owned(),
        (kind, _) => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        assert!(verdict.text.contains("still has records"), "{}", verdict.text);
    }

    #[test]
    fn r_x3_students_who_are_not_admitted_are_named() {
        let students = Counts { in_source: 20, not_admitted: 20, ..Counts::default() };
        let counts = BTreeMap::from([("student".to_owned(), students)]);
        let verdict = Verdict::of(&Report { counts, ..report(RunState::Applied) });
        assert!(verdict.text.contains("0 of 20 students are admitted"), "{}", verdict.text);
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
