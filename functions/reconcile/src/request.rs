//! What an event asks for. Decoding happens here, once.

use mirror::keys;
use roster::id::{DistrictId, RunId};
use roster::run::Decided;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A snapshot is complete, or a run is to go on.
    Run(Named),
    /// A person has decided about a held run (R-H2).
    Decide(Named, Decided),
    /// A person has put a request of this district and id ([`mirror::ops::requests`]).
    Asked(Named),
}

/// A run of a district.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The district.
    pub district: DistrictId,
    /// The run.
    pub run: RunId,
}

/// Why an event, or a record of one, asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// It is no event that this function knows.
    #[error("it is not an event of this function")]
    Unknown,
    /// The object is neither a manifest of a snapshot nor a request.
    #[error("the object is neither a manifest of a snapshot nor a request")]
    Unrelated,
}

#[derive(Deserialize)]
struct DecideEvent {
    #[serde(flatten)]
    named: Named,
    #[serde(flatten)]
    decided: Decided,
}

/// The payload by which a schedule makes a run go on.
pub fn resume(named: &Named) -> String {
    serde_json::json!({ "resume": named }).to_string()
}

/// What an event asks for.
pub fn requests(event: &Value) -> Vec<Result<Request, Skipped>> {
    if let Some(named) = event.get("resume") {
        return vec![
            parsed::<Named>(named)
                .filter(Named::is_valid)
                .map(Request::Run)
                .ok_or(Skipped::Unknown),
        ];
    }
    if let Some(decide) = event.get("decide") {
        let event = parsed::<DecideEvent>(decide).filter(|event| event.named.is_valid());
        return vec![
            event.map(|event| Request::Decide(event.named, event.decided)).ok_or(Skipped::Unknown),
        ];
    }
    match event.get("Records").and_then(Value::as_array) {
        Some(records) => records.iter().map(object).collect(),
        None => vec![Err(Skipped::Unknown)],
    }
}

impl Named {
    fn is_valid(&self) -> bool {
        DistrictId::is_valid(self.district.as_str()) && DistrictId::is_valid(self.run.as_str())
    }
}

fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

fn object(record: &Value) -> Result<Request, Skipped> {
    // The keys of our own objects have nothing in them that form encoding changes, but for the
    // slash of some emulators.
    let key = record
        .pointer("/s3/object/key")
        .and_then(Value::as_str)
        .ok_or(Skipped::Unknown)?
        .replace("%2F", "/");
    if let Some((district, run)) = keys::parse_manifest(&key) {
        return Ok(Request::Run(Named { district, run }));
    }
    let (district, run) = keys::parse_request(&key).ok_or(Skipped::Unrelated)?;
    Ok(Request::Asked(Named { district, run }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use roster::run::Decision;
    use serde_json::json;

    #[test]
    fn events_are_what_they_say_and_the_rest_is_skipped() {
        let named = Named { district: "oak".into(), run: "01HZ0000000000000000000000".into() };
        let payload: Value = serde_json::from_str(&resume(&named)).unwrap();
        assert_eq!(requests(&payload), [Ok(Request::Run(named.clone()))]);

        let decide = json!({ "decide": { "district": "oak", "run": named.run, "decision": "approve_additions", "by": "kim", "reason": "seen" } });
        let decided = Decided {
            decision: Decision::ApproveAdditions,
            by: "kim".into(),
            reason: "seen".into(),
        };
        assert_eq!(requests(&decide), [Ok(Request::Decide(named, decided))]);

        assert_eq!(
            requests(&json!({ "Service": "Amazon S3", "Event": "s3:TestEvent" })),
            [Err(Skipped::Unknown)]
        );
        let nobody =
            json!({ "decide": { "district": "oak", "run": "01HZ", "decision": "approve" } });
        assert_eq!(requests(&nobody), [Err(Skipped::Unknown)]);
        let records = json!({ "Records": [
            { "s3": { "object": { "key": "snapshots/oak/01HZ0000000000000000000000/class.ndjson.zst" } } }, {},
            { "s3": { "object": { "key": "requests/oak/01HZ0000000000000000000000.json" } } } ] });
        let asked = Named { district: "oak".into(), run: "01HZ0000000000000000000000".into() };
        assert_eq!(
            requests(&records),
            [Err(Skipped::Unrelated), Err(Skipped::Unknown), Ok(Request::Asked(asked))]
        );
    }
}
