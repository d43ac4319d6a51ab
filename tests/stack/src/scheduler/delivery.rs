//! The delivery of a schedule's event: retried while the target rejects it, and finally put into
//! the dead-letter queue.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Maximum delay between two attempts, in seconds.
const LONGEST_WAIT: i64 = 600;

/// An invocation to make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Delivery {
    pub(super) schedule_arn: String,
    pub(super) target: String,
    /// The input, with the service's placeholders.
    pub(super) input: String,
    pub(super) execution: String,
    /// The time at which it was due.
    pub(super) scheduled: Timestamp,
    pub(super) begun: Timestamp,
    /// The time of the next attempt.
    pub(super) next: Timestamp,
    /// Number of failed attempts.
    pub(super) tries: u32,
    pub(super) policy: Policy,
}

/// The retry policy and the dead-letter queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) retries: u32,
    /// Maximum age of the event in seconds.
    pub(super) age: i64,
    pub(super) queue: Option<String>,
}

impl Policy {
    /// Reads a target's policy. The error describes what is wrong.
    pub(super) fn of(target: Option<&Value>) -> Result<Self, String> {
        let target = target.unwrap_or(&Value::Null);
        let number =
            |name: &str, default: i64, from: i64, to: i64| match &target["RetryPolicy"][name] {
                Value::Null => Ok(default),
                given => given
                    .as_i64()
                    .filter(|n| (from..=to).contains(n))
                    .ok_or_else(|| format!("{name} must be {from} to {to}")),
            };
        let queue = match &target["DeadLetterConfig"]["Arn"] {
            Value::Null => None,
            Value::String(arn) if arn.starts_with("arn:") && arn.contains(":sqs:") => {
                Some(arn.clone())
            }
            _ => return Err("DeadLetterConfig.Arn must be the ARN of a queue".into()),
        };
        let retries = number("MaximumRetryAttempts", 185, 0, 185)?;
        Ok(Self {
            retries: u32::try_from(retries).unwrap_or_default(),
            age: number("MaximumEventAgeInSeconds", 86_400, 60, 86_400)?,
            queue,
        })
    }
}

/// A message in a dead-letter queue: an event that could not be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The ARN of the queue.
    pub queue: String,
    /// The event.
    pub body: Value,
    /// The attributes that the service adds to the message.
    pub attributes: Value,
}

/// What happens to a delivery that its target rejected.
pub(super) enum Rejected {
    /// It is retried.
    Retry(Delivery),
    /// It is put into its dead-letter queue.
    Dead(DeadLetter),
    /// It is dropped, because there is no dead-letter queue.
    Dropped,
}

impl Delivery {
    /// The event of this attempt, with the placeholders filled in.
    pub(super) fn payload(&self) -> Value {
        let input = self
            .input
            .replace("<aws.scheduler.schedule-arn>", &self.schedule_arn)
            .replace(
                "<aws.scheduler.scheduled-time>",
                &self.scheduled.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            )
            .replace("<aws.scheduler.execution-id>", &self.execution)
            .replace("<aws.scheduler.attempt-number>", &(self.tries + 1).to_string());
        serde_json::from_str(&input).unwrap_or(Value::String(input))
    }

    /// Decides what happens after a rejected attempt.
    pub(super) fn rejected(mut self, now: Timestamp) -> Rejected {
        let body = self.payload();
        let wait = SignedDuration::from_secs((1i64 << self.tries.min(20)).min(LONGEST_WAIT));
        let next = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let exhausted = if self.tries >= self.policy.retries {
            "MaximumRetryAttempts"
        } else if next.duration_since(self.begun).as_secs() > self.policy.age {
            "MaximumEventAgeInSeconds"
        } else {
            (self.next, self.tries) = (next, self.tries + 1);
            return Rejected::Retry(self);
        };
        let Some(queue) = self.policy.queue else { return Rejected::Dropped };
        let attributes = json!({
            "ERROR_CODE": "ResourceNotFoundException", "ERROR_MESSAGE": "Function not found",
            "EXHAUSTED_RETRY_CONDITION": exhausted,
            "EXECUTION_ID": self.execution, "RETRY_ATTEMPTS": self.tries.to_string(),
            "IS_PAYLOAD_TRUNCATED": "false",
            "SCHEDULE_ARN": self.schedule_arn, "TARGET_ARN": self.target,
            "SCHEDULED_TIME": self.scheduled.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        Rejected::Dead(DeadLetter { queue, body, attributes })
    }
}
