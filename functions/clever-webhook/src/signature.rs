//! Whether a notice comes from somebody who has a key: HMAC-SHA256 over the time, a full stop and
//! the bytes of the body as they came.

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

/// The shortest key, in characters. A shorter one is no key but a mistake.
const SHORTEST_KEY: usize = 32;
/// The most signatures that a sender may give side by side, while it changes its key.
const MOST_SIGNATURES: usize = 4;

/// What a request says of its signature: well-formed, and not yet believed.
#[derive(Debug)]
pub(crate) struct Claimed<'a> {
    /// The time, to the letter: it is part of what is signed.
    time: Option<&'a str>,
    signatures: Vec<Vec<u8>>,
}

/// Why a request is not believed. The caller is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// No signature or no time, one of them twice, or not of the agreed form.
    Malformed,
    /// Signed too long ago, or in the future.
    OutOfTime,
    /// Signed with none of the keys.
    Forged,
}

impl Doubt {
    /// In the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Doubt::Malformed => "malformed",
            Doubt::OutOfTime => "out_of_time",
            Doubt::Forged => "forged",
        }
    }
}

impl<'a> Claimed<'a> {
    /// Takes signature and time from the headers. The time is judged at once: what is too old need
    /// not be computed.
    pub(crate) fn of(
        headers: &'a HeaderMap,
        signing: &Signing,
        now: Timestamp,
    ) -> Result<Self, Doubt> {
        let text = only(headers, &signing.header)?;
        let claimed = match &signing.time {
            Time::Combined => combined(text, signing.encoding)?,
            Time::Header(name) => {
                Self { time: Some(only(headers, name)?), signatures: vec![one(text, signing)?] }
            }
            Time::Nowhere => Self { time: None, signatures: vec![one(text, signing)?] },
        };
        if let Some(time) = claimed.time {
            let off = seconds(time).ok_or(Doubt::Malformed)?.abs_diff(now.as_second());
            if off > signing.tolerance.as_secs() {
                return Err(Doubt::OutOfTime);
            }
        }
        Ok(claimed)
    }

    /// Whether one of the keys made one of the signatures. Every pair is compared in full, in
    /// constant time.
    pub(crate) fn is_of(&self, keys: &Keys, body: &[u8]) -> bool {
        let mut found = false;
        for key in keys.all() {
            let mut mac =
                hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
            if let Some(time) = self.time {
                mac.update(time.as_bytes());
                mac.update(b".");
            }
            mac.update(body);
            let tag = mac.sign();
            for signature in &self.signatures {
                found |= constant_time::verify_slices_are_equal(tag.as_ref(), signature).is_ok();
            }
        }
        found
    }

    /// Tells one notice from another: a digest of what is signed, whichever key signed it.
    pub(crate) fn digest(&self, body: &[u8]) -> String {
        let signed = [self.time.unwrap_or_default().as_bytes(), b".", body].concat();
        hex::encode(digest(&SHA256, &signed))
    }
}

/// The value of a header that must be there once. A function URL joins repeated headers with
/// commas, which no such value has.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Doubt> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Doubt::Malformed),
        _ => Err(Doubt::Malformed),
    }
}

fn one(text: &str, signing: &Signing) -> Result<Vec<u8>, Doubt> {
    text.strip_prefix(signing.prefix.as_str())
        .and_then(|text| decode(text, signing.encoding))
        .ok_or(Doubt::Malformed)
}

/// `t=1780000000,v1=…`, with further `v1` while a sender changes its key. Schemes of other names
/// are passed over.
fn combined(text: &str, encoding: Encoding) -> Result<Claimed<'_>, Doubt> {
    let mut claimed = Claimed { time: None, signatures: Vec::new() };
    for part in text.split(',') {
        match part.split_once('=').ok_or(Doubt::Malformed)? {
            ("t", time) if claimed.time.is_none() => claimed.time = Some(time),
            ("t", _) => return Err(Doubt::Malformed),
            ("v1", signature) => {
                claimed.signatures.push(decode(signature, encoding).ok_or(Doubt::Malformed)?)
            }
            _ => {}
        }
    }
    let whole = claimed.time.is_some() && (1..=MOST_SIGNATURES).contains(&claimed.signatures.len());
    whole.then_some(claimed).ok_or(Doubt::Malformed)
}

fn decode(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    let bytes = match encoding {
        Encoding::Hex => hex::decode(text).ok()?,
        Encoding::Base64 => STANDARD.decode(text).ok()?,
    };
    (bytes.len() == 32).then_some(bytes)
}

/// Seconds since 1970, in digits and nothing else, so that one time has one text.
fn seconds(text: &str) -> Option<i64> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The keys of which one must have signed: the present one and, while it is being changed, the one
/// before.
#[derive(Deserialize)]
pub(crate) struct Keys {
    current: Box<str>,
    #[serde(default)]
    previous: Option<Box<str>>,
}

impl Keys {
    /// Reads `{"current": "…", "previous": "…"}`.
    pub(crate) fn read(secret: &Secret) -> Result<Self, MirrorError> {
        let mut keys: Self = secrets::parse(secret, "the secret with the webhook keys")?;
        // An empty text is how a form says that there is none.
        keys.previous = keys.previous.filter(|key| !key.is_empty());
        if keys.all().any(|key| key.len() < SHORTEST_KEY) {
            return Err(MirrorError::corrupt(
                "the secret with the webhook keys",
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
    fn keys_are_one_or_two_and_long_enough() {
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
    fn the_signature_is_the_published_one() {
        // RFC 4231 has no key of 32 characters and a full stop; this one was computed with `openssl
        // dgst -sha256 -mac HMAC`.
        let keys = keys(&format!(r#"{{"current": "{}"}}"#, key(7))).unwrap();
        let signature = "a6689190fa77e43cd44fc7b018ae3d40cf254d57b5e8fc729a07760246bbb6ee";
        let claimed =
            Claimed { time: Some("1780000000"), signatures: vec![hex::decode(signature).unwrap()] };
        assert!(claimed.is_of(&keys, b"{}"));
        assert!(!claimed.is_of(&keys, b"{} "));
    }

    #[test]
    fn only_digits_are_a_time() {
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
    fn the_combined_form_has_one_time_and_a_few_signatures() {
        let tag = "00".repeat(32);
        let count =
            |text: &str| combined(text, Encoding::Hex).map(|claimed| claimed.signatures.len());
        assert_eq!(count(&format!("t=1,v1={tag}")), Ok(1));
        assert_eq!(count(&format!("t=1,v0=old,v1={tag},v1={tag}")), Ok(2));
        let many = format!("t=1{}", format!(",v1={tag}").repeat(5));
        let twice = format!("t=1,t=2,v1={tag}");
        for text in ["", "t=1", &tag, &format!("v1={tag}"), "t=1,v1=00", &many, &twice] {
            assert_eq!(count(text), Err(Doubt::Malformed), "{text}");
        }
    }
}
