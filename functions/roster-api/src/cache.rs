//! What a warm function caches between requests: only values that never change under their key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use mirror::MirrorError;
use mirror::files::copy::MirrorCopy;
use mirror::files::plan::{StoredPlan, read_plan};
use mirror::files::snapshot::read_manifest;
use mirror::ports::districts::District;
use mirror::ports::items::ReadItems;
use mirror::ports::objects::ReadObjects;
use roster::id::{DistrictId, RunId};
use roster::records::{Mirrored, RecordKind, kinds};
use roster::snapshot::Manifest;

/// The most values of each kind. Those of large districts have megabytes.
const MOST: usize = 32;

/// Values by key. A full cache is cleared.
#[derive(Debug)]
struct Cache<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Returns the cached value. If there is none, reads it and caches it.
    async fn or_read<E>(
        &self,
        key: K,
        read: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<Arc<V>>, E> {
        match self.get(&key) {
            Some(cached) => Ok(Some(cached)),
            None => Ok(read.await?.map(|value| self.put(key, value))),
        }
    }

    fn put(&self, key: K, value: V) -> Arc<V> {
        let value = Arc::new(value);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key, Arc::clone(&value));
        value
    }
}

/// All schools of a district.
pub(crate) type AllSchools = Vec<Mirrored<kinds::Schools>>;

/// The caches of the function. A run's id is never reused, not even by another district with the
/// same id.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    schools: Cache<(DistrictId, RunId), AllSchools>,
    plans: Cache<(DistrictId, RunId), StoredPlan>,
    manifests: Cache<(DistrictId, RunId), Manifest>,
}

impl Caches {
    /// Returns the schools of a district. They are spread over all its partitions, and only runs
    /// change them, so they are cached by the last applied run.
    pub(crate) async fn schools(
        &self,
        items: &impl ReadItems,
        district: &District,
    ) -> Result<Arc<AllSchools>, MirrorError> {
        let key =
            district.applied.as_ref().map(|applied| (district.id.clone(), applied.run.clone()));
        if let Some(cached) = key.as_ref().and_then(|key| self.schools.get(key)) {
            return Ok(cached);
        }
        let copy = MirrorCopy::read_kind(items, &district.id, RecordKind::School).await?;
        let read = copy
            .records::<kinds::Schools>()
            .map(|school| school.map(|school| *school))
            .collect::<Result<_, _>>()?;
        Ok(match key {
            Some(key) => self.schools.put(key, read),
            // No run was applied yet, so there is no key for this state.
            None => Arc::new(read),
        })
    }

    /// Returns the plan of an applied run. The plan of any other run could be computed again.
    pub(crate) async fn applied_plan(
        &self,
        objects: &impl ReadObjects,
        district: &DistrictId,
        run: &RunId,
    ) -> Result<Option<Arc<StoredPlan>>, MirrorError> {
        self.plans.or_read((district.clone(), run.clone()), read_plan(objects, district, run)).await
    }

    /// Returns the manifest of a snapshot, or `None` if there is no such snapshot.
    pub(crate) async fn manifest(
        &self,
        objects: &impl ReadObjects,
        district: &DistrictId,
        run: &RunId,
    ) -> Result<Option<Arc<Manifest>>, MirrorError> {
        self.manifests
            .or_read((district.clone(), run.clone()), read_manifest(objects, district, run))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_cached_values_is_limited() {
        let cache = Cache::default();
        for key in 0..10 * MOST {
            assert_eq!(*cache.put(key, key), key);
            assert_eq!(cache.get(&key).as_deref(), Some(&key));
            assert!(cache.0.lock().unwrap().len() <= MOST);
        }
    }
}
