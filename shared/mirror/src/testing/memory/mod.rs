//! Everything in memory, for tests: as strict as the real services where strictness matters, and
//! with a switch for the way in which they are slow.

mod bus;
mod connected;
mod desk;
mod directory;
mod nightly;
mod notices;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use roster::contract::Administrator;
use roster::id::{DistrictId, RunId};
use roster::settings::{DistrictStatus, Settings};
use xxhash_rust::xxh3::xxh3_64;

use crate::MirrorError;
use crate::keys;
use crate::ports::connected::Connected;
use crate::ports::districts::{
    Applied, Changed, District, Districts, Latest, Lease, Leases, ReleaseLease, TakeLease, Wrote,
};
use crate::ports::idempotency::Once;
use crate::ports::items::{
    BATCH, Page, PutItem, Range, ReadItem, ReadItems, Write, WriteItems, Written,
};
use crate::ports::objects::{
    Fetched, ObjectInfo, ObjectRef, PartedUpload, ReadObjects, WriteObjects,
};
use crate::ports::one_time::OneTimeSchedules;
use crate::ports::runs::{RunRecord, Runs};
use crate::ports::transact::{End, MOST_STEPS, Step, Transact, Transacted};

pub use bus::MemoryBus;
pub use secrets::MemorySecrets;

/// Items of a page: few, so that every test reads several.
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
    /// By source and id there.
    connected: BTreeMap<(String, String), Connected>,
    taking: Taking,
    items_written: u64,
}

/// Which writes are done; none: all are.
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
    /// From now on every `n`-th write is left undone, as a throttled table does; 0: none.
    pub fn leave_every(&self, n: u64) {
        let mut seen = 0_u64;
        self.take_if(move |_| {
            seen += 1;
            n == 0 || !seen.is_multiple_of(n)
        });
    }

    /// From now on a write is done only if `takes` says so, and otherwise left undone. It is asked
    /// once for each write of a batch, and once for a transaction, about its first step; it may
    /// move a clock by what a write costs.
    pub fn take_if(&self, takes: impl FnMut(&Write) -> bool + Send + 'static) {
        lock(&self.0).taking = Taking(Some(Box::new(takes)));
    }

    /// All mirror items, by partition and sort key.
    pub fn items(&self) -> BTreeMap<(String, String), PutItem> {
        lock(&self.0).items.clone()
    }

    /// How many mirror items were ever written or taken away.
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

impl Districts for MemoryTable {
    async fn district(&self, id: &DistrictId) -> Result<Option<District>, MirrorError> {
        Ok(lock(&self.0).districts.get(id).cloned())
    }

    async fn create(
        &self,
        id: &DistrictId,
        settings: &Settings,
        status: DistrictStatus,
    ) -> Result<Wrote, MirrorError> {
        let mut table = lock(&self.0);
        if table.districts.contains_key(id) {
            return Ok(Wrote::AlreadyThere);
        }
        let district = District {
            id: id.clone(),
            settings: settings.clone(),
            status,
            lease: None,
            latest: None,
            applied: None,
            open: None,
        };
        table.districts.insert(id.clone(), district);
        Ok(Wrote::Yes)
    }

    async fn configure(
        &self,
        id: &DistrictId,
        settings: &Settings,
        status: DistrictStatus,
    ) -> Result<Changed, MirrorError> {
        let mut table = lock(&self.0);
        let Some(district) = table.districts.get_mut(id) else { return Ok(Changed::No) };
        district.settings = settings.clone();
        district.status = status;
        Ok(Changed::Yes)
    }

    async fn accept(
        &self,
        id: &DistrictId,
        latest: &Latest,
        seen: Option<&RunId>,
    ) -> Result<Changed, MirrorError> {
        let mut table = lock(&self.0);
        match table.districts.get_mut(id) {
            Some(district) if district.latest.as_ref().map(|l| &l.run) == seen => {
                district.latest = Some(latest.clone());
                Ok(Changed::Yes)
            }
            _ => Ok(Changed::No),
        }
    }

    async fn administrators(&self, id: &DistrictId) -> Result<Vec<Administrator>, MirrorError> {
        Ok(lock(&self.0).administrators.get(id).cloned().unwrap_or_default())
    }

    async fn put_administrator(
        &self,
        id: &DistrictId,
        administrator: &Administrator,
    ) -> Result<(), MirrorError> {
        let mut table = lock(&self.0);
        let all = table.administrators.entry(id.clone()).or_default();
        all.retain(|other| other.email != administrator.email);
        all.push(administrator.clone());
        Ok(())
    }
}

