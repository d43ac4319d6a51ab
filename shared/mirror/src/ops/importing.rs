//! A run while its source is read, whether that is an upload or a server: who reads it, and how it
//! leaves that state.

use jiff::Timestamp;
use roster::run::{RunState, Step};

use crate::MirrorError;
use crate::ports::districts::{Changed, Wrote};
use crate::ports::runs::{Importer, RunRecord, Runs};

/// What became of taking a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// It is ours: as it is now, with us in it.
    Ours(Box<RunRecord>),
    /// Its source was read before.
    Done,
    /// Another invocation is reading the source.
    Busy,
}

/// Creates a run, or takes it over from an invocation that has died. `known`: the run, if the
/// caller has read it already.
pub async fn take(
    runs: &impl Runs,
    fresh: RunRecord,
    known: Option<RunRecord>,
    importer: Importer,
    now: Timestamp,
) -> Result<Taken, MirrorError> {
    let mut record = match known {
        Some(record) => record,
        None => {
            let fresh = RunRecord { importer: Some(importer.clone()), ..fresh };
            if runs.begin(&fresh).await? == Wrote::Yes {
                return Ok(Taken::Ours(Box::new(fresh)));
            }
            let stored = runs.run(&fresh.district, &fresh.run).await?;
            stored.ok_or(MirrorError::Missing { what: "a run's record" })?
        }
    };
    if record.state != RunState::Importing {
        return Ok(Taken::Done);
    }
    // A retry of the same invocation comes only once that has ended.
    if record
        .importer
        .as_ref()
        .is_some_and(|other| other.owner != importer.owner && other.until >= now)
    {
        return Ok(Taken::Busy);
    }
    record.importer = Some(importer);
    Ok(match runs.save(&mut record).await? {
        Changed::Yes => Taken::Ours(Box::new(record)),
        Changed::No => Taken::Busy,
    })
}

/// Saves a run that has taken its last step here. False: another invocation has it.
pub async fn leave(
    runs: &impl Runs,
    record: &mut RunRecord,
    step: Step,
) -> Result<bool, MirrorError> {
    record.importer = None;
    if runs.save(record).await? == Changed::Yes {
        return Ok(true);
    }
    // The manifest's event was faster: reconcile has already recorded that the snapshot is
    // complete.
    let stored = runs.run(&record.district, &record.run).await?;
    Ok(step == Step::Stage && stored.is_some_and(|run| run.state != RunState::Importing))
}
