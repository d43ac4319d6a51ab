//! Objects in a bucket: uploads, snapshots, plans, reports.

use std::future::Future;

use jiff::Timestamp;

use crate::MirrorError;

/// One state of an object. A reader uses it to detect that the object was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// The key.
    pub key: String,
    /// The entity tag, without quotes. If it is empty, any state is read; that is enough for
    /// objects that are written once.
    pub etag: String,
    /// The version, if the bucket has versioning.
    pub version: Option<String>,
}

/// The metadata of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The state that the metadata belongs to.
    pub object: ObjectRef,
    /// The size in bytes.
    pub size: u64,
    /// When the object was written.
    pub modified: Option<Timestamp>,
    /// The metadata `as-of` (`x-amz-meta-as-of`), `YYYY-MM-DD`. `None` in lists.
    pub as_of: Option<String>,
}

/// The result of reading a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The bytes.
    Bytes(Vec<u8>),
    /// The object was replaced.
    Changed,
    /// The object does not exist.
    Missing,
}

/// Reads objects of a bucket.
pub trait ReadObjects: Clone + Send + Sync + 'static {
    /// Returns the metadata of a version, or of the current version. `None` if it does not exist.
    fn head(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Option<ObjectInfo>, MirrorError>> + Send;
    /// Returns the content of a small object, or `None` if it does not exist.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, MirrorError>> + Send;
    /// Returns `length` bytes of one state of an object, starting at the offset `from`.
    fn range(
        &self,
        object: &ObjectRef,
        from: u64,
        length: u64,
    ) -> impl Future<Output = Result<Fetched, MirrorError>> + Send;
    /// Returns all objects whose key is `prefix` followed by a text without `/`.
    fn list(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<ObjectInfo>, MirrorError>> + Send;
}

/// A multipart upload in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartedUpload {
    /// The key.
    pub key: String,
    /// The id of the upload at the service.
    pub id: String,
}

/// Writes objects of a bucket.
pub trait WriteObjects: Clone + Send + Sync + 'static {
    /// Writes an object.
    fn put(
        &self,
        key: &str,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
    /// Starts a multipart upload.
    fn begin_parts(
        &self,
        key: &str,
        content_type: &'static str,
    ) -> impl Future<Output = Result<PartedUpload, MirrorError>> + Send;
    /// Uploads a part and returns its entity tag. Numbers start at 1; each part except the last
    /// must have at least 5 MiB.
    fn put_part(
        &self,
        upload: &PartedUpload,
        number: i32,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<String, MirrorError>> + Send;
    /// Completes the upload from the tags of its parts, in order.
    fn finish_parts(
        &self,
        upload: &PartedUpload,
        tags: Vec<String>,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
    /// Aborts the upload and deletes its parts.
    fn abort_parts(
        &self,
        upload: &PartedUpload,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}
