//! From a staged snapshot to the mirror: plan, hold or go, apply, report. Also back again: a run
//! that is undone, a snapshot that is restored (R-H4).
//!
//! One run per district at a time, under a lease. The plan is made by [`rules`], which touches
//! nothing, and written down before the first item is; what is applied is what was written down.
//! Everything here can come twice, late, out of order or die anywhere, with the same end.

mod applying;
mod commands;
mod config;
mod decisions;
mod planning;
mod request;
mod restoring;
mod session;
mod undoing;

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use mirror::MirrorError;
use mirror::clock::{Clock, Deadline, Invocation};
use mirror::error::chain;
use mirror::eventbridge::Notifications;
use mirror::ports::configured::Configuring;
use mirror::ports::districts::{Districts, Leases};
use mirror::ports::items::{ReadItems, WriteItems};
use mirror::ports::objects::{ReadObjects, WriteObjects};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::Runs;
use mirror::ports::transact::Transact;
use roster::contract::PlanError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

pub use config::Config;
pub use request::{Named, Request, Skipped, requests, resume};

/// What the function does with the table.
pub trait Table:
    Districts + Configuring + Leases + Runs + ReadItems + WriteItems + Transact
{
}
impl<T: Districts + Configuring + Leases + Runs + ReadItems + WriteItems + Transact> Table for T {}

/// What the function does with its bucket.
pub trait Objects: ReadObjects + WriteObjects {}
impl<T: ReadObjects + WriteObjects> Objects for T {}

/// Where the function reads and writes.
#[derive(Clone, Debug)]
pub struct Storage<T, O, L> {
    /// Districts, leases, runs, the mirror.
    pub table: T,
    /// Snapshots, plans and reports.
    pub internal: O,
    /// Schedules of this function.
    pub schedules: L,
    /// Who is told what a person has to know.
    pub operators: Notifications,
    /// The time.
    pub clock: Clock,
}

/// What became of what an event asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Runs whose plan is written.
    pub applied: u32,
    /// Runs with nothing to write.
    pub unchanged: u32,
    /// Runs that wait for a person.
    pub held: u32,
    /// What a person asked for and what cannot be done.
    pub refused: u32,
    /// Runs that a person rejected.
    pub rejected: u32,
    /// Runs that a newer snapshot has made moot.
    pub replaced: u32,
    /// Runs that go on in a further invocation.
    pub continued: u32,
    /// Runs that wait for another run of their district, or for their district to be live.
    pub waiting: u32,
    /// Events that came again, or too late, and changed nothing.
    pub repeated: u32,
    /// Events and records that ask for nothing, or for a run that does not exist.
    pub skipped: u32,
}

/// What became of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Applied,
    Unchanged,
    Held,
    Refused,
    Rejected,
    Replaced,
    Continued,
    Waiting,
    Repeated,
    Skipped,
}

impl Summary {
    fn count(&mut self, ended: Ended) {
        *match ended {
            Ended::Applied => &mut self.applied,
            Ended::Unchanged => &mut self.unchanged,
            Ended::Held => &mut self.held,
            Ended::Refused => &mut self.refused,
            Ended::Rejected => &mut self.rejected,
            Ended::Replaced => &mut self.replaced,
            Ended::Continued => &mut self.continued,
            Ended::Waiting => &mut self.waiting,
            Ended::Repeated => &mut self.repeated,
            Ended::Skipped => &mut self.skipped,
        } += 1;
    }
}

/// Why a run did not get on: the event is to come again.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileFailure {
    /// Storage failed.
    #[error("could not continue the run")]
    Storage(#[from] MirrorError),
    /// No plan could be made.
    #[error("could not plan the run")]
    Plan(#[from] PlanError),
    /// The district's settings are no policy.
    #[error("the district's policy cannot be used")]
    Policy(#[from] roster::policy::PolicyError),
    /// The run is in a state in which it cannot be.
    #[error("the state of the run does not allow this")]
    State(#[from] roster::run::NotAllowed),
}

impl ReconcileFailure {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Storage(error) => error.error_type(),
            Self::Plan(_) => "ReconcilePlan",
            Self::Policy(_) => "ReconcilePolicy",
            Self::State(_) => "ReconcileState",
        }
    }
}

impl From<ReconcileFailure> for Diagnostic {
    fn from(failure: ReconcileFailure) -> Self {
        Diagnostic { error_type: failure.error_type().into(), error_message: chain(&failure) }
    }
}

/// Does what an event asks for.
///
/// # Errors
/// If a retry may cure it. What is done by then is done: the retry finds it so.
pub async fn handle<T: Table, O: Objects, L: OneTimeSchedules>(
    config: &Config,
    storage: &Storage<T, O, L>,
    event: LambdaEvent<Value>,
) -> Result<Summary, ReconcileFailure> {
    let Context { request_id, invoked_function_arn, deadline, .. } = event.context;
    let deadline = Deadline::of_invocation(storage.clock.clone(), deadline, config.stop_before);
    let invocation = Invocation { owner: request_id, function: invoked_function_arn, deadline };
    let mut summary = Summary::default();
    let mut failure = None;
    for request in requests(&event.payload) {
        let (named, ended) = match request {
            Err(reason) => {
                info!(%reason, "skipped an event");
                summary.count(Ended::Skipped);
                continue;
            }
            Ok(Request::Run(named)) => {
                let ended = session::run(config, storage, &invocation, &named, &mut summary).await;
                (named, ended)
            }
            Ok(Request::Decide(named, decided)) => {
                let ended = decisions::decide(
                    config,
                    storage,
                    &invocation,
                    &named,
                    decided,
                    None,
                    &mut summary,
                )
                .await;
                (named, ended)
            }
            Ok(Request::Asked(named)) => {
                let ended =
                    commands::asked(config, storage, &invocation, &named, &mut summary).await;
                (named, ended)
            }
        };
        if let Err(error) = ended {
            warn!(
                district = %named.district, run = %named.run,
                error_type = error.error_type(), error = chain(&error), "run failed and will be retried"
            );
            failure = Some(error);
        }
    }
    failure.map_or(Ok(summary), Err)
}
