//! Idempotency records: requests with an `Idempotency-Key` take effect once, however often they are
//! sent.
//!
//! The first request with a key stores a record before it changes anything, and adds its answer at
//! the end. A record expires after a day. Because an answer may contain personal data, the record
//! is stored with the items of its district and erased with them.

use std::future::Future;

use jiff::Timestamp;
use roster::id::DistrictId;
use roster::personal::Personal;
use serde::{Deserialize, Serialize};

use crate::MirrorError;

/// Prefix of the sort keys of idempotency records.
pub const ONCE: &str = "ONCE#";

/// The lifetime of a record in seconds.
pub(crate) const ANSWER_LIFETIME_SECONDS: i64 = 24 * 3600;

/// A request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest<'a> {
    /// A hash of the caller and the idempotency key.
    pub name: &'a str,
    /// A hash of method, path and body.
    pub request: &'a str,
    /// A new id for the resource that the request creates. A process that continues the request of
    /// another process uses the id of that one.
    pub fresh: &'a str,
    /// The present time.
    pub now: Timestamp,
    /// Until when no other process may continue the request.
    pub until: Timestamp,
}

/// The stored answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The version of the created resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The location of the created resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Personal>,
    /// The JSON body.
    pub body: Personal,
}

/// The result of claiming a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The caller must process the request, with this id.
    Ours {
        /// The id for the resource that the request creates.
        fresh: String,
    },
    /// The request was already answered.
    Answered(Answer),
    /// Another process is processing the request.
    AtWork,
    /// The key was used for a different request.
    AnotherRequest,
}

/// The stored form of an idempotency record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Once {
    pub(crate) request: String,
    pub(crate) fresh: String,
    pub(crate) until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answer>,
}

impl Once {
    pub(crate) fn of(request: &IdempotentRequest<'_>) -> Self {
        Self {
            request: request.request.into(),
            fresh: request.fresh.into(),
            until: request.until,
            answer: None,
        }
    }

    /// Returns the result for a request with the same key, or `None` if the caller may take the
    /// request over.
    pub(crate) fn result_for(&self, request: &IdempotentRequest<'_>) -> Option<Begun> {
        if self.request != request.request {
            return Some(Begun::AnotherRequest);
        }
        match &self.answer {
            Some(answer) => Some(Begun::Answered(answer.clone())),
            None if self.until >= request.now => Some(Begun::AtWork),
            None => None,
        }
    }
}

/// Stores idempotency records.
pub trait IdempotencyRecords: Clone + Send + Sync + 'static {
    /// Claims a request for the caller, unless it is already being processed or answered.
    fn claim(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
    ) -> impl Future<Output = Result<Begun, MirrorError>> + Send;
    /// Stores the answer to a request.
    fn finish(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
        answer: Answer,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
    /// Deletes the record of a request that had no effect and may be sent again.
    fn forget(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}
