//! The look at Clever's list of who has connected the application: it finds new districts without any notice, and misses those that are gone (R-O1).
//!
//! A new district that shares a school becomes `notified`, and nothing is pulled of it. One that is gone is told; nothing of it is changed here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mirror::connected::Connected;
use mirror::operators::event::Event;
use mirror::operators::metrics;
use mirror::secrets::Secrets;
use rules::id::{DistrictId, RunId};
use rules::settings::{Clever, DistrictStatus, Settings};
use serde::{Deserialize, Serialize};
use sources::clever::{Api, Client, PullError, Wait};
use sources::http::Http;
use tracing::{info, warn};

use crate::token::{NoToken, tokens};
use crate::{Config, PullFailure, Storage, Table};

/// The name of this source.
pub(crate) const SOURCE: &str = "clever";

/// The preset that a district begins with; an operator configures it before anything is pulled (R-O2).
const PRESET: &str = "clever";

/// How long a district must be missing before anybody is told: one list that lacks it may be a mistake.
const MISSING: Duration = Duration::from_secs(30 * 60);

/// What a look has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Districts that share data for the first time.
    pub notified: u32,
    /// Districts that have connected and share no school yet, or of which Clever does not say so now.
    pub waiting: u32,
    /// Districts that have been missing for a while: they have disconnected.
    pub disconnected: u32,
    /// Districts that had disconnected and are back.
    pub returned: u32,
}

/// Looks for all, or for one district alone.
pub(crate) async fn look<T: Table, O, L, S: Secrets, H: Http, W: Wait>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    only: Option<&str>,
) -> Result<Looked, PullFailure> {
    let mut rng = fastrand::Rng::new();
    let listed = tokens(config, storage, only, &mut rng).await.map_err(|none| match none {
        NoToken::Storage(error) => PullFailure::Storage(error),
        NoToken::None(why) => PullFailure::TokenList(why),
        NoToken::Down(error) => PullFailure::TokenList(error.to_string()),
    })?;
    let mut known = storage.table.connected(SOURCE).await?;
    known.retain(|one| only.is_none_or(|only| one.id == only));
    let mut looked = Looked::default();
    let here: BTreeSet<&str> = listed.iter().map(|one| one.district.as_str()).collect();
    for one in &known {
        if here.contains(one.id.as_str()) {
            found_again(storage, one, &mut looked).await?;
        } else {
            missed(storage, one, &mut looked).await?;
        }
    }
    let known: BTreeSet<&str> = known.iter().map(|one| one.id.as_str()).collect();
    for one in listed.iter().filter(|one| !known.contains(one.district.as_str())) {
        match shares(config, storage, one, &mut rng).await {
            Ok(true) => notify(config, storage, &one.district, &mut looked).await?,
            Ok(false) => looked.waiting += 1,
            Err(error) => {
                warn!(clever_district = %one.district, %error, "a district that has connected could not be looked at");
                looked.waiting += 1;
            }
        }
    }
    info!(?looked, "looked at the list of connected districts");
    Ok(looked)
}

/// What is configured of a district before anybody configures it.
fn at_clever(config: &Config, id: &str) -> Clever {
    Clever { api: config.clever_api.clone(), ..Clever::of(id) }
}

/// Asks Clever with the district's own token: the token must be that of the district, and a school must be shared.
async fn shares<T, O, L, S, H: Http, W: Wait>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    one: &sources::clever::Connected,
    rng: &mut fastrand::Rng,
) -> Result<bool, PullError<std::convert::Infallible>> {
    let Ok(api) = Api::of(&at_clever(config, &one.district)) else { return Ok(false) };
    let clock = storage.clock.clone();
    let now = Arc::new(move || clock.now());
    let client = Client { http: storage.http.clone(), wait: storage.wait.clone(), now, api };
    if client.district(&one.token, rng).await?.id != one.district {
        return Err(PullError::OtherDistrict);
    }
    client.shares(&one.token, rng).await
}

/// Makes the district, tells of it and remembers it, in this order: whoever dies in between does it once more.
async fn notify<T: Table, O, L, S, H, W>(
    config: &Config,
    storage: &Storage<T, O, L, S, H, W>,
    id: &str,
    looked: &mut Looked,
) -> Result<(), PullFailure> {
    let district = DistrictId::new(id);
    let mut settings = Settings::of_preset(PRESET);
    settings.source.clever = Some(at_clever(config, id));
    let _ = storage.table.create(&district, &settings, DistrictStatus::Notified).await?;
    let connected = Connected { id: id.into(), district, since: storage.clock.now(), missed: None, told: false };
    tell(storage, Event::district_shares(connected.since, &connected.district), "notified", "DistrictsNotified").await;
    let _ = storage.table.note(SOURCE, &connected).await?;
    looked.notified += 1;
    Ok(())
}

async fn missed<T: Table, O, L, S, H, W>(
    storage: &Storage<T, O, L, S, H, W>,
    one: &Connected,
    looked: &mut Looked,
) -> Result<(), PullFailure> {
    let now = storage.clock.now();
    match one.missed {
        None => storage.table.renote(SOURCE, &Connected { missed: Some(now), ..one.clone() }).await?,
        Some(since) if !one.told && now >= since + MISSING => {
            tell(storage, Event::district_gone(now, &one.district, since), "disconnected", "DistrictsDisconnected").await;
            storage.table.renote(SOURCE, &Connected { told: true, ..one.clone() }).await?;
            looked.disconnected += 1;
        }
        Some(_) => {}
    }
    Ok(())
}

async fn found_again<T: Table, O, L, S, H, W>(
    storage: &Storage<T, O, L, S, H, W>,
    one: &Connected,
    looked: &mut Looked,
) -> Result<(), PullFailure> {
    let Some(missed) = one.missed else { return Ok(()) };
    if one.told {
        let back = Event::district_back(storage.clock.now(), &one.district, missed);
        tell(storage, back, "returned", "DistrictsReturned").await;
        looked.returned += 1;
    }
    storage.table.renote(SOURCE, &Connected { missed: None, told: false, ..one.clone() }).await?;
    Ok(())
}

async fn tell<T, O, L, S, H, W>(storage: &Storage<T, O, L, S, H, W>, event: Event, outcome: &str, metric: &'static str) {
    let district = event.detail.district.clone();
    warn!(district = %district, outcome, "a district's connection to the source has changed");
    metrics(event.at, outcome, &district, &RunId::from("none"), &[(metric, 1.0)]);
    storage.operators.tell(event).await;
}
