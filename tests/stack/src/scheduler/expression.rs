//! Schedule expressions: when a schedule is due.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil::DateTime};

use super::cron::Cron;

/// A parsed schedule expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// `at(2026-11-22T02:00:00)`, in the schedule's time zone: once.
    At(Timestamp),
    /// `rate(5 minutes)`: repeatedly, from the schedule's start or creation.
    Rate(SignedDuration),
    /// `cron(0 2 * * ? *)`, in the schedule's time zone.
    Cron(Box<Cron>, TimeZone),
}

impl Expression {
    /// Parses an expression. The error describes what is wrong.
    pub(super) fn parse(text: &str, zone: &str) -> Result<Self, String> {
        let zone = TimeZone::get(zone).map_err(|_| format!("there is no time zone {zone}"))?;
        let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(moment) = inside("at") {
            let moment: DateTime =
                moment.parse().map_err(|_| format!("{text} is not at(yyyy-mm-ddThh:mm:ss)"))?;
            let moment = moment.to_zoned(zone).map_err(|error| error.to_string())?;
            return Ok(Self::At(moment.timestamp()));
        }
        if let Some(rate) = inside("rate") {
            let (count, unit) =
                rate.split_once(' ').ok_or_else(|| format!("{text} is not rate(value unit)"))?;
            let count: i64 =
                count.parse().map_err(|_| format!("{text} is not rate(value unit)"))?;
            let seconds = match unit.trim_end_matches('s') {
                "minute" => 60,
                "hour" => 3600,
                "day" => 86_400,
                _ => return Err(format!("{unit} is not minutes, hours or days")),
            };
            if count < 1 {
                return Err(format!("{text} must be at least one {unit}"));
            }
            return Ok(Self::Rate(SignedDuration::from_secs(count.saturating_mul(seconds))));
        }
        if let Some(cron) = inside("cron") {
            return Ok(Self::Cron(Box::new(Cron::parse(cron)?), zone));
        }
        Err(format!("{text} is none of at(…), rate(…), cron(…)"))
    }

    /// The first due time. `from` is the schedule's creation, change or start date. A time in the
    /// past is due immediately.
    pub(super) fn first(&self, from: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(*moment),
            // A rate is due immediately.
            Self::Rate(_) => Some(from),
            Self::Cron(..) => {
                self.after(from.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(from))
            }
        }
    }

    /// The due time after `due`. `None`: never again.
    pub(super) fn after(&self, due: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(_) => None,
            Self::Rate(every) => due.checked_add(*every).ok(),
            Self::Cron(cron, zone) => cron.after(due, zone),
        }
    }

    /// The next due time after a pause of the process. Missed times of a recurring expression are
    /// skipped; a missed one-time schedule is still due.
    pub(super) fn caught_up(&self, due: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(*moment),
            Self::Rate(every) if due < now => {
                let every = every.as_secs().max(1);
                let times = now.duration_since(due).as_secs() / every + 1;
                due.checked_add(SignedDuration::from_secs(times.saturating_mul(every))).ok()
            }
            Self::Cron(..) if due < now => self.after(now),
            _ => Some(due),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_time_expression_uses_the_schedules_time_zone() {
        let at = |zone| {
            Expression::parse("at(2026-11-22T02:00:00)", zone)
                .unwrap()
                .first(Timestamp::UNIX_EPOCH)
                .unwrap()
        };
        assert_eq!(at("UTC").to_string(), "2026-11-22T02:00:00Z");
        assert_eq!(at("America/New_York").to_string(), "2026-11-22T07:00:00Z");
    }

    #[test]
    fn a_rate_counts_from_the_start_and_ignores_daylight_saving_time() {
        let rate = Expression::parse("rate(5 minutes)", "UTC").unwrap();
        let first = rate.first(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(first.as_second(), 0);
        assert_eq!(rate.after(first).unwrap().as_second(), 300);
        let day = Expression::parse("rate(1 day)", "America/New_York").unwrap();
        let before_winter = "2026-10-31T12:00:00Z".parse().unwrap();
        assert_eq!(day.after(before_winter).unwrap().to_string(), "2026-11-01T12:00:00Z");
    }

    #[test]
    fn missed_times_are_skipped_except_one_time_schedules() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let rate = Expression::parse("rate(5 minutes)", "UTC").unwrap();
        assert_eq!(rate.caught_up(at(300), at(1000)).unwrap(), at(1200));
        assert_eq!(rate.caught_up(at(1200), at(1000)).unwrap(), at(1200));
        let cron = Expression::parse("cron(0 2 * * ? *)", "UTC").unwrap();
        assert_eq!(
            cron.caught_up(at(7200), at(7200 + 10 * 86_400)).unwrap(),
            at(7200 + 11 * 86_400)
        );
        let once = Expression::parse("at(1970-01-01T01:00:00)", "UTC").unwrap();
        assert_eq!(
            once.caught_up(at(3600), at(7200)).unwrap(),
            at(3600),
            "a missed one-time schedule is still due"
        );
    }

    #[test]
    fn an_invalid_expression_is_rejected_with_a_reason() {
        for (text, reason) in [
            ("at(noon)", "yyyy"),
            ("rate(0 minutes)", "at least"),
            ("rate(5 fortnights)", "fortnights"),
            ("cron(0 2 * * *)", "six fields"),
            ("every night", "cron(…)"),
        ] {
            assert!(Expression::parse(text, "UTC").unwrap_err().contains(reason), "{text}");
        }
        assert!(
            Expression::parse("at(2026-11-22T02:00:00)", "Mars/Olympus")
                .unwrap_err()
                .contains("Mars")
        );
    }
}
