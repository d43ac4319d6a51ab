//! Planning a run, and holding a plan that must be reviewed (R-H1).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mirror::MirrorError;
use mirror::eventbridge::event::Event;
use mirror::files::copy::{MirrorCopy, StoredPlanInputs};
use mirror::files::plan::{self, PlanWriter, StoredPlan};
use mirror::files::report;
use mirror::files::snapshot::SnapshotCopy;
use mirror::ports::districts::{Applied, Changed, Districts as _, Leases as _};
use mirror::ports::runs::{PlanRef, RunRecord};
use roster::contract::PlanContext;
use roster::outcome::{self, Guard, Hold};
use roster::run::{Cause, Decision, RunState, Step};
use roster::settings::DistrictStatus;
use roster::snapshot::Manifest;
use rules::engine::plan;
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::refusal::Stopped;
use crate::session::Session;
use crate::undo::UndoPlan;
use crate::{ReconcileFailure, RunOutcome, Services, recent};

/// The kind of a hold that concerns the whole district, not one kind of record.
const REVIEW: &str = "district";

/// Returns the hold of the first run of a district, and of the first run after its sync was
/// switched on again: it is always reviewed (R-O2, R-O5).
fn review(changes: u64) -> Hold {
    let what = format!(
        "the first run after the sync is switched on must be reviewed: \
         it would make {changes} changes"
    );
    Hold {
        guard: Guard::Review,
        kind: REVIEW.into(),
        school: None,
        class: None,
        what,
        count: changes,
        of: changes,
    }
}

