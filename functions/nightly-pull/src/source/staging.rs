//! Fetches staged pages ahead of their reader.

use std::io;

use futures::stream::{self, StreamExt};
use mirror::MirrorError;
use mirror::files::pulls::Pages;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};

use crate::Objects;

/// The number of pages that are fetched concurrently, and that may wait for the reader.
const DEPTH: usize = 4;

/// The place of a page.
#[derive(Clone, Copy)]
pub(super) struct PageRef {
    pub(super) list: &'static str,
    pub(super) number: u32,
}

/// Staged pages in a given order, fetched before they are read.
pub(super) struct ReadAhead(Receiver<Result<Vec<u8>, MirrorError>>);

impl ReadAhead {
    /// Starts fetching pages in this order.
    pub(super) fn of<O: Objects>(handle: &Handle, pages: Pages<O>, order: Vec<PageRef>) -> Self {
        let (full, waiting) = channel(DEPTH);
        handle.spawn(async move {
            let fetch = move |PageRef { list, number }: PageRef| {
                let own = pages.clone();
                async move { own.page(list, number).await }
            };
            let mut fetched = stream::iter(order).map(fetch).buffered(DEPTH);
            while let Some(page) = fetched.next().await {
                // The reader stops early if the snapshot cannot be made.
                if full.send(page).await.is_err() {
                    return;
                }
            }
        });
        Self(waiting)
    }

    /// Returns the next page. Blocks the thread.
    pub(super) fn next(&mut self) -> io::Result<Vec<u8>> {
        let page =
            self.0.blocking_recv().ok_or_else(|| io::Error::other("there is no further page"))?;
        page.map_err(MirrorError::into_io)
    }
}
