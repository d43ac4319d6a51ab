//! Storage that fails at a chosen call, or that another writer changes before a chosen call. For
//! tests of crashes, and of edits during a run.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use roster::contract::Administrator;
use roster::id::{DistrictId, RunId, SourceId};
use roster::personal::{Personal, Secret};
use roster::records::{Link, RecordKind};
use roster::settings::{DistrictStatus, Settings};

use crate::MirrorError;
use crate::eventbridge::Bus;
use crate::eventbridge::event::Event;
use crate::ports::connected_districts::{Connected, ConnectedDistricts};
use crate::ports::directory::{Directory, Found, InSchool, Listed, Place};
use crate::ports::district_settings::{Configured, SettingsStore};
use crate::ports::districts::{
    Applied, Changed, District, Districts, Latest, Leases, ReleaseLease, TakeLease, Wrote,
};
use crate::ports::erase::{EraseItems, EraseObjects, ItemToErase, ItemsToErase, ObjectToErase};
use crate::ports::idempotency::{Answer, Begun, IdempotencyRecords, IdempotentRequest};
use crate::ports::items::{Page, Range, ReadItems, Write, WriteItems, Written};
use crate::ports::objects::{
    Fetched, ObjectInfo, ObjectRef, PartedUpload, ReadObjects, WriteObjects,
};
use crate::ports::one_time::OneTimeSchedules;
use crate::ports::pull_schedules::{NightlySchedule, NightlySchedules};
use crate::ports::runs::{RunRecord, Runs};
use crate::ports::secrets::Secrets;
use crate::ports::transact::{Step, Transact, Transacted};
use crate::ports::webhook_events::WebhookEvents;

/// The call at which storage fails, counted over all ports that share the cue. All later calls fail
/// too, as after a crash of the process.
#[derive(Clone, Debug)]
pub struct Cue(Arc<State>);

struct State {
    calls: AtomicU64,
    is_given: Box<dyn Fn(u64) -> bool + Send + Sync>,
    done_all_the_same: bool,
    is_once: bool,
    dead: AtomicBool,
    meanwhile: Mutex<Option<Meanwhile>>,
}

/// The action of a concurrent writer.
type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cue")
            .field("calls", &self.calls)
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}

impl Cue {
    /// Returns a cue that never makes a call fail.
    pub fn never() -> Self {
        Self::at(u64::MAX, false)
    }

    /// Returns a cue for call number `at`; the first call has number 0. With `done_all_the_same`,
    /// the call has its effect, but returns an error.
    pub fn at(at: u64, done_all_the_same: bool) -> Self {
        Self::when(move |number| number == at, done_all_the_same)
    }

    /// Returns a cue for the first call whose number `is_given` accepts, for example to simulate a
    /// crash at a given time of a test's clock.
    pub fn when(
        is_given: impl Fn(u64) -> bool + Send + Sync + 'static,
        done_all_the_same: bool,
    ) -> Self {
        Self::new(is_given, done_all_the_same, false)
    }

    /// Fails at call number `at` alone: a service that answers one call with an error. The process
    /// goes on.
    pub fn once(at: u64) -> Self {
        Self::new(move |number| number == at, false, true)
    }

    fn new(
        is_given: impl Fn(u64) -> bool + Send + Sync + 'static,
        done_all_the_same: bool,
        is_once: bool,
    ) -> Self {
        Self(Arc::new(State {
            calls: AtomicU64::new(0),
            is_given: Box::new(is_given),
            done_all_the_same,
            is_once,
            dead: AtomicBool::new(false),
            meanwhile: Mutex::default(),
        }))
    }

    /// Returns a cue that makes no call fail, but runs `happens` immediately before call number
    /// `at`, as a concurrent writer would.
    pub fn before(at: u64, happens: impl Future<Output = ()> + Send + 'static) -> Self {
        let cue = Self::at(at, false);
        *cue.0.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(happens));
        cue
    }

    /// Returns true if a call has failed.
    pub fn was_given(&self) -> bool {
        self.0.dead.load(Ordering::SeqCst)
    }

    /// Returns the number of calls so far.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::SeqCst)
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, MirrorError>>,
    ) -> Result<T, MirrorError> {
        let number = self.0.calls.fetch_add(1, Ordering::SeqCst);
        if self.0.dead.load(Ordering::SeqCst) {
            return Err(MirrorError::service("continue", "the process has crashed"));
        }
        if (self.0.is_given)(number) {
            let meanwhile = self.0.meanwhile.lock().unwrap_or_else(PoisonError::into_inner).take();
            if self.0.is_once {
                return Err(MirrorError::service("go on", "one call failed"));
            }
            let Some(happens) = meanwhile else {
                if self.0.dead.swap(true, Ordering::SeqCst) {
                    return Err(MirrorError::service("continue", "the process has crashed"));
                }
                if self.0.done_all_the_same {
                    let _ = call.await;
                }
                return Err(MirrorError::service("continue", "the test makes this call fail"));
            };
            happens.await;
        }
        call.await
    }
}

/// A port whose calls fail at a cue.
#[derive(Clone, Debug)]
pub struct Failing<T> {
    inner: T,
    cue: Cue,
}

impl<T> Failing<T> {
    /// Wraps a port.
    pub fn new(inner: T, cue: &Cue) -> Self {
        Self { inner, cue: cue.clone() }
    }
}

