//! Brings the mirror of a district to the state of its newest snapshot: plans, holds, applies and
//! reports. Also undoes runs and restores earlier snapshots (R-H4).
//!
//! At most one run per district is in progress, enforced by a lease. [`rules`] makes the plan
//! without writing anything; the plan is stored before the first change, and exactly the stored
//! plan is applied. Events may be delivered twice, late or out of order, and the function may be
//! killed at any point: the result is the same.
//!
//! The way of an event:
//!
//! ```text
//! request      decodes the event
//! commands     reads a request object: a decision, an undo or a restore
//! decisions    records a decision about a held run
//! session      takes the lease and processes the run, then any newer snapshot
//! planning     plans, and compares an approved plan with the one that was shown
//! holding      holds a plan, or the part of it that waits       undo, restore: going back
//! applying     writes the stored plan, and ends the run
//! ```

mod applying;
mod commands;
mod config;
mod decisions;
mod earlier;
mod holding;
mod manifest;
mod outcome;
mod planning;
mod recent;
mod refusal;
mod request;
mod restore;
mod session;
mod undo;

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use mirror::MirrorError;
use mirror::clock::{Clock, Deadline, Invocation};
use mirror::error::chain;
use mirror::eventbridge::Notifications;
use mirror::ports::district_settings::SettingsStore;
use mirror::ports::districts::{Districts, Leases};
use mirror::ports::items::{ReadItems, WriteItems};
use mirror::ports::objects::{ReadObjects, WriteObjects};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::Runs;
use mirror::ports::transact::Transact;
use roster::contract::PlanError;
use serde_json::Value;
use tracing::{info, warn};

pub use config::Config;
pub use outcome::Summary;
pub use request::{Request, RunRef, Skipped, requests, resume};

pub(crate) use outcome::RunOutcome;

/// The capabilities of the table that the function uses.
pub trait Table:
    Districts + SettingsStore + Leases + Runs + ReadItems + WriteItems + Transact
{
}
impl<T> Table for T where
    T: Districts + SettingsStore + Leases + Runs + ReadItems + WriteItems + Transact
{
}

/// The capabilities of the internal bucket that the function uses.
pub trait Objects: ReadObjects + WriteObjects {}
impl<T: ReadObjects + WriteObjects> Objects for T {}

/// The types of the services that the function uses: the real ones or those of a test.
pub trait Services: 'static {
    /// Districts, leases, runs, the mirror.
    type Table: Table;
    /// Snapshots, plans and reports.
    type Objects: Objects;
    /// One-time schedules of this function.
    type Schedules: OneTimeSchedules;
}

/// The services that the function uses.
pub struct Storage<S: Services> {
    /// Districts, leases, runs, the mirror.
    pub table: S::Table,
    /// Snapshots, plans and reports.
    pub internal: S::Objects,
    /// One-time schedules of this function.
    pub schedules: S::Schedules,
    /// Notifications for operators.
    pub notifications: Notifications,
    /// The clock.
    pub clock: Clock,
}

/// What the processing of every event needs.
pub(crate) struct Worker<'a, S: Services> {
    pub(crate) config: &'a Config,
    pub(crate) storage: &'a Storage<S>,
    pub(crate) invocation: &'a Invocation,
}

/// An error that stopped a run. Lambda delivers the event again.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileFailure {
    /// Storage failed.
    #[error("could not continue the run")]
    Storage(#[from] MirrorError),
    /// Planning failed.
    #[error("could not plan the run")]
    Plan(#[from] PlanError),
    /// The settings of the district do not form a policy.
    #[error("the district's policy cannot be used")]
    Policy(#[from] roster::policy::PolicyError),
    /// The state of the run does not allow the step.
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

/// Processes an event and returns the number of runs by outcome.
///
/// # Errors
/// Returns the last failure if a retry may succeed. Work that was done before is kept: a retry
/// continues from there.
pub async fn handle<S: Services>(
    config: &Config,
    storage: &Storage<S>,
    event: LambdaEvent<Value>,
) -> Result<Summary, ReconcileFailure> {
    let Context { request_id, invoked_function_arn, deadline, .. } = event.context;
    let deadline = Deadline::of_invocation(storage.clock.clone(), deadline, config.stop_before);
    let invocation = Invocation { owner: request_id, function: invoked_function_arn, deadline };
    let worker = Worker { config, storage, invocation: &invocation };
    let mut summary = Summary::default();
    let mut failure = None;
    for request in requests(&event.payload) {
        let (target, result) = match request {
            Err(reason) => {
                info!(%reason, "skipped an event");
                summary.count(RunOutcome::Skipped);
                continue;
            }
            Ok(Request::Run(run)) => {
                let result = session::run(&worker, &run, &mut summary).await;
                (run, result)
            }
            Ok(Request::Stored(request)) => {
                let result = commands::execute(&worker, &request, &mut summary).await;
                (request, result)
            }
        };
        if let Err(error) = result {
            warn!(
                district = %target.district, run = %target.run, error_type = error.error_type(),
                error = chain(&error), "run failed and will be retried"
            );
            failure = Some(error);
        }
    }
    failure.map_or(Ok(summary), Err)
}
