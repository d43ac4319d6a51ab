//! Taking an earlier run back (R-H4): a run whose plan is the inverse of that run's. It needs no
//! snapshot.

use std::collections::BTreeMap;

use mirror::MirrorError;
use mirror::eventbridge;
use mirror::files::copy::{MirrorCopy, StoredUndoInputs};
use mirror::files::plan::{self, PlanWriter, StoredPlan};
use mirror::files::report;
use mirror::files::snapshot::LinesCopy;
use mirror::keys;
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::RunRecord;
use roster::change::Outcome;
use roster::finding::{Finding, request};
use roster::report::FindingList;
use roster::rule::Rule;
use roster::run::{Command, RunState, Step};
use roster::snapshot::{Manifest, Origin};
use rules::undo::{UndoContext, Undone, undo};
use tokio::runtime::Handle;
use tracing::info;

use crate::restoring::{KEPT, is_synced};
use crate::session::Session;
use crate::{Ended, Objects, ReconcileFailure, Storage, Table};

/// What stands in the place of a manifest for a run that has no snapshot.
pub(crate) fn bare_manifest(record: &RunRecord, source: &str) -> Manifest {
    Manifest {
        district: record.district.clone(),
        run: record.run.clone(),
        taken_at: record.taken_at,
        today: record.today.unwrap_or_default(),
        origin: Origin::of(source),
        parts: BTreeMap::new(),
        enrollments: 0,
        findings: BTreeMap::new(),
        seconds: 0.0,
    }
}

/// Writes the report of what cannot be done. The run's record is saved after it.
pub(crate) async fn write_refusal<T: Table, O: Objects, L: OneTimeSchedules>(
    storage: &Storage<T, O, L>,
    record: &RunRecord,
    manifest: &Manifest,
    stored: Option<&StoredPlan>,
    findings: Vec<Finding>,
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

/// What came of planning an undo.
pub(crate) enum Made {
    /// A plan.
    Planned(StoredPlan),
    /// Records were changed since; the stored plan has nothing but findings.
    InTheWay(StoredPlan),
    /// There is nothing to plan from, and why.
    Impossible(&'static str),
}

impl<T: Table, O: Objects, L: OneTimeSchedules> Session<'_, T, O, L> {
    /// Plans an undo.
    pub(crate) async fn make_undo(
        &self,
        record: &mut RunRecord,
        command: &Command,
        removals: bool,
    ) -> Result<Made, ReconcileFailure> {
        let begun = self.storage.clock.now();
        let (table, internal) = (&self.storage.table, &self.storage.internal);
        let id = record.district.clone();
        if !is_synced(self.district.status) {
            return Ok(Made::Impossible("the district is not synced"));
        }
        let Some(of) = table.run(&id, &command.of).await? else {
            return Ok(Made::Impossible("there is no such run"));
        };
        if !matches!(of.state, RunState::Applied | RunState::Unchanged) {
            return Ok(Made::Impossible("it was not applied"));
        }
        if record.taken_at.duration_since(of.taken_at) > KEPT {
            return Ok(Made::Impossible("it is more than 365 days old"));
        }
        let Some(taken_back) = plan::read_plan(internal, &id, &command.of).await? else {
            return Ok(Made::Impossible("its plan has expired"));
        };
        let plan =
            match LinesCopy::fetch(internal, &keys::plan(&id, &command.of), taken_back.changes)
                .await
            {
                Ok(plan) => plan,
                Err(MirrorError::Missing { .. }) => {
                    return Ok(Made::Impossible("its plan has expired"));
                }
                Err(error) => return Err(error.into()),
            };
        let mirror = MirrorCopy::read(table, &id).await?;
        record.read_units += mirror.read_units;
        let inputs = StoredUndoInputs { plan, mirror };
        let policy = self.district.settings.policy()?;
        let (district, run) = (id, record.run.clone());
        let (handle, objects) = (Handle::current(), internal.clone());
        let planned =
            tokio::task::spawn_blocking(move || -> Result<(StoredPlan, bool), ReconcileFailure> {
                let mut writer = PlanWriter::new(handle, objects, &district, &run);
                Ok(match undo(&UndoContext { policy: &policy, removals }, &inputs, &mut writer)? {
                    Undone::Planned(outcome) => (writer.finish(outcome)?, true),
                    Undone::Refused { .. } => (writer.finish(Outcome::default())?, false),
                })
            });
        let (stored, is_possible) =
            planned.await.map_err(|error| MirrorError::service("plan the undo", error))??;
        self.note_plan(record, &stored, removals, begun).await?;
        Ok(if is_possible { Made::Planned(stored) } else { Made::InTheWay(stored) })
    }

    /// Ends an undo that cannot be.
    pub(crate) async fn refuse(
        &self,
        mut record: RunRecord,
        manifest: &Manifest,
        stored: Option<&StoredPlan>,
        why: Option<&'static str>,
    ) -> Result<Ended, ReconcileFailure> {
        record.step(Step::Refuse)?;
        let code = &request::UNDO_NOT_POSSIBLE;
        let finding = why
            .map(|why| Finding::new(code).with(format!("{}: {why}", code.meaning)).under(Rule::H4));
        write_refusal(self.storage, &record, manifest, stored, finding.into_iter().collect())
            .await?;
        self.save(&mut record).await?;
        Ok(Ended::Refused)
    }
}
