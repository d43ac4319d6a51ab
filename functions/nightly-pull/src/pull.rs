//! One pull, from its order to the snapshot's manifest.
//!
//! The order of writes makes it safe to die anywhere: the run, the pull's state, pages each with
//! its cursor, the snapshot's parts, the district's newest snapshot, manifest, the run's state. The
//! manifest makes the snapshot; the run's state only says that it was made.

mod ending;

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mirror::MirrorError;
use mirror::clock::Invocation;
use mirror::eventbridge::event::Event;
use mirror::files::pulls::{self, Everything};
use mirror::ops::importing::{self, Taken};
use mirror::ports::connected_districts::Connected;
use mirror::ports::districts::{Changed, District};
use mirror::ports::one_time::OneTimeSchedules;
use mirror::ports::runs::{Importer, RunRecord};
use mirror::ports::secrets::Secrets;
use roster::finding::{pull as codes, upload};
use roster::policy::Policy;
use roster::run::RunState;
use roster::settings::DistrictStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sources::http::{Http, Wait};
use tracing::{info, warn};

use crate::request::{Scope, resume};
use crate::source::{Attempt, Reached, Source, Stop, World, for_source};
use crate::{Config, Ended, Named, Objects, PullFailure, Storage, Table};

/// How soon a further invocation begins.
const SOON: Duration = Duration::from_secs(5);

/// How long to leave a source alone that is down, or whose data is changing.
const AGAIN: Duration = Duration::from_secs(15 * 60);

/// How often a pull goes back to a source that was down.
const SETBACKS: u32 = 3;

/// How often a pull is begun, if the data changes under it each time.
const ATTEMPTS: u32 = 4;

/// What is known of a pull beside its pages.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Which try it is, from 0. Each has pages of its own.
    attempt: u32,
    /// How often the source was down.
    setbacks: u32,
    /// When the try began: the moment for which its snapshot speaks.
    began: Timestamp,
    /// What the source said of the district's data then; none: it was not asked yet.
    mark: Option<Value>,
    /// What is pulled is what has changed since this pull of everything; none: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<Everything>,
}

/// How much earlier than a pull of everything began the changes begin that are asked for: the
/// server's clock may be slow, and what comes twice does no harm.
const MARGIN: Duration = Duration::from_secs(3600);

/// How old a pull of everything may be over which changes are read: its pages are kept for a week.
const OLDEST: Duration = Duration::from_secs(6 * 24 * 3600);

pub(crate) async fn pull<
    T: Table,
    O: Objects,
    L: OneTimeSchedules,
    S: Secrets,
    H: Http,
    W: Wait,
>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    invocation: &Invocation,
    named: &Named,
) -> Result<Ended, PullFailure> {
    let Some(district) = storage.table.district(&named.district).await? else {
        warn!(district = %named.district, "a pull of a district that does not exist");
        return Ok(Ended::Skipped);
    };
    let begun = storage.table.run(&named.district, &named.run).await?;
    let takes_data = district.status.takes_data();
    let settings = &district.settings.source;
    if begun.is_none() && (!takes_data || settings.pulled().is_none()) {
        info!(district = %named.district, status = ?district.status, "the district is not pulled");
        return Ok(Ended::Skipped);
    }
    let base = base_of(storage, &district, named).await?;
    if begun.is_none() && named.scope == Scope::Changes && base.is_none() {
        return Ok(Ended::Skipped);
    }
    let known = for_source!(settings, |source| (name_of(&source), source.id()));
    let source = known.as_ref().map_or("none", |(name, _)| *name);
    if let Some((name, id)) = known.filter(|_| begun.is_none()) {
        // Whoever is pulled has connected: a look that finds it in the list must not take it for
        // somebody new.
        let since = storage.clock.now();
        let connected =
            Connected { id, district: named.district.clone(), since, missed: None, told: false };
        let _ = storage.table.add_connected(name, &connected).await?;
    }
    let Some(record) = own(config, storage, invocation, named, begun).await? else {
        return Ok(Ended::Repeated);
    };
    let mut work = Work {
        config,
        storage,
        invocation,
        named,
        record,
        source,
        base,
        rng: fastrand::Rng::new(),
    };
    if takes_data
        && let Some(ended) =
            for_source!(settings, |source| Box::pin(work.run(&district, &source)).await)
    {
        return ended;
    }
    work.refuse(&codes::SOURCE_PAUSED, None).await
}

