//! What goes wrong at a source, when tests say so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::records::Records;

/// What incident to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, with a body of the documented kind: `{"message": …}`.
    Status(u16),
    /// This status, with the older kind of body: `{"error": …}`.
    OldStatus(u16),
    /// This status, with a page of HTML.
    Html(u16),
    /// 429, with `retry-after` in seconds.
    RetryAfter(u32),
    /// The answer comes after so long.
    Slow(Duration),
    /// The connection breaks in the middle of the body.
    Reset,
    /// The body ends in the middle, as if that were all.
    Truncated,
    /// The link to the next page leads back to this one, or into the middle of it where it is the
    /// first.
    Loop,
    /// The link to the next page leads to another host.
    ForeignLink,
    /// A page without records that has a next one all the same.
    EmptyPage,
    /// The district's data comes anew before this request is answered, with nothing changed but the
    /// time of it.
    NewData,
}

/// What incident, a fault or something that the district does meanwhile.
#[derive(Clone, Debug)]
pub(super) enum Incident {
    Fault(Fault),
    /// The data of another night comes to Clever.
    Sync {
        district: String,
        night: Arc<dyn Make>,
    },
}

/// Makes the records of a night, given those of before.
pub(super) trait Make: Send + Sync {
    fn make(&self, before: &Records, now: jiff::Timestamp) -> Records;
}

impl std::fmt::Debug for dyn Make {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Night")
    }
}

impl Make for districts::Night {
    fn make(&self, before: &Records, now: jiff::Timestamp) -> Records {
        super::records::of_night(self, before, now)
    }
}

#[derive(Debug)]
struct PlannedIncident {
    path: String,
    skip: u32,
    times: u32,
    incident: Incident,
}

/// Faults that wait for their request.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<VecDeque<PlannedIncident>>);

impl Faults {
    pub(super) fn plan(&self, path: &str, skip: u32, times: u32, incident: Incident) {
        let planned = PlannedIncident { path: path.to_owned(), skip, times, incident };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(planned);
    }

    /// How many requests are still to meet something.
    pub(super) fn waiting(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|planned| u64::from(planned.skip) + u64::from(planned.times)).sum()
    }

    /// Nothing incident any more.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What incident to a request: of several things that wait for it, the one that was planned
    /// first.
    pub(super) fn of(&self, path: &str) -> Option<Incident> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for planned in all.iter_mut().filter(|planned| path.contains(&planned.path)) {
            if planned.skip > 0 {
                planned.skip -= 1;
            } else if found.is_none() {
                planned.times -= 1;
                found = Some(planned.incident.clone());
            }
        }
        all.retain(|planned| planned.times > 0);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_requests_that_it_was_planned_for() {
        let faults = Faults::default();
        faults.plan("/users", 1, 2, Incident::Fault(Fault::Reset));
        faults.plan("role=student", 0, 1, Incident::Fault(Fault::Loop));
        let met = |path: &str| match faults.of(path) {
            Some(Incident::Fault(fault)) => Some(fault),
            _ => None,
        };
        assert_eq!(met("/v3.1/sections"), None);
        assert_eq!(met("/v3.1/users?role=student"), Some(Fault::Loop));
        assert_eq!(met("/v3.1/users?role=student"), Some(Fault::Reset));
        assert_eq!(faults.waiting(), 1);
        assert_eq!(met("/v3.1/users?role=teacher"), Some(Fault::Reset));
        assert_eq!(faults.waiting(), 0);
        assert_eq!(met("/v3.1/users?role=teacher"), None);
    }
}
