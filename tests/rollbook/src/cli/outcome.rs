//! The outcome of an upload, gathered from the run record, its report and the local stack.

use std::collections::BTreeMap;

use mirror::ports::runs::RunRecord;
use roster::change::Counts;
use roster::outcome::ENROLLMENT;
use roster::report::Report;
use roster::run::RunState;
use roster::verdict::{Verdict, VerdictKind};
use serde_json::{Value, json};
use stack::{FailureRecord, IMPORT, RECONCILE, Stack, Uploaded};

use super::progress::Step;
use super::{End, Fault};

/// The counted kinds, in display order.
pub(super) const KINDS: [&str; 8] =
    ["school", "term", "course", "class", "student", "teacher", "guardian", ENROLLMENT];

/// A run that has ended or is held.
pub(super) struct Outcome {
    pub(super) run: RunRecord,
    pub(super) report: Report,
    /// Peak memory of the process per function, in bytes.
    pub(super) peak_rss: BTreeMap<&'static str, u64>,
}

impl Outcome {
    /// Waits for the run of an upload to end.
    pub(super) async fn of(stack: &Stack, uploaded: &Uploaded, step: &Step) -> Result<Self, Fault> {
        let run = stack.finished(uploaded, |state| step.update(activity(state).into())).await?;
        Self::gather(stack, run).await
    }

    /// Gathers everything about a run. Returns an error if the run has not ended.
    pub(super) async fn gather(stack: &Stack, run: Option<RunRecord>) -> Result<Self, Fault> {
        let run = run.ok_or_else(|| stuck(stack, None))?;
        if !run.state.is_final() && run.state != RunState::Held {
            return Err(stuck(stack, Some(&run)));
        }
        if run.remainder.is_some() {
            // The part that waits is planned after the other part is applied.
            stack.settled().await;
        }
        let report = match stack.report(&run.district, &run.run).await? {
            Some(report) => report,
            // A run that was superseded early has no report.
            None => empty_report(&run),
        };
        let peak_rss = [IMPORT, RECONCILE]
            .into_iter()
            .filter_map(|name| Some((name, stack.peak_rss(name)?)))
            .collect();
        Ok(Self { run, report, peak_rss })
    }

    /// How the command ends.
    pub(super) fn end(&self) -> End {
        match Verdict::of(&self.report).kind {
            VerdictKind::Applied | VerdictKind::Unchanged => End::Done,
            VerdictKind::AppliedPartly | VerdictKind::AppliedWithoutRemovals => End::LeftOut,
            VerdictKind::Held | VerdictKind::AppliedWithHolds => End::Held,
            VerdictKind::Refused => End::Refused,
            VerdictKind::Rejected | VerdictKind::Replaced | VerdictKind::InProgress => End::Fault,
        }
    }

    /// The counts of a kind; zeros if nothing was planned.
    pub(super) fn counts(&self, kind: &str) -> Counts {
        self.report.counts.get(kind).copied().unwrap_or_default()
    }

    /// The object that `--json` prints.
    pub(super) fn json(&self) -> Value {
        let counts: BTreeMap<&str, Value> =
            KINDS.into_iter().map(|kind| (kind, json!(self.counts(kind)))).collect();
        let findings: Vec<Value> = self
            .report
            .findings
            .iter()
            .map(|finding| {
                let place = finding.place.as_ref();
                json!({
                    "code": finding.code,
                    "severity": finding.severity,
                    "rule": finding.rule,
                    "file": place.map(|place| &place.file),
                    "line": place.and_then(|place| place.line),
                    "column": place.and_then(|place| place.column.as_ref()),
                    "entity": finding.entity,
                    "message": finding.message,
                })
            })
            .collect();
        json!({
            "status": self.run.state,
            "verdict": Verdict::of(&self.report),
            "effects": self.report.effects,
            "left_out": self.report.left_out,
            "district": self.run.district,
            "run": self.run.run,
            "counts": counts,
            "findings": findings,
            "finding_totals": self.report.finding_totals,
            "holds": self.report.holds,
            "waits": self.report.waits,
            "remainder": self.report.remainder,
            "plan": self.report.plan,
            "item_writes": self.report.item_writes,
            "edits_kept": self.report.edits_kept,
            "read_units": self.report.read_units,
            "write_units": self.report.write_units,
            "seconds": self.report.seconds,
            "peak_rss_bytes": self.peak_rss,
        })
    }
}

/// A few words for what a run in this state does.
pub(super) fn activity(state: RunState) -> &'static str {
    match state {
        RunState::Importing => "reading the files",
        RunState::Staged => "waiting for the comparison with the mirror",
        RunState::Planning => "comparing with the mirror",
        RunState::Applying => "writing the changes",
        _ => "finishing",
    }
}

fn empty_report(run: &RunRecord) -> Report {
    let uploads = run.upload.iter().cloned().collect();
    let origin =
        roster::snapshot::Origin { uploads, ..roster::snapshot::Origin::of("oneroster_csv") };
    let (district, id) = (run.district.clone(), run.run.clone());
    let day = run.today.unwrap_or_default();
    Report {
        cause: run.cause.clone(),
        decided: run.decided.clone(),
        item_writes: run.item_writes,
        edits_kept: run.edits_kept,
        read_units: run.read_units,
        write_units: run.write_units,
        ..Report::new(district, id, run.state, (run.taken_at, day), origin)
    }
}

/// The error for a run that stopped before its end: what failed, and where the logs are.
fn stuck(stack: &Stack, run: Option<&RunRecord>) -> Fault {
    let mut text = match run {
        Some(run) => {
            format!("run {} did not end; its last step was: {}", run.run, activity(run.state))
        }
        None => "the upload did not start a run".to_owned(),
    };
    let failures: Vec<FailureRecord> =
        [IMPORT, RECONCILE].into_iter().flat_map(|name| stack.failures(name)).collect();
    for failure in &failures {
        let message = failure.response_payload["errorMessage"].as_str().unwrap_or("no message");
        text.push_str(&format!(
            "\n  {} failed {} times: {message}",
            failure.function, failure.approximate_invoke_count
        ));
    }
    text.push_str(&format!("\n  logs: {}", stack.data().join("logs").display()));
    Fault::Message(text)
}

/// Prints text to standard output.
pub(super) fn print(text: &str) -> Result<(), Fault> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
