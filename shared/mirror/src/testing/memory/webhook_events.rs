//! Webhook events in memory.

use jiff::Timestamp;

use super::{MemoryTable, lock};
use crate::MirrorError;
use crate::ports::districts::Wrote;
use crate::ports::webhook_events::WebhookEvents;

impl MemoryTable {
    /// Returns the number of recorded events.
    pub fn notices(&self) -> usize {
        lock(&self.0).notices.len()
    }
}

impl WebhookEvents for MemoryTable {
    async fn is_recorded(&self, digest: &str) -> Result<bool, MirrorError> {
        Ok(lock(&self.0).notices.contains(digest))
    }

    async fn record(&self, digest: &str, _until: Timestamp) -> Result<Wrote, MirrorError> {
        Ok(if lock(&self.0).notices.insert(digest.into()) {
            Wrote::Yes
        } else {
            Wrote::AlreadyThere
        })
    }

    async fn count(&self, stretch: &str, _until: Timestamp) -> Result<u64, MirrorError> {
        let mut table = lock(&self.0);
        let count = table.notice_counts.entry(stretch.into()).or_default();
        *count += 1;
        Ok(*count)
    }
}
