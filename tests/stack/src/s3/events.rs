//! Event notifications of the buckets, in the form that S3 sends to a function.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::versions::Version;

/// The function to invoke for new objects of a bucket, like an event notification of the bucket in
/// `template.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The bucket.
    pub bucket: String,
    /// The prefix of the keys.
    pub prefix: String,
    /// The suffix of the keys.
    pub suffix: String,
    /// The function to invoke.
    pub function: String,
}

impl Subscription {
    pub(crate) fn matches(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket && key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }
}

/// The call that created an object: the last part of the event's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// PutObject.
    Put,
    /// CompleteMultipartUpload.
    CompleteMultipartUpload,
    /// CopyObject.
    Copy,
}

impl Created {
    fn name(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Self::Copy => "ObjectCreated:Copy",
        }
    }
}

/// The notification of a new version, in the event structure 2.1 ("Event message structure" in the
/// S3 user guide).
pub(super) fn notification(created: Created, version: &Version, region: &str) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": millis(version.modified),
        "eventName": created.name(),
        "userIdentity": { "principalId": "AWS:AIDALOCAL" },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": { "x-amz-request-id": version.id.to_uppercase(),
        "x-amz-id-2": version.id },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "local",
            "bucket": {
                "name": version.bucket,
                "ownerIdentity": { "principalId": "LOCAL" },
                "arn": format!("arn:aws:s3:::{}", version.bucket),
            },
            "object": {
                "key": form_encoded(&version.key),
                "size": version.size,
                "eTag": version.etag,
                "versionId": version.id,
                "sequencer": version.id.to_uppercase(),
            },
        },
    }]})
}

fn millis(time: Timestamp) -> String {
    let whole = time.strftime("%Y-%m-%dT%H:%M:%S");
    format!("{whole}.{:03}Z", time.subsec_millisecond())
}

/// Encodes a key as in a notification: form-encoded, a space as `+`, slashes unchanged.
pub(super) fn form_encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'*' => {
                text.push(byte as char)
            }
            b' ' => text.push('+'),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_form_encoded_as_by_s3() {
        assert_eq!(
            form_encoded("uploads/spruce-1/fall set+é.zip"),
            "uploads/spruce-1/fall+set%2B%C3%A9.zip"
        );
    }

    #[test]
    fn event_times_have_milliseconds() {
        assert_eq!(
            millis("2026-11-22T02:00:05.000700Z".parse().unwrap()),
            "2026-11-22T02:00:05.000Z"
        );
        assert_eq!(millis("2026-11-22T02:00:05.25Z".parse().unwrap()), "2026-11-22T02:00:05.250Z");
    }
}
