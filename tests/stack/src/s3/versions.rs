//! The versions of the objects in a bucket.
//!
//! s3s-fs stores one file per object. Each version also has a hard link to its bytes and a small
//! JSON record. The current version therefore takes no extra space, and a version can be read by
//! its id, also while the object is being overwritten.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// Attributes that a client gives an object; a read returns them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// The `x-amz-meta-*` headers, without that prefix.
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) content_encoding: Option<String>,
}

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Sorts by time. The event's sequencer is derived from it.
    pub(crate) id: String,
    /// Without quotes. Empty for a delete marker.
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
    pub(crate) attributes: Attributes,
    pub(crate) deleted: bool,
}

type Name = (String, String);

/// All versions of all buckets.
pub(crate) struct Versions {
    root: PathBuf,
    /// The versions of each object, oldest first.
    by_object: Mutex<HashMap<Name, Vec<Version>>>,
    last_id: Mutex<u64>,
}

impl Versions {
    /// Loads the versions that an earlier process stored under `root`.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&root)?;
        let mut by_object: HashMap<Name, Vec<Version>> = HashMap::new();
        for bucket in std::fs::read_dir(&root)? {
            for object in std::fs::read_dir(bucket?.path())? {
                for file in std::fs::read_dir(object?.path())? {
                    let path = file?.path();
                    if path.extension().is_some_and(|ext| ext == "json") {
                        // A crash can truncate a record. No client knows that version.
                        let Ok(version) = serde_json::from_slice::<Version>(&std::fs::read(path)?)
                        else {
                            continue;
                        };
                        by_object
                            .entry((version.bucket.clone(), version.key.clone()))
                            .or_default()
                            .push(version);
                    }
                }
            }
        }
        let mut last = 0;
        for versions in by_object.values_mut() {
            versions.sort_by(|a, b| a.id.cmp(&b.id));
            let newest =
                versions.last().and_then(|version| u64::from_str_radix(&version.id, 16).ok());
            last = last.max(newest.unwrap_or(0));
        }
        Ok(Self { root, by_object: Mutex::new(by_object), last_id: Mutex::new(last) })
    }

    /// The current version. `None` if the object was deleted or never existed.
    pub(crate) fn current(&self, bucket: &str, key: &str) -> Option<Version> {
        let by_object = self.by_object.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        by_object.get(&name(bucket, key))?.last().filter(|version| !version.deleted).cloned()
    }

    /// The version or delete marker with this id.
    pub(crate) fn find(&self, bucket: &str, key: &str, id: &str) -> Option<Version> {
        let by_object = self.by_object.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        by_object.get(&name(bucket, key))?.iter().find(|version| version.id == id).cloned()
    }

    /// Every version of the objects with a prefix, by key, newest first. The flag marks the newest
    /// of each key.
    pub(crate) fn all(&self, bucket: &str, prefix: &str) -> Vec<(Version, bool)> {
        let by_object = self.by_object.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut objects: Vec<_> = by_object
            .iter()
            .filter(|((b, key), _)| b == bucket && key.starts_with(prefix))
            .collect();
        objects.sort_by(|a, b| a.0.cmp(b.0));
        objects
            .into_iter()
            .flat_map(|(_, versions)| {
                versions.iter().rev().enumerate().map(|(n, version)| (version.clone(), n == 0))
            })
            .collect()
    }

    /// The path of a version's bytes.
    pub(crate) fn data(&self, version: &Version) -> PathBuf {
        self.folder(&version.bucket, &version.key).join(format!("{}.data", version.id))
    }

    /// Stores a file that has just been written as the newest version of its object.
    pub(crate) fn store(
        &self,
        bucket: &str,
        key: &str,
        file: &Path,
        etag: &str,
        attributes: Attributes,
    ) -> io::Result<Version> {
        let version = Version {
            bucket: bucket.into(),
            key: key.into(),
            id: self.next_id(),
            etag: etag.trim_matches('"').into(),
            size: std::fs::metadata(file)?.len(),
            modified: Timestamp::now(),
            attributes,
            deleted: false,
        };
        let folder = self.folder(bucket, key);
        std::fs::create_dir_all(&folder)?;
        let data = self.data(&version);
        if std::fs::hard_link(file, &data).is_err() {
            std::fs::copy(file, &data)?; // the file system has no hard links
        }
        self.record(version)
    }

    /// Adds a delete marker. The object's versions remain.
    pub(crate) fn mark_deleted(&self, bucket: &str, key: &str) -> io::Result<Version> {
        self.record(Version {
            bucket: bucket.into(),
            key: key.into(),
            id: self.next_id(),
            etag: String::new(),
            size: 0,
            modified: Timestamp::now(),
            attributes: Attributes::default(),
            deleted: true,
        })
    }

    /// Removes a version permanently. Returns the version that is current afterwards, if any.
    pub(crate) fn forget(&self, version: &Version) -> io::Result<Option<Version>> {
        let mut by_object =
            self.by_object.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = by_object.entry(name(&version.bucket, &version.key)).or_default();
        entry.retain(|other| other.id != version.id);
        std::fs::remove_file(
            self.folder(&version.bucket, &version.key).join(format!("{}.json", version.id)),
        )?;
        if !version.deleted {
            std::fs::remove_file(self.data(version))?;
        }
        Ok(entry.last().filter(|version| !version.deleted).cloned())
    }

    fn record(&self, version: Version) -> io::Result<Version> {
        let folder = self.folder(&version.bucket, &version.key);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{}.json", version.id)), serde_json::to_vec(&version)?)?;
        let mut by_object =
            self.by_object.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        by_object.entry(name(&version.bucket, &version.key)).or_default().push(version.clone());
        Ok(version)
    }

    /// Nanoseconds since 1970 in hexadecimal, always greater than the previous id.
    fn next_id(&self) -> String {
        let mut last = self.last_id.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(0);
        *last = now.max(*last + 1);
        format!("{:016x}", *last)
    }

    fn folder(&self, bucket: &str, key: &str) -> PathBuf {
        // The hash of the key, because a key can be longer than a file name, and one key can be
        // the folder of another.
        self.root.join(bucket).join(format!("{:032x}", xxh3_128(key.as_bytes())))
    }
}

fn name(bucket: &str, key: &str) -> Name {
    (bucket.to_owned(), key.to_owned())
}
