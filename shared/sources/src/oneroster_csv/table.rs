//! A table, row by row, with the checks of every table: cells, quotes, blanks, status (checks 12,
//! 19 to 23, 29).
//!
//! # Why this is not simply the `csv` crate with serde
//!
//! A file with defects must be read as far as it can be trusted, and each defect must be reported
//! with its line: a row with too few cells, a stray quote, or a NUL byte may still name its record,
//! which is then left unchanged instead of removed (R-H3). So a row records how many of its cells
//! can be trusted ([`Verdict::Bad`]). Cells are slices of the batch ([`super::ahead`]); no row is
//! copied into a struct of strings, which would be an allocation for each cell.

use roster::finding::{Code, Finding, Severity, pull, source as codes};
use roster::settings::DateOrder;

use super::ahead::Ahead;
use super::diagnostics::{Abort, Diagnostics, NoSink, place, quoted};
use super::feed::Mark;
use super::header::{Col, Header};
use super::layout::{FileKind, Version};
use super::package::Refusal;
use super::row::{Row, Verdict};
use super::rows::{Next, Oddities};
use super::values;
use crate::ImportError;

/// The mode of a file in the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not in the set, or not listed.
    Absent,
    /// All records.
    Bulk,
    /// Changes.
    Delta,
}

/// How a table is to be read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) kind: FileKind,
    pub(super) mode: Mode,
    pub(super) version: Version,
    pub(super) date_order: Option<DateOrder>,
    /// Whether the settings name the order of day and month. Otherwise it is the only one that fits
    /// all dates of the table.
    pub(super) is_order_set: bool,
    /// Whether the header was already checked and reported.
    pub(super) is_checked: bool,
    pub(super) tolerate_mixed_status: bool,
    pub(super) bulk_with_status: bool,
    /// Whether the rows are a server's objects. The mode then depends on the request, not on the
    /// status of the rows.
    pub(super) is_served: bool,
}

/// A table in the course of reading.
pub(super) struct Table {
    reading: Reading,
    rows: Ahead,
    pub(super) header: Header,
    id: Col,
    status: Col,
    modified: Col,
    password: Col,
    verdict: Verdict,
    counts: Counts,
    noted: Noted,
}

#[derive(Default)]
struct Counts {
    rows: u64,
    /// Rows with fewer cells than the header.
    short: u64,
    with_status: u64,
    without_status: u64,
    unpaired: u64,
    odd_modified: u64,
    passwords: u64,
}

/// Findings that are reported once a file, not once a row.
#[derive(Default)]
struct Noted {
    fallback: bool,
    date_by_setting: bool,
}

