//! What an event says: which objects were put. Decoding happens here, once.

use aws_lambda_events::event::s3::S3EventRecord;
use jiff::Timestamp;
use roster::id::{DistrictId, RunId};
use serde_json::Value;

/// An upload that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The district, as the key has it.
    pub district: DistrictId,
    /// What was put last.
    pub shape: Shape,
    /// Bucket.
    pub bucket: String,
    /// Key of the zip or of the folder's manifest, decoded.
    pub key: String,
    /// Entity tag, without quotes.
    pub etag: String,
    /// Version, where the bucket keeps versions.
    pub version: Option<String>,
    /// When it was put, to the millisecond.
    pub at: Timestamp,
    /// The run that it makes: always the same one.
    pub run: RunId,
}

/// How a set was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As one zip.
    Zip,
    /// As the files of a folder, whose manifest came last.
    Folder {
        /// What the keys of its files begin with.
        prefix: String,
    },
}

/// Why a record of an event starts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// It is not a record of S3.
    #[error("it is not a notification of an object")]
    NotANotification,
    /// The object is nothing that starts an import: another file of a folder, a folder's own
    /// marker, a report.
    #[error("the object does not start an import")]
    Unrelated,
    /// The folder below `uploads/` cannot be a district's id.
    #[error("the folder name is not a valid district id")]
    NoDistrict,
}

/// The notices of an event. S3's test event, and whatever else has no records, has none.
pub fn notices(event: &Value) -> Vec<Result<Notice, Skipped>> {
    let records = event.get("Records").and_then(Value::as_array);
    records.map_or_else(
        || vec![Err(Skipped::NotANotification)],
        |records| records.iter().map(notice).collect(),
    )
}

fn notice(record: &Value) -> Result<Notice, Skipped> {
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
    // The same bytes put twice are two uploads: the sequencer tells them apart where the bucket
    // keeps no versions.
    let which = version.clone().or(record.s3.object.sequencer).unwrap_or_default();
    let run = mirror::keys::run_id(at, &bucket, &key, &etag, &which);
    Ok(Notice { district: DistrictId::new(district), shape, bucket, key, etag, version, at, run })
}

/// Undoes the form encoding of keys in notifications: `+` is a blank, `%XX` a byte. None where the
/// bytes are not UTF-8.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|c| char::from(c).to_digit(16));
                (digit()? * 16 + digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(key: &str) -> Value {
        json!({ "Records": [{
            "eventTime": "2026-09-01T02:03:04.567Z", "eventName": "ObjectCreated:Put",
            "userIdentity": {}, "requestParameters": {}, "responseElements": {},
            "s3": { "bucket": { "name": "inbox" }, "object": { "key": key, "size": 1, "eTag": "e1", "sequencer": "A1" } }
        }] })
    }

    #[test]
    fn keys_are_decoded_once() {
        let notice = notices(&event("uploads/oak/night+1%2Bgr%C3%BCn.zip")).remove(0).unwrap();
        assert_eq!(notice.key, "uploads/oak/night 1+grün.zip");
        assert_eq!(decoded("a%2520b").unwrap(), "a%20b");
        assert_eq!(decoded("a%"), None);
        assert_eq!(decoded("%FF"), None);
    }

    #[test]
    fn what_is_no_complete_upload_is_skipped() {
        for (key, why) in [
            ("uploads/oak/night1/users.csv", Skipped::Unrelated),
            ("uploads/oak/", Skipped::Unrelated),
            ("uploads/.zip", Skipped::Unrelated),
            ("uploads/oak/.zip", Skipped::Unrelated),
            ("other/oak/a.zip", Skipped::Unrelated),
            ("uploads/../a.zip", Skipped::NoDistrict),
            ("uploads/a+b/a.zip", Skipped::NoDistrict),
        ] {
            assert_eq!(notices(&event(key)), [Err(why)], "{key}");
        }
        let folder = notices(&event("uploads/oak/night1/manifest.csv")).remove(0).unwrap();
        assert_eq!(folder.shape, Shape::Folder { prefix: "uploads/oak/night1/".into() });
        assert!(matches!(
            notices(&event("uploads/oak/A.ZIP"))[0],
            Ok(Notice { shape: Shape::Zip, .. })
        ));
    }

    #[test]
    fn one_bad_record_does_not_stop_the_others() {
        let mut event = event("uploads/oak/a.zip");
        event["Records"].as_array_mut().unwrap().insert(0, json!({ "eventTime": "yesterday" }));
        let notices = notices(&event);
        assert_eq!(notices[0], Err(Skipped::NotANotification));
        assert!(notices[1].is_ok());
    }
}
