//! Going back to the snapshot of an earlier run (R-H4): it is staged once more, as the newest, and
//! from there it is a run like any other.

use jiff::SignedDuration;
use mirror::MirrorError;
use mirror::files::snapshot::{self, SnapshotCopy};
use mirror::ports::districts::{Changed, District, Latest};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::RunRecord;
use roster::finding::{Finding, request};
use roster::rule::Rule;
use roster::run::{Cause, RunState, Step};
use roster::settings::DistrictStatus;
use roster::snapshot::{Manifest, Origin};
use tracing::info;

use crate::undoing::{bare_manifest, write_refusal};
use crate::{Ended, Objects, ReconcileFailure, Storage, Table};

/// How long after a run it can be gone back to, or taken back: as long as its objects are kept.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How often the newest snapshot is looked up again because another one was accepted meanwhile.
const TRIES: u32 = 5;

/// Whether a district's mirror may be changed by an undo or a restore: while its sync is off, the
/// mirror belongs to the people (R-O5).
pub(crate) fn is_synced(status: DistrictStatus) -> bool {
    matches!(status, DistrictStatus::Live | DistrictStatus::Paused)
}

/// Stages the snapshot of the earlier run under the new one: parts, chain, the district's newest
/// snapshot, manifest, the run's state, as an import does. It can die anywhere and be done again.
/// The manifest's event starts the run.
pub(crate) async fn stage<T: Table, O: Objects, L: OneTimeSchedules>(
    storage: &Storage<T, O, L>,
    mut record: RunRecord,
    district: &District,
) -> Result<Ended, ReconcileFailure> {
    let (table, internal) = (&storage.table, &storage.internal);
    let (id, run) = (record.district.clone(), record.run.clone());
    let Cause::Restore(command) = record.cause.clone() else { return Ok(Ended::Skipped) };
    let from = match find(storage, &record, district).await? {
        Ok(from) => from,
        Err(why) => return refuse(storage, record, why).await,
    };
    let copy = match SnapshotCopy::fetch(internal, &from).await {
        Ok(copy) => copy,
        Err(MirrorError::Missing { .. }) => {
            return refuse(storage, record, "its snapshot has expired").await;
        }
        Err(error) => return Err(error.into()),
    };
    let demographics = district.settings.policy()?.stores_demographics();
    let parts = snapshot::copy_parts(internal, copy, &id, &run, demographics).await?;
    let manifest = Manifest {
        district: id.clone(),
        run: run.clone(),
        taken_at: record.taken_at,
        today: record.today.unwrap_or(from.today),
        origin: Origin { restored_of: Some(command.of), ..from.origin },
        parts,
        enrollments: from.enrollments,
        findings: from.findings,
        seconds: storage.clock.now().duration_since(record.taken_at).as_secs_f64().max(0.0),
    };
    if !accept(storage, &record).await? {
        record.step(Step::Stage)?;
        record.step(Step::Replace)?;
        let _ = table.save(&mut record).await?;
        return Ok(Ended::Replaced);
    }
    snapshot::put_manifest(internal, &manifest).await?;
    record.step(Step::Stage)?;
    if table.save(&mut record).await? == Changed::No {
        info!(district = %id, run = %run, "the same request was handled by another invocation");
    }
    Ok(Ended::Continued)
}

/// The snapshot of the earlier run, or why it cannot be gone back to.
async fn find<T: Table, O: Objects, L: OneTimeSchedules>(
    storage: &Storage<T, O, L>,
    record: &RunRecord,
    district: &District,
) -> Result<Result<Manifest, &'static str>, ReconcileFailure> {
    let Cause::Restore(command) = &record.cause else { return Ok(Err("nothing was requested")) };
    if !is_synced(district.status) {
        return Ok(Err("the district is not synced"));
    }
    let Some(of) = storage.table.run(&record.district, &command.of).await? else {
        return Ok(Err("there is no such run"));
    };
    if !matches!(of.state, RunState::Applied | RunState::Unchanged) {
        return Ok(Err("it was not applied"));
    }
    if record.taken_at.duration_since(of.taken_at) > KEPT {
        return Ok(Err("it is more than 365 days old"));
    }
    let manifest =
        snapshot::read_manifest(&storage.internal, &record.district, &command.of).await?;
    Ok(manifest.ok_or("it has no snapshot, or its snapshot has expired"))
}

/// Makes the run's snapshot the district's newest, over the chain of uploads that there is: a delta
/// that comes next is read over what was uploaded last, whatever was restored. False: something
/// newer was accepted after the request.
async fn accept<T: Table, O: Objects, L: OneTimeSchedules>(
    storage: &Storage<T, O, L>,
    record: &RunRecord,
) -> Result<bool, ReconcileFailure> {
    let (id, run) = (&record.district, &record.run);
    for _ in 0..TRIES {
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
            && let Some(chain) = snapshot::read_chain(&storage.internal, id, &latest.run).await?
        {
            snapshot::put_chain(&storage.internal, id, run, &chain).await?;
        }
        let mine = Latest { run: run.clone(), taken_at: record.taken_at };
        let seen = latest.as_ref().map(|latest| &latest.run);
        if storage.table.accept(id, &mine, seen).await? == Changed::Yes {
            return Ok(true);
        }
    }
    Err(MirrorError::service("accept the snapshot", "others were accepted each time").into())
}

async fn refuse<T: Table, O: Objects, L: OneTimeSchedules>(
    storage: &Storage<T, O, L>,
    mut record: RunRecord,
    why: &'static str,
) -> Result<Ended, ReconcileFailure> {
    let code = &request::RESTORE_NOT_POSSIBLE;
    let finding = Finding::new(code).with(format!("{}: {why}", code.meaning)).under(Rule::H4);
    record.step(Step::Refuse)?;
    let manifest = bare_manifest(&record, "restore");
    write_refusal(storage, &record, &manifest, None, vec![finding]).await?;
    // Somebody else has handled the same event: they came to the same end.
    let _ = storage.table.save(&mut record).await?;
    Ok(Ended::Refused)
}
