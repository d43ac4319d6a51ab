//! The manifest that a run is planned from and reported with.

use std::collections::BTreeMap;

use mirror::MirrorError;
use mirror::files::snapshot;
use mirror::ports::objects::ReadObjects;
use mirror::ports::runs::RunRecord;
use roster::run::Cause;
use roster::snapshot::{Manifest, Origin};

/// Returns the manifest of the snapshot of a run, or `None` if it is not written yet. An undo has
/// no snapshot: its manifest is empty.
pub(crate) async fn of_run(
    internal: &impl ReadObjects,
    record: &RunRecord,
) -> Result<Option<Manifest>, MirrorError> {
    match record.cause {
        Cause::Undo(_) => Ok(Some(empty(record, "undo"))),
        Cause::Source | Cause::Restore(_) | Cause::Remainder(_) => {
            snapshot::read_manifest(internal, &record.district, record.snapshot()).await
        }
    }
}

/// Returns a manifest without parts, for a run that has no snapshot.
pub(crate) fn empty(record: &RunRecord, source: &str) -> Manifest {
    Manifest {
        district: record.district.clone(),
        run: record.run.clone(),
        taken_at: record.taken_at,
        today: record.today.unwrap_or_default(),
        origin: Origin::of(source),
        parts: BTreeMap::new(),
        enrollments: 0,
        findings: BTreeMap::new(),
        seconds: 0.0,
    }
}
