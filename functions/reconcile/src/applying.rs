//! Writing a stored plan to the mirror, from the saved cursor on.

use jiff::Timestamp;
use mirror::MirrorError;
use mirror::files::plan::{self, StoredPlan};
use mirror::files::report;
use mirror::ops::apply::{Apply, Pause};
use mirror::ports::districts::{Applied, Changed, Leases as _};
use mirror::ports::runs::RunRecord;
use roster::run::{Cause, Step};
use roster::snapshot::Manifest;
use tracing::info;

use crate::session::Session;
use crate::{ReconcileFailure, RunOutcome, Services};

impl<S: Services> Session<'_, S> {
    /// Continues a run that is already in the state `Applying`: reads its stored plan first.
    pub(crate) async fn resume_apply(
        &mut self,
        record: RunRecord,
        manifest: &Manifest,
    ) -> Result<RunOutcome, ReconcileFailure> {
        let internal = &self.storage.internal;
        let stored = plan::read_plan(internal, &record.district, &record.run).await?;
        let stored = stored.ok_or(MirrorError::Missing { what: "a run's plan" })?;
        self.apply(record, manifest, &stored).await
    }

    /// Writes the rest of a plan and ends the run.
    pub(crate) async fn apply(
        &mut self,
        mut record: RunRecord,
        manifest: &Manifest,
        stored: &StoredPlan,
    ) -> Result<RunOutcome, ReconcileFailure> {
        let plan = record.plan.as_ref().ok_or(MirrorError::Missing { what: "a run's plan" })?;
        let against = plan.against;
        // Only this run can change the version while it is applied. A newer version means that the
        // plan was written completely before a crash, and only the record is out of date.
        let is_written = self.version() > against;
        if !is_written {
            // Saving first fences off an older holder of the lease: it can no longer save.
            record.step(Step::Apply)?;
            self.save(&mut record).await?;
            if self.write_changes(&mut record, stored).await? == Pause::Deadline {
                return self.continue_later(&mut record).await;
            }
            info!(
                district = %record.district, run = %record.run, item_writes = record.item_writes,
                apply_seconds = record.apply_seconds, "applied"
            );
        }
        self.begin_remainder(&mut record, stored).await?;
        record.step(Step::Finish)?;
        self.write_report(&record, manifest, stored).await?;
        if !is_written {
            self.set_applied(&record, manifest, against + 1).await?;
        }
        self.save(&mut record).await?;
        self.count(
            &record,
            "applied",
            &[
                ("Runs", 1.0),
                ("ItemWrites", record.item_writes as f64),
                ("PlanSeconds", record.plan_seconds),
                ("ApplySeconds", record.apply_seconds),
            ],
        );
        Ok(RunOutcome::Applied)
    }

    pub(crate) async fn find_nothing(
        &mut self,
        mut record: RunRecord,
        manifest: &Manifest,
        stored: &StoredPlan,
    ) -> Result<RunOutcome, ReconcileFailure> {
        record.step(Step::FindNothing)?;
        self.write_report(&record, manifest, stored).await?;
        self.set_applied(&record, manifest, self.version()).await?;
        self.save(&mut record).await?;
        self.count(&record, "unchanged", &[("Runs", 1.0), ("PlanSeconds", record.plan_seconds)]);
        Ok(RunOutcome::Unchanged)
    }

    pub(crate) async fn write_report(
        &self,
        record: &RunRecord,
        manifest: &Manifest,
        stored: &StoredPlan,
    ) -> Result<(), MirrorError> {
        let report =
            report::assemble(&self.storage.internal, manifest, Some(stored), record).await?;
        report::put(&self.storage.internal, &report).await
    }

    /// Records on the district that the mirror equals the plan of this run.
    async fn set_applied(
        &mut self,
        record: &RunRecord,
        manifest: &Manifest,
        version: u64,
    ) -> Result<(), MirrorError> {
        let taken_at = match &record.cause {
            // An undo brings no data of the source: the time of the last snapshot stays, so that
            // older snapshots are still superseded (R-M6).
            Cause::Undo(_) => {
                self.district.applied.as_ref().map_or(manifest.taken_at, |applied| applied.taken_at)
            }
            Cause::Source | Cause::Restore(_) | Cause::Remainder(_) => manifest.taken_at,
        };
        let applied = Applied { run: record.run.clone(), taken_at, version };
        if self.storage.table.set_applied(&self.district.id, self.token, &applied).await?
            == Changed::No
        {
            return Err(MirrorError::LeaseLost);
        }
        self.district.applied = Some(applied);
        Ok(())
    }

    /// Writes the changes behind the cursor and saves the cursor at each checkpoint. Returns
    /// `Deadline` if the invocation must stop before all changes are written, otherwise `Done`.
    async fn write_changes(
        &self,
        record: &mut RunRecord,
        stored: &StoredPlan,
    ) -> Result<Pause, ReconcileFailure> {
        let start = self.storage.clock.now();
        let before = record.apply_seconds;
        let changes = plan::prepare_changes(
            self.storage.internal.clone(),
            record.district.clone(),
            record.run.clone(),
            stored.changes.clone(),
            record.cursor,
        );
        let seed = roster::id::hash64(&self.invocation.owner);
        let mut apply = Apply::new(
            self.storage.table.clone(),
            record.district.clone(),
            changes,
            record.cursor,
            self.config.pace.clone(),
            self.invocation.deadline.clone(),
            fastrand::Rng::with_seed(seed),
        );
        let result = self.write_to_pause(record, &mut apply, before, start).await;
        // Whatever ended the loop: the lease may be released afterwards, and another run may write.
        apply.stop().await;
        result
    }

    /// Writes and saves the cursor at each checkpoint until all changes are written or the
    /// invocation must stop. `before`: seconds of earlier invocations.
    async fn write_to_pause(
        &self,
        record: &mut RunRecord,
        apply: &mut Apply<S::Table>,
        before: f64,
        start: Timestamp,
    ) -> Result<Pause, ReconcileFailure> {
        loop {
            let advance = apply.advance().await?;
            record.cursor = advance.cursor;
            record.item_writes += advance.item_writes;
            record.write_units += advance.write_units;
            record.edits_kept += advance.kept;
            record.apply_seconds =
                before + self.storage.clock.now().duration_since(start).as_secs_f64();
            match advance.pause {
                Pause::Checkpoint => self.save(record).await?,
                Pause::Done | Pause::Deadline => return Ok(advance.pause),
            }
        }
    }
}
