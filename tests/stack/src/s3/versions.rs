//! What a versioned bucket knows of its objects: every version, the newest last.
//!
//! s3s-fs keeps one file an object. Beside it each version gets a hard link of its own and a small
//! record, so a version costs no space while it is the current one, can be read by its id later,
//! and stays as it was while somebody reads it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// What was said about an object when it was written, and is given back with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// `x-amz-meta-*`, without that prefix.
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
    /// Sorts by time, and so does the sequencer of the event made from it.
    pub(crate) id: String,
    /// Without quotes; empty for a delete marker.
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
    known: Mutex<HashMap<Name, Vec<Version>>>,
    last_id: Mutex<u64>,
}

impl Versions {
    /// Reads what an earlier process left under `root`.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&root)?;
        let mut known: HashMap<Name, Vec<Version>> = HashMap::new();
        for bucket in std::fs::read_dir(&root)? {
            for object in std::fs::read_dir(bucket?.path())? {
                for file in std::fs::read_dir(object?.path())? {
                    let path = file?.path();
                    if path.extension().is_some_and(|ext| ext == "json") {
                        // A record cut off by a crash names a version that nobody was told of.
                        let Ok(version) = serde_json::from_slice::<Version>(&std::fs::read(path)?)
                        else {
                            continue;
                        };
                        known
                            .entry((version.bucket.clone(), version.key.clone()))
                            .or_default()
                            .push(version);
                    }
                }
            }
        }
        let mut last = 0;
        for versions in known.values_mut() {
            versions.sort_by(|a, b| a.id.cmp(&b.id));
            let newest =
                versions.last().and_then(|version| u64::from_str_radix(&version.id, 16).ok());
            last = last.max(newest.unwrap_or(0));
        }
        Ok(Self { root, known: Mutex::new(known), last_id: Mutex::new(last) })
    }

    /// The current version, unless the object is deleted or never was.
    pub(crate) fn current(&self, bucket: &str, key: &str) -> Option<Version> {
        let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(&name(bucket, key))?.last().filter(|version| !version.deleted).cloned()
    }

    /// A version by its id, delete markers among them.
    pub(crate) fn find(&self, bucket: &str, key: &str, id: &str) -> Option<Version> {
        let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(&name(bucket, key))?.iter().find(|version| version.id == id).cloned()
    }

    /// Every version in a bucket, by key, the newest of a key first.
    pub(crate) fn all(&self, bucket: &str, prefix: &str) -> Vec<(Version, bool)> {
        let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut objects: Vec<_> =
            known.iter().filter(|((b, key), _)| b == bucket && key.starts_with(prefix)).collect();
        objects.sort_by(|a, b| a.0.cmp(b.0));
        objects
            .into_iter()
            .flat_map(|(_, versions)| {
                versions.iter().rev().enumerate().map(|(n, version)| (version.clone(), n == 0))
            })
            .collect()
    }

    /// Where a version's bytes are.
    pub(crate) fn data(&self, version: &Version) -> PathBuf {
        self.folder(&version.bucket, &version.key).join(format!("{}.data", version.id))
    }

    /// Keeps the file that has just been written as the newest version of its object.
    pub(crate) fn keep(
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
            std::fs::copy(file, &data)?; // a file system without hard links
        }
        self.record(version)
    }

    /// Marks an object as deleted; its versions stay.
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

    /// Forgets one version for good. Gives the version that is current from then on, if there is
    /// one.
    pub(crate) fn forget(&self, version: &Version) -> io::Result<Option<Version>> {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = known.entry(name(&version.bucket, &version.key)).or_default();
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
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.entry(name(&version.bucket, &version.key)).or_default().push(version.clone());
        Ok(version)
    }

    /// Nanoseconds since 1970 in hexadecimal, and always more than the one before.
    fn next_id(&self) -> String {
        let mut last = self.last_id.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(0);
        *last = now.max(*last + 1);
        format!("{:016x}", *last)
    }

    fn folder(&self, bucket: &str, key: &str) -> PathBuf {
        // The hash, not the key: a key may be longer than a file name and may be a folder of
        // another.
        self.root.join(bucket).join(format!("{:032x}", xxh3_128(key.as_bytes())))
    }
}

fn name(bucket: &str, key: &str) -> Name {
    (bucket.to_owned(), key.to_owned())
}
