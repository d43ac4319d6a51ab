//! When a district's night is (R-O4).

use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// How far clocks' changes are looked ahead: whoever keeps schedules looks again much sooner.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 366 * 3);

/// Steps in which another time is looked for.
const STEP: Duration = Duration::from_secs(15 * 60);

/// The local time of a district's night: the one that is wished for, or the first quarter after it
/// that no clock change skips or repeats. At 02:00 clocks in New York jump to 03:00 once a year: a
/// schedule that is due in the gap would be passed over that night, and one in the hour that comes
/// twice might be due twice.
pub fn nightly(wished: Time, zone: &TimeZone, from: Timestamp) -> Time {
    let until = from.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let changes = zone.following(from).take_while(|change| change.timestamp() < until);
    let days: Vec<Date> = changes
        .flat_map(|change| {
            let day = change.timestamp().to_zoned(zone.clone()).date();
            [day.checked_sub(1.day()).unwrap_or(day), day, day.checked_add(1.day()).unwrap_or(day)]
        })
        .collect();
    let is_clear = |time: &Time| {
        days.iter().all(|day| !zone.to_ambiguous_zoned(day.to_datetime(*time)).is_ambiguous())
    };
    let candidates =
        std::iter::successors(Some(wished), |time| Some(time.wrapping_add(STEP))).take(24 * 4);
    candidates.into_iter().find(is_clear).unwrap_or(wished)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    #[test]
    fn r_o4_a_night_is_at_a_time_that_comes_exactly_once_every_night() {
        let from: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let at = |wished: Time, zone: &str| nightly(wished, &TimeZone::get(zone).unwrap(), from);
        let two = time(2, 0, 0, 0);
        for (zone, due) in [
            ("America/New_York", time(3, 0, 0, 0)),
            ("America/Phoenix", two),
            ("Pacific/Honolulu", two),
            // Half an hour is skipped, and half an hour comes twice.
            ("Australia/Lord_Howe", time(2, 30, 0, 0)),
            ("Europe/Berlin", time(3, 0, 0, 0)),
        ] {
            assert_eq!(at(two, zone), due, "{zone}");
        }
        assert_eq!(at(time(4, 15, 0, 0), "America/New_York"), time(4, 15, 0, 0));
        assert_eq!(at(time(1, 40, 0, 0), "America/New_York"), time(3, 10, 0, 0));
    }
}
