//! Clever. The district's token comes from a secret of its own, or from Clever's list with the
//! application's credentials: it changes whenever the district connects anew.

use std::io;

use mirror::MirrorError;
use mirror::files::pulls;
use mirror::ports::secrets::Secrets;
use roster::finding::pull as codes;
use roster::personal::Secret;
use roster::policy::KeepDemographics;
use roster::settings::{Clever, SourceSettings};
use serde::Deserialize;
use serde_json::Value;
use sources::clever::{
    Api, Client, Connected, Import, ImportError, Job, Pages, Progress, PullError, PullState,
    Resource, StagedPages, TokenList, TokensError, import, without_demographics,
};
use sources::http::{Http, Wait};

use super::staging::{Ahead, Wanted};
use super::{
    Attempt, AuthError, Listed, Listing, Reached, SnapshotInputs, Source, Stop, World, cursors,
    secret,
};
use crate::{Config, Objects};

#[derive(Deserialize)]
struct Credentials {
    client_id: String,
    client_secret: String,
}

impl From<PullError<MirrorError>> for Stop {
    fn from(error: PullError<MirrorError>) -> Self {
        let said = error.to_string();
        match error {
            PullError::Unauthorized => Stop::Unauthorized,
            PullError::OtherDistrict => Stop::Refused(&codes::SOURCE_OTHER_DISTRICT, None),
            PullError::Refused { .. } => Stop::Refused(&codes::SOURCE_REFUSED, Some(said)),
            PullError::Page { .. } => Stop::Refused(&codes::SOURCE_PAGES, Some(said)),
            PullError::Down { .. } => Stop::Down(said),
            PullError::Keep(error) => error.into(),
        }
    }
}

/// Where a try's pages are kept.
struct Staging<O> {
    pages: pulls::Behind<O, Progress>,
    /// False: the district keeps no demographics, and they do not come this far (R-M7).
    demographics: bool,
}

impl<O: Objects> Pages for Staging<O> {
    type Error = MirrorError;

    async fn keep(
        &self,
        list: Resource,
        number: u32,
        body: Vec<u8>,
        progress: &Progress,
    ) -> Result<(), MirrorError> {
        let is_whole = self.demographics || list != Resource::Students;
        let make = move || {
            if is_whole {
                return Ok(body);
            }
            without_demographics(&body)
                .map_err(|fault| MirrorError::corrupt("a page of students", fault))
        };
        self.pages.put(list.name(), number, progress, make).await
    }
}

impl StagedPages for Ahead {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        Ahead::next(self)
    }
}

fn client<S, H: Http, W: Wait>(world: &World<'_, S, H, W>, api: Api) -> Client<H, W> {
    let (http, wait, now) = world.client();
    Client { http, wait, now, api }
}

impl Source for Clever {
    const NAME: &'static str = Clever::SOURCE;
    type Key = Secret;
    type Lists = PullState;

    fn id(&self) -> String {
        self.district.clone()
    }

    fn check(&self) -> Result<(), String> {
        Api::of(self).map(|_| ()).map_err(|error| error.to_string())
    }

