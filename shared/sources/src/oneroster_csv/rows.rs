//! Splits the text of a file into rows and cells (RFC 4180, with tolerance).
//!
//! # Why this is not simply the `csv` crate
//!
//! Defects must be reported with their line, and an unclosed quote must never swallow records
//! without a finding: a CSV reader that accepts such a file silently reads the following rows as
//! one cell. This splitter records what is odd about each row ([`Oddities`]). Cells are positions
//! in the row's text, not strings, so a row needs no allocation. There is no measurement of this
//! splitter against the crate.

use std::io;

use encoding_rs::Encoding;

use super::feed::Source;

/// Longest row in bytes. Beyond it a quote is not closed, or the file is not text.
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

/// Position of a cell in the row's text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    start: u32,
    end: u32,
}

/// Irregularities of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Oddities {
    /// A quoted cell holds a line break.
    pub(super) line_break: bool,
    /// Text follows a closing quote.
    pub(super) stray_quote: bool,
    /// Index of the first cell with a stray quote or a line break.
    pub(super) from_cell: usize,
    /// An unquoted cell holds a quote.
    pub(super) quote_inside: bool,
    /// The row holds NUL bytes.
    pub(super) nul: bool,
    /// The file ends with the row, without a line end.
    pub(super) unended: bool,
    /// The row is not UTF-8 and was read in the fallback encoding.
    pub(super) fallback: bool,
    /// For a row made from a server's object: index of a cell whose value cannot be read, or
    /// [`Oddities::NO_OBJECT`] if it was not an object.
    pub(super) misread: Option<u16>,
    /// The same for the first cell whose value is optional and was left blank.
    pub(super) misread_optional: Option<u16>,
}

impl Oddities {
    /// See [`Oddities::misread`].
    pub(super) const NO_OBJECT: u16 = u16::MAX;
}

/// The next item of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A row; see [`Rows::cells`].
    Row,
    /// The end of the file.
    End,
    /// An unclosed quote, which may have begun on this line.
    Unclosed(u32),
    /// The file ends inside a quoted cell of the row on this line.
    CutOff(u32),
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
    /// The row's text, followed by the cells whose doubled quotes were resolved.
    text: String,
    cells: Vec<Cell>,
    /// The line on which the row begins.
    pub(super) line: u32,
    next_line: u32,
    pub(super) oddities: Oddities,
    /// Whether some line ends in a carriage return alone.
    pub(super) bare_returns: bool,
    odd_quotes: bool,
    swallowing: Option<u32>,
}

enum Scan {
    Row { end: usize, next: usize, lines: u32 },
    Incomplete { open: Open },
}

