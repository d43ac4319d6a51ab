//! ClassLink. Its list of applications says who has connected, with what token, and under which
//! address; all else is OneRoster's.

use std::collections::BTreeMap;

use mirror::files::pulls;
use mirror::ports::secrets::Secrets;
use roster::finding::pull as codes;
use roster::personal::Secret;
use roster::settings::{ClassLink, OneRosterVersion, SourceSettings};
use serde::Deserialize;
use serde_json::{Value, json};
use sources::classlink::{Applications, Tenant, TenantsError, api, check};
use sources::http::{Http, Wait};
use sources::oneroster_rest::{Access, Progress, Resource};
use sources::{Import, ImportError};

use super::{
    Attempt, AuthError, Listed, Listing, Reached, SnapshotInputs, Source, Stop, World, oneroster,
    secret,
};
use crate::{Config, Objects};

/// The partner's key, from ClassLink's console.
#[derive(Deserialize)]
struct Partner {
    api_key: String,
}

impl Source for ClassLink {
    const NAME: &'static str = ClassLink::SOURCE;
    type Key = Tenant;
    type Lists = BTreeMap<Resource, Progress>;

    fn id(&self) -> String {
        self.tenant.clone()
    }

    fn check(&self) -> Result<(), String> {
        check(self).map_err(|error| error.to_string())
    }

    fn changes_every(&self) -> Option<u8> {
        self.changes_every_hours
    }

    async fn key<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        rng: &mut fastrand::Rng,
    ) -> Result<Tenant, AuthError> {
        let listed = tenants(world, &self.proxy, rng).await?;
        let own = listed.into_iter().find(|tenant| tenant.id == self.tenant);
        own.ok_or_else(|| {
            AuthError::None("ClassLink's list of applications does not contain the district, or the district has not enabled ours".into())
        })
    }

    /// Nothing: the revision stands in every answer.
    async fn mark<S: Secrets, H: Http, W: Wait>(
        &self,
        _: &World<'_, S, H, W>,
        _: &Tenant,
        _: &mut fastrand::Rng,
    ) -> Result<Value, Stop> {
        Ok(json!({}))
    }

    async fn read<S: Secrets, H: Http, W: Wait, O: Objects>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Tenant,
        trying: Attempt<'_, O>,
    ) -> Result<Reached<Self::Lists>, Stop> {
        let api = api(self, key)
            .map_err(|error| Stop::Refused(&codes::SOURCE_REFUSED, Some(error.to_string())))?;
        oneroster::read(world, (api, Access::bearer(key.token.clone())), trying).await
    }

    fn snapshot<O: Objects>(
        &self,
        pages: pulls::Pages<O>,
        lists: &Self::Lists,
        making: SnapshotInputs<'_, O>,
    ) -> Result<Import, ImportError> {
        oneroster::snapshot(OneRosterVersion::V1p1, pages, lists, making)
    }
}

/// Who has connected, says the list at this proxy.
async fn tenants<S: Secrets, H: Http, W: Wait>(
    world: &World<'_, S, H, W>,
    proxy: &str,
    rng: &mut fastrand::Rng,
) -> Result<Vec<Tenant>, AuthError> {
    let what = "the partner key";
    let Some(name) = &world.config.classlink_secret else {
        return Err(AuthError::None(format!("there is no secret with {what} for ClassLink")));
    };
    let secret = secret(world, name, what).await?;
    // What serde says of it may quote it.
    let Ok(Partner { api_key }) = serde_json::from_str(secret.reveal()) else {
        return Err(AuthError::None("the secret with the partner key has no api_key".into()));
    };
    let (http, wait, now) = world.client();
    let list = Applications { http, wait, now, proxy: proxy.to_owned() };
    match list.tenants(&Secret::new(api_key), rng).await {
        Ok(all) => Ok(all),
        Err(error @ TenantsError::Refused(_)) => Err(AuthError::None(error.to_string())),
        Err(error) => Err(AuthError::Down(error.to_string())),
    }
}

impl Listing for ClassLink {
    /// ClassLink passes on what the student information system has.
    const PRESET: &'static str = "sis";

    fn is_configured(config: &Config) -> bool {
        config.classlink_secret.is_some()
    }

    async fn listed<S: Secrets, H: Http, W: Wait>(
        world: &World<'_, S, H, W>,
        only: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Listed<Tenant>>, AuthError> {
        let all = tenants(world, &world.config.classlink_proxy, rng).await?;
        let asked = all.into_iter().filter(|tenant| only.is_none_or(|only| tenant.id == only));
        Ok(asked.map(|key| Listed { id: key.id.clone(), key }).collect())
    }

    fn new(config: &Config, id: &str) -> Self {
        ClassLink { proxy: config.classlink_proxy.clone(), ..ClassLink::of(id) }
    }

    /// A number alone could be any system's.
    fn district(id: &str) -> String {
        format!("classlink-{id}")
    }

    fn set(self, settings: &mut SourceSettings) {
        settings.classlink = Some(self);
    }

    /// Whether the district shares an org: it may have added the application and given it nothing
    /// to read.
    async fn shares<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Tenant,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, String> {
        let api = api(self, key).map_err(|error| error.to_string())?;
        let client = oneroster::client(world, api, Access::bearer(key.token.clone()));
        client.shares::<std::convert::Infallible>(rng).await.map_err(|error| error.to_string())
    }
}
