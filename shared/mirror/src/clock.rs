//! Time, passed in: nothing here asks the machine by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time. Tests move it by hand.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock of one's own.
    pub fn new(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// When an invocation ends, and how much before that it must stop to begin new work.
#[derive(Clone, Debug)]
pub struct Deadline {
    clock: Clock,
    stop_at: Timestamp,
}

impl Deadline {
    /// An invocation that is killed at `end` and needs `margin` to put its work away.
    pub fn new(clock: Clock, end: Timestamp, margin: Duration) -> Self {
        Self { stop_at: end - margin, clock }
    }

    /// The same, for an end as Lambda tells it: in milliseconds since 1970. One that it does not
    /// tell never comes.
    pub fn of_invocation(clock: Clock, end: u64, margin: Duration) -> Self {
        let end = i64::try_from(end).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Self::new(clock, end.unwrap_or(Timestamp::MAX), margin)
    }

    /// The clock by which that is.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether it is time to stop.
    pub fn is_near(&self) -> bool {
        self.clock.now() >= self.stop_at
    }

    /// How long work may go on.
    pub fn remaining(&self) -> Duration {
        self.stop_at.duration_since(self.clock.now()).try_into().unwrap_or(Duration::ZERO)
    }
}

/// One invocation of a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Who holds leases and owns runs: the id of its request, the same for a retry.
    pub owner: String,
    /// How the function is invoked again: its ARN.
    pub function: String,
    /// When it must put its work away.
    pub deadline: Deadline,
}
