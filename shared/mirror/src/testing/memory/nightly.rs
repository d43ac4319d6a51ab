//! Districts' schedules in memory.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{MemorySchedules, lock};
use crate::MirrorError;
use crate::ports::pull_schedules::{LONGEST_NAME, NightlySchedule, NightlySchedules, PREFIXES};

#[derive(Debug, Default)]
pub(super) struct Nights {
    schedules: BTreeMap<String, NightlySchedule>,
    writes: u64,
    refused: Option<String>,
}

impl MemorySchedules {
    /// All districts' schedules, and whatever else has been put among them.
    pub fn nightly(&self) -> Vec<NightlySchedule> {
        lock(&self.nights).schedules.values().cloned().collect()
    }

    /// From now on nothing is put under this name; none: everything is.
    pub fn refuse_nightly(&self, name: Option<&str>) {
        lock(&self.nights).refused = name.map(str::to_owned);
    }

    /// How many such schedules were ever made, replaced or taken away.
    pub fn nightly_writes(&self) -> u64 {
        lock(&self.nights).writes
    }
}

impl NightlySchedules for MemorySchedules {
    async fn names(&self) -> Result<Vec<String>, MirrorError> {
        let is_a_districts =
            |name: &&String| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        Ok(lock(&self.nights).schedules.keys().filter(is_a_districts).cloned().collect())
    }

    async fn schedule(&self, name: &str) -> Result<Option<NightlySchedule>, MirrorError> {
        Ok(lock(&self.nights).schedules.get(name).cloned())
    }

    async fn put_schedule(&self, schedule: &NightlySchedule) -> Result<(), MirrorError> {
        if schedule.name.len() > LONGEST_NAME || TimeZone::get(&schedule.time_zone).is_err() {
            return Err(MirrorError::service(
                "store a district's schedule",
                "the name or the time zone is not valid",
            ));
        }
        let mut nights = lock(&self.nights);
        if nights.refused.as_ref() == Some(&schedule.name) {
            return Err(MirrorError::service("store a district's schedule", "it is refused"));
        }
        nights.writes += 1;
        nights.schedules.insert(schedule.name.clone(), schedule.clone());
        Ok(())
    }

    async fn remove_schedule(&self, name: &str) -> Result<(), MirrorError> {
        let mut nights = lock(&self.nights);
        nights.writes += 1;
        nights.schedules.remove(name);
        Ok(())
    }
}
