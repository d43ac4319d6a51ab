//! Schedule expressions: when a schedule is due next.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil::DateTime};

/// A schedule's expression, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// `at(2026-11-22T02:00:00)`, in the schedule's time zone: once.
    At(Timestamp),
    /// `rate(5 minutes)`: again and again, counted from the schedule's creation.
    Rate(SignedDuration),
}

impl Expression {
    /// Reads an expression; the error says what is wrong with it.
    pub(super) fn parse(text: &str, zone: &str) -> Result<Self, String> {
        let zone = TimeZone::get(zone).map_err(|_| format!("there is no time zone {zone}"))?;
        let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(moment) = inside("at") {
            let moment: DateTime = moment.parse().map_err(|_| format!("{text} is not at(yyyy-mm-ddThh:mm:ss)"))?;
            let moment = moment.to_zoned(zone).map_err(|error| error.to_string())?;
            return Ok(Self::At(moment.timestamp()));
        }
        if let Some(rate) = inside("rate") {
            let (count, unit) = rate.split_once(' ').ok_or_else(|| format!("{text} is not rate(value unit)"))?;
            let count: i64 = count.parse().map_err(|_| format!("{text} is not rate(value unit)"))?;
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
        Err(format!("{text} is none of the expressions that this scheduler runs: at(…), rate(…)"))
    }

    /// The first time it is due.
    pub(super) fn first(&self, created: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(moment) => Some(*moment),
            Self::Rate(every) => created.checked_add(*every).ok(),
        }
    }

    /// The time after it was due; none when it is over.
    pub(super) fn after(&self, due: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(_) => None,
            Self::Rate(every) => due.checked_add(*every).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_the_schedules_time_zone() {
        let at = |zone| Expression::parse("at(2026-11-22T02:00:00)", zone).unwrap().first(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(at("UTC").to_string(), "2026-11-22T02:00:00Z");
        assert_eq!(at("America/New_York").to_string(), "2026-11-22T07:00:00Z");
    }

    #[test]
    fn a_rate_counts_from_the_creation() {
        let rate = Expression::parse("rate(5 minutes)", "UTC").unwrap();
        let first = rate.first(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(first.as_second(), 300);
        assert_eq!(rate.after(first).unwrap().as_second(), 600);
    }

    #[test]
    fn what_cannot_be_run_is_refused_in_words() {
        for (text, says) in [
            ("at(noon)", "yyyy"),
            ("rate(0 minutes)", "at least"),
            ("rate(5 fortnights)", "fortnights"),
            ("cron(0 2 * * ? *)", "at(…)"),
        ] {
            assert!(Expression::parse(text, "UTC").unwrap_err().contains(says), "{text}");
        }
        assert!(Expression::parse("at(2026-11-22T02:00:00)", "Mars/Olympus").unwrap_err().contains("Mars"));
    }
}
