//! Cron expressions of EventBridge Scheduler: six fields, in a time zone.
//!
//! Source: "Schedule types" and "Daylight saving time" in the user guide. A local time that the
//! change to daylight saving time skips is not run. A local time that occurs twice is run once, the
//! first time.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// The years that an expression can contain.
const YEARS: (i16, i16) = (1970, 2199);

/// A parsed `cron(minutes hours day-of-month month day-of-week year)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Days,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
}

/// Days of the month or of the week, never both.
#[derive(Clone, Debug, PartialEq)]
enum Days {
    OfMonth(Vec<OfMonth>),
    OfWeek(Vec<OfWeek>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum OfMonth {
    Day(i16),
    /// `L`
    Last,
    /// `15W`: the weekday (Monday to Friday) nearest to that day, in the same month.
    Near(i16),
    /// `LW`
    LastWeekday,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum OfWeek {
    Day(i16),
    /// `6L`: the last Friday of the month.
    Last(i16),
    /// `3#2`: the second Tuesday of the month.
    Nth(i16, i8),
}

/// A field: its name in error messages, its range, and the names of its numbers.
struct Field {
    name: &'static str,
    from: i16,
    to: i16,
    names: &'static [&'static str],
}

impl Field {
    /// A number or a name.
    fn number(&self, text: &str) -> Option<i16> {
        let index = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match index {
            Some(at) => self.from + i16::try_from(at).ok()?,
            None => text.parse().ok()?,
        };
        (self.from..=self.to).contains(&number).then_some(number)
    }

    /// `*`, `5`, `1-5`, `*/15`, `5/15`, `1-30/2`.
    fn part(&self, text: &str) -> Option<Vec<i16>> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => {
                (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?))
            }
            None => (text, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.from, self.to),
            Some((from, to)) => (self.number(from)?, self.number(to)?),
            None if step.is_some() => (self.number(range)?, self.to),
            None => (self.number(range)?, self.number(range)?),
        };
        // A range may wrap around: FRI-MON.
        let all: Vec<i16> = if from <= to {
            (from..=to).collect()
        } else {
            (from..=self.to).chain(self.from..=to).collect()
        };
        Some(all.into_iter().step_by(step.unwrap_or(1)).collect())
    }

    fn set(&self, text: &str) -> Result<BTreeSet<i16>, String> {
        let parts: Option<Vec<Vec<i16>>> = text.split(',').map(|part| self.part(part)).collect();
        parts.map(|parts| parts.into_iter().flatten().collect()).ok_or_else(|| self.wrong(text))
    }

    fn wrong(&self, text: &str) -> String {
        format!("{text} is not a valid {} of a cron expression", self.name)
    }
}

const MINUTE: Field = Field { name: "minute", from: 0, to: 59, names: &[] };
const HOUR: Field = Field { name: "hour", from: 0, to: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { name: "day of the month", from: 1, to: 31, names: &[] };
const MONTH: Field = Field { name: "month", from: 1, to: 12, names: &MONTHS };
const DAY_OF_WEEK: Field = Field { name: "day of the week", from: 1, to: 7, names: &DAYS };
const YEAR: Field = Field { name: "year", from: YEARS.0, to: YEARS.1, names: &[] };

impl Cron {
    /// Parses the text between the parentheses. The error describes what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, of_month, months, of_week, years] = fields[..] else {
            return Err(format!("cron({text}) does not have six fields"));
        };
        let days = match (of_month, of_week) {
            ("?", "?") => {
                return Err("day of the month and day of the week cannot both be ?".into());
            }
            (of_month, "?") => Days::OfMonth(
                of_month.split(',').map(day_of_month).collect::<Result<Vec<_>, _>>()?.concat(),
            ),
            ("?", of_week) => Days::OfWeek(
                of_week.split(',').map(day_of_week).collect::<Result<Vec<_>, _>>()?.concat(),
            ),
            _ => return Err("one of day of the month and day of the week must be ?".into()),
        };
        Ok(Self {
            minutes: MINUTE.set(minutes)?,
            hours: HOUR.set(hours)?,
            days,
            months: MONTH.set(months)?,
            years: YEAR.set(years)?,
        })
    }

    /// The first time after `moment` at which the expression is due. `None`: never again.
    pub(super) fn after(&self, moment: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut date = moment.to_zoned(zone.clone()).date();
        while date.year() <= YEARS.1 {
            if self.is_on(date) {
                let due =
                    self.times(date).filter_map(|time| once(time, zone)).find(|due| *due > moment);
                if due.is_some() {
                    return due;
                }
            }
            date = self.next_date(date)?;
        }
        None
    }

    /// The next date to check. Skips years and months that the expression does not contain.
    fn next_date(&self, date: Date) -> Option<Date> {
        let next = date.checked_add(1.day()).ok()?;
        if self.years.contains(&next.year()) {
            return if self.months.contains(&i16::from(next.month())) {
                Some(next)
            } else {
                Some(next.last_of_month())
            };
        }
        let year = self.years.range(next.year()..).next()?;
        Date::new(*year, 1, 1).ok()
    }

    fn times(&self, date: Date) -> impl Iterator<Item = DateTime> {
        let hours = self
            .hours
            .iter()
            .flat_map(move |hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        hours.map(move |(hour, minute)| {
            date.at(i8::try_from(hour).unwrap_or(0), i8::try_from(minute).unwrap_or(0), 0, 0)
        })
    }

    fn is_on(&self, date: Date) -> bool {
        let in_month =
            self.years.contains(&date.year()) && self.months.contains(&i16::from(date.month()));
        in_month
            && match &self.days {
                Days::OfMonth(days) => days.iter().any(|day| day.is(date)),
                Days::OfWeek(days) => days.iter().any(|day| day.is(date)),
            }
    }
}

