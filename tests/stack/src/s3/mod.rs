//! S3 on a folder: s3s speaks the protocol, s3s-fs keeps the files, and what lies between them is
//! here: versions, conditions that hold when two writers race, and event notifications.
//!
//! An object is a plain file under its bucket and key, so a report can be opened with any editor.
//! Reading goes by version: whoever reads an object sees it to the end as it was, whatever is put
//! over it meanwhile.

mod events;
mod versions;

use std::collections::HashMap;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use axum::body::Bytes;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use events::Created;
pub use events::Subscription;
use versions::{Attributes, Version, Versions};

/// How much is read from a file at once.
const CHUNK: usize = 256 * 1024;

/// Longest name of a file on the usual file systems; a part of a key cannot be longer here.
const LONGEST_NAME: usize = 255;

/// Is told about every new object: function name and notification.
pub(crate) type Notify = Arc<dyn Fn(&str, serde_json::Value) + Send + Sync>;

/// Is held by whoever writes an object.
type Writer = tokio::sync::Mutex<()>;

/// The store behind the service.
pub(crate) struct Store {
    files: FileSystem,
    root: PathBuf,
    versions: Arc<Versions>,
    region: String,
    subscriptions: Vec<Subscription>,
    notify: Notify,
    /// One lock a key: conditions are checked and kept under it.
    writers: Mutex<HashMap<(String, String), Weak<Writer>>>,
    /// What CreateMultipartUpload said of an object that is not there yet.
    uploads: Mutex<HashMap<String, Attributes>>,
}

impl Store {
    /// Opens the store in `folder` and makes the buckets that are not there.
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

    /// The HTTP service; it takes requests signed with this key.
    pub(crate) fn service(self, access_key: &str, secret_key: &str) -> S3Service {
        let mut builder = S3ServiceBuilder::new(self);
        builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
        builder.build()
    }