/// What is open at the end of the buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// A row.
    Row,
    /// A quoted cell without a line break.
    Cell,
    /// A quoted cell that runs over line ends. It may have swallowed rows.
    Lines,
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

    /// Moves to the next row that is not an empty line.
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
                    self.oddities.unended = next == end;
                    if self.oddities.stray_quote && self.oddities.line_break {
                        self.swallowing.get_or_insert(self.line);
                    }
                    return Ok(if self.take(start, end) {
                        Next::Row
                    } else {
                        Next::NotUtf8(self.line)
                    });
                }
                Scan::Incomplete { open } => {
                    let long = self.buffer.len() - self.at > LONGEST_ROW;
                    if open == Open::Cell && self.done && self.swallowing.is_none() {
                        return Ok(Next::CutOff(self.next_line));
                    }
                    if open != Open::Row && (self.done || long) {
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

    /// The end of the file. If the number of quotes is odd and a row had irregular quotes across
    /// lines, a quote was not closed there.
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

    /// Finds the cells of the next row in the buffer.
    fn scan(&mut self) -> Scan {
        let mut row = RowScan {
            bytes: &self.buffer,
            at: self.at,
            done: self.done,
            lines: 0,
            toggles: false,
            oddities: &mut self.oddities,
            raw: &mut self.raw,
        };
        row.raw.clear();
        let start = row.at;
        loop {
            let cell = if row.bytes.get(row.at) == Some(&b'"') {
                match row.quoted_cell() {
                    Ok(cell) => cell,
                    Err(incomplete) => return incomplete,
                }
            } else {
                row.plain_cell()
            };
            let (begin, end, escaped) = cell;
            row.raw
                .push((Cell { start: (begin - start) as u32, end: (end - start) as u32 }, escaped));
            let (at, lines) = (row.at, row.lines);
            let next = match row.bytes.get(at) {
                Some(b',') => {
                    row.at += 1;
                    continue;
                }
                Some(b'\n') => at + 1,
                // A carriage return.
                Some(_) => match row.bytes.get(at + 1) {
                    Some(b'\n') => at + 2,
                    None if !row.done => return Scan::Incomplete { open: Open::Row },
                    _ => {
                        self.bare_returns = true;
                        at + 1
                    }
                },
                None if row.done => at,
                None => return Scan::Incomplete { open: Open::Row },
            };
            self.odd_quotes ^= row.toggles;
            return Scan::Row { end: at, next, lines: lines + 1 };
        }
    }

    /// Decodes the row's text. Returns false if it is not UTF-8 and there is no fallback encoding.
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

/// The row that [`Rows::scan`] is reading.
struct RowScan<'r> {
    bytes: &'r [u8],
    at: usize,
    done: bool,
    /// Line ends within cells.
    lines: u32,
    /// Whether the number of quotes outside of quoted cells is odd.
    toggles: bool,
    oddities: &'r mut Oddities,
    raw: &'r mut Vec<(Cell, bool)>,
}

/// Begin and end of a cell in the buffer, and whether it has doubled quotes.
type RawCell = (usize, usize, bool);

impl RowScan<'_> {
    /// Reads a cell without quotes around it.
    #[inline]
    fn plain_cell(&mut self) -> RawCell {
        let begin = self.at;
        while self.at < self.bytes.len() {
            let c = self.bytes[self.at];
            if UNQUOTED[usize::from(c)] {
                if c != b'"' {
                    break;
                }
                self.toggles = !self.toggles;
                self.oddities.quote_inside = true;
            }
            self.at += 1;
        }
        (begin, self.at, false)
    }

    /// Reads a cell that begins with a quote, up to the comma or the line end behind it.
    #[inline]
    fn quoted_cell(&mut self) -> Result<RawCell, Scan> {
        let bytes = self.bytes;
        let mut escaped = false;
        self.at += 1;
        let begin = self.at;
        loop {
            while self.at < bytes.len() && !QUOTED[usize::from(bytes[self.at])] {
                self.at += 1;
            }
            match bytes.get(self.at) {
                None => {
                    let lines = memchr::memchr2(b'\n', b'\r', &bytes[begin..]).is_some();
                    let open = if lines { Open::Lines } else { Open::Cell };
                    return Err(Scan::Incomplete { open });
                }
                Some(b'"') => match bytes.get(self.at + 1) {
                    Some(b'"') => {
                        escaped = true;
                        self.at += 2;
                    }
                    None if !self.done => return Err(Scan::Incomplete { open: Open::Row }),
                    _ => break,
                },
                Some(&c) => {
                    self.mark_cell();
                    self.oddities.line_break = true;
                    // A carriage return and a line feed together are one line end.
                    let is_line_end = c == b'\n' || bytes.get(self.at + 1) != Some(&b'\n');
                    self.lines += u32::from(is_line_end);
                    self.at += 1;
                }
            }
        }
        let mut end = self.at;
        self.at += 1;
        let closed = self.at;
        while self.at < bytes.len() && !matches!(bytes[self.at], b',' | b'\n' | b'\r') {
            self.toggles ^= bytes[self.at] == b'"';
            self.at += 1;
        }
        if bytes[closed..self.at].iter().any(|&c| c != b' ' && c != b'\t') {
            self.mark_cell();
            self.oddities.stray_quote = true;
            end = self.at;
        }
        Ok((begin, end, escaped))
    }

    /// Records the current cell as the first one with a line break or a stray quote.
    fn mark_cell(&mut self) {
        if !self.oddities.line_break && !self.oddities.stray_quote {
            self.oddities.from_cell = self.raw.len();
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
    /// Creates a cell between two positions of the row's text.
    pub(super) fn between(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(super) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}
