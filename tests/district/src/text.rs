//! A table as the bytes of its file.

use std::io::{self, Read};

use csv::StringRecord;

use crate::night::{Night, Rows};
use crate::rows::File;

/// Bytes made ahead of the reader, at least.
const CHUNK: usize = 64 * 1024;

/// The bytes of one file, made while they are read.
pub struct FileReader {
    rows: Rows,
    quote_all: bool,
    line_end: &'static str,
    buffer: Vec<u8>,
    taken: usize,
}

impl Night {
    /// The bytes of a file.
    pub fn read(&self, file: File) -> FileReader {
        let world = &self.moment.world;
        let mut reader = FileReader {
            rows: self.rows(file),
            quote_all: world.quote_all,
            line_end: world.line_end,
            buffer: Vec::with_capacity(CHUNK * 2),
            taken: 0,
        };
        let header = StringRecord::from(self.columns(file));
        line(&header, reader.quote_all, reader.line_end, &mut reader.buffer);
        reader
    }
}

impl FileReader {
    /// The next bytes, or an empty slice at the end.
    pub(crate) fn chunk(&mut self) -> &[u8] {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        while self.buffer.len() < CHUNK {
            let Some(row) = self.rows.next_row() else { break };
            line(row, self.quote_all, self.line_end, &mut self.buffer);
        }
        self.taken = self.buffer.len();
        &self.buffer
    }
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        }
        while self.taken == 0 && self.buffer.len() < CHUNK {
            let Some(row) = self.rows.next_row() else { break };
            line(row, self.quote_all, self.line_end, &mut self.buffer);
        }
        let rest = &self.buffer[self.taken..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}

/// Appends a row as a line of CSV (RFC 4180).
pub(crate) fn line(row: &StringRecord, quote_all: bool, line_end: &str, out: &mut Vec<u8>) {
    for (i, cell) in row.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        if !quote_all && !cell.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
            out.extend_from_slice(cell.as_bytes());
            continue;
        }
        out.push(b'"');
        for byte in cell.bytes() {
            if byte == b'"' {
                out.push(b'"');
            }
            out.push(byte);
        }
        out.push(b'"');
    }
    out.extend_from_slice(line_end.as_bytes());
}
