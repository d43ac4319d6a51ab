//! Delays: changes that have not reached the source yet, the checks that report them, and the run
//! that will import them.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::{Advice, Check, CheckResult, Facts, Shows, Step, Where};
use roster::schedule::nightly;
use roster::settings::DistrictStatus;

/// The propagation time from which on people, not a sync, pass changes on to the source.
const SLOW_HOURS: f64 = 24.0;

impl Facts<'_> {
    /// Hours that a change needs to reach the source.
    fn propagation_hours(&self) -> f64 {
        self.policy.propagation_hours
    }

    /// Whether the record is not in the newest data, but may be in the next.
    fn may_be_under_way(&self) -> bool {
        let is_missing = self.record().is_none_or(|record| record.in_class == Some(false));
        self.propagation_hours() > 0.0 && is_missing && !self.is_manual()
    }

    /// Whether changes need days to reach the source, because an office passes on finalized
    /// schedules only, as for ATS/STARS.
    pub(super) fn is_slow(&self) -> bool {
        self.propagation_hours() >= SLOW_HOURS
    }

    /// Returns how long a change needs to reach the source.
    fn propagation(&self) -> SignedDuration {
        SignedDuration::try_from_secs_f64(self.propagation_hours() * 3600.0).unwrap_or_default()
    }

    /// Returns how long a change needs to reach the source, in words.
    fn propagation_in_words(&self) -> String {
        match self.propagation_hours() {
            hours if hours < 1.0 => format!("{} minutes", (hours * 60.0).round()),
            hours => format!("{hours} hours"),
        }
    }

    /// Returns the moment before which every change has reached the newest data.
    fn reached_until(&self) -> Option<Timestamp> {
        self.snapshot.as_ref()?.taken_at.checked_sub(self.propagation()).ok()
    }

    /// Advises what to check if changes need days to reach the source, and how long to wait.
    pub(super) fn see_and_wait(&self, what: impl AsRef<str>) -> String {
        let (long, source) =
            (self.propagation_in_words(), self.between().map_or("the source", |(_, name)| name));
        let since = self
            .reached_until()
            .map_or_else(|| " recently".to_owned(), |since| format!(" after {since}"));
        format!(
            "Check in the student information system that the schedule is finalized and that {}. \
             If not, \
             contact the office that maintains it (ATS/STARS: the DIIT office). A change made{since} may \
             not have reached {source} yet: wait until {long} after the change.",
            what.as_ref()
        )
    }

    /// Reports that a schedule may not be finalized. The data does not show it, so the check stays
    /// open. Only for sources that changes need days to reach.
    pub(super) fn schedule_finalized(&self) -> Option<Check> {
        if !self.may_be_under_way() || !self.is_slow() {
            return None;
        }
        let what = "Check in the student information system that the schedule is finalized. If \
            not, contact the office that maintains it (ATS/STARS: the DIIT office).";
        Some(Check {
            check: Step::ScheduleFinalized,
            result: CheckResult::Open,
            found:
                "A schedule is sent on only after it is finalized. The data does not show whether \
                 it is."
                    .into(),
            advice: Some(Advice { place: Where::Sis, what: what.into() }),
        })
    }

    /// Reports how long a change needs to reach the source. Only if the record is not in the newest
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
            result: CheckResult::Open,
            found: format!("A change needs {long} to reach the source{begins}.{newest}"),
            advice: Some(Advice {
                place: Where::Sis,
                what: format!("If it was changed later, wait until {long} after the change."),
            }),
        })
    }

    /// Returns the first run that can import a change that is made now.
    pub(super) fn next_run(&self) -> Shows {
        if matches!(self.status, DistrictStatus::Off | DistrictStatus::Paused) {
            return Shows::NotWhileOff;
        }
        let reached = self.now.checked_add(self.propagation()).unwrap_or(self.now);
        let at = self.policy.nightly_at().and_then(|time| next_at(reached, time, self.time_zone));
        at.map_or(Shows::WithUploadAfter { at: reached }, |at| Shows::At { at })
    }
}

/// Returns the start of the first nightly run at `from` or later.
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
