//! Decodes events.

use jiff::Timestamp;
use mirror::keys;
use roster::id::{DistrictId, RunId};
use roster::settings::{Clever, PulledSource};
use serde::Deserialize;
use serde_json::Value;

use crate::registry;
use crate::request::{DiscoveryScope, PullRequest, Scope};

/// A decoded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A pull, or a part of one.
    Pull(PullRequest),
    /// A discovery poll: read the sources' lists of connected districts.
    Discover(DiscoveryScope),
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

/// Decodes an event.
pub fn request(event: &Value) -> Result<Request, Skipped> {
    if let Some(list) = event.get("look").and_then(Value::as_str) {
        let source = registry::WITH_DISCOVERY.iter().find(|name| **name == list);
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
    use serde_json::json;

    use super::*;
    use crate::request::resume;

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