/// What the changes of a district are read over, where they are ordered and can be had; else why
/// not is in the log.
async fn base_of<T: Table, O: Objects, L, S, H, W>(
    storage: &Storage<T, O, L, S, H, W>,
    district: &District,
    named: &Named,
) -> Result<Option<Everything>, PullFailure> {
    if named.scope == Scope::Everything {
        return Ok(None);
    }
    let skip = |why: &str| {
        info!(district = %named.district, why, "the incremental pull is skipped");
        Ok(None)
    };
    let wished =
        for_source!(district.settings.source, |source| source.changes_every().map(|_| source.id()))
            .flatten();
    let Some(id) = wished.filter(|_| district.status == DistrictStatus::Live) else {
        return skip("the district is not live, or incremental pulls are off");
    };
    if let Some(open) = &district.open
        && storage
            .table
            .run(&named.district, open)
            .await?
            .is_some_and(|run| run.state == RunState::Held)
    {
        return skip("a run is held and waits for a decision");
    }
    let everything = pulls::read_everything(&storage.internal, &named.district).await?;
    let now = storage.clock.now();
    match everything {
        Some(everything) if everything.id == id && everything.began > now - OLDEST => {
            Ok(Some(everything))
        }
        _ => skip("there is no full pull to build on"),
    }
}

fn name_of<P: Source>(_: &P) -> &'static str {
    P::NAME
}

/// Makes the run, goes on with it, or takes it over from an invocation that has died. None: the
/// pull was done before.
async fn own<T: Table, O, L, S, H, W>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    invocation: &Invocation,
    named: &Named,
    begun: Option<RunRecord>,
) -> Result<Option<RunRecord>, PullFailure> {
    let now = storage.clock.now();
    let importer = Importer { owner: invocation.owner.clone(), until: now + config.ownership };
    let fresh = RunRecord::importing(named.district.clone(), named.run.clone(), named.at);
    match importing::take(&storage.table, fresh, begun, importer, now).await? {
        Taken::Ours(record) => Ok(Some(*record)),
        Taken::Done => Ok(None),
        Taken::Busy => Err(PullFailure::InProgress),
    }
}

/// One pull under way.
struct Work<'a, T, O, L, S, H, W> {
    config: &'a Config,
    storage: &'a Storage<T, O, L, S, H, W>,
    invocation: &'a Invocation,
    named: &'a Named,
    record: RunRecord,
    /// The name of the source.
    source: &'static str,
    /// What is pulled is what has changed since this pull of everything; none: everything.
    base: Option<Everything>,
    rng: fastrand::Rng,
}

