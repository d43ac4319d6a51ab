//! All ports in memory, for tests: they check the limits of the real services that the tests depend
//! on, and can be throttled.

mod bus;
mod connected_districts;
mod directory;
mod district_settings;
mod districts;
mod erase;
mod idempotency;
mod items;
mod objects;
mod runs;
mod schedules;
mod secrets;
mod webhook_events;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use roster::contract::Administrator;
use roster::id::{DistrictId, RunId};

use crate::ports::connected_districts::Connected;
use crate::ports::districts::{Changed, District};
use crate::ports::idempotency::Once;
use crate::ports::items::{PutItem, Write};
use crate::ports::runs::RunRecord;

pub use bus::MemoryBus;
pub use objects::MemoryObjects;
pub use schedules::MemorySchedules;
pub use secrets::MemorySecrets;

/// The number of items of a page, so small that every test reads several pages.
const PAGE: usize = 7;

/// The table.
#[derive(Clone, Debug, Default)]
pub struct MemoryTable(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    districts: BTreeMap<DistrictId, District>,
    tokens: BTreeMap<DistrictId, u64>,
    administrators: BTreeMap<DistrictId, Vec<Administrator>>,
    runs: BTreeMap<(DistrictId, RunId), RunRecord>,
    items: BTreeMap<(String, String), PutItem>,
    answers: BTreeMap<(DistrictId, String), Once>,
    notices: BTreeSet<String>,
    notice_counts: BTreeMap<String, u64>,
    /// By source, and by the district's id at the source.
    connected: BTreeMap<(String, String), Connected>,
    taking: Taking,
    items_written: u64,
    delay: Option<Delay>,
}

/// Batches after the first `from` take `by` longer.
#[derive(Clone, Copy, Debug)]
struct Delay {
    from: u64,
    by: Duration,
    seen: u64,
}

/// Decides which writes are done. With `None`, all are.
#[derive(Default)]
struct Taking(Option<Box<TakesWrite>>);

type TakesWrite = dyn FnMut(&Write) -> bool + Send;

impl Taking {
    fn takes(&mut self, write: &Write) -> bool {
        self.0.as_mut().is_none_or(|takes| takes(write))
    }
}

impl fmt::Debug for Taking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Taking(some)" } else { "Taking(all)" })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryTable {
    /// From now on, every `n`-th write stays unprocessed, as in a throttled table. With 0, all
    /// writes are done.
    pub fn leave_every(&self, n: u64) {
        let mut seen = 0_u64;
        self.take_if(move |_| {
            seen += 1;
            n == 0 || !seen.is_multiple_of(n)
        });
    }

    /// From now on, a write is done only if `takes` returns true, and stays unprocessed otherwise.
    /// `takes` is called once for each write of a batch, and once for a transaction, with its first
    /// step. It may advance a test's clock by the duration of a write.
    pub fn take_if(&self, takes: impl FnMut(&Write) -> bool + Send + 'static) {
        lock(&self.0).taking = Taking(Some(Box::new(takes)));
    }

    /// From now on all batches after the first `from` take effect only after some time, like
    /// requests that are still on their way. With zero time, none does.
    pub fn slow_after(&self, from: u64, by: Duration) {
        lock(&self.0).delay = (!by.is_zero()).then_some(Delay { from, by, seen: 0 });
    }

    /// Returns how long the next batch takes.
    fn delay(&self) -> Option<Duration> {
        let mut table = lock(&self.0);
        let delay = table.delay.as_mut()?;
        delay.seen += 1;
        (delay.seen > delay.from).then_some(delay.by)
    }

    /// Returns all mirror items, by partition key and sort key.
    pub fn items(&self) -> BTreeMap<(String, String), PutItem> {
        lock(&self.0).items.clone()
    }

    /// Returns the number of mirror items written or deleted so far.
    pub fn items_written(&self) -> u64 {
        lock(&self.0).items_written
    }

    fn with_lease(
        &self,
        id: &DistrictId,
        token: u64,
        change: impl FnOnce(&mut District),
    ) -> Changed {
        let mut table = lock(&self.0);
        match table.districts.get_mut(id) {
            Some(district) if district.lease.as_ref().is_some_and(|lease| lease.token == token) => {
                change(district);
                Changed::Yes
            }
            _ => Changed::No,
        }
    }
}
