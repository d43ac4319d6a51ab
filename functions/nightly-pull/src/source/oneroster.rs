//! OneRoster REST servers. The district's settings name the secret with the credentials.

use std::collections::BTreeMap;
use std::io;

use mirror::MirrorError;
use mirror::files::pulls;
use roster::finding::pull as codes;
use roster::personal::Secret;
use roster::settings::{OneRoster, OneRosterVersion};
use serde_json::{Value, json};
use sources::oneroster_rest::{
    Access, Api, Base, Client, Job, Pages, Progress, PullError, PullState, Resource, Scrub,
    StagedPages, import,
};
use sources::{Import, ImportError};
use tokio::runtime::Handle;

use super::staging::{PageRef, ReadAhead};
use super::{
    Attempt, AuthError, PullInterrupted, Reached, SnapshotInputs, Source, SourceContext, cursors,
};
use crate::{Objects, Services};

impl From<PullError<MirrorError>> for PullInterrupted {
    fn from(error: PullError<MirrorError>) -> Self {
        let text = error.to_string();
        match error {
            PullError::Unauthorized => PullInterrupted::Unauthorized,
            PullError::Refused { .. } => {
                PullInterrupted::Refused(&codes::SOURCE_REFUSED, Some(text))
            }
            PullError::Page { .. } => PullInterrupted::Refused(&codes::SOURCE_PAGES, Some(text)),
            PullError::Down { .. } => PullInterrupted::Down(text),
            PullError::Keep(error) => error.into(),
        }
    }
}

/// Stores an attempt's pages, without the fields that are never stored.
struct Staging<O> {
    pages: pulls::Behind<O, Progress>,
    scrub: Scrub,
}

impl<O: Objects> Pages for Staging<O> {
    type Error = MirrorError;

    fn wants(&self, list: Resource) -> bool {
        self.scrub.wants(list)
    }

    async fn keep(
        &self,
        list: Resource,
        number: u32,
        body: Vec<u8>,
        progress: &Progress,
    ) -> Result<(), MirrorError> {
        let scrub = self.scrub.clone();
        let make = move || {
            scrub.page(list, body).map_err(|fault| MirrorError::corrupt("a page of a list", fault))
        };
        self.pages.put(list.name(), number, progress, make).await
    }
}

/// Reads the pages of the lists. Each list is fetched ahead from its first page on.
struct Reader<'a, O> {
    handle: &'a Handle,
    pages: pulls::Pages<O>,
    lists: &'a BTreeMap<Resource, Progress>,
    ahead: Option<ReadAhead>,
}

impl<O: Objects> StagedPages for Reader<'_, O> {
    fn page(&mut self, list: Resource, number: u32) -> io::Result<Vec<u8>> {
        if number == 0 {
            let count = self.lists.get(&list).map_or(0, |progress| progress.pages);
            let order = (0..count).map(|number| PageRef { list: list.name(), number }).collect();
            self.ahead = Some(ReadAhead::of(self.handle, self.pages.clone(), order));
        }
        self.ahead
            .as_mut()
            .ok_or_else(|| io::Error::other("the first page has not been read"))?
            .next()
    }
}

/// Reads the lists with any kind of credentials.
pub(super) async fn read<S: Services>(
    context: &SourceContext<'_, S>,
    (api, access): (Api, Access),
    attempt: Attempt<'_, S::Objects>,
) -> Result<Reached<BTreeMap<Resource, Progress>>, PullInterrupted> {
    let Attempt { pages, settings, policy, since, deadline, rng, .. } = attempt;
    let lists = lists_of(&pages).await?;
    let staging = Staging { pages: pulls::Behind::new(pages), scrub: Scrub::of(policy, settings) };
    let mut pulled = PullState::of(lists);
    let client = client(context, api.since(since), access);
    let pulling = client.pull(&staging, &mut pulled, rng, || deadline.is_near());
    // A stalled server must not use up the time for storing the progress. Stored pages remain.
    let how = tokio::time::timeout(deadline.remaining(), pulling).await.ok().transpose();
    staging.pages.finish().await?;
    let how = how.map_err(|error| match error {
        PullError::Refused { status: status @ (400 | 422 | 501), .. } if since.is_some() => {
            PullInterrupted::Refused(
                &codes::SOURCE_REFUSED,
                Some(format!(
                    "the server does not filter by dateLastModified ({status}): {ADVICE}"
                )),
            )
        }
        error => error.into(),
    })?;
    Ok(Reached::of(how, pulled.lists))
}

