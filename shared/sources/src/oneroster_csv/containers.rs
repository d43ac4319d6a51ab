//! Recognizes uploads that are something else than a zip of CSV files.

use std::io::{self, Read, Seek, SeekFrom};

use super::package::PackagedFile;

/// The number of bytes at the start of an upload that are checked. The signature of a tar file ends
/// at byte 262.
const LOOKED_AT: u64 = 512;

/// The first bytes of files that people upload instead of a zip, and what they are.
const SIGNATURES: [(&[u8], &str); 9] = [
    (b"\x1f\x8b", "the upload is a gzip file (.gz or .tar.gz), not a zip file"),
    (b"7z\xbc\xaf\x27\x1c", "the upload is a 7-Zip file (.7z), not a zip file"),
    (b"Rar!\x1a\x07", "the upload is a RAR file (.rar), not a zip file"),
    (b"BZh", "the upload is a bzip2 file (.bz2), not a zip file"),
    (b"\xfd7zXZ\x00", "the upload is an xz file (.xz), not a zip file"),
    (b"%PDF", "the upload is a PDF file, not a zip file"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "the upload is a spreadsheet or another Office document, not a zip file",
    ),
    (b"PK\x03\x04", "the zip file was cut off: its end is missing"),
    (b"PK\x05\x06", "the zip file is damaged"),
];

/// Describes what an upload is that cannot be opened as a zip, or `None` if its first bytes are not
/// known.
pub(super) fn describe<R: Read + Seek>(reader: &mut R) -> io::Result<Option<&'static str>> {
    let length = reader.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(Some("the upload is empty (0 bytes)"));
    }
    reader.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    reader.take(LOOKED_AT).read_to_end(&mut bytes)?;
    if let Some((_, text)) = SIGNATURES.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Ok(Some(text));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Ok(Some("the upload is a tar file (.tar), not a zip file"));
    }
    let text =
        String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').trim_start().to_lowercase();
    if text.starts_with("<!doctype html") || text.starts_with("<html") {
        return Ok(Some(
            "the upload is a web page, perhaps a sign-in page that was saved instead of the export",
        ));
    }
    let is_csv = text.lines().next().is_some_and(|line| line.contains("sourcedid"));
    Ok(is_csv.then_some("the upload is a single CSV file, not a zip file with all files"))
}

/// What a member of a zip is that holds no OneRoster file itself.
pub(super) fn nested(files: &[PackagedFile]) -> Option<(&str, &'static str)> {
    if files.iter().any(|file| file.name == "[Content_Types].xml") {
        return Some(("", "a workbook of a spreadsheet program"));
    }
    const KINDS: [(&[&str], &str); 3] = [
        (&["zip"], "another zip file"),
        (&["xlsx", "xlsm", "xls", "ods", "numbers"], "a workbook of a spreadsheet program"),
        (&["gz", "tgz", "7z", "rar", "tar", "bz2", "xz"], "another archive"),
    ];
    files.iter().find_map(|file| {
        let (_, ending) = file.name.rsplit_once('.')?;
        let is_of = |endings: &&[&str]| endings.iter().any(|e| ending.eq_ignore_ascii_case(e));
        let (_, what) = KINDS.iter().find(|(endings, _)| is_of(endings))?;
        Some((file.name.as_str(), *what))
    })
}
