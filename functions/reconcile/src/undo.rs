//! Undoing an earlier run (R-H4): the plan of an undo is the inverse of the plan of that run. An
//! undo needs no snapshot.

use mirror::MirrorError;
use mirror::files::copy::{MirrorCopy, StoredUndoInputs};
use mirror::files::plan::{self, PlanWriter, StoredPlan};
use mirror::files::snapshot::LinesCopy;
use mirror::keys;
use mirror::ports::runs::RunRecord;
use roster::finding::request;
use roster::outcome::Outcome;
use roster::run::{Command, Step};
use roster::snapshot::Manifest;
use rules::undo::{UndoContext, Undone, undo};
use tokio::runtime::Handle;

use crate::refusal::{Refusal, Stopped};
use crate::session::Session;
use crate::{ReconcileFailure, RunOutcome, Services, earlier, refusal};

/// The plan of an undo.
pub(crate) enum UndoPlan {
    /// The plan can be applied.
    Ready(StoredPlan),
    /// Records of the run were changed later. The stored plan contains only findings.
    Conflict(StoredPlan),
}

impl<S: Services> Session<'_, S> {
    /// Plans an undo.
    pub(crate) async fn make_undo(
        &self,
        record: &mut RunRecord,
        command: &Command,
        removals: bool,
    ) -> Result<UndoPlan, Stopped> {
        let start = self.storage.clock.now();
        let (table, internal) = (&self.storage.table, &self.storage.internal);
        let id = record.district.clone();
        earlier::check(table, self.district.status, record, command).await?;
        // Records differ after an undo, so the undo cannot be repeated while it stands.
        let is_undone = earlier::is_undone(table, &id, &command.of).await?;
        let undone =
            plan::read_plan(internal, &id, &command.of).await?.ok_or(Refusal::PlanExpired)?;
        let key = keys::plan(&id, &command.of);
        let plan = match LinesCopy::fetch(internal, &key, undone.changes).await {
            Ok(plan) => plan,
            Err(MirrorError::Missing { .. }) => return Err(Refusal::PlanExpired.into()),
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
                    Undone::Planned(outcome) => (writer.finish(*outcome)?, true),
                    Undone::Refused { .. } => (writer.finish(Outcome::default())?, false),
                })
            });
        let (stored, is_possible) =
            planned.await.map_err(|error| MirrorError::service("plan the undo", error))??;
        if !is_possible && is_undone {
            return Err(Refusal::AlreadyUndone.into());
        }
        self.record_plan(record, &stored, start).await?;
        Ok(if is_possible { UndoPlan::Ready(stored) } else { UndoPlan::Conflict(stored) })
    }

    /// Ends an undo that cannot be done. `reason` is `None` if the findings of the stored plan
    /// name the records that were changed later.
    pub(crate) async fn refuse_undo(
        &self,
        mut record: RunRecord,
        manifest: &Manifest,
        stored: Option<&StoredPlan>,
        reason: Option<Refusal>,
    ) -> Result<RunOutcome, ReconcileFailure> {
        record.step(Step::Refuse)?;
        let finding = reason.map(|reason| reason.finding(&request::UNDO_NOT_POSSIBLE));
        refusal::write_report(self.storage, &record, manifest, stored, finding).await?;
        self.save(&mut record).await?;
        Ok(RunOutcome::Refused)
    }
}