impl<T: Table, O: Objects, L: OneTimeSchedules, S: Secrets, H: Http, W: Wait>
    Work<'_, T, O, L, S, H, W>
{
    async fn run<P: Source>(
        &mut self,
        district: &District,
        source: &P,
    ) -> Result<Ended, PullFailure> {
        let unusable = |why: String| (&upload::DISTRICT_SETTINGS, Some(why));
        let read = district.settings.policy().map_err(|error| unusable(error.to_string()));
        let zone = TimeZone::get(&district.settings.time_zone)
            .map_err(|_| unusable("the district's time zone does not exist".into()));
        let (policy, zone) = match (read, zone, source.check().map_err(unusable)) {
            (Ok(policy), Ok(zone), Ok(())) => (policy, zone),
            (Err((code, why)), ..) | (_, Err((code, why)), _) | (.., Err((code, why))) => {
                return self.refuse(code, why).await;
            }
        };
        self.record.today = Some(self.named.at.to_zoned(zone).date());
        let mut state: Option<State> =
            pulls::read_state(&self.storage.internal, &self.named.district, &self.named.run)
                .await?;
        if let Some(state) = &state {
            self.base.clone_from(&state.base);
        } else if self.named.scope == Scope::Changes && self.base.is_none() {
            // It was ordered, and what it would have been read over is gone meanwhile.
            return self.refuse(&codes::CHANGES_TOO_LATE, None).await;
        }
        let mut rejected: Option<P::Key> = None;
        loop {
            let reached = match self.key(source, rejected.as_ref()).await {
                Ok(key) => {
                    (self.read(source, (district, &policy), &key, &mut state).await, Some(key))
                }
                Err(stop) => (Err(stop), None),
            };
            match reached {
                (Ok(Reached::Whole(lists)), _) => {
                    let Some(state) = &state else {
                        return Err(MirrorError::Missing { what: "a pull's state" }.into());
                    };
                    // What was read stays read: making the snapshot may have an invocation of its
                    // own.
                    if self.invocation.deadline.is_near() {
                        return self.go_on_later(SOON).await;
                    }
                    return self.snapshot(district, &policy, source, state, lists).await;
                }
                (Ok(Reached::Paused), _) => return self.go_on_later(SOON).await,
                (Ok(Reached::Changed), _) => {
                    let attempt = state.as_ref().map_or(0, |state| state.attempt) + 1;
                    info!(district = %self.named.district, run = %self.named.run, attempt, "the data changed while it was read");
                    if attempt >= ATTEMPTS {
                        return self.refuse(&codes::SOURCE_CHANGING, None).await;
                    }
                    self.begin_anew(&mut state, attempt).await?;
                    if attempt > 1 {
                        return self.go_on_later(AGAIN).await;
                    }
                }
                (Err(Stop::Refused(code, why)), _) => return self.refuse(code, why).await,
                (Err(Stop::Unauthorized), key) => {
                    if rejected.is_some() {
                        return self.refuse(&codes::SOURCE_TOKEN, None).await;
                    }
                    // It may have been exchanged since it was looked up.
                    self.storage.secrets.forget();
                    rejected = key;
                }
                (Err(Stop::Down(why)), _) => return self.set_back(state, why).await,
                (Err(Stop::Failed(failure)), _) => return Err(failure),
            }
        }
    }

    /// What opens the source; what did not open it is not tried again.
    async fn key<P: Source>(
        &mut self,
        source: &P,
        rejected: Option<&P::Key>,
    ) -> Result<P::Key, Stop> {
        let key = source.key(&World::of(self.config, self.storage), &mut self.rng).await?;
        if rejected == Some(&key) { Err(Stop::Unauthorized) } else { Ok(key) }
    }

    /// Reads on from where the pull is.
    async fn read<P: Source>(
        &mut self,
        source: &P,
        (district, policy): (&District, &Policy),
        key: &P::Key,
        state: &mut Option<State>,
    ) -> Result<Reached<P::Lists>, Stop> {
        let world = World::of(self.config, self.storage);
        let (id, run, internal) = (&self.named.district, &self.named.run, &self.storage.internal);
        let now = self.storage.clock.now();
        // A try that has no pages yet takes the data as it is now.
        let known = state.as_ref().and_then(|state| Some((state.attempt, state.mark.clone()?)));
        let (attempt, mark) = match known {
            Some(known) => known,
            None => {
                let mark = source.mark(&world, key, &mut self.rng).await?;
                let (attempt, setbacks) =
                    state.as_ref().map_or((0, 0), |begun| (begun.attempt, begun.setbacks));
                let begun = State {
                    attempt,
                    setbacks,
                    began: now,
                    mark: Some(mark.clone()),
                    base: self.base.clone(),
                };
                pulls::put_state(internal, id, run, &begun).await?;
                *state = Some(begun);
                (attempt, mark)
            }
        };
        let pages = pulls::Pages::new(internal.clone(), id, run, attempt);
        let (settings, deadline, rng) =
            (&district.settings.source, &self.invocation.deadline, self.rng.fork());
        let since = self.base.as_ref().map(|base| base.began - MARGIN);
        source
            .read(&world, key, Attempt { pages, settings, policy, mark, since, deadline, rng })
            .await
    }

    /// From now on the pull is another try, without pages.
    async fn begin_anew(&self, state: &mut Option<State>, attempt: u32) -> Result<(), PullFailure> {
        let setbacks = state.as_ref().map_or(0, |state| state.setbacks);
        let began = self.storage.clock.now();
        let anew = State { attempt, setbacks, began, mark: None, base: self.base.clone() };
        pulls::put_state(&self.storage.internal, &self.named.district, &self.named.run, &anew)
            .await?;
        *state = Some(anew);
        Ok(())
    }

    /// The source is down: the pull goes back to it a few times before the night is given up.
    async fn set_back(&mut self, state: Option<State>, why: String) -> Result<Ended, PullFailure> {
        let began = self.storage.clock.now();
        let mut state = state.unwrap_or(State {
            attempt: 0,
            setbacks: 0,
            began,
            mark: None,
            base: self.base.clone(),
        });
        state.setbacks += 1;
        warn!(district = %self.named.district, run = %self.named.run, setbacks = state.setbacks, why, "the source is down");
        if state.setbacks > SETBACKS {
            return self.refuse(&codes::SOURCE_DOWN, Some(why)).await;
        }
        if state.setbacks == 1 {
            let again = Event::pull_is_tried_again(
                began,
                &self.named.district,
                &self.named.run,
                began + AGAIN,
            );
            self.storage.operators.tell(again).await;
        }
        pulls::put_state(&self.storage.internal, &self.named.district, &self.named.run, &state)
            .await?;
        self.go_on_later(AGAIN).await
    }

    /// Gives the pull up for now; a further invocation takes it from where it is.
    async fn go_on_later(&mut self, after: Duration) -> Result<Ended, PullFailure> {
        self.record.continued += 1;
        self.record.importer = None;
        if self.storage.table.save(&mut self.record).await? == Changed::No {
            return Err(PullFailure::InProgress);
        }
        let name = format!("{}-c{}", self.named.run, self.record.continued);
        let at = self.storage.clock.now() + after;
        self.storage
            .schedules
            .schedule_once(&self.invocation.function, &name, at, &resume(self.named))
            .await?;
        Ok(Ended::Continued)
    }
}