/// Implements a port: each call is passed to the inner port, unless the cue makes it fail.
macro_rules! under_cue {
    ($port:ident { $(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $answer:ty;)* }) => {
        impl<T: $port> $port for Failing<T> {
            $(async fn $name(&self $(, $arg: $type)*) -> Result<$answer, MirrorError> {
                self.cue.call(self.inner.$name($($arg),*)).await
            })*
        }
    };
}

under_cue! { Districts {
    fn district(&self, id: &DistrictId) -> Option<District>;
    fn create(&self, id: &DistrictId, settings: &Settings, status: DistrictStatus) -> Wrote;
    fn accept(&self, id: &DistrictId, latest: &Latest, seen: Option<&RunId>) -> Changed;
    fn administrators(&self, id: &DistrictId) -> Vec<Administrator>;
    fn put_administrator(&self, id: &DistrictId, administrator: &Administrator) -> ();
} }

under_cue! { Leases {
    fn take(&self, id: &DistrictId, owner: &str, now: Timestamp, until: Timestamp) -> TakeLease;
    fn release(&self, id: &DistrictId, token: u64, seen: Option<&RunId>) -> ReleaseLease;
    fn set_open(&self, id: &DistrictId, token: u64, run: &RunId) -> Changed;
    fn set_applied(&self, id: &DistrictId, token: u64, applied: &Applied) -> Changed;
} }

under_cue! { Runs {
    fn run(&self, district: &DistrictId, run: &RunId) -> Option<RunRecord>;
    fn newest(&self, district: &DistrictId, at_most: usize) -> Vec<RunRecord>;
    fn begin(&self, record: &RunRecord) -> Wrote;
    fn save(&self, record: &mut RunRecord) -> Changed;
} }

under_cue! { ReadItems {
    fn page(&self, district: &DistrictId, shard: u8, range: Range<'_>, after: Option<&str>) -> Page;
} }

under_cue! { WriteItems {
    fn write(&self, batch: Vec<Write>) -> Written;
} }

under_cue! { Transact {
    fn transact(&self, steps: Vec<Step>) -> Transacted;
    fn body(&self, pk: &str, sk: &str) -> Option<String>;
} }

under_cue! { ReadObjects {
    fn head(&self, key: &str, version: Option<&str>) -> Option<ObjectInfo>;
    fn get(&self, key: &str) -> Option<Vec<u8>>;
    fn range(&self, object: &ObjectRef, from: u64, length: u64) -> Fetched;
    fn list(&self, prefix: &str) -> Vec<ObjectInfo>;
} }

under_cue! { WriteObjects {
    fn put(&self, key: &str, content_type: &'static str, body: Vec<u8>) -> ();
    fn begin_parts(&self, key: &str, content_type: &'static str) -> PartedUpload;
    fn put_part(&self, upload: &PartedUpload, number: i32, body: Vec<u8>) -> String;
    fn finish_parts(&self, upload: &PartedUpload, tags: Vec<String>) -> ();
    fn abort_parts(&self, upload: &PartedUpload) -> ();
} }

under_cue! { OneTimeSchedules {
    fn schedule_once(&self, function: &str, name: &str, at: Timestamp, payload: &str) -> Wrote;
} }

under_cue! { NightlySchedules {
    fn schedule_names(&self) -> Vec<String>;
    fn schedule(&self, name: &str) -> Option<NightlySchedule>;
    fn put_schedule(&self, schedule: &NightlySchedule) -> ();
    fn remove_schedule(&self, name: &str) -> ();
} }

under_cue! { WebhookEvents {
    fn is_recorded(&self, digest: &str) -> bool;
    fn record(&self, digest: &str, until: Timestamp) -> Wrote;
    fn count(&self, stretch: &str, until: Timestamp) -> u64;
} }

under_cue! { Bus {
    fn put(&self, event: &Event) -> ();
} }

under_cue! { Secrets {
    fn secret(&self, name: &str) -> Option<Secret>;
} }

under_cue! { Directory {
    fn found(&self, district: &DistrictId, place: &Place) -> Found;
    fn find_many(&self, district: &DistrictId, places: &[Place], slots: &[&str]) -> Vec<Found>;
    fn in_school(&self, district: &DistrictId, question: InSchool<'_>) -> Listed;
    fn with_email(&self, district: &DistrictId, email: &Personal) -> Vec<Place>;
    fn link(&self, district: &DistrictId, kind: RecordKind, source: &SourceId) -> Option<Link>;
} }

under_cue! { SettingsStore {
    fn configured(&self, id: &DistrictId) -> Option<Configured>;
    fn reconfigure(&self, id: &DistrictId, seen: &Configured, settings: &Settings, status: DistrictStatus) -> Changed;
} }

under_cue! { ConnectedDistricts {
    fn connected(&self, source: &str) -> Vec<Connected>;
    fn add_connected(&self, source: &str, connected: &Connected) -> Wrote;
    fn update_connected(&self, source: &str, connected: &Connected) -> ();
} }

under_cue! { IdempotencyRecords {
    fn claim(&self, district: &DistrictId, request: IdempotentRequest<'_>) -> Begun;
    fn finish(&self, district: &DistrictId, request: IdempotentRequest<'_>, answer: Answer) -> ();
    fn forget(&self, district: &DistrictId, request: IdempotentRequest<'_>) -> ();
} }

under_cue! { EraseItems {
    fn first_items(&self, pk: &str) -> ItemsToErase;
    fn erase_items(&self, items: &[ItemToErase]) -> ();
} }

under_cue! { EraseObjects {
    fn first_versions(&self, prefix: &str) -> Vec<ObjectToErase>;
    fn erase_versions(&self, objects: &[ObjectToErase]) -> ();
} }
