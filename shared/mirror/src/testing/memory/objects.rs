//! A bucket in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use xxhash_rust::xxh3::xxh3_64;

use super::lock;
use crate::MirrorError;
use crate::ports::objects::{
    Fetched, ObjectInfo, ObjectRef, PartedUpload, ReadObjects, WriteObjects,
};

/// A bucket in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryObjects(pub(super) Arc<Mutex<Bucket>>);

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) objects: BTreeMap<String, StoredObject>,
    parts: BTreeMap<String, BTreeMap<i32, Vec<u8>>>,
    uploads: u64,
}

#[derive(Clone, Debug)]
pub(super) struct StoredObject {
    pub(super) body: Vec<u8>,
    pub(super) etag: String,
    as_of: Option<String>,
}

impl MemoryObjects {
    /// Stores an object with metadata, as an uploader does, and returns its entity tag.
    pub fn upload(&self, key: &str, body: impl Into<Vec<u8>>, as_of: Option<&str>) -> String {
        let body = body.into();
        let etag = format!("{:016x}", xxh3_64(&body));
        let object = StoredObject { body, etag: etag.clone(), as_of: as_of.map(str::to_owned) };
        lock(&self.0).objects.insert(key.into(), object);
        etag
    }

    /// Deletes an object.
    pub fn remove(&self, key: &str) {
        lock(&self.0).objects.remove(key);
    }

    /// Returns the keys of all objects.
    pub fn keys(&self) -> Vec<String> {
        lock(&self.0).objects.keys().cloned().collect()
    }

    /// Returns the content of an object.
    pub fn body(&self, key: &str) -> Option<Vec<u8>> {
        lock(&self.0).objects.get(key).map(|object| object.body.clone())
    }
}

fn info(key: &str, object: &StoredObject) -> ObjectInfo {
    ObjectInfo {
        object: ObjectRef { key: key.into(), etag: object.etag.clone(), version: None },
        size: object.body.len() as u64,
        modified: None,
        as_of: object.as_of.clone(),
    }
}

impl ReadObjects for MemoryObjects {
    async fn head(
        &self,
        key: &str,
        _version: Option<&str>,
    ) -> Result<Option<ObjectInfo>, MirrorError> {
        Ok(lock(&self.0).objects.get(key).map(|object| info(key, object)))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, MirrorError> {
        Ok(self.body(key))
    }

    async fn range(
        &self,
        object: &ObjectRef,
        from: u64,
        length: u64,
    ) -> Result<Fetched, MirrorError> {
        let bucket = lock(&self.0);
        Ok(match bucket.objects.get(&object.key) {
            None => Fetched::Missing,
            Some(stored) if !object.etag.is_empty() && stored.etag != object.etag => {
                Fetched::Changed
            }
            Some(stored) => {
                let end = (from + length).min(stored.body.len() as u64) as usize;
                Fetched::Bytes(stored.body.get(from as usize..end).unwrap_or_default().to_vec())
            }
        })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, MirrorError> {
        let bucket = lock(&self.0);
        let below = bucket
            .objects
            .iter()
            .filter(|(key, _)| key.strip_prefix(prefix).is_some_and(|rest| !rest.contains('/')));
        Ok(below.map(|(key, object)| ObjectInfo { as_of: None, ..info(key, object) }).collect())
    }
}

impl WriteObjects for MemoryObjects {
    async fn put(
        &self,
        key: &str,
        _content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<(), MirrorError> {
        self.upload(key, body, None);
        Ok(())
    }

    async fn begin_parts(
        &self,
        key: &str,
        _content_type: &'static str,
    ) -> Result<PartedUpload, MirrorError> {
        let mut bucket = lock(&self.0);
        bucket.uploads += 1;
        let id = format!("upload-{}", bucket.uploads);
        bucket.parts.insert(id.clone(), BTreeMap::new());
        Ok(PartedUpload { key: key.into(), id })
    }

    async fn put_part(
        &self,
        upload: &PartedUpload,
        number: i32,
        body: Vec<u8>,
    ) -> Result<String, MirrorError> {
        let mut bucket = lock(&self.0);
        let parts = bucket
            .parts
            .get_mut(&upload.id)
            .ok_or(MirrorError::Missing { what: "a multipart upload" })?;
        parts.insert(number, body);
        Ok(format!("part-{number}"))
    }

    async fn finish_parts(
        &self,
        upload: &PartedUpload,
        tags: Vec<String>,
    ) -> Result<(), MirrorError> {
        let parts = lock(&self.0)
            .parts
            .remove(&upload.id)
            .ok_or(MirrorError::Missing { what: "a multipart upload" })?;
        let expected: Vec<String> =
            (1..=parts.len()).map(|number| format!("part-{number}")).collect();
        let (last, others) = (parts.len(), parts.iter());
        if tags != expected
            || others.clone().any(|(n, part)| (*n as usize) < last && part.len() < 5 * 1024 * 1024)
        {
            return Err(MirrorError::service(
                "complete a multipart upload",
                "parts are missing or too small",
            ));
        }
        self.upload(&upload.key, parts.into_values().collect::<Vec<_>>().concat(), None);
        Ok(())
    }

    async fn abort_parts(&self, upload: &PartedUpload) -> Result<(), MirrorError> {
        lock(&self.0).parts.remove(&upload.id);
        Ok(())
    }
}