impl<S: Services> Session<'_, S> {
    /// Plans the run, unless its plan is approved, and then holds or applies the plan.
    pub(crate) async fn plan_and_apply(
        &mut self,
        mut record: RunRecord,
        manifest: &Manifest,
    ) -> Result<RunOutcome, ReconcileFailure> {
        if record.state == RunState::Importing {
            // The manifest is written, so the snapshot is complete. Its event arrived before the
            // importer saved the state of the run.
            record.step(Step::Stage)?;
        }
        record.step(Step::Plan)?;
        if self.invocation.deadline.is_near() {
            return self.continue_later(&mut record).await;
        }
        self.save(&mut record).await?;

        let decision = record.decided.as_ref().map(|decided| decided.decision);
        let removals = decision != Some(Decision::ApproveAdditions);
        let reviewed =
            record.plan.filter(|plan| decision.is_some() && plan.against == self.version());
        let stored = match reviewed {
            // Exactly the reviewed plan is applied (R-H2).
            Some(plan) if plan.removals == removals => {
                let stored =
                    plan::read_plan(&self.storage.internal, &record.district, &record.run).await?;
                stored.ok_or(MirrorError::Missing { what: "a run's plan" })?
            }
            _ => match record.cause.clone() {
                Cause::Undo(command) => {
                    match self.make_undo(&mut record, &command, removals).await {
                        Ok(UndoPlan::Ready(stored)) => stored,
                        Ok(UndoPlan::Conflict(stored)) => {
                            return self.refuse_undo(record, manifest, Some(&stored), None).await;
                        }
                        Err(Stopped::Refused(reason)) => {
                            return self.refuse_undo(record, manifest, None, Some(reason)).await;
                        }
                        Err(Stopped::Failed(failure)) => return Err(failure),
                    }
                }
                Cause::Source | Cause::Restore(_) => {
                    self.make_plan(&mut record, manifest, removals).await?
                }
            },
        };
        if matches!(record.cause, Cause::Undo(_)) {
            self.open(&record.run).await?;
        }
        // An approval covers the plan that was reviewed, also without its removals. It does not
        // cover a new plan against another version of the mirror.
        let approved = reviewed.is_some();
        if !approved && !stored.outcome.holds.is_empty() {
            return self.hold(record, manifest, &stored).await;
        }
        if stored.changes.records == 0 {
            return self.find_nothing(record, manifest, &stored).await;
        }
        record.cursor = 0;
        self.apply(record, manifest, &stored).await
    }

    async fn make_plan(
        &self,
        record: &mut RunRecord,
        manifest: &Manifest,
        removals: bool,
    ) -> Result<StoredPlan, ReconcileFailure> {
        let start = self.storage.clock.now();
        let (table, internal) = (&self.storage.table, &self.storage.internal);
        let (mirror, snapshot, administrators) = tokio::try_join!(
            MirrorCopy::read(table, &record.district),
            SnapshotCopy::fetch(internal, manifest),
            table.administrators(&record.district),
        )?;
        record.read_units += mirror.read_units;
        let inputs = StoredPlanInputs { snapshot, mirror, administrators };
        let policy = self.district.settings.policy()?;
        let recent = recent::removals(self.storage, record).await?;
        let zone = TimeZone::get(&self.district.settings.time_zone).unwrap_or(TimeZone::UTC);
        let made_on = start.to_zoned(zone).date();
        let (district, run, today) = (record.district.clone(), record.run.clone(), manifest.today);
        let (handle, objects) = (Handle::current(), internal.clone());
        let in_review = self.district.status == DistrictStatus::InReview;
        let planned =
            tokio::task::spawn_blocking(move || -> Result<StoredPlan, ReconcileFailure> {
                let context = PlanContext {
                    district: &district,
                    run: &run,
                    today,
                    policy: &policy,
                    removals,
                    made_on,
                    recent: &recent,
                };
                let mut writer = PlanWriter::new(handle, objects, &district, &run);
                let mut outcome = plan(&context, &inputs, &mut writer)?;
                if in_review {
                    outcome.holds.insert(0, review(outcome.changes));
                }
                Ok(writer.finish(outcome)?)
            });
        let stored =
            planned.await.map_err(|error| MirrorError::service("make the plan", error))??;
        self.record_plan(record, &stored, removals, start).await?;
        Ok(stored)
    }

    /// Records the finished plan on the run. The caller saves the record.
    pub(crate) async fn record_plan(
        &self,
        record: &mut RunRecord,
        stored: &StoredPlan,
        removals: bool,
        start: Timestamp,
    ) -> Result<(), MirrorError> {
        plan::put_plan(&self.storage.internal, &record.district, &record.run, stored).await?;
        record.plan =
            Some(PlanRef { changes: stored.changes.records, against: self.version(), removals });
        record.removed = outcome::removed(&stored.outcome.counts);
        let seconds = self.storage.clock.now().duration_since(start).as_secs_f64();
        record.plan_seconds += seconds;
        info!(
            district = %record.district, run = %record.run, changes = stored.changes.records,
            holds = stored.outcome.holds.len(), plan_seconds = seconds, "planned"
        );
        Ok(())
    }

    async fn hold(
        &mut self,
        mut record: RunRecord,
        manifest: &Manifest,
        stored: &StoredPlan,
    ) -> Result<RunOutcome, ReconcileFailure> {
        record.step(Step::Hold)?;
        record.decided = None;
        self.write_report(&record, manifest, stored).await?;
        self.storage.notifications.send(self.waiting_event(&record, stored)).await;
        self.save(&mut record).await?;
        warn!(
            district = %record.district, run = %record.run, holds = stored.outcome.holds.len(),
            "the run is held and waits for a decision"
        );
        self.count(&record, "held", &[("Runs", 1.0), ("PlanSeconds", record.plan_seconds)]);
        Ok(RunOutcome::Held)
    }

    /// Returns the notification about a run that waits for a decision. A run that is planned again
    /// because the mirror has changed is notified again.
    fn waiting_event(&self, record: &RunRecord, stored: &StoredPlan) -> Event {
        let (holds, counts) = (stored.outcome.holds.as_slice(), &stored.outcome.counts);
        let review = holds.iter().any(|hold| hold.guard == Guard::Review);
        let plan = record
            .plan
            .map(|plan| format!("{}-{}", plan.against, plan.removals))
            .unwrap_or_default();
        Event::run_waits(
            self.storage.clock.now(),
            (&record.district, &record.run),
            review,
            (holds, counts),
            &plan,
        )
    }

    async fn find_nothing(
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
    pub(crate) async fn set_applied(
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
            Cause::Source | Cause::Restore(_) => manifest.taken_at,
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
}