impl Table {
    /// Reads the header.
    pub(super) fn open(
        mut rows: Ahead,
        reading: Reading,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Result<Self, Abort> {
        let file = reading.kind.file();
        let next = rows.advance().map_err(|error| fault(error, file, diagnostics))?;
        let cells: Vec<&str> = rows.cells().iter().map(|cell| cell.of(rows.text())).collect();
        let found = (next, rows.mark(), rows.oddities().unended);
        let header = if reading.is_checked {
            let mut sink = NoSink;
            let mut again = Diagnostics::new(&mut sink);
            check_header(found, &cells, reading.kind, reading.version, &mut again)
        } else {
            check_header(found, &cells, reading.kind, reading.version, diagnostics)
        };
        diagnostics.go_on()?;
        // A header that was checked is only bad if the file was changed since.
        let header = header.ok_or(Abort::Refused)?;
        let (id, status, modified) =
            (header.col("sourcedId"), header.col("status"), header.col("dateLastModified"));
        let password = header.col("password");
        Ok(Self {
            reading,
            rows,
            header,
            id,
            status,
            modified,
            password,
            verdict: Verdict::Active,
            counts: Counts::default(),
            noted: Noted::default(),
        })
    }

    pub(super) fn col(&self, name: &'static str) -> Col {
        self.header.col(name)
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.rows.read()
    }

    /// Moves to the next row that is not blank, and checks it. Returns false at the end.
    pub(super) fn advance(&mut self, diagnostics: &mut Diagnostics<'_>) -> Result<bool, Abort> {
        let file = self.reading.kind.file();
        loop {
            match self.rows.advance().map_err(|error| fault(error, file, diagnostics))? {
                Next::Row => {}
                Next::End => return Ok(false),
                other => {
                    refuse(other, file, diagnostics);
                    return Err(Abort::Refused);
                }
            }
            diagnostics.relieve()?;
            self.refuse_cut_off(diagnostics)?;
            if self.rows.oddities().misread.is_none()
                && self.rows.cells().iter().all(|cell| is_blank(cell.of(self.rows.text())))
            {
                diagnostics.note(&codes::BLANK_ROW, |f| f.at(place(file, self.rows.line(), None)));
                continue;
            }
            self.counts.rows += 1;
            self.counts.short += u64::from(self.rows.cells().len() < self.header.width);
            self.verdict = self.check_shape(diagnostics);
            if self.verdict == Verdict::Active {
                self.verdict = self.check_status(diagnostics);
            }
            return Ok(true);
        }
    }

    /// Refuses a file that ends in the middle of its last row: fewer cells than the header, and no
    /// line end. The last row of an exporter that leaves out blank cells at the end of every row is
    /// complete if its required cells are there.
    fn refuse_cut_off(&self, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
        let (count, width) = (self.rows.cells().len(), self.header.width);
        if !self.rows.oddities().unended || count >= width {
            return Ok(());
        }
        if self.counts.short > 0 && count >= self.header.needed {
            return Ok(());
        }
        let is_end_mark = count == 1 && self.rows.cells()[0].of(self.rows.text()) == END_MARK;
        if is_end_mark {
            return Ok(());
        }
        note_cut_off(self.reading.kind.file(), self.rows.line(), (count, width), diagnostics);
        Err(Abort::Refused)
    }

    /// The current row.
    pub(super) fn row(&self) -> Row<'_> {
        Row {
            kind: self.reading.kind,
            line: self.rows.line(),
            text: self.rows.text(),
            cells: self.rows.cells(),
            trusted: match self.verdict {
                Verdict::Bad(trusted) => trusted,
                _ => usize::MAX,
            },
            verdict: self.verdict,
            id: self.id,
            date_order: self.reading.date_order,
            is_served: self.reading.is_served,
        }
    }

    /// Reports once a file that dates were not in the standard's notation but could be read.
    pub(super) fn note_date_order(&mut self, was_needed: bool, diagnostics: &mut Diagnostics<'_>) {
        if was_needed && !std::mem::replace(&mut self.noted.date_by_setting, true) {
            let place = place(self.reading.kind.file(), self.rows.line(), None);
            if self.reading.is_order_set {
                diagnostics.note(&codes::DATE_BY_SETTING, |f| f.at(place));
                return;
            }
            diagnostics.note(&codes::DATE_ORDER_FOUND, |f| {
                let (order, example) = match self.reading.date_order {
                    Some(DateOrder::Dmy) => ("day-month-year", "17/8/2026"),
                    _ => ("month-day-year", "8/17/2026"),
                };
                let found = format!(
                    "dates are written like {example}; they can only be {order} in this file and \
                     were read in that order"
                );
                f.with(found).at(place)
            });
        }
    }

