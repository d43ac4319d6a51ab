//! Received webhook events: each takes effect once, and their rate is limited.
//!
//! Of an event, only a digest of the signed text is stored, until its signature expires. The digest
//! contains nothing about the district. It has a partition of its own, so that the webhook function
//! needs no access to other items of the table.

use std::future::Future;

use jiff::Timestamp;

use crate::MirrorError;
use crate::ports::districts::Wrote;

/// Stores received webhook events.
pub trait WebhookEvents: Clone + Send + Sync + 'static {
    /// Returns true if an event with this digest was recorded.
    fn is_recorded(&self, digest: &str) -> impl Future<Output = Result<bool, MirrorError>> + Send;
    /// Records an event, at least until the given time.
    fn record(
        &self,
        digest: &str,
        until: Timestamp,
    ) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
    /// Adds one to the count of a period and returns the new count. The count is not needed after
    /// `until`.
    fn count(
        &self,
        stretch: &str,
        until: Timestamp,
    ) -> impl Future<Output = Result<u64, MirrorError>> + Send;
}