    async fn key<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        rng: &mut fastrand::Rng,
    ) -> Result<Secret, AuthError> {
        if let Some(name) = &self.token_secret {
            let secret = world.secrets.secret(name).await?;
            return secret.ok_or_else(|| {
                AuthError::None(
                    "the secret with the district's token, named in the settings, does not exist"
                        .into(),
                )
            });
        }
        let listed = Clever::listed(world, Some(&self.district), rng).await?;
        let token = listed.into_iter().find(|one| one.id == self.district).map(|one| one.key);
        token.ok_or_else(|| {
            AuthError::None("Clever's token list does not contain the district".into())
        })
    }

    async fn mark<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<Value, Stop> {
        let api = Api::of(self)
            .map_err(|error| Stop::Refused(&codes::SOURCE_REFUSED, Some(error.to_string())))?;
        let seen = client(world, api).district::<MirrorError>(key, rng).await?;
        if seen.id != self.district {
            return Err(Stop::Refused(&codes::SOURCE_OTHER_DISTRICT, None));
        }
        serde_json::to_value(&seen.version).map_err(|error| {
            MirrorError::local("keep what Clever says of its data", error.into()).into()
        })
    }

    async fn read<S: Secrets, H: Http, W: Wait, O: Objects>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Secret,
        trying: Attempt<'_, O>,
    ) -> Result<Reached<Self::Lists>, Stop> {
        let Attempt { pages, policy, mark, deadline, rng, .. } = trying;
        let api = Api::of(self)
            .map_err(|error| Stop::Refused(&codes::SOURCE_REFUSED, Some(error.to_string())))?;
        let before = serde_json::from_value(mark)
            .map_err(|error| MirrorError::corrupt("a pull's state", error))?;
        let lists = cursors(&pages, Resource::ALL.map(|list| (list, list.name()))).await?;
        let demographics = policy.demographics == KeepDemographics::Mirror;
        let staging = Staging { pages: pulls::Behind::new(pages), demographics };
        let mut pulled = PullState { before, lists, ..PullState::default() };
        let client = client(world, api);
        let pulling =
            client.pull(&self.district, key, &staging, &mut pulled, rng, || deadline.is_near());
        // A server that stalls must not take the time in which the work is put away; what is kept
        // is kept.
        let how = tokio::time::timeout(deadline.remaining(), pulling).await.ok().transpose();
        staging.pages.finish().await?;
        Ok(Reached::of(how?, pulled))
    }

    fn snapshot<O: Objects>(
        &self,
        pages: pulls::Pages<O>,
        pulled: &Self::Lists,
        making: SnapshotInputs<'_, O>,
    ) -> Result<Import, ImportError> {
        let SnapshotInputs { handle, settings, policy, today, sink, .. } = making;
        let lists = &pulled.lists;
        let pages_of = |list: Resource| lists.get(&list).map_or(0, |progress| progress.pages);
        let order = Resource::ALL.into_iter().flat_map(|list| {
            (0..pages_of(list)).map(move |number| Wanted { list: list.name(), number })
        });
        let mut pages = Ahead::of(handle, pages, order.collect());
        let job =
            Job { district: &self.district, lists, frozen: pulled.frozen, settings, policy, today };
        import(job, &mut pages, sink)
    }
}

impl Listing for Clever {
    const PRESET: &'static str = "clever";

    fn is_configured(config: &Config) -> bool {
        config.clever_secret.is_some()
    }

    async fn listed<S: Secrets, H: Http, W: Wait>(
        world: &World<'_, S, H, W>,
        only: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Listed<Secret>>, AuthError> {
        let what = "the application's credentials";
        let Some(name) = &world.config.clever_secret else {
            return Err(AuthError::None(format!("there is no secret with {what} for Clever")));
        };
        let secret = secret(world, name, what).await?;
        // What serde says of it may quote it.
        let Ok(own) = serde_json::from_str::<Credentials>(secret.reveal()) else {
            return Err(AuthError::None(
                "the secret with the application's credentials has no client_id and client_secret"
                    .into(),
            ));
        };
        let (http, wait, now) = world.client();
        let list = TokenList { http, wait, now, host: world.config.clever_tokens.clone() };
        match list.connected(&own.client_id, &Secret::new(own.client_secret), only, rng).await {
            Ok(all) => Ok(all
                .into_iter()
                .map(|Connected { district, token }| Listed { id: district, key: token })
                .collect()),
            Err(error @ TokensError::Refused(_)) => Err(AuthError::None(error.to_string())),
            Err(error) => Err(AuthError::Down(error.to_string())),
        }
    }

    fn new(config: &Config, id: &str) -> Self {
        Clever { api: config.clever_api.clone(), ..Clever::of(id) }
    }

    fn district(id: &str) -> String {
        id.to_owned()
    }

    fn set(self, settings: &mut SourceSettings) {
        settings.clever = Some(self);
    }

    /// Asks Clever with the district's own token: the token must be that of the district, and a
    /// school must be shared.
    async fn shares<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, String> {
        let client = client(world, Api::of(self).map_err(|error| error.to_string())?);
        let asked = async {
            if client.district::<std::convert::Infallible>(key, rng).await?.id != self.district {
                return Err(PullError::OtherDistrict);
            }
            client.shares(key, rng).await
        };
        asked.await.map_err(|error| error.to_string())
    }
}
