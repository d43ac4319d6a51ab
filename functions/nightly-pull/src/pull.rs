//! One pull, from its first page to the snapshot's manifest.
//!
//! The order of writes makes it safe to crash anywhere: the run, the pull's state, each page with
//! its cursor, the snapshot's parts, the district's newest snapshot, the manifest, the run's state.
//! The manifest completes the snapshot; the run's state only records it.

mod ending;

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mirror::MirrorError;
use mirror::clock::Invocation;
use mirror::eventbridge::event::Event;
use mirror::files::pulls::{self, Everything};
use mirror::ports::districts::{Changed, District};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::{RunRecord, Runs};
use roster::finding::{Code, pull as codes, upload};
use roster::policy::Policy;
use roster::settings::Pulled;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

use crate::request::{PullRequest, Scope, resume};
use crate::source::{Attempt, PullInterrupted, Reached, Source, SourceContext};
use crate::{Config, PullFailure, PullOutcome, Services, Storage};

/// The delay before the next invocation of a pull that ran out of time.
const CONTINUE_AFTER: Duration = Duration::from_secs(5);

/// The delay before the next request to a source that is down, or whose data is changing.
const RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// The number of times that a pull is delayed because its source is down.
const MAX_OUTAGES: u32 = 3;

/// The number of attempts, if the data changes during each of them.
const MAX_ATTEMPTS: u32 = 4;

/// The state of a pull, stored next to its pages.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// The number of the attempt, from 0. Each attempt has its own pages.
    attempt: u32,
    /// The number of times that the source was down.
    #[serde(rename = "setbacks")]
    outages: u32,
    /// When the attempt began: the time of its snapshot.
    began: Timestamp,
    /// The version of the source's data at that time, or `None` before it was read.
    #[serde(rename = "mark")]
    data_version: Option<Value>,
    /// The full pull on which an incremental pull builds, or `None` for a full pull.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<Everything>,
}

/// How long before the start of the full pull the requested changes begin: the server's clock may
/// be slow, and reading a record twice does no harm.
const MARGIN: Duration = Duration::from_secs(3600);

/// A pull in progress.
pub(crate) struct PullWork<'a, S: Services> {
    config: &'a Config,
    storage: &'a Storage<S>,
    invocation: &'a Invocation,
    requested: &'a PullRequest,
    district: &'a District,
    record: RunRecord,
    /// The source's name.
    source: &'static str,
    /// The full pull on which an incremental pull builds, or `None` for a full pull.
    base: Option<Everything>,
    rng: fastrand::Rng,
}

impl<'a, S: Services> PullWork<'a, S> {
    /// Begins or continues the pull of a run that this invocation owns. `base`: the full pull on
    /// which an incremental pull builds.
    pub(crate) fn new(
        (config, storage): (&'a Config, &'a Storage<S>),
        invocation: &'a Invocation,
        requested: &'a PullRequest,
        district: &'a District,
        record: RunRecord,
        base: Option<Everything>,
    ) -> Self {
        let source = district.settings.source.pulled().map_or("none", Pulled::name);
        let rng = fastrand::Rng::new();
        Self { config, storage, invocation, requested, district, record, source, base, rng }
    }
}

