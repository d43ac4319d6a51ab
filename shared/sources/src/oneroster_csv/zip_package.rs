//! A zip file, read through its central directory.
//!
//! The sizes that the zip declares are not trusted: bytes and ratios are counted while unpacking.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use roster::finding::source as codes;
use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::containers;
use super::diagnostics::quoted;
use super::package::{Package, PackagedFile, Refusal};

/// Limits on a zip file. The defaults leave room for the largest district: a million students are
/// about 1.5 GB of text, packed 15 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of members, folders included.
    pub members: usize,
    /// Maximum number of unpacked bytes of all files together.
    pub unpacked: u64,
    /// Maximum number of unpacked bytes per packed byte, checked once [`Limits::RATIO_FROM`] bytes
    /// are unpacked. Rosters pack 5 to 30 to 1, zip bombs 1,000 to 1.
    pub ratio: u64,
}

impl Limits {
    /// Unpacked bytes of one member up to which its ratio is not checked.
    pub const RATIO_FROM: u64 = 1 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self { members: 1_000, unpacked: 8 << 30, ratio: 200 }
    }
}

/// A zip file as a package.
pub struct ZipPackage<R> {
    archive: ZipArchive<Watched<R>>,
    files: Vec<PackagedFile>,
    /// Index in the archive of each file. Folders are members of the archive too.
    members: Vec<usize>,
    limits: Limits,
    unpacked: u64,
    failed: Arc<AtomicBool>,
}

/// Records whether reading failed, so that a lost connection is not reported as a damaged zip.
struct Watched<R> {
    inner: R,
    failed: Arc<AtomicBool>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf);
        if read.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::Interrupted) {
            self.failed.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<R: Seek> Seek for Watched<R> {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        // Not recorded: a seek to before the start is the zip's fault, and network readers fail on
        // read.
        self.inner.seek(pos)
    }
}

/// Why a zip could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The zip is bad. The report says why.
    #[error("the zip file was rejected")]
    Refused(#[source] Refusal),
    /// Reading failed; a retry may succeed.
    #[error("the zip file could not be read")]
    Read(#[source] io::Error),
}

impl<R: Read + Seek + Send> ZipPackage<R> {
    /// Reads the central directory and runs the checks that need no unpacking (check 1).
    pub fn open(reader: R, limits: &Limits) -> Result<Self, OpenError> {
        let failed = Arc::new(AtomicBool::new(false));
        let mut reader = Watched { inner: reader, failed: failed.clone() };
        let bad = |error: ZipError| open_error(error, &failed);
        refuse_too_many(&mut reader, limits).map_err(|e| bad(ZipError::Io(e)))?;
        let looks = containers::describe(&mut reader).map_err(|e| bad(ZipError::Io(e)))?;
        let archive = ZipArchive::new(reader)
            .map_err(|error| not_a_zip(open_error(error, &failed), looks))?;
        let refuse = |refusal: Refusal| Err(OpenError::Refused(refusal));
        if archive.has_duplicate_names() {
            return refuse(Refusal::new(
                &codes::ZIP_DUPLICATE_MEMBER,
                "the zip file contains two files with the same name",
            ));
        }
        if archive.len() > limits.members {
            return refuse(too_many(archive.len(), limits));
        }
        let (mut files, mut members) = (Vec::new(), Vec::new());
        for index in 0..archive.len() {
            let entry = archive.by_index_data(index).map_err(bad)?;
            let raw = entry.name_raw();
            let name = String::from_utf8_lossy(raw).into_owned();
            if is_traversal(&name) {
                return refuse(Refusal::new(
                    &codes::ZIP_PATH,
                    "a file in the zip has a path that leads out of the zip",
                ));
            }
            if entry.is_dir() {
                continue;
            }
            if entry.encrypted() {
                return refuse(
                    Refusal::new(&codes::ZIP_ENCRYPTED, "the zip file is protected by a password")
                        .in_file(&name),
                );
            }
            if !matches!(
                entry.compression(),
                CompressionMethod::Stored | CompressionMethod::Deflated
            ) {
                let what = format!(
                    "{} in the zip is compressed with the method {}, which is not supported",
                    quoted(&name),
                    entry.compression()
                );
                return refuse(Refusal::new(&codes::ZIP_COMPRESSION, what).in_file(&name));
            }
            if entry.is_symlink() {
                return refuse(
                    Refusal::new(
                        &codes::ZIP_PATH,
                        "an entry of the zip file is a link, not a file",
                    )
                    .in_file(&name),
                );
            }
            if entry.size() > limits.unpacked {
                return refuse(too_large(limits).in_file(&name));
            }
            files.push(PackagedFile { name, size: entry.size() });
            members.push(index);
        }
        if files.is_empty() {
            return refuse(Refusal::new(&codes::ZIP_EMPTY, "the zip file contains no files"));
        }
        Ok(Self { archive, files, members, limits: *limits, unpacked: 0, failed })
    }
}

fn too_many(count: usize, limits: &Limits) -> Refusal {
    Refusal::new(
        &codes::ZIP_TOO_LARGE,
        format!("the zip file contains {count} entries, more than the limit of {}", limits.members),
    )
}

fn too_large(limits: &Limits) -> Refusal {
    Refusal::new(
        &codes::ZIP_TOO_LARGE,
        format!("the zip file unpacks to more than {} MB", limits.unpacked >> 20),
    )
}

/// Checks the count in the end record before the directory is read, because reading the directory
/// takes memory for each member.
fn refuse_too_many<R: Read + Seek>(reader: &mut R, limits: &Limits) -> io::Result<()> {
    let length = reader.seek(SeekFrom::End(0))?;
    let tail = length.min(22 + 65_535);
    reader.seek(SeekFrom::Start(length - tail))?;
    let mut bytes = Vec::new();
    reader.take(tail).read_to_end(&mut bytes)?;
    if let Some(at) = memchr::memmem::rfind(&bytes, b"PK\x05\x06")
        && let Some(&[low, high]) = bytes.get(at + 10..at + 12)
    {
        let count = usize::from(u16::from_le_bytes([low, high]));
        if count > limits.members {
            return Err(too_many(count, limits).into_io());
        }
    }
    Ok(())
}

fn is_traversal(name: &str) -> bool {
    name.starts_with(['/', '\\'])
        || name.contains('\0')
        || name.as_bytes().get(1) == Some(&b':')
        || name.split(['/', '\\']).any(|part| part == "..")
}

/// Says what an upload is that cannot be opened, if its first bytes show it.
fn not_a_zip(error: OpenError, looks: Option<&'static str>) -> OpenError {
    match (error, looks) {
        (OpenError::Refused(refusal), Some(what))
            if refusal.0.code == codes::ZIP_UNREADABLE.name =>
        {
            OpenError::Refused(Refusal::new(&codes::ZIP_UNREADABLE, what))
        }
        (error, _) => error,
    }
}

fn open_error(error: ZipError, failed: &AtomicBool) -> OpenError {
    match as_io(error, failed) {
        Ok(refusal) => OpenError::Refused(refusal),
        Err(error) => OpenError::Read(error),
    }
}

/// Separates a bad zip from a failed read.
fn as_io(error: ZipError, failed: &AtomicBool) -> Result<Refusal, io::Error> {
    let what = match error {
        ZipError::Io(error) => match Refusal::out_of(error) {
            Ok(refusal) => return Ok(refusal),
            Err(error) if failed.load(Ordering::Relaxed) => return Err(error),
            Err(_) => "the zip file is incomplete or damaged",
        },
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            return Ok(Refusal::new(
                &codes::ZIP_ENCRYPTED,
                "the zip file is protected by a password",
            ));
        }
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            "the zip file uses a compression that is not supported (only stored and deflate are)"
        }
        _ => "the upload is not a zip file, or it is incomplete",
    };
    Ok(Refusal::new(&codes::ZIP_UNREADABLE, what))
}

