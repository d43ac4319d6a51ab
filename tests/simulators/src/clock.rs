//! A clock for tests: real time plus an offset.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A clock that runs in real time and can be advanced. Clones share the offset.
#[derive(Clone, Debug)]
pub struct Clock {
    ahead: Arc<RwLock<SignedDuration>>,
    moved: watch::Sender<()>,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// A clock that shows the real time.
    pub fn new() -> Self {
        Self { ahead: Arc::default(), moved: watch::Sender::new(()) }
    }

    /// The current time of this clock.
    pub fn now(&self) -> Timestamp {
        let ahead = *self.ahead.read().unwrap_or_else(PoisonError::into_inner);
        Timestamp::now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Advances the clock and notifies its watchers.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut ahead = self.ahead.write().unwrap_or_else(PoisonError::into_inner);
        *ahead = ahead.saturating_add(by);
        drop(ahead);
        self.moved.send_replace(());
    }

    /// Advances the clock to a time. Does nothing if that time has passed.
    pub fn advance_to(&self, moment: Timestamp) {
        if let Ok(by) = Duration::try_from(moment.duration_since(self.now())) {
            self.advance(by);
        }
    }

    /// A receiver that is notified when the clock is advanced.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }
}
