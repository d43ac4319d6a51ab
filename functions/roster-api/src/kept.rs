//! What a warm function keeps between requests: only what never changes under its name, or is asked
//! for by the run that left it so.

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

/// How many of each are kept: those of large districts have megabytes.
const MOST: usize = 32;

/// Values by names. When there are too many, all are forgotten: whatever is asked for again is read
/// again.
#[derive(Debug)]
struct Kept<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> Kept<K, V> {
    fn get(&self, name: &K) -> Option<Arc<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// What is kept, or what `read` reads, which is kept from then on.
    async fn or_read<E>(
        &self,
        name: K,
        read: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<Arc<V>>, E> {
        match self.get(&name) {
            Some(kept) => Ok(Some(kept)),
            None => Ok(read.await?.map(|value| self.put(name, value))),
        }
    }

    fn put(&self, name: K, value: V) -> Arc<V> {
        let value = Arc::new(value);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(name, Arc::clone(&value));
        value
    }
}

/// All schools of a district.
pub(crate) type AllSchools = Vec<Mirrored<kinds::Schools>>;

/// What is kept. A run's id is never used again, not even by another district of the same name.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    schools: Kept<(DistrictId, RunId), AllSchools>,
    plans: Kept<(DistrictId, RunId), StoredPlan>,
    manifests: Kept<(DistrictId, RunId), Manifest>,
}

impl Memory {
    /// The schools of a district as it is now. They lie in all its partitions, and only runs change
    /// them.
    pub(crate) async fn schools(
        &self,
        items: &impl ReadItems,
        district: &District,
    ) -> Result<Arc<AllSchools>, MirrorError> {
        let name =
            district.applied.as_ref().map(|applied| (district.id.clone(), applied.run.clone()));
        if let Some(kept) = name.as_ref().and_then(|name| self.schools.get(name)) {
            return Ok(kept);
        }
        let copy = MirrorCopy::read_kind(items, &district.id, RecordKind::School).await?;
        let read = copy
            .records::<kinds::Schools>()
            .map(|school| school.map(|school| *school))
            .collect::<Result<_, _>>()?;
        Ok(match name {
            Some(name) => self.schools.put(name, read),
            // Nothing was applied yet: nothing tells one state from another.
            None => Arc::new(read),
        })
    }

    /// What a run's plan amounts to, and where its changes lie. Only of a run that has changed
    /// something: such a plan is not made again.
    pub(crate) async fn applied_plan(
        &self,
        objects: &impl ReadObjects,
        district: &DistrictId,
        run: &RunId,
    ) -> Result<Option<Arc<StoredPlan>>, MirrorError> {
        self.plans.or_read((district.clone(), run.clone()), read_plan(objects, district, run)).await
    }

    /// A snapshot's manifest, or none.
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
    fn there_are_never_more_than_a_few() {
        let kept = Kept::default();
        for name in 0..10 * MOST {
            assert_eq!(*kept.put(name, name), name);
            assert_eq!(kept.get(&name).as_deref(), Some(&name));
            assert!(kept.0.lock().unwrap().len() <= MOST);
        }
    }
}
