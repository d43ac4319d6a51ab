//! Turns an uploaded OneRoster set into a staged snapshot.
//!
//! An S3 event names the objects that were uploaded. Each complete upload is one run. Its id is
//! computed from the upload, so the same event delivered twice is the same run. The set is read in
//! ranges, validated, and written as a snapshot, the manifest last. The manifest starts reconcile;
//! this function never touches the mirror.

mod config;
mod import;
mod lineage;
mod packages;
mod upload_event;

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
pub use upload_event::{Shape, Skipped, UploadEvent, upload_events};

/// The services that the function uses.
#[derive(Clone, Debug)]
pub struct Storage<T, I, O> {
    /// Districts and runs.
    pub table: T,
    /// Uploads.
    pub inbox: I,
    /// Snapshots and reports.
    pub internal: O,
    /// Notifications to operators.
    pub notifications: Notifications,
    /// The clock.
    pub clock: Clock,
}

/// Number of an event's records by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Uploads whose snapshot is complete.
    pub staged: u32,
    /// Uploads that cannot be trusted, or whose district does not exist.
    pub refused: u32,
    /// Uploads that a newer one supersedes.
    pub replaced: u32,
    /// Uploads whose run had already finished.
    pub repeated: u32,
    /// Records that start no import.
    pub skipped: u32,
}

/// Outcome of one upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Staged,
    Refused,
    Replaced,
    Repeated,
}

/// Why an upload was not imported. A retry of the event may succeed.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// Storage failed.
    #[error("could not store the import")]
    Storage(#[from] MirrorError),
    /// The upload could not be read.
    #[error("could not read the upload")]
    Read(#[source] sources::ImportError),
    /// Another invocation is importing the upload.
    #[error("the upload is being imported by another invocation")]
    InProgress,
    /// Each attempt was overtaken by another upload of the district.
    #[error("other uploads of the district were accepted first, repeatedly")]
    Contended,
    /// The state of the run does not allow the step.
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
/// Records that start no import are counted and skipped. If one upload fails, the others are still
/// imported.
///
/// # Errors
/// Returns the last failure. The event should be retried; finished uploads are then skipped.
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
    for upload in upload_events(&event.payload) {
        let upload = match upload {
            Ok(upload) => upload,
            Err(reason) => {
                info!(%reason, "skipped a record of the event");
                summary.skipped += 1;
                continue;
            }
        };
        match import::import(config, storage, &upload, &event.context.request_id).await {
            Ok(outcome) => {
                info!(district = %upload.district, run = %upload.run, ?outcome, "upload done");
                match outcome {
                    Outcome::Staged => summary.staged += 1,
                    Outcome::Refused => summary.refused += 1,
                    Outcome::Replaced => summary.replaced += 1,
                    Outcome::Repeated => summary.repeated += 1,
                }
            }
            Err(error) => {
                warn!(
                    district = %upload.district, run = %upload.run,
                    error_type = error.error_type(), error = chain_of(&error),
                    "upload failed and will be retried"
                );
                failure = Some(error);
            }
        }
    }
    failure.map_or(Ok(summary), Err)
}
