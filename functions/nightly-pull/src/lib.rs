//! From a source's server to a staged snapshot, every night; and every hour a look at who has
//! connected and at the schedules of the nights.
//!
//! An order names a district and a time; together they name the run, so that the same order twice
//! is the same run. All pages of all lists are read and staged as they came; a pull that nears its
//! deadline goes on in a further invocation from where it is. Only when every page is there, and
//! the data did not change meanwhile, is a snapshot made of them, whose manifest comes last and
//! starts reconcile. Whatever goes wrong, the mirror stays as it is, and the run's report says why
//! in words for an operator. This function must never touch the mirror.

mod config;
mod look;
mod nights;
mod pull;
mod request;
mod source;

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
pub use look::DiscoverySummary;
pub use request::{Named, Request, Scope, Skipped, Which, order, request, resume};

/// What the function does with the table.
pub trait Table: Districts + Runs + ConnectedDistricts {}
impl<T: Districts + Runs + ConnectedDistricts> Table for T {}

/// What the function does with its bucket.
pub trait Objects: ReadObjects + WriteObjects {}
impl<T: ReadObjects + WriteObjects> Objects for T {}

/// What the function does with its group of schedules.
pub trait Schedules: OneTimeSchedules + NightlySchedules {}
impl<T: OneTimeSchedules + NightlySchedules> Schedules for T {}

/// Where the function reads and writes.
#[derive(Clone, Debug)]
pub struct Storage<T, O, L, S, H, W> {
    /// Districts and runs.
    pub table: T,
    /// Staged pages, snapshots and reports.
    pub internal: O,
    /// Schedules of this function: those of districts, and those by which a pull goes on.
    pub schedules: L,
    /// Tokens and credentials.
    pub secrets: SecretCache<S>,
    /// Servers of sources.
    pub http: H,
    /// Waiting for them.
    pub wait: W,
    /// Who is told what a person has to know.
    pub operators: Notifications,
    /// The time.
    pub clock: Clock,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The snapshot is complete now.
    Staged,
    /// No snapshot can be made; the report says why.
    Refused,
    /// Newer data of the district is there already.
    Replaced,
    /// It goes on in a further invocation.
    Continued,
    /// It was done before.
    Repeated,
    /// There is nothing to do: no such district, not pulled, or not synced.
    Skipped,
}

/// What an event came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An order, or a pull that was to go on.
    Pull(Ended),
    /// A look at who has connected.
    Look(DiscoverySummary),
}

/// Why a pull did not get on: the event is to come again.
#[derive(Debug, thiserror::Error)]
pub enum PullFailure {
    /// Storage failed.
    #[error("could not store the pull")]
    Storage(#[from] MirrorError),
    /// The snapshot could not be made of the staged pages.
    #[error("could not make the snapshot")]
    Snapshot(#[source] sources::ImportError),
    /// Nobody can tell who has connected.
    #[error("the list of connected districts could not be read: {0}")]
    TokenList(String),
    /// Some districts' schedules may not be what they must be.
    #[error("the schedules of {districts} districts could not be checked or repaired")]
    Schedules {
        /// How many.
        districts: usize,
        /// What went wrong with the last of them.
        #[source]
        source: MirrorError,
    },
    /// Another invocation is at it.
    #[error("the district is being pulled by another invocation")]
    InProgress,
    /// Other snapshots of the district were accepted each time this one was ready.
    #[error("other snapshots of the district were accepted first, repeatedly")]
    Contended,
    /// The run is in a state in which it cannot be.
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

/// Does what an event asks for: pulls a district, as far as it gets, or looks at who has connected.
///
/// # Errors
/// If a retry may cure it. What is done by then is done: the retry finds it so.
pub async fn handle<T: Table, O: Objects, L: Schedules, S: Secrets, H: Http, W: Wait>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    event: LambdaEvent<Value>,
) -> Result<Outcome, PullFailure> {
    let named = match request(&event.payload) {
        Ok(Request::Pull(named)) => named,
        Ok(Request::Look(which)) => {
            let looked = look::look(config, storage, &which).await;
            // Schedules follow what is configured here, not the list: a district that was paused is
            // not pulled, even if the list cannot be read.
            let repaired =
                nights::repair(config, storage, &event.context.invoked_function_arn).await;
            return looked.and_then(|looked| repaired.map(|()| Outcome::Look(looked)));
        }
        Err(reason) => {
            warn!(%reason, "skipped an event");
            return Ok(Outcome::Pull(Ended::Skipped));
        }
    };
    let Context { request_id, invoked_function_arn, deadline, .. } = event.context;
    let deadline = Deadline::of_invocation(storage.clock.clone(), deadline, config.stop_before);
    let invocation = Invocation { owner: request_id, function: invoked_function_arn, deadline };
    match pull::pull(config, storage, &invocation, &named).await {
        Ok(ended) => {
            info!(district = %named.district, run = %named.run, ended = ?ended, "pull done for now");
            Ok(Outcome::Pull(ended))
        }
        Err(error) => {
            warn!(
                district = %named.district, run = %named.run,
                error_type = error.error_type(), error = chain(&error), "pull failed and will be retried"
            );
            Err(error)
        }
    }
}
