//! Requests a pull from nightly-pull (R-O4) by a one-time schedule, so that the function's retries
//! and failure queue apply. A repeated request has no further effect.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use mirror::MirrorError;
use mirror::keys;
use mirror::ports::one_time::OneTimeSchedules;
use roster::id::{DistrictId, RunId};
use serde_json::json;

/// How soon the pull begins. The time of a schedule must be in the future.
const DELAY: Duration = Duration::from_secs(5);

type Requested<'a> = Pin<Box<dyn Future<Output = Result<(), MirrorError>> + Send + 'a>>;

/// Requests pulls.
pub(crate) trait RequestPull: fmt::Debug + Send + Sync {
    /// Requests a pull of a district soon after `now`. `at` is the time that names the run.
    fn request<'a>(
        &'a self,
        district: &'a DistrictId,
        at: Timestamp,
        now: Timestamp,
    ) -> Requested<'a>;
}

/// Requests pulls from nightly-pull by schedules.
#[derive(Debug)]
pub(crate) struct Scheduled<L> {
    /// The schedules.
    pub(crate) schedules: L,
    /// The ARN of nightly-pull.
    pub(crate) function: String,
}

impl<L: OneTimeSchedules + fmt::Debug> RequestPull for Scheduled<L> {
    fn request<'a>(
        &'a self,
        district: &'a DistrictId,
        at: Timestamp,
        now: Timestamp,
    ) -> Requested<'a> {
        Box::pin(async move {
            let payload = json!({ "district": district, "at": at }).to_string();
            let name = format!("now-{}", run_of(district, at));
            // Idempotent: a schedule with this name is the same request.
            self.schedules
                .schedule_once(&self.function, &name, now + DELAY, &payload)
                .await
                .map(|_| ())
        })
    }
}

/// Returns the time that names the run of a pull requested now: the start of the minute. Two
/// requests within a minute are one run.
pub(crate) fn minute(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second() / 60 * 60).unwrap_or(now)
}

/// Returns the id of the run of a pull at this time.
pub(crate) fn run_of(district: &DistrictId, at: Timestamp) -> RunId {
    keys::pull_id(at, district)
}
