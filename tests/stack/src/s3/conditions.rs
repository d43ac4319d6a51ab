//! The conditions of a request: `If-Match` and `If-None-Match`.

use s3s::dto::ETagCondition;
use s3s::{S3Result, s3_error};

use super::versions::Version;

pub(super) fn matches(condition: &ETagCondition, version: &Version) -> bool {
    condition.as_etag().is_none_or(|etag| etag.value() == version.etag)
}

/// Checks the conditions of a read.
pub(super) fn may_read(
    version: &Version,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if if_match.is_some_and(|condition| !matches(condition, version)) {
        return Err(s3_error!(PreconditionFailed, "the object has a different entity tag"));
    }
    if if_none_match.is_some_and(|condition| matches(condition, version)) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

/// Checks the conditions of a write. `current` is the current version of the object, if any.
pub(super) fn may_write(
    current: Option<&Version>,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    match (if_match, current) {
        (None, _) => (),
        (Some(_), None) => return Err(s3_error!(NoSuchKey)),
        (Some(condition), Some(version)) if !matches(condition, version) => {
            return Err(s3_error!(PreconditionFailed, "the object has a different entity tag"));
        }
        (Some(_), Some(_)) => (),
    }
    match (if_none_match, current) {
        (Some(condition), Some(version)) if matches(condition, version) => {
            Err(s3_error!(PreconditionFailed, "the object already exists"))
        }
        _ => Ok(()),
    }
}
