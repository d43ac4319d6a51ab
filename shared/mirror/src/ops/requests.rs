//! What a person asks reconcile to do: an object that roster-api puts, and whose event starts
//! reconcile.
//!
//! An object rather than an invocation: it stays on record, its event is tried again, and it needs
//! no right but that to put it. Its name is a ULID, and the id of the run that comes of it, so that
//! an event that comes twice is one run.

use jiff::civil::Date;
use roster::id::{DistrictId, RunId};
use roster::run::{Command, Decided};
use serde::{Deserialize, Serialize};

use crate::MirrorError;
use crate::files::snapshot::put_json;
use crate::keys;
use crate::ports::objects::{ReadObjects, WriteObjects};

/// One thing that a person asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A decision about a held run (R-H2).
    Decide(Decide),
    /// Takes a run back (R-H4).
    Undo(Order),
    /// Goes back to the snapshot of a run (R-H4).
    Restore(Order),
}

/// A decision about a held run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decide {
    /// The run.
    pub run: RunId,
    /// What was decided, by whom and why.
    #[serde(flatten)]
    pub decided: Decided,
}

/// An order about an earlier run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The earlier run.
    pub run: RunId,
    /// Who: the name under which the person signs in.
    pub by: String,
    /// Why, in the person's words.
    pub reason: String,
    /// The day for which dates are to be read, for replays; else the day of the request where the
    /// district is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<Date>,
}

impl Order {
    /// As a run's record keeps it.
    pub fn command(&self) -> Command {
        Command { of: self.run.clone(), by: self.by.clone(), reason: self.reason.clone() }
    }
}

impl Request {
    /// Whether it names a run, a person and a reason.
    pub fn is_complete(&self) -> bool {
        let (run, by, reason) = match self {
            Self::Decide(Decide { run, decided }) => (run, &decided.by, &decided.reason),
            Self::Undo(order) | Self::Restore(order) => (&order.run, &order.by, &order.reason),
        };
        keys::is_ulid(run.as_str()) && !by.trim().is_empty() && !reason.trim().is_empty()
    }
}

/// A request as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It says this.
    Request(Request),
    /// It is no request, or lacks a run, a name or a reason: whoever reads it again will read the
    /// same.
    Unreadable,
    /// There is none.
    Missing,
}

/// Puts a request under a ULID ([`keys::ulid`]) of now. Put again, it is the same request.
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
) -> Result<Asked, MirrorError> {
    let Some(body) = objects.get(&keys::request(district, id)).await? else {
        return Ok(Asked::Missing);
    };
    let request: Option<Request> = serde_json::from_slice(&body).ok();
    Ok(request.filter(Request::is_complete).map_or(Asked::Unreadable, Asked::Request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::MemoryObjects;
    use roster::run::Decision;

    #[tokio::test]
    async fn a_request_is_read_as_it_was_put_and_anything_else_is_none() {
        let (bucket, oak) = (MemoryObjects::default(), DistrictId::new("oak"));
        let id = keys::ulid(jiff::Timestamp::UNIX_EPOCH, 7);
        let run = RunId::from("01HZ0000000000000000000000");
        let order = Order {
            run: run.clone(),
            by: "kim".into(),
            reason: "two schools were missing".into(),
            today: None,
        };
        let decided =
            Decided { decision: Decision::Approve, by: "kim".into(), reason: "seen".into() };
        for request in [
            Request::Undo(order.clone()),
            Request::Restore(Order { today: Some(jiff::civil::date(2026, 9, 1)), ..order.clone() }),
            Request::Decide(Decide { run, decided }),
        ] {
            put(&bucket, &oak, &id, &request).await.unwrap();
            assert_eq!(read(&bucket, &oak, &id).await.unwrap(), Asked::Request(request));
        }
        let written = String::from_utf8(bucket.body(&keys::request(&oak, &id)).unwrap()).unwrap();
        assert!(
            written.starts_with(
                r#"{"decide":{"run":"01HZ0000000000000000000000","decision":"approve","by":"kim""#
            ),
            "{written}"
        );

        let nobody = Request::Undo(Order { by: " ".into(), ..order.clone() });
        assert!(put(&bucket, &oak, &id, &nobody).await.is_err());
        for body in [
            &b"{}"[..],
            b"",
            b"[1]",
            br#"{"undo":{"run":"../x","by":"a","reason":"b"}}"#,
            br#"{"erase":{}}"#,
        ] {
            bucket.upload(&keys::request(&oak, &id), body, None);
            assert_eq!(read(&bucket, &oak, &id).await.unwrap(), Asked::Unreadable);
        }
        bucket.remove(&keys::request(&oak, &id));
        assert_eq!(read(&bucket, &oak, &id).await.unwrap(), Asked::Missing);
    }
}
