//! The door at which somebody knocks who knows that a district shares data, or shares other data.
//!
//! A notice shortens a wait and does nothing else: it is only a hint to ask Clever, whose token
//! list is the authority on who is connected. So nothing but the district's id is read from it, and
//! what it leads to is one invocation of nightly-pull, which asks. Whatever many notices say of one
//! district within a minute leads to one question. A notice is believed if somebody who has a key
//! signed it a moment ago and it did not come before.

mod config;
mod hint;
mod signature;

use std::time::Duration;

use jiff::Timestamp;
use lambda_http::http::{Method, StatusCode, header};
use lambda_http::{Body, Request, Response};
use mirror::MirrorError;
use mirror::clock::Clock;
use mirror::error::chain;
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::secrets::Secrets;
use mirror::ports::webhook_events::WebhookEvents;
use serde_json::json;
use tracing::{error, info};

pub use config::{Config, Encoding, Signing, Time};
pub use hint::LONGEST_BODY;

use hint::CleverDistrict;
use signature::{Claimed, Doubt, Keys};

/// How long a notice without a time is remembered: nothing else keeps it from being taken twice.
const UNTIMED: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a warm process believes the keys that it has read.
pub const KEYS_KEPT: Duration = Duration::from_secs(300);

/// What stands behind the door.
#[derive(Clone, Debug)]
pub struct Door<S, N, L> {
    /// The settings.
    pub config: Config,
    /// Where the keys are.
    pub secrets: S,
    /// What was taken before.
    pub notices: N,
    /// One-time schedules.
    pub schedules: L,
    /// The time.
    pub clock: Clock,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Clever will be asked.
    Taken,
    /// No notice is sent by this method.
    Method,
    /// Longer than any notice.
    TooLarge,
    /// Nobody who has a key has just signed it.
    Doubted(Doubt),
    /// It was signed, and names no district.
    NoHint,
    /// It has come before.
    Repeated,
    /// More notices than are taken in a minute.
    TooMany,
    /// There are no keys, so nobody can be believed.
    NoKeys,
    /// What is behind the door does not answer.
    Failed,
}

impl Outcome {
    fn status(self) -> StatusCode {
        match self {
            Outcome::Taken => StatusCode::ACCEPTED,
            Outcome::Method => StatusCode::METHOD_NOT_ALLOWED,
            Outcome::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Outcome::Doubted(_) => StatusCode::UNAUTHORIZED,
            Outcome::NoHint => StatusCode::BAD_REQUEST,
            Outcome::Repeated => StatusCode::CONFLICT,
            Outcome::TooMany | Outcome::NoKeys | Outcome::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// In the log.
    fn name(self) -> &'static str {
        match self {
            Outcome::Taken => "taken",
            Outcome::Method => "method",
            Outcome::TooLarge => "too_large",
            Outcome::Doubted(doubt) => doubt.name(),
            Outcome::NoHint => "no_hint",
            Outcome::Repeated => "repeated",
            Outcome::TooMany => "too_many",
            Outcome::NoKeys => "no_keys",
            Outcome::Failed => "failed",
        }
    }

    /// The answer. A stranger learns nothing from it but its status.
    fn response(self) -> Response<Body> {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = self.status();
        match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => {
                response
                    .headers_mut()
                    .insert(header::ALLOW, header::HeaderValue::from_static("POST"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, header::HeaderValue::from_static("60"));
            }
            _ => {}
        }
        response
    }
}

impl<S: Secrets, N: WebhookEvents, L: OneTimeSchedules> Door<S, N, L> {
    /// IdempotencyRecords a request, and notes in the log what became of it: never what stood in it, but for
    /// the id of the district of a notice that is believed.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let outcome = match self.judge(&request).await {
            Ok((outcome, district)) => {
                let district = district.as_ref().map(CleverDistrict::as_str);
                info!(
                    outcome = outcome.name(),
                    district,
                    status = outcome.status().as_u16(),
                    "answered"
                );
                outcome
            }
            Err(failure) => {
                error!(
                    error_type = failure.error_type(),
                    error = chain(&failure),
                    "a notification could not be accepted"
                );
                Outcome::Failed
            }
        };
        outcome.response()
    }

    async fn judge(
        &self,
        request: &Request,
    ) -> Result<(Outcome, Option<CleverDistrict>), MirrorError> {
        let body: &[u8] = request.body();
        if request.method() != Method::POST {
            return Ok((Outcome::Method, None));
        }
        if body.len() > LONGEST_BODY {
            return Ok((Outcome::TooLarge, None));
        }
        let now = self.clock.now();
        let claimed = match Claimed::of(request.headers(), &self.config.signing, now) {
            Ok(claimed) => claimed,
            Err(doubt) => return Ok((Outcome::Doubted(doubt), None)),
        };
        let Some(secret) = self.secrets.secret(&self.config.keys).await? else {
            return Ok((Outcome::NoKeys, None));
        };
        if !claimed.is_of(&Keys::read(&secret)?, body) {
            return Ok((Outcome::Doubted(Doubt::Forged), None));
        }
        let Some(district) = CleverDistrict::of(body) else { return Ok((Outcome::NoHint, None)) };
        let outcome = self.take(&claimed.digest(body), &district, now).await?;
        Ok((outcome, Some(district)))
    }

    /// Sees to it that Clever is asked about the district.
    ///
    /// The schedule is made first and the notice remembered last: whoever sends it again because
    /// nobody answered is not told that it came before, and the schedule's name makes both one.
    async fn take(
        &self,
        digest: &str,
        district: &CleverDistrict,
        now: Timestamp,
    ) -> Result<Outcome, MirrorError> {
        if self.notices.is_recorded(digest).await? {
            return Ok(Outcome::Repeated);
        }
        let minute = (now.as_second() / 60).to_string();
        if self.notices.count(&minute, now + Duration::from_secs(3600)).await?
            > self.config.most_per_minute
        {
            return Ok(Outcome::TooMany);
        }
        let (function, at) = (&self.config.pull_function_arn, now + self.config.delay);
        let payload = json!({ "confirm": { "district": district.as_str() } }).to_string();
        // One that is there already asks after this moment too, or is asking now; what it may just
        // miss, the hourly look at the list finds.
        let _ = self
            .schedules
            .schedule_once(function, &format!("clever-notice-{}", district.as_str()), at, &payload)
            .await?;
        let remembered = match self.config.signing.time {
            Time::Nowhere => UNTIMED,
            // A time may lie ahead by the tolerance, and be good for as long again.
            _ => self.config.signing.tolerance * 2 + Duration::from_secs(60),
        };
        let _ = self.notices.record(digest, now + remembered).await?;
        Ok(Outcome::Taken)
    }
}
