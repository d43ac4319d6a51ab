//! Writing a plan to the mirror, from wherever it was left.

use mirror::MirrorError;
use mirror::files::plan;
use mirror::ops::apply::{Apply, Pause};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::RunRecord;
use roster::run::Step;
use roster::snapshot::Manifest;
use tracing::info;

use crate::session::Session;
use crate::{Ended, Objects, ReconcileFailure, Table};

impl<T: Table, O: Objects, L: OneTimeSchedules> Session<'_, T, O, L> {
    /// Writes the rest of a plan. The run is in the state Applying.
    pub(crate) async fn apply(
        &mut self,
        mut record: RunRecord,
        manifest: &Manifest,
    ) -> Result<Ended, ReconcileFailure> {
        let internal = &self.storage.internal;
        let stored = plan::read_plan(internal, &record.district, &record.run).await?;
        let stored = stored.ok_or(MirrorError::Missing { what: "a run's plan" })?;
        let against = record.plan.ok_or(MirrorError::Missing { what: "a run's plan" })?.against;
        // While a run is being written nobody else changes the version: if it has moved on, this
        // run was written whole, and died before it said so.
        let is_written = self.version() > against;
        if !is_written {
            // Who saved the record last is who may write: an older holder of the lease cannot.
            record.step(Step::Apply)?;
            self.save(&mut record).await?;
            let begun = self.storage.clock.now();
            let before = record.apply_seconds;
            let changes = plan::prepare_changes(
                internal.clone(),
                record.district.clone(),
                record.run.clone(),
                stored.changes.clone(),
                record.cursor,
            );
            let (pace, deadline) = (self.config.pace.clone(), self.invocation.deadline.clone());
            let seed = roster::id::hash64(&self.invocation.owner);
            let rng = fastrand::Rng::with_seed(seed);
            let mut apply = Apply::new(
                self.storage.table.clone(),
                record.district.clone(),
                changes,
                record.cursor,
                pace,
                deadline,
                rng,
            );
            loop {
                let advance = apply.advance().await?;
                record.cursor = advance.cursor;
                record.item_writes += advance.item_writes;
                record.write_units += advance.write_units;
                record.edits_kept += advance.kept;
                record.apply_seconds =
                    before + self.storage.clock.now().duration_since(begun).as_secs_f64();
                match advance.pause {
                    Pause::Done => break,
                    Pause::Checkpoint => self.save(&mut record).await?,
                    Pause::Deadline => return self.go_on_later(&mut record).await,
                }
            }
            info!(
                district = %record.district, run = %record.run, item_writes = record.item_writes,
                apply_seconds = record.apply_seconds, "applied"
            );
        }
        record.step(Step::Finish)?;
        self.write_report(&record, manifest, &stored).await?;
        if !is_written {
            self.note_applied(&record, manifest, against + 1).await?;
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
        Ok(Ended::Applied)
    }
}
