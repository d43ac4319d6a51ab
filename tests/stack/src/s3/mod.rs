//! S3 on a folder: s3s implements the protocol and s3s-fs stores the files. [`Store`] adds
//! versions, conditional writes without races, and event notifications.
//!
//! An object is a plain file under its bucket and key, so a report can be opened with any editor.
//! A read returns one version from start to end, even if the object is overwritten meanwhile.

mod bytes;
mod conditions;
mod events;
mod protocol;
mod versions;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use s3s::auth::SimpleAuth;
use s3s::dto::{DeletedObject, ETagCondition};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use s3s_fs::FileSystem;

use bytes::{copy_file, remove_file};
use events::Created;
pub use events::Subscription;
use versions::{Attributes, Version, Versions};

/// Maximum length of a file name on common file systems, and so of a part of a key.
const LONGEST_NAME: usize = 255;

/// Sends the notification of a new object to a function, by the function's name.
pub(crate) type Notify = Arc<dyn Fn(&str, serde_json::Value) + Send + Sync>;

/// The lock of an object. A writer holds it from checking the conditions to storing the version.
type Writer = tokio::sync::Mutex<()>;

/// The store behind the service.
pub(crate) struct Store {
    files: FileSystem,
    root: PathBuf,
    versions: Arc<Versions>,
    region: String,
    subscriptions: Vec<Subscription>,
    notify: Notify,
    /// One lock per bucket and key.
    writers: Mutex<HashMap<(String, String), Weak<Writer>>>,
    /// The attributes given to CreateMultipartUpload, by upload id.
    uploads: Mutex<HashMap<String, Attributes>>,
}

impl Store {
    /// Opens the store in `folder` and creates missing buckets.
    pub(crate) fn open(
        folder: &Path,
        region: &str,
        buckets: &[&str],
        subscriptions: Vec<Subscription>,
        notify: Notify,
    ) -> io::Result<Self> {
        let root = folder.join("objects");
        for bucket in buckets {
            std::fs::create_dir_all(root.join(bucket))?;
        }
        let files =
            FileSystem::new(&root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        Ok(Self {
            files,
            root,
            versions: Arc::new(Versions::open(folder.join("versions"))?),
            region: region.to_owned(),
            subscriptions,
            notify,
            writers: Mutex::default(),
            uploads: Mutex::default(),
        })
    }

    /// The HTTP service. It accepts requests that are signed with this key.
    pub(crate) fn service(self, access_key: &str, secret_key: &str) -> S3Service {
        let mut builder = S3ServiceBuilder::new(self);
        builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
        builder.build()
    }

    /// The path of an object's file. Rejects keys that cannot be a path.
    fn path(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        let folder = self.root.join(bucket);
        if !folder.is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        for part in key.trim_end_matches('/').split('/') {
            if part.is_empty() || part == "." || part == ".." {
                return Err(s3_error!(
                    InvalidArgument,
                    "objects are stored as files: a key cannot have empty parts, `.` or `..`"
                ));
            }
            if part.len() > LONGEST_NAME {
                return Err(s3_error!(KeyTooLongError));
            }
        }
        Ok(folder.join(key))
    }

    fn writer(&self, bucket: &str, key: &str) -> Arc<Writer> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.retain(|_, lock| lock.strong_count() > 0);
        let entry = writers.entry((bucket.to_owned(), key.to_owned())).or_default();
        entry.upgrade().unwrap_or_else(|| {
            let lock = Arc::default();
            *entry = Arc::downgrade(&lock);
            lock
        })
    }

    /// Checks the conditions of a write. The caller must hold the object's lock.
    fn may_write(
        &self,
        bucket: &str,
        key: &str,
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<()> {
        let current = self.versions.current(bucket, key);
        conditions::may_write(current.as_ref(), if_match.as_ref(), if_none_match.as_ref())
    }

    /// Stores a written file as a version and sends the event notifications.
    fn store_version(
        &self,
        created: Created,
        bucket: &str,
        key: &str,
        file: &Path,
        etag: &str,
        attributes: Attributes,
    ) -> S3Result<Version> {
        let version = self.versions.store(bucket, key, file, etag, attributes).map_err(internal)?;
        for subscription in
            self.subscriptions.iter().filter(|subscription| subscription.matches(bucket, key))
        {
            (self.notify)(
                &subscription.function,
                events::notification(created, &version, &self.region),
            );
        }
        Ok(version)
    }

    /// The version to read: the one with this id, or the current one.
    fn version_to_read(&self, bucket: &str, key: &str, id: Option<&str>) -> S3Result<Version> {
        self.path(bucket, key)?;
        match id {
            None => self.versions.current(bucket, key).ok_or_else(|| s3_error!(NoSuchKey)),
            Some(id) => match self.versions.find(bucket, key, id) {
                None => Err(s3_error!(NoSuchVersion)),
                Some(version) if version.deleted => Err(s3_error!(MethodNotAllowed)),
                Some(version) => Ok(version),
            },
        }
    }

    /// Deletes as in a versioned bucket: adds a delete marker, or removes the version with this id
    /// permanently.
    async fn delete(&self, bucket: &str, key: &str, id: Option<&str>) -> S3Result<DeletedObject> {
        let path = self.path(bucket, key)?;
        let writer = self.writer(bucket, key);
        let _writing = writer.lock().await;
        let mut done = DeletedObject { key: Some(key.to_owned()), ..Default::default() };
        match id {
            None => {
                remove_file(&path).map_err(internal)?;
                let marker = self.versions.mark_deleted(bucket, key).map_err(internal)?;
                done.delete_marker = Some(true);
                done.delete_marker_version_id = Some(marker.id);
            }
            Some(id) => {
                done.version_id = Some(id.to_owned());
                if let Some(version) = self.versions.find(bucket, key, id) {
                    done.delete_marker = version.deleted.then_some(true);
                    let current = self.versions.forget(&version).map_err(internal)?;
                    remove_file(&path).map_err(internal)?;
                    if let Some(current) = current {
                        copy_file(&self.versions.data(&current), &path).map_err(internal)?;
                    }
                }
            }
        }
        Ok(done)
    }
}

fn internal(error: io::Error) -> s3s::S3Error {
    s3_error!(error, InternalError)
}
