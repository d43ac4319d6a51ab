//! Verifies OAuth 1.0a signatures (RFC 5849). Written from the RFC, independently of the client.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything except the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parts of a request that are signed, and its signature.
pub(super) struct Signed<'r> {
    /// Scheme, host and path.
    pub(super) address: &'r str,
    pub(super) query: &'r str,
    /// The value of the header `Authorization`.
    pub(super) header: &'r str,
}

/// Verifies a signature made with this key and secret. Returns the nonce and the timestamp in
/// seconds, or what is wrong.
pub(super) fn verify(
    request: &Signed<'_>,
    (key, secret): (&str, &str),
    sha1: bool,
) -> Result<(String, i64), &'static str> {
    let fields = request.header.strip_prefix("OAuth ").ok_or("no OAuth header")?;
    let own: BTreeMap<String, String> = fields
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .map(|(name, value)| {
            (
                name.to_owned(),
                percent_decode_str(value.trim_matches('"')).decode_utf8_lossy().into_owned(),
            )
        })
        .collect();
    let field = |name: &str| own.get(name).map(String::as_str).ok_or("a field is missing");
    let method = if sha1 { "HMAC-SHA1" } else { "HMAC-SHA256" };
    if field("oauth_signature_method")? != method {
        return Err("another method");
    }
    if field("oauth_consumer_key")? != key {
        return Err("another consumer");
    }
    let query = form_urlencoded::parse(request.query.as_bytes()).into_owned();
    let escape = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let mut all: Vec<(String, String)> = own
        .iter()
        .filter(|(name, _)| name.as_str() != "oauth_signature")
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain(query)
        .map(|(name, value)| (escape(&name), escape(&value)))
        .collect();
    all.sort();
    let all: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let base = format!("GET&{}&{}", escape(request.address), escape(&all.join("&")));
    let algorithm = if sha1 { hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY } else { hmac::HMAC_SHA256 };
    let signing = hmac::Key::new(algorithm, format!("{}&", escape(secret)).as_bytes());
    let signature = STANDARD.decode(field("oauth_signature")?).map_err(|_| "no signature")?;
    hmac::verify(&signing, base.as_bytes(), &signature).map_err(|_| "another signature")?;
    let time = field("oauth_timestamp")?.parse().map_err(|_| "no time")?;
    Ok((field("oauth_nonce")?.to_owned(), time))
}
