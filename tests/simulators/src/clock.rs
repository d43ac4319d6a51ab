//! The scheduler's clock: the real one, and ahead of it by as much as a test has moved it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A clock that runs in real time and can be moved forward. Clones are the same clock.
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
    /// One that shows the real time until somebody moves it.
    pub fn new() -> Self {
        Self { ahead: Arc::default(), moved: watch::Sender::new(()) }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        let ahead = *self.ahead.read().unwrap_or_else(PoisonError::into_inner);
        Timestamp::now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Moves it forward. What has become due by that is started at once.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut ahead = self.ahead.write().unwrap_or_else(PoisonError::into_inner);
        *ahead = ahead.saturating_add(by);
        drop(ahead);
        self.moved.send_replace(());
    }

    /// Moves it forward to a moment; a moment that has passed changes nothing.
    pub fn advance_to(&self, moment: Timestamp) {
        if let Ok(by) = Duration::try_from(moment.duration_since(self.now())) {
            self.advance(by);
        }
    }

    /// A receiver that is notified when a test moves the clock.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }
}
