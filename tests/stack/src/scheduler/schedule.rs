//! A schedule: the request that created it, and when it is due.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::delivery::{Delivery, Policy};
use super::expression::Expression;

/// A schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Schedule {
    pub(super) name: String,
    pub(super) group: String,
    /// The fields of the request that created or changed it. GetSchedule returns them.
    #[serde(rename = "said")]
    pub(super) fields: Map<String, Value>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// The next due time. `None`: it will not be due again.
    pub(super) due: Option<Timestamp>,
    /// Delay in seconds after `due` at which it fires, within its flexible window.
    #[serde(default)]
    pub(super) late: i64,
}

impl Schedule {
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    pub(super) fn enabled(&self) -> bool {
        self.text("State") != Some("DISABLED")
    }

    pub(super) fn expression(&self) -> Result<Expression, String> {
        let zone = self.text("ScheduleExpressionTimezone").unwrap_or("UTC");
        Expression::parse(self.text("ScheduleExpression").unwrap_or_default(), zone)
    }

    pub(super) fn target(&self, field: &str) -> Option<&str> {
        self.fields.get("Target")?.get(field)?.as_str()
    }

    /// When it fires next. `None`: never.
    pub(super) fn fires(&self) -> Option<Timestamp> {
        let due = self.due.filter(|_| self.enabled())?;
        due.checked_add(SignedDuration::from_secs(self.late)).ok()
    }

    /// A field that holds a time, in seconds since 1970.
    fn moment(&self, field: &str) -> Option<Timestamp> {
        let seconds = self.fields.get(field)?.as_f64()?;
        Timestamp::from_second(seconds as i64).ok()
    }

    /// Length of the flexible window in seconds.
    fn window(&self) -> i64 {
        let window =
            self.fields.get("FlexibleTimeWindow").filter(|window| window["Mode"] == "FLEXIBLE");
        window.and_then(|window| window["MaximumWindowInMinutes"].as_i64()).unwrap_or(0) * 60
    }

    /// Validates the request like the service, and sets the first due time.
    pub(super) fn begin(&mut self) -> Result<(), String> {
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
        };
        if !is_name(&self.name) {
            return Err("a name has 1 to 64 letters, digits, -, _ or .".into());
        }
        for field in ["Arn", "RoleArn"] {
            if self.target(field).is_none_or(|arn| !arn.starts_with("arn:")) {
                return Err(format!("Target.{field} must be an ARN"));
            }
        }
        for (field, values) in
            [("State", ["ENABLED", "DISABLED"]), ("ActionAfterCompletion", ["NONE", "DELETE"])]
        {
            if self.text(field).is_some_and(|value| !values.contains(&value)) {
                return Err(format!("{field} must be {} or {}", values[0], values[1]));
            }
        }
        let window = self.fields.get("FlexibleTimeWindow").unwrap_or(&Value::Null);
        let minutes = window["MaximumWindowInMinutes"].as_i64();
        match (window["Mode"].as_str(), minutes) {
            (Some("OFF"), None) => {}
            (Some("FLEXIBLE"), Some(1..=1440)) => {}
            (Some("OFF"), Some(_)) => {
                return Err(
                    "FlexibleTimeWindow.MaximumWindowInMinutes is for the mode FLEXIBLE".into()
                );
            }
            (Some("FLEXIBLE"), _) => {
                return Err("FlexibleTimeWindow.MaximumWindowInMinutes must be 1 to 1440".into());
            }
            _ => return Err("FlexibleTimeWindow.Mode is missing".into()),
        }
        Policy::of(self.fields.get("Target"))?;
        let from = self
            .moment("StartDate")
            .filter(|start| *start > self.modified)
            .unwrap_or(self.modified);
        let first = self.expression()?.first(from);
        self.set_due(first);
        Ok(())
    }

    /// Sets the due time, unless it is after the end date, and a random delay within the window.
    fn set_due(&mut self, due: Option<Timestamp>) {
        self.due = due.filter(|due| self.moment("EndDate").is_none_or(|end| *due < end));
        self.late = fastrand::i64(0..=self.window());
    }

    /// The delivery of the current due time. Sets the next due time.
    pub(super) fn fire(&mut self, arn: String, now: Timestamp) -> Option<Delivery> {
        let due = self.due?;
        let delivery =
            self.target("Arn").map(str::to_owned).zip(Policy::of(self.fields.get("Target")).ok());
        let delivery = delivery.map(|(target, policy)| Delivery {
            schedule_arn: arn,
            target,
            input: self.target("Input").unwrap_or("{}").to_owned(),
            execution: format!("{:016x}", fastrand::u64(..)),
            scheduled: due,
            begun: now,
            next: now,
            tries: 0,
            policy,
        });
        let next = self.expression().ok().and_then(|expression| expression.after(due));
        self.set_due(next);
        delivery
    }

    /// Whether the schedule is over and must be deleted.
    pub(super) fn is_gone(&self) -> bool {
        self.due.is_none() && self.text("ActionAfterCompletion") == Some("DELETE")
    }

    /// Skips the due times that passed while no process was running.
    pub(super) fn catch_up(&mut self, now: Timestamp) {
        if let (Some(due), Ok(expression)) = (self.due, self.expression()) {
            let next = expression.caught_up(due, now);
            if next != self.due {
                self.set_due(next);
            }
        }
    }
}
