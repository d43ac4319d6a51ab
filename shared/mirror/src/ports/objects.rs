//! Objects in a bucket: uploads, snapshots, plans, reports.

use std::future::Future;

use jiff::Timestamp;

use crate::MirrorError;

/// One state of an object: what a reader holds on to, so that a replaced object is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// Key.
    pub key: String,
    /// Entity tag, without quotes; empty: whichever state is there, for objects that are written
    /// once.
    pub etag: String,
    /// Version, where the bucket keeps versions.
    pub version: Option<String>,
}

/// What a bucket knows of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Which state.
    pub object: ObjectRef,
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified: Option<Timestamp>,
    /// The metadata `as-of` (`x-amz-meta-as-of`), `YYYY-MM-DD`. Not filled in by lists.
    pub as_of: Option<String>,
}

/// What became of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The bytes.
    Bytes(Vec<u8>),
    /// The object is another one by now.
    Changed,
    /// There is no such object.
    Missing,
}

/// Reading a bucket.
pub trait ReadObjects: Clone + Send + Sync + 'static {
    /// What is known of an object: of one version, or of the current one.
    fn head(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Option<ObjectInfo>, MirrorError>> + Send;
    /// A whole object that is known to be small.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, MirrorError>> + Send;
    /// `length` bytes from `from` of one state of an object.
    fn range(
        &self,
        object: &ObjectRef,
        from: u64,
        length: u64,
    ) -> impl Future<Output = Result<Fetched, MirrorError>> + Send;
    /// All objects whose key begins with `prefix`, not below a further `/`.
    fn list(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<ObjectInfo>, MirrorError>> + Send;
}

/// An object that is written in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartedUpload {
    /// Key.
    pub key: String,
    /// The service's name for the upload.
    pub id: String,
}

/// Writing a bucket.
pub trait WriteObjects: Clone + Send + Sync + 'static {
    /// Puts a whole object.
    fn put(
        &self,
        key: &str,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
    /// Begins an object in parts.
    fn begin_parts(
        &self,
        key: &str,
        content_type: &'static str,
    ) -> impl Future<Output = Result<PartedUpload, MirrorError>> + Send;
    /// Sends one part, the first being 1; gives its tag. All but the last have at least 5 MiB.
    fn put_part(
        &self,
        upload: &PartedUpload,
        number: i32,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<String, MirrorError>> + Send;
    /// Makes the object of its parts' tags, in order.
    fn finish_parts(
        &self,
        upload: &PartedUpload,
        tags: Vec<String>,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
    /// Gives the parts up.
    fn abort_parts(
        &self,
        upload: &PartedUpload,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}
