//! A OneRoster REST server. What opens it is the secret that the district's settings name.

use std::collections::BTreeMap;
use std::io;

use mirror::MirrorError;
use mirror::files::pulls;
use mirror::ports::secrets::Secrets;
use roster::finding::pull as codes;
use roster::personal::Secret;
use roster::settings::{OneRoster, OneRosterVersion};
use serde_json::{Value, json};
use sources::http::{Http, Wait};
use sources::oneroster_rest::{
    Access, Api, Base, Client, Job, Pages, Progress, PullError, PullState, Resource, Scrub,
    StagedPages, import,
};
use sources::{Import, ImportError};
use tokio::runtime::Handle;

use super::staging::{Ahead, Wanted};
use super::{Attempt, AuthError, Reached, SnapshotInputs, Source, Stop, World, cursors, secret};
use crate::Objects;

impl From<PullError<MirrorError>> for Stop {
    fn from(error: PullError<MirrorError>) -> Self {
        let said = error.to_string();
        match error {
            PullError::Unauthorized => Stop::Unauthorized,
            PullError::Refused { .. } => Stop::Refused(&codes::SOURCE_REFUSED, Some(said)),
            PullError::Page { .. } => Stop::Refused(&codes::SOURCE_PAGES, Some(said)),
            PullError::Down { .. } => Stop::Down(said),
            PullError::Keep(error) => error.into(),
        }
    }
}

/// Where a try's pages are kept, without what is not kept of them.
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

/// Pages of the lists, each list fetched ahead from its first page on.
struct Reader<'a, O> {
    handle: &'a Handle,
    pages: pulls::Pages<O>,
    lists: &'a BTreeMap<Resource, Progress>,
    ahead: Option<Ahead>,
}

impl<O: Objects> StagedPages for Reader<'_, O> {
    fn page(&mut self, list: Resource, number: u32) -> io::Result<Vec<u8>> {
        if number == 0 {
            let count = self.lists.get(&list).map_or(0, |progress| progress.pages);
            let order = (0..count).map(|number| Wanted { list: list.name(), number }).collect();
            self.ahead = Some(Ahead::of(self.handle, self.pages.clone(), order));
        }
        self.ahead
            .as_mut()
            .ok_or_else(|| io::Error::other("the first page has not been read"))?
            .next()
    }
}

/// Reads on, whatever opens the server.
pub(super) async fn read<S: Secrets, H: Http, W: Wait, O: Objects>(
    world: &World<'_, S, H, W>,
    (api, access): (Api, Access),
    trying: Attempt<'_, O>,
) -> Result<Reached<BTreeMap<Resource, Progress>>, Stop> {
    let Attempt { pages, settings, policy, since, deadline, rng, .. } = trying;
    let lists = lists_of(&pages).await?;
    let staging = Staging { pages: pulls::Behind::new(pages), scrub: Scrub::of(policy, settings) };
    let mut pulled = PullState::of(lists);
    let client = client(world, api.since(since), access);
    let pulling = client.pull(&staging, &mut pulled, rng, || deadline.is_near());
    // A server that stalls must not take the time in which the work is put away; what is kept is
    // kept.
    let how = tokio::time::timeout(deadline.remaining(), pulling).await.ok().transpose();
    staging.pages.finish().await?;
    let how = how.map_err(|error| match error {
        PullError::Refused { status: status @ (400 | 422 | 501), .. } if since.is_some() => {
            Stop::Refused(
                &codes::SOURCE_REFUSED,
                Some(format!(
                    "the server does not filter by dateLastModified ({status}): {WITHOUT}"
                )),
            )
        }
        error => error.into(),
    })?;
    Ok(Reached::of(how, pulled.lists))
}

/// What to do about a server that cannot say what has changed.
const WITHOUT: &str = "remove changes_every_hours from the district's settings; its nightly pulls continue to read everything";

/// How far the lists of a try are.
async fn lists_of<O: Objects>(
    pages: &pulls::Pages<O>,
) -> Result<BTreeMap<Resource, Progress>, MirrorError> {
    cursors(pages, Resource::ALL.map(|list| (list, list.name()))).await
}

pub(super) fn client<S, H: Http, W: Wait>(
    world: &World<'_, S, H, W>,
    api: Api,
    access: Access,
) -> Client<H, W> {
    let (http, wait, now) = world.client();
    Client { http, wait, now, api, access }
}

/// Makes a snapshot of staged pages of this version.
pub(super) fn snapshot<O: Objects>(
    version: OneRosterVersion,
    pages: pulls::Pages<O>,
    lists: &BTreeMap<Resource, Progress>,
    making: SnapshotInputs<'_, O>,
) -> Result<Import, ImportError> {
    let SnapshotInputs { base, handle, settings, policy, today, sink } = making;
    let everything = match &base {
        Some(pages) => {
            handle.block_on(lists_of(pages)).map_err(|error| ImportError::Read(error.into_io()))?
        }
        None => BTreeMap::new(),
    };
    let mut under = base.map(|pages| Reader { handle, pages, lists: &everything, ahead: None });
    let base = under.as_mut().map(|pages| Base { lists: &everything, pages });
    let mut pages = Reader { handle, pages, lists, ahead: None };
    import(Job { version, lists, base, settings, policy, today }, &mut pages, sink)
}

impl Source for OneRoster {
    const NAME: &'static str = OneRoster::SOURCE;
    type Key = Secret;
    type Lists = BTreeMap<Resource, Progress>;

    /// A server of one district is known by its address.
    fn id(&self) -> String {
        self.url.clone()
    }

    fn check(&self) -> Result<(), String> {
        Api::of(self).map(|_| ()).map_err(|error| error.to_string())
    }

    fn changes_every(&self) -> Option<u8> {
        self.changes_every_hours
    }

    async fn key<S: Secrets, H: Http, W: Wait>(
        &self,
        world: &World<'_, S, H, W>,
        _: &mut fastrand::Rng,
    ) -> Result<Secret, AuthError> {
        let secret =
            secret(world, &self.secret, "the district's credentials, named in the settings,")
                .await?;
        match Access::of(self, &secret) {
            Some(_) => Ok(secret),
            None => Err(AuthError::None(
                "the secret with the district's credentials does not have the fields that the setting sign_in needs"
                    .into(),
            )),
        }
    }

    /// Nothing: what tells one state of the data from the next stands in every answer, where it
    /// stands at all.
    async fn mark<S: Secrets, H: Http, W: Wait>(
        &self,
        _: &World<'_, S, H, W>,
        _: &Secret,
        _: &mut fastrand::Rng,
    ) -> Result<Value, Stop> {
        Ok(json!({}))
    }

    async fn read<S: Secrets, H: Http, W: Wait, O: Objects>(
        &self,
        world: &World<'_, S, H, W>,
        key: &Secret,
        trying: Attempt<'_, O>,
    ) -> Result<Reached<Self::Lists>, Stop> {
        let api = Api::of(self)
            .map_err(|error| Stop::Refused(&codes::SOURCE_REFUSED, Some(error.to_string())))?;
        let access = Access::of(self, key).ok_or(Stop::Unauthorized)?;
        read(world, (api, access), trying).await
    }

    fn snapshot<O: Objects>(
        &self,
        pages: pulls::Pages<O>,
        lists: &Self::Lists,
        making: SnapshotInputs<'_, O>,
    ) -> Result<Import, ImportError> {
        snapshot(self.version, pages, lists, making)
    }
}
