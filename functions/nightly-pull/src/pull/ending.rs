//! Ends a pull: with a snapshot, or with a report that says why there is none.

use std::collections::BTreeMap;

use jiff::civil::Date;
use mirror::MirrorError;
use mirror::eventbridge;
use mirror::eventbridge::event::Event;
use mirror::files::pulls;
use mirror::files::pulls::Everything;
use mirror::files::report;
use mirror::files::snapshot::{self, SnapshotWriter, UploadLineage};
use mirror::ops::importing;
use mirror::ports::districts::{Changed, Districts, Latest};
use roster::finding::{Code, Finding};
use roster::policy::Policy;
use roster::report::FindingList;
use roster::run::{RunState, Step};
use roster::snapshot::{Manifest, Origin, Part};
use sources::Import;
use tokio::runtime::Handle;

use super::{PullWork, State};
use crate::source::{SnapshotInputs, Source};
use crate::{PullFailure, PullOutcome, Services};

/// The number of attempts to make this snapshot the newest, if others are accepted meanwhile.
const TRIES: u32 = 5;

impl<S: Services> PullWork<'_, S> {
    fn origin(&self) -> Origin {
        let changes_over = self.base.as_ref().map(|base| base.run.clone());
        Origin { changes_over, ..Origin::of(self.source) }
    }

    /// Makes the snapshot of the staged pages, and makes it the district's newest.
    pub(super) async fn snapshot<P: Source>(
        &mut self,
        policy: &Policy,
        source: &P,
        state: &State,
        lists: P::Lists,
    ) -> Result<PullOutcome, PullFailure> {
        let internal = &self.storage.internal;
        let (id, run) = (&self.requested.district, &self.requested.run);
        let today = self.record.today.ok_or(MirrorError::Missing { what: "the day of a run" })?;
        let (made, parts) = self.write_parts(policy, source, state, today, lists).await?;
        let staged = match made {
            Import::Staged(staged) => staged,
            Import::Refused(refused) => return self.refuse_with(refused.findings).await,
        };
        // The snapshot has no uploads; an empty lineage says so.
        snapshot::put_chain(internal, id, run, &UploadLineage { links: Vec::new() }).await?;
        if !self.accept(state).await? {
            self.report(RunState::Replaced, FindingList::default()).await?;
            return self.end(Step::Replace, &[]).await;
        }
        let manifest = Manifest {
            district: id.clone(),
            run: run.clone(),
            taken_at: state.began,
            today,
            origin: self.origin(),
            parts,
            enrollments: staged.enrollments,
            findings: staged
                .findings
                .totals
                .iter()
                .map(|(code, total)| (code.clone(), total.count))
                .collect(),
            seconds: self.seconds(),
        };
        if self.base.is_none() && source.changes_every_hours().is_some() {
            let (run, id) = (run.clone(), source.id().to_owned());
            let everything = Everything { run, attempt: state.attempt, began: state.began, id };
            pulls::put_everything(internal, &self.requested.district, &everything).await?;
        }
        snapshot::put_manifest(internal, &manifest).await?;
        self.end(Step::Stage, &eventbridge::staged(&manifest)).await
    }

    /// Writes the snapshot's parts, in a thread that may block.
    async fn write_parts<P: Source>(
        &self,
        policy: &Policy,
        source: &P,
        state: &State,
        today: Date,
        lists: P::Lists,
    ) -> Result<(Import, BTreeMap<String, Part>), PullFailure> {
        let (objects, handle) = (self.storage.internal.clone(), Handle::current());
        let (district, run) = (self.requested.district.clone(), self.requested.run.clone());
        let pages = pulls::Pages::new(objects.clone(), &district, &run, state.attempt);
        let base = self
            .base
            .as_ref()
            .map(|base| pulls::Pages::new(objects.clone(), &district, &base.run, base.attempt));
        let settings = self.district.settings.source.clone();
        let (policy, source) = (policy.clone(), source.clone());
        let made = tokio::task::spawn_blocking(move || {
            let mut writer = SnapshotWriter::new(handle.clone(), objects, &district, &run);
            let inputs = SnapshotInputs {
                base,
                handle: &handle,
                settings: &settings,
                policy: &policy,
                today,
                sink: &mut writer,
            };
            let made = source.snapshot(pages, &lists, inputs).map_err(PullFailure::Snapshot)?;
            let parts = match made {
                Import::Staged(_) => writer.finish()?,
                Import::Refused(_) => BTreeMap::new(),
            };
            Ok::<_, PullFailure>((made, parts))
        });
        made.await.map_err(|error| MirrorError::service("make the snapshot", error))?
    }

    /// Makes this snapshot the newest. Returns false if one of a later time exists (R-M6).
    async fn accept(&self, state: &State) -> Result<bool, PullFailure> {
        let (id, run) = (&self.requested.district, &self.requested.run);
        let mine = Latest { run: run.clone(), taken_at: state.began };
        for _ in 0..TRIES {
            let district = self
                .storage
                .table
                .district(id)
                .await?
                .ok_or(MirrorError::Missing { what: "the district's item" })?;
            let latest = district.latest;
            if latest.as_ref().is_some_and(|latest| latest.run == *run) {
                return Ok(true);
            }
            if latest.as_ref().is_some_and(|latest| latest.taken_at >= state.began) {
                return Ok(false);
            }
            let seen = latest.as_ref().map(|latest| &latest.run);
            if self.storage.table.accept(id, &mine, seen).await? == Changed::Yes {
                return Ok(true);
            }
        }
        Err(PullFailure::Contended)
    }

    /// Ends the run without a snapshot. The report says why, for operators.
    pub(crate) async fn refuse(
        &mut self,
        code: &'static Code,
        why: Option<String>,
    ) -> Result<PullOutcome, PullFailure> {
        let mut findings = FindingList::default();
        let finding = Finding::new(code);
        findings.push(match why {
            Some(why) => finding.with(format!("{}: {why}", code.meaning)),
            None => finding,
        });
        self.refuse_with(findings).await
    }

    async fn refuse_with(&mut self, findings: FindingList) -> Result<PullOutcome, PullFailure> {
        let failed = Event::pull_failed(
            self.storage.clock.now(),
            &self.requested.district,
            &self.requested.run,
            &findings,
        );
        self.report(RunState::Refused, findings).await?;
        self.storage.notifications.send(failed).await;
        self.end(Step::Refuse, &[]).await
    }

    async fn report(&self, state: RunState, findings: FindingList) -> Result<(), PullFailure> {
        let report =
            report::without_plan(&self.record, state, self.origin(), findings, self.seconds());
        Ok(report::put(&self.storage.internal, &report).await?)
    }

    /// Saves the run in its final state for this function, and publishes metrics.
    async fn end(
        &mut self,
        step: Step,
        counts: &[(&'static str, f64)],
    ) -> Result<PullOutcome, PullFailure> {
        self.record.step(step)?;
        if !importing::leave(&self.storage.table, &mut self.record, step).await? {
            return Err(PullFailure::InProgress);
        }
        let (outcome, ended) = match step {
            Step::Stage => ("staged", PullOutcome::Staged),
            Step::Replace => ("replaced", PullOutcome::Replaced),
            _ => ("refused", PullOutcome::Refused),
        };
        let mut all = vec![("Pulls", 1.0), ("PullSeconds", self.seconds())];
        all.extend_from_slice(counts);
        eventbridge::metrics(
            self.storage.clock.now(),
            outcome,
            &self.requested.district,
            &self.requested.run,
            &all,
        );
        Ok(ended)
    }

    fn seconds(&self) -> f64 {
        self.storage.clock.now().duration_since(self.requested.at).as_secs_f64().max(0.0)
    }
}
