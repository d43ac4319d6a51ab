//! The recurring schedules of districts: the full pull of each night, and the incremental pulls
//! between nights.

use std::future::Future;

use roster::id::DistrictId;
use xxhash_rust::xxh3::xxh3_64;

use crate::MirrorError;

/// Prefix of the names of nightly schedules.
const NIGHTS: &str = "nightly-";

/// Prefix of the names of incremental schedules.
const CHANGES: &str = "changes-";

/// Prefixes of the names of districts' schedules. Other schedules of the group may have them too,
/// so a name does not prove that a schedule belongs to a district.
pub(crate) const PREFIXES: [&str; 2] = [NIGHTS, CHANGES];

/// The maximum length of a schedule name.
pub(crate) const LONGEST_NAME: usize = 64;

/// The length of the hash at the end of a truncated name, with its hyphen.
const HASH: usize = 17;

/// Returns the name of a district's nightly schedule. An id that is too long is truncated and ends
/// with a hash of the whole id. The characters of an id are all valid in a name.
pub fn name_of(district: &DistrictId) -> String {
    named(NIGHTS, district)
}

/// Returns the name of a district's incremental schedule.
pub fn changes_name_of(district: &DistrictId) -> String {
    named(CHANGES, district)
}

fn named(prefix: &str, district: &DistrictId) -> String {
    let id = district.as_str();
    if prefix.len() + id.len() <= LONGEST_NAME {
        return format!("{prefix}{id}");
    }
    let start: String = id.chars().take(LONGEST_NAME - prefix.len() - HASH).collect();
    format!("{prefix}{start}-{:016x}", xxh3_64(id.as_bytes()))
}

/// A recurring schedule with all its properties: equal schedules behave the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NightlySchedule {
    /// The name in the group.
    pub name: String,
    /// The times of its invocations: `cron(…)`.
    pub expression: String,
    /// The IANA time zone of the expression.
    pub time_zone: String,
    /// The flexible window in minutes; 0 means no window.
    pub window_minutes: i32,
    /// False if the schedule is disabled.
    pub enabled: bool,
    /// The ARN of the function that it invokes.
    pub function: String,
    /// The payload.
    pub input: String,
    /// The ARN of the role with which it invokes the function.
    pub role: String,
    /// The maximum number of retries of an invocation that was not accepted.
    pub retries: i32,
    /// The maximum time for retries, in seconds.
    pub retry_seconds: i32,
    /// The ARN of the dead-letter queue.
    pub failures: Option<String>,
}

/// Stores recurring schedules.
pub trait NightlySchedules: Clone + Send + Sync + 'static {
    /// Returns the names in the group that have a prefix of districts' schedules.
    fn schedule_names(&self) -> impl Future<Output = Result<Vec<String>, MirrorError>> + Send;
    /// Returns a schedule, or `None` if it does not exist.
    fn schedule(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<NightlySchedule>, MirrorError>> + Send;
    /// Creates a schedule, or replaces the one with the same name.
    fn put_schedule(
        &self,
        schedule: &NightlySchedule,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
    /// Deletes a schedule if it exists.
    fn remove_schedule(&self, name: &str) -> impl Future<Output = Result<(), MirrorError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_district_id_is_truncated_and_ends_with_a_hash() {
        assert_eq!(name_of(&DistrictId::new("oak_field.2")), "nightly-oak_field.2");
        let (fits, long, longer) = ("a".repeat(56), "a".repeat(57), "a".repeat(64));
        assert_eq!(name_of(&DistrictId::new(fits.as_str())), format!("nightly-{fits}"));
        assert_eq!(changes_name_of(&DistrictId::new(fits.as_str())), format!("changes-{fits}"));
        let (long, longer) =
            (name_of(&DistrictId::new(long.as_str())), name_of(&DistrictId::new(longer.as_str())));
        assert_ne!(long, longer, "the hash covers the whole id");
        for name in [long, longer] {
            assert_eq!(name.len(), LONGEST_NAME);
            assert!(DistrictId::is_valid(&name), "the same characters");
        }
    }
}
