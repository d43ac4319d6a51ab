//! The schedules by which districts are pulled: every night, and between the nights for what has
//! changed.

use std::future::Future;

use roster::id::DistrictId;
use xxhash_rust::xxh3::xxh3_64;

use crate::MirrorError;

/// What the name of a district's schedule for the nights begins with.
const NIGHTS: &str = "nightly-";

/// The same, of the one for what has changed between them.
const CHANGES: &str = "changes-";

/// What the names of districts' schedules begin with. Other schedules of the group may begin with
/// it too, so a name alone proves nothing.
pub(crate) const PREFIXES: [&str; 2] = [NIGHTS, CHANGES];

/// The longest name that a schedule can have.
pub(crate) const LONGEST_NAME: usize = 64;

/// Digits of the hash that ends a name that was cut, with the hyphen before them.
const HASH: usize = 17;

/// The name of a district's schedule for the nights. A district's id is made of what such a name
/// may have, but it can be too long: then its end is a hash of all of it.
pub fn name_of(district: &DistrictId) -> String {
    named(NIGHTS, district)
}

/// The name of a district's schedule for what has changed between the nights.
pub fn changes_name_of(district: &DistrictId) -> String {
    named(CHANGES, district)
}

fn named(prefix: &str, district: &DistrictId) -> String {
    let id = district.as_str();
    if prefix.len() + id.len() <= LONGEST_NAME {
        return format!("{prefix}{id}");
    }
    let kept: String = id.chars().take(LONGEST_NAME - prefix.len() - HASH).collect();
    format!("{prefix}{kept}-{:016x}", xxh3_64(id.as_bytes()))
}

/// All of a schedule: two that are equal do the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NightlySchedule {
    /// Its name in the group.
    pub name: String,
    /// When it is due: `cron(…)`.
    pub expression: String,
    /// The IANA time zone in which that is meant.
    pub time_zone: String,
    /// How many minutes later it may invoke; 0: none.
    pub window_minutes: i32,
    /// False: somebody has switched it off.
    pub enabled: bool,
    /// The ARN of the function that it invokes.
    pub function: String,
    /// What the function is told.
    pub input: String,
    /// The ARN of the role by which it may invoke the function.
    pub role: String,
    /// How often an invocation is tried again that was not taken.
    pub retries: i32,
    /// How many seconds it is tried for.
    pub retry_seconds: i32,
    /// The ARN of the queue for what was never taken.
    pub failures: Option<String>,
}

/// Keeping such schedules.
pub trait NightlySchedules: Clone + Send + Sync + 'static {
    /// The names in the group that begin as those of districts' schedules do.
    fn schedule_names(&self) -> impl Future<Output = Result<Vec<String>, MirrorError>> + Send;
    /// The schedule of a name.
    fn schedule(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<NightlySchedule>, MirrorError>> + Send;
    /// Makes a schedule, or replaces all of the one of its name.
    fn put_schedule(
        &self,
        schedule: &NightlySchedule,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
    /// Takes a schedule away, if it is there.
    fn remove_schedule(&self, name: &str) -> impl Future<Output = Result<(), MirrorError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_districts_id_or_as_much_of_it_as_fits_with_a_hash() {
        assert_eq!(name_of(&DistrictId::new("oak_field.2")), "nightly-oak_field.2");
        let (fits, long, longer) = ("a".repeat(56), "a".repeat(57), "a".repeat(64));
        assert_eq!(name_of(&DistrictId::new(fits.as_str())), format!("nightly-{fits}"));
        assert_eq!(changes_name_of(&DistrictId::new(fits.as_str())), format!("changes-{fits}"));
        let (long, longer) =
            (name_of(&DistrictId::new(long.as_str())), name_of(&DistrictId::new(longer.as_str())));
        assert_ne!(long, longer, "what is cut away tells them apart");
        for name in [long, longer] {
            assert_eq!(name.len(), LONGEST_NAME);
            assert!(DistrictId::is_valid(&name), "the same characters");
        }
    }
}
