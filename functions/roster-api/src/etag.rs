//! Optimistic concurrency: a change must name the version that it replaces (`If-Match`), so that no
//! change is overwritten unnoticed.

use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::problem::Problem;

/// Checks the headers of a change against the current version. `current` is `None` if the resource
/// does not exist yet.
///
/// # Errors
/// 412 if the caller has read another version; 428 if the resource exists and the request names no
/// version.
pub fn check(headers: &HeaderMap, current: Option<&str>) -> Result<(), Problem> {
    let must_not_exist =
        headers.get_all(IF_NONE_MATCH).iter().any(|value| value.as_bytes() == b"*");
    let mut named = headers
        .get_all(IF_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    match current {
        Some(_) if must_not_exist => Err(Problem::changed_meanwhile()),
        Some(version) if headers.contains_key(IF_MATCH) => {
            let is_current = |tag: &str| {
                tag == "*"
                    || tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(version)
            };
            if named.any(|tag| is_current(tag.trim())) {
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

/// Sets the ETag of a response to a version.
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
    fn only_the_version_that_was_read_can_be_changed() {
        let status = |lines: &[(&'static str, &'static str)], current| {
            check(&headers(lines), current).err().map(|p| p.status())
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
