//! What goes wrong at a source, when tests say so.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, with a body of the documented kind: `{"message": …}`.
    Status(u16),
    /// This status, with the older kind of body: `{"error": …}`.
    OldStatus(u16),
    /// This status, with a page of HTML.
    Html(u16),
    /// 429, with `retry-after` in seconds.
    RetryAfter(u64),
    /// The answer comes after so long.
    Slow(Duration),
    /// The connection breaks in the middle of the body.
    Reset,
    /// The body ends in the middle, as if that were all.
    Truncated,
    /// The link to the next page leads back to this one.
    Loop,
    /// The link to the next page leads to another host.
    ForeignLink,
    /// The district's data comes anew while the pull runs.
    NewData,
}

#[derive(Debug)]
struct Planned {
    path: String,
    skip: u32,
    times: u32,
    fault: Fault,
}

/// Faults that wait for their request.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Planned>>);

impl Faults {
    pub(super) fn plan(&self, path: &str, skip: u32, times: u32, fault: Fault) {
        let planned = Planned { path: path.to_owned(), skip, times, fault };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(planned);
    }

    /// The fault of a request, if one waits for it.
    pub(super) fn of(&self, path: &str) -> Option<Fault> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let planned = all.iter_mut().find(|planned| planned.times > 0 && path.contains(&planned.path))?;
        if planned.skip > 0 {
            planned.skip -= 1;
            return None;
        }
        planned.times -= 1;
        Some(planned.fault.clone())
    }
}