/// The advice for a server that cannot filter by change.
const ADVICE: &str = "remove changes_every_hours from the district's settings; \
     its nightly pulls continue to read everything";

/// Reads the progress of an attempt's lists.
async fn lists_of<O: Objects>(
    pages: &pulls::Pages<O>,
) -> Result<BTreeMap<Resource, Progress>, MirrorError> {
    cursors(pages, Resource::ALL.map(|list| (list, list.name()))).await
}

pub(super) fn client<S: Services>(
    context: &SourceContext<'_, S>,
    api: Api,
    access: Access,
) -> Client<S::Http, S::Wait> {
    let (http, wait, now) = context.client();
    Client { http, wait, now, api, access }
}

/// Makes a snapshot of the staged pages of a server with this OneRoster version.
pub(super) fn snapshot<O: Objects>(
    version: OneRosterVersion,
    pages: pulls::Pages<O>,
    lists: &BTreeMap<Resource, Progress>,
    inputs: SnapshotInputs<'_, O>,
) -> Result<Import, ImportError> {
    let SnapshotInputs { base, handle, settings, policy, today, sink } = inputs;
    let everything = match &base {
        Some(pages) => {
            handle.block_on(lists_of(pages)).map_err(|error| ImportError::Read(error.into_io()))?
        }
        None => BTreeMap::new(),
    };
    let mut full = base.map(|pages| Reader { handle, pages, lists: &everything, ahead: None });
    let base = full.as_mut().map(|pages| Base { lists: &everything, pages });
    let mut pages = Reader { handle, pages, lists, ahead: None };
    import(Job { version, lists, base, settings, policy, today }, &mut pages, sink)
}

impl Source for OneRoster {
    type Key = Secret;
    type Lists = BTreeMap<Resource, Progress>;

    fn check(&self) -> Result<(), String> {
        Api::of(self).map(|_| ()).map_err(|error| error.to_string())
    }

    async fn key<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        _: &mut fastrand::Rng,
    ) -> Result<Secret, AuthError> {
        let secret = context
            .secret(&self.secret, "the district's credentials, named in the settings,")
            .await?;
        match Access::of(self, &secret) {
            Some(_) => Ok(secret),
            None => Err(AuthError::Missing(
                "the secret with the district's credentials does not have the fields \
                 that the setting sign_in needs"
                    .into(),
            )),
        }
    }

    /// No version is read: a server that reports one does so in every response.
    async fn data_version<S: Services>(
        &self,
        _: &SourceContext<'_, S>,
        _: &Secret,
        _: &mut fastrand::Rng,
    ) -> Result<Value, PullInterrupted> {
        Ok(json!({}))
    }

    async fn read<S: Services>(
        &self,
        context: &SourceContext<'_, S>,
        key: &Secret,
        attempt: Attempt<'_, S::Objects>,
    ) -> Result<Reached<Self::Lists>, PullInterrupted> {
        let api = Api::of(self).map_err(|error| {
            PullInterrupted::Refused(&codes::SOURCE_REFUSED, Some(error.to_string()))
        })?;
        let access = Access::of(self, key).ok_or(PullInterrupted::Unauthorized)?;
        read(context, (api, access), attempt).await
    }

    fn snapshot<O: Objects>(
        &self,
        pages: pulls::Pages<O>,
        lists: &Self::Lists,
        inputs: SnapshotInputs<'_, O>,
    ) -> Result<Import, ImportError> {
        snapshot(self.version, pages, lists, inputs)
    }
}