impl<S: Services> PullWork<'_, S> {
    /// Runs the pull until the snapshot is made, the pull is refused, or time is up.
    pub(crate) async fn run<P: Source>(&mut self, source: &P) -> Result<PullOutcome, PullFailure> {
        let policy = match self.prepare(source) {
            Ok(policy) => policy,
            Err((code, why)) => return self.refuse(code, Some(why)).await,
        };
        let PullRequest { district, run, scope, .. } = self.requested;
        let mut state: Option<State> =
            pulls::read_state(&self.storage.internal, district, run).await?;
        if let Some(state) = &state {
            self.base.clone_from(&state.base);
        } else if *scope == Scope::Changes && self.base.is_none() {
            // The run was created, but its full pull has expired since.
            return self.refuse(&codes::CHANGES_TOO_LATE, None).await;
        }
        let mut rejected: Option<P::Key> = None;
        loop {
            let (reached, key) = match self.key(source, rejected.as_ref()).await {
                Ok(key) => (self.read(source, &policy, &key, &mut state).await, Some(key)),
                Err(interrupted) => (Err(interrupted), None),
            };
            match reached {
                Ok(Reached::Whole(lists)) => {
                    let Some(state) = &state else {
                        return Err(MirrorError::Missing { what: "a pull's state" }.into());
                    };
                    // The pages are staged: making the snapshot may need an invocation of its own.
                    if self.invocation.deadline.is_near() {
                        return self.continue_later(CONTINUE_AFTER).await;
                    }
                    return self.snapshot(&policy, source, state, lists).await;
                }
                Ok(Reached::Paused) => return self.continue_later(CONTINUE_AFTER).await,
                Ok(Reached::Changed) => {
                    if let Some(ended) = self.next_attempt(&mut state).await? {
                        return Ok(ended);
                    }
                }
                Err(PullInterrupted::Refused(code, why)) => return self.refuse(code, why).await,
                Err(PullInterrupted::Unauthorized) => {
                    if rejected.is_some() {
                        return self.refuse(&codes::SOURCE_TOKEN, None).await;
                    }
                    // The credentials may have been replaced since they were cached.
                    self.storage.secrets.forget();
                    rejected = key;
                }
                Err(PullInterrupted::Down(why)) => return self.record_outage(state, why).await,
                Err(PullInterrupted::Failed(failure)) => return Err(failure),
            }
        }
    }

    /// Reads the policy, and sets the day of the run. The error is a finding's code and its text.
    fn prepare<P: Source>(&mut self, source: &P) -> Result<Policy, (&'static Code, String)> {
        let unusable = |why: String| (&upload::DISTRICT_SETTINGS, why);
        let settings = &self.district.settings;
        let policy = settings.policy().map_err(|error| unusable(error.to_string()))?;
        let zone = TimeZone::get(&settings.time_zone)
            .map_err(|_| unusable("the district's time zone does not exist".into()))?;
        source.check().map_err(unusable)?;
        self.record.today = Some(self.requested.at.to_zoned(zone).date());
        Ok(policy)
    }

    /// Fetches the credentials. The rejected ones are not tried again.
    async fn key<P: Source>(
        &mut self,
        source: &P,
        rejected: Option<&P::Key>,
    ) -> Result<P::Key, PullInterrupted> {
        let context = SourceContext { config: self.config, storage: self.storage };
        let key = source.key(&context, &mut self.rng).await?;
        if rejected == Some(&key) { Err(PullInterrupted::Unauthorized) } else { Ok(key) }
    }

    /// Reads the lists, starting after the last staged page.
    async fn read<P: Source>(
        &mut self,
        source: &P,
        policy: &Policy,
        key: &P::Key,
        state: &mut Option<State>,
    ) -> Result<Reached<P::Lists>, PullInterrupted> {
        let context = SourceContext { config: self.config, storage: self.storage };
        let PullRequest { district, run, .. } = self.requested;
        let internal = &self.storage.internal;
        let now = self.storage.clock.now();
        // An attempt without pages uses the data's current version.
        let known =
            state.as_ref().and_then(|state| Some((state.attempt, state.data_version.clone()?)));
        let (attempt, data_version) = match known {
            Some(known) => known,
            None => {
                let data_version = source.data_version(&context, key, &mut self.rng).await?;
                let (attempt, outages) =
                    state.as_ref().map_or((0, 0), |state| (state.attempt, state.outages));
                let started = State {
                    attempt,
                    outages,
                    began: now,
                    data_version: Some(data_version.clone()),
                    base: self.base.clone(),
                };
                pulls::put_state(internal, district, run, &started).await?;
                *state = Some(started);
                (attempt, data_version)
            }
        };
        let attempt = Attempt {
            pages: pulls::Pages::new(internal.clone(), district, run, attempt),
            settings: &self.district.settings.source,
            policy,
            data_version,
            since: self.base.as_ref().map(|base| base.began - MARGIN),
            deadline: &self.invocation.deadline,
            rng: self.rng.fork(),
        };
        source.read(&context, key, attempt).await
    }

    /// Starts the next attempt because the data changed during this one. Returns an outcome if no
    /// attempt is left, or if the next one begins later; the first repetition begins immediately.
    async fn next_attempt(
        &mut self,
        state: &mut Option<State>,
    ) -> Result<Option<PullOutcome>, PullFailure> {
        let PullRequest { district, run, .. } = self.requested;
        let (attempt, outages) =
            state.as_ref().map_or((1, 0), |state| (state.attempt + 1, state.outages));
        info!(%district, %run, attempt, "the data changed while it was read");
        if attempt >= MAX_ATTEMPTS {
            return self.refuse(&codes::SOURCE_CHANGING, None).await.map(Some);
        }
        let began = self.storage.clock.now();
        let next = State { attempt, outages, began, data_version: None, base: self.base.clone() };
        pulls::put_state(&self.storage.internal, district, run, &next).await?;
        *state = Some(next);
        if attempt > 1 {
            return self.continue_later(RETRY_AFTER).await.map(Some);
        }
        Ok(None)
    }

    /// Records that the source is down, and retries later until [`MAX_OUTAGES`] is exceeded.
    async fn record_outage(
        &mut self,
        state: Option<State>,
        why: String,
    ) -> Result<PullOutcome, PullFailure> {
        let PullRequest { district, run, .. } = self.requested;
        let now = self.storage.clock.now();
        let mut state = state.unwrap_or(State {
            attempt: 0,
            outages: 0,
            began: now,
            data_version: None,
            base: self.base.clone(),
        });
        state.outages += 1;
        warn!(%district, %run, outages = state.outages, why, "the source is down");
        if state.outages > MAX_OUTAGES {
            return self.refuse(&codes::SOURCE_DOWN, Some(why)).await;
        }
        if state.outages == 1 {
            let retried = Event::pull_is_tried_again(now, district, run, now + RETRY_AFTER);
            self.storage.notifications.send(retried).await;
        }
        pulls::put_state(&self.storage.internal, district, run, &state).await?;
        self.continue_later(RETRY_AFTER).await
    }

    /// Releases the run and schedules an invocation that continues the pull.
    async fn continue_later(&mut self, after: Duration) -> Result<PullOutcome, PullFailure> {
        self.record.continued += 1;
        self.record.importer = None;
        if self.storage.table.save(&mut self.record).await? == Changed::No {
            return Err(PullFailure::InProgress);
        }
        let name = format!("{}-c{}", self.requested.run, self.record.continued);
        let at = self.storage.clock.now() + after;
        self.storage
            .schedules
            .schedule_once(&self.invocation.function, &name, at, &resume(self.requested))
            .await?;
        Ok(PullOutcome::Continued)
    }
}
