//! Splits the text of a file into rows and cells (RFC 4180, read kindly).
//!
//! A splitter of our own, because what is wrong with a file has to be told by line, and because a
//! quote that does not end must never swallow records silently.

use std::io;

use encoding_rs::Encoding;

use super::feed::Source;

/// A row longer than this is no row: a quote does not end, or the file is no text.
const LONGEST_ROW: usize = 4 << 20;

const UNQUOTED: [bool; 256] = stops(b",\n\r\"");
const QUOTED: [bool; 256] = stops(b"\n\r\"");

const fn stops(at: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut i = 0;
    while i < at.len() {
        table[at[i] as usize] = true;
        i += 1;
    }
    table
}

/// A cell's place in the row's text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    start: u32,
    end: u32,
}

/// What is odd about a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Oddities {
    /// A quoted cell holds a line break.
    pub(super) line_break: bool,
    /// Text follows a closing quote.
    pub(super) stray_quote: bool,
    /// The place of the first cell with a stray quote or a line break.
    pub(super) from_cell: usize,
    /// An unquoted cell holds a quote.
    pub(super) quote_inside: bool,
    /// The row holds NUL bytes.
    pub(super) nul: bool,
    /// The row is not UTF-8 and was read in the fallback encoding.
    pub(super) fallback: bool,
    /// The row was a server's object: this cell held something that cannot be read.
    /// [`Oddities::NO_OBJECT`]: it was no object at all.
    pub(super) misread: Option<u16>,
}

impl Oddities {
    /// See [`Oddities::misread`].
    pub(super) const NO_OBJECT: u16 = u16::MAX;
}

/// What came next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A row; see [`Rows::cells`].
    Row,
    /// The end of the file.
    End,
    /// A quote does not end; it may have begun on this line.
    Unclosed(u32),
    /// A row of more than 4 MB begins on this line.
    TooLong(u32),
    /// The row on this line is not UTF-8, and there is no fallback.
    NotUtf8(u32),
}

/// The rows of a file.
pub(super) struct Rows<'p> {
    source: Source<'p>,
    buffer: Vec<u8>,
    at: usize,
    done: bool,
    fallback: Option<&'static Encoding>,
    raw: Vec<(Cell, bool)>,
    /// The row's text; doubled quotes are resolved behind it.
    text: String,
    cells: Vec<Cell>,
    /// The line on which the row begins.
    pub(super) line: u32,
    next_line: u32,
    pub(super) oddities: Oddities,
    /// Lines that end in a carriage return alone were met.
    pub(super) bare_returns: bool,
    odd_quotes: bool,
    swallowing: Option<u32>,
}

enum Scan {
    Row { end: usize, next: usize, lines: u32 },
    Incomplete { quoted: bool },
}

