//! Asking nightly-pull for a pull (R-O4), by a one-time schedule: the function's own retries and
//! failure queue are behind it, and asking twice is asking once.

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

/// How soon the pull begins: a schedule has to lie ahead.
const SOON: Duration = Duration::from_secs(5);

type Asked<'a> = Pin<Box<dyn Future<Output = Result<(), MirrorError>> + Send + 'a>>;

/// Who can be asked for a pull.
pub(crate) trait Pulls: fmt::Debug + Send + Sync {
    /// Lets a district be pulled, as the run of this time, soon after `now`.
    fn ask<'a>(&'a self, district: &'a DistrictId, at: Timestamp, now: Timestamp) -> Asked<'a>;
}

/// nightly-pull behind its schedules.
#[derive(Debug)]
pub(crate) struct Scheduled<L> {
    /// Its schedules.
    pub(crate) schedules: L,
    /// Its ARN.
    pub(crate) function: String,
}

impl<L: OneTimeSchedules + fmt::Debug> Pulls for Scheduled<L> {
    fn ask<'a>(&'a self, district: &'a DistrictId, at: Timestamp, now: Timestamp) -> Asked<'a> {
        Box::pin(async move {
            let payload = json!({ "district": district, "at": at }).to_string();
            let name = format!("now-{}", run_of(district, at));
            // One of that name is the same wish.
            self.schedules
                .schedule_once(&self.function, &name, now + SOON, &payload)
                .await
                .map(|_| ())
        })
    }
}

/// The time for which a pull is ordered that somebody asks for now. Whoever asks twice in a minute
/// asks for one run.
pub(crate) fn minute(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second() / 60 * 60).unwrap_or(now)
}

/// The run that a pull of this time is.
pub(crate) fn run_of(district: &DistrictId, at: Timestamp) -> RunId {
    keys::pull_id(at, district)
}
