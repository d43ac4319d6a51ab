//! The look at a source's list of who has connected the application (Clever's, ClassLink's): it
//! finds new districts without any notice, and misses those that are gone (R-O1).
//!
//! A new district that shares a school becomes `notified`, and nothing is pulled of it. One that is
//! gone is told; nothing of it is changed here.

use std::collections::BTreeSet;
use std::time::Duration;

use mirror::eventbridge::event::Event;
use mirror::eventbridge::metrics;
use mirror::ports::connected_districts::Connected;
use mirror::ports::secrets::Secrets;
use roster::id::{DistrictId, RunId};
use roster::settings::{ClassLink, Clever, DistrictStatus, Settings};
use serde::{Deserialize, Serialize};
use sources::http::{Http, Wait};
use tracing::{info, warn};

use crate::request::Which;
use crate::source::{AuthError, Listing, Source, World};
use crate::{Config, PullFailure, Storage, Table};

/// How long a district must be missing before anybody is told: one list that lacks it may be a
/// mistake.
const MISSING: Duration = Duration::from_secs(30 * 60);

/// What a look has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoverySummary {
    /// Districts that share data for the first time.
    pub notified: u32,
    /// Districts that have connected and share no school yet, or of which Clever does not say so
    /// now.
    pub waiting: u32,
    /// Districts that have been missing for a while: they have disconnected.
    pub disconnected: u32,
    /// Districts that had disconnected and are back.
    pub returned: u32,
}

impl DiscoverySummary {
    fn and(self, other: DiscoverySummary) -> DiscoverySummary {
        DiscoverySummary {
            notified: self.notified + other.notified,
            waiting: self.waiting + other.waiting,
            disconnected: self.disconnected + other.disconnected,
            returned: self.returned + other.returned,
        }
    }
}

/// Looks at the lists that are asked for, as far as there are credentials for them. A list that
/// cannot be read does not keep the others from being looked at.
pub(crate) async fn look<T: Table, O, L, S: Secrets, H: Http, W: Wait>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    which: &Which,
) -> Result<DiscoverySummary, PullFailure> {
    let clever = match which {
        Which::All if !Clever::is_configured(config) => Ok(DiscoverySummary::default()),
        Which::All => look_at::<Clever, _, _, _, _, _, _>(config, storage, None).await,
        Which::Source(name) if *name == Clever::NAME => {
            look_at::<Clever, _, _, _, _, _, _>(config, storage, None).await
        }
        Which::AtClever(id) => look_at::<Clever, _, _, _, _, _, _>(config, storage, Some(id)).await,
        Which::Source(_) => Ok(DiscoverySummary::default()),
    };
    let classlink = match which {
        Which::All if !ClassLink::is_configured(config) => Ok(DiscoverySummary::default()),
        Which::All => look_at::<ClassLink, _, _, _, _, _, _>(config, storage, None).await,
        Which::Source(name) if *name == ClassLink::NAME => {
            look_at::<ClassLink, _, _, _, _, _, _>(config, storage, None).await
        }
        Which::Source(_) | Which::AtClever(_) => Ok(DiscoverySummary::default()),
    };
    let looked = clever?.and(classlink?);
    info!(?looked, "read the lists of connected districts");
    Ok(looked)
}

/// Looks at one source's list, for all or for one district alone.
async fn look_at<P: Listing, T: Table, O, L, S: Secrets, H: Http, W: Wait>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    only: Option<&str>,
) -> Result<DiscoverySummary, PullFailure> {
    let mut rng = fastrand::Rng::new();
    let world = World::of(config, storage);
    let listed = P::listed(&world, only, &mut rng).await.map_err(|none| match none {
        AuthError::Storage(error) => PullFailure::Storage(error),
        AuthError::None(why) | AuthError::Down(why) => PullFailure::TokenList(why),
    })?;
    let mut known = storage.table.connected(P::NAME).await?;
    known.retain(|one| only.is_none_or(|only| one.id == only));
    let mut looked = DiscoverySummary::default();
    let here: BTreeSet<&str> = listed.iter().map(|one| one.id.as_str()).collect();
    for one in &known {
        if here.contains(one.id.as_str()) {
            found_again(storage, P::NAME, one, &mut looked).await?;
        } else {
            missed(storage, P::NAME, one, &mut looked).await?;
        }
    }
    let known: BTreeSet<&str> = known.iter().map(|one| one.id.as_str()).collect();
    for one in listed.iter().filter(|one| !known.contains(one.id.as_str())) {
        match P::new(config, &one.id).shares(&world, &one.key, &mut rng).await {
            Ok(true) => {
                notify::<P, _, _, _, _, _, _>(config, storage, &one.id, &mut looked).await?
            }
            Ok(false) => looked.waiting += 1,
            Err(error) => {
                warn!(source = P::NAME, id = %one.id, %error, "a connected district could not be processed");
                looked.waiting += 1;
            }
        }
    }
    Ok(looked)
}

/// Makes the district, tells of it and remembers it, in this order: whoever dies in between does it
/// once more.
async fn notify<P: Listing, T: Table, O, L, S, H, W>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    id: &str,
    looked: &mut DiscoverySummary,
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
        told: false,
    };
    tell(
        storage,
        Event::district_shares(connected.since, &connected.district),
        "notified",
        "DistrictsNotified",
    )
    .await;
    let _ = storage.table.add_connected(P::NAME, &connected).await?;
    looked.notified += 1;
    Ok(())
}

async fn missed<T: Table, O, L, S, H, W>(
    storage: &Storage<T, O, L, S, H, W>,
    source: &str,
    one: &Connected,
    looked: &mut DiscoverySummary,
) -> Result<(), PullFailure> {
    let now = storage.clock.now();
    match one.missed {
        None => {
            storage
                .table
                .update_connected(source, &Connected { missed: Some(now), ..one.clone() })
                .await?
        }
        Some(since) if !one.told && now >= since + MISSING => {
            tell(
                storage,
                Event::district_gone(now, &one.district, since),
                "disconnected",
                "DistrictsDisconnected",
            )
            .await;
            storage
                .table
                .update_connected(source, &Connected { told: true, ..one.clone() })
                .await?;
            looked.disconnected += 1;
        }
        Some(_) => {}
    }
    Ok(())
}

async fn found_again<T: Table, O, L, S, H, W>(
    storage: &Storage<T, O, L, S, H, W>,
    source: &str,
    one: &Connected,
    looked: &mut DiscoverySummary,
) -> Result<(), PullFailure> {
    let Some(missed) = one.missed else { return Ok(()) };
    if one.told {
        let back = Event::district_back(storage.clock.now(), &one.district, missed);
        tell(storage, back, "returned", "DistrictsReturned").await;
        looked.returned += 1;
    }
    storage
        .table
        .update_connected(source, &Connected { missed: None, told: false, ..one.clone() })
        .await?;
    Ok(())
}

async fn tell<T, O, L, S, H, W>(
    storage: &Storage<T, O, L, S, H, W>,
    event: Event,
    outcome: &str,
    metric: &'static str,
) {
    let district = event.detail.district.clone();
    warn!(district = %district, outcome, "the connection of a district to its source has changed");
    metrics(event.at, outcome, &district, &RunId::from("none"), &[(metric, 1.0)]);
    storage.operators.tell(event).await;
}
