//! The real schedules, in EventBridge Scheduler.

mod nightly;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::MirrorError;
use crate::ports::districts::Wrote;
use crate::ports::one_time::OneTimeSchedules;

/// The schedules of a group: one-time ones that invoke a function and delete themselves, and those
/// of districts.
#[derive(Clone, Debug)]
pub struct ScheduleGroup {
    client: Client,
    group: String,
    role_arn: String,
}

impl ScheduleGroup {
    /// Schedules in a group, allowed by a role to invoke the function.
    pub fn new(client: Client, group: &str, role_arn: &str) -> Self {
        Self { client, group: group.into(), role_arn: role_arn.into() }
    }
}

impl OneTimeSchedules for ScheduleGroup {
    async fn schedule_once(
        &self,
        function: &str,
        name: &str,
        at: Timestamp,
        payload: &str,
    ) -> Result<Wrote, MirrorError> {
        let doing = "create a schedule";
        let target =
            Target::builder().arn(function).role_arn(&self.role_arn).input(payload).build();
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
        let at = at.to_zoned(TimeZone::UTC).strftime("at(%Y-%m-%dT%H:%M:%S)").to_string();
        let request = self
            .client
            .create_schedule()
            .name(name)
            .group_name(&self.group)
            .schedule_expression(at)
            .schedule_expression_timezone("UTC")
            .action_after_completion(ActionAfterCompletion::Delete)
            .flexible_time_window(window.map_err(|e| MirrorError::service(doing, e))?)
            .target(target.map_err(|e| MirrorError::service(doing, e))?);
        match request.send().await {
            Ok(_) => Ok(Wrote::Yes),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conflict_exception()) => {
                Ok(Wrote::AlreadyThere)
            }
            Err(error) => Err(MirrorError::service(doing, error)),
        }
    }
}
