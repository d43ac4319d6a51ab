//! Pulls a district's roster from a source's server and stages it as a snapshot, every night. Every
//! hour it also discovers which districts have connected, and maintains the pull schedules.
//!
//! A pull request names a district and a time; together they determine the run's id, so the same
//! request delivered twice is the same run. All pages of all lists are read and staged unchanged. A
//! pull that nears its deadline continues in another invocation. The snapshot is made once every
//! page is staged and the data did not change meanwhile; its manifest is written last and starts
//! reconcile. If anything fails, the mirror is unchanged and the run's report says why. This
//! function must never write to the mirror.

mod config;
mod discovery;
mod event;
mod pull;
mod registry;
mod request;
mod schedules;
mod source;
mod start;

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use mirror::MirrorError;
use mirror::clock::{Clock, Deadline, Invocation};
use mirror::error::chain;
use mirror::eventbridge::Notifications;
use mirror::ports::connected_districts::ConnectedDistricts;
use mirror::ports::districts::Districts;
use mirror::ports::objects::{ReadObjects, WriteObjects};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::pull_schedules::NightlySchedules;
use mirror::ports::runs::Runs;
use mirror::ports::secrets::{SecretCache, Secrets};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sources::http::{Http, Wait};
use tracing::{info, warn};

pub use config::Config;
pub use discovery::DiscoverySummary;
pub use event::{Request, Skipped, request};
pub use request::{DiscoveryScope, PullRequest, Scope, order, resume};

/// Reads and writes objects of the internal bucket.
pub trait Objects: ReadObjects + WriteObjects {}
impl<T: ReadObjects + WriteObjects> Objects for T {}

/// The services that the function uses: one type parameter for all of them.
pub trait Services {
    /// Districts, runs and connected districts.
    type Table: Districts + Runs + ConnectedDistricts;
    /// The internal bucket.
    type Objects: Objects;
    /// The schedule group.
    type Schedules: OneTimeSchedules + NightlySchedules;
    /// Tokens and credentials.
    type Secrets: Secrets;
    /// The HTTP client for the sources' servers.
    type Http: Http;
    /// Pauses between requests.
    type Wait: Wait;
}

/// The clients of all services.
pub struct Storage<S: Services> {
    /// Districts and runs.
    pub table: S::Table,
    /// Staged pages, snapshots and reports.
    pub internal: S::Objects,
    /// The districts' schedules, and the one-time schedules that continue a pull.
    pub schedules: S::Schedules,
    /// Tokens and credentials.
    pub secrets: SecretCache<S::Secrets>,
    /// The HTTP client for the sources' servers.
    pub http: S::Http,
    /// Pauses between requests.
    pub wait: S::Wait,
    /// Notifications for operators.
    pub notifications: Notifications,
    /// The clock.
    pub clock: Clock,
}

/// The outcome of one invocation of a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullOutcome {
    /// The snapshot is complete.
    Staged,
    /// No snapshot can be made; the report says why.
    Refused,
    /// A newer snapshot of the district already exists.
    Replaced,
    /// The pull continues in another invocation.
    Continued,
    /// The pull was already complete.
    Repeated,
    /// Nothing to do: the district does not exist, is not pulled, or is not synced.
    Skipped,
}

/// The outcome of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Of a pull, or of a part of one.
    Pull(PullOutcome),
    /// Of a discovery poll.
    #[serde(rename = "look")]
    Discovery(DiscoverySummary),
}

/// Why an event was not processed; a retry may succeed.
#[derive(Debug, thiserror::Error)]
pub enum PullFailure {
    /// Storage failed.
    #[error("could not store the pull")]
    Storage(#[from] MirrorError),
    /// The snapshot could not be made of the staged pages.
    #[error("could not make the snapshot")]
    Snapshot(#[source] sources::ImportError),
    /// A source's list of connected districts could not be read.
    #[error("the list of connected districts could not be read: {0}")]
    TokenList(String),
    /// Some districts' schedules may be missing or wrong.
    #[error("the schedules of {districts} districts could not be checked or repaired")]
    Schedules {
        /// The number of districts.
        districts: usize,
        /// The last of the errors.
        #[source]
        source: MirrorError,
    },
    /// Another invocation owns the run.
    #[error("the district is being pulled by another invocation")]
    InProgress,
    /// Each time this snapshot was ready, another one was accepted first.
    #[error("other snapshots of the district were accepted first, repeatedly")]
    Contended,
    /// The run's state does not allow the step.
    #[error("the state of the run does not allow this")]
    State(#[from] roster::run::NotAllowed),
}

impl PullFailure {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Storage(error) => error.error_type(),
            Self::Snapshot(_) => "PullSnapshot",
            Self::TokenList(_) => "PullTokenList",
            Self::Schedules { .. } => "PullSchedules",
            Self::InProgress => "PullInProgress",
            Self::Contended => "PullContended",
            Self::State(_) => "PullState",
        }
    }
}

impl From<PullFailure> for Diagnostic {
    fn from(failure: PullFailure) -> Self {
        Diagnostic { error_type: failure.error_type().into(), error_message: chain(&failure) }
    }
}

/// Processes an event: pulls a district as far as time allows, or runs a discovery poll.
///
/// # Errors
/// If a retry may succeed. Completed steps are kept and not repeated by the retry.
pub async fn handle<S: Services>(
    config: &Config,
    storage: &Storage<S>,
    event: LambdaEvent<Value>,
) -> Result<Outcome, PullFailure> {
    match request(&event.payload) {
        Ok(Request::Pull(requested)) => {
            handle_pull(config, storage, event.context, &requested).await.map(Outcome::Pull)
        }
        Ok(Request::Discover(scope)) => {
            let found = registry::discover(config, storage, &scope).await;
            // Schedules depend on the districts' settings, not on the lists: a paused district
            // loses its schedule even if a list cannot be read.
            let repaired =
                schedules::repair(config, storage, &event.context.invoked_function_arn).await;
            found.and_then(|summary| repaired.map(|()| Outcome::Discovery(summary)))
        }
        Err(reason) => {
            warn!(%reason, "skipped an event");
            Ok(Outcome::Pull(PullOutcome::Skipped))
        }
    }
}

async fn handle_pull<S: Services>(
    config: &Config,
    storage: &Storage<S>,
    context: Context,
    requested: &PullRequest,
) -> Result<PullOutcome, PullFailure> {
    let Context { request_id, invoked_function_arn, deadline, .. } = context;
    let deadline = Deadline::of_invocation(storage.clock.clone(), deadline, config.stop_before);
    let invocation = Invocation { owner: request_id, function: invoked_function_arn, deadline };
    let PullRequest { district, run, .. } = requested;
    match start::pull(config, storage, &invocation, requested).await {
        Ok(ended) => {
            info!(%district, %run, ?ended, "pull done for now");
            Ok(ended)
        }
        Err(error) => {
            warn!(
                %district, %run, error_type = error.error_type(), error = chain(&error),
                "pull failed and will be retried"
            );
            Err(error)
        }
    }
}
