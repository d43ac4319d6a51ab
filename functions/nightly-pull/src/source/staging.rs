//! Staged pages, fetched ahead of who reads them.

use std::io;

use futures::stream::{self, StreamExt};
use mirror::MirrorError;
use mirror::files::pulls::Pages;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};

use crate::Objects;

/// Pages that are fetched at the same time, and that wait to be read.
const AHEAD: usize = 4;

/// One page.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) list: &'static str,
    pub(super) number: u32,
}

/// Pages in the order in which they will be asked for. For threads that may block.
pub(super) struct Ahead(Receiver<Result<Vec<u8>, MirrorError>>);

impl Ahead {
    /// Begins to fetch.
    pub(super) fn of<O: Objects>(handle: &Handle, pages: Pages<O>, order: Vec<Wanted>) -> Self {
        let (full, waiting) = channel(AHEAD);
        handle.spawn(async move {
            let fetch = move |Wanted { list, number }: Wanted| {
                let own = pages.clone();
                async move { own.page(list, number).await }
            };
            let mut fetched = stream::iter(order).map(fetch).buffered(AHEAD);
            while let Some(page) = fetched.next().await {
                // Nobody listens any more once the snapshot cannot be made.
                if full.send(page).await.is_err() {
                    return;
                }
            }
        });
        Self(waiting)
    }

    pub(super) fn next(&mut self) -> io::Result<Vec<u8>> {
        let page =
            self.0.blocking_recv().ok_or_else(|| io::Error::other("there is no further page"))?;
        page.map_err(MirrorError::into_io)
    }
}
