//! Stores pages in the background while the next ones are requested.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{Mutex as Turn, Semaphore};

use super::{CURSOR, Pages};
use crate::MirrorError;
use crate::files::snapshot::put_json;
use crate::files::spool::LEVEL;
use crate::keys;
use crate::ports::objects::WriteObjects;

/// The number of pages that are stored at the same time, and therefore held in memory.
const AT_ONCE: u32 = 4;

/// The number of pages of a list between two records of its progress. After a crash, at most this
/// many pages are read again, plus those that were being stored.
const NOTED_EVERY: u32 = 8;

/// The progress of a list.
#[derive(Debug)]
struct List<C> {
    /// The first page that is not stored.
    next: u32,
    /// The pages after `next` that are already stored, with the progress up to each.
    ahead: BTreeMap<u32, C>,
    /// The list's progress with the page before `next`, if it is not recorded yet, and how many
    /// pages ago it was recorded.
    latest: Option<(C, u32)>,
}

#[derive(Debug)]
struct Done<C> {
    lists: BTreeMap<&'static str, List<C>>,
    failed: Option<MirrorError>,
}

/// Stores the pages of one attempt. The progress of a list is recorded only after all earlier pages
/// are stored.
#[derive(Clone, Debug)]
pub struct Behind<O, C> {
    pages: Pages<O>,
    room: Arc<Semaphore>,
    done: Arc<Mutex<Done<C>>>,
    /// Serializes the records of progress, so that an older one never overwrites a newer one.
    noting: Arc<Turn<()>>,
}

impl<O, C> Behind<O, C> {
    /// Stores the pages of this attempt.
    pub fn new(pages: Pages<O>) -> Self {
        let done = Done { lists: BTreeMap::new(), failed: None };
        Self {
            pages,
            room: Arc::new(Semaphore::new(AT_ONCE as usize)),
            done: Arc::new(Mutex::new(done)),
            noting: Arc::default(),
        }
    }

    fn done(&self) -> MutexGuard<'_, Done<C>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: WriteObjects, C: Serialize + Clone + Send + Sync + 'static> Behind<O, C> {
    /// Stores a page, and later records the progress of its list. The pages of a list must be
    /// passed in order. Returns when there is room for the next page. `make` produces the stored
    /// bytes on a thread that may block.
    ///
    /// # Errors
    /// If an earlier page could not be stored.
    pub async fn put(
        &self,
        list: &'static str,
        number: u32,
        cursor: &C,
        make: impl FnOnce() -> Result<Vec<u8>, MirrorError> + Send + 'static,
    ) -> Result<(), MirrorError> {
        let room = Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(|error| MirrorError::service("store a page", error))?;
        {
            let mut done = self.done();
            if let Some(failed) = done.failed.take() {
                return Err(failed);
            }
            done.lists.entry(list).or_insert_with(|| List {
                next: number,
                ahead: BTreeMap::new(),
                latest: None,
            });
        }
        let (behind, cursor) = (self.clone(), cursor.clone());
        tokio::spawn(async move {
            if let Err(error) = behind.keep(list, number, cursor, make).await {
                behind.done().failed.get_or_insert(error);
            }
            drop(room);
        });
        Ok(())
    }

    /// Waits until all pages are stored, and records the progress of each list.
    ///
    /// # Errors
    /// If a page could not be stored. The recorded progress is correct nevertheless.
    pub async fn finish(&self) -> Result<(), MirrorError> {
        let _all = self
            .room
            .acquire_many(AT_ONCE)
            .await
            .map_err(|error| MirrorError::service("store a page", error))?;
        let lists: Vec<&'static str> = self.done().lists.keys().copied().collect();
        for list in lists {
            self.note(list).await?;
        }
        self.done().failed.take().map_or(Ok(()), Err)
    }

    async fn keep(
        &self,
        list: &'static str,
        number: u32,
        cursor: C,
        make: impl FnOnce() -> Result<Vec<u8>, MirrorError> + Send + 'static,
    ) -> Result<(), MirrorError> {
        let packed = tokio::task::spawn_blocking(move || {
            let body = make()?;
            zstd::bulk::compress(&body, LEVEL)
                .map_err(|error| MirrorError::local("compress a page", error))
        });
        let packed =
            packed.await.map_err(|error| MirrorError::service("compress a page", error))??;
        self.pages.put(list, number, packed).await?;
        let is_due = {
            let mut done = self.done();
            let Some(known) = done.lists.get_mut(list) else { return Ok(()) };
            known.ahead.insert(number, cursor);
            while let Some(cursor) = known.ahead.remove(&known.next) {
                known.next += 1;
                let before = known.latest.take().map_or(0, |(_, pages)| pages);
                known.latest = Some((cursor, before + 1));
            }
            known.latest.as_ref().is_some_and(|(_, pages)| *pages >= NOTED_EVERY)
        };
        if is_due { self.note(list).await } else { Ok(()) }
    }

    /// Records the progress of a list, unless it is recorded already.
    async fn note(&self, list: &'static str) -> Result<(), MirrorError> {
        let _turn = self.noting.lock().await;
        let latest = self.done().lists.get_mut(list).and_then(|known| known.latest.take());
        let Some((cursor, _)) = latest else { return Ok(()) };
        let Pages { objects, district, run, attempt } = &self.pages;
        put_json(objects, &keys::cursor(district, run, *attempt, list), &cursor, CURSOR).await
    }
}

#[cfg(test)]
mod tests {
    use roster::id::{DistrictId, RunId};

