//! Reads the district from an event's body, and ignores everything else in it.

use serde::Deserialize;

/// The longest body, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;

#[derive(Deserialize)]
struct Body {
    district: Box<str>,
}

/// A district's id at Clever: 24 hexadecimal digits, and so no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CleverDistrict(Box<str>);

impl CleverDistrict {
    /// Reads the district from a body. Returns `None` if the body is not a JSON object with exactly
    /// one valid district id.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        // Serde also accepts an array with one string for a struct with one field.
        let object = Some(body).filter(|body| body.trim_ascii_start().starts_with(b"{"))?;
        let body: Body = serde_json::from_slice(object).ok()?;
        let is_id = body.district.len() == 24
            && body.district.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then_some(Self(body.district))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_district_is_read() {
        let district = |body: &str| {
            CleverDistrict::of(body.as_bytes()).map(|district| district.as_str().to_owned())
        };
        let id = "58da8a43cc70ab00017a1a87";
        assert_eq!(
            district(&format!(
                r#"{{"type": "x", "district": "{id}", "token": "t", "url": "http://example.org"}}"#
            )),
            Some(id.into())
        );
        for body in [
            String::new(),
            "district".into(),
            "{}".into(),
            format!(r#"["{id}"]"#),
            format!(r#"{{"district": ["{id}"]}}"#),
            format!(r#"{{"district": "{}"}}"#, id.to_uppercase()),
            format!(r#"{{"district": "{id}0"}}"#),
            format!(r#"{{"district": "../{}"}}"#, &id[3..]),
            format!(r#"{{"district": "{id}", "district": "{id}"}}"#),
            format!(r#"{{"district": "{id}"}} "#).replace("} ", "} {}"),
            "[".repeat(60_000),
        ] {
            assert_eq!(district(&body), None, "{}", &body[..body.len().min(80)]);
        }
    }
}
