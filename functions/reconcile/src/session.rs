//! The work on one district under its lease: the run that was asked for, what must be finished
//! before it, and what came in meanwhile.

use std::time::Duration;

use mirror::MirrorError;
use mirror::clock::Invocation;
use mirror::eventbridge;
use mirror::files::report;
use mirror::files::snapshot;
use mirror::ports::districts::{Changed, District, ReleaseLease, TakeLease};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::RunRecord;
use roster::id::RunId;
use roster::run::{Cause, RunState, Step};
use roster::snapshot::Manifest;
use tracing::{info, warn};

use crate::restoring::is_synced;
use crate::undoing::bare_manifest;
use crate::{Config, Ended, Named, Objects, ReconcileFailure, Storage, Summary, Table, resume};

/// How soon a further invocation begins.
const SOON: Duration = Duration::from_secs(5);

/// How often a record is read again because somebody else has saved it meanwhile.
const TRIES: u32 = 5;

/// Takes the district's lease and does the run, and any newer one that came in while the lease was
/// held.
pub(crate) async fn run<T: Table, O: Objects, L: OneTimeSchedules>(
    config: &Config,
    storage: &Storage<T, O, L>,
    invocation: &Invocation,
    named: &Named,
    summary: &mut Summary,
) -> Result<(), ReconcileFailure> {
    let Some(record) = storage.table.run(&named.district, &named.run).await? else {
        warn!(district = %named.district, run = %named.run, "there is no such run");
        summary.count(Ended::Skipped);
        return Ok(());
    };
    if record.state.is_final() || record.state == RunState::Held {
        info!(district = %named.district, run = %named.run, state = ?record.state, "nothing to do for the run");
        summary.count(Ended::Repeated);
        return Ok(());
    }
    let now = storage.clock.now();
    let taken =
        storage.table.take(&named.district, &invocation.owner, now, now + config.lease).await?;
    let district = match taken {
        TakeLease::Taken(district) => *district,
        TakeLease::NoDistrict => {
            summary.count(Ended::Skipped);
            return Ok(());
        }
        TakeLease::Held { until } => {
            // Whoever holds it takes care of the newest snapshot before giving it back; this is for
            // the case that they die.
            let at = until + Duration::from_secs(1);
            let name = format!("{}-w{}", named.run, at.as_second());
            storage
                .schedules
                .schedule_once(&invocation.function, &name, at, &resume(named))
                .await?;
            info!(district = %named.district, run = %named.run, "waiting for another run of the district");
            summary.count(Ended::Waiting);
            return Ok(());
        }
    };
    let Some(token) = district.lease.as_ref().map(|lease| lease.token) else {
        return Err(MirrorError::corrupt(
            "the district's item",
            "a lease that was taken is not in it",
        )
        .into());
    };
    let mut session = Session { config, storage, invocation, district, token };
    let result = session.all(named.run.clone(), summary).await;
    if result.is_err() {
        session.give_back().await;
    }
    result
}

/// The lease, and what is known under it.
pub(crate) struct Session<'a, T, O, L> {
    pub(crate) config: &'a Config,
    pub(crate) storage: &'a Storage<T, O, L>,
    pub(crate) invocation: &'a Invocation,
    pub(crate) district: District,
    pub(crate) token: u64,
}

