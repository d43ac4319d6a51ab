//! Planning, and holding what is dangerous (R-H1).

use jiff::Timestamp;
use mirror::MirrorError;
use mirror::eventbridge::event::Event;
use mirror::files::copy::{MirrorCopy, StoredPlanInputs};
use mirror::files::plan::{self, PlanWriter, StoredPlan};
use mirror::files::report;
use mirror::files::snapshot::SnapshotCopy;
use mirror::ports::districts::{Applied, Changed};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::{PlanRef, RunRecord};
use roster::change::Hold;
use roster::contract::PlanContext;
use roster::id::RunId;
use roster::run::{Cause, Decision, RunState, Step};
use roster::settings::DistrictStatus;
use roster::snapshot::Manifest;
use rules::engine::plan;
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::session::Session;
use crate::undoing::Made;
use crate::{Ended, Objects, ReconcileFailure, Table};

/// The kind of a hold that is about no kind of record.
const REVIEW: &str = "district";

/// Why the first run of a district, and the first after its sync was switched on again, waits for a
/// person whatever it would do (R-O2, R-O5).
fn review(changes: u64) -> Hold {
    let what = format!(
        "the first run after the sync is switched on must be reviewed: it would make {changes} changes"
    );
    Hold { kind: REVIEW.into(), school: None, what, count: changes, of: changes }
}

impl<T: Table, O: Objects, L: OneTimeSchedules> Session<'_, T, O, L> {
    /// Plans the run, unless it was planned and approved, and goes on as the plan's outcome says.
    pub(crate) async fn plan_and_go(
        &mut self,
        mut record: RunRecord,
        manifest: &Manifest,
    ) -> Result<Ended, ReconcileFailure> {
        if record.state == RunState::Importing {
            // The manifest says so; its event was faster than its writer's last word.
            record.step(Step::Stage)?;
        }
        record.step(Step::Plan)?;
        if self.invocation.deadline.is_near() {
            return self.go_on_later(&mut record).await;
        }
        self.save(&mut record).await?;
        self.note_open(&record.run).await?;

        let decision = record.decided.as_ref().map(|decided| decided.decision);
        let removals = decision != Some(Decision::ApproveAdditions);
        let reviewed =
            record.plan.filter(|plan| decision.is_some() && plan.against == self.version());
        let stored = match reviewed {
            // What was reviewed is what is applied, to the byte (R-H2).
            Some(plan) if plan.removals == removals => {
                let stored =
                    plan::read_plan(&self.storage.internal, &record.district, &record.run).await?;
                stored.ok_or(MirrorError::Missing { what: "a run's plan" })?
            }
            _ => match record.cause.clone() {
                Cause::Undo(command) => {
                    match self.make_undo(&mut record, &command, removals).await? {
                        Made::Planned(stored) => stored,
                        Made::InTheWay(stored) => {
                            return self.refuse(record, manifest, Some(&stored), None).await;
                        }
                        Made::Impossible(why) => {
                            return self.refuse(record, manifest, None, Some(why)).await;
                        }
                    }
                }
                Cause::Source | Cause::Restore(_) => {
                    self.make_plan(&mut record, manifest, removals).await?
                }
            },
        };
        // Who approved additions and changes has seen all that may come of it. Who approved a plan
        // has not seen another one.
        let approved = reviewed.is_some();
        if !approved && !stored.outcome.holds.is_empty() {
            return self.hold(record, manifest, &stored).await;
        }
        if stored.changes.records == 0 {
            return self.find_nothing(record, manifest, &stored).await;
        }
        record.step(Step::Apply)?;
        record.cursor = 0;
        self.apply(record, manifest).await
    }

    async fn make_plan(
        &self,
        record: &mut RunRecord,
        manifest: &Manifest,
        removals: bool,
    ) -> Result<StoredPlan, ReconcileFailure> {
        let begun = self.storage.clock.now();
        let (table, internal) = (&self.storage.table, &self.storage.internal);
        let (mirror, snapshot, administrators) = tokio::try_join!(
            MirrorCopy::read(table, &record.district),
            SnapshotCopy::fetch(internal, manifest),
            table.administrators(&record.district),
        )?;
        record.read_units += mirror.read_units;
        let inputs = StoredPlanInputs { snapshot, mirror, administrators };
        let policy = self.district.settings.policy()?;
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
        self.note_plan(record, &stored, removals, begun).await?;
        Ok(stored)
    }

    /// Makes a plan whose files are written the run's plan.
    pub(crate) async fn note_plan(
        &self,
        record: &mut RunRecord,
        stored: &StoredPlan,
        removals: bool,
        begun: Timestamp,
    ) -> Result<(), MirrorError> {
        plan::put_plan(&self.storage.internal, &record.district, &record.run, stored).await?;
        record.plan =
            Some(PlanRef { changes: stored.changes.records, against: self.version(), removals });
        let seconds = self.storage.clock.now().duration_since(begun).as_secs_f64();
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
    ) -> Result<Ended, ReconcileFailure> {
        record.step(Step::Hold)?;
        record.decided = None;
        self.write_report(&record, manifest, stored).await?;
        self.storage.operators.tell(self.waits(&record, stored)).await;
        self.save(&mut record).await?;
        warn!(
            district = %record.district, run = %record.run, holds = stored.outcome.holds.len(),
            "the run is held and waits for a decision"
        );
        self.count(&record, "held", &[("Runs", 1.0), ("PlanSeconds", record.plan_seconds)]);
        Ok(Ended::Held)
    }

    /// What operators are told of a run that waits for a person. One that is planned anew, since
    /// the mirror has changed, waits anew.
    fn waits(&self, record: &RunRecord, stored: &StoredPlan) -> Event {
        let (holds, counts) = (stored.outcome.holds.as_slice(), &stored.outcome.counts);
        let review = holds.iter().any(|hold| hold.kind == REVIEW);
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
    ) -> Result<Ended, ReconcileFailure> {
        record.step(Step::FindNothing)?;
        self.write_report(&record, manifest, stored).await?;
        self.note_applied(&record, manifest, self.version()).await?;
        self.save(&mut record).await?;
        self.count(&record, "unchanged", &[("Runs", 1.0), ("PlanSeconds", record.plan_seconds)]);
        Ok(Ended::Unchanged)
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

    async fn note_open(&mut self, run: &RunId) -> Result<(), MirrorError> {
        if self.storage.table.set_open(&self.district.id, self.token, run).await? == Changed::No {
            return Err(MirrorError::LeaseLost);
        }
        self.district.open = Some(run.clone());
        Ok(())
    }

    pub(crate) async fn note_applied(
        &mut self,
        record: &RunRecord,
        manifest: &Manifest,
        version: u64,
    ) -> Result<(), MirrorError> {
        let taken_at = match &record.cause {
            // What the mirror knows of the source is no newer for it, and no older snapshot may
            // follow either (R-M6).
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
