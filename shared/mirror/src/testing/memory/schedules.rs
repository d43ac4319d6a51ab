//! Schedules in memory: one-time schedules, and the pull schedules of districts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::lock;
use crate::MirrorError;
use crate::ports::districts::Wrote;
use crate::ports::one_time::OneTimeSchedules;
use crate::ports::pull_schedules::{LONGEST_NAME, NightlySchedule, NightlySchedules, PREFIXES};

/// Schedules in memory. [`MemorySchedules::take_all`] removes one-time schedules only.
#[derive(Clone, Debug, Default)]
pub struct MemorySchedules {
    once: Arc<Mutex<BTreeMap<String, (Timestamp, String)>>>,
    nights: Arc<Mutex<Nights>>,
}

impl MemorySchedules {
    /// Removes all one-time schedules and returns their names, times and payloads, the earliest
    /// first.
    pub fn take_all(&self) -> Vec<(String, Timestamp, String)> {
        let mut all: Vec<_> = std::mem::take(&mut *lock(&self.once))
            .into_iter()
            .map(|(name, (at, payload))| (name, at, payload))
            .collect();
        all.sort_by_key(|(_, at, _)| *at);
        all
    }
}

impl OneTimeSchedules for MemorySchedules {
    async fn schedule_once(
        &self,
        _function: &str,
        name: &str,
        at: Timestamp,
        payload: &str,
    ) -> Result<Wrote, MirrorError> {
        let mut all = lock(&self.once);
        if all.contains_key(name) {
            return Ok(Wrote::AlreadyThere);
        }
        all.insert(name.into(), (at, payload.into()));
        Ok(Wrote::Yes)
    }
}

#[derive(Debug, Default)]
struct Nights {
    schedules: BTreeMap<String, NightlySchedule>,
    writes: u64,
    refused: Option<String>,
}

impl MemorySchedules {
    /// Returns all districts' schedules, and all other schedules in their group.
    pub fn nightly(&self) -> Vec<NightlySchedule> {
        lock(&self.nights).schedules.values().cloned().collect()
    }

    /// From now on, storing a schedule with this name fails. With `None`, no schedule fails.
    pub fn refuse_nightly(&self, name: Option<&str>) {
        lock(&self.nights).refused = name.map(str::to_owned);
    }

    /// Returns how often such schedules were created, replaced or deleted so far.
    pub fn nightly_writes(&self) -> u64 {
        lock(&self.nights).writes
    }
}

impl NightlySchedules for MemorySchedules {
    async fn schedule_names(&self) -> Result<Vec<String>, MirrorError> {
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
            return Err(MirrorError::service(
                "store a district's schedule",
                "the test refuses this name",
            ));
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