    use super::*;
    use crate::testing::failing::{Cue, Failing};
    use crate::testing::memory::MemoryObjects;

    fn pages(objects: &MemoryObjects) -> Pages<MemoryObjects> {
        Pages::new(
            objects.clone(),
            &DistrictId::new("oak"),
            &RunId::from("01HZ0000000000000000000000"),
            0,
        )
    }

    #[tokio::test]
    async fn progress_is_recorded_only_after_all_its_pages_are_stored() {
        let objects = MemoryObjects::default();
        let behind = Behind::new(pages(&objects));
        for number in 3..23 {
            behind.put("users", number, &number, move || Ok(vec![number as u8; 10])).await.unwrap();
            if let Some(recorded) = pages(&objects).cursor::<u32>("users").await.unwrap() {
                for before in 3..=recorded {
                    assert_eq!(
                        pages(&objects).page("users", before).await.unwrap(),
                        vec![before as u8; 10]
                    );
                }
            }
        }
        behind.finish().await.unwrap();
        assert_eq!(pages(&objects).cursor::<u32>("users").await.unwrap(), Some(22));
        assert_eq!(pages(&objects).cursor::<u32>("orgs").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_page_that_cannot_be_stored_is_reported_and_ends_the_recorded_progress() {
        for n in 0..12 {
            let (objects, cue) = (MemoryObjects::default(), Cue::at(n, n % 2 == 0));
            let (oak, run) = (DistrictId::new("oak"), RunId::from("01HZ0000000000000000000000"));
            let behind =
                Behind::new(Pages::new(Failing::new(objects.clone(), &cue), &oak, &run, 0));
            let mut errors = 0;
            for number in 0..20_u32 {
                errors += u32::from(
                    behind
                        .put("users", number, &number, move || Ok(vec![number as u8; 10]))
                        .await
                        .is_err(),
                );
            }
            errors += u32::from(behind.finish().await.is_err());
            assert!(errors > 0, "{n}");
            let recorded = pages(&objects).cursor::<u32>("users").await.unwrap();
            for before in 0..recorded.map_or(0, |last| last + 1) {
                assert_eq!(
                    pages(&objects).page("users", before).await.unwrap(),
                    vec![before as u8; 10],
                    "{n}"
                );
            }
        }
    }

    #[tokio::test]
    async fn an_error_while_making_a_page_is_reported() {
        let behind = Behind::new(pages(&MemoryObjects::default()));
        behind
            .put("users", 0, &0, || Err(MirrorError::corrupt("a page", "it cannot be made")))
            .await
            .unwrap();
        assert!(behind.finish().await.is_err());
    }
}
