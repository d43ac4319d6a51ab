//! Bytes that are stored for the duration of an invocation and read several times.
//!
//! # Why this is not simply a vector
//!
//! Memory must not grow with the district. A small spool stays in memory. A larger one is written
//! to an unnamed temporary file, which the operating system deletes at the end of the process.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use memchr::memchr;

use crate::MirrorError;

/// The maximum number of bytes of a spool in memory. A run has at most about 140 spools open.
const IN_MEMORY: usize = 256 * 1024;

/// Writes a spool.
#[derive(Debug, Default)]
pub struct SpoolWriter {
    memory: Vec<u8>,
    file: Option<File>,
    written: u64,
}

impl SpoolWriter {
    /// Returns the written bytes, for reading.
    pub fn finish(mut self) -> Result<Spool, MirrorError> {
        if self.file.is_some() {
            self.spill().map_err(|e| MirrorError::local("write a temporary file", e))?;
        }
        Ok(Spool(Arc::new(match self.file {
            Some(file) => Kept::File { file, length: self.written },
            None => Kept::Memory(self.memory),
        })))
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.memory)?;
        self.memory.clear();
        Ok(())
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        if self.memory.len() + bytes.len() <= IN_MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        self.spill()?;
        match &mut self.file {
            // A long text is written directly, without a copy in memory.
            Some(file) if bytes.len() > IN_MEMORY => file.write_all(bytes)?,
            _ => self.memory.extend_from_slice(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
enum Kept {
    Memory(Vec<u8>),
    File { file: File, length: u64 },
}

/// Bytes that can be read repeatedly.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Kept>);

impl Spool {
    /// An empty spool.
    pub fn empty() -> Self {
        Self(Arc::new(Kept::Memory(Vec::new())))
    }

    /// Returns a reader from the first byte.
    pub fn reader(&self) -> SpoolReader {
        SpoolReader { kept: Arc::clone(&self.0), at: 0 }
    }

    /// Fills a buffer, starting at a position.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        SpoolReader { kept: Arc::clone(&self.0), at }.read_exact(buffer)
    }

    /// Returns true if the spool has no bytes.
    pub fn is_empty(&self) -> bool {
        match &*self.0 {
            Kept::Memory(bytes) => bytes.is_empty(),
            Kept::File { length, .. } => *length == 0,
        }
    }
}

/// Reads a spool.
#[derive(Debug)]
pub struct SpoolReader {
    kept: Arc<Kept>,
    at: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &*self.kept {
            Kept::Memory(bytes) => {
                let rest = bytes.get(self.at as usize..).unwrap_or_default();
                let take = rest.len().min(buffer.len());
                buffer[..take].copy_from_slice(&rest[..take]);
                take
            }
            Kept::File { file, .. } => file.read_at(buffer, self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// The zstd level of everything that is stored or spooled. For a district's records (155 MB), level
/// 1 gives 43 MB at 330 MB/s and decompresses at 1,220 MB/s; level -1 gives 68 MB at 460 and 1,450
/// MB/s; this level gives 74 MB at 640 and 1,830 MB/s. Time matters more than size.
pub(crate) const LEVEL: i32 = -5;

/// The number of bytes of text that are decompressed at once.
const UNPACKED: usize = 256 * 1024;

/// Lines of a zstd-compressed text. All lines use one buffer.
pub struct Lines<'a> {
    decoder: zstd::Decoder<'a, BufReader<Box<dyn Read + Send + 'a>>>,
    /// Text. The part between `at` and `end` has not been returned yet.
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    doing: &'static str,
}

impl<'a> Lines<'a> {
    /// Returns the lines of a reader. `doing` names the operation in errors.
    pub fn new(
        compressed: impl Read + Send + 'a,
        doing: &'static str,
    ) -> Result<Self, MirrorError> {
        let compressed: Box<dyn Read + Send + 'a> = Box::new(compressed);
        let decoder = zstd::Decoder::new(compressed).map_err(|e| MirrorError::from_io(doing, e))?;
        Ok(Self { decoder, buffer: Vec::new(), at: 0, end: 0, doing })
    }

    /// Returns the next line without its end, or `None` after the last.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, MirrorError> {
        let mut looked_at = self.at;
        loop {
            if let Some(length) = memchr(b'\n', &self.buffer[looked_at..self.end]) {
                let (begin, end) = (self.at, looked_at + length);
                self.at = end + 1;
                return Ok(Some(&self.buffer[begin..end]));
            }
            looked_at = self.end - self.at;
            if !self.unpack()? {
                if looked_at > 0 {
                    return Err(MirrorError::corrupt("a file of lines", "it ends within a line"));
                }
                return Ok(None);
            }
        }
    }

    /// Moves the remaining text to the front and reads more. Returns false at the end.
    fn unpack(&mut self) -> Result<bool, MirrorError> {
        self.buffer.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        if self.buffer.len() - self.end < UNPACKED / 2 {
            self.buffer.resize(self.buffer.len() + UNPACKED, 0);
        }
        let read = self
            .decoder
            .read(&mut self.buffer[self.end..])
            .map_err(|e| MirrorError::from_io(self.doing, e))?;
        self.end += read;
        Ok(read > 0)
    }
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_spools_can_be_read_twice() {
        for size in [0, 10, IN_MEMORY * 3 + 7] {
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let mut writer = SpoolWriter::default();
            for chunk in bytes.chunks(10_007) {
                writer.write_all(chunk).unwrap();
            }
            let spool = writer.finish().unwrap();
            for _ in 0..2 {
                let mut read = Vec::new();
                spool.reader().read_to_end(&mut read).unwrap();
                assert!(read == bytes, "{size}");
            }
        }
    }

    #[test]
    fn a_truncated_text_is_an_error() {
        let whole = zstd::encode_all(&b"{}\n{}\n"[..], LEVEL).unwrap();
        let mut lines = Lines::new(&whole[..], "read").unwrap();
        assert!(lines.next_line().unwrap().is_some() && lines.next_line().unwrap().is_some());
        assert!(lines.next_line().unwrap().is_none());

        let cut = zstd::encode_all(&b"{}\n{"[..], LEVEL).unwrap();
        let mut lines = Lines::new(&cut[..], "read").unwrap();
        lines.next_line().unwrap();
        assert!(lines.next_line().is_err());
        let mut lines = Lines::new(&whole[..whole.len() - 3], "read").unwrap();
        assert!((0..3).any(|_| lines.next_line().is_err()));
    }
}
