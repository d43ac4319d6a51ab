//! The S3 calls that the product uses. Calls without versions or conditions go to s3s-fs unchanged.

use std::sync::PoisonError;
use std::time::SystemTime;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::bytes::{copy_file, read_range};
use super::conditions::{matches, may_read};
use super::events::Created;
use super::versions::{Attributes, Version};
use super::{Store, internal};

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
            // An empty folder, as the S3 console creates it.
            return self.files.put_object(req).await;
        }
        let attributes = Attributes {
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
        let version = self.store_version(Created::Put, &bucket, &key, &path, &etag, attributes)?;
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
            return Err(s3_error!(NotImplemented, "the copy source must be a bucket and key"));
        };
        let source = self.version_to_read(from_bucket, from_key, version_id.as_deref())?;
        if input.copy_source_if_match.as_ref().is_some_and(|condition| !matches(condition, &source))
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let path = self.path(&input.bucket, &input.key)?;
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|how| how.as_str() == MetadataDirective::REPLACE);
        let attributes = if replace {
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
        copy_file(&self.versions.data(&source), &path).map_err(internal)?;
        let version = self.store_version(
            Created::Copy,
            &input.bucket,
            &input.key,
            &path,
            &source.etag,
            attributes,
        )?;
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
        let version =
            self.version_to_read(&input.bucket, &input.key, input.version_id.as_deref())?;
        may_read(&version, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let range = input.range.map(|range| range.check(version.size)).transpose()?;
        let bytes = range.clone().unwrap_or(0..version.size);
        let body = read_range(&self.versions.data(&version), &bytes).await.map_err(internal)?;
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
        let version =
            self.version_to_read(&input.bucket, &input.key, input.version_id.as_deref())?;
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
        let attributes = Attributes {
            metadata: req.input.metadata.clone().unwrap_or_default().into_iter().collect(),
            content_type: req.input.content_type.clone(),
            content_encoding: req.input.content_encoding.clone(),
        };
        let begun = self.files.create_multipart_upload(req).await?;
        if let Some(id) = &begun.output.upload_id {
            self.uploads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id.clone(), attributes);
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
        let attributes = self
            .uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id)
            .unwrap_or_default();
        let etag = output.e_tag.as_ref().map(|etag| etag.value().to_owned()).unwrap_or_default();
        let version = self.store_version(
            Created::CompleteMultipartUpload,
            &bucket,
            &key,
            &path,
            &etag,
            attributes,
        )?;
        output.version_id = Some(version.id);
        Ok(S3Response::new(output))
    }
}

fn time(version: &Version) -> Timestamp {
    Timestamp::from(SystemTime::from(version.modified))
}

fn length(bytes: u64) -> S3Result<i64> {
    i64::try_from(bytes).map_err(|error| s3_error!(error, InternalError))
}
