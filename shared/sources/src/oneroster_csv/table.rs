//! A table, row by row, with the checks that every table has: cells, quotes, blanks, status (checks
//! 12, 19 to 24, 29).

use roster::finding::{Code, Finding, Severity, pull, source as codes};
use roster::settings::DateOrder;

use super::ahead::Ahead;
use super::diagnostics::{Abort, Diagnostics, id_of, place, quoted};
use super::feed::Mark;
use super::header::{Col, Header};
use super::layout::{FileKind, Version};
use super::package::Refusal;
use super::rows::{Cell, Next, Oddities};
use super::values::{self, BooleanCell, DateCell};
use crate::ImportError;

/// What the manifest says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not there, or not told.
    Absent,
    /// The whole truth.
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
    pub(super) tolerate_mixed_status: bool,
    pub(super) bulk_with_status: bool,
    /// The rows are a server's objects: of what they are, how they were asked for tells, and not
    /// whether they have a status.
    pub(super) is_served: bool,
}

/// A table that is being read.
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

/// What may become of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// A record.
    Active,
    /// A record to be taken away.
    Removed,
    /// Bad; a finding says why. So many of its cells can be trusted.
    Bad(usize),
}

#[derive(Default)]
struct Counts {
    rows: u64,
    with_status: u64,
    without_status: u64,
    unpaired: u64,
    odd_modified: u64,
    passwords: u64,
}

