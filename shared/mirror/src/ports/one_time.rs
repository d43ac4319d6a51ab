//! Being invoked again.

use std::future::Future;

use jiff::Timestamp;

use crate::MirrorError;
use crate::ports::districts::Wrote;

/// One-time schedules of the function that asks.
pub trait OneTimeSchedules: Clone + Send + Sync + 'static {
    /// Invokes `function` (the ARN under which the one that asks was invoked) with `payload` at
    /// `at` or soon after, once. A name that is taken already is the same wish, wished before.
    fn schedule_once(
        &self,
        function: &str,
        name: &str,
        at: Timestamp,
        payload: &str,
    ) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
}
