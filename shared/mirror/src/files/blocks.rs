//! Reads an object like a file: `Read` and `Seek` by range requests.
//!
//! A read blocks the thread, so the reader must not be used on a thread of the async runtime.
//!
//! # Why this is not simply a download
//!
//! An upload may be larger than the memory of the function, and a zip must be read from its end.
//! Each range request takes tens of milliseconds, however short the range is. When the reader
//! advances sequentially, it therefore requests the next four blocks of 2 MiB in advance. Blocks
//! are small so that the allocator reuses their memory: larger blocks cost an import 35 MB more
//! memory and 10 % more time.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::MirrorError;
use crate::ports::objects::{Fetched, ObjectRef, ReadObjects};

/// The size of a block in bytes: small enough for the allocator to reuse its memory.
const BLOCK: u64 = 2 * 1024 * 1024;

/// The number of cached blocks: the directory of a zip, the headers of its members and the position
/// of the reader.
const CACHED_BLOCKS: usize = 4;

/// The number of blocks that are requested in advance while the reader advances sequentially.
const AHEAD: u64 = 4;

/// The state of an object as its readers have found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// The object is unchanged.
    Unchanged,
    /// The object was replaced.
    Replaced,
    /// The object was deleted.
    Gone,
}

/// Shared by readers to report, after an error, whether an object was replaced or deleted.
#[derive(Clone, Debug, Default)]
pub struct ObjectWatch(Arc<AtomicU8>);

impl ObjectWatch {
    /// Returns the worst state that a reader has found.
    pub fn state(&self) -> ObjectState {
        match self.0.load(Ordering::SeqCst) {
            0 => ObjectState::Unchanged,
            1 => ObjectState::Replaced,
            _ => ObjectState::Gone,
        }
    }
}

/// Reads one state of one object.
pub struct ObjectReader<O> {
    objects: O,
    object: ObjectRef,
    size: u64,
    handle: Handle,
    watch: ObjectWatch,
    at: u64,
    kept: VecDeque<(u64, Vec<u8>)>,
    /// Requested blocks, in ascending order.
    ahead: VecDeque<(u64, JoinHandle<Result<Fetched, MirrorError>>)>,
}

impl<O: ReadObjects> ObjectReader<O> {
    /// Returns a reader at the start of an object of `size` bytes.
    pub fn new(
        handle: Handle,
        objects: O,
        object: ObjectRef,
        size: u64,
        watch: &ObjectWatch,
    ) -> Self {
        Self {
            objects,
            object,
            size,
            handle,
            watch: watch.clone(),
            at: 0,
            kept: VecDeque::new(),
            ahead: VecDeque::new(),
        }
    }

    fn fetch(&self, block: u64) -> JoinHandle<Result<Fetched, MirrorError>> {
        let (objects, object) = (self.objects.clone(), self.object.clone());
        self.handle.spawn(async move { objects.range(&object, block * BLOCK, BLOCK).await })
    }

    fn is_kept(&self, block: u64) -> bool {
        self.kept.iter().any(|(number, _)| *number == block)
    }

    /// Moves a block to the front of the cache, and requests the following blocks if the reader
    /// advances sequentially.
    fn load(&mut self, block: u64) -> io::Result<()> {
        if let Some(place) = self.kept.iter().position(|(number, _)| *number == block) {
            self.kept.swap(0, place);
            return Ok(());
        }
        // Requested blocks before this one are not needed: the reader has skipped them.
        while self.ahead.front().is_some_and(|(number, _)| *number < block) {
            self.ahead.pop_front();
        }
        let waiting = match self.ahead.front() {
            Some((number, _)) if *number == block => {
                self.ahead.pop_front().map(|(_, waiting)| waiting)
            }
            _ => {
                self.ahead.clear();
                None
            }
        };
        let waiting = waiting.unwrap_or_else(|| self.fetch(block));
        let goes_forward = block == 0 || self.is_kept(block - 1);
        let from = self.ahead.back().map_or(block + 1, |(number, _)| number + 1);
        for next in
            (from..=block + AHEAD).take_while(|next| goes_forward && next * BLOCK < self.size)
        {
            if !self.is_kept(next) {
                self.ahead.push_back((next, self.fetch(next)));
            }
        }
        let answer = self.handle.block_on(waiting).map_err(io::Error::other)?;
        let bytes = match answer.map_err(MirrorError::into_io)? {
            Fetched::Bytes(bytes) => bytes,
            Fetched::Changed => {
                self.watch.0.fetch_max(1, Ordering::SeqCst);
                return Err(io::Error::other("the object was replaced while it was read"));
            }
            Fetched::Missing => {
                self.watch.0.fetch_max(2, Ordering::SeqCst);
                return Err(io::Error::other("the object was deleted while it was read"));
            }
        };
        self.kept.truncate(CACHED_BLOCKS - 1);
        self.kept.push_front((block, bytes));
        Ok(())
    }
}