/// What is told once a file, not once a row.
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
        match rows.mark() {
            Mark::None => {}
            Mark::Utf8 => diagnostics.note(&codes::BYTE_ORDER_MARK, |f| f.at(place(file, 0, None))),
            Mark::Utf16 => diagnostics.note(&codes::UTF16, |f| f.at(place(file, 0, None))),
        }
        match next {
            Next::Row => {}
            Next::End => diagnostics.note(&codes::HEADER_MISSING, |f| f.at(place(file, 1, None))),
            other => refuse(other, file, diagnostics),
        }
        diagnostics.go_on()?;
        let cells: Vec<&str> = rows.cells().iter().map(|cell| cell.of(rows.text())).collect();
        let header = Header::read(&cells, reading.kind, reading.version, diagnostics);
        diagnostics.go_on()?;
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

    /// Goes to the next row; false at the end. See [`Table::row`].
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
            if self.rows.oddities().misread.is_none()
                && self
                    .rows
                    .cells()
                    .iter()
                    .all(|cell| values::trim(cell.of(self.rows.text())).is_empty())
            {
                diagnostics.note(&codes::BLANK_ROW, |f| f.at(place(file, self.rows.line(), None)));
                continue;
            }
            self.counts.rows += 1;
            self.verdict = self.check_shape(diagnostics);
            if self.verdict == Verdict::Active {
                self.verdict = self.check_status(diagnostics);
            }
            return Ok(true);
        }
    }

    /// The row that [`Table::advance`] went to.
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

    /// Says once a file that the district's order of dates was needed.
    pub(super) fn note_date_order(&mut self, was_needed: bool, diagnostics: &mut Diagnostics<'_>) {
        if was_needed && !std::mem::replace(&mut self.noted.date_by_setting, true) {
            diagnostics.note(&codes::DATE_BY_SETTING, |f| {
                f.at(place(self.reading.kind.file(), self.rows.line(), None))
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
        let (count, width) = (row.cells.len(), self.header.width);
        if let Some(cell) = odd.misread {
            // What stands in the other cells is what the server says; of what is no object nothing
            // does.
            let trusted = if cell == Oddities::NO_OBJECT { 0 } else { usize::MAX };
            let name = self.header.names().get(usize::from(cell)).filter(|_| trusted > 0);
            let found = || {
                name.map(|name| format!("{name} has a value of the wrong type")).unwrap_or_default()
            };
            row.trusting(trusted).note(diagnostics, &pull::RECORD_UNREADABLE, None, found);
            return Verdict::Bad(trusted);
        }
        if odd.nul {
            // Damage: which cells are whole nobody can tell, so the id counts only if it has none
            // itself.
            let trusted = if row.get(self.id).contains('\0') { 0 } else { self.id.at + 1 };
            row.trusting(trusted).note(diagnostics, &codes::NUL_BYTE, None, String::new);
            return Verdict::Bad(trusted);
        }
        let swallowed = odd.line_break && (odd.stray_quote || count != width);
        if odd.stray_quote || swallowed {
            // Rows that follow may be part of this one: nothing of it names a record for sure.
            let trusted = if swallowed { 0 } else { odd.from_cell };
            let found = || {
                if swallowed {
                    "a quoted cell runs into the next lines, which may be lost with it".into()
                } else {
                    String::new()
                }
            };
            row.trusting(trusted).note(diagnostics, &codes::QUOTE_STRAY, None, found);
            return Verdict::Bad(trusted);
        }
        // Where a comma too many or too few stands nobody knows: only a first cell is what it was.
        let first = usize::from(self.id.at == 0);
        if count < width {
            let code =
                if count < self.header.needed { &codes::CELL_COUNT } else { &codes::CELLS_SHORT };
            let found = || format!("the row has {count} cells, the header {width}");
            if count < self.header.needed {
                row.trusting(first).note(diagnostics, code, None, found);
                return Verdict::Bad(first);
            }
            row.note(diagnostics, code, None, || {
                format!("{}; the missing cells are optional and were read as blank", found())
            });
        } else if count > width {
            // Blank cells at the end may as well come from a comma inside the row; then an id that
            // is not the first cell is another's.
            let blank = first == 1
                && row.cells[width..].iter().all(|cell| cell.of(row.text).trim().is_empty());
            let code = if blank { &codes::CELLS_EXTRA } else { &codes::CELL_COUNT };
            if !blank {
                row.trusting(first).note(diagnostics, code, None, || {
                    format!("the row has {count} cells, the header {width}")
                });
                return Verdict::Bad(first);
            }
            if self.header.names().len() < count {
                row.note(diagnostics, code, None, String::new);
            }
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

    fn check_status(&mut self, diagnostics: &mut Diagnostics<'_>) -> Verdict {
        let row = self.row();
        let (status, modified) = (row.trimmed(self.status), row.trimmed(self.modified));
        let odd_modified = !modified.is_empty() && !values::is_datetime(modified);
        let verdict = match status {
            "" | "active" => Verdict::Active,
            "tobedeleted" => Verdict::Removed,
            other => {
                let known = if other.eq_ignore_ascii_case("active") {
                    Some((Verdict::Active, "active"))
                } else if other.eq_ignore_ascii_case("tobedeleted")
                    || other.eq_ignore_ascii_case("inactive")
                {
                    Some((Verdict::Removed, "tobedeleted"))
                } else {
                    None
                };
                if let Some((verdict, word)) = known {
                    row.note(diagnostics, &codes::STATUS_SPELLING, Some(self.status), || {
                        format!("the status {} was read as {word}", quoted(other))
                    });
                    verdict
                } else {
                    row.note(diagnostics, &codes::VALUE_UNKNOWN, Some(self.status), || {
                        format!("the status {} is neither active nor tobedeleted", quoted(other))
                    });
                    Verdict::Bad(usize::MAX)
                }
            }
        };
        if matches!(verdict, Verdict::Bad(_)) {
            // What the file is, bulk or delta, rows that can be read tell.
            return verdict;
        }
        let (blank, unpaired) = (status.is_empty(), status.is_empty() != modified.is_empty());
        self.counts.with_status += u64::from(!blank);
        self.counts.without_status += u64::from(blank);
        self.counts.unpaired += u64::from(unpaired);
        self.counts.odd_modified += u64::from(odd_modified);
        verdict
    }

    /// Judges the file as a whole, at its end. True if it is the whole truth of its kind: what it
    /// does not name is gone.
    pub(super) fn finish(&self, diagnostics: &mut Diagnostics<'_>) -> Result<bool, Abort> {
        let Counts { rows, with_status, without_status, unpaired, odd_modified, passwords } =
            self.counts;
        let kind = self.reading.kind;
        let here = |finding: Finding, column: Option<Col>| {
            finding.at(place(kind.file(), 0, column.map(|c| c.name)))
        };
        let is_delta = self.reading.is_served && self.reading.mode == Mode::Delta;
        // That nothing changed since is nothing to be told.
        if rows == 0 && !is_delta {
            let severity = if kind.is_needed() { Severity::Stop } else { Severity::Warn };
            diagnostics.weighing(&codes::NO_ROWS, severity, |f| here(f, None));
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
            // 1.0 knows no delta, and fills in status always.
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
        // A file of which the manifest tells no mode is what its rows say.
        Ok(bulk || (self.reading.mode == Mode::Absent && with_status == 0))
    }
}

/// Tells a file that is bad from a file that could not be read.
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

pub(super) fn refuse(next: Next, file: &'static str, diagnostics: &mut Diagnostics<'_>) {
    match next {
        Next::Row | Next::End => {}
        Next::Unclosed(line) => {
            diagnostics.note(&codes::QUOTE_UNCLOSED, |f| f.at(place(file, line, None)))
        }
        Next::TooLong(line) => {
            diagnostics.note(&codes::ROW_TOO_LONG, |f| f.at(place(file, line, None)))
        }
        Next::NotUtf8(line) => {
            diagnostics.note(&codes::NOT_UTF8, |f| f.at(place(file, line, None)))
        }
    }
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct Row<'t> {
    kind: FileKind,
    pub(super) line: u32,
    text: &'t str,
    cells: &'t [Cell],
    trusted: usize,
    verdict: Verdict,
    id: Col,
    date_order: Option<DateOrder>,
    is_served: bool,
}

impl<'t> Row<'t> {
    fn trusting(mut self, trusted: usize) -> Self {
        self.trusted = trusted;
        self
    }

    /// A cell as it stands; blank where the column or the cell is not there, or cannot be trusted.
    pub(super) fn get(&self, col: Col) -> &'t str {
        if col.at >= self.trusted {
            return "";
        }
        self.cells.get(col.at).map_or("", |cell| cell.of(self.text))
    }

    /// A cell of a bad row all the same, for what can be checked against other records.
    pub(super) fn doubtful(&self, col: Col) -> &'t str {
        self.cells.get(col.at).map_or("", |cell| cell.of(self.text))
    }

    /// A cell without the blanks around it.
    pub(super) fn trimmed(&self, col: Col) -> &'t str {
        values::trim(self.get(col))
    }

    /// Whether the row was found bad, with a finding.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self.verdict, Verdict::Bad(_))
    }

    /// Whether the cells stand where they should, bad or not.
    pub(super) fn is_whole(&self) -> bool {
        self.trusted == usize::MAX
    }

    /// Whether the row is a server's object: it need not have all that a file's must.
    pub(super) fn is_served(&self) -> bool {
        self.is_served
    }

    /// Whether the row says that its record is to be taken away.
    pub(super) fn is_removal(&self) -> bool {
        self.verdict == Verdict::Removed
    }

    /// The row's own id, to the letter; none where it is blank or cannot be read.
    pub(super) fn own_id(&self) -> Option<&'t str> {
        Some(self.get(self.id)).filter(|id| !values::trim(id).is_empty())
    }

    /// The column of the row's own id.
    pub(super) fn id_col(&self) -> Col {
        self.id
    }

    /// A number for the row's content: equal rows have equal ones.
    pub(super) fn fingerprint(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.text.as_bytes())
    }

    /// Diagnostics a finding about this row. A blank text stands for the code's own meaning.
    pub(super) fn note(
        &self,
        diagnostics: &mut Diagnostics<'_>,
        code: &'static Code,
        col: Option<Col>,
        found: impl FnOnce() -> String,
    ) {
        self.weighing(diagnostics, code, code.severity, col, found);
    }

    pub(super) fn weighing(
        &self,
        diagnostics: &mut Diagnostics<'_>,
        code: &'static Code,
        severity: Severity,
        col: Option<Col>,
        found: impl FnOnce() -> String,
    ) {
        diagnostics.weighing(code, severity, |finding| {
            let found = found();
            let finding = if found.is_empty() { finding } else { finding.with(found) };
            let finding = finding.at(place(self.kind.file(), self.line, col.map(|c| c.name)));
            match self.own_id() {
                Some(id) => finding.about(self.kind.entity(), &id_of(id)),
                None => finding,
            }
        });
    }

    /// A required cell, trimmed; none, with a finding, where it is blank (check 24).
    pub(super) fn required(&self, col: Col, diagnostics: &mut Diagnostics<'_>) -> Option<&'t str> {
        let text = self.trimmed(col);
        if text.is_empty() {
            self.note(diagnostics, &codes::VALUE_MISSING, Some(col), || {
                format!("{} is blank", col.name)
            });
            return None;
        }
        Some(text)
    }

    /// A required reference or id, to the letter.
    pub(super) fn required_id(
        &self,
        col: Col,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<&'t str> {
        self.required(col, diagnostics).map(|_| self.get(col))
    }

    /// A word of an enumeration, in the standard's spelling (checks 31 and 32). `ext:` words pass
    /// where `open`.
    pub(super) fn word(
        &self,
        col: Col,
        words: &[&'static str],
        open: bool,
        required: bool,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<&'t str> {
        let text = self.trimmed(col);
        if words.contains(&text) {
            return Some(text);
        }
        if text.is_empty() {
            return if required { self.required(col, diagnostics) } else { None };
        }
        if open && text.starts_with("ext:") {
            return Some(text);
        }
        if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            self.note(diagnostics, &codes::VALUE_CASE, Some(col), || {
                format!("{} is {}, read as {word}", col.name, quoted(text))
            });
            return Some(word);
        }
        let code = if required { &codes::VALUE_UNKNOWN } else { &codes::OPTIONAL_VALUE_UNKNOWN };
        self.note(diagnostics, code, Some(col), || {
            format!("{} is {}, which is not one of {}", col.name, quoted(text), words.join(", "))
        });
        None
    }

    /// A boolean (check 30). `secret` values are not quoted.
    pub(super) fn boolean(
        &self,
        col: Col,
        required: bool,
        secret: bool,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<bool> {
        let text = self.trimmed(col);
        if text.is_empty() {
            if required {
                self.required(col, diagnostics);
            }
            return None;
        }
        let shown =
            || if secret { String::new() } else { format!("{} is {}", col.name, quoted(text)) };
        match values::boolean(text) {
            BooleanCell::Exact(value) => return Some(value),
            BooleanCell::OtherCase(value) => {
                self.note(diagnostics, &codes::BOOLEAN_CASE, Some(col), shown);
                return Some(value);
            }
            BooleanCell::OtherWord(value) => {
                self.note(diagnostics, &codes::BOOLEAN_WORD, Some(col), shown);
                return Some(value);
            }
            BooleanCell::Bad => {}
        }
        let code = if required { &codes::VALUE_UNKNOWN } else { &codes::OPTIONAL_VALUE_UNKNOWN };
        self.note(diagnostics, code, Some(col), || {
            format!("{} is neither true nor false", col.name)
        });
        None
    }

    /// A date (check 28), and whether the district's order of day and month was needed for it. A
    /// `secret` one is not quoted.
    pub(super) fn date(
        &self,
        col: Col,
        required: bool,
        secret: bool,
        diagnostics: &mut Diagnostics<'_>,
    ) -> (Option<jiff::civil::Date>, bool) {
        let text = self.trimmed(col);
        if text.is_empty() {
            if required {
                self.required(col, diagnostics);
            }
            return (None, false);
        }
        let cell = values::date(text, self.date_order);
        match cell {
            DateCell::Iso(date) => return (Some(date), false),
            DateCell::Ordered(date) => return (Some(date), true),
            DateCell::NeedsOrder | DateCell::Bad => {}
        }
        let code = if required { &codes::REQUIRED_DATE } else { &codes::DATE_FORMAT };
        self.note(diagnostics, code, Some(col), || {
            let shown = if secret { String::new() } else { format!(" {}", quoted(text)) };
            let why = if cell == DateCell::NeedsOrder {
                "may be month-day or day-month (set date_order to mdy or dmy)"
            } else {
                "is not a date"
            };
            format!("{}{shown} {why}", col.name)
        });
        (None, false)
    }
}
