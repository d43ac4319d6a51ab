//! IdempotencyRecords to requests that must have their effect once, however often they come
//! (`Idempotency-Key`).
//!
//! The first request with a key puts an item down before it does anything; the answer is added when
//! it is done. An item lives for a day. It may hold what the answer told, so it lies among the
//! items of its district and goes with them.

use std::future::Future;

use jiff::Timestamp;
use roster::id::DistrictId;
use roster::personal::Personal;
use serde::{Deserialize, Serialize};

use crate::MirrorError;

/// Beginning of the sort keys of answers.
pub const ONCE: &str = "ONCE#";

/// Seconds that an answer is kept.
pub(crate) const ANSWER_LIFETIME_SECONDS: i64 = 24 * 3600;

/// Which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// A hash of who asks and of the key they gave.
    pub name: &'a str,
    /// A hash of what they ask.
    pub request: &'a str,
    /// A new id, for what the request makes. Who goes on with a request that another process began
    /// uses the id of that one.
    pub fresh: &'a str,
    /// Now.
    pub now: Timestamp,
    /// Until when nobody else goes on with it.
    pub until: Timestamp,
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The version of what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where what was made is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Personal>,
    /// The JSON that was sent.
    pub body: Personal,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing, or nobody is at work on it any more: do it, under this id.
    Ours {
        /// The id for what it makes.
        fresh: String,
    },
    /// It was answered.
    Answered(Answer),
    /// Somebody is at work on it.
    AtWork,
    /// The key was given to another request.
    AnotherRequest,
}

/// An item of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Once {
    pub(crate) request: String,
    pub(crate) fresh: String,
    pub(crate) until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answer>,
}

impl Once {
    pub(crate) fn of(asked: &Asked<'_>) -> Self {
        Self {
            request: asked.request.into(),
            fresh: asked.fresh.into(),
            until: asked.until,
            answer: None,
        }
    }

    /// What it means to somebody who asks now; none: nobody is at work on it, so it may be taken
    /// over.
    pub(crate) fn says(&self, asked: &Asked<'_>) -> Option<Begun> {
        if self.request != asked.request {
            return Some(Begun::AnotherRequest);
        }
        match &self.answer {
            Some(answer) => Some(Begun::Answered(answer.clone())),
            None if self.until >= asked.now => Some(Begun::AtWork),
            None => None,
        }
    }
}

/// Keeping answers.
pub trait IdempotencyRecords: Clone + Send + Sync + 'static {
    /// Notes that a request is being done, unless it is known.
    fn claim(
        &self,
        district: &DistrictId,
        asked: Asked<'_>,
    ) -> impl Future<Output = Result<Begun, MirrorError>> + Send;
    /// Keeps its answer.
    fn finish(
        &self,
        district: &DistrictId,
        asked: Asked<'_>,
        answer: Answer,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
    /// Forgets it: it had no effect, and may be sent again.
    fn forget(
        &self,
        district: &DistrictId,
        asked: Asked<'_>,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}