    /// Where an object's file is, after checking that there can be such a file.
    fn path(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        let folder = self.root.join(bucket);
        if !folder.is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        for part in key.trim_end_matches('/').split('/') {
            if part.is_empty() || part == "." || part == ".." {
                return Err(s3_error!(
                    InvalidArgument,
                    "objects are files here, so a key cannot have empty parts, `.` or `..`"
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

    /// Checks the conditions of a write. The caller holds the key's lock.
    fn may_write(
        &self,
        bucket: &str,
        key: &str,
        r#if: Option<ETagCondition>,
        unless: Option<ETagCondition>,
    ) -> S3Result<()> {
        let current = self.versions.current(bucket, key);
        match (r#if, &current) {
            (None, _) => (),
            (Some(_), None) => return Err(s3_error!(NoSuchKey)),
            (Some(condition), Some(version)) if !matches(&condition, version) => {
                return Err(s3_error!(
                    PreconditionFailed,
                    "the object's entity tag is another one"
                ));
            }
            (Some(_), Some(_)) => (),
        }
        match (unless, &current) {
            (Some(condition), Some(version)) if matches(&condition, version) => {
                Err(s3_error!(PreconditionFailed, "the object is already there"))
            }
            _ => Ok(()),
        }
    }

    /// Keeps a written file as a version and tells who wants to know.
    fn wrote(
        &self,
        created: Created,
        bucket: &str,
        key: &str,
        file: &Path,
        etag: &str,
        said: Attributes,
    ) -> S3Result<Version> {
        let version = self.versions.keep(bucket, key, file, etag, said).map_err(internal)?;
        for subscription in
            self.subscriptions.iter().filter(|subscription| subscription.wants(bucket, key))
        {
            (self.notify)(
                &subscription.function,
                events::notification(created, &version, &self.region),
            );
        }
        Ok(version)
    }

    /// The version that a read asks for.
    fn wanted(&self, bucket: &str, key: &str, id: Option<&str>) -> S3Result<Version> {
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

    /// Deletes as a versioned bucket does: a marker on top, or, where a version is named, that
    /// version for good.
    async fn delete(&self, bucket: &str, key: &str, id: Option<&str>) -> S3Result<DeletedObject> {
        let path = self.path(bucket, key)?;
        let writer = self.writer(bucket, key);
        let _writing = writer.lock().await;
        let mut done = DeletedObject { key: Some(key.to_owned()), ..Default::default() };
        match id {
            None => {
                remove_if_there(&path)?;
                let marker = self.versions.mark_deleted(bucket, key).map_err(internal)?;
                done.delete_marker = Some(true);
                done.delete_marker_version_id = Some(marker.id);
            }
            Some(id) => {
                done.version_id = Some(id.to_owned());
                if let Some(version) = self.versions.find(bucket, key, id) {
                    done.delete_marker = version.deleted.then_some(true);
                    let current = self.versions.forget(&version).map_err(internal)?;
                    remove_if_there(&path)?;
                    if let Some(current) = current {
                        place(&self.versions.data(&current), &path).map_err(internal)?;
                    }
                }
            }
        }
        Ok(done)
    }
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.files.create_bucket(req).await
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(req).await
    }

    async fn list_buckets(
        &self,
        req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.files.list_buckets(req).await
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.files.get_bucket_location(req).await
    }

    async fn get_bucket_versioning(
        &self,
        _: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        let status = Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED));
        Ok(S3Response::new(GetBucketVersioningOutput { status, ..Default::default() }))
    }

    async fn put_object(
        &self,
        mut req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let (bucket, key) = (req.input.bucket.clone(), req.input.key.clone());
        let path = self.path(&bucket, &key)?;
        if key.ends_with('/') {
            return self.files.put_object(req).await; // a folder as consoles make them: nothing to keep
        }
        let said = Attributes {
            metadata: req.input.metadata.clone().unwrap_or_default().into_iter().collect(),
            content_type: req.input.content_type.clone(),
            content_encoding: req.input.content_encoding.clone(),
        };
        let writer = self.writer(&bucket, &key);
        let _writing = writer.lock().await;
        self.may_write(&bucket, &key, req.input.if_match.take(), req.input.if_none_match.take())?;
        let mut put = self.files.put_object(req).await?;
        let etag =
            put.output.e_tag.as_ref().map(|etag| etag.value().to_owned()).unwrap_or_default();
        let version = self.wrote(Created::Put, &bucket, &key, &path, &etag, said)?;
        put.output.version_id = Some(version.id);
        Ok(put)
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        let CopySource::Bucket { bucket: from_bucket, key: from_key, version_id } =
            &input.copy_source
        else {
            return Err(s3_error!(NotImplemented, "only a bucket and key can be copied from"));
        };
        let source = self.wanted(from_bucket, from_key, version_id.as_deref())?;
        if input.copy_source_if_match.as_ref().is_some_and(|condition| !matches(condition, &source))
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let path = self.path(&input.bucket, &input.key)?;
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|how| how.as_str() == MetadataDirective::REPLACE);
        let said = if replace {
            Attributes {
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
                content_type: input.content_type,
                content_encoding: input.content_encoding,
            }
        } else {
            source.attributes.clone()
        };
        let writer = self.writer(&input.bucket, &input.key);
        let _writing = writer.lock().await;
        place(&self.versions.data(&source), &path).map_err(internal)?;
        let version =
            self.wrote(Created::Copy, &input.bucket, &input.key, &path, &source.etag, said)?;
        let copy_object_result = Some(CopyObjectResult {
            e_tag: Some(ETag::Strong(version.etag.clone())),
            last_modified: Some(time(&version)),
            ..Default::default()
        });
        let output = CopyObjectOutput {
            copy_object_result,
            copy_source_version_id: Some(source.id),
            version_id: Some(version.id),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let version = self.wanted(&input.bucket, &input.key, input.version_id.as_deref())?;
        may_read(&version, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let range = input.range.map(|range| range.check(version.size)).transpose()?;
        let bytes = range.clone().unwrap_or(0..version.size);
        let body = read(&self.versions.data(&version), &bytes).await.map_err(internal)?;
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".into()),
            body: Some(body),
            content_length: Some(length(bytes.end - bytes.start)?),
            content_range: range
                .map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, version.size)),
            e_tag: Some(ETag::Strong(version.etag.clone())),
            last_modified: Some(time(&version)),
            metadata: Some(version.attributes.metadata.into_iter().collect()),
            content_type: version.attributes.content_type,
            content_encoding: version.attributes.content_encoding,
            version_id: Some(version.id),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let version = self.wanted(&input.bucket, &input.key, input.version_id.as_deref())?;
        may_read(&version, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let output = HeadObjectOutput {
            accept_ranges: Some("bytes".into()),
            content_length: Some(length(version.size)?),
            e_tag: Some(ETag::Strong(version.etag.clone())),
            last_modified: Some(time(&version)),
            metadata: Some(version.attributes.metadata.into_iter().collect()),
            content_type: version.attributes.content_type,
            content_encoding: version.attributes.content_encoding,
            version_id: Some(version.id),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let bucket = req.input.bucket.clone();
        let mut listed = self.files.list_objects_v2(req).await?;
        for object in listed.output.contents.iter_mut().flatten() {
            let version = object.key.as_ref().and_then(|key| self.versions.current(&bucket, key));
            object.e_tag = version.map(|version| ETag::Strong(version.etag));
        }
        Ok(listed)
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.files.list_objects(req).await
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let prefix = req.input.prefix.unwrap_or_default();
        let (mut versions, mut delete_markers) = (Vec::new(), Vec::new());
        for (version, latest) in self.versions.all(&req.input.bucket, &prefix) {
            let last_modified = Some(time(&version));
            if version.deleted {
                delete_markers.push(DeleteMarkerEntry {
                    key: Some(version.key),
                    version_id: Some(version.id),
                    is_latest: Some(latest),
                    last_modified,
                    ..Default::default()
                });
            } else {
                versions.push(ObjectVersion {
                    key: Some(version.key),
                    version_id: Some(version.id),
                    is_latest: Some(latest),
                    last_modified,
                    size: Some(length(version.size)?),
                    e_tag: Some(ETag::Strong(version.etag)),
                    ..Default::default()
                });
            }
        }
        Ok(S3Response::new(ListObjectVersionsOutput {
            name: Some(req.input.bucket),
            prefix: Some(prefix),
            versions: Some(versions),
            delete_markers: Some(delete_markers),
            is_truncated: Some(false),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let done =
            self.delete(&req.input.bucket, &req.input.key, req.input.version_id.as_deref()).await?;
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: done.delete_marker,
            version_id: done.delete_marker_version_id.or(done.version_id),
            ..Default::default()
        }))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let mut deleted = Vec::new();
        for object in req.input.delete.objects {
            deleted.push(
                self.delete(&req.input.bucket, &object.key, object.version_id.as_deref()).await?,
            );
        }
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..Default::default() }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.path(&req.input.bucket, &req.input.key)?;
        let said = Attributes {
            metadata: req.input.metadata.clone().unwrap_or_default().into_iter().collect(),
            content_type: req.input.content_type.clone(),
            content_encoding: req.input.content_encoding.clone(),
        };
        let begun = self.files.create_multipart_upload(req).await?;
        if let Some(id) = &begun.output.upload_id {
            self.uploads.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), said);
        }
        Ok(begun)
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(req).await
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.files.upload_part_copy(req).await
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        self.files.list_parts(req).await
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).remove(&req.input.upload_id);
        self.files.abort_multipart_upload(req).await
    }

