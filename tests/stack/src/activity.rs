//! What is still going on: events on their way, waiting for another attempt, or being handled.

use tokio::sync::watch;

/// Counts what is under way.
#[derive(Clone, Debug)]
pub(crate) struct Activity(watch::Sender<usize>);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Something begins; it ends when the value is dropped.
    pub(crate) fn begin(&self) -> UnderWay {
        self.0.send_modify(|count| *count += 1);
        UnderWay(self.0.clone())
    }

    /// Waits until nothing is under way.
    pub(crate) async fn quiet(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }

    /// How much is under way.
    pub(crate) fn count(&self) -> usize {
        *self.0.borrow()
    }
}

/// Something under way.
#[derive(Debug)]
pub(crate) struct UnderWay(watch::Sender<usize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
