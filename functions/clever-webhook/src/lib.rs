//! The endpoint for webhook events that a district shares data, or shares other data.
//!
//! A webhook event only shortens the wait until the next discovery poll. Clever's token list is the
//! authority on connected districts; the event is a hint to read it. So only the district's id is
//! read from the event, and its only effect is one invocation of nightly-pull. All events about one
//! district within a minute lead to one invocation. An event is accepted if it has a recent, valid
//! signature and was not accepted before.

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
use mirror::ports::secrets::{SecretCache, Secrets};
use mirror::ports::webhook_events::WebhookEvents;
use serde_json::json;
use tracing::{error, info};

pub use config::{Config, Encoding, Signing, Time};
pub use hint::LONGEST_BODY;

use hint::CleverDistrict;
use signature::{Claimed, Keys, Rejection};

/// How long an event without a time is remembered: nothing else prevents its replay.
const UNTIMED: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a process caches the signing keys.
pub const KEYS_CACHED: Duration = Duration::from_secs(300);

/// The services that the endpoint uses: one type parameter for all of them.
pub trait Services {
    /// The signing keys.
    type Secrets: Secrets;
    /// The events that were accepted before.
    type Events: WebhookEvents;
    /// The schedule group.
    type Schedules: OneTimeSchedules;
}

/// The webhook endpoint.
pub struct Endpoint<S: Services> {
    /// The configuration.
    pub config: Config,
    /// The signing keys.
    pub secrets: SecretCache<S::Secrets>,
    /// The events that were accepted before.
    pub events: S::Events,
    /// One-time schedules.
    pub schedules: S::Schedules,
    /// The clock.
    pub clock: Clock,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// A discovery poll is scheduled.
    Accepted,
    /// The method is not POST.
    Method,
    /// The body is too long.
    TooLarge,
    /// The signature or its time is missing or invalid.
    Rejected(Rejection),
    /// The signature is valid, but the body names no district.
    NoHint,
    /// The event was accepted before.
    Repeated,
    /// The limit of events per minute is reached.
    TooMany,
    /// No keys are configured, so no signature can be verified.
    NoKeys,
    /// A service failed.
    Failed,
}

impl Outcome {
    fn status(self) -> StatusCode {
        match self {
            Outcome::Accepted => StatusCode::ACCEPTED,
            Outcome::Method => StatusCode::METHOD_NOT_ALLOWED,
            Outcome::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Outcome::Rejected(_) => StatusCode::UNAUTHORIZED,
            Outcome::NoHint => StatusCode::BAD_REQUEST,
            Outcome::Repeated => StatusCode::CONFLICT,
            Outcome::TooMany | Outcome::NoKeys | Outcome::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns the outcome's name in the log.
    fn name(self) -> &'static str {
        match self {
            Outcome::Accepted => "taken",
            Outcome::Method => "method",
            Outcome::TooLarge => "too_large",
            Outcome::Rejected(rejection) => rejection.name(),
            Outcome::NoHint => "no_hint",
            Outcome::Repeated => "repeated",
            Outcome::TooMany => "too_many",
            Outcome::NoKeys => "no_keys",
            Outcome::Failed => "failed",
        }
    }

    /// Returns the response. It has a status and no body, so that it reveals nothing to strangers.
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

impl<S: Services> Endpoint<S> {
    /// Answers a request and logs the outcome. Of the request's content, only the district's id of
    /// an event with a valid signature is logged.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let outcome = match self.process(&request).await {
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

    async fn process(
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
            Err(rejection) => return Ok((Outcome::Rejected(rejection), None)),
        };
        let Some(secret) = self.secrets.secret(&self.config.keys).await? else {
            return Ok((Outcome::NoKeys, None));
        };
        if !claimed.matches(&Keys::read(&secret)?, body) {
            return Ok((Outcome::Rejected(Rejection::Forged), None));
        }
        let Some(district) = CleverDistrict::of(body) else { return Ok((Outcome::NoHint, None)) };
        let outcome = self.accept(&claimed.digest(body), &district, now).await?;
        Ok((outcome, Some(district)))
    }

    /// Schedules a discovery poll for the district.
    ///
    /// The schedule is created first and the event recorded last. If the function fails in between,
    /// the sender's retry is therefore not rejected as a repetition, and the schedule's name makes
    /// it one poll.
    async fn accept(
        &self,
        digest: &str,
        district: &CleverDistrict,
        now: Timestamp,
    ) -> Result<Outcome, MirrorError> {
        if self.events.is_recorded(digest).await? {
            return Ok(Outcome::Repeated);
        }
        let minute = (now.as_second() / 60).to_string();
        if self.events.count(&minute, now + Duration::from_secs(3600)).await?
            > self.config.most_per_minute
        {
            return Ok(Outcome::TooMany);
        }
        let (function, at) = (&self.config.pull_function_arn, now + self.config.delay);
        let payload = json!({ "confirm": { "district": district.as_str() } }).to_string();
        // If the schedule exists, its poll is still to come or running. A change that it just
        // misses is found by the hourly poll.
        let _ = self
            .schedules
            .schedule_once(function, &format!("clever-notice-{}", district.as_str()), at, &payload)
            .await?;
        let remembered = match self.config.signing.time {
            Time::Unsigned => UNTIMED,
            // The time may be ahead by the tolerance, and is valid for as long after it.
            _ => self.config.signing.tolerance * 2 + Duration::from_secs(60),
        };
        let _ = self.events.record(digest, now + remembered).await?;
        Ok(Outcome::Accepted)
    }
}
