//! WebhookEvents that come from outside: each has its effect once, and so many in a while.
//!
//! What is remembered of a notice is a digest of what was signed, for as long as its signature is
//! good for anything. It tells nothing of the district, and lies in a partition of its own, so that
//! whoever takes notices needs no right to anything else in the table.

use std::future::Future;

use jiff::Timestamp;

use crate::MirrorError;
use crate::ports::districts::Wrote;

/// Remembering notices.
pub trait WebhookEvents: Clone + Send + Sync + 'static {
    /// Whether a notice was taken before.
    fn is_recorded(&self, digest: &str) -> impl Future<Output = Result<bool, MirrorError>> + Send;
    /// Remembers that a notice was taken, at least until then.
    fn record(
        &self,
        digest: &str,
        until: Timestamp,
    ) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
    /// Counts one more in a stretch of time, which nobody asks for any longer after `until`; gives
    /// how many there are with it.
    fn count(
        &self,
        stretch: &str,
        until: Timestamp,
    ) -> impl Future<Output = Result<u64, MirrorError>> + Send;
}
