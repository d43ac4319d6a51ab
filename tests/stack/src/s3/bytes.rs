//! The bytes of objects: reading ranges, copying and removing files.

use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::Path;

use axum::body::Bytes;
use s3s::dto::StreamingBlob;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// Number of bytes that are read from a file at once.
const CHUNK: usize = 256 * 1024;

/// Streams a range of a file in chunks.
pub(super) async fn read_range(file: &Path, range: &Range<u64>) -> io::Result<StreamingBlob> {
    let mut file = tokio::fs::File::open(file).await?;
    file.seek(SeekFrom::Start(range.start)).await?;
    let left = range.end - range.start;
    let chunks = futures::stream::try_unfold((file, left), |(mut file, left)| async move {
        let mut chunk = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
        if chunk.is_empty() {
            return Ok::<_, io::Error>(None);
        }
        file.read_exact(&mut chunk).await?;
        let left = left - chunk.len() as u64;
        Ok(Some((Bytes::from(chunk), (file, left))))
    });
    Ok(StreamingBlob::wrap(chunks))
}

/// Replaces an object's file with a copy of a version's bytes. The old file is replaced, not
/// overwritten, because older versions are hard links to it.
pub(super) fn copy_file(data: &Path, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let same_file_system = data.parent().unwrap_or(Path::new("."));
    let copy = tempfile::NamedTempFile::new_in(same_file_system)?;
    std::fs::copy(data, copy.path())?;
    copy.persist(path)?;
    Ok(())
}

/// Removes an object's file, if there is one. Does not remove a folder at that path.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) =>
        {
            Ok(())
        }
        result => result,
    }
}
