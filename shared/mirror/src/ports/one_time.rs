//! One-time schedules, with which a function invokes itself again.

use std::future::Future;

use jiff::Timestamp;

use crate::MirrorError;
use crate::ports::districts::Wrote;

/// Creates one-time schedules.
pub trait OneTimeSchedules: Clone + Send + Sync + 'static {
    /// Schedules one invocation of `function` (an ARN) with `payload`, at `at` or soon after.
    /// Idempotent: if a schedule with this name exists, it is the same request and is left in
    /// place.
    fn schedule_once(
        &self,
        function: &str,
        name: &str,
        at: Timestamp,
        payload: &str,
    ) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
}
