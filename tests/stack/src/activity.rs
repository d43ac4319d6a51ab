//! Counts pending events: queued, waiting for a retry, or being handled.

use tokio::sync::watch;

/// The number of pending events.
#[derive(Clone, Debug)]
pub(crate) struct Activity(watch::Sender<usize>);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Counts an event as pending until the returned guard is dropped.
    pub(crate) fn begin(&self) -> Pending {
        self.0.send_modify(|count| *count += 1);
        Pending(self.0.clone())
    }

    /// Waits until no event is pending.
    pub(crate) async fn wait_until_idle(&self) {
        // `self` owns the sender, so the channel cannot close.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Number of pending events.
    pub(crate) fn count(&self) -> usize {
        *self.0.borrow()
    }
}

/// Guard of a pending event.
#[derive(Debug)]
pub(crate) struct Pending(watch::Sender<usize>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
