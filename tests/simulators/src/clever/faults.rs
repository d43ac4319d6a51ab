//! Faults, and syncs that happen during a pull.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::records::Records;

/// A fault that tests can plan for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, with the documented body: `{"message": …}`.
    Status(u16),
    /// This status, with the older body: `{"error": …}`.
    OldStatus(u16),
    /// This status, with an HTML page.
    Html(u16),
    /// 429, with `retry-after` in seconds.
    RetryAfter(u32),
    /// The answer is delayed.
    Slow(Duration),
    /// The connection breaks in the middle of the body.
    Reset,
    /// The body is cut in the middle, without an error.
    Truncated,
    /// The link to the next page leads back to this page, or to the middle of the first page.
    Loop,
    /// The link to the next page leads to another host.
    ForeignLink,
    /// A page without records that links to a next page.
    EmptyPage,
    /// A sync without changes finishes before this request is answered.
    NewData,
}

/// What happens to a request: a fault, or a sync of the district.
#[derive(Clone, Debug)]
pub(super) enum Incident {
    Fault(Fault),
    /// Clever receives the data of another night.
    Sync {
        district: String,
        night: Arc<dyn BuildRecords>,
    },
}

/// Builds the records of a night. `before` are the current records; unchanged records keep their
/// times.
pub(super) trait BuildRecords: Send + Sync {
    fn build(&self, before: &Records, now: jiff::Timestamp) -> Records;
}

impl std::fmt::Debug for dyn BuildRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Night")
    }
}

impl BuildRecords for districts::Night {
    fn build(&self, before: &Records, now: jiff::Timestamp) -> Records {
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

/// The planned incidents.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<VecDeque<PlannedIncident>>);

impl Faults {
    pub(super) fn plan(&self, path: &str, skip: u32, times: u32, incident: Incident) {
        let planned = PlannedIncident { path: path.to_owned(), skip, times, incident };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(planned);
    }

    /// How many more requests must arrive until every planned incident has happened.
    pub(super) fn remaining(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|planned| u64::from(planned.skip) + u64::from(planned.times)).sum()
    }

    /// Cancels the planned incidents.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The incident of a request. If several are planned for it, the first.
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
    fn a_fault_affects_the_requests_it_was_planned_for() {
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
        assert_eq!(faults.remaining(), 1);
        assert_eq!(met("/v3.1/users?role=teacher"), Some(Fault::Reset));
        assert_eq!(faults.remaining(), 0);
        assert_eq!(met("/v3.1/users?role=teacher"), None);
    }
}
