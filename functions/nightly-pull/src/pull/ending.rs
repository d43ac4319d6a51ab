//! How a pull ends: in a snapshot, or in a report that says why there is none.

use std::collections::BTreeMap;

use mirror::MirrorError;
use mirror::eventbridge;
use mirror::eventbridge::event::Event;
use mirror::files::pulls;
use mirror::files::pulls::Everything;
use mirror::files::report;
use mirror::files::snapshot::{self, SnapshotWriter, UploadLineage};
use mirror::ops::importing;
use mirror::ports::districts::{Changed, District, Latest};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::secrets::Secrets;
use roster::finding::{Code, Finding};
use roster::policy::Policy;
use roster::report::FindingList;
use roster::run::{RunState, Step};
use roster::snapshot::{Manifest, Origin};
use sources::Import;
use sources::http::{Http, Wait};
use tokio::runtime::Handle;

use super::{State, Work};
use crate::source::{SnapshotInputs, Source};
use crate::{Ended, Objects, PullFailure, Table};

/// How often the newest snapshot is looked up again because another one was accepted meanwhile.
const TRIES: u32 = 5;

impl<T: Table, O: Objects, L: OneTimeSchedules, S: Secrets, H: Http, W: Wait>
    Work<'_, T, O, L, S, H, W>
{
    fn origin(&self) -> Origin {
        let changes_over = self.base.as_ref().map(|base| base.run.clone());
        Origin { changes_over, ..Origin::of(self.source) }
    }

    /// Makes the snapshot of the staged pages, and the district's newest of it.
    pub(super) async fn snapshot<P: Source>(
        &mut self,
        district: &District,
        policy: &Policy,
        source: &P,
        state: &State,
        lists: P::Lists,
    ) -> Result<Ended, PullFailure> {
        let (internal, handle) = (&self.storage.internal, Handle::current());
        let (id, run) = (&self.named.district, &self.named.run);
        let today = self.record.today.ok_or(MirrorError::Missing { what: "the day of a run" })?;
        let pages = pulls::Pages::new(internal.clone(), id, run, state.attempt);
        let (settings, policy, own) =
            (district.settings.source.clone(), policy.clone(), source.clone());
        let base = self
            .base
            .as_ref()
            .map(|base| pulls::Pages::new(internal.clone(), id, &base.run, base.attempt));
        let (objects, named) = (internal.clone(), self.named.clone());
        let made = tokio::task::spawn_blocking(move || {
            let mut writer =
                SnapshotWriter::new(handle.clone(), objects, &named.district, &named.run);
            let making = SnapshotInputs {
                base,
                handle: &handle,
                settings: &settings,
                policy: &policy,
                today,
                sink: &mut writer,
            };
            let made = own.snapshot(pages, &lists, making).map_err(PullFailure::Snapshot)?;
            let parts = match made {
                Import::Staged(_) => writer.finish()?,
                Import::Refused(_) => BTreeMap::new(),
            };
            Ok::<_, PullFailure>((made, parts))
        });
        let (made, parts) =
            made.await.map_err(|error| MirrorError::service("make the snapshot", error))??;
        let staged = match made {
            Import::Staged(staged) => staged,
            Import::Refused(refused) => return self.refuse_with(refused.findings).await,
        };
        // There are no uploads to it; whoever looks for them finds that said.
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
        if self.base.is_none() && source.changes_every().is_some() {
            let (run, id) = (run.clone(), source.id());
            let everything = Everything { run, attempt: state.attempt, began: state.began, id };
            pulls::put_everything(internal, &self.named.district, &everything).await?;
        }
        snapshot::put_manifest(internal, &manifest).await?;
        self.end(Step::Stage, &eventbridge::staged(&manifest)).await
    }

    /// False: a snapshot that speaks for a later moment is there (R-M6).
    async fn accept(&self, state: &State) -> Result<bool, PullFailure> {
        let (id, run) = (&self.named.district, &self.named.run);
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

    /// Ends the run without a snapshot; the report says why, in words for an operator.
    pub(super) async fn refuse(
        &mut self,
        code: &'static Code,
        why: Option<String>,
    ) -> Result<Ended, PullFailure> {
        let mut findings = FindingList::default();
        let finding = Finding::new(code);
        findings.push(match why {
            Some(why) => finding.with(format!("{}: {why}", code.meaning)),
            None => finding,
        });
        self.refuse_with(findings).await
    }

    async fn refuse_with(&mut self, findings: FindingList) -> Result<Ended, PullFailure> {
        let failed = Event::pull_failed(
            self.storage.clock.now(),
            &self.named.district,
            &self.named.run,
            &findings,
        );
        self.report(RunState::Refused, findings).await?;
        self.storage.operators.tell(failed).await;
        self.end(Step::Refuse, &[]).await
    }

    async fn report(&self, state: RunState, findings: FindingList) -> Result<(), PullFailure> {
        let report =
            report::without_plan(&self.record, state, self.origin(), findings, self.seconds());
        Ok(report::put(&self.storage.internal, &report).await?)
    }

    /// Saves the run in its last state here, and counts it.
    async fn end(
        &mut self,
        step: Step,
        counts: &[(&'static str, f64)],
    ) -> Result<Ended, PullFailure> {
        self.record.step(step)?;
        if !importing::leave(&self.storage.table, &mut self.record, step).await? {
            return Err(PullFailure::InProgress);
        }
        let (outcome, ended) = match step {
            Step::Stage => ("staged", Ended::Staged),
            Step::Replace => ("replaced", Ended::Replaced),
            _ => ("refused", Ended::Refused),
        };
        let mut all = vec![("Pulls", 1.0), ("PullSeconds", self.seconds())];
        all.extend_from_slice(counts);
        eventbridge::metrics(
            self.storage.clock.now(),
            outcome,
            &self.named.district,
            &self.named.run,
            &all,
        );
        Ok(ended)
    }

    fn seconds(&self) -> f64 {
        self.storage.clock.now().duration_since(self.named.at).as_secs_f64().max(0.0)
    }
}
