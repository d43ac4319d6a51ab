//! Planning a run: what is applied at once, what waits, and whether an approved plan is still the
//! one that was shown (R-H1, R-H2, R-H5).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mirror::MirrorError;
use mirror::files::copy::{MirrorCopy, StoredPlanInputs};
use mirror::files::plan::{self, PlanWriter, StoredPlan};
use mirror::files::snapshot::SnapshotCopy;
use mirror::ports::districts::Districts as _;
use mirror::ports::runs::{PlanRef, RunRecord};
use roster::contract::PlanContext;
use roster::outcome::{self, Hold};
use roster::run::{Cause, Decision, RunState, Step};
use roster::settings::DistrictStatus;
use roster::snapshot::Manifest;
use roster::withheld::Withheld;
use rules::engine::{plan, plan_narrowly};
use tokio::runtime::Handle;
use tracing::info;

use crate::refusal::Stopped;
use crate::session::Session;
use crate::undo::UndoPlan;
use crate::{ReconcileFailure, RunOutcome, Services, holding, recent};

/// A plan, or the outcome of a run that ended without one.
enum Made {
    Plan(Box<StoredPlan>),
    Ended(RunOutcome),
}

impl<S: Services> Session<'_, S> {
    /// Plans the run, and then holds or applies the plan.
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
        let shown = record.plan.clone().map(|plan| plan.hash);
        let mut stored = match self.make(&mut record, manifest, Withheld::default()).await? {
            Made::Plan(stored) => stored,
            Made::Ended(outcome) => return Ok(outcome),
        };
        if matches!(record.cause, Cause::Undo(_)) {
            self.open(&record.run).await?;
        }
        match decision {
            None if !stored.outcome.holds.is_empty() => {
                return self.hold(record, manifest, &stored).await;
            }
            // A decision covers the plan that was shown. If anything that the plan depends on has
            // changed since (the mirror, a pin, a link, a setting), the plan is another one.
            Some(_) if shown.as_deref() != Some(stored.changes.xxh3.as_str()) => {
                if stored.outcome.holds.is_empty() {
                    stored.outcome.holds.push(holding::outdated(stored.outcome.changes));
                    let (internal, district) = (&self.storage.internal, &record.district);
                    plan::put_plan(internal, district, &record.run, &stored).await?;
                }
                return self.hold(record, manifest, &stored).await;
            }
            Some(Decision::ApproveAdditions) => {
                let without = Withheld::all_removals();
                stored = match self.make(&mut record, manifest, without).await? {
                    Made::Plan(stored) => stored,
                    Made::Ended(outcome) => return Ok(outcome),
                };
            }
            None | Some(Decision::Approve | Decision::Reject) => {}
        }
        if stored.changes.records == 0 {
            return self.find_nothing(record, manifest, &stored).await;
        }
        record.cursor = 0;
        self.apply(record, manifest, &stored).await
    }

    /// Makes the plan of a run of any cause. `withheld`: what the plan leaves out.
    async fn make(
        &mut self,
        record: &mut RunRecord,
        manifest: &Manifest,
        withheld: Withheld,
    ) -> Result<Made, ReconcileFailure> {
        let Cause::Undo(command) = record.cause.clone() else {
            let stored = self.make_plan(record, manifest, withheld).await?;
            return Ok(Made::Plan(Box::new(stored)));
        };
        let removals = withheld.is_empty();
        let outcome = match self.make_undo(record, &command, removals).await {
            Ok(UndoPlan::Ready(stored)) => return Ok(Made::Plan(Box::new(stored))),
            Ok(UndoPlan::Conflict(stored)) => {
                self.refuse_undo(record.clone(), manifest, Some(&stored), None).await?
            }
            Err(Stopped::Refused(reason)) => {
                self.refuse_undo(record.clone(), manifest, None, Some(reason)).await?
            }
            Err(Stopped::Failed(failure)) => return Err(failure),
        };
        Ok(Made::Ended(outcome))
    }

    async fn make_plan(
        &self,
        record: &mut RunRecord,
        manifest: &Manifest,
        withheld: Withheld,
    ) -> Result<StoredPlan, ReconcileFailure> {
        let start = self.storage.clock.now();
        let (table, internal) = (&self.storage.table, &self.storage.internal);
        let (mirror, snapshot, administrators, waited) = tokio::try_join!(
            MirrorCopy::read(table, &record.district),
            SnapshotCopy::fetch(internal, manifest),
            table.administrators(&record.district),
            self.reasons_of_remainder(record),
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
        // A person decides about the whole plan of a first run, and about a part that waited.
        let is_whole = in_review || waited.is_some() || record.decided.is_some();
        let planned =
            tokio::task::spawn_blocking(move || -> Result<StoredPlan, ReconcileFailure> {
                let context = PlanContext {
                    district: &district,
                    run: &run,
                    today,
                    policy: &policy,
                    withheld: &withheld,
                    made_on,
                    recent: &recent,
                };
                let new_writer =
                    || PlanWriter::new(handle.clone(), objects.clone(), &district, &run);
                let (mut outcome, writer) = if is_whole {
                    let mut writer = new_writer();
                    (plan(&context, &inputs, &mut writer)?, writer)
                } else {
                    plan_narrowly(&context, &inputs, new_writer)?
                };
                if in_review {
                    outcome.holds.insert(0, holding::review(outcome.changes));
                }
                if let Some(reasons) = waited {
                    outcome.holds = reasons;
                }
                Ok(writer.finish(outcome)?)
            });
        let stored =
            planned.await.map_err(|error| MirrorError::service("make the plan", error))??;
        self.record_plan(record, &stored, start).await?;
        Ok(stored)
    }

    /// Returns why a part of an earlier run waited, for the run of that part (R-H5). What was
    /// applied meanwhile can make the same removals a smaller share, and they still wait.
    async fn reasons_of_remainder(
        &self,
        record: &RunRecord,
    ) -> Result<Option<Vec<Hold>>, MirrorError> {
        let Cause::Remainder(remainder) = &record.cause else { return Ok(None) };
        let internal = &self.storage.internal;
        let of = plan::read_plan(internal, &record.district, &remainder.of).await?;
        let of = of.ok_or(MirrorError::Missing { what: "the plan of the other part of a run" })?;
        Ok(Some(of.outcome.waits))
    }

    /// Records the finished plan on the run. The caller saves the record.
    pub(crate) async fn record_plan(
        &self,
        record: &mut RunRecord,
        stored: &StoredPlan,
        start: Timestamp,
    ) -> Result<(), MirrorError> {
        plan::put_plan(&self.storage.internal, &record.district, &record.run, stored).await?;
        record.plan = Some(PlanRef {
            changes: stored.changes.records,
            against: self.version(),
            hash: stored.changes.xxh3.clone(),
        });
        record.removed = outcome::removed(&stored.outcome.counts);
        let seconds = self.storage.clock.now().duration_since(start).as_secs_f64();
        record.plan_seconds += seconds;
        info!(
            district = %record.district, run = %record.run, changes = stored.changes.records,
            holds = stored.outcome.holds.len(), waits = stored.outcome.waits.len(),
            plan_seconds = seconds, "planned"
        );
        Ok(())
    }
}
