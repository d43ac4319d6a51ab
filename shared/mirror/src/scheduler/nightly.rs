//! Districts' schedules in EventBridge Scheduler.

use aws_sdk_scheduler::error::SdkError;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode,
    RetryPolicy, ScheduleState, Target,
};

use super::ScheduleGroup;
use crate::MirrorError;
use crate::ports::pull_schedules::{NightlySchedule, NightlySchedules, PREFIXES};

const PUT: &str = "store a district's schedule";

impl NightlySchedules for ScheduleGroup {
    async fn schedule_names(&self) -> Result<Vec<String>, MirrorError> {
        let mut names = Vec::new();
        for prefix in PREFIXES {
            let request = self.client.list_schedules().group_name(&self.group).name_prefix(prefix);
            let mut found = request.into_paginator().items().send();
            while let Some(schedule) = found.next().await {
                let schedule = schedule.map_err(|error| {
                    MirrorError::service("list the districts' schedules", error)
                })?;
                names.extend(schedule.name);
            }
        }
        Ok(names)
    }

    async fn schedule(&self, name: &str) -> Result<Option<NightlySchedule>, MirrorError> {
        match self.client.get_schedule().group_name(&self.group).name(name).send().await {
            Ok(there) => Ok(Some(read(name, there))),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_resource_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(MirrorError::service("read a district's schedule", error)),
        }
    }

    async fn put_schedule(&self, schedule: &NightlySchedule) -> Result<(), MirrorError> {
        let (target, window) = (target(schedule)?, window(schedule)?);
        let state = if schedule.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled };
        let create = self
            .client
            .create_schedule()
            .group_name(&self.group)
            .name(&schedule.name)
            .schedule_expression(&schedule.expression)
            .schedule_expression_timezone(&schedule.time_zone)
            .action_after_completion(ActionAfterCompletion::None)
            .state(state.clone())
            .flexible_time_window(window.clone())
            .target(target.clone());
        match create.send().await {
            Ok(_) => return Ok(()),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conflict_exception() => {}
            Err(error) => return Err(MirrorError::service(PUT, error)),
        }
        // An update resets every field that it leaves out, so all fields are sent.
        let update = self
            .client
            .update_schedule()
            .group_name(&self.group)
            .name(&schedule.name)
            .schedule_expression(&schedule.expression)
            .schedule_expression_timezone(&schedule.time_zone)
            .action_after_completion(ActionAfterCompletion::None)
            .state(state)
            .flexible_time_window(window)
            .target(target);
        update.send().await.map(drop).map_err(|error| MirrorError::service(PUT, error))
    }

    async fn remove_schedule(&self, name: &str) -> Result<(), MirrorError> {
        match self.client.delete_schedule().group_name(&self.group).name(name).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_resource_not_found_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(MirrorError::service("remove a district's schedule", error)),
        }
    }
}

fn target(schedule: &NightlySchedule) -> Result<Target, MirrorError> {
    let retries = RetryPolicy::builder()
        .maximum_retry_attempts(schedule.retries)
        .maximum_event_age_in_seconds(schedule.retry_seconds)
        .build();
    let target = Target::builder()
        .arn(&schedule.function)
        .role_arn(&schedule.role)
        .input(&schedule.input)
        .retry_policy(retries)
        .set_dead_letter_config(
            schedule.failures.as_ref().map(|queue| DeadLetterConfig::builder().arn(queue).build()),
        );
    target.build().map_err(|error| MirrorError::service(PUT, error))
}

fn window(schedule: &NightlySchedule) -> Result<FlexibleTimeWindow, MirrorError> {
    let window = match schedule.window_minutes {
        0 => FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off),
        minutes => FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Flexible)
            .maximum_window_in_minutes(minutes),
    };
    window.build().map_err(|error| MirrorError::service(PUT, error))
}

/// A field that the service leaves out is left empty, and a field that we never set counts as
/// disabled: such a schedule equals none of ours and is replaced.
fn read(name: &str, there: GetScheduleOutput) -> NightlySchedule {
    let enabled = there.state == Some(ScheduleState::Enabled)
        && there.start_date.is_none()
        && there.end_date.is_none();
    let window = there.flexible_time_window.and_then(|window| window.maximum_window_in_minutes);
    let mut found = NightlySchedule {
        name: name.into(),
        expression: there.schedule_expression.unwrap_or_default(),
        time_zone: there.schedule_expression_timezone.unwrap_or_default(),
        window_minutes: window.unwrap_or_default(),
        enabled,
        function: String::new(),
        input: String::new(),
        role: String::new(),
        retries: 0,
        retry_seconds: 0,
        failures: None,
    };
    if let Some(target) = there.target {
        (found.function, found.role) = (target.arn, target.role_arn);
        found.input = target.input.unwrap_or_default();
        found.failures = target.dead_letter_config.and_then(|queue| queue.arn);
        if let Some(policy) = target.retry_policy {
            found.retries = policy.maximum_retry_attempts.unwrap_or_default();
            found.retry_seconds = policy.maximum_event_age_in_seconds.unwrap_or_default();
        }
    }
    found
}
