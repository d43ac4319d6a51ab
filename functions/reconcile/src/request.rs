//! Decodes events into requests.

use mirror::keys;
use roster::id::{DistrictId, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Process a run: its snapshot is complete, or it is to be continued.
    Run(RunRef),
    /// Execute the request object of this district and id: a decision, an undo or a restore
    /// ([`mirror::ops::requests`]).
    Stored(RunRef),
}

/// Names a run of a district.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRef {
    /// The district.
    pub district: DistrictId,
    /// The run.
    pub run: RunId,
}

/// Why an event, or a record of it, is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// The function does not know the event.
    #[error("it is not an event of this function")]
    Unknown,
    /// The object is neither a manifest of a snapshot nor a request.
    #[error("the object is neither a manifest of a snapshot nor a request")]
    Unrelated,
}

/// Returns the payload of a schedule that continues a run.
pub fn resume(run_ref: &RunRef) -> String {
    serde_json::json!({ "resume": run_ref }).to_string()
}

/// Returns the requests of an event, one for each record of an S3 notification.
pub fn requests(event: &Value) -> Vec<Result<Request, Skipped>> {
    if let Some(run_ref) = event.get("resume") {
        return vec![
            parsed::<RunRef>(run_ref)
                .filter(RunRef::is_valid)
                .map(Request::Run)
                .ok_or(Skipped::Unknown),
        ];
    }
    match event.get("Records").and_then(Value::as_array) {
        Some(records) => records.iter().map(object).collect(),
        None => vec![Err(Skipped::Unknown)],
    }
}

impl RunRef {
    fn is_valid(&self) -> bool {
        DistrictId::is_valid(self.district.as_str()) && DistrictId::is_valid(self.run.as_str())
    }
}

fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

fn object(record: &Value) -> Result<Request, Skipped> {
    // S3 form-encodes keys. Of the characters in our keys, only some emulators encode the slash.
    let key = record
        .pointer("/s3/object/key")
        .and_then(Value::as_str)
        .ok_or(Skipped::Unknown)?
        .replace("%2F", "/");
    if let Some((district, run)) = keys::parse_manifest(&key) {
        return Ok(Request::Run(RunRef { district, run }));
    }
    let (district, run) = keys::parse_request(&key).ok_or(Skipped::Unrelated)?;
    Ok(Request::Stored(RunRef { district, run }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn known_events_are_decoded_and_others_are_skipped() {
        let run_ref = RunRef { district: "oak".into(), run: "01HZ0000000000000000000000".into() };
        let payload: Value = serde_json::from_str(&resume(&run_ref)).unwrap();
        assert_eq!(requests(&payload), [Ok(Request::Run(run_ref.clone()))]);

        assert_eq!(
            requests(&json!({ "Service": "Amazon S3", "Event": "s3:TestEvent" })),
            [Err(Skipped::Unknown)]
        );
        // A decision is a request object, never an event of its own.
        let decide = json!({ "decide": {
            "district": "oak", "run": run_ref.run, "decision": "approve", "by": "kim",
            "reason": "seen",
        } });
        assert_eq!(requests(&decide), [Err(Skipped::Unknown)]);
        let records = json!({ "Records": [
            { "s3": { "object": {
                "key": "snapshots/oak/01HZ0000000000000000000000/class.ndjson.zst",
            } } },
            {},
            { "s3": { "object": { "key": "requests/oak/01HZ0000000000000000000000.json" } } } ] });
        let stored = RunRef { district: "oak".into(), run: "01HZ0000000000000000000000".into() };
        assert_eq!(
            requests(&records),
            [Err(Skipped::Unrelated), Err(Skipped::Unknown), Ok(Request::Stored(stored))]
        );
    }
}
