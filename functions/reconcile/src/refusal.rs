//! Why an undo or a restore cannot be done, and its report.

use mirror::MirrorError;
use mirror::eventbridge;
use mirror::files::plan::StoredPlan;
use mirror::files::report;
use mirror::ports::runs::RunRecord;
use roster::contract::PlanError;
use roster::finding::{Code, Finding};
use roster::policy::PolicyError;
use roster::report::FindingList;
use roster::rule::Rule;
use roster::run::NotReversible;
use roster::snapshot::Manifest;
use tracing::info;

use crate::{ReconcileFailure, Services, Storage};

/// Why an undo or a restore cannot be done (R-H4). The text is the detail of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the district is not synced")]
    NotSynced,
    #[error("there is no such run")]
    NoSuchRun,
    #[error(transparent)]
    NotReversible(#[from] NotReversible),
    #[error("it was already undone")]
    AlreadyUndone,
    #[error("its plan has expired")]
    PlanExpired,
    #[error("it has no snapshot, or its snapshot has expired")]
    NoSnapshot,
    #[error("its snapshot has expired")]
    SnapshotExpired,
}

impl Refusal {
    /// Returns the finding for the report.
    pub(crate) fn finding(self, code: &'static Code) -> Finding {
        Finding::new(code).with(format!("{}: {self}", code.meaning)).under(Rule::H4)
    }
}

/// Why the preparation of an undo or a restore ended: it cannot be done, or a step failed and is
/// retried.
pub(crate) enum Stopped {
    Refused(Refusal),
    Failed(ReconcileFailure),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<NotReversible> for Stopped {
    fn from(reason: NotReversible) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<ReconcileFailure> for Stopped {
    fn from(failure: ReconcileFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<MirrorError> for Stopped {
    fn from(error: MirrorError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<PlanError> for Stopped {
    fn from(error: PlanError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<PolicyError> for Stopped {
    fn from(error: PolicyError) -> Self {
        Self::Failed(error.into())
    }
}

/// Writes the report of a refused run, with further findings. The caller saves the run's record
/// afterwards.
pub(crate) async fn write_report<S: Services>(
    storage: &Storage<S>,
    record: &RunRecord,
    manifest: &Manifest,
    stored: Option<&StoredPlan>,
    findings: impl IntoIterator<Item = Finding>,
) -> Result<(), MirrorError> {
    let mut report = report::assemble(&storage.internal, manifest, stored, record).await?;
    let mut list = FindingList { findings: report.findings, totals: report.finding_totals };
    for finding in findings {
        list.push(finding);
    }
    (report.findings, report.finding_totals) = (list.findings, list.totals);
    report::put(&storage.internal, &report).await?;
    info!(district = %record.district, run = %record.run, "refused");
    eventbridge::metrics(
        storage.clock.now(),
        "refused",
        &record.district,
        &record.run,
        &[("Runs", 1.0)],
    );
    Ok(())
}