impl Leases for MemoryTable {
    async fn take(
        &self,
        id: &DistrictId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<TakeLease, MirrorError> {
        let mut table = lock(&self.0);
        let table = &mut *table;
        let Some(district) = table.districts.get_mut(id) else { return Ok(TakeLease::NoDistrict) };
        if let Some(lease) = &district.lease
            && lease.owner != owner
            && lease.until >= now
        {
            return Ok(TakeLease::Held { until: lease.until });
        }
        let token = table.tokens.entry(id.clone()).or_default();
        *token += 1;
        district.lease = Some(Lease { owner: owner.into(), token: *token, until });
        Ok(TakeLease::Taken(Box::new(district.clone())))
    }

    async fn release(
        &self,
        id: &DistrictId,
        token: u64,
        seen: Option<&RunId>,
    ) -> Result<ReleaseLease, MirrorError> {
        let mut table = lock(&self.0);
        let Some(district) = table.districts.get_mut(id) else { return Ok(ReleaseLease::Released) };
        if district.lease.as_ref().is_none_or(|lease| lease.token != token) {
            return Ok(ReleaseLease::Released);
        }
        if district.latest.as_ref().map(|l| &l.run) != seen {
            return Ok(ReleaseLease::NewerSnapshot);
        }
        district.lease = None;
        Ok(ReleaseLease::Released)
    }

    async fn set_open(
        &self,
        id: &DistrictId,
        token: u64,
        run: &RunId,
    ) -> Result<Changed, MirrorError> {
        Ok(self.with_lease(id, token, |district| district.open = Some(run.clone())))
    }

    async fn set_applied(
        &self,
        id: &DistrictId,
        token: u64,
        applied: &Applied,
    ) -> Result<Changed, MirrorError> {
        Ok(self.with_lease(id, token, |district| district.applied = Some(applied.clone())))
    }
}

impl Runs for MemoryTable {
    async fn run(
        &self,
        district: &DistrictId,
        run: &RunId,
    ) -> Result<Option<RunRecord>, MirrorError> {
        Ok(lock(&self.0).runs.get(&(district.clone(), run.clone())).cloned())
    }

    async fn newest(
        &self,
        district: &DistrictId,
        at_most: usize,
    ) -> Result<Vec<RunRecord>, MirrorError> {
        let table = lock(&self.0);
        Ok(table
            .runs
            .values()
            .rev()
            .filter(|run| run.district == *district)
            .take(at_most)
            .cloned()
            .collect())
    }

    async fn begin(&self, record: &RunRecord) -> Result<Wrote, MirrorError> {
        let mut table = lock(&self.0);
        let key = (record.district.clone(), record.run.clone());
        if table.runs.contains_key(&key) {
            return Ok(Wrote::AlreadyThere);
        }
        table.runs.insert(key, record.clone());
        Ok(Wrote::Yes)
    }

