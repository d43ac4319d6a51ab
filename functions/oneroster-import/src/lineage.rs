//! The uploads that a snapshot is made from.
//!
//! A delta set is read over the last bulk set and the deltas since, in the order of their times. A
//! late upload is inserted by its time. Uploads before the last bulk set are dropped.

use mirror::files::snapshot::{LineageLink, UploadLineage};
use roster::snapshot::Upload;

/// Inserts an upload into a lineage. Returns `None` if a newer bulk set supersedes the upload.
pub(crate) fn with(
    lineage: Option<UploadLineage>,
    upload: &Upload,
    whole: bool,
) -> Option<UploadLineage> {
    let mut links = lineage.map(|lineage| lineage.links).unwrap_or_default();
    links.retain(|link| !is_same(&link.upload, upload));
    links.push(LineageLink { upload: upload.clone(), whole });
    links.sort_by(|a, b| (a.upload.at, &a.upload.key).cmp(&(b.upload.at, &b.upload.key)));
    let last_whole = links.iter().rposition(|link| link.whole).unwrap_or(0);
    links.drain(..last_whole);
    links.iter().any(|link| is_same(&link.upload, upload)).then_some(UploadLineage { links })
}

/// Whether the lineage already has a bulk set that is newer than the upload.
pub(crate) fn is_superseded(lineage: Option<&UploadLineage>, upload: &Upload) -> bool {
    let newer = |link: &LineageLink| {
        link.whole
            && !is_same(&link.upload, upload)
            && (link.upload.at, &link.upload.key) > (upload.at, &upload.key)
    };
    lineage.is_some_and(|lineage| lineage.links.iter().any(newer))
}

fn is_same(a: &Upload, b: &Upload) -> bool {
    (&a.bucket, &a.key, &a.etag, &a.version, a.at) == (&b.bucket, &b.key, &b.etag, &b.version, b.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn upload(at: i64) -> Upload {
        let at = Timestamp::from_second(at).unwrap();
        Upload {
            bucket: "inbox".into(),
            key: "a.zip".into(),
            etag: "e".into(),
            version: None,
            at,
            files: vec![],
        }
    }

    fn lineage(links: &[(i64, bool)]) -> UploadLineage {
        UploadLineage {
            links: links
                .iter()
                .map(|(at, whole)| LineageLink { upload: upload(*at), whole: *whole })
                .collect(),
        }
    }

    #[test]
    fn uploads_are_ordered_by_time() {
        let check = |before: &[(i64, bool)], new: (i64, bool), after: Option<&[(i64, bool)]>| {
            let before = (!before.is_empty()).then(|| lineage(before));
            assert_eq!(with(before.clone(), &upload(new.0), new.1), after.map(lineage), "{new:?}");
            assert_eq!(is_superseded(before.as_ref(), &upload(new.0)), after.is_none(), "{new:?}");
        };
        check(&[], (1, true), Some(&[(1, true)]));
        check(&[], (1, false), Some(&[(1, false)]));
        check(&[(1, true), (2, false)], (3, false), Some(&[(1, true), (2, false), (3, false)]));
        // A late delta.
        check(&[(1, true), (3, false)], (2, false), Some(&[(1, true), (2, false), (3, false)]));
        // A bulk set replaces all uploads before it, late or not; deltas after it stay.
        check(&[(1, true), (2, false)], (3, true), Some(&[(3, true)]));
        check(&[(1, true), (3, false)], (2, true), Some(&[(2, true), (3, false)]));
        // Older than the bulk set: superseded.
        check(&[(2, true)], (1, true), None);
        check(&[(2, true), (3, false)], (1, false), None);
        // The same upload again.
        check(&[(1, true), (2, false)], (2, false), Some(&[(1, true), (2, false)]));
    }
}
