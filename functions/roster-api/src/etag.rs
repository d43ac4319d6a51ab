//! Versions: who changes something names the version that they have read (`If-Match`), so that
//! nobody's change is lost unseen.

use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::problem::Problem;

/// Whether what is there may be changed or taken away. `there` is its version; none: there is
/// nothing yet.
///
/// # Errors
/// 412 where it is another version than the one that the caller has read, 428 where there is
/// something and no version was named.
pub fn check(headers: &HeaderMap, there: Option<&str>) -> Result<(), Problem> {
    let wants_none = headers.get_all(IF_NONE_MATCH).iter().any(|value| value.as_bytes() == b"*");
    let mut named = headers
        .get_all(IF_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    match there {
        Some(_) if wants_none => Err(Problem::changed_meanwhile()),
        Some(version) if headers.contains_key(IF_MATCH) => {
            let is_it = |tag: &str| {
                tag == "*"
                    || tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(version)
            };
            if named.any(|tag| is_it(tag.trim())) {
                Ok(())
            } else {
                Err(Problem::changed_meanwhile())
            }
        }
        Some(_) => Err(Problem::precondition_required()),
        None if headers.contains_key(IF_MATCH) => Err(Problem::changed_meanwhile()),
        None => Ok(()),
    }
}

/// Puts a version on an answer.
#[must_use]
pub fn with_version(mut response: Response, version: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_the_version_that_was_read_is_changed() {
        let status = |lines: &[(&'static str, &'static str)], there| {
            check(&headers(lines), there).err().map(|p| p.status())
        };
        assert_eq!(status(&[("if-match", "\"v1\"")], Some("v1")), None);
        assert_eq!(status(&[("if-match", "\"v0\", \"v1\"")], Some("v1")), None);
        assert_eq!(status(&[("if-match", "*")], Some("v1")), None);
        assert_eq!(
            status(&[("if-match", "\"v2\"")], Some("v1")),
            Some(StatusCode::PRECONDITION_FAILED)
        );
        assert_eq!(
            status(&[("if-match", "v1")], Some("v1")),
            Some(StatusCode::PRECONDITION_FAILED)
        );
        assert_eq!(status(&[], Some("v1")), Some(StatusCode::PRECONDITION_REQUIRED));
        assert_eq!(status(&[], None), None);
        assert_eq!(status(&[("if-match", "\"v1\"")], None), Some(StatusCode::PRECONDITION_FAILED));
        assert_eq!(status(&[("if-none-match", "*")], None), None);
        assert_eq!(
            status(&[("if-none-match", "*")], Some("v1")),
            Some(StatusCode::PRECONDITION_FAILED)
        );
    }
}
