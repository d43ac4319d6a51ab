//! What may only be late: changes that are on their way to the source, the steps that ask about
//! them, and the run that will bring them.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::{Advice, Came, Check, Facts, Shows, Step, Where};
use roster::schedule::nightly;
use roster::settings::DistrictStatus;

/// A source that changes need so long to reach gets them from people, and not by a machine's next
/// sync.
const SLOW_HOURS: f64 = 24.0;

impl Facts<'_> {
    /// Whether something is not in the newest data, and may be on its way.
    fn may_be_under_way(&self) -> bool {
        let is_missing = self.record().is_none_or(|record| record.in_class == Some(false));
        self.policy.propagation_hours > 0.0 && is_missing && !self.is_manual()
    }

    /// Whether changes need days to reach the source: then somebody passes finalised schedules on,
    /// as for ATS/STARS.
    pub(super) fn is_slow(&self) -> bool {
        self.policy.propagation_hours >= SLOW_HOURS
    }

    /// How long a change needs to reach the source.
    fn propagation(&self) -> SignedDuration {
        SignedDuration::try_from_secs_f64(self.policy.propagation_hours * 3600.0)
            .unwrap_or_default()
    }

    /// The same in words.
    fn propagation_in_words(&self) -> String {
        match self.policy.propagation_hours {
            hours if hours < 1.0 => format!("{} minutes", (hours * 60.0).round()),
            hours => format!("{hours} hours"),
        }
    }

    /// The moment before which every change has reached the newest data.
    fn reached_until(&self) -> Option<Timestamp> {
        self.snapshot.as_ref()?.taken_at.checked_sub(self.propagation()).ok()
    }

    /// What to look at where changes need days, and until when to wait for them.
    pub(super) fn see_and_wait(&self, what: impl AsRef<str>) -> String {
        let (long, source) =
            (self.propagation_in_words(), self.between().map_or("the source", |(_, name)| name));
        let since = self
            .reached_until()
            .map_or_else(|| " recently".to_owned(), |since| format!(" after {since}"));
        format!(
            "Check in the student information system that the schedule is finalized and that {}. If not, \
             contact the office that maintains it (ATS/STARS: the DIIT office). A change made{since} may \
             not have reached {source} yet: wait until {long} after the change.",
            what.as_ref()
        )
    }

    /// Only a person can tell, where the source gets nothing but finalised schedules.
    pub(super) fn schedule_finalised(&self) -> Option<Check> {
        if !self.may_be_under_way() || !self.is_slow() {
            return None;
        }
        let what = "Check in the student information system that the schedule is finalized. If not, contact the office that maintains it (ATS/STARS: the DIIT office).";
        Some(Check {
            check: Step::ScheduleFinalised,
            came: Came::Open,
            found:
                "A schedule is sent on only after it is finalized. The data does not show whether it is."
                    .into(),
            advice: Some(Advice { place: Where::Sis, what: what.into() }),
        })
    }

    /// Only for sources that changes reach late, and only where something is not in the newest
    /// data.
    pub(super) fn propagation_over(&self) -> Option<Check> {
        if !self.may_be_under_way() {
            return None;
        }
        let long = self.propagation_in_words();
        let begins = if self.is_slow() { " after the schedule is finalized" } else { "" };
        let newest = self.reached_until().map_or_else(String::new, |until| {
            format!(" The newest data contains the changes made before {until}.")
        });
        Some(Check {
            check: Step::PropagationOver,
            came: Came::Open,
            found: format!("A change needs {long} to reach the source{begins}.{newest}"),
            advice: Some(Advice {
                place: Where::Sis,
                what: format!("If it was changed later, wait until {long} after the change."),
            }),
        })
    }

    /// The first run that can bring in a change that is made now.
    pub(super) fn next_run(&self) -> Shows {
        if matches!(self.status, DistrictStatus::Off | DistrictStatus::Paused) {
            return Shows::NotWhileOff;
        }
        let reached = self.now.checked_add(self.propagation()).unwrap_or(self.now);
        let at =
            self.policy.schedule.time().and_then(|time| next_at(reached, time, self.time_zone));
        at.map_or(Shows::WithUploadAfter { at: reached }, |at| Shows::At { at })
    }
}

/// The first night of a district that begins at `from` or later.
fn next_at(from: Timestamp, wished: Time, zone: &str) -> Option<Timestamp> {
    let zone = TimeZone::get(zone).ok()?;
    let time = nightly(wished, &zone, from);
    let today = from.to_zoned(zone.clone()).date();
    let on = |day: Date| day.to_datetime(time).to_zoned(zone.clone()).ok().map(|at| at.timestamp());
    match on(today)? {
        at if at >= from => Some(at),
        _ => on(today.checked_add(1.day()).ok()?),
    }
}
