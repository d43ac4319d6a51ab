//! What a schedule sends: tried again while its target does not take it, and put into a failure
//! queue at the end.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest wait between two tries.
const LONGEST_WAIT: i64 = 600;

/// One invocation that is to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Delivery {
    pub(super) schedule_arn: String,
    pub(super) target: String,
    /// What is sent, with the service's placeholders in it.
    pub(super) input: String,
    pub(super) execution: String,
    /// The time for which it is.
    pub(super) scheduled: Timestamp,
    pub(super) begun: Timestamp,
    /// When it is tried next.
    pub(super) next: Timestamp,
    /// How often it was tried.
    pub(super) tries: u32,
    pub(super) policy: Policy,
}

/// How long and how often it is tried, and where it goes then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) retries: u32,
    /// Seconds.
    pub(super) age: i64,
    pub(super) queue: Option<String>,
}

impl Policy {
    /// Reads a target's policy; the error says what is wrong with it.
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

/// An event that could not be delivered, as it lies in its failure queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// ARN of the queue.
    pub queue: String,
    /// What was to be delivered.
    pub body: Value,
    /// The attributes that the service gives the message.
    pub attributes: Value,
}

/// What becomes of a delivery that its target did not take.
pub(super) enum Refused {
    /// It is tried again.
    Again(Delivery),
    /// It goes into its failure queue.
    Dead(DeadLetter),
    /// There is no failure queue: nobody hears of it.
    Dropped,
}

impl Delivery {
    /// What is sent this time.
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

    /// After a try that failed.
    pub(super) fn refused(mut self, now: Timestamp) -> Refused {
        let body = self.payload();
        let wait = SignedDuration::from_secs((1i64 << self.tries.min(20)).min(LONGEST_WAIT));
        let next = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let exhausted = if self.tries >= self.policy.retries {
            "MaximumRetryAttempts"
        } else if next.duration_since(self.begun).as_secs() > self.policy.age {
            "MaximumEventAgeInSeconds"
        } else {
            (self.next, self.tries) = (next, self.tries + 1);
            return Refused::Again(self);
        };
        let Some(queue) = self.policy.queue else { return Refused::Dropped };
        let attributes = json!({
            "ERROR_CODE": "ResourceNotFoundException", "ERROR_MESSAGE": "Function not found",
            "EXHAUSTED_RETRY_CONDITION": exhausted,
            "EXECUTION_ID": self.execution, "RETRY_ATTEMPTS": self.tries.to_string(),
            "IS_PAYLOAD_TRUNCATED": "false",
            "SCHEDULE_ARN": self.schedule_arn, "TARGET_ARN": self.target,
            "SCHEDULED_TIME": self.scheduled.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        Refused::Dead(DeadLetter { queue, body, attributes })
    }
}
