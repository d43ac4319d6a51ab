//! Decodes events.

use jiff::Timestamp;
use mirror::keys;
use roster::id::{DistrictId, RunId};
use roster::settings::{Clever, PulledSource};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::source;

/// A decoded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A pull, or a part of one.
    Pull(PullRequest),
    /// A discovery poll: read the sources' lists of connected districts.
    Discover(DiscoveryScope),
}

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

/// Why an event is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// The function does not know this kind of event.
    #[error("it is not an event of this function")]
    Unknown,
}

/// The order that a schedule, roster-api or an operator sends. `at` makes the same order, delivered
/// twice, the same run.
#[derive(Deserialize)]
struct Order {
    district: DistrictId,
    at: Timestamp,
    #[serde(default)]
    only: Scope,
}

/// The event that clever-webhook sends.
#[derive(Deserialize)]
struct Confirm {
    district: Box<str>,
}

#[derive(Deserialize)]
struct Resumed {
    district: DistrictId,
    run: RunId,
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

/// Decodes an event.
pub fn request(event: &Value) -> Result<Request, Skipped> {
    if let Some(list) = event.get("look").and_then(Value::as_str) {
        let source = source::WITH_DISCOVERY.iter().find(|name| **name == list);
        return match source {
            Some(source) => Ok(Request::Discover(DiscoveryScope::Source(source))),
            None if list == "all" => Ok(Request::Discover(DiscoveryScope::All)),
            None => Err(Skipped::Unknown),
        };
    }
    if let Some(hint) = event.get("confirm") {
        let Confirm { district } = Confirm::deserialize(hint).map_err(|_| Skipped::Unknown)?;
        return if district.is_empty() {
            Err(Skipped::Unknown)
        } else {
            let source = Clever::SOURCE;
            Ok(Request::Discover(DiscoveryScope::Tenant { source, id: district }))
        };
    }
    let pull = match event.get("resume") {
        Some(resumed) => {
            let Resumed { district, run } =
                Resumed::deserialize(resumed).map_err(|_| Skipped::Unknown)?;
            let at = keys::time_of(&run).ok_or(Skipped::Unknown)?;
            PullRequest { district, run, at, scope: Scope::default() }
        }
        None => {
            let Order { district, at, only } =
                Order::deserialize(event).map_err(|_| Skipped::Unknown)?;
            let run = match only {
                Scope::Everything => keys::pull_id(at, &district),
                Scope::Changes => keys::changes_id(at, &district),
            };
            PullRequest { run, district, at, scope: only }
        }
    };
    if DistrictId::is_valid(pull.district.as_str()) {
        Ok(Request::Pull(pull))
    } else {
        Err(Skipped::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_order_and_its_continuation_are_the_same_run() {
        let decoded = |event: &Value| match request(event) {
            Ok(Request::Pull(pull)) => pull,
            other => panic!("{other:?}"),
        };
        let order = json!({ "district": "oak", "at": "2026-09-15T07:00:00Z" });
        let first = decoded(&order);
        assert_eq!(decoded(&order), first);
        let resumed: Value = serde_json::from_str(&resume(&first)).unwrap();
        assert_eq!(decoded(&resumed), first);
        let next = decoded(&json!({ "district": "oak", "at": "2026-09-16T07:00:00Z" }));
        assert!(first.run < next.run);
        assert_ne!(
            first.run,
            decoded(&json!({ "district": "elm", "at": "2026-09-15T07:00:00Z" })).run
        );
        let changes =
            decoded(&json!({ "district": "oak", "at": "2026-09-15T07:00:00Z", "only": "changes" }));
        assert_eq!(changes.scope, Scope::Changes);
        assert_ne!(changes.run, first.run, "full and incremental pulls have different runs");
    }

    #[test]
    fn a_webhook_event_becomes_a_discovery_poll_for_its_district() {
        let event = json!({ "confirm": { "district": "5b2ad81a709e300001e2cd7a" } });
        assert_eq!(
            request(&event),
            Ok(Request::Discover(DiscoveryScope::Tenant {
                source: "clever",
                id: "5b2ad81a709e300001e2cd7a".into()
            }))
        );
        assert_eq!(
            request(&json!({ "look": "clever" })),
            Ok(Request::Discover(DiscoveryScope::Source("clever")))
        );
        assert_eq!(
            request(&json!({ "look": "classlink" })),
            Ok(Request::Discover(DiscoveryScope::Source("classlink")))
        );
        assert_eq!(request(&json!({ "look": "all" })), Ok(Request::Discover(DiscoveryScope::All)));
    }

    #[test]
    fn invalid_events_are_skipped() {
        for event in [
            json!({}),
            json!({ "district": "oak" }),
            json!({ "district": "../oak", "at": "2026-09-15T07:00:00Z" }),
            json!({ "district": "oak", "at": "tonight" }),
            json!({ "district": "oak", "at": "2026-09-15T07:00:00Z", "only": "students" }),
            json!({ "resume": { "district": "oak", "run": "01HZ" } }),
            json!({ "Records": [] }),
            json!({ "look": "elsewhere" }),
            json!({ "confirm": { "district": "" } }),
            json!({ "confirm": "oak" }),
        ] {
            assert_eq!(request(&event), Err(Skipped::Unknown), "{event}");
        }
    }
}
