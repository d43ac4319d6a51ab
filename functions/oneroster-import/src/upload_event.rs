//! Parses S3 events into complete uploads.

use std::borrow::Cow;

use aws_lambda_events::event::s3::S3EventRecord;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use roster::id::{DistrictId, RunId};
use serde_json::Value;

/// A complete upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadEvent {
    /// The district that the key names.
    pub district: DistrictId,
    /// How the set was uploaded.
    pub shape: Shape,
    /// Bucket.
    pub bucket: String,
    /// Key of the zip or of the folder's manifest, decoded.
    pub key: String,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Version, where the bucket keeps versions.
    pub version: Option<String>,
    /// Time of the upload, in milliseconds.
    pub at: Timestamp,
    /// The run that imports it. Computed from the upload, so the same upload has the same run.
    pub run: RunId,
}

/// The form of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One zip file.
    Zip,
    /// The files of a folder, complete when its manifest is uploaded.
    Folder {
        /// The prefix of the keys of its files.
        prefix: String,
    },
}

/// Why a record of an event starts no import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// The record is not an S3 notification.
    #[error("it is not a notification of an object")]
    NotANotification,
    /// The object does not start an import: another file of a folder, or a folder marker.
    #[error("the object does not start an import")]
    Unrelated,
    /// The folder below `uploads/` is not a valid district id.
    #[error("the folder name is not a valid district id")]
    NoDistrict,
}

/// Parses the records of an event. An event without records, such as S3's test event, yields one
/// [`Skipped::NotANotification`].
pub fn upload_events(event: &Value) -> Vec<Result<UploadEvent, Skipped>> {
    let records = event.get("Records").and_then(Value::as_array);
    records.map_or_else(
        || vec![Err(Skipped::NotANotification)],
        |records| records.iter().map(upload_event).collect(),
    )
}

fn upload_event(record: &Value) -> Result<UploadEvent, Skipped> {
    let record: S3EventRecord =
        serde_json::from_value(record.clone()).map_err(|_| Skipped::NotANotification)?;
    if !record.event_name.as_deref().unwrap_or_default().starts_with("ObjectCreated:") {
        return Err(Skipped::Unrelated);
    }
    let at = Timestamp::from_millisecond(record.event_time.timestamp_millis())
        .map_err(|_| Skipped::NotANotification)?;
    let bucket = record.s3.bucket.name.ok_or(Skipped::NotANotification)?;
    let key = decoded(&record.s3.object.key.ok_or(Skipped::NotANotification)?)
        .ok_or(Skipped::Unrelated)?;
    let (district, rest) = key
        .strip_prefix("uploads/")
        .and_then(|rest| rest.split_once('/'))
        .ok_or(Skipped::Unrelated)?;
    let file = rest.rsplit('/').next().unwrap_or_default();
    let shape = if file.len() > 4 && file.to_ascii_lowercase().ends_with(".zip") {
        Shape::Zip
    } else if file == "manifest.csv" {
        Shape::Folder { prefix: key[..key.len() - file.len()].to_owned() }
    } else {
        return Err(Skipped::Unrelated);
    };
    if !DistrictId::is_valid(district) {
        return Err(Skipped::NoDistrict);
    }
    let etag = record.s3.object.e_tag.unwrap_or_default().trim_matches('"').to_owned();
    let version = record.s3.object.version_id.filter(|version| version != "null");
    // Uploading the same bytes twice makes two uploads. In a bucket without versions, only the
    // sequencer differs.
    let discriminator = version.clone().or(record.s3.object.sequencer).unwrap_or_default();
    let run = mirror::keys::run_id(at, &bucket, &key, &etag, &discriminator);
    Ok(UploadEvent {
        district: DistrictId::new(district),
        shape,
        bucket,
        key,
        etag,
        version,
        at,
        run,
    })
}

/// Decodes a key. S3 encodes keys in notifications as forms do: `+` is a blank, `%XX` a byte.
/// Returns `None` if the encoding is invalid or the bytes are not UTF-8.
fn decoded(key: &str) -> Option<String> {
    let key = key.replace('+', " ");
    let is_hex = |digits: &str| digits.bytes().all(|c| c.is_ascii_hexdigit());
    if !key.split('%').skip(1).all(|rest| rest.get(..2).is_some_and(is_hex)) {
        return None;
    }
    percent_decode_str(&key).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(key: &str) -> Value {
        json!({ "Records": [{
            "eventTime": "2026-09-01T02:03:04.567Z", "eventName": "ObjectCreated:Put",
            "userIdentity": {}, "requestParameters": {}, "responseElements": {},
            "s3": {
                "bucket": { "name": "inbox" },
                "object": { "key": key, "size": 1, "eTag": "e1", "sequencer": "A1" },
            },
        }] })
    }

    #[test]
    fn keys_are_decoded_exactly_once() {
        let upload =
            upload_events(&event("uploads/oak/night+1%2Bgr%C3%BCn.zip")).remove(0).unwrap();
        assert_eq!(upload.key, "uploads/oak/night 1+grün.zip");
        assert_eq!(decoded("a%2520b").unwrap(), "a%20b");
        assert_eq!(decoded("a%"), None);
        assert_eq!(decoded("%FF"), None);
    }

    #[test]
    fn objects_that_complete_no_upload_are_skipped() {
        for (key, why) in [
            ("uploads/oak/night1/users.csv", Skipped::Unrelated),
            ("uploads/oak/", Skipped::Unrelated),
            ("uploads/.zip", Skipped::Unrelated),
            ("uploads/oak/.zip", Skipped::Unrelated),
            ("other/oak/a.zip", Skipped::Unrelated),
            ("uploads/../a.zip", Skipped::NoDistrict),
            ("uploads/a+b/a.zip", Skipped::NoDistrict),
        ] {
            assert_eq!(upload_events(&event(key)), [Err(why)], "{key}");
        }
        let folder = upload_events(&event("uploads/oak/night1/manifest.csv")).remove(0).unwrap();
        assert_eq!(folder.shape, Shape::Folder { prefix: "uploads/oak/night1/".into() });
        assert!(matches!(
            upload_events(&event("uploads/oak/A.ZIP"))[0],
            Ok(UploadEvent { shape: Shape::Zip, .. })
        ));
    }

    #[test]
    fn one_bad_record_does_not_stop_the_others() {
        let mut event = event("uploads/oak/a.zip");
        event["Records"].as_array_mut().unwrap().insert(0, json!({ "eventTime": "yesterday" }));
        let uploads = upload_events(&event);
        assert_eq!(uploads[0], Err(Skipped::NotANotification));
        assert!(uploads[1].is_ok());
    }
}
