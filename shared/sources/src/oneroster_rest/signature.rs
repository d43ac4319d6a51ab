//! OAuth 1.0a, two-legged (RFC 5849): requests without a token, signed with the consumer's key and
//! secret.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::http::Secret;

/// The key and secret for signatures.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) key: String,
    pub(super) secret: Secret,
    /// HMAC-SHA1 instead of HMAC-SHA256.
    pub(super) sha1: bool,
}

impl Consumer {
    /// Returns the value of `Authorization` for a GET request at this time (Unix seconds). A
    /// `nonce` must not be used twice with the same time.
    pub(super) fn header(&self, url: &str, seconds: i64, nonce: &str) -> Secret {
        let method = if self.sha1 { "HMAC-SHA1" } else { "HMAC-SHA256" };
        let own = [
            ("oauth_consumer_key", self.key.as_str()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", method),
            ("oauth_timestamp", &seconds.to_string()),
            ("oauth_version", "1.0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let base = base_string(url, &own);
        let algorithm =
            if self.sha1 { hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY } else { hmac::HMAC_SHA256 };
        // The second half of the key is the token's secret; there is no token.
        let key = format!("{}&", escape(self.secret.reveal()));
        let signature = STANDARD
            .encode(hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), base.as_bytes()));
        let mut header = String::from("OAuth ");
        for (name, value) in &own {
            header.push_str(&format!("{name}=\"{}\", ", escape(value)));
        }
        header.push_str(&format!("oauth_signature=\"{}\"", escape(&signature)));
        Secret::new(header)
    }
}

/// Returns the signed text: method, URL without its query, and all parameters, sorted (3.4.1).
fn base_string(url: &str, own: &[(String, String)]) -> String {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    // The URL's parameters are already escaped. They are unescaped first, so that all parameters
    // are escaped once and in the same way.
    let query = pairs.map(|(name, value)| (unescape(name), unescape(value)));
    let mut all: Vec<(String, String)> = query
        .chain(own.iter().cloned())
        .map(|(name, value)| (escape(&name), escape(&value)))
        .collect();
    all.sort();
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("GET&{}&{}", escape(&address_of(address)), escape(&all.join("&")))
}

/// Normalizes a URL: scheme and host in lower case, without the default port (3.4.1.2).
fn address_of(address: &str) -> String {
    let path_at = address.match_indices('/').nth(2).map_or(address.len(), |(at, _)| at);
    let (host, path) = address.split_at(path_at);
    let host = host.to_ascii_lowercase();
    let port = if host.starts_with("https://") { ":443" } else { ":80" };
    format!(
        "{}{}",
        host.strip_suffix(port).unwrap_or(&host),
        if path.is_empty() { "/" } else { path }
    )
}

/// Escapes everything except letters, digits and `-._~` (3.6).
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = ahead;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the core specification (appendix A.5): its parameters, which include a token,
    /// and its base string.
    #[test]
    fn the_base_string_matches_the_example_of_the_standard() {
        let own = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1191242096"),
            ("oauth_nonce", "kllo9940pd9333jh"),
            ("oauth_version", "1.0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            base_string("http://photos.example.net/photos?file=vacation.jpg&size=original", &own),
            "GET&http%3A%2F%2Fphotos.example.net%2Fphotos&file%3Dvacation.jpg%26oauth_consumer_key%3Ddpf43f3p2l4k3l03%26oauth_nonce%3D\
             kllo9940pd9333jh%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1191242096%26oauth_token%3Dnnch734d00sl2jdk%26\
             oauth_version%3D1.0%26size%3Doriginal"
        );
    }

    #[test]
    fn addresses_and_filters_are_escaped_once() {
        let own = [("oauth_nonce".to_owned(), "n".to_owned())];
        let filter = "filter=dateLastModified%3E%272026-09-01T00%3A00%3A00.000Z%27&limit=2";
        let base =
            base_string(&format!("HTTPS://Sis.Example.org:443/ims/a%3D/users?{filter}"), &own);
        assert_eq!(
            base,
            "GET&https%3A%2F%2Fsis.example.org%2Fims%2Fa%253D%2Fusers&filter%3DdateLastModified%253E%25272026-09-01T00%253A00%253A00.000Z%2527%26\
             limit%3D2%26oauth_nonce%3Dn"
        );
        assert_eq!(address_of("http://127.0.0.1:9000"), "http://127.0.0.1:9000/");
        assert_eq!(
            (escape("a b~ü"), unescape("a%20b%7E%C3%BC+%zz")),
            ("a%20b~%C3%BC".into(), "a b~ü %zz".into())
        );
    }

    #[test]
    fn a_signature_depends_on_method_secret_and_time() {
        let signed = |sha1: bool, secret: &str, seconds: i64| {
            let consumer = Consumer { key: "key".into(), secret: Secret::new(secret), sha1 };
            consumer
                .header("https://sis.example.org/users?limit=2", seconds, "n")
                .reveal()
                .to_owned()
        };
        let one = signed(false, "secret", 1_780_000_000);
        assert!(
            one.starts_with("OAuth oauth_consumer_key=\"key\", ") && one.contains("HMAC-SHA256"),
            "{one}"
        );
        assert_eq!(one, signed(false, "secret", 1_780_000_000));
        for other in [
            signed(true, "secret", 1_780_000_000),
            signed(false, "other", 1_780_000_000),
            signed(false, "secret", 1),
        ] {
            assert_ne!(one, other);
        }
    }
}
