//! Time as a dependency: this crate never reads the machine's clock by itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// Returns the current time. Tests set it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that returns the time of a function.
    pub fn new(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The end of an invocation, and the time that it needs before that to finish.
#[derive(Clone, Debug)]
pub struct Deadline {
    clock: Clock,
    stop_at: Timestamp,
    is_stopped: Arc<AtomicBool>,
}

impl Deadline {
    /// An invocation that is killed at `end` and needs `margin` to save its state.
    pub fn new(clock: Clock, end: Timestamp, margin: Duration) -> Self {
        Self { stop_at: end - margin, clock, is_stopped: Arc::default() }
    }

    /// Returns a deadline at the same time that [`Deadline::stop`] ends early. The original and
    /// its other copies are not affected.
    #[must_use]
    pub fn separate(&self) -> Self {
        Self { is_stopped: Arc::default(), ..self.clone() }
    }

    /// Ends the time of this deadline and of its clones now.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// The same, for a deadline as Lambda passes it: in milliseconds since 1970. Zero means no
    /// deadline.
    pub fn of_invocation(clock: Clock, end: u64, margin: Duration) -> Self {
        let end = i64::try_from(end).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Self::new(clock, end.unwrap_or(Timestamp::MAX), margin)
    }

    /// Returns the clock that the deadline is measured with.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns true if no new work may begin.
    pub fn is_near(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed) || self.clock.now() >= self.stop_at
    }

    /// Returns the time left for work.
    pub fn remaining(&self) -> Duration {
        self.stop_at.duration_since(self.clock.now()).try_into().unwrap_or(Duration::ZERO)
    }
}

/// One invocation of a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The owner of leases and runs: the request's id, which is the same for a retry.
    pub owner: String,
    /// The function's ARN, for invoking it again.
    pub function: String,
    /// When it must save its state.
    pub deadline: Deadline,
}