    async fn save(&self, record: &mut RunRecord) -> Result<Changed, MirrorError> {
        let mut table = lock(&self.0);
        match table.runs.get_mut(&(record.district.clone(), record.run.clone())) {
            Some(stored) if stored.revision == record.revision && stored.token <= record.token => {
                record.revision += 1;
                *stored = record.clone();
                Ok(Changed::Yes)
            }
            _ => Ok(Changed::No),
        }
    }
}

impl ReadItems for MemoryTable {
    async fn page(
        &self,
        district: &DistrictId,
        shard: u8,
        range: Range<'_>,
        after: Option<&str>,
    ) -> Result<Page, MirrorError> {
        let pk = keys::shard_pk(district, shard);
        let table = lock(&self.0);
        let (begin, end) = match range {
            Range::Whole => ("", None),
            Range::BeginningWith(text) => (text, None),
            Range::Record(sk) => (sk, Some(keys::after_record(sk))),
        };
        // A page begins where the last one ended, and does not walk through all before it.
        let first = match after.filter(|after| *after >= begin) {
            Some(after) => Bound::Excluded((pk.clone(), after.to_owned())),
            None => Bound::Included((pk.clone(), begin.to_owned())),
        };
        let mut items: Vec<ReadItem> = table
            .items
            .range((first, Bound::Unbounded))
            .take_while(|((p, sk), _)| *p == pk && sk.starts_with(begin))
            .take_while(|((_, sk), _)| end.as_ref().is_none_or(|end| sk <= end))
            .take(PAGE + 1)
            .map(|(_, item)| ReadItem {
                sk: item.sk.clone(),
                body: item.body.clone(),
                more: item.more.clone(),
            })
            .collect();
        let next = (items.len() > PAGE).then(|| {
            items.pop();
            items.last().map(|item| item.sk.clone()).unwrap_or_default()
        });
        Ok(Page { units: items.len() as f64 * 0.5, items, next })
    }
}

impl WriteItems for MemoryTable {
    async fn write(&self, batch: Vec<Write>) -> Result<Written, MirrorError> {
        let mut table = lock(&self.0);
        let table = &mut *table;
        let mut seen = BTreeSet::new();
        for write in &batch {
            let key = match write {
                Write::Put(item) => (&item.pk, &item.sk),
                Write::Delete { pk, sk } => (pk, sk),
            };
            if !seen.insert(key) {
                return Err(MirrorError::service(
                    "write to the mirror",
                    "one batch has one key twice",
                ));
            }
            if write.size() > 400 * 1024 {
                return Err(MirrorError::service(
                    "write to the mirror",
                    "an item has more than 400 KB",
                ));
            }
        }
        if batch.is_empty() || batch.len() > BATCH {
            return Err(MirrorError::service("write to the mirror", "a batch has 1 to 25 writes"));
        }
        let mut written = Written::default();
        for write in batch {
            if !table.taking.takes(&write) {
                written.left.push(write);
                continue;
            }
            written.units += 1.0;
            table.items_written += 1;
            match write {
                Write::Put(item) => table.items.insert((item.pk.clone(), item.sk.clone()), item),
                Write::Delete { pk, sk } => table.items.remove(&(pk, sk)),
            };
        }
        Ok(written)
    }
}

impl Transact for MemoryTable {
    async fn transact(&self, steps: Vec<Step>) -> Result<Transacted, MirrorError> {
        let mut table = lock(&self.0);
        let table = &mut *table;
        let key = |write: &Write| match write {
            Write::Put(item) => (item.pk.clone(), item.sk.clone()),
            Write::Delete { pk, sk } => (pk.clone(), sk.clone()),
        };
        let keys: BTreeSet<_> = steps.iter().map(|step| key(&step.write)).collect();
        if steps.is_empty() || keys.len() != steps.len() || steps.len() > MOST_STEPS {
            return Err(MirrorError::service(
                "write under conditions",
                "1 to 100 steps, each on an item of its own",
            ));
        }
        if steps.first().is_some_and(|step| !table.taking.takes(&step.write)) {
            return Ok(Transacted { end: End::Throttled, units: 0.0 });
        }
        let refused = steps.iter().position(|step| {
            let there = table.items.get(&key(&step.write));
            step.check.as_ref().is_some_and(|check| !check.holds(there))
        });
        let units = 2.0 * steps.len() as f64;
        if let Some(step) = refused {
            return Ok(Transacted { end: End::Refused { step }, units });
        }
        for step in steps {
            table.items_written += 1;
            match step.write {
                Write::Put(item) => table.items.insert((item.pk.clone(), item.sk.clone()), item),
                Write::Delete { pk, sk } => table.items.remove(&(pk, sk)),
            };
        }
        Ok(Transacted { end: End::Done, units })
    }

    async fn body(&self, pk: &str, sk: &str) -> Result<Option<String>, MirrorError> {
        Ok(lock(&self.0).items.get(&(pk.to_owned(), sk.to_owned())).map(|item| item.body.clone()))
    }
}

/// A bucket.
#[derive(Clone, Debug, Default)]
pub struct MemoryObjects(Arc<Mutex<Bucket>>);

#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, Object>,
    parts: BTreeMap<String, BTreeMap<i32, Vec<u8>>>,
    uploads: u64,
}

#[derive(Clone, Debug)]
struct Object {
    body: Vec<u8>,
    etag: String,
    as_of: Option<String>,
}

impl MemoryObjects {
    /// Puts an object as an uploader does; gives its entity tag.
    pub fn upload(&self, key: &str, body: impl Into<Vec<u8>>, as_of: Option<&str>) -> String {
        let body = body.into();
        let etag = format!("{:016x}", xxh3_64(&body));
        let object = Object { body, etag: etag.clone(), as_of: as_of.map(str::to_owned) };
        lock(&self.0).objects.insert(key.into(), object);
        etag
    }

    /// Takes an object away.
    pub fn remove(&self, key: &str) {
        lock(&self.0).objects.remove(key);
    }

    /// The keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        lock(&self.0).objects.keys().cloned().collect()
    }

    /// An object's bytes.
    pub fn body(&self, key: &str) -> Option<Vec<u8>> {
        lock(&self.0).objects.get(key).map(|object| object.body.clone())
    }
}

fn info(key: &str, object: &Object) -> ObjectInfo {
    ObjectInfo {
        object: ObjectRef { key: key.into(), etag: object.etag.clone(), version: None },
        size: object.body.len() as u64,
        modified: None,
        as_of: object.as_of.clone(),
    }
}

