//! Pages on their way into the bucket, and out of it again.

use std::collections::BTreeMap;
use std::io;

use futures::stream::{self, StreamExt};
use mirror::MirrorError;
use mirror::objects::{ReadObjects, WriteObjects};
use mirror::pulls;
use sources::clever::{Pages, Progress, Resource, StagedPages, without_demographics};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};

/// Pages that are fetched at the same time, and that wait to be read.
const AHEAD: usize = 4;

/// Where a try's pages are kept.
#[derive(Clone, Debug)]
pub(crate) struct Staging<O> {
    pub(crate) pages: pulls::Pages<O>,
    /// False: the district keeps no demographics, and they do not come this far (R-M7).
    pub(crate) demographics: bool,
}

impl<O: WriteObjects> Pages for Staging<O> {
    type Error = MirrorError;

    async fn keep(&self, list: Resource, number: u32, body: Vec<u8>, progress: &Progress) -> Result<(), MirrorError> {
        let body = if self.demographics || list != Resource::Students {
            body
        } else {
            without_demographics(&body).map_err(|fault| MirrorError::corrupt("a page of students", fault))?
        };
        self.pages.put(list.name(), number, body, progress).await
    }
}

impl<O: ReadObjects> Staging<O> {
    /// How far each list is.
    pub(crate) async fn lists(&self) -> Result<BTreeMap<Resource, Progress>, MirrorError> {
        let mut lists = BTreeMap::new();
        for list in Resource::ALL {
            if let Some(progress) = self.pages.cursor(list.name()).await? {
                lists.insert(list, progress);
            }
        }
        Ok(lists)
    }

    /// Reads all pages, in the order in which a snapshot is made of them; some are fetched while others are read.
    pub(crate) fn read(&self, handle: &Handle, lists: &BTreeMap<Resource, Progress>) -> Reader {
        let (full, pages) = channel(AHEAD);
        let pages_of = |list: Resource| lists.get(&list).map_or(0, |progress| progress.pages);
        let order = Resource::ALL.into_iter().flat_map(|list| (0..pages_of(list)).map(move |number| (list, number)));
        let order: Vec<(Resource, u32)> = order.collect();
        let own = self.pages.clone();
        handle.spawn(async move {
            let fetch = move |(list, number): (Resource, u32)| {
                let own = own.clone();
                async move { own.page(list.name(), number).await }
            };
            let mut fetched = stream::iter(order).map(fetch).buffered(AHEAD);
            while let Some(page) = fetched.next().await {
                // Nobody listens any more once the snapshot cannot be made.
                if full.send(page).await.is_err() {
                    return;
                }
            }
        });
        Reader(pages)
    }
}

/// Staged pages, one after the other. For threads that may block.
pub(crate) struct Reader(Receiver<Result<Vec<u8>, MirrorError>>);

impl StagedPages for Reader {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let page = self.0.blocking_recv().ok_or_else(|| io::Error::other("there is no further page"))?;
        page.map_err(MirrorError::into_io)
    }
}
