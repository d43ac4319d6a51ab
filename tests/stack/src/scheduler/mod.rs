//! EventBridge Scheduler: schedules of groups that invoke functions, by a clock that tests can
//! move.
//!
//! Time zones and both changes of the clocks are those of the time zone database; flexible windows,
//! retries and failure queues work as in AWS, by the same clock. What is moved by a year goes
//! through every night of it, in the order of time.

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
use delivery::{Delivery, Refused};
use schedule::Schedule;
pub(crate) use simulators::clock::Clock;

use simulators::listen::Listening;

/// The group that a schedule is in which names none.
const DEFAULT_GROUP: &str = "default";

/// Takes an event for a target, by its ARN; false: there is no such target.
pub(crate) type Deliver = Arc<dyn Fn(&str, Value) -> bool + Send + Sync>;

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// Groups and when they were made.
    groups: BTreeMap<String, Timestamp>,
    schedules: Vec<Schedule>,
    /// What was to be delivered and was not taken.
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
        // The service never sleeps, and this one has: a night is not pulled seven times because
        // nobody was here for a week.
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

    /// When the next schedule is due, or the next try of one that was not taken.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.state().next_due()
    }

    /// What lies in failure queues.
    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.state().dead.clone()
    }

    /// Starts everything that is due, in the order of time; says whether there was anything.
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
            self.keep(&state);
        }
        fired
    }

    /// Invokes a target, as Scheduler does: asynchronously, with its input.
    fn attempt(&self, state: &mut State, delivery: Delivery, now: Timestamp) {
        if (self.deliver)(&delivery.target, delivery.payload()) {
            return;
        }
        match delivery.refused(now) {
            Refused::Again(delivery) => state.waiting.push(delivery),
            Refused::Dead(letter) => state.dead.push(letter),
            Refused::Dropped => tracing::warn!(
                "a schedule's target is no function of this stack, and it has no failure queue"
            ),
        }
    }

    async fn tick(self: Arc<Self>) {
        let mut moved = self.clock.watch();
        loop {
            // A day at most: a clock that is set is noticed by then at the latest.
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

    fn keep(&self, state: &State) {
        let written = serde_json::to_vec_pretty(state)
            .map_err(io::Error::from)
            .and_then(|text| std::fs::write(&self.file, text));
        if let Err(error) = written {
            tracing::warn!(%error, "the schedules could not be kept");
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
