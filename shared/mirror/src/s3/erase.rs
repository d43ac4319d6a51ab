//! Deletes objects permanently: every version, and the delete markers.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{S3Bucket, bare, failed, version};
use crate::MirrorError;
use crate::ports::erase::{EraseObjects, ObjectToErase};

const ERASING: &str = "erase objects";

impl EraseObjects for S3Bucket {
    async fn first_versions(&self, prefix: &str) -> Result<Vec<ObjectToErase>, MirrorError> {
        let request =
            self.client.list_object_versions().bucket(&self.name).prefix(prefix).max_keys(1000);
        let page = request.send().await.map_err(|e| failed("list the objects to erase", e))?;
        let versions = page.versions().iter().filter_map(|v| {
            Some(ObjectToErase {
                key: v.key()?.into(),
                version: version(v.version_id()),
                etag: bare(v.e_tag()),
                size: u64::try_from(v.size().unwrap_or(0)).unwrap_or(0),
            })
        });
        let markers = page.delete_markers().iter().filter_map(|marker| {
            Some(ObjectToErase {
                key: marker.key()?.into(),
                version: version(marker.version_id()),
                etag: String::new(),
                size: 0,
            })
        });
        Ok(versions.chain(markers).collect())
    }

    async fn erase_versions(&self, objects: &[ObjectToErase]) -> Result<(), MirrorError> {
        // A bucket's list may be longer than one call can delete.
        for batch in objects.chunks(1000) {
            let named = batch.iter().map(|object| {
                ObjectIdentifier::builder()
                    .key(&object.key)
                    .set_version_id(object.version.clone())
                    .build()
            });
            let named = named
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| MirrorError::service(ERASING, e))?;
            let delete = Delete::builder().set_objects(Some(named)).quiet(true).build();
            let delete = delete.map_err(|e| MirrorError::service(ERASING, e))?;
            let request = self.client.delete_objects().bucket(&self.name).delete(delete);
            let answer = request.send().await.map_err(|e| failed(ERASING, e))?;
            if let Some(error) = answer.errors().first() {
                // The message may quote a key; the code does not.
                return Err(MirrorError::service(
                    ERASING,
                    error.code().unwrap_or("some objects were not erased").to_owned(),
                ));
            }
        }
        Ok(())
    }
}