/// The instant of a local time. `None` if it is skipped; the first if it occurs twice.
fn once(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Gap { .. } => None,
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(time).ok()
        }
    }
}

impl OfMonth {
    fn is(self, date: Date) -> bool {
        let last = date.last_of_month();
        match self {
            OfMonth::Day(day) => i16::from(date.day()) == day,
            OfMonth::Last => date == last,
            OfMonth::Near(day) => {
                let day = i8::try_from(day).unwrap_or(i8::MAX);
                Date::new(date.year(), date.month(), day).is_ok_and(|day| date == near(day))
            }
            OfMonth::LastWeekday => date == near(last),
        }
    }
}

/// The weekday (Monday to Friday) nearest to a day, in the same month.
fn near(day: Date) -> Date {
    let by = match day.weekday() {
        Weekday::Saturday if day.day() > 1 => -1,
        Weekday::Saturday => 2,
        Weekday::Sunday if day == day.last_of_month() => -2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    day.saturating_add(by.days())
}

impl OfWeek {
    fn is(self, date: Date) -> bool {
        let on = |day: i16| i16::from(date.weekday().to_sunday_one_offset()) == day;
        match self {
            OfWeek::Day(day) => on(day),
            OfWeek::Last(day) => on(day) && date.day() + 7 > date.last_of_month().day(),
            OfWeek::Nth(day, nth) => on(day) && (date.day() - 1) / 7 + 1 == nth,
        }
    }
}

fn day_of_month(text: &str) -> Result<Vec<OfMonth>, String> {
    let wrong = || DAY_OF_MONTH.wrong(text);
    Ok(match text {
        "L" => vec![OfMonth::Last],
        "LW" => vec![OfMonth::LastWeekday],
        _ => match text.strip_suffix('W') {
            Some(day) => vec![OfMonth::Near(DAY_OF_MONTH.number(day).ok_or_else(wrong)?)],
            None => {
                DAY_OF_MONTH.part(text).ok_or_else(wrong)?.into_iter().map(OfMonth::Day).collect()
            }
        },
    })
}

fn day_of_week(text: &str) -> Result<Vec<OfWeek>, String> {
    let wrong = || DAY_OF_WEEK.wrong(text);
    if let Some((day, nth)) = text.split_once('#') {
        let nth: i8 = nth.parse().ok().filter(|nth| (1..=5).contains(nth)).ok_or_else(wrong)?;
        return Ok(vec![OfWeek::Nth(DAY_OF_WEEK.number(day).ok_or_else(wrong)?, nth)]);
    }
    Ok(match text.strip_suffix('L') {
        Some("") => vec![OfWeek::Day(7)],
        Some(day) => vec![OfWeek::Last(DAY_OF_WEEK.number(day).ok_or_else(wrong)?)],
        None => DAY_OF_WEEK.part(text).ok_or_else(wrong)?.into_iter().map(OfWeek::Day).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next due times after `after`, in local time.
    fn next(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let (cron, zone) = (Cron::parse(text).unwrap(), TimeZone::get(zone).unwrap());
        let mut moment = after.parse().unwrap();
        let mut all = Vec::new();
        while let Some(due) = cron.after(moment, &zone).filter(|_| all.len() < count) {
            all.push(due.to_zoned(zone.clone()).strftime("%F %H:%M %z").to_string());
            moment = due;
        }
        all
    }

    #[test]
    fn the_examples_of_the_documentation() {
        let from = "2026-11-20T12:00:00Z";
        assert_eq!(
            next("15 10 * * ? *", "UTC", from, 2),
            ["2026-11-21 10:15 +0000", "2026-11-22 10:15 +0000"]
        );
        assert_eq!(
            next("0 18 ? * MON-FRI *", "UTC", from, 2),
            ["2026-11-20 18:00 +0000", "2026-11-23 18:00 +0000"]
        );
        assert_eq!(
            next("0 8 1 * ? *", "UTC", from, 2),
            ["2026-12-01 08:00 +0000", "2027-01-01 08:00 +0000"]
        );
        assert_eq!(
            next("15 10 ? * 6L 2026-2027", "UTC", from, 2),
            ["2026-11-27 10:15 +0000", "2026-12-25 10:15 +0000"]
        );
        assert_eq!(
            next("0/15 8-9 ? * 2 *", "UTC", from, 3),
            ["2026-11-23 08:00 +0000", "2026-11-23 08:15 +0000", "2026-11-23 08:30 +0000"]
        );
        assert_eq!(
            next("0 9 ? * 3#2 *", "UTC", from, 2),
            ["2026-12-08 09:00 +0000", "2027-01-12 09:00 +0000"]
        );
        assert_eq!(
            next("0 9 L * ? *", "UTC", from, 2),
            ["2026-11-30 09:00 +0000", "2026-12-31 09:00 +0000"]
        );
        assert_eq!(
            next("0 9 1W AUG ? *", "UTC", from, 2),
            ["2027-08-02 09:00 +0000", "2028-08-01 09:00 +0000"]
        );
        assert_eq!(next("0 9 LW 2 ? *", "UTC", from, 1), ["2027-02-26 09:00 +0000"]);
        assert_eq!(
            next("0 9 29 2 ? *", "UTC", from, 2),
            ["2028-02-29 09:00 +0000", "2032-02-29 09:00 +0000"]
        );
        assert_eq!(next("0 9 1 1 ? 2026", "UTC", from, 1), [""; 0]);
        assert_eq!(next("0 9 ? * FRI-SUN *", "UTC", from, 3).len(), 3);
    }

    #[test]
    fn a_skipped_local_time_is_not_run_and_a_repeated_one_runs_once() {
        let new_york = |text: &str, after: &str| next(text, "America/New_York", after, 2);
        // 2027-03-14 has no half past two; 2026-11-01 has half past one twice.
        assert_eq!(
            new_york("30 2 * * ? *", "2027-03-13T12:00:00Z"),
            ["2027-03-15 02:30 -0400", "2027-03-16 02:30 -0400"]
        );
        assert_eq!(
            new_york("30 1 * * ? *", "2026-11-01T00:00:00Z"),
            ["2026-11-01 01:30 -0400", "2026-11-02 01:30 -0500"]
        );
        // Lord Howe Island changes by half an hour, at two o'clock on 2026-10-04 and 2027-04-04.
        let lord_howe = |text: &str, after: &str| next(text, "Australia/Lord_Howe", after, 2);
        assert_eq!(
            lord_howe("15 2 * * ? *", "2026-10-03T12:00:00Z"),
            ["2026-10-05 02:15 +1100", "2026-10-06 02:15 +1100"]
        );
        assert_eq!(
            lord_howe("45 1 * * ? *", "2027-04-03T12:00:00Z"),
            ["2027-04-04 01:45 +1100", "2027-04-05 01:45 +1030"]
        );
    }

    #[test]
    fn an_invalid_expression_is_rejected_with_a_reason() {
        for (text, reason) in [
            ("0 2 * * *", "six"),
            ("0 2 * * * *", "must be ?"),
            ("0 2 ? * ? *", "both"),
            ("60 2 * * ? *", "minute"),
            ("0 24 * * ? *", "hour"),
            ("0 2 32 * ? *", "day of the month"),
            ("0 2 * 13 ? *", "month"),
            ("0 2 ? * 8 *", "day of the week"),
            ("0 2 ? * 2#6 *", "day of the week"),
            ("0 2 * * ? 1969", "year"),
            ("*/0 2 * * ? *", "minute"),
            ("a-b 2 * * ? *", "minute"),
        ] {
            assert!(Cron::parse(text).unwrap_err().contains(reason), "{text}");
        }
    }
}
