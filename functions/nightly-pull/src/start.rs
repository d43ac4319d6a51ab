//! Starts or continues a pull: whether the district is pulled, what an incremental pull builds on,
//! and which invocation owns the run.

use std::time::Duration;

use mirror::clock::Invocation;
use mirror::files::pulls::{self, Everything};
use mirror::ops::importing::{self, Taken};
use mirror::ports::connected_districts::{Connected, ConnectedDistricts};
use mirror::ports::districts::{District, Districts};
use mirror::ports::runs::{Importer, RunRecord, Runs};
use roster::finding::pull as codes;
use roster::id::DistrictId;
use roster::run::RunState;
use roster::settings::{DistrictStatus, Pulled};
use tracing::{info, warn};

use crate::pull::PullWork;
use crate::registry;
use crate::request::{PullRequest, Scope};
use crate::{Config, PullFailure, PullOutcome, Services, Storage};

/// The maximum age of the full pull under an incremental one: its pages expire after a week.
const MAX_BASE_AGE: Duration = Duration::from_secs(6 * 24 * 3600);

/// Pulls a district, as far as the invocation's time allows.
pub(crate) async fn pull<S: Services>(
    config: &Config,
    storage: &Storage<S>,
    invocation: &Invocation,
    requested: &PullRequest,
) -> Result<PullOutcome, PullFailure> {
    let id = &requested.district;
    let Some(district) = storage.table.district(id).await? else {
        warn!(district = %id, "a pull of a district that does not exist");
        return Ok(PullOutcome::Skipped);
    };
    let started = storage.table.run(id, &requested.run).await?;
    let is_new = started.is_none();
    let takes_data = district.status.takes_data();
    let pulled = district.settings.source.pulled();
    if is_new && (!takes_data || pulled.is_none()) {
        info!(district = %id, status = ?district.status, "the district is not pulled");
        return Ok(PullOutcome::Skipped);
    }
    let base = base_of(storage, &district, requested).await?;
    if is_new && requested.scope == Scope::Changes && base.is_none() {
        return Ok(PullOutcome::Skipped);
    }
    if let Some(source) = pulled.filter(|_| is_new) {
        record_connection(storage, id, source).await?;
    }
    let Some(record) = own(config, storage, invocation, requested, started).await? else {
        return Ok(PullOutcome::Repeated);
    };
    let mut work = PullWork::new((config, storage), invocation, requested, &district, record, base);
    match pulled.filter(|_| takes_data) {
        Some(source) => registry::pull(&mut work, source).await,
        None => work.refuse(&codes::SOURCE_PAUSED, None).await,
    }
}

/// Records that the district has connected, so that a discovery poll that finds it in the source's
/// list does not take it for a new one.
async fn record_connection<S: Services>(
    storage: &Storage<S>,
    district: &DistrictId,
    source: Pulled<'_>,
) -> Result<(), PullFailure> {
    let connected = Connected {
        id: source.id().to_owned(),
        district: district.clone(),
        since: storage.clock.now(),
        missed: None,
        notified: false,
    };
    let _ = storage.table.add_connected(source.name(), &connected).await?;
    Ok(())
}

/// Returns the full pull on which an incremental pull builds. Returns `None` for a full pull, and
/// if no incremental pull is possible; the reason is logged.
async fn base_of<S: Services>(
    storage: &Storage<S>,
    district: &District,
    requested: &PullRequest,
) -> Result<Option<Everything>, PullFailure> {
    if requested.scope == Scope::Everything {
        return Ok(None);
    }
    let id = &requested.district;
    let skip = |why: &str| {
        info!(district = %id, why, "the incremental pull is skipped");
        Ok(None)
    };
    let incremental =
        district.settings.source.pulled().filter(|source| source.changes_every_hours().is_some());
    let Some(source) = incremental.filter(|_| district.status == DistrictStatus::Live) else {
        return skip("the district is not live, or incremental pulls are off");
    };
    if let Some(open) = &district.open
        && storage.table.run(id, open).await?.is_some_and(|run| run.state == RunState::Held)
    {
        return skip("a run is held and waits for a decision");
    }
    let everything = pulls::read_everything(&storage.internal, id).await?;
    let now = storage.clock.now();
    match everything {
        Some(everything)
            if everything.id == source.id() && everything.began > now - MAX_BASE_AGE =>
        {
            Ok(Some(everything))
        }
        _ => skip("there is no full pull to build on"),
    }
}

/// Creates the run, continues it, or takes it over from an invocation that has crashed. Returns
/// `None` if the pull is already complete.
async fn own<S: Services>(
    config: &Config,
    storage: &Storage<S>,
    invocation: &Invocation,
    requested: &PullRequest,
    started: Option<RunRecord>,
) -> Result<Option<RunRecord>, PullFailure> {
    let now = storage.clock.now();
    let importer = Importer { owner: invocation.owner.clone(), until: now + config.ownership };
    let PullRequest { district, run, at, .. } = requested.clone();
    let new = RunRecord::importing(district, run, at);
    match importing::take(&storage.table, new, started, importer, now).await? {
        Taken::Ours(record) => Ok(Some(*record)),
        Taken::Done => Ok(None),
        Taken::Busy => Err(PullFailure::InProgress),
    }
}