impl<R: Read + Seek + Send> Package for ZipPackage<R> {
    fn files(&self) -> &[PackagedFile] {
        &self.files
    }

    fn open(&mut self, index: usize) -> io::Result<Box<dyn Read + '_>> {
        let name = self.files.get(index).ok_or(io::ErrorKind::NotFound)?.name.as_str();
        let failed = &*self.failed;
        let member = self.archive.by_index(self.members[index]).map_err(|e| {
            as_io(e, failed).map_or_else(|e| e, |refusal| refusal.in_file(name).into_io())
        })?;
        Ok(Box::new(Unpacking {
            packed: member.compressed_size(),
            declared: member.size(),
            member,
            name,
            unpacked: 0,
            total: &mut self.unpacked,
            limits: self.limits,
            failed,
        }))
    }
}

/// Counts the bytes that a member unpacks to.
struct Unpacking<'a, R> {
    member: R,
    name: &'a str,
    packed: u64,
    /// Unpacked size in the zip's directory.
    declared: u64,
    unpacked: u64,
    total: &'a mut u64,
    limits: Limits,
    failed: &'a AtomicBool,
}

/// The text of the zip crate's error for a checksum that does not match, which it compares at the
/// end of a member. Other errors have the same kind.
const BAD_CHECKSUM: &str = "Invalid checksum";

impl<R> Unpacking<'_, R> {
    /// The member ended before its declared size.
    fn cut_off(&self) -> io::Error {
        let what = format!(
            "{} in the zip is shorter than the zip says ({} of {} bytes)",
            quoted(self.name),
            self.unpacked,
            self.declared
        );
        Refusal::new(&codes::FILE_CUT_OFF, what).in_file(self.name).into_io()
    }
}

impl<R: Read> Read for Unpacking<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // Never past the declared size in one read, so that a checksum that does not match is found
        // at the end of the data, apart from a member that is too long.
        let rest = self.declared.saturating_sub(self.unpacked);
        let room = if rest > 0 {
            buf.len().min(usize::try_from(rest).unwrap_or(usize::MAX))
        } else {
            buf.len()
        };
        let read = match self.member.read(&mut buf[..room]) {
            Ok(0) if rest > 0 && room > 0 => return Err(self.cut_off()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error)
                if rest > 0
                    && error.to_string() == BAD_CHECKSUM
                    && !self.failed.load(Ordering::Relaxed) =>
            {
                return Err(self.cut_off());
            }
            Err(error) => {
                return Err(as_io(ZipError::Io(error), self.failed)
                    .map_or_else(|e| e, |refusal| refusal.in_file(self.name).into_io()));
            }
        };
        self.unpacked += read as u64;
        *self.total += read as u64;
        if *self.total > self.limits.unpacked {
            return Err(too_large(&self.limits).in_file(self.name).into_io());
        }
        if self.unpacked > Limits::RATIO_FROM
            && self.unpacked / self.packed.max(1) > self.limits.ratio
        {
            let what =
                format!("a file unpacks to more than {} times its packed size", self.limits.ratio);
            return Err(Refusal::new(&codes::ZIP_TOO_LARGE, what).in_file(self.name).into_io());
        }
        Ok(read)
    }
}
