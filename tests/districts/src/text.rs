//! The bytes of a file.

use std::io::{self, Read};

use csv::StringRecord;

use crate::Defect;
use crate::defect::editor::{Cells, Editor};
use crate::night::{Night, Rows};
use crate::rows::File;

/// Minimum number of bytes to prepare at once.
const CHUNK: usize = 64 * 1024;

/// Reads a file, whose bytes are generated on demand.
pub struct FileReader {
    rows: Rows,
    header: Option<Cells>,
    editor: Option<Editor>,
    quote_all: bool,
    line_end: &'static str,
    ended: bool,
    buffer: Vec<u8>,
    position: usize,
    edited: Vec<Cells>,
    plain: Vec<u8>,
    lines: u64,
}

impl Night {
    /// The bytes of a file, with the night's defects.
    pub fn read(&self, file: File) -> FileReader {
        let world = &self.moment.world;
        let editor = Editor::new(self, file);
        FileReader {
            rows: self.rows(file),
            header: Some(editor.as_ref().map_or_else(|| self.columns(file), Editor::header)),
            editor,
            quote_all: world.quote_all,
            line_end: world.line_end,
            ended: false,
            buffer: Vec::with_capacity(CHUNK * 2),
            position: 0,
            edited: Vec::new(),
            plain: Vec::new(),
            lines: 0,
        }
    }
}

impl FileReader {
    /// The next bytes, or an empty slice at the end.
    pub(crate) fn chunk(&mut self) -> &[u8] {
        self.refill();
        self.position = self.buffer.len();
        &self.buffer
    }

    fn refill(&mut self) {
        self.buffer.clear();
        self.position = 0;
        if let Some(header) = self.header.take() {
            self.buffer.extend_from_slice(self.editor.as_ref().map_or(b"", Editor::mark));
            self.edited.push(header);
            self.write_edited();
            self.ended = self.editor.as_ref().is_some_and(Editor::header_only);
            if self.ended {
                self.finish();
            }
        }
        while self.buffer.len() < CHUNK && !self.ended {
            match (self.rows.next_row(), &mut self.editor) {
                (Some(row), None) => {
                    line(row, b',', self.quote_all, self.line_end, &mut self.buffer)
                }
                (Some(row), Some(editor)) => {
                    editor.edit(row, &mut self.edited);
                    self.write_edited();
                }
                (None, editor) => {
                    if let Some(editor) = editor {
                        editor.end(&mut self.edited);
                        self.write_edited();
                    }
                    self.finish();
                }
            }
        }
    }

    /// Writes the current rows. With defects the line end is written before each line, because the
    /// last line may have none.
    fn write_edited(&mut self) {
        self.plain.clear();
        for row in self.edited.drain(..) {
            if let Some(editor) = &self.editor {
                if self.lines > 0 {
                    self.plain.extend_from_slice(self.line_end.as_bytes());
                }
                if editor.has(Defect::BlankLines) && self.lines % 10 == 1 {
                    self.plain.extend_from_slice(self.line_end.as_bytes());
                }
            }
            self.lines += 1;
            let end = if self.editor.is_some() { "" } else { self.line_end };
            let separator = self.editor.as_ref().map_or(b',', Editor::separator);
            line(&StringRecord::from(row), separator, self.quote_all, end, &mut self.plain);
        }
        match &self.editor {
            Some(editor) => editor.encode(&self.plain, &mut self.buffer),
            None => self.buffer.extend_from_slice(&self.plain),
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        if let Some(editor) = &self.editor {
            let ends = match (editor.ends_without_line_end(), editor.has(Defect::BlankLines)) {
                (true, _) => 0,
                (false, true) => 3,
                (false, false) => 1,
            };
            editor.encode(self.line_end.repeat(ends).as_bytes(), &mut self.buffer);
        }
    }
}

impl Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position == self.buffer.len() {
            self.refill();
        }
        let rest = &self.buffer[self.position..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

/// Appends a row as a line of CSV (RFC 4180, with any separator).
pub(crate) fn line(
    row: &StringRecord,
    separator: u8,
    quote_all: bool,
    line_end: &str,
    out: &mut Vec<u8>,
) {
    for (i, cell) in row.iter().enumerate() {
        if i > 0 {
            out.push(separator);
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