impl<T: Table, O: Objects, L: OneTimeSchedules> Session<'_, T, O, L> {
    async fn all(&mut self, mut run: RunId, summary: &mut Summary) -> Result<(), ReconcileFailure> {
        loop {
            let ended = self.one(&run).await?;
            info!(district = %self.district.id, run = %run, ended = ?ended, "run done for now");
            summary.count(ended);
            // A snapshot that was accepted while we held the lease found it taken: its run is ours
            // to do now.
            let Some(next) = self.release().await? else { return Ok(()) };
            if self.invocation.deadline.is_near() {
                let named = Named { district: self.district.id.clone(), run: next.clone() };
                let at = self.storage.clock.now() + SOON;
                let name = format!("{next}-n{}", at.as_second());
                self.storage
                    .schedules
                    .schedule_once(&self.invocation.function, &name, at, &resume(&named))
                    .await?;
                self.give_back().await;
                summary.count(Ended::Continued);
                return Ok(());
            }
            run = next;
        }
    }

    /// Gives the lease back, unless a newer snapshot is ready: then gives its run.
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
            // Accepted, but its manifest is not written yet: the manifest's event will come.
            let manifest =
                snapshot::read_manifest(&self.storage.internal, &self.district.id, &latest.run)
                    .await?;
            if manifest.is_some() {
                return Ok(Some(latest.run.clone()));
            }
        }
    }

    /// Gives the lease back whatever came in, after a failure. If that fails too, the lease ends by
    /// itself.
    async fn give_back(&mut self) {
        for _ in 0..TRIES {
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

    /// One run, as far as it gets.
    async fn one(&mut self, run: &RunId) -> Result<Ended, ReconcileFailure> {
        let table = &self.storage.table;
        let Some(record) = table.run(&self.district.id, run).await? else {
            return Ok(Ended::Skipped);
        };
        if record.state.is_final() || record.state == RunState::Held {
            return Ok(Ended::Repeated);
        }
        let Some(manifest) = self.basis(&record).await? else { return Ok(Ended::Skipped) };
        if record.state == RunState::Applying {
            return self.apply(record, &manifest).await;
        }
        // What a person asks for may be done while the nights are paused; an undo that may not be
        // is refused when it is planned.
        let may_be = match record.cause {
            // In review, a plan is made and held (R-O2, R-O5).
            Cause::Source => self.district.status.takes_data(),
            Cause::Restore(_) => is_synced(self.district.status),
            Cause::Undo(_) => true,
        };
        if !may_be {
            info!(district = %self.district.id, run = %run, "the district is not live: nothing is planned");
            return Ok(Ended::Waiting);
        }
        let is_undo = matches!(record.cause, Cause::Undo(_));
        if !is_undo && self.is_moot(run, &manifest) {
            self.replace(record).await?;
            return Ok(Ended::Replaced);
        }
        if let Some(ended) = self.clear_the_way(run).await? {
            return Ok(ended);
        }
        self.plan_and_go(record, &manifest).await
    }

    /// The manifest of a run's snapshot; of an undo, which has none, what stands in its place.
    async fn basis(&self, record: &RunRecord) -> Result<Option<Manifest>, MirrorError> {
        match record.cause {
            Cause::Undo(_) => Ok(Some(bare_manifest(record, "undo"))),
            Cause::Source | Cause::Restore(_) => {
                snapshot::read_manifest(&self.storage.internal, &record.district, &record.run).await
            }
        }
    }

    /// Whether what the run would bring is older than what is known (R-M6).
    fn is_moot(&self, run: &RunId, manifest: &Manifest) -> bool {
        let newer_accepted = self
            .district
            .latest
            .as_ref()
            .is_some_and(|l| l.run != *run && l.taken_at >= manifest.taken_at);
        let newer_applied = self
            .district
            .applied
            .as_ref()
            .is_some_and(|a| a.run != *run && a.taken_at > manifest.taken_at);
        newer_accepted || newer_applied
    }

    /// Finishes a run whose plan is half written, and replaces one that still waits (R-H2). Some:
    /// time is over.
    async fn clear_the_way(&mut self, run: &RunId) -> Result<Option<Ended>, ReconcileFailure> {
        let Some(open) = self.district.open.clone().filter(|open| open != run) else {
            return Ok(None);
        };
        let id = self.district.id.clone();
        let Some(other) = self.storage.table.run(&id, &open).await? else { return Ok(None) };
        if other.state == RunState::Applying {
            let manifest = self.basis(&other).await?;
            let manifest =
                manifest.ok_or(MirrorError::Missing { what: "a snapshot's manifest" })?;
            if self.apply(other, &manifest).await? == Ended::Continued {
                // The one that was asked for comes back when that one is done.
                let named = Named { district: id, run: run.clone() };
                let at = self.storage.clock.now() + self.config.lease;
                let name = format!("{run}-w{}", at.as_second());
                self.storage
                    .schedules
                    .schedule_once(&self.invocation.function, &name, at, &resume(&named))
                    .await?;
                return Ok(Some(Ended::Continued));
            }
        } else if !other.state.is_final() {
            self.replace(other).await?;
        }
        Ok(None)
    }

    /// Ends a run that a newer snapshot has made moot, and says so in its report if it has one.
    async fn replace(&mut self, mut record: RunRecord) -> Result<(), ReconcileFailure> {
        for _ in 0..TRIES {
            if record.state == RunState::Importing {
                record.step(Step::Stage)?;
            }
            record.step(Step::Replace)?;
            record.token = self.token;
            if self.storage.table.save(&mut record).await? == Changed::Yes {
                self.rewrite_report(&record).await?;
                self.count(&record, "replaced", &[("Runs", 1.0)]);
                return Ok(());
            }
            // A person may have decided about it, or its importer noted that it is staged.
            let again = self.storage.table.run(&record.district, &record.run).await?;
            record = again.ok_or(MirrorError::Missing { what: "a run's record" })?;
            if record.state.is_final() {
                return Ok(());
            }
        }
        Err(MirrorError::LeaseLost.into())
    }

    async fn rewrite_report(&self, record: &RunRecord) -> Result<(), MirrorError> {
        let internal = &self.storage.internal;
        let report = match report::read(internal, &record.district, &record.run).await? {
            Some(mut report) => {
                report.state = record.state;
                report.decided.clone_from(&record.decided);
                report
            }
            None => {
                let Some(manifest) = self.basis(record).await? else { return Ok(()) };
                report::assemble(internal, &manifest, None, record).await?
            }
        };
        report::put(internal, &report).await
    }

    /// Saves a run's record under our lease. Nobody else may have saved it.
    pub(crate) async fn save(&self, record: &mut RunRecord) -> Result<(), MirrorError> {
        record.token = self.token;
        match self.storage.table.save(record).await? {
            Changed::Yes => Ok(()),
            Changed::No => Err(MirrorError::LeaseLost),
        }
    }

    /// Makes a further invocation go on with the run.
    pub(crate) async fn go_on_later(
        &self,
        record: &mut RunRecord,
    ) -> Result<Ended, ReconcileFailure> {
        record.continued += 1;
        self.save(record).await?;
        let named = Named { district: record.district.clone(), run: record.run.clone() };
        let name = format!("{}-c{}", record.run, record.continued);
        let at = self.storage.clock.now() + SOON;
        self.storage
            .schedules
            .schedule_once(&self.invocation.function, &name, at, &resume(&named))
            .await?;
        Ok(Ended::Continued)
    }

    pub(crate) fn count(&self, record: &RunRecord, outcome: &str, counts: &[(&'static str, f64)]) {
        eventbridge::metrics(
            self.storage.clock.now(),
            outcome,
            &record.district,
            &record.run,
            counts,
        );
    }

    /// The version of the mirror: how many runs have changed it.
    pub(crate) fn version(&self) -> u64 {
        self.district.applied.as_ref().map_or(0, |applied| applied.version)
    }
}
