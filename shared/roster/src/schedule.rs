//! When a district is pulled (R-O4).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// When a district is pulled: the policy setting `schedule`. In JSON a local time `02:00`, or
/// `on upload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Schedule {
    /// Every night at this local time.
    Nightly(Time),
    /// When an upload arrives.
    OnUpload,
}

const ON_UPLOAD: &str = "on upload";

/// The text is no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schedule must be a local time `HH:MM` or `{ON_UPLOAD}`")]
pub struct InvalidSchedule;

impl Schedule {
    /// The local time of the nightly run, or `None` for a district that is synced on upload.
    pub fn time(self) -> Option<Time> {
        match self {
            Schedule::Nightly(time) => Some(time),
            Schedule::OnUpload => None,
        }
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        if text == ON_UPLOAD {
            return Ok(Schedule::OnUpload);
        }
        text.parse().map(Schedule::Nightly).map_err(|_| InvalidSchedule)
    }
}

impl TryFrom<String> for Schedule {
    type Error = InvalidSchedule;

    fn try_from(text: String) -> Result<Self, InvalidSchedule> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::OnUpload => f.write_str(ON_UPLOAD),
            Schedule::Nightly(time) if time.second() == 0 && time.subsec_nanosecond() == 0 => {
                write!(f, "{:02}:{:02}", time.hour(), time.minute())
            }
            Schedule::Nightly(time) => write!(f, "{time}"),
        }
    }
}

/// How far ahead clock changes are considered. Schedules are computed again much sooner.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 366 * 3);

/// The distance between the times that [`nightly`] tries.
const STEP: Duration = Duration::from_secs(15 * 60);

/// Returns the local time at which a district is pulled: `preferred`, or the first quarter of an
/// hour after it that no clock change skips or repeats.
///
/// In New York the clock jumps from 02:00 to 03:00 once a year. A schedule that is due in the
/// skipped hour would not run that night, and one in the repeated hour might run twice.
pub fn nightly(preferred: Time, zone: &TimeZone, from: Timestamp) -> Time {
    let until = from.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let changes = zone.following(from).take_while(|change| change.timestamp() < until);
    let days: Vec<Date> = changes
        .flat_map(|change| {
            let day = change.timestamp().to_zoned(zone.clone()).date();
            [day.checked_sub(1.day()).unwrap_or(day), day, day.checked_add(1.day()).unwrap_or(day)]
        })
        .collect();
    let is_unambiguous = |time: &Time| {
        days.iter().all(|day| !zone.to_ambiguous_zoned(day.to_datetime(*time)).is_ambiguous())
    };
    let candidates =
        std::iter::successors(Some(preferred), |time| Some(time.wrapping_add(STEP))).take(24 * 4);
    candidates.into_iter().find(is_unambiguous).unwrap_or(preferred)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    #[test]
    fn a_schedule_is_read_and_written_as_the_same_text() {
        for (text, schedule) in [
            ("02:00", Schedule::Nightly(time(2, 0, 0, 0))),
            ("23:45", Schedule::Nightly(time(23, 45, 0, 0))),
            ("02:00:30", Schedule::Nightly(time(2, 0, 30, 0))),
            ("on upload", Schedule::OnUpload),
        ] {
            assert_eq!(text.parse(), Ok(schedule));
            assert_eq!(serde_json::to_value(schedule).unwrap(), text);
            assert_eq!(serde_json::from_value::<Schedule>(text.into()).unwrap(), schedule);
        }
        assert_eq!("at dawn".parse::<Schedule>(), Err(InvalidSchedule));
        assert_eq!(
            InvalidSchedule.to_string(),
            "schedule must be a local time `HH:MM` or `on upload`"
        );
    }

    #[test]
    fn r_o4_the_scheduled_time_occurs_exactly_once_every_night() {
        let from: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let at =
            |preferred: Time, zone: &str| nightly(preferred, &TimeZone::get(zone).unwrap(), from);
        let two = time(2, 0, 0, 0);
        for (zone, due) in [
            ("America/New_York", time(3, 0, 0, 0)),
            ("America/Phoenix", two),
            ("Pacific/Honolulu", two),
            // Half an hour is skipped, and half an hour is repeated.
            ("Australia/Lord_Howe", time(2, 30, 0, 0)),
            ("Europe/Berlin", time(3, 0, 0, 0)),
        ] {
            assert_eq!(at(two, zone), due, "{zone}");
        }
        assert_eq!(at(time(4, 15, 0, 0), "America/New_York"), time(4, 15, 0, 0));
        assert_eq!(at(time(1, 40, 0, 0), "America/New_York"), time(3, 10, 0, 0));
    }
}
