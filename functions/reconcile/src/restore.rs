//! Restoring the snapshot of an earlier run (R-H4): the snapshot is staged again as the newest one,
//! and its run is then processed like any other.

use mirror::MirrorError;
use mirror::files::snapshot::{self, SnapshotCopy};
use mirror::ports::districts::{Changed, District, Districts as _, Latest};
use mirror::ports::runs::{RunRecord, Runs as _};
use roster::finding::request;
use roster::run::{Cause, Command, Step};
use roster::snapshot::{Manifest, Origin};
use tracing::info;

use crate::refusal::{Refusal, Stopped};
use crate::{ReconcileFailure, RunOutcome, Services, Storage, earlier, manifest, refusal};

/// How often the newest snapshot is read again because another one was accepted in the meantime.
const ACCEPT_ATTEMPTS: u32 = 5;

/// Stages the snapshot of the earlier run as the snapshot of `record`, in the order of an import:
/// parts, upload lineage, the district's newest snapshot, manifest, state of the run. Each step can
/// be repeated after a crash. The event of the manifest starts the run.
pub(crate) async fn stage<S: Services>(
    storage: &Storage<S>,
    mut record: RunRecord,
    district: &District,
) -> Result<RunOutcome, ReconcileFailure> {
    let Cause::Restore(command) = record.cause.clone() else { return Ok(RunOutcome::Skipped) };
    let manifest = match copy(storage, &record, district, command).await {
        Ok(manifest) => manifest,
        Err(Stopped::Refused(reason)) => return refuse(storage, record, reason).await,
        Err(Stopped::Failed(failure)) => return Err(failure),
    };
    if !accept(storage, &record).await? {
        record.step(Step::Stage)?;
        record.step(Step::Replace)?;
        // `No` means that another invocation handled the same request, with the same result.
        let _ = storage.table.save(&mut record).await?;
        return Ok(RunOutcome::Replaced);
    }
    snapshot::put_manifest(&storage.internal, &manifest).await?;
    record.step(Step::Stage)?;
    if storage.table.save(&mut record).await? == Changed::No {
        info!(
            district = %record.district, run = %record.run,
            "the same request was handled by another invocation"
        );
    }
    Ok(RunOutcome::Continued)
}

/// Copies the parts of the earlier snapshot and returns the manifest for the copy.
async fn copy<S: Services>(
    storage: &Storage<S>,
    record: &RunRecord,
    district: &District,
    command: Command,
) -> Result<Manifest, Stopped> {
    let internal = &storage.internal;
    earlier::check(&storage.table, district.status, record, &command).await?;
    let from = snapshot::read_manifest(internal, &record.district, &command.of)
        .await?
        .ok_or(Refusal::NoSnapshot)?;
    let copy = match SnapshotCopy::fetch(internal, &from).await {
        Ok(copy) => copy,
        Err(MirrorError::Missing { .. }) => return Err(Refusal::SnapshotExpired.into()),
        Err(error) => return Err(error.into()),
    };
    let demographics = district.settings.policy()?.stores_demographics();
    let (id, run) = (&record.district, &record.run);
    let parts = snapshot::copy_parts(internal, copy, id, run, demographics).await?;
    Ok(Manifest {
        district: id.clone(),
        run: run.clone(),
        taken_at: record.taken_at,
        today: record.today.unwrap_or(from.today),
        origin: Origin { restored_of: Some(command.of), ..from.origin },
        parts,
        enrollments: from.enrollments,
        findings: from.findings,
        seconds: storage.clock.now().duration_since(record.taken_at).as_secs_f64().max(0.0),
    })
}

/// Makes the run's snapshot the district's newest. The upload lineage stays that of the last
/// upload, because the next delta refers to it and not to the restored snapshot. Returns false if
/// a newer snapshot was accepted after the request.
async fn accept<S: Services>(
    storage: &Storage<S>,
    record: &RunRecord,
) -> Result<bool, ReconcileFailure> {
    let (id, run) = (&record.district, &record.run);
    for _ in 0..ACCEPT_ATTEMPTS {
        let district = storage
            .table
            .district(id)
            .await?
            .ok_or(MirrorError::Missing { what: "the district's item" })?;
        let latest = district.latest;
        if latest.as_ref().is_some_and(|latest| latest.run == *run) {
            return Ok(true);
        }
        if latest.as_ref().is_some_and(|latest| latest.taken_at >= record.taken_at) {
            return Ok(false);
        }
        if let Some(latest) = &latest
            && let Some(lineage) = snapshot::read_chain(&storage.internal, id, &latest.run).await?
        {
            snapshot::put_chain(&storage.internal, id, run, &lineage).await?;
        }
        let restored = Latest { run: run.clone(), taken_at: record.taken_at };
        let seen = latest.as_ref().map(|latest| &latest.run);
        if storage.table.accept(id, &restored, seen).await? == Changed::Yes {
            return Ok(true);
        }
    }
    Err(MirrorError::service("accept the snapshot", "others were accepted each time").into())
}

async fn refuse<S: Services>(
    storage: &Storage<S>,
    mut record: RunRecord,
    reason: Refusal,
) -> Result<RunOutcome, ReconcileFailure> {
    record.step(Step::Refuse)?;
    let manifest = manifest::empty(&record, "restore");
    let finding = reason.finding(&request::RESTORE_NOT_POSSIBLE);
    refusal::write_report(storage, &record, &manifest, None, [finding]).await?;
    // `No` means that another invocation handled the same request, with the same result.
    let _ = storage.table.save(&mut record).await?;
    Ok(RunOutcome::Refused)
}
