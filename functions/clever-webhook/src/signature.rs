//! Verifies an event's signature: HMAC-SHA256 over the time, a full stop and the bytes of the body.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use lambda_http::http::HeaderMap;
use mirror::MirrorError;
use mirror::ports::secrets;
use roster::personal::Secret;
use serde::Deserialize;

use crate::config::{Encoding, Signing, Time};

/// The minimum length of a key, in characters.
const MIN_KEY: usize = 32;
/// The maximum number of signatures in one header; a sender that changes its key sends several.
const MAX_SIGNATURES: usize = 4;

/// The signature of a request: well-formed, but not verified yet.
#[derive(Debug)]
pub(crate) struct Claimed<'a> {
    /// The time, unchanged, because it is part of the signed text.
    time: Option<&'a str>,
    signatures: Vec<Vec<u8>>,
}

/// Why a signature is rejected. The response does not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Signature or time are missing, repeated or not in the configured form.
    Malformed,
    /// The time is too far in the past or in the future.
    OutOfTime,
    /// No key matches the signature.
    Forged,
}

impl Rejection {
    /// Returns the reason's name in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rejection::Malformed => "malformed",
            Rejection::OutOfTime => "out_of_time",
            Rejection::Forged => "forged",
        }
    }
}

impl<'a> Claimed<'a> {
    /// Reads signature and time from the headers, and checks the time, so that the signature of an
    /// old event is not computed.
    pub(crate) fn of(
        headers: &'a HeaderMap,
        signing: &Signing,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let text = only(headers, &signing.header)?;
        let claimed = match &signing.time {
            Time::Combined => combined(text, signing.encoding)?,
            Time::Header(name) => {
                Self { time: Some(only(headers, name)?), signatures: vec![one(text, signing)?] }
            }
            Time::Unsigned => Self { time: None, signatures: vec![one(text, signing)?] },
        };
        if let Some(time) = claimed.time {
            let off = seconds(time).ok_or(Rejection::Malformed)?.abs_diff(now.as_second());
            if off > signing.tolerance.as_secs() {
                return Err(Rejection::OutOfTime);
            }
        }
        Ok(claimed)
    }

    /// Whether one of the signatures matches one of the keys. Every pair is compared, in constant
    /// time.
    pub(crate) fn matches(&self, keys: &Keys, body: &[u8]) -> bool {
        let mut found = false;
        for key in keys.all() {
            let mut mac =
                hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
            if let Some(time) = self.time {
                mac.update(time.as_bytes());
                mac.update(b".");
            }
            mac.update(body);
            let expected = mac.sign();
            for signature in &self.signatures {
                found |=
                    constant_time::verify_slices_are_equal(expected.as_ref(), signature).is_ok();
            }
        }
        found
    }

    /// Returns a digest that identifies the event: of the signed text, independent of the key.
    pub(crate) fn digest(&self, body: &[u8]) -> String {
        let signed = [self.time.unwrap_or_default().as_bytes(), b".", body].concat();
        hex::encode(digest(&SHA256, &signed))
    }
}

/// Returns the value of a header that must appear once. A function URL joins repeated headers with
/// commas, which no valid value contains.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Rejection> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Rejection::Malformed),
        _ => Err(Rejection::Malformed),
    }
}

fn one(text: &str, signing: &Signing) -> Result<Vec<u8>, Rejection> {
    text.strip_prefix(signing.prefix.as_str())
        .and_then(|text| decode(text, signing.encoding))
        .ok_or(Rejection::Malformed)
}

/// Parses `t=1780000000,v1=…`, with several `v1` while a sender changes its key. Other schemes are
/// ignored.
fn combined(text: &str, encoding: Encoding) -> Result<Claimed<'_>, Rejection> {
    let mut claimed = Claimed { time: None, signatures: Vec::new() };
    for part in text.split(',') {
        match part.split_once('=').ok_or(Rejection::Malformed)? {
            ("t", time) if claimed.time.is_none() => claimed.time = Some(time),
            ("t", _) => return Err(Rejection::Malformed),
            ("v1", signature) => {
                claimed.signatures.push(decode(signature, encoding).ok_or(Rejection::Malformed)?)
            }
            _ => {}
        }
    }
    let whole = claimed.time.is_some() && (1..=MAX_SIGNATURES).contains(&claimed.signatures.len());
    whole.then_some(claimed).ok_or(Rejection::Malformed)
}

