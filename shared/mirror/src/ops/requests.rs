//! Requests to reconcile: objects that roster-api or an operator writes, and whose event starts
//! reconcile.
//!
//! A request is an object instead of an invocation, because the object stays on record, its event
//! is retried, and writing it needs no other permission. Its name is a ULID. For an undo or a
//! restore it is also the id of the new run, so an event that is delivered twice leads to one run.

use jiff::civil::Date;
use roster::id::{DistrictId, RunId};
use roster::run::{Command, Decided};
use serde::{Deserialize, Serialize};

use crate::MirrorError;
use crate::files::snapshot::put_json;
use crate::keys;
use crate::ports::objects::{ReadObjects, WriteObjects};

/// A request of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A decision about a held run (R-H2).
    Decide(Decide),
    /// Undoes a run (R-H4).
    Undo(RunCommand),
    /// Restores the snapshot of a run (R-H4).
    Restore(RunCommand),
}

/// A decision about a held run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decide {
    /// The run.
    pub run: RunId,
    /// The hash of the plan that the person has seen ([`crate::ports::runs::PlanRef::hash`]).
    pub plan: String,
    /// The decision, with its author and reason.
    #[serde(flatten)]
    pub decided: Decided,
}

/// A command about an earlier run: undo or restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCommand {
    /// The earlier run.
    pub run: RunId,
    /// The name under which the operator signs in.
    pub by: String,
    /// The reason, in the operator's words.
    pub reason: String,
    /// The day that dates are evaluated for, for replays. If `None`, the day of the request in the
    /// time zone of the district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<Date>,
}

impl RunCommand {
    /// Returns the command in the form of a run's record.
    pub fn for_record(&self) -> Command {
        Command { of: self.run.clone(), by: self.by.clone(), reason: self.reason.clone() }
    }
}

impl Request {
    /// Returns true if the request names a run, an author and a reason, and a decision a plan.
    pub fn is_complete(&self) -> bool {
        let (run, by, reason) = match self {
            Self::Decide(Decide { plan, .. }) if plan.is_empty() => return false,
            Self::Decide(Decide { run, decided, .. }) => (run, &decided.by, &decided.reason),
            Self::Undo(command) | Self::Restore(command) => {
                (&command.run, &command.by, &command.reason)
            }
        };
        keys::is_ulid(run.as_str()) && !by.trim().is_empty() && !reason.trim().is_empty()
    }
}

/// The result of reading a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredRequest {
    /// The request.
    Readable(Request),
    /// The object is not a request, or lacks a run, an author or a reason. Reading it again does
    /// not help.
    Unreadable,
    /// The object does not exist.
    Missing,
}

/// Stores a request under a ULID of the present time. Idempotent for the same id.
pub async fn put(
    objects: &impl WriteObjects,
    district: &DistrictId,
    id: &RunId,
    request: &Request,
) -> Result<(), MirrorError> {
    if !request.is_complete() || !keys::is_ulid(id.as_str()) {
        return Err(MirrorError::corrupt("a request", "it lacks a run, a name or a reason"));
    }
    put_json(objects, &keys::request(district, id), request, "a request").await
}

/// Reads a request.
pub async fn read(
    objects: &impl ReadObjects,
    district: &DistrictId,
    id: &RunId,
) -> Result<StoredRequest, MirrorError> {
    let Some(body) = objects.get(&keys::request(district, id)).await? else {
        return Ok(StoredRequest::Missing);
    };
    let request: Option<Request> = serde_json::from_slice(&body).ok();
    Ok(request
        .filter(Request::is_complete)
        .map_or(StoredRequest::Unreadable, StoredRequest::Readable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::MemoryObjects;
    use roster::run::Decision;

    #[tokio::test]
    async fn a_stored_request_is_read_back_and_other_objects_are_unreadable() {
        let (bucket, oak) = (MemoryObjects::default(), DistrictId::new("oak"));
        let id = keys::ulid(jiff::Timestamp::UNIX_EPOCH, 7);
        let run = RunId::from("01HZ0000000000000000000000");
        let command = RunCommand {
            run: run.clone(),
            by: "kim".into(),
            reason: "two schools were missing".into(),
            today: None,
        };
        let decided =
            Decided { decision: Decision::Approve, by: "kim".into(), reason: "seen".into() };
        for request in [
            Request::Undo(command.clone()),
            Request::Restore(RunCommand {
                today: Some(jiff::civil::date(2026, 9, 1)),
                ..command.clone()
            }),
            Request::Decide(Decide { run, plan: "00ff".into(), decided }),
        ] {
            put(&bucket, &oak, &id, &request).await.unwrap();
            assert_eq!(read(&bucket, &oak, &id).await.unwrap(), StoredRequest::Readable(request));
        }
        let written = String::from_utf8(bucket.body(&keys::request(&oak, &id)).unwrap()).unwrap();
        assert!(
            written.starts_with(
                r#"{"decide":{"run":"01HZ0000000000000000000000","plan":"00ff","decision":"approve","by":"kim""#
            ),
            "{written}"
        );

        let anonymous = Request::Undo(RunCommand { by: " ".into(), ..command.clone() });
        assert!(put(&bucket, &oak, &id, &anonymous).await.is_err());
        for body in [
            &b"{}"[..],
            b"",
            b"[1]",
            br#"{"undo":{"run":"../x","by":"a","reason":"b"}}"#,
            br#"{"erase":{}}"#,
        ] {
            bucket.upload(&keys::request(&oak, &id), body, None);
            assert_eq!(read(&bucket, &oak, &id).await.unwrap(), StoredRequest::Unreadable);
        }
        bucket.remove(&keys::request(&oak, &id));
        assert_eq!(read(&bucket, &oak, &id).await.unwrap(), StoredRequest::Missing);
    }
}
