//! A run while its source (an upload or a server) is being read: which invocation owns the run, and
//! how reading ends.

use jiff::Timestamp;
use roster::run::{RunState, Step};

use crate::MirrorError;
use crate::ports::districts::{Changed, Wrote};
use crate::ports::runs::{Importer, RunRecord, Runs};

/// The result of taking ownership of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// This invocation owns the run, in the state given here.
    Ours(Box<RunRecord>),
    /// The source was already read.
    Done,
    /// Another invocation is reading the source.
    Busy,
}

/// Creates a run, or takes it over from an invocation that has crashed. `known`: the run, if the
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
    // Lambda retries an invocation only after it has ended.
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

/// Saves a run after its last step in this invocation. Returns false if another invocation owns it.
pub async fn leave(
    runs: &impl Runs,
    record: &mut RunRecord,
    step: Step,
) -> Result<bool, MirrorError> {
    record.importer = None;
    if runs.save(record).await? == Changed::Yes {
        return Ok(true);
    }
    // The manifest's event was processed first: reconcile has already recorded that the snapshot is
    // complete.
    let stored = runs.run(&record.district, &record.run).await?;
    Ok(step == Step::Stage && stored.is_some_and(|run| run.state != RunState::Importing))
}
