//! The schedules of every district that is pulled (R-O4, R-O5): one for the nights, and one for
//! what has changed between them where the district wants that; compared with what is configured,
//! and put right where they differ.
//!
//! Nothing here depends on having seen a change. Whatever was missed, or was undone by hand, is
//! found by the next comparison.

use std::collections::BTreeSet;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use mirror::MirrorError;
use mirror::ports::pull_schedules::{NightlySchedule, NightlySchedules, changes_name_of, name_of};
use roster::id::DistrictId;
use roster::schedule::nightly;
use roster::settings::{DistrictStatus, Pulled};
use tracing::{info, warn};

use crate::request::{Scope, order, ordered};
use crate::source::{Source, for_source};
use crate::{Config, PullFailure, Storage, Table};

/// The night of a district whose policy waits for uploads: nobody uploads what lies at a source's
/// server.
const NIGHT: Time = Time::constant(2, 0, 0, 0);

/// So that not all districts of a zone are pulled at once.
const WINDOW_MINUTES: i32 = 30;

/// An invocation that is not taken is tried again this often, and so long: a pull that begins later
/// would run into the day of school.
const RETRIES: i32 = 5;
const RETRY_SECONDS: i32 = 2 * 3600;

/// What a comparison came to, for the log.
#[derive(Debug, Default)]
struct Repaired {
    scheduled: u32,
    rescheduled: u32,
    unscheduled: u32,
}

/// Compares all schedules with what is configured. `function`: the ARN by which this function is
/// invoked.
pub(crate) async fn repair<T: Table, O, L: NightlySchedules, S, H, W>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    function: &str,
) -> Result<(), PullFailure> {
    let names = storage.schedules.names().await?;
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
                warn!(district = %district, error_type = error.error_type(), "a district's schedules could not be checked or repaired");
                // They may well be wanted.
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
                warn!(schedule = %name, error_type = error.error_type(), "a schedule could not be removed");
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

/// Makes a district's schedules, or puts them right. Gives the names of those that it is to have.
async fn schedule<T: Table, O, L: NightlySchedules, S, H, W>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    function: &str,
    district: &DistrictId,
    repaired: &mut Repaired,
) -> Result<Vec<String>, MirrorError> {
    let Some(configured) = storage.table.district(district).await? else { return Ok(Vec::new()) };
    let is_synced = matches!(configured.status, DistrictStatus::Live | DistrictStatus::InReview);
    let Some(every) = for_source!(configured.settings.source, |source| source.changes_every())
        .filter(|_| is_synced)
    else {
        return Ok(Vec::new());
    };
    // Before it is live nobody waits for a change of its data.
    let every = every.filter(|_| configured.status == DistrictStatus::Live);
    let names = || {
        [name_of(district)].into_iter().chain(every.map(|_| changes_name_of(district))).collect()
    };
    let zone = TimeZone::get(&configured.settings.time_zone).ok();
    // Its own name: here letters of either case find a zone, and the service may be stricter.
    let Some(time_zone) = zone.as_ref().and_then(|zone| zone.iana_name()) else {
        warn!(district = %district, "a district is not scheduled: its time zone does not exist");
        return Ok(names());
    };
    let Ok(policy) = configured.settings.policy() else {
        warn!(district = %district, "a district is not scheduled: its settings are not a valid policy");
        return Ok(names());
    };
    let wished = policy.schedule.time().unwrap_or(NIGHT);
    let due = zone.as_ref().map_or(wished, |zone| nightly(wished, zone, storage.clock.now()));
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
        let there = storage.schedules.schedule(&wanted.name).await?;
        match there {
            Some(there) if there == wanted => {}
            Some(there) if !is_a_districts(&there) => {
                warn!(district = %district, schedule = %there.name, "a district is not scheduled: another schedule has its name");
            }
            there => {
                storage.schedules.put_schedule(&wanted).await?;
                let count = if there.is_none() {
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

/// The hours of the day that are so many hours apart, from one night's pull to the next one,
/// without that.
fn hours_between(night: i8, every: u8) -> String {
    let after = (1..24).filter(|after| after % i8::try_from(every.max(1)).unwrap_or(i8::MAX) == 0);
    let mut hours: Vec<i8> = after.map(|after| (night + after) % 24).collect();
    hours.sort_unstable();
    let hours: Vec<String> = hours.iter().map(i8::to_string).collect();
    hours.join(",")
}

/// Removes a schedule that no district is to have; false: it is not ours to remove, or gone
/// already.
async fn unschedule<T, O, L: NightlySchedules, S, H, W>(
    storage: &Storage<T, O, L, S, H, W>,
    name: &str,
) -> Result<bool, MirrorError> {
    if storage.schedules.schedule(name).await?.as_ref().is_none_or(|there| !is_a_districts(there)) {
        return Ok(false);
    }
    storage.schedules.remove_schedule(name).await?;
    Ok(true)
}

/// A schedule is a district's if it orders a pull of the district whose name it has. The group has
/// others, whose names may begin as those of districts do: in a stack with the prefix `nightly` the
/// hourly look is called `nightly-look`.
fn is_a_districts(schedule: &NightlySchedule) -> bool {
    ordered(&schedule.input).is_some_and(|(district, scope)| match scope {
        Scope::Everything => name_of(&district) == schedule.name,
        Scope::Changes => changes_name_of(&district) == schedule.name,
    })
}
