//! ClassLink. Its list of applications has the connected districts with their tokens and addresses;
//! everything else is as for OneRoster servers.

use std::collections::BTreeMap;

use mirror::files::pulls;
use roster::finding::pull as codes;
use roster::personal::Secret;
use roster::settings::{ClassLink, OneRosterVersion, SourceSettings};
use serde::Deserialize;
use serde_json::{Value, json};
use sources::classlink::{Applications, Tenant, TenantsError, api, check};
use sources::oneroster_rest::{Access, Progress, Resource};
use sources::{Import, ImportError};

use super::{
    Attempt, AuthError, Discover, Listed, PullInterrupted, Reached, SnapshotInputs, Source,
    SourceContext, oneroster,
};
use crate::{Config, Objects, Services};

/// The partner key, from ClassLink's console.
#[derive(Deserialize)]
struct Partner {
    api_key: String,
}

impl Source for ClassLink {
    type Key = Tenant;
    type Lists = BTreeMap<Resource, Progress>;

    fn check(&self) -> Result<(), String> {
        check(self).map_err(|error| error.to_string())
    }

    async fn key<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        rng: &mut fastrand::Rng,
    ) -> Result<Tenant, AuthError> {
        let listed = tenants(context, &self.proxy, rng).await?;
        let own = listed.into_iter().find(|tenant| tenant.id == self.tenant);
        own.ok_or_else(|| {
            AuthError::Missing(
                "ClassLink's list of applications does not contain the district, \
                 or the district has not enabled ours"
                    .into(),
            )
        })
    }

    /// No version is read: every response has the revision.
    async fn data_version<S: Services>(
        &self,
        _: &SourceContext<'_, S>,
        _: &Tenant,
        _: &mut fastrand::Rng,
    ) -> Result<Value, PullInterrupted> {
        Ok(json!({}))
    }

    async fn read<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Tenant,
        attempt: Attempt<'_, S::Objects>,
    ) -> Result<Reached<Self::Lists>, PullInterrupted> {
        let api = api(self, key).map_err(|error| {
            PullInterrupted::Refused(&codes::SOURCE_REFUSED, Some(error.to_string()))
        })?;
        oneroster::read(context, (api, Access::bearer(key.token.clone())), attempt).await
    }

    fn snapshot<O: Objects>(
        &self,
        pages: pulls::Pages<O>,
        lists: &Self::Lists,
        inputs: SnapshotInputs<'_, O>,
    ) -> Result<Import, ImportError> {
        oneroster::snapshot(OneRosterVersion::V1p1, pages, lists, inputs)
    }
}

/// Reads the list of applications from a proxy.
async fn tenants<S: Services>(
    context: &SourceContext<'_, S>,
    proxy: &str,
    rng: &mut fastrand::Rng,
) -> Result<Vec<Tenant>, AuthError> {
    let what = "the partner key";
    let Some(name) = &context.config.classlink_secret else {
        return Err(AuthError::Missing(format!("there is no secret with {what} for ClassLink")));
    };
    let secret = context.secret(name, what).await?;
    // The error of serde could quote the secret, so it is not reported.
    let Ok(Partner { api_key }) = serde_json::from_str(secret.reveal()) else {
        return Err(AuthError::Missing("the secret with the partner key has no api_key".into()));
    };
    let (http, wait, now) = context.client();
    let list = Applications { http, wait, now, proxy: proxy.to_owned() };
    match list.tenants(&Secret::new(api_key), rng).await {
        Ok(all) => Ok(all),
        Err(error @ TenantsError::Refused(_)) => Err(AuthError::Missing(error.to_string())),
        Err(error) => Err(AuthError::Down(error.to_string())),
    }
}

impl Discover for ClassLink {
    /// ClassLink passes on the data of the student information system.
    const PRESET: &'static str = "sis";

    fn is_configured(config: &Config) -> bool {
        config.classlink_secret.is_some()
    }

    async fn listed<S: Services>(
        context: &SourceContext<'_, S>,
        only: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Listed<Tenant>>, AuthError> {
        let all = tenants(context, &context.config.classlink_proxy, rng).await?;
        let selected = all.into_iter().filter(|tenant| only.is_none_or(|only| tenant.id == only));
        Ok(selected.map(|key| Listed { id: key.id.clone(), key }).collect())
    }

    fn new(config: &Config, id: &str) -> Self {
        ClassLink { proxy: config.classlink_proxy.clone(), ..ClassLink::of(id) }
    }

    /// ClassLink's ids are plain numbers, which could be those of another system.
    fn district(id: &str) -> String {
        format!("classlink-{id}")
    }

    fn set(self, settings: &mut SourceSettings) {
        settings.classlink = Some(self);
    }

    /// Whether the district shares at least one org. It may have added the application without
    /// giving it access to any data.
    async fn shares<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Tenant,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, String> {
        let api = api(self, key).map_err(|error| error.to_string())?;
        let client = oneroster::client(context, api, Access::bearer(key.token.clone()));
        client.shares::<std::convert::Infallible>(rng).await.map_err(|error| error.to_string())
    }
}
