//! The work on one district under its lease: the run of the event, an unfinished run before it, and
//! any newer snapshot.

use std::time::Duration;

use mirror::MirrorError;
use mirror::clock::Invocation;
use mirror::eventbridge;
use mirror::files::report;
use mirror::files::snapshot;
use mirror::ports::districts::{Changed, District, Districts as _, Leases as _};
use mirror::ports::districts::{ReleaseLease, TakeLease};
use mirror::ports::one_time::OneTimeSchedules as _;
use mirror::ports::runs::{RunRecord, Runs as _};
use roster::id::RunId;
use roster::run::{Cause, RunState, Step};
use roster::snapshot::Manifest;
use tracing::{info, warn};

use crate::{
    Config, ReconcileFailure, RunOutcome, RunRef, Services, Storage, Summary, Worker, holding,
    manifest, resume,
};

/// How soon a further invocation continues the work.
const CONTINUE_AFTER: Duration = Duration::from_secs(5);

/// How often an item is read again because another process saved it in the meantime.
const SAVE_ATTEMPTS: u32 = 5;

/// Takes the district's lease and processes the run, and then any newer snapshot that was accepted
/// while the lease was held.
///
/// The run's record is read twice. The read here needs no lease, so a repeated event ends without
/// writing. The read in [`Session::process`] is under the lease: another invocation may have
/// changed the run before the lease was taken. After an approval there is a third, earlier read in
/// [`crate::decisions`], which saves the decision without a lease.
pub(crate) async fn run<S: Services>(
    worker: &Worker<'_, S>,
    target: &RunRef,
    summary: &mut Summary,
) -> Result<(), ReconcileFailure> {
    let Worker { config, storage, invocation } = *worker;
    let RunRef { district: id, run } = target;
    let Some(record) = storage.table.run(id, run).await? else {
        warn!(district = %id, %run, "the run does not exist");
        summary.count(RunOutcome::Skipped);
        return Ok(());
    };
    let record = holding::unfinished(&storage.table, record).await?;
    let target = &RunRef { district: id.clone(), run: record.run.clone() };
    let RunRef { district: id, run } = target;
    if record.state.is_final() || record.state == RunState::Held {
        info!(district = %id, %run, state = ?record.state, "nothing to do for the run");
        summary.count(RunOutcome::Repeated);
        return Ok(());
    }
    let now = storage.clock.now();
    let district = match storage.table.take(id, &invocation.owner, now, now + config.lease).await? {
        TakeLease::Taken(district) => *district,
        TakeLease::NoDistrict => {
            summary.count(RunOutcome::Skipped);
            return Ok(());
        }
        TakeLease::Held { until } => {
            // The lease holder will also process the newest snapshot. Schedule a retry in case it
            // crashes first.
            let at = until + Duration::from_secs(1);
            let name = format!("{run}-w{}", at.as_second());
            storage
                .schedules
                .schedule_once(&invocation.function, &name, at, &resume(target))
                .await?;
            info!(district = %id, %run, "waiting for another run of the district");
            summary.count(RunOutcome::Waiting);
            return Ok(());
        }
    };
    let Some(token) = district.lease.as_ref().map(|lease| lease.token) else {
        let why = "it does not contain the lease that was taken";
        return Err(MirrorError::corrupt("the district's item", why).into());
    };
    let mut session = Session { config, storage, invocation, district, token, remainder: None };
    let result = session.process_all(run.clone(), summary).await;
    if result.is_err() {
        session.give_up_lease().await;
    }
    result
}

/// The lease of a district and the district's item as read under it.
pub(crate) struct Session<'a, S: Services> {
    pub(crate) config: &'a Config,
    pub(crate) storage: &'a Storage<S>,
    pub(crate) invocation: &'a Invocation,
    pub(crate) district: District,
    /// The fencing token of the lease.
    pub(crate) token: u64,
    /// The run of the part that waits of the run that was just applied (R-H5).
    pub(crate) remainder: Option<RunId>,
}

