//! The pull schedules of all districts (R-O4, R-O5): one for the nightly full pull and, if the
//! district's settings ask for it, one for incremental pulls. They are compared with the districts'
//! settings and repaired where they differ.
//!
//! The comparison does not depend on change events: the next one repairs whatever was missed or
//! changed by hand.

use std::collections::BTreeSet;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use mirror::MirrorError;
use mirror::ports::connected_districts::ConnectedDistricts;
use mirror::ports::districts::Districts;
use mirror::ports::pull_schedules::{NightlySchedule, NightlySchedules, changes_name_of, name_of};
use roster::id::DistrictId;
use roster::schedule::nightly;
use roster::settings::{DistrictStatus, Pulled};
use tracing::{info, warn};

use crate::request::{Scope, order, ordered};
use crate::{Config, PullFailure, Services, Storage};

/// The time of the nightly pull if the policy's schedule is `on upload`, which no pulled source
/// has.
const DEFAULT_TIME: Time = Time::constant(2, 0, 0, 0);

/// Spreads the pulls of the districts of a time zone.
const WINDOW_MINUTES: i32 = 30;

/// How often, and for how long, a failed invocation is retried. A later pull would run into the
/// school day.
const RETRIES: i32 = 5;
const RETRY_SECONDS: i32 = 2 * 3600;

/// The result of a comparison, for the log.
#[derive(Debug, Default)]
struct Repaired {
    scheduled: u32,
    rescheduled: u32,
    unscheduled: u32,
}

/// Compares all schedules with the districts' settings and repairs them. `function` is the ARN with
/// which this function is invoked.
pub(crate) async fn repair<S: Services>(
    config: &Config,
    storage: &Storage<S>,
    function: &str,
) -> Result<(), PullFailure> {
    let names = storage.schedules.schedule_names().await?;
    let mut districts: BTreeSet<DistrictId> = BTreeSet::new();
    for source in Pulled::NAMES {
        districts
            .extend(storage.table.connected(source).await?.into_iter().map(|one| one.district));
    }
    let mut repaired = Repaired::default();
    let mut failed = Vec::new();
    let mut keep = BTreeSet::new();
    for district in &districts {
        match schedule(config, storage, function, district, &mut repaired).await {
            Ok(wanted) => keep.extend(wanted),
            Err(error) => {
                warn!(
                    %district, error_type = error.error_type(),
                    "a district's schedules could not be checked or repaired"
                );
                // Keep both: the settings may ask for them.
                keep.extend([name_of(district), changes_name_of(district)]);
                failed.push(error);
            }
        }
    }
    for name in names.iter().filter(|name| !keep.contains(*name)) {
        match unschedule(storage, name).await {
            Ok(true) => repaired.unscheduled += 1,
            Ok(false) => {}
            Err(error) => {
                warn!(
                    schedule = %name, error_type = error.error_type(),
                    "a schedule could not be removed"
                );
                failed.push(error);
            }
        }
    }
    info!(
        ?repaired,
        failed = failed.len(),
        "checked the schedules of {} districts",
        districts.len()
    );
    let districts = failed.len();
    failed.pop().map_or(Ok(()), |source| Err(PullFailure::Schedules { districts, source }))
}

/// Creates or repairs a district's schedules. Returns the names of the schedules that it must have.
async fn schedule<S: Services>(
    config: &Config,
    storage: &Storage<S>,
    function: &str,
    district: &DistrictId,
    repaired: &mut Repaired,
) -> Result<Vec<String>, MirrorError> {
    let Some(configured) = storage.table.district(district).await? else { return Ok(Vec::new()) };
    let pulled = configured.settings.source.pulled();
    let Some(source) = pulled.filter(|_| configured.status.takes_data()) else {
        return Ok(Vec::new());
    };
    // There are no incremental pulls before the district is live.
    let every = source.changes_every_hours().filter(|_| configured.status == DistrictStatus::Live);
    let names = || {
        [name_of(district)].into_iter().chain(every.map(|_| changes_name_of(district))).collect()
    };
    let zone = TimeZone::get(&configured.settings.time_zone).ok();
    // The zone's canonical name: jiff ignores case, EventBridge Scheduler may not.
    let Some(time_zone) = zone.as_ref().and_then(|zone| zone.iana_name()) else {
        warn!(district = %district, "a district is not scheduled: its time zone does not exist");
        return Ok(names());
    };
    let Ok(policy) = configured.settings.policy() else {
        warn!(%district, "a district is not scheduled: its settings are not a valid policy");
        return Ok(names());
    };
    let preferred = policy.nightly_at().unwrap_or(DEFAULT_TIME);
    let due = zone.as_ref().map_or(preferred, |zone| nightly(preferred, zone, storage.clock.now()));
    let wanted = NightlySchedule {
        name: name_of(district),
        expression: format!("cron({} {} * * ? *)", due.minute(), due.hour()),
        time_zone: time_zone.into(),
        window_minutes: WINDOW_MINUTES,
        enabled: true,
        function: function.into(),
        input: order(district, Scope::Everything),
        role: config.schedule_role_arn.clone(),
        retries: RETRIES,
        retry_seconds: RETRY_SECONDS,
        failures: config.pull_failures_arn.clone(),
    };
    let between = every.map(|hours| NightlySchedule {
        name: changes_name_of(district),
        expression: format!("cron({} {} * * ? *)", due.minute(), hours_between(due.hour(), hours)),
        input: order(district, Scope::Changes),
        ..wanted.clone()
    });
    for wanted in [wanted].into_iter().chain(between) {
        match storage.schedules.schedule(&wanted.name).await? {
            Some(found) if found == wanted => {}
            Some(found) if !is_pull_schedule(&found) => {
                warn!(
                    %district, schedule = %found.name,
                    "a district is not scheduled: another schedule has its name"
                );
            }
            found => {
                storage.schedules.put_schedule(&wanted).await?;
                let count = if found.is_none() {
                    &mut repaired.scheduled
                } else {
                    &mut repaired.rescheduled
                };
                *count += 1;
            }
        }
    }
    Ok(names())
}

/// Returns the hours of the incremental pulls: `every` so many hours after the nightly pull,
/// without the hour of that pull itself.
fn hours_between(night: i8, every: u8) -> String {
    let after = (1..24).filter(|after| after % i8::try_from(every.max(1)).unwrap_or(i8::MAX) == 0);
    let mut hours: Vec<i8> = after.map(|after| (night + after) % 24).collect();
    hours.sort_unstable();
    let hours: Vec<String> = hours.iter().map(i8::to_string).collect();
    hours.join(",")
}

/// Removes a schedule that no district must have. Returns false if it is not a pull schedule or no
/// longer exists.
async fn unschedule<S: Services>(storage: &Storage<S>, name: &str) -> Result<bool, MirrorError> {
    if storage.schedules.schedule(name).await?.as_ref().is_none_or(|found| !is_pull_schedule(found))
    {
        return Ok(false);
    }
    storage.schedules.remove_schedule(name).await?;
    Ok(true)
}

/// Whether a schedule orders a pull of the district after which it is named. The group has other
/// schedules whose names may begin like a district's: in a stack with the prefix `nightly`, the
/// hourly discovery schedule is called `nightly-look`.
fn is_pull_schedule(schedule: &NightlySchedule) -> bool {
    ordered(&schedule.input).is_some_and(|(district, scope)| match scope {
        Scope::Everything => name_of(&district) == schedule.name,
        Scope::Changes => changes_name_of(&district) == schedule.name,
    })
}