impl<O: ReadObjects> Read for ObjectReader<O> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let block = self.at / BLOCK;
        self.load(block)?;
        let bytes = self.kept.front().map_or(&[][..], |(_, bytes)| bytes);
        let rest = bytes.get((self.at - block * BLOCK) as usize..).unwrap_or_default();
        if rest.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the object is shorter than expected",
            ));
        }
        let take = rest.len().min(buffer.len());
        buffer[..take].copy_from_slice(&rest[..take]);
        self.at += take as u64;
        Ok(take)
    }
}

impl<O: ReadObjects> Seek for ObjectReader<O> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the start")
        })?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::MemoryObjects;

    fn bytes(n: usize) -> Vec<u8> {
        (0..n).map(|i| (i * 7 % 256) as u8).collect()
    }

    async fn on_a_thread<T: Send + 'static>(work: impl FnOnce(Handle) -> T + Send + 'static) -> T {
        let handle = Handle::current();
        tokio::task::spawn_blocking(move || work(handle)).await.unwrap()
    }

    #[tokio::test]
    async fn an_object_is_read_like_a_file_at_any_position() {
        let (bucket, body) = (MemoryObjects::default(), bytes(BLOCK as usize * 2 + 1000));
        let etag = bucket.upload("a", body.clone(), None);
        on_a_thread(move |handle| {
            let object = ObjectRef { key: "a".into(), etag, version: None };
            let mut reader = ObjectReader::new(
                handle,
                bucket,
                object,
                body.len() as u64,
                &ObjectWatch::default(),
            );
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            assert!(all == body);
            for at in [body.len() - 5, 3, BLOCK as usize - 2] {
                reader.seek(SeekFrom::Start(at as u64)).unwrap();
                let mut four = [0; 4];
                reader.read_exact(&mut four).unwrap();
                assert_eq!(four, body[at..at + 4]);
            }
            assert!(reader.seek(SeekFrom::End(-(body.len() as i64) - 1)).is_err());
        })
        .await;
    }

    #[tokio::test]
    async fn requesting_ahead_returns_the_same_bytes_after_any_seek() {
        let (bucket, body) = (MemoryObjects::default(), bytes(BLOCK as usize * 12 + 77));
        let etag = bucket.upload("a", body.clone(), None);
        on_a_thread(move |handle| {
            let object = ObjectRef { key: "a".into(), etag, version: None };
            let mut reader = ObjectReader::new(
                handle,
                bucket,
                object,
                body.len() as u64,
                &ObjectWatch::default(),
            );
            let mut some = vec![0; 1000];
            // The end first, as for a zip; forward; over requested blocks; back; and forward again.
            for block in [12, 0, 1, 2, 5, 6, 3, 4, 7, 11, 10, 12, 0, 8, 9, 10, 11] {
                let at = block * BLOCK as usize + 33;
                let rest = some.len().min(body.len() - at);
                reader.seek(SeekFrom::Start(at as u64)).unwrap();
                reader.read_exact(&mut some[..rest]).unwrap();
                assert!(some[..rest] == body[at..at + rest], "block {block}");
                assert!(
                    reader.kept.len() <= CACHED_BLOCKS && reader.ahead.len() <= AHEAD as usize,
                    "block {block}"
                );
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_replaced_or_deleted_object_is_reported() {
        for (gone, state) in [(false, ObjectState::Replaced), (true, ObjectState::Gone)] {
            let bucket = MemoryObjects::default();
            let etag = bucket.upload("a", bytes(100), None);
            if gone {
                bucket.remove("a")
            } else {
                drop(bucket.upload("a", bytes(99), None))
            }
            let watch = ObjectWatch::default();
            let watched = watch.clone();
            on_a_thread(move |handle| {
                let object = ObjectRef { key: "a".into(), etag, version: None };
                let mut reader = ObjectReader::new(handle, bucket, object, 100, &watched);
                assert!(reader.read_to_end(&mut Vec::new()).is_err());
            })
            .await;
            assert_eq!(watch.state(), state);
        }
    }
}