    fn check_shape(&mut self, diagnostics: &mut Diagnostics<'_>) -> Verdict {
        let odd = self.rows.oddities();
        if odd.fallback && !std::mem::replace(&mut self.noted.fallback, true) {
            diagnostics.note(&codes::FALLBACK_ENCODING, |f| {
                f.at(place(self.reading.kind.file(), self.rows.line(), None))
            });
        }
        let row = self.row();
        if let Some(verdict) = self.check_damage(&row, diagnostics) {
            return verdict;
        }
        if let Some(verdict) = self.check_width(&row, diagnostics) {
            return verdict;
        }
        if let Some(cell) = odd.misread_optional {
            let name = self.header.names().get(usize::from(cell)).map_or("", String::as_str);
            row.note(diagnostics, &codes::OPTIONAL_VALUE_UNKNOWN, None, || {
                format!("{name} has a value of the wrong type and was treated as blank")
            });
        }
        if odd.line_break {
            row.note(diagnostics, &codes::LINE_BREAK, None, String::new);
        }
        if odd.quote_inside {
            row.note(diagnostics, &codes::QUOTE_INSIDE, None, String::new);
        }
        let passwords = u64::from(!row.trimmed(self.password).is_empty());
        self.counts.passwords += passwords;
        Verdict::Active
    }