impl ReadObjects for MemoryObjects {
    async fn head(
        &self,
        key: &str,
        _version: Option<&str>,
    ) -> Result<Option<ObjectInfo>, MirrorError> {
        Ok(lock(&self.0).objects.get(key).map(|object| info(key, object)))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, MirrorError> {
        Ok(self.body(key))
    }

    async fn range(
        &self,
        object: &ObjectRef,
        from: u64,
        length: u64,
    ) -> Result<Fetched, MirrorError> {
        let bucket = lock(&self.0);
        Ok(match bucket.objects.get(&object.key) {
            None => Fetched::Missing,
            Some(stored) if !object.etag.is_empty() && stored.etag != object.etag => {
                Fetched::Changed
            }
            Some(stored) => {
                let end = (from + length).min(stored.body.len() as u64) as usize;
                Fetched::Bytes(stored.body.get(from as usize..end).unwrap_or_default().to_vec())
            }
        })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, MirrorError> {
        let bucket = lock(&self.0);
        let below = bucket
            .objects
            .iter()
            .filter(|(key, _)| key.strip_prefix(prefix).is_some_and(|rest| !rest.contains('/')));
        Ok(below.map(|(key, object)| ObjectInfo { as_of: None, ..info(key, object) }).collect())
    }
}

impl WriteObjects for MemoryObjects {
    async fn put(
        &self,
        key: &str,
        _content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<(), MirrorError> {
        self.upload(key, body, None);
        Ok(())
    }

    async fn begin_parts(
        &self,
        key: &str,
        _content_type: &'static str,
    ) -> Result<PartedUpload, MirrorError> {
        let mut bucket = lock(&self.0);
        bucket.uploads += 1;
        let id = format!("upload-{}", bucket.uploads);
        bucket.parts.insert(id.clone(), BTreeMap::new());
        Ok(PartedUpload { key: key.into(), id })
    }

    async fn put_part(
        &self,
        upload: &PartedUpload,
        number: i32,
        body: Vec<u8>,
    ) -> Result<String, MirrorError> {
        let mut bucket = lock(&self.0);
        let parts = bucket
            .parts
            .get_mut(&upload.id)
            .ok_or(MirrorError::Missing { what: "a multipart upload" })?;
        parts.insert(number, body);
        Ok(format!("part-{number}"))
    }

    async fn finish_parts(
        &self,
        upload: &PartedUpload,
        tags: Vec<String>,
    ) -> Result<(), MirrorError> {
        let parts = lock(&self.0)
            .parts
            .remove(&upload.id)
            .ok_or(MirrorError::Missing { what: "a multipart upload" })?;
        let expected: Vec<String> =
            (1..=parts.len()).map(|number| format!("part-{number}")).collect();
        let (last, others) = (parts.len(), parts.iter());
        if tags != expected
            || others.clone().any(|(n, part)| (*n as usize) < last && part.len() < 5 * 1024 * 1024)
        {
            return Err(MirrorError::service(
                "complete a multipart upload",
                "parts are missing or too small",
            ));
        }
        self.upload(&upload.key, parts.into_values().collect::<Vec<_>>().concat(), None);
        Ok(())
    }

    async fn abort_parts(&self, upload: &PartedUpload) -> Result<(), MirrorError> {
        lock(&self.0).parts.remove(&upload.id);
        Ok(())
    }
}

/// Schedules: one-time ones wait until a test takes them, those of districts stay.
#[derive(Clone, Debug, Default)]
pub struct MemorySchedules {
    once: Arc<Mutex<BTreeMap<String, (Timestamp, String)>>>,
    nights: Arc<Mutex<nightly::Nights>>,
}

impl MemorySchedules {
    /// Takes all schedules: name, time, payload, the earliest first.
    pub fn take_all(&self) -> Vec<(String, Timestamp, String)> {
        let mut all: Vec<_> = std::mem::take(&mut *lock(&self.once))
            .into_iter()
            .map(|(name, (at, payload))| (name, at, payload))
            .collect();
        all.sort_by_key(|(_, at, _)| *at);
        all
    }
}

impl OneTimeSchedules for MemorySchedules {
    async fn schedule_once(
        &self,
        _function: &str,
        name: &str,
        at: Timestamp,
        payload: &str,
    ) -> Result<Wrote, MirrorError> {
        let mut all = lock(&self.once);
        if all.contains_key(name) {
            return Ok(Wrote::AlreadyThere);
        }
        all.insert(name.into(), (at, payload.into()));
        Ok(Wrote::Yes)
    }
}
