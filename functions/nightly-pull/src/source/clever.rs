//! Clever. The district's token is in a secret of its own, or in Clever's token list, which is read
//! with the application's credentials. The token changes whenever the district reconnects.

use std::io;

use mirror::MirrorError;
use mirror::files::pulls;
use roster::finding::pull as codes;
use roster::personal::Secret;
use roster::settings::{Clever, SourceSettings};
use serde::Deserialize;
use serde_json::Value;
use sources::clever::{
    Api, Client, Connected, Job, Pages, Progress, PullError, PullState, Resource, StagedPages,
    TokenList, TokensError, import, without_demographics,
};
use sources::{Import, ImportError};

use super::staging::{PageRef, ReadAhead};
use super::{
    Attempt, AuthError, Discover, Listed, PullInterrupted, Reached, SnapshotInputs, Source,
    SourceContext, cursors,
};
use crate::{Config, Objects, Services};

#[derive(Deserialize)]
struct Credentials {
    client_id: String,
    client_secret: String,
}

impl From<PullError<MirrorError>> for PullInterrupted {
    fn from(error: PullError<MirrorError>) -> Self {
        let text = error.to_string();
        match error {
            PullError::Unauthorized => PullInterrupted::Unauthorized,
            PullError::OtherDistrict => {
                PullInterrupted::Refused(&codes::SOURCE_OTHER_DISTRICT, None)
            }
            PullError::Refused { .. } => {
                PullInterrupted::Refused(&codes::SOURCE_REFUSED, Some(text))
            }
            PullError::Page { .. } => PullInterrupted::Refused(&codes::SOURCE_PAGES, Some(text)),
            PullError::Down { .. } => PullInterrupted::Down(text),
            PullError::Keep(error) => error.into(),
        }
    }
}

/// Stores an attempt's pages.
struct Staging<O> {
    pages: pulls::Behind<O, Progress>,
    /// Whether demographics are stored. If the district keeps none, they are removed first (R-M7).
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
        let is_unchanged = self.demographics || list != Resource::Students;
        let make = move || {
            if is_unchanged {
                return Ok(body);
            }
            without_demographics(&body)
                .map_err(|fault| MirrorError::corrupt("a page of students", fault))
        };
        self.pages.put(list.name(), number, progress, make).await
    }
}

impl StagedPages for ReadAhead {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        ReadAhead::next(self)
    }
}

fn client<S: Services>(context: &SourceContext<'_, S>, api: Api) -> Client<S::Http, S::Wait> {
    let (http, wait, now) = context.client();
    Client { http, wait, now, api }
}

impl Source for Clever {
    type Key = Secret;
    type Lists = PullState;

    fn check(&self) -> Result<(), String> {
        Api::of(self).map(|_| ()).map_err(|error| error.to_string())
    }

    async fn key<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        rng: &mut fastrand::Rng,
    ) -> Result<Secret, AuthError> {
        if let Some(name) = &self.token_secret {
            return context.secret(name, "the district's token, named in the settings,").await;
        }
        let listed = Clever::listed(context, Some(&self.district), rng).await?;
        let token = listed.into_iter().find(|one| one.id == self.district).map(|one| one.key);
        token.ok_or_else(|| {
            AuthError::Missing("Clever's token list does not contain the district".into())
        })
    }

    async fn data_version<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<Value, PullInterrupted> {
        let api = Api::of(self).map_err(|error| {
            PullInterrupted::Refused(&codes::SOURCE_REFUSED, Some(error.to_string()))
        })?;
        let record = client(context, api).district::<MirrorError>(key, rng).await?;
        if record.id != self.district {
            return Err(PullInterrupted::Refused(&codes::SOURCE_OTHER_DISTRICT, None));
        }
        serde_json::to_value(&record.version).map_err(|error| {
            MirrorError::local("keep what Clever says of its data", error.into()).into()
        })
    }

    async fn read<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Secret,
        attempt: Attempt<'_, S::Objects>,
    ) -> Result<Reached<Self::Lists>, PullInterrupted> {
        let Attempt { pages, policy, data_version, deadline, rng, .. } = attempt;
        let api = Api::of(self).map_err(|error| {
            PullInterrupted::Refused(&codes::SOURCE_REFUSED, Some(error.to_string()))
        })?;
        let before = serde_json::from_value(data_version)
            .map_err(|error| MirrorError::corrupt("a pull's state", error))?;
        let lists = cursors(&pages, Resource::ALL.map(|list| (list, list.name()))).await?;
        let demographics = policy.stores_demographics();
        let staging = Staging { pages: pulls::Behind::new(pages), demographics };
        let mut pulled = PullState { before, lists, ..PullState::default() };
        let client = client(context, api);
        let pulling =
            client.pull(&self.district, key, &staging, &mut pulled, rng, || deadline.is_near());
        // A stalled server must not use up the time for storing the progress. Stored pages remain.
        let how = tokio::time::timeout(deadline.remaining(), pulling).await.ok().transpose();
        staging.pages.finish().await?;
        Ok(Reached::of(how?, pulled))
    }

    fn snapshot<O: Objects>(
        &self,
        pages: pulls::Pages<O>,
        pulled: &Self::Lists,
        inputs: SnapshotInputs<'_, O>,
    ) -> Result<Import, ImportError> {
        let SnapshotInputs { handle, settings, policy, today, sink, .. } = inputs;
        let lists = &pulled.lists;
        let pages_of = |list: Resource| lists.get(&list).map_or(0, |progress| progress.pages);
        let order = Resource::ALL.into_iter().flat_map(|list| {
            (0..pages_of(list)).map(move |number| PageRef { list: list.name(), number })
        });
        let mut pages = ReadAhead::of(handle, pages, order.collect());
        let job =
            Job { district: &self.district, lists, frozen: pulled.frozen, settings, policy, today };
        import(job, &mut pages, sink)
    }
}

impl Discover for Clever {
    const PRESET: &'static str = "clever";

    fn is_configured(config: &Config) -> bool {
        config.clever_secret.is_some()
    }

    async fn listed<S: Services>(
        context: &SourceContext<'_, S>,
        only: Option<&str>,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Listed<Secret>>, AuthError> {
        let what = "the application's credentials";
        let Some(name) = &context.config.clever_secret else {
            return Err(AuthError::Missing(format!("there is no secret with {what} for Clever")));
        };
        let secret = context.secret(name, what).await?;
        // The error of serde could quote the secret, so it is not reported.
        let Ok(own) = serde_json::from_str::<Credentials>(secret.reveal()) else {
            return Err(AuthError::Missing(
                "the secret with the application's credentials has no client_id and client_secret"
                    .into(),
            ));
        };
        let (http, wait, now) = context.client();
        let list = TokenList { http, wait, now, host: context.config.clever_tokens.clone() };
        match list.connected(&own.client_id, &Secret::new(own.client_secret), only, rng).await {
            Ok(all) => Ok(all
                .into_iter()
                .map(|Connected { district, token }| Listed { id: district, key: token })
                .collect()),
            Err(error @ TokensError::Refused(_)) => Err(AuthError::Missing(error.to_string())),
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

    /// Checks that the token belongs to the district and that at least one school is shared.
    async fn shares<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Secret,
        rng: &mut fastrand::Rng,
    ) -> Result<bool, String> {
        let client = client(context, Api::of(self).map_err(|error| error.to_string())?);
        let shares = async {
            if client.district::<std::convert::Infallible>(key, rng).await?.id != self.district {
                return Err(PullError::OtherDistrict);
            }
            client.shares(key, rng).await
        };
        shares.await.map_err(|error| error.to_string())
    }
}