impl<S: Services> Session<'_, S> {
    async fn process_all(
        &mut self,
        mut run: RunId,
        summary: &mut Summary,
    ) -> Result<(), ReconcileFailure> {
        loop {
            let outcome = self.process(&run).await?;
            info!(district = %self.district.id, %run, outcome = ?outcome, "run processed");
            summary.count(outcome);
            // The event of a snapshot that was accepted in the meantime found the lease taken, so
            // its run is processed here.
            let next = match self.remainder.take() {
                Some(remainder) => Some(remainder),
                None => self.release().await?,
            };
            let Some(next) = next else { return Ok(()) };
            if self.invocation.deadline.is_near() {
                let at = self.storage.clock.now() + CONTINUE_AFTER;
                let name = format!("{next}-n{}", at.as_second());
                self.schedule(&next, &name, at).await?;
                self.give_up_lease().await;
                summary.count(RunOutcome::Continued);
                return Ok(());
            }
            run = next;
        }
    }

    /// Releases the lease and returns `None`, or keeps it and returns the run of a newer snapshot
    /// that is complete.
    async fn release(&mut self) -> Result<Option<RunId>, ReconcileFailure> {
        loop {
            let seen = self.district.latest.as_ref().map(|latest| &latest.run);
            if self.storage.table.release(&self.district.id, self.token, seen).await?
                == ReleaseLease::Released
            {
                return Ok(None);
            }
            self.district = self
                .storage
                .table
                .district(&self.district.id)
                .await?
                .ok_or(MirrorError::Missing { what: "the district's item" })?;
            let Some(latest) = &self.district.latest else { continue };
            // Without a manifest the snapshot is not complete: the event of the manifest follows.
            let manifest =
                snapshot::read_manifest(&self.storage.internal, &self.district.id, &latest.run)
                    .await?;
            if manifest.is_some() {
                return Ok(Some(latest.run.clone()));
            }
        }
    }

    /// Releases the lease without processing a newer snapshot. Errors are ignored, because an
    /// unreleased lease expires.
    async fn give_up_lease(&mut self) {
        for _ in 0..SAVE_ATTEMPTS {
            let seen = self.district.latest.as_ref().map(|latest| latest.run.clone());
            match self.storage.table.release(&self.district.id, self.token, seen.as_ref()).await {
                Ok(ReleaseLease::NewerSnapshot) => {
                    match self.storage.table.district(&self.district.id).await {
                        Ok(Some(district)) => self.district = district,
                        _ => return,
                    }
                }
                _ => return,
            }
        }
    }

    /// Processes one run as far as possible.
    async fn process(&mut self, run: &RunId) -> Result<RunOutcome, ReconcileFailure> {
        let Some(record) = self.storage.table.run(&self.district.id, run).await? else {
            return Ok(RunOutcome::Skipped);
        };
        if record.state.is_final() || record.state == RunState::Held {
            return Ok(RunOutcome::Repeated);
        }
        let Some(manifest) = manifest::of_run(&self.storage.internal, &record).await? else {
            return Ok(RunOutcome::Skipped);
        };
        if record.state == RunState::Applying {
            return self.resume_apply(record, &manifest).await;
        }
        let is_allowed = match record.cause {
            // A plan of a district in review is made and held (R-O2, R-O5).
            Cause::Source | Cause::Remainder(_) => self.district.status.takes_data(),
            // Allowed while the district is paused.
            Cause::Restore(_) => self.district.status.is_reversible(),
            // The same check is made when the undo is planned, which then refuses it.
            Cause::Undo(_) => true,
        };
        if !is_allowed {
            let district = &self.district.id;
            info!(%district, %run, "the district is not live: nothing is planned");
            return Ok(RunOutcome::Waiting);
        }
        let is_undo = matches!(record.cause, Cause::Undo(_));
        if !is_undo && self.is_superseded(&manifest) {
            self.replace(record).await?;
            return Ok(RunOutcome::Replaced);
        }
        if let Some(outcome) = self.finish_applying_run(run).await? {
            return Ok(outcome);
        }
        if !is_undo {
            // An undo may be refused, so it replaces another run only once its plan is made.
            self.open(run).await?;
        }
        self.plan_and_apply(record, &manifest).await
    }

    /// Returns true if a newer snapshot was accepted or applied (R-M6).
    fn is_superseded(&self, manifest: &Manifest) -> bool {
        let run = &manifest.run;
        let newer_accepted = self
            .district
            .latest
            .as_ref()
            .is_some_and(|latest| latest.run != *run && latest.taken_at >= manifest.taken_at);
        let newer_applied = self
            .district
            .applied
            .as_ref()
            .is_some_and(|applied| applied.run != *run && applied.taken_at > manifest.taken_at);
        newer_accepted || newer_applied
    }

    /// Finishes another run whose plan is partly written. Returns an outcome if the time was not
    /// sufficient.
    async fn finish_applying_run(
        &mut self,
        run: &RunId,
    ) -> Result<Option<RunOutcome>, ReconcileFailure> {
        let Some(other) = self.other_open_run(run).await? else { return Ok(None) };
        if other.state != RunState::Applying {
            return Ok(None);
        }
        let manifest = manifest::of_run(&self.storage.internal, &other)
            .await?
            .ok_or(MirrorError::Missing { what: "a snapshot's manifest" })?;
        if self.resume_apply(other, &manifest).await? == RunOutcome::Continued {
            // The run of the event is processed again when the open run is finished.
            let at = self.storage.clock.now() + self.config.lease;
            let name = format!("{run}-w{}", at.as_second());
            self.schedule(run, &name, at).await?;
            return Ok(Some(RunOutcome::Continued));
        }
        Ok(None)
    }

    /// Makes a run the open run of the district, and replaces the run that was open before if it
    /// has not ended (R-H2).
    pub(crate) async fn open(&mut self, run: &RunId) -> Result<(), ReconcileFailure> {
        if let Some(other) = self.other_open_run(run).await?
            && !other.state.is_final()
        {
            self.replace(other).await?;
        }
        if self.storage.table.set_open(&self.district.id, self.token, run).await? == Changed::No {
            return Err(MirrorError::LeaseLost.into());
        }
        self.district.open = Some(run.clone());
        Ok(())
    }

    /// Returns the open run of the district if it is not this one.
    async fn other_open_run(&self, run: &RunId) -> Result<Option<RunRecord>, MirrorError> {
        match self.district.open.as_ref().filter(|open| *open != run) {
            Some(open) => self.storage.table.run(&self.district.id, open).await,
            None => Ok(None),
        }
    }

    /// Ends a run that a newer snapshot has superseded, and updates its report.
    async fn replace(&mut self, mut record: RunRecord) -> Result<(), ReconcileFailure> {
        for _ in 0..SAVE_ATTEMPTS {
            if record.state == RunState::Importing {
                record.step(Step::Stage)?;
            }
            record.step(Step::Replace)?;
            record.token = self.token;
            if self.storage.table.save(&mut record).await? == Changed::Yes {
                self.update_report(&record).await?;
                self.count(&record, "replaced", &[("Runs", 1.0)]);
                return Ok(());
            }
            // A decision was recorded, or its importer recorded that it is staged.
            let saved = self.storage.table.run(&record.district, &record.run).await?;
            record = saved.ok_or(MirrorError::Missing { what: "a run's record" })?;
            if record.state.is_final() {
                return Ok(());
            }
        }
        Err(MirrorError::LeaseLost.into())
    }

    async fn update_report(&self, record: &RunRecord) -> Result<(), MirrorError> {
        let internal = &self.storage.internal;
        let report = match report::read(internal, &record.district, &record.run).await? {
            Some(mut report) => {
                report.state = record.state;
                report.decided.clone_from(&record.decided);
                report
            }
            None => {
                let Some(manifest) = manifest::of_run(internal, record).await? else {
                    return Ok(());
                };
                report::assemble(internal, &manifest, None, record).await?
            }
        };
        report::put(internal, &report).await
    }

    /// Saves a run's record under the lease. Returns an error if another process saved it.
    pub(crate) async fn save(&self, record: &mut RunRecord) -> Result<(), MirrorError> {
        record.token = self.token;
        match self.storage.table.save(record).await? {
            Changed::Yes => Ok(()),
            Changed::No => Err(MirrorError::LeaseLost),
        }
    }

    /// Saves the run and schedules an invocation that continues it.
    pub(crate) async fn continue_later(
        &self,
        record: &mut RunRecord,
    ) -> Result<RunOutcome, ReconcileFailure> {
        record.continued += 1;
        self.save(record).await?;
        let name = format!("{}-c{}", record.run, record.continued);
        self.schedule(&record.run, &name, self.storage.clock.now() + CONTINUE_AFTER).await?;
        Ok(RunOutcome::Continued)
    }

    /// Schedules an invocation of this function for a run of the district.
    async fn schedule(
        &self,
        run: &RunId,
        name: &str,
        at: jiff::Timestamp,
    ) -> Result<(), MirrorError> {
        let target = RunRef { district: self.district.id.clone(), run: run.clone() };
        self.storage
            .schedules
            .schedule_once(&self.invocation.function, name, at, &resume(&target))
            .await?;
        Ok(())
    }

    /// Writes metrics of a run to the log.
    pub(crate) fn count(&self, record: &RunRecord, outcome: &str, counts: &[(&'static str, f64)]) {
        let now = self.storage.clock.now();
        eventbridge::metrics(now, outcome, &record.district, &record.run, counts);
    }

    /// Returns the version of the mirror: the number of runs that have changed it.
    pub(crate) fn version(&self) -> u64 {
        self.district.applied.as_ref().map_or(0, |applied| applied.version)
    }
}
