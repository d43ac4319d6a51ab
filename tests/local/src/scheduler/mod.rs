//! EventBridge Scheduler: schedules of groups that invoke functions, by a clock that tests can move.

mod clock;
mod expression;
mod http;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::AbortHandle;

pub use clock::Clock;
use expression::Expression;

use crate::lambda::Lambda;
use crate::listen::Listening;

/// The group that a schedule is in which names none.
const DEFAULT_GROUP: &str = "default";

/// One schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Schedule {
    name: String,
    group: String,
    /// What was sent to make it: given back by GetSchedule.
    said: Map<String, Value>,
    created: Timestamp,
    modified: Timestamp,
    /// When it is due next; none once it is over.
    due: Option<Timestamp>,
}

impl Schedule {
    fn text(&self, field: &str) -> Option<&str> {
        self.said.get(field)?.as_str()
    }

    fn enabled(&self) -> bool {
        self.text("State") != Some("DISABLED")
    }

    fn expression(&self) -> Result<Expression, String> {
        let zone = self.text("ScheduleExpressionTimezone").unwrap_or("UTC");
        Expression::parse(self.text("ScheduleExpression").unwrap_or_default(), zone)
    }

    fn target(&self, field: &str) -> Option<&str> {
        self.said.get("Target")?.get(field)?.as_str()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// Groups and when they were made.
    groups: BTreeMap<String, Timestamp>,
    /// By group and name.
    schedules: Vec<Schedule>,
}

impl State {
    fn position(&self, group: &str, name: &str) -> Option<usize> {
        self.schedules.iter().position(|schedule| schedule.group == group && schedule.name == name)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.schedules.iter().filter(|schedule| schedule.enabled()).filter_map(|schedule| schedule.due).min()
    }
}

/// The scheduler.
pub(crate) struct Scheduler {
    state: Mutex<State>,
    clock: Clock,
    changed: tokio::sync::Notify,
    lambda: Arc<Lambda>,
    region: String,
    account: String,
    /// Where schedules outlive the process.
    file: PathBuf,
}

/// The running scheduler with its server.
pub(crate) struct Running {
    pub(crate) scheduler: Arc<Scheduler>,
    server: Listening,
    ticking: AbortHandle,
}

impl Running {
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

impl Scheduler {
    /// Starts with the schedules in `file`, and with these groups.
    pub(crate) async fn start(
        lambda: Arc<Lambda>,
        region: &str,
        account: &str,
        groups: &[&str],
        file: PathBuf,
    ) -> io::Result<Running> {
        let mut state: State = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error),
        };
        let clock = Clock::new();
        for group in groups.iter().copied().chain([DEFAULT_GROUP]) {
            state.groups.entry(group.to_owned()).or_insert_with(|| clock.now());
        }
        let scheduler = Arc::new(Self {
            state: Mutex::new(state),
            clock,
            changed: tokio::sync::Notify::new(),
            lambda,
            region: region.to_owned(),
            account: account.to_owned(),
            file,
        });
        let server = Listening::router(http::router(scheduler.clone())).await?;
        let ticking = tokio::spawn(scheduler.clone().tick()).abort_handle();
        Ok(Running { scheduler, server, ticking })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// When the next schedule is due, if there is one.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).next_due()
    }

    /// Starts everything that is due, once; says whether there was anything.
    pub(crate) fn fire_due(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fired = false;
        let mut over = Vec::new();
        for (at, schedule) in state.schedules.iter_mut().enumerate() {
            let Some(due) = schedule.due.filter(|due| *due <= now && schedule.enabled()) else { continue };
            fired = true;
            self.fire(schedule, due);
            schedule.due = schedule.expression().ok().and_then(|expression| expression.after(due));
            if schedule.due.is_none() && schedule.text("ActionAfterCompletion") == Some("DELETE") {
                over.push(at);
            }
        }
        for at in over.into_iter().rev() {
            state.schedules.remove(at);
        }
        if fired {
            self.keep(&state);
        }
        fired
    }

    /// Invokes a schedule's function, as Scheduler does: asynchronously, with its input.
    fn fire(&self, schedule: &Schedule, due: Timestamp) {
        let (Some(arn), input) = (schedule.target("Arn"), schedule.target("Input").unwrap_or("{}")) else { return };
        let input = input
            .replace("<aws.scheduler.schedule-arn>", &self.arn(schedule))
            .replace("<aws.scheduler.scheduled-time>", &due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            .replace("<aws.scheduler.execution-id>", &format!("{:016x}", fastrand::u64(..)))
            .replace("<aws.scheduler.attempt-number>", "1");
        let payload = serde_json::from_str(&input).unwrap_or(Value::String(input));
        if !self.lambda.send(arn, payload) {
            tracing::warn!(schedule = schedule.name, "a schedule's target is no function of this stack");
        }
    }

    async fn tick(self: Arc<Self>) {
        let mut moved = self.clock.watch();
        loop {
            // A day at most: a clock that is set is noticed by then at the latest.
            let wait = self.next_due().map_or(jiff::SignedDuration::from_hours(24), |due| due.duration_since(self.clock.now()));
            tokio::select! {
                () = tokio::time::sleep(wait.try_into().unwrap_or_default()) => (),
                () = self.changed.notified() => (),
                Ok(()) = moved.changed() => (),
            }
            self.fire_due();
        }
    }

    fn keep(&self, state: &State) {
        let written = serde_json::to_vec_pretty(state).map_err(io::Error::from).and_then(|text| std::fs::write(&self.file, text));
        if let Err(error) = written {
            tracing::warn!(%error, "the schedules could not be kept");
        }
    }

    fn arn(&self, schedule: &Schedule) -> String {
        let (region, account) = (&self.region, &self.account);
        format!("arn:aws:scheduler:{region}:{account}:schedule/{}/{}", schedule.group, schedule.name)
    }

    fn group_arn(&self, group: &str) -> String {
        format!("arn:aws:scheduler:{}:{}:schedule-group/{group}", self.region, self.account)
    }
}
