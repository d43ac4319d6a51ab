//! The requests that the function processes, and the payloads that order them.

use jiff::Timestamp;
use roster::id::{DistrictId, RunId};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Which lists a discovery poll reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryScope {
    /// The lists of all sources for which credentials are configured.
    All,
    /// The list of the source with this name.
    Source(&'static str),
    /// One district of a source's list, named by a webhook event. The event is only a hint; the
    /// list is the authority.
    Tenant {
        /// The source's name.
        source: &'static str,
        /// The district's id at the source.
        id: Box<str>,
    },
}

/// How much of a district's data is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of it: a full pull.
    #[default]
    Everything,
    /// The changes since the last full pull: an incremental pull.
    Changes,
}

impl Scope {
    fn is_everything(&self) -> bool {
        *self == Scope::Everything
    }
}

/// A pull of a district.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// The district.
    pub district: DistrictId,
    /// The run, determined by district, time and scope.
    pub run: RunId,
    /// The time for which the pull was ordered.
    pub at: Timestamp,
    /// How much is pulled. An invocation that continues a pull reads it from the pull's state
    /// instead.
    pub scope: Scope,
}

/// Returns the payload of the one-time schedule that continues a pull.
pub fn resume(pull: &PullRequest) -> String {
    json!({ "resume": { "district": pull.district, "run": pull.run } }).to_string()
}

/// EventBridge Scheduler replaces this with the time for which the schedule was due, however late
/// the invocation is.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// An order in a schedule, before its time is known.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Scheduled {
    district: DistrictId,
    at: String,
    #[serde(default, skip_serializing_if = "Scope::is_everything")]
    only: Scope,
}

/// Returns the payload with which a schedule orders pulls.
pub fn order(district: &DistrictId, scope: Scope) -> String {
    json!(Scheduled { district: district.clone(), at: SCHEDULED_TIME.into(), only: scope })
        .to_string()
}

/// Returns the district and scope that a schedule's payload orders, or `None` if it is the payload
/// of another kind of schedule.
pub(crate) fn ordered(payload: &str) -> Option<(DistrictId, Scope)> {
    let Scheduled { district, at, only } = serde_json::from_str(payload).ok()?;
    (at == SCHEDULED_TIME).then_some((district, only))
}