    /// Checks for damage that makes a row bad: unreadable values, NUL bytes, stray quotes.
    #[inline]
    fn check_damage(&self, row: &Row<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Verdict> {
        let odd = self.rows.oddities();
        if let Some(cell) = odd.misread {
            // The other cells of an object are what the server sent. Something that is not an
            // object has no cells.
            let trusted = if cell == Oddities::NO_OBJECT { 0 } else { usize::MAX };
            let name = self.header.names().get(usize::from(cell)).filter(|_| trusted > 0);
            let found = || {
                name.map(|name| format!("{name} has a value of the wrong type")).unwrap_or_default()
            };
            row.trusting(trusted).note(diagnostics, &pull::RECORD_UNREADABLE, None, found);
            return Some(Verdict::Bad(trusted));
        }
        if odd.nul {
            // Any cell may be damaged. The id counts only if it has no NUL byte itself.
            let trusted = if row.get(self.id).contains('\0') { 0 } else { self.id.at + 1 };
            row.trusting(trusted).note(diagnostics, &codes::NUL_BYTE, None, String::new);
            return Some(Verdict::Bad(trusted));
        }
        let swallowed = odd.line_break && (odd.stray_quote || row.cells.len() != self.header.width);
        if odd.stray_quote || swallowed {
            // The row may contain parts of the following rows, so its id is uncertain.
            let trusted = if swallowed { 0 } else { odd.from_cell };
            let found = || {
                if swallowed {
                    "a quoted cell runs into the next lines, which may be lost with it".into()
                } else {
                    String::new()
                }
            };
            row.trusting(trusted).note(diagnostics, &codes::QUOTE_STRAY, None, found);
            return Some(Verdict::Bad(trusted));
        }
        None
    }

    /// Compares the number of cells with the header (checks 20 and 21).
    #[inline]
    fn check_width(&self, row: &Row<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Verdict> {
        let (count, width) = (row.cells.len(), self.header.width);
        // A comma is missing or extra at an unknown place. Only the first cell is certain.
        let first = usize::from(self.id.at == 0);
        if count < width {
            let code =
                if count < self.header.needed { &codes::CELL_COUNT } else { &codes::CELLS_SHORT };
            let found = || format!("the row has {count} cells, the header {width}");
            if count < self.header.needed {
                row.trusting(first).note(diagnostics, code, None, found);
                return Some(Verdict::Bad(first));
            }
            row.note(diagnostics, code, None, || {
                format!("{}; the missing cells are optional and were read as blank", found())
            });
        } else if count > width {
            // Blank cells at the end may come from an extra comma within the row; an id in another
            // column than the first would then be wrong.
            let blank = first == 1
                && row.cells[width..].iter().all(|cell| cell.of(row.text).trim().is_empty());
            let code = if blank { &codes::CELLS_EXTRA } else { &codes::CELL_COUNT };
            if !blank {
                row.trusting(first).note(diagnostics, code, None, || {
                    format!("the row has {count} cells, the header {width}")
                });
                return Some(Verdict::Bad(first));
            }
            if self.header.names().len() < count {
                row.note(diagnostics, code, None, String::new);
            }
        }
        None
    }

    fn check_status(&mut self, diagnostics: &mut Diagnostics<'_>) -> Verdict {
        let row = self.row();
        let (status, modified) = (row.trimmed(self.status), row.trimmed(self.modified));
        let odd_modified = !modified.is_empty() && !values::is_datetime(modified);
        let verdict = match status {
            "" | "active" => Verdict::Active,
            "tobedeleted" => Verdict::Removed,
            other => self.read_other_status(&row, other, diagnostics),
        };
        if matches!(verdict, Verdict::Bad(_)) {
            // Only good rows count in the decision whether the file is bulk or delta.
            return verdict;
        }
        let (blank, unpaired) = (status.is_empty(), status.is_empty() != modified.is_empty());
        self.counts.with_status += u64::from(!blank);
        self.counts.without_status += u64::from(blank);
        self.counts.unpaired += u64::from(unpaired);
        self.counts.odd_modified += u64::from(odd_modified);
        verdict
    }

    /// Reads a status that is not in the standard's spelling.
    fn read_other_status(
        &self,
        row: &Row<'_>,
        status: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Verdict {
        let is = |word: &str| status.eq_ignore_ascii_case(word);
        let (verdict, word) = if is("active") {
            (Verdict::Active, "active")
        } else if is("tobedeleted") || is("inactive") {
            (Verdict::Removed, "tobedeleted")
        } else {
            row.note(diagnostics, &codes::VALUE_UNKNOWN, Some(self.status), || {
                format!("the status {} is neither active nor tobedeleted", quoted(status))
            });
            return Verdict::Bad(usize::MAX);
        };
        row.note(diagnostics, &codes::STATUS_SPELLING, Some(self.status), || {
            format!("the status {} was read as {word}", quoted(status))
        });
        verdict
    }

    /// Runs the checks of the whole file, at its end. Returns true if the file is complete, so that
    /// records it does not name are removed.
    pub(super) fn finish(&self, diagnostics: &mut Diagnostics<'_>) -> Result<bool, Abort> {
        let Counts { rows, with_status, without_status, unpaired, odd_modified, passwords, .. } =
            self.counts;
        let kind = self.reading.kind;
        let here = |finding: Finding, column: Option<Col>| {
            finding.at(place(kind.file(), 0, column.map(|c| c.name)))
        };
        let is_delta = self.reading.is_served && self.reading.mode == Mode::Delta;
        // An empty delta from a server means that nothing changed.
        if rows == 0 && !is_delta {
            let severity = if kind.is_needed() { Severity::Stop } else { Severity::Warn };
            diagnostics.note_as(&codes::NO_ROWS, severity, |f| here(f, None));
            diagnostics.go_on()?;
        }
        if self.rows.bare_returns() {
            diagnostics.note(&codes::LINE_ENDS, |f| here(f, None));
        }
        let counted = |diagnostics: &mut Diagnostics<'_>,
                       code: &'static Code,
                       column: Col,
                       count: u64| {
            if count > 0 {
                diagnostics.note(code, |f| {
                    here(f.with(format!("{} ({count} of {rows} rows)", code.meaning)), Some(column))
                });
            }
        };
        counted(diagnostics, &codes::PASSWORD_FILLED, self.password, passwords);
        counted(diagnostics, &codes::DATETIME_FORMAT, self.modified, odd_modified);
        if self.reading.is_served {
            return Ok(!is_delta);
        }
        if self.reading.version == Version::V1_0 {
            // 1.0 has no deltas, and always fills the status.
            return Ok(true);
        }
        counted(diagnostics, &codes::MODIFIED_UNPAIRED, self.modified, unpaired);
        let bulk = self.reading.mode == Mode::Bulk;
        if with_status > 0 && without_status > 0 {
            let severity =
                if self.reading.tolerate_mixed_status { Severity::Warn } else { Severity::Stop };
            let code = if severity == Severity::Stop {
                &codes::STATUS_MIXED
            } else {
                &codes::STATUS_MIXED_TOLERATED
            };
            counted(diagnostics, code, self.status, with_status);
            diagnostics.go_on()?;
            return Ok(bulk);
        }
        if bulk && with_status > 0 {
            if self.reading.bulk_with_status {
                return Ok(true);
            }
            diagnostics.note(&codes::STATUS_IN_BULK, |f| here(f, Some(self.status)));
            return Ok(false);
        }
        if self.reading.mode == Mode::Delta && without_status > 0 {
            counted(diagnostics, &codes::STATUS_BLANK_IN_DELTA, self.status, without_status);
        }
        // Without a mode in the manifest, the rows decide.
        Ok(bulk || (self.reading.mode == Mode::Absent && with_status == 0))
    }
}

/// Checks what a file begins with: whether it has a first row, its byte order mark, whether the row
/// has no line end, and its cells. The findings decide whether the file can be used.
pub(super) fn check_header(
    (next, mark, unended): (Next, Mark, bool),
    cells: &[&str],
    kind: FileKind,
    version: Version,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Header> {
    let file = kind.file();
    match mark {
        Mark::None => {}
        Mark::Utf8 => diagnostics.note(&codes::BYTE_ORDER_MARK, |f| f.at(place(file, 0, None))),
        Mark::Utf16 => diagnostics.note(&codes::UTF16, |f| f.at(place(file, 0, None))),
    }
    match next {
        Next::Row => {}
        Next::End => {
            diagnostics.note(&codes::HEADER_MISSING, |f| f.at(place(file, 1, None)));
            return None;
        }
        other => {
            refuse(other, file, diagnostics);
            return None;
        }
    }
    let header = Header::read(cells, kind, version, diagnostics);
    if unended && !header.has_all(kind, version) {
        diagnostics.note(&codes::FILE_CUT_OFF, |f| {
            let found = format!("{file} ends in the middle of its header");
            f.with(found).at(place(file, 1, None))
        });
    }
    Some(header)
}

/// The character with which some systems end a text file (from CP/M and DOS).
const END_MARK: &str = "\u{1a}";

fn is_blank(cell: &str) -> bool {
    let cell = values::trim(cell);
    cell.is_empty() || cell == END_MARK
}

/// Reports a file that ends in the middle of a row. `cells` are those of the row and those of the
/// header.
pub(super) fn note_cut_off(
    file: &'static str,
    line: u32,
    (count, width): (usize, usize),
    diagnostics: &mut Diagnostics<'_>,
) {
    diagnostics.note(&codes::FILE_CUT_OFF, |f| {
        let found = format!(
            "{file} ends in the middle of a row: line {line} has {count} of {width} cells and no \
             line end"
        );
        f.with(found).at(place(file, line, None))
    });
}

/// Separates a bad file from a failed read.
pub(super) fn fault(
    error: std::io::Error,
    file: &'static str,
    diagnostics: &mut Diagnostics<'_>,
) -> Abort {
    match Refusal::out_of(error) {
        Ok(refusal) => {
            let mut finding = *refusal.0;
            finding.place.get_or_insert_with(|| place(file, 0, None));
            diagnostics.adopt(finding);
            Abort::Refused
        }
        Err(error) => Abort::Fault(ImportError::Read(error)),
    }
}

/// Reports why rows cannot be split any further.
pub(super) fn refuse(next: Next, file: &'static str, diagnostics: &mut Diagnostics<'_>) {
    match next {
        Next::Row | Next::End => {}
        Next::Unclosed(line) => {
            diagnostics.note(&codes::QUOTE_UNCLOSED, |f| f.at(place(file, line, None)))
        }
        Next::CutOff(line) => diagnostics.note(&codes::FILE_CUT_OFF, |f| {
            f.with(format!("{file} ends inside a quoted cell on line {line}"))
                .at(place(file, line, None))
        }),
        Next::TooLong(line) => {
            diagnostics.note(&codes::ROW_TOO_LONG, |f| f.at(place(file, line, None)))
        }
        Next::NotUtf8(line) => {
            diagnostics.note(&codes::NOT_UTF8, |f| f.at(place(file, line, None)))
        }
    }
}
