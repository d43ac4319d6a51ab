//! Buckets in S3.

mod erase;

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use jiff::Timestamp;

use crate::MirrorError;
use crate::ports::objects::{
    Fetched, ObjectInfo, ObjectRef, PartedUpload, ReadObjects, WriteObjects,
};

/// The maximum number of attempts to read a response body that breaks off.
const BODY_TRIES: u32 = 3;

/// One bucket.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    client: Client,
    name: String,
}

impl S3Bucket {
    /// Returns the bucket with this name.
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.into() }
    }

    /// Returns the name of the bucket.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn status<E>(error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn failed<E>(
    doing: &'static str,
    error: SdkError<E, aws_sdk_s3::config::http::HttpResponse>,
) -> MirrorError
where
    E: std::error::Error + Send + Sync + 'static,
{
    MirrorError::service(doing, error)
}

fn bare(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

fn time(at: Option<&aws_sdk_s3::primitives::DateTime>) -> Option<Timestamp> {
    at.and_then(|at| Timestamp::from_millisecond(at.to_millis().ok()?).ok())
}

/// Returns the version. In a bucket without versioning, S3 reports the text `null` instead.
fn version(id: Option<&str>) -> Option<String> {
    id.filter(|id| *id != "null").map(str::to_owned)
}

/// Reads a body. Each chunk is released at once so that the connection reuses its buffer. Holding
/// all chunks until the end would take many times the memory of their content.
async fn whole(length: Option<i64>, mut body: ByteStream) -> Result<Vec<u8>, ByteStreamError> {
    let mut bytes = Vec::with_capacity(
        length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default(),
    );
    while let Some(chunk) = body.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

impl ReadObjects for S3Bucket {
    async fn head(
        &self,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Option<ObjectInfo>, MirrorError> {
        let request = self
            .client
            .head_object()
            .bucket(&self.name)
            .key(key)
            .set_version_id(version_id.map(str::to_owned));
        match request.send().await {
            Ok(head) => Ok(Some(ObjectInfo {
                object: ObjectRef {
                    key: key.into(),
                    etag: bare(head.e_tag()),
                    version: version(head.version_id()),
                },
                size: u64::try_from(head.content_length().unwrap_or(0)).unwrap_or(0),
                modified: time(head.last_modified()),
                as_of: head.metadata().and_then(|metadata| metadata.get("as-of")).cloned(),
            })),
            // For a version that is a delete marker, S3 responds with 405.
            Err(error) if matches!(status(&error), Some(404 | 405)) => Ok(None),
            Err(error) => Err(failed("read the metadata of an object", error)),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, MirrorError> {
        let doing = "read an object";
        let mut tries = 1;
        loop {
            let answer = match self.client.get_object().bucket(&self.name).key(key).send().await {
                Ok(answer) => answer,
                Err(error) if status(&error) == Some(404) => return Ok(None),
                Err(error) => return Err(failed(doing, error)),
            };
            match whole(answer.content_length, answer.body).await {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(_) if tries < BODY_TRIES => tries += 1,
                Err(error) => return Err(MirrorError::service(doing, error)),
            }
        }
    }

    async fn range(
        &self,
        object: &ObjectRef,
        from: u64,
        length: u64,
    ) -> Result<Fetched, MirrorError> {
        let doing = "read a part of an object";
        let request = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(&object.key)
            .range(format!("bytes={from}-{}", from + length.max(1) - 1))
            .set_if_match((!object.etag.is_empty()).then(|| format!("\"{}\"", object.etag)))
            .set_version_id(object.version.clone());
        let mut tries = 1;
        loop {
            let answer = match request.clone().send().await {
                Ok(answer) => answer,
                Err(error) => {
                    return match status(&error) {
                        Some(404 | 405) => Ok(Fetched::Missing),
                        Some(412) => Ok(Fetched::Changed),
                        // The range begins after the end.
                        Some(416) => Ok(Fetched::Bytes(Vec::new())),
                        _ if error.code() == Some("NoSuchVersion") => Ok(Fetched::Missing),
                        _ => Err(failed(doing, error)),
                    };
                }
            };
            match whole(answer.content_length, answer.body).await {
                Ok(bytes) => return Ok(Fetched::Bytes(bytes)),
                // The SDK retries requests, but not bodies that break off.
                Err(_) if tries < BODY_TRIES => {
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(10..100))).await;
                    tries += 1;
                }
                Err(error) => return Err(MirrorError::service(doing, error)),
            }
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, MirrorError> {
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .list_objects_v2()
                .bucket(&self.name)
                .prefix(prefix)
                .delimiter("/")
                .set_continuation_token(token);
            let page = request.send().await.map_err(|e| failed("list objects", e))?;
            for object in page.contents() {
                let Some(key) = object.key() else { continue };
                all.push(ObjectInfo {
                    object: ObjectRef {
                        key: key.into(),
                        etag: bare(object.e_tag()),
                        version: None,
                    },
                    size: u64::try_from(object.size().unwrap_or(0)).unwrap_or(0),
                    modified: time(object.last_modified()),
                    as_of: None,
                });
            }
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(all);
            }
        }
    }
}

impl WriteObjects for S3Bucket {
    async fn put(
        &self,
        key: &str,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<(), MirrorError> {
        let request =
            self.client.put_object().bucket(&self.name).key(key).content_type(content_type);
        request
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|e| failed("write an object", e))?;
        Ok(())
    }

    async fn begin_parts(
        &self,
        key: &str,
        content_type: &'static str,
    ) -> Result<PartedUpload, MirrorError> {
        let doing = "start a multipart upload";
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .content_type(content_type);
        let answer = request.send().await.map_err(|e| failed(doing, e))?;
        let id = answer
            .upload_id
            .ok_or_else(|| MirrorError::service(doing, "the response has no upload id"))?;
        Ok(PartedUpload { key: key.into(), id })
    }

    async fn put_part(
        &self,
        upload: &PartedUpload,
        number: i32,
        body: Vec<u8>,
    ) -> Result<String, MirrorError> {
        let doing = "upload a part of an object";
        let request =
            self.client.upload_part().bucket(&self.name).key(&upload.key).upload_id(&upload.id);
        let answer = request.part_number(number).body(ByteStream::from(body)).send().await;
        let answer = answer.map_err(|e| failed(doing, e))?;
        answer.e_tag.ok_or_else(|| MirrorError::service(doing, "the response has no ETag"))
    }

    async fn finish_parts(
        &self,
        upload: &PartedUpload,
        tags: Vec<String>,
    ) -> Result<(), MirrorError> {
        let parts = tags
            .into_iter()
            .zip(1..)
            .map(|(tag, number)| CompletedPart::builder().e_tag(tag).part_number(number).build());
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let request = self
            .client
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(&upload.key)
            .upload_id(&upload.id);
        request
            .multipart_upload(whole)
            .send()
            .await
            .map_err(|e| failed("complete a multipart upload", e))?;
        Ok(())
    }

    async fn abort_parts(&self, upload: &PartedUpload) -> Result<(), MirrorError> {
        let request = self
            .client
            .abort_multipart_upload()
            .bucket(&self.name)
            .key(&upload.key)
            .upload_id(&upload.id);
        request.send().await.map_err(|e| failed("abort a multipart upload", e))?;
        Ok(())
    }
}
