//! From an uploaded OneRoster set to a staged snapshot.
//!
//! An event names what was put into the inbox. Each complete upload becomes one run, named after
//! the upload, so that the same event twice is the same run; the set is read in ranges, checked,
//! and written as a snapshot whose manifest comes last. What is done with the snapshot is another
//! function's matter. This one must never touch the mirror.

mod chain;
mod config;
mod import;
mod notice;
mod packages;

use lambda_runtime::{Diagnostic, LambdaEvent};
use mirror::MirrorError;
use mirror::clock::Clock;
use mirror::error::chain as chain_of;
use mirror::eventbridge::Notifications;
use mirror::ports::districts::Districts;
use mirror::ports::objects::{ReadObjects, WriteObjects};
use mirror::ports::runs::Runs;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

pub use config::Config;
pub use notice::{Notice, Shape, Skipped, notices};

/// Where the function reads and writes.
#[derive(Clone, Debug)]
pub struct Storage<T, I, O> {
    /// Districts and runs.
    pub table: T,
    /// Uploads.
    pub inbox: I,
    /// Snapshots and reports.
    pub internal: O,
    /// Who is told what a person has to know.
    pub operators: Notifications,
    /// The time.
    pub clock: Clock,
}

/// What became of an event's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Snapshots that are complete now.
    pub staged: u32,
    /// Uploads that cannot be trusted, or that are for nobody.
    pub refused: u32,
    /// Uploads that a newer one has made moot.
    pub replaced: u32,
    /// Uploads whose run was done before.
    pub repeated: u32,
    /// Records that start no import.
    pub skipped: u32,
}

/// What became of one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Staged,
    Refused,
    Replaced,
    Repeated,
}

/// Why an upload was not imported, though it may be: the event is to come again.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// Storage failed.
    #[error("could not store the import")]
    Storage(#[from] MirrorError),
    /// The upload could not be read.
    #[error("could not read the upload")]
    Read(#[source] sources::ImportError),
    /// Another invocation is at it.
    #[error("the upload is being imported by another invocation")]
    InProgress,
    /// Other uploads of the district were accepted each time this one was ready.
    #[error("other uploads of the district were accepted first, repeatedly")]
    Contended,
    /// The run is in a state in which it cannot be.
    #[error("the state of the run does not allow this")]
    State(#[from] roster::run::NotAllowed),
}

impl ImportFailure {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Storage(error) => error.error_type(),
            Self::Read(_) => "ImportRead",
            Self::InProgress => "ImportInProgress",
            Self::Contended => "ImportContended",
            Self::State(_) => "ImportState",
        }
    }
}

impl From<ImportFailure> for Diagnostic {
    fn from(failure: ImportFailure) -> Self {
        Diagnostic { error_type: failure.error_type().into(), error_message: chain_of(&failure) }
    }
}

/// Imports the uploads that an event names.
///
/// A record that starts no import is counted and passed over; a failure of one upload does not keep
/// the others from being imported.
///
/// # Errors
/// If a retry may cure it. What is done by then is done: the retry finds it so.
pub async fn handle<T, I, O>(
    config: &Config,
    storage: &Storage<T, I, O>,
    event: LambdaEvent<Value>,
) -> Result<Summary, ImportFailure>
where
    T: Districts + Runs,
    I: ReadObjects,
    O: ReadObjects + WriteObjects,
{
    let mut summary = Summary::default();
    let mut failure = None;
    for notice in notices(&event.payload) {
        let notice = match notice {
            Ok(notice) => notice,
            Err(reason) => {
                info!(%reason, "skipped a record of the event");
                summary.skipped += 1;
                continue;
            }
        };
        match import::import(config, storage, &notice, &event.context.request_id).await {
            Ok(ended) => {
                info!(district = %notice.district, run = %notice.run, ended = ?ended, "upload done");
                match ended {
                    Ended::Staged => summary.staged += 1,
                    Ended::Refused => summary.refused += 1,
                    Ended::Replaced => summary.replaced += 1,
                    Ended::Repeated => summary.repeated += 1,
                }
            }
            Err(error) => {
                warn!(
                    district = %notice.district, run = %notice.run,
                    error_type = error.error_type(), error = chain_of(&error), "upload failed and will be retried"
                );
                failure = Some(error);
            }
        }
    }
    failure.map_or(Ok(summary), Err)
}
