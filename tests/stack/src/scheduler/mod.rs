//! EventBridge Scheduler: schedules that invoke functions, on a clock that tests can advance.
//!
//! Time zones and daylight saving time follow the time zone database. Flexible windows, retries and
//! dead-letter queues work as in AWS, on the same clock. Advancing the clock by a year fires all
//! schedules of that year in order.
//!
//! | module | contents |
//! | --- | --- |
//! | `http` | the service's REST calls |
//! | `schedule` | a schedule: validation and next due time |
//! | `expression`, `cron` | schedule expressions |
//! | `delivery` | retries and dead letters |

mod cron;
mod delivery;
mod expression;
mod http;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::AbortHandle;

pub use delivery::DeadLetter;
use delivery::{Delivery, Rejected};
use schedule::Schedule;
pub(crate) use simulators::clock::Clock;

use simulators::listen::Listening;

/// The group of schedules that are created without a group.
const DEFAULT_GROUP: &str = "default";

/// Delivers an event to a target by its ARN. Returns false if there is no such target.
pub(crate) type Deliver = Arc<dyn Fn(&str, Value) -> bool + Send + Sync>;

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// Groups, with the time of their creation.
    groups: BTreeMap<String, Timestamp>,
    schedules: Vec<Schedule>,
    /// Deliveries that were rejected and will be retried.
    #[serde(default)]
    waiting: Vec<Delivery>,
    #[serde(default)]
    dead: Vec<DeadLetter>,
}

impl State {
    fn position(&self, group: &str, name: &str) -> Option<usize> {
        self.schedules.iter().position(|schedule| schedule.group == group && schedule.name == name)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let schedules = self.schedules.iter().filter_map(Schedule::fires);
        schedules.chain(self.waiting.iter().map(|delivery| delivery.next)).min()
    }
}

/// The scheduler.
pub(crate) struct Scheduler {
    state: Mutex<State>,
    clock: Clock,
    changed: tokio::sync::Notify,
    deliver: Deliver,
    region: String,
    account: String,
    /// The file that stores the schedules.
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
    /// Starts with the schedules stored in `file`, and creates missing groups.
    pub(crate) async fn start(
        deliver: Deliver,
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
        // Skips the nights that passed while no process was running. Otherwise a week without the
        // stack would cause seven pulls.
        state.schedules.iter_mut().for_each(|schedule| schedule.catch_up(clock.now()));
        let scheduler = Arc::new(Self {
            state: Mutex::new(state),
            clock,
            changed: tokio::sync::Notify::new(),
            deliver,
            region: region.to_owned(),
            account: account.to_owned(),
            file,
        });
        let server = Listening::router(http::router(scheduler.clone())).await?;
        let ticking = tokio::spawn(scheduler.clone().tick()).abort_handle();
        Ok(Running { scheduler, server, ticking })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// When the next schedule or retry is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.state().next_due()
    }

    /// The messages in dead-letter queues.
    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.state().dead.clone()
    }

    /// Fires everything that is due, in order of time. Returns whether anything was due.
    pub(crate) fn fire_due(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        let mut fired = false;
        while let Some(due) = state.next_due().filter(|due| *due <= now) {
            fired = true;
            let delivery =
                match state.schedules.iter().position(|schedule| schedule.fires() == Some(due)) {
                    Some(at) => {
                        let arn = self.arn(&state.schedules[at]);
                        let delivery = state.schedules[at].fire(arn, due);
                        if state.schedules[at].is_gone() {
                            state.schedules.remove(at);
                        }
                        delivery
                    }
                    None => {
                        let at = state.waiting.iter().position(|delivery| delivery.next == due);
                        at.map(|at| state.waiting.remove(at))
                    }
                };
            if let Some(delivery) = delivery {
                self.attempt(&mut state, delivery, due);
            }
        }
        if fired {
            self.save(&state);
        }
        fired
    }

    /// Invokes a target asynchronously with its input.
    fn attempt(&self, state: &mut State, delivery: Delivery, now: Timestamp) {
        if (self.deliver)(&delivery.target, delivery.payload()) {
            return;
        }
        match delivery.rejected(now) {
            Rejected::Retry(delivery) => state.waiting.push(delivery),
            Rejected::Dead(letter) => state.dead.push(letter),
            Rejected::Dropped => tracing::warn!(
                "a schedule's target is not a function of this stack, and the schedule has no \
                 dead-letter queue"
            ),
        }
    }

    async fn tick(self: Arc<Self>) {
        let mut moved = self.clock.watch();
        loop {
            // At most a day, so that a change of the system clock is noticed.
            let wait = self.next_due().map_or(jiff::SignedDuration::from_hours(24), |due| {
                due.duration_since(self.clock.now())
            });
            tokio::select! {
                () = tokio::time::sleep(wait.try_into().unwrap_or_default()) => (),
                () = self.changed.notified() => (),
                Ok(()) = moved.changed() => (),
            }
            self.fire_due();
        }
    }

    fn save(&self, state: &State) {
        let written = serde_json::to_vec_pretty(state)
            .map_err(io::Error::from)
            .and_then(|text| std::fs::write(&self.file, text));
        if let Err(error) = written {
            tracing::warn!(%error, "cannot store the schedules");
        }
    }

    fn arn(&self, schedule: &Schedule) -> String {
        let (region, account) = (&self.region, &self.account);
        format!(
            "arn:aws:scheduler:{region}:{account}:schedule/{}/{}",
            schedule.group, schedule.name
        )
    }

    fn group_arn(&self, group: &str) -> String {
        format!("arn:aws:scheduler:{}:{}:schedule-group/{group}", self.region, self.account)
    }
}