impl<'p> Rows<'p> {
    pub(super) fn new(source: Source<'p>, fallback: Option<&'static Encoding>) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            at: 0,
            done: false,
            fallback,
            raw: Vec::new(),
            text: String::new(),
            cells: Vec::new(),
            line: 0,
            next_line: 1,
            oddities: Oddities::default(),
            bare_returns: false,
            odd_quotes: false,
            swallowing: None,
        }
    }

    pub(super) fn source(&self) -> &Source<'p> {
        &self.source
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Goes to the next row that is not an empty line.
    pub(super) fn advance(&mut self) -> io::Result<Next> {
        loop {
            self.oddities = Oddities::default();
            match self.scan() {
                Scan::Row { end, next, lines } => {
                    let start = self.at;
                    self.line = self.next_line;
                    self.next_line = self.next_line.saturating_add(lines);
                    self.at = next;
                    if start == end {
                        if next == self.buffer.len() && self.done && start == next {
                            return Ok(self.end());
                        }
                        continue;
                    }
                    if self.oddities.stray_quote && self.oddities.line_break {
                        self.swallowing.get_or_insert(self.line);
                    }
                    return Ok(if self.take(start, end) {
                        Next::Row
                    } else {
                        Next::NotUtf8(self.line)
                    });
                }
                Scan::Incomplete { quoted } => {
                    let long = self.buffer.len() - self.at > LONGEST_ROW;
                    if quoted && (self.done || long) {
                        return Ok(Next::Unclosed(self.swallowing.unwrap_or(self.next_line)));
                    }
                    if long {
                        return Ok(Next::TooLong(self.next_line));
                    }
                    self.fill()?;
                }
            }
        }
    }

    /// An odd number of quotes, and a row in which they went wrong across lines: a quote was opened
    /// and not closed there.
    fn end(&self) -> Next {
        match self.swallowing {
            Some(line) if self.odd_quotes => Next::Unclosed(line),
            _ => Next::End,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.done = !self.source.fill(&mut self.buffer)?;
        Ok(())
    }

    fn scan(&mut self) -> Scan {
        let bytes = &self.buffer[..];
        let start = self.at;
        let mut at = start;
        let mut lines = 0;
        let mut toggles = false;
        self.raw.clear();
        loop {
            // At the beginning of a cell.
            let mut escaped = false;
            let begin;
            let mut end;
            if bytes.get(at) == Some(&b'"') {
                at += 1;
                begin = at;
                loop {
                    while at < bytes.len() && !QUOTED[usize::from(bytes[at])] {
                        at += 1;
                    }
                    match bytes.get(at) {
                        None => return Scan::Incomplete { quoted: true },
                        Some(b'"') => match bytes.get(at + 1) {
                            Some(b'"') => {
                                escaped = true;
                                at += 2;
                            }
                            None if !self.done => return Scan::Incomplete { quoted: false },
                            _ => break,
                        },
                        Some(&c) => {
                            if !self.oddities.line_break && !self.oddities.stray_quote {
                                self.oddities.from_cell = self.raw.len();
                            }
                            self.oddities.line_break = true;
                            // A carriage return and a line feed together are one line end.
                            lines += u32::from(c == b'\n' || bytes.get(at + 1) != Some(&b'\n'));
                            at += 1;
                        }
                    }
                }
                end = at;
                at += 1;
                let closed = at;
                while at < bytes.len() && !matches!(bytes[at], b',' | b'\n' | b'\r') {
                    toggles ^= bytes[at] == b'"';
                    at += 1;
                }
                if bytes[closed..at].iter().any(|&c| c != b' ' && c != b'\t') {
                    if !self.oddities.line_break && !self.oddities.stray_quote {
                        self.oddities.from_cell = self.raw.len();
                    }
                    self.oddities.stray_quote = true;
                    end = at;
                }
            } else {
                begin = at;
                while at < bytes.len() {
                    let c = bytes[at];
                    if UNQUOTED[usize::from(c)] {
                        if c != b'"' {
                            break;
                        }
                        toggles = !toggles;
                        self.oddities.quote_inside = true;
                    }
                    at += 1;
                }
                end = at;
            }
            self.raw
                .push((Cell { start: (begin - start) as u32, end: (end - start) as u32 }, escaped));
            match bytes.get(at) {
                Some(b',') => at += 1,
                Some(b'\n') => {
                    self.odd_quotes ^= toggles;
                    return Scan::Row { end: at, next: at + 1, lines: lines + 1 };
                }
                Some(_) => {
                    let next = match bytes.get(at + 1) {
                        Some(b'\n') => at + 2,
                        None if !self.done => return Scan::Incomplete { quoted: false },
                        _ => {
                            self.bare_returns = true;
                            at + 1
                        }
                    };
                    self.odd_quotes ^= toggles;
                    return Scan::Row { end: at, next, lines: lines + 1 };
                }
                None if self.done => {
                    self.odd_quotes ^= toggles;
                    return Scan::Row { end: at, next: at, lines: lines + 1 };
                }
                None => return Scan::Incomplete { quoted: false },
            }
        }
    }

    /// Makes the row's text; false where it is not UTF-8 and nothing says how to read it.
    fn take(&mut self, start: usize, end: usize) -> bool {
        let row = &self.buffer[start..end];
        self.text.clear();
        self.cells.clear();
        self.oddities.nul = memchr::memchr(0, row).is_some();
        match (std::str::from_utf8(row), self.fallback) {
            (Ok(text), _) => {
                self.text.push_str(text);
                for &(cell, escaped) in &self.raw {
                    self.cells.push(if escaped {
                        unescape(&text[cell.start as usize..cell.end as usize], &mut self.text)
                    } else {
                        cell
                    });
                }
                true
            }
            (Err(_), Some(encoding)) => {
                self.oddities.fallback = true;
                for &(cell, escaped) in &self.raw {
                    let (text, _) = encoding
                        .decode_without_bom_handling(&row[cell.start as usize..cell.end as usize]);
                    let begin = self.text.len() as u32;
                    self.cells.push(if escaped {
                        unescape(&text, &mut self.text)
                    } else {
                        self.text.push_str(&text);
                        Cell { start: begin, end: self.text.len() as u32 }
                    });
                }
                true
            }
            (Err(_), None) => false,
        }
    }
}

fn unescape(text: &str, into: &mut String) -> Cell {
    let start = into.len() as u32;
    let mut rest = text;
    while let Some(at) = rest.find("\"\"") {
        into.push_str(&rest[..=at]);
        rest = &rest[at + 2..];
    }
    into.push_str(rest);
    Cell { start, end: into.len() as u32 }
}

impl Cell {
    /// The cell between two places of the row's text.
    pub(super) fn between(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(super) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}
