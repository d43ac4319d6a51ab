//! Discovery polls: read the sources' lists of the districts that have connected the application
//! (Clever's, ClassLink's), to find new districts and those that have disconnected (R-O1).
//!
//! A new district that shares a school becomes `notified`; nothing is pulled of it. Operators are
//! notified of a district that has disconnected; its data is unchanged.

use std::collections::BTreeSet;
use std::time::Duration;

use mirror::eventbridge::event::Event;
use mirror::eventbridge::metrics;
use mirror::ports::connected_districts::{Connected, ConnectedDistricts};
use mirror::ports::districts::Districts;
use roster::id::{DistrictId, RunId};
use roster::settings::{DistrictStatus, Settings};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::request::DiscoveryScope;
use crate::source::{AuthError, Discover, SourceContext};
use crate::{Config, PullFailure, Services, Storage};

/// How long a district must be missing before operators are notified: a single list without it may
/// be a mistake.
const MISSING: Duration = Duration::from_secs(30 * 60);

/// The result of a discovery poll, in numbers of districts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoverySummary {
    /// Districts that share data for the first time.
    pub notified: u32,
    /// Districts that have connected, but share no school yet or could not be checked.
    pub waiting: u32,
    /// Districts that have been missing for a while: they have disconnected.
    pub disconnected: u32,
    /// Districts that had disconnected and have returned.
    pub returned: u32,
}

impl DiscoverySummary {
    pub(crate) fn and(self, other: DiscoverySummary) -> DiscoverySummary {
        DiscoverySummary {
            notified: self.notified + other.notified,
            waiting: self.waiting + other.waiting,
            disconnected: self.disconnected + other.disconnected,
            returned: self.returned + other.returned,
        }
    }
}

/// Polls the list of source `P`, if the scope includes it. `list` is the list's name in requests.
pub(crate) async fn poll<P: Discover, S: Services>(
    config: &Config,
    storage: &Storage<S>,
    scope: &DiscoveryScope,
    list: &str,
) -> Result<DiscoverySummary, PullFailure> {
    match scope {
        DiscoveryScope::All if P::is_configured(config) => {
            poll_list::<P, S>(config, storage, None).await
        }
        DiscoveryScope::Source(source) if *source == list => {
            poll_list::<P, S>(config, storage, None).await
        }
        DiscoveryScope::Tenant { source, id } if *source == list => {
            poll_list::<P, S>(config, storage, Some(id)).await
        }
        _ => Ok(DiscoverySummary::default()),
    }
}

/// Polls one list, for all districts or only for one.
async fn poll_list<P: Discover, S: Services>(
    config: &Config,
    storage: &Storage<S>,
    only: Option<&str>,
) -> Result<DiscoverySummary, PullFailure> {
    let mut rng = fastrand::Rng::new();
    let context = SourceContext { config, storage };
    let listed = P::listed(&context, only, &mut rng).await.map_err(|error| match error {
        AuthError::Storage(error) => PullFailure::Storage(error),
        AuthError::Missing(why) | AuthError::Down(why) => PullFailure::TokenList(why),
    })?;
    let mut known = storage.table.connected(P::SOURCE).await?;
    known.retain(|district| only.is_none_or(|only| district.id == only));
    let mut summary = DiscoverySummary::default();
    let listed_ids: BTreeSet<&str> = listed.iter().map(|entry| entry.id.as_str()).collect();
    for district in &known {
        if listed_ids.contains(district.id.as_str()) {
            record_present(storage, P::SOURCE, district, &mut summary).await?;
        } else {
            record_missing(storage, P::SOURCE, district, &mut summary).await?;
        }
    }
    let known_ids: BTreeSet<&str> = known.iter().map(|district| district.id.as_str()).collect();
    for entry in listed.iter().filter(|entry| !known_ids.contains(entry.id.as_str())) {
        match P::new(config, &entry.id).shares(&context, &entry.key, &mut rng).await {
            Ok(true) => add_district::<P, S>(config, storage, &entry.id, &mut summary).await?,
            Ok(false) => summary.waiting += 1,
            Err(error) => {
                warn!(
                    source = P::SOURCE, id = %entry.id, %error,
                    "a connected district could not be processed"
                );
                summary.waiting += 1;
            }
        }
    }
    Ok(summary)
}

/// Creates the district, notifies operators and records the connection, in this order: if the
/// invocation dies in between, the next poll repeats all of it.
async fn add_district<P: Discover, S: Services>(
    config: &Config,
    storage: &Storage<S>,
    id: &str,
    summary: &mut DiscoverySummary,
) -> Result<(), PullFailure> {
    let district = DistrictId::new(P::district(id));
    let mut settings = Settings::of_preset(P::PRESET);
    P::new(config, id).set(&mut settings.source);
    let _ = storage.table.create(&district, &settings, DistrictStatus::Notified).await?;
    let connected = Connected {
        id: id.into(),
        district,
        since: storage.clock.now(),
        missed: None,
        notified: false,
    };
    notify(
        storage,
        Event::district_shares(connected.since, &connected.district),
        "notified",
        "DistrictsNotified",
    )
    .await;
    let _ = storage.table.add_connected(P::SOURCE, &connected).await?;
    summary.notified += 1;
    Ok(())
}

/// Records that a known district is missing from the list, and notifies operators once it has been
/// missing for [`MISSING`].
async fn record_missing<S: Services>(
    storage: &Storage<S>,
    source: &str,
    district: &Connected,
    summary: &mut DiscoverySummary,
) -> Result<(), PullFailure> {
    let now = storage.clock.now();
    match district.missed {
        None => {
            let missed = Connected { missed: Some(now), ..district.clone() };
            storage.table.update_connected(source, &missed).await?
        }
        Some(since) if !district.notified && now >= since + MISSING => {
            notify(
                storage,
                Event::district_gone(now, &district.district, since),
                "disconnected",
                "DistrictsDisconnected",
            )
            .await;
            storage
                .table
                .update_connected(source, &Connected { notified: true, ..district.clone() })
                .await?;
            summary.disconnected += 1;
        }
        Some(_) => {}
    }
    Ok(())
}

/// Records that a known district is in the list, and notifies operators if it had disconnected.
async fn record_present<S: Services>(
    storage: &Storage<S>,
    source: &str,
    district: &Connected,
    summary: &mut DiscoverySummary,
) -> Result<(), PullFailure> {
    let Some(missed) = district.missed else { return Ok(()) };
    if district.notified {
        let returned = Event::district_back(storage.clock.now(), &district.district, missed);
        notify(storage, returned, "returned", "DistrictsReturned").await;
        summary.returned += 1;
    }
    let present = Connected { missed: None, notified: false, ..district.clone() };
    Ok(storage.table.update_connected(source, &present).await?)
}

async fn notify<S: Services>(
    storage: &Storage<S>,
    event: Event,
    outcome: &str,
    metric: &'static str,
) {
    let district = event.detail.district.clone();
    warn!(district = %district, outcome, "the connection of a district to its source has changed");
    metrics(event.at, outcome, &district, &RunId::from("none"), &[(metric, 1.0)]);
    storage.notifications.send(event).await;
}