fn decode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    let bytes = match encoding {
        Encoding::Hex => hex::decode(text).ok()?,
        Encoding::Base64 => STANDARD.decode(text).ok()?,
    };
    (bytes.len() == 32).then_some(bytes)
}

/// Parses seconds since 1970. Only digits are allowed, so that each time has one text.
fn seconds(text: &str) -> Option<i64> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The keys that may sign: the current one and, while it is being changed, the previous one.
#[derive(Deserialize)]
pub(crate) struct Keys {
    current: Box<str>,
    #[serde(default)]
    previous: Option<Box<str>>,
}

impl Keys {
    /// Reads `{"current": "…", "previous": "…"}`.
    pub(crate) fn read(secret: &Secret) -> Result<Self, MirrorError> {
        let mut keys: Self = secrets::parse(secret, "the secret with the signing keys")?;
        // An empty string means that there is no previous key.
        keys.previous = keys.previous.filter(|key| !key.is_empty());
        if keys.all().any(|key| key.len() < MIN_KEY) {
            return Err(MirrorError::corrupt(
                "the secret with the signing keys",
                "a key has fewer than 32 characters",
            ));
        }
        Ok(keys)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> String {
        format!("{n:032}")
    }

    fn keys(text: &str) -> Option<Keys> {
        Keys::read(&Secret::new(text)).ok()
    }

    #[test]
    fn one_or_two_keys_of_sufficient_length_are_valid() {
        let of =
            |text: &str| keys(text).map(|keys| keys.all().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of(&format!(r#"{{"current": "{}"}}"#, key(1))), Some(vec![key(1)]));
        assert_eq!(
            of(&format!(r#"{{"current": "{}", "previous": ""}}"#, key(1))),
            Some(vec![key(1)])
        );
        assert_eq!(
            of(&format!(r#"{{"current": "{}", "previous": "{}"}}"#, key(1), key(2))),
            Some(vec![key(1), key(2)])
        );
        let short = format!(r#"{{"current": "{}", "previous": "short"}}"#, key(1));
        for text in ["", "{}", r#"{"current": ""}"#, r#"{"current": "short"}"#, &short, &key(1)] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_signature_computed_by_openssl_is_accepted() {
        // Computed with `openssl dgst -sha256 -mac HMAC`. The vectors of RFC 4231 have no key of 32
        // characters.
        let keys = keys(&format!(r#"{{"current": "{}"}}"#, key(7))).unwrap();
        let signature = "a6689190fa77e43cd44fc7b018ae3d40cf254d57b5e8fc729a07760246bbb6ee";
        let claimed =
            Claimed { time: Some("1780000000"), signatures: vec![hex::decode(signature).unwrap()] };
        assert!(claimed.matches(&keys, b"{}"));
        assert!(!claimed.matches(&keys, b"{} "));
    }

    #[test]
    fn a_time_has_only_digits() {
        assert_eq!(seconds("1780000000"), Some(1_780_000_000));
        for text in [
            "",
            "-1",
            "+1780000000",
            " 1780000000",
            "1.78e9",
            "0x6a18",
            "1780000000000000",
            "١٧٨٠٠٠٠٠٠٠",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn the_combined_form_has_one_time_and_up_to_four_signatures() {
        let signature = "00".repeat(32);
        let count =
            |text: &str| combined(text, Encoding::Hex).map(|claimed| claimed.signatures.len());
        assert_eq!(count(&format!("t=1,v1={signature}")), Ok(1));
        assert_eq!(count(&format!("t=1,v0=old,v1={signature},v1={signature}")), Ok(2));
        let many = format!("t=1{}", format!(",v1={signature}").repeat(5));
        let twice = format!("t=1,t=2,v1={signature}");
        for text in ["", "t=1", &signature, &format!("v1={signature}"), "t=1,v1=00", &many, &twice]
        {
            assert_eq!(count(text), Err(Rejection::Malformed), "{text}");
        }
    }
}
