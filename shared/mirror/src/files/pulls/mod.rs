//! Pulls in progress: each page as the source sent it, and the progress of each list, so that a
//! pull can stop after any page and continue.

mod behind;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use roster::id::{DistrictId, RunId};

use crate::MirrorError;
use crate::files::snapshot::{put_json, read_json};
use crate::keys;
use crate::ports::objects::{ReadObjects, WriteObjects};

pub use behind::Behind;

/// A full pull whose pages are all stored: the base of incremental pulls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Everything {
    /// Its run.
    pub run: RunId,
    /// The attempt that stored the pages.
    pub attempt: u32,
    /// When the attempt began: earlier changes are in the pages.
    pub began: Timestamp,
    /// The district's id at its source.
    pub id: String,
}

const EVERYTHING: &str = "the last full pull";
const STATE: &str = "a pull's state";
const CURSOR: &str = "a list's cursor";
const PAGE: &str = "a staged page";

/// One attempt of a pull, and where its pages are stored.
#[derive(Clone, Debug)]
pub struct Pages<O> {
    objects: O,
    district: DistrictId,
    run: RunId,
    attempt: u32,
}

/// Writes the state of a pull, apart from its pages.
pub async fn put_state<T: Serialize + Sync>(
    objects: &impl WriteObjects,
    district: &DistrictId,
    run: &RunId,
    state: &T,
) -> Result<(), MirrorError> {
    put_json(objects, &keys::pull(district, run), state, STATE).await
}

/// Returns the state of a pull, or `None` if it has not begun.
pub async fn read_state<T: DeserializeOwned>(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
) -> Result<Option<T>, MirrorError> {
    read_json(objects, &keys::pull(district, run), STATE).await
}

/// Records the latest full pull.
pub async fn put_everything(
    objects: &impl WriteObjects,
    district: &DistrictId,
    everything: &Everything,
) -> Result<(), MirrorError> {
    put_json(objects, &keys::everything(district), everything, EVERYTHING).await
}

/// Returns the latest full pull, or `None`. Its pages may have expired.
pub async fn read_everything(
    objects: &impl ReadObjects,
    district: &DistrictId,
) -> Result<Option<Everything>, MirrorError> {
    read_json(objects, &keys::everything(district), EVERYTHING).await
}

impl<O> Pages<O> {
    /// Returns the pages of one attempt. An attempt never reads the pages of another attempt,
    /// because they may have another data version.
    pub fn new(objects: O, district: &DistrictId, run: &RunId, attempt: u32) -> Self {
        Self { objects, district: district.clone(), run: run.clone(), attempt }
    }
}

impl<O: WriteObjects> Pages<O> {
    /// Stores a compressed page.
    async fn put(
        &self,
        list: &'static str,
        number: u32,
        packed: Vec<u8>,
    ) -> Result<(), MirrorError> {
        let key = keys::page(&self.district, &self.run, self.attempt, list, number);
        self.objects.put(&key, "application/zstd", packed).await
    }
}

impl<O: ReadObjects> Pages<O> {
    /// Returns the progress of a list, or `None` if it has no page yet.
    pub async fn cursor<T: DeserializeOwned>(&self, list: &str) -> Result<Option<T>, MirrorError> {
        read_json(
            &self.objects,
            &keys::cursor(&self.district, &self.run, self.attempt, list),
            CURSOR,
        )
        .await
    }

    /// Returns a stored page.
    pub async fn page(&self, list: &str, number: u32) -> Result<Vec<u8>, MirrorError> {
        let key = keys::page(&self.district, &self.run, self.attempt, list, number);
        let packed = self.objects.get(&key).await?.ok_or(MirrorError::Missing { what: PAGE })?;
        zstd::decode_all(&packed[..]).map_err(|error| MirrorError::corrupt(PAGE, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::MemoryObjects;

    #[tokio::test]
    async fn a_page_is_read_back_unchanged_and_only_by_its_own_attempt() {
        let bucket = MemoryObjects::default();
        let (oak, run) = (DistrictId::new("oak"), RunId::from("01HZ0000000000000000000000"));
        let first = Pages::new(bucket.clone(), &oak, &run, 0);
        let behind = Behind::new(first.clone());
        behind.put("sections", 3, &17, || Ok(b"{\"data\":[]}".to_vec())).await.unwrap();
        behind.finish().await.unwrap();
        assert_eq!(first.page("sections", 3).await.unwrap(), b"{\"data\":[]}");
        assert_eq!(first.cursor::<u32>("sections").await.unwrap(), Some(17));
        let second = Pages::new(bucket.clone(), &oak, &run, 1);
        assert_eq!(second.cursor::<u32>("sections").await.unwrap(), None);
        assert!(matches!(second.page("sections", 3).await, Err(MirrorError::Missing { .. })));
        let everything = Everything {
            run: run.clone(),
            attempt: 1,
            began: Timestamp::UNIX_EPOCH,
            id: "4711".into(),
        };
        assert_eq!(read_everything(&bucket, &oak).await.unwrap(), None);
        put_everything(&bucket, &oak, &everything).await.unwrap();
        assert_eq!(read_everything(&bucket, &oak).await.unwrap(), Some(everything));
        put_state(&bucket, &oak, &run, &"begun").await.unwrap();
        assert_eq!(
            read_state::<String>(&bucket, &oak, &run).await.unwrap().as_deref(),
            Some("begun")
        );
        assert!(bucket.keys().iter().all(|key| key.starts_with("pulls/oak/")));
    }
}
