//! What an event asks for. Decoding happens here, once.

use jiff::Timestamp;
use mirror::keys;
use roster::id::{DistrictId, RunId};
use roster::settings::{ClassLink, Clever};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A pull, or a part of one.
    Pull(Named),
    /// A look at who has connected the application.
    Look(Which),
}

/// Whose lists are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that there are.
    All,
    /// That of one source, by its name.
    Source(&'static str),
    /// Clever's, for the one district (by its id there) of which a notice speaks. What a notice
    /// says is a hint only: the look is what counts.
    AtClever(Box<str>),
}

/// How much of a district's data is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of it: the truth of a night.
    #[default]
    Everything,
    /// What has changed since the last pull of everything.
    Changes,
}

impl Scope {
    fn is_everything(&self) -> bool {
        *self == Scope::Everything
    }
}

/// A pull of a district.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The district.
    pub district: DistrictId,
    /// The run that it is: the same one however often it is asked for.
    pub run: RunId,
    /// For when it was ordered.
    pub at: Timestamp,
    /// How much was ordered. An invocation that goes on with a pull reads that from the pull's
    /// state.
    pub scope: Scope,
}

/// Why an event asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// It is no event that this function knows.
    #[error("it is not an event of this function")]
    Unknown,
}

/// What a schedule sends, or a person who wants a pull now. `at` makes the same order, delivered
/// twice, the same run.
#[derive(Deserialize)]
struct Order {
    district: DistrictId,
    at: Timestamp,
    #[serde(default)]
    only: Scope,
}

/// What the door of notices sends.
#[derive(Deserialize)]
struct Confirm {
    district: Box<str>,
}

#[derive(Deserialize)]
struct Resumed {
    district: DistrictId,
    run: RunId,
}

/// The payload by which a schedule makes a pull go on.
pub fn resume(named: &Named) -> String {
    json!({ "resume": { "district": named.district, "run": named.run } }).to_string()
}

/// What a schedule puts in the place of this: the time for which it was due, however late it
/// invokes.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// An order before its time is known.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Scheduled {
    district: DistrictId,
    at: String,
    #[serde(default, skip_serializing_if = "Scope::is_everything")]
    only: Scope,
}

/// The payload by which a schedule orders pulls.
pub fn order(district: &DistrictId, scope: Scope) -> String {
    json!(Scheduled { district: district.clone(), at: SCHEDULED_TIME.into(), only: scope })
        .to_string()
}

/// The district that a schedule's payload orders to be pulled, and how much of it; none: it orders
/// something else.
pub(crate) fn ordered(payload: &str) -> Option<(DistrictId, Scope)> {
    let Scheduled { district, at, only } = serde_json::from_str(payload).ok()?;
    (at == SCHEDULED_TIME).then_some((district, only))
}

/// What an event asks for.
pub fn request(event: &Value) -> Result<Request, Skipped> {
    if let Some(look) = event.get("look").and_then(Value::as_str) {
        let source = [Clever::SOURCE, ClassLink::SOURCE].into_iter().find(|name| *name == look);
        return match source {
            Some(source) => Ok(Request::Look(Which::Source(source))),
            None if look == "all" => Ok(Request::Look(Which::All)),
            None => Err(Skipped::Unknown),
        };
    }
    if let Some(notice) = event.get("confirm") {
        let Confirm { district } = Confirm::deserialize(notice).map_err(|_| Skipped::Unknown)?;
        return if district.is_empty() {
            Err(Skipped::Unknown)
        } else {
            Ok(Request::Look(Which::AtClever(district)))
        };
    }
    let named = match event.get("resume") {
        Some(resumed) => {
            let Resumed { district, run } =
                Resumed::deserialize(resumed).map_err(|_| Skipped::Unknown)?;
            let at = keys::time_of(&run).ok_or(Skipped::Unknown)?;
            Named { district, run, at, scope: Scope::default() }
        }
        None => {
            let Order { district, at, only } =
                Order::deserialize(event).map_err(|_| Skipped::Unknown)?;
            let run = match only {
                Scope::Everything => keys::pull_id(at, &district),
                Scope::Changes => keys::changes_id(at, &district),
            };
            Named { run, district, at, scope: only }
        }
    };
    if DistrictId::is_valid(named.district.as_str()) {
        Ok(Request::Pull(named))
    } else {
        Err(Skipped::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_the_same_run_every_time_and_goes_on_as_the_same() {
        let named_by = |event: &Value| match request(event) {
            Ok(Request::Pull(named)) => named,
            other => panic!("{other:?}"),
        };
        let order = json!({ "district": "oak", "at": "2026-09-15T07:00:00Z" });
        let named = named_by(&order);
        assert_eq!(named_by(&order), named);
        let resumed: Value = serde_json::from_str(&resume(&named)).unwrap();
        assert_eq!(named_by(&resumed), named);
        let next = named_by(&json!({ "district": "oak", "at": "2026-09-16T07:00:00Z" }));
        assert!(named.run < next.run);
        assert_ne!(
            named.run,
            named_by(&json!({ "district": "elm", "at": "2026-09-15T07:00:00Z" })).run
        );
        let changes = named_by(
            &json!({ "district": "oak", "at": "2026-09-15T07:00:00Z", "only": "changes" }),
        );
        assert_eq!(changes.scope, Scope::Changes);
        assert_ne!(changes.run, named.run, "a night's pull is never taken for one of changes");
    }

    #[test]
    fn a_notice_is_confirmed_by_a_look_for_its_district() {
        let notice = json!({ "confirm": { "district": "5b2ad81a709e300001e2cd7a" } });
        assert_eq!(
            request(&notice),
            Ok(Request::Look(Which::AtClever("5b2ad81a709e300001e2cd7a".into())))
        );
        assert_eq!(
            request(&json!({ "look": "clever" })),
            Ok(Request::Look(Which::Source("clever")))
        );
        assert_eq!(
            request(&json!({ "look": "classlink" })),
            Ok(Request::Look(Which::Source("classlink")))
        );
        assert_eq!(request(&json!({ "look": "all" })), Ok(Request::Look(Which::All)));
    }

    #[test]
    fn what_is_no_order_is_skipped() {
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