    async fn complete_multipart_upload(
        &self,
        mut req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let (bucket, key, id) =
            (req.input.bucket.clone(), req.input.key.clone(), req.input.upload_id.clone());
        let path = self.path(&bucket, &key)?;
        let writer = self.writer(&bucket, &key);
        let _writing = writer.lock().await;
        self.may_write(&bucket, &key, req.input.if_match.take(), req.input.if_none_match.take())?;
        let output = self.files.complete_multipart_upload(req).await?.output;
        let mut output = match output.future {
            Some(done) => done.await?,
            None => output,
        };
        let said = self
            .uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id)
            .unwrap_or_default();
        let etag = output.e_tag.as_ref().map(|etag| etag.value().to_owned()).unwrap_or_default();
        let version =
            self.wrote(Created::CompleteMultipartUpload, &bucket, &key, &path, &etag, said)?;
        output.version_id = Some(version.id);
        Ok(S3Response::new(output))
    }
}

fn matches(condition: &ETagCondition, version: &Version) -> bool {
    condition.as_etag().is_none_or(|etag| etag.value() == version.etag)
}

fn may_read(
    version: &Version,
    r#if: Option<&ETagCondition>,
    unless: Option<&ETagCondition>,
) -> S3Result<()> {
    if r#if.is_some_and(|condition| !matches(condition, version)) {
        return Err(s3_error!(PreconditionFailed, "the object's entity tag is another one"));
    }
    if unless.is_some_and(|condition| matches(condition, version)) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

/// The bytes of a file as a stream of large pieces.
async fn read(file: &Path, bytes: &std::ops::Range<u64>) -> io::Result<StreamingBlob> {
    let mut file = tokio::fs::File::open(file).await?;
    file.seek(SeekFrom::Start(bytes.start)).await?;
    let left = bytes.end - bytes.start;
    let pieces = futures::stream::try_unfold((file, left), |(mut file, left)| async move {
        let mut piece = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
        if piece.is_empty() {
            return Ok::<_, io::Error>(None);
        }
        file.read_exact(&mut piece).await?;
        let left = left - piece.len() as u64;
        Ok(Some((Bytes::from(piece), (file, left))))
    });
    Ok(StreamingBlob::wrap(pieces))
}

/// Puts a copy of a version's bytes where the object's file is, without touching what was there:
/// older versions are links to it.
fn place(data: &Path, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = data.parent().unwrap_or(Path::new("."));
    let copy = tempfile::NamedTempFile::new_in(beside)?;
    std::fs::copy(data, copy.path())?;
    copy.persist(path)?;
    Ok(())
}

fn remove_if_there(path: &Path) -> S3Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) =>
        {
            Ok(())
        }
        Err(error) => Err(internal(error)),
    }
}

fn time(version: &Version) -> s3s::dto::Timestamp {
    s3s::dto::Timestamp::from(SystemTime::from(version.modified))
}

fn length(bytes: u64) -> S3Result<i64> {
    i64::try_from(bytes).map_err(|error| s3_error!(error, InternalError))
}

fn internal(error: io::Error) -> s3s::S3Error {
    s3_error!(error, InternalError)
}
