//! A row of a table: its cells, parsed and checked (checks 22 to 24, 28 to 32).

use roster::finding::{Code, Severity, source as codes};
use roster::settings::DateOrder;

use super::diagnostics::{Diagnostics, Sign, id_of, place, quoted};
use super::header::Col;
use super::layout::FileKind;
use super::missing::{Missing, Naming};
use super::rows::Cell;
use super::values::{self, BooleanCell, DateCell};

/// Result of checking a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A record.
    Active,
    /// The removal of a record.
    Removed,
    /// Bad; a finding reports why. Holds the number of cells that can be trusted.
    Bad(usize),
}

/// A row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'t> {
    pub(super) kind: FileKind,
    pub(super) line: u32,
    pub(super) text: &'t str,
    pub(super) cells: &'t [Cell],
    /// Number of cells that can be trusted.
    pub(super) trusted: usize,
    pub(super) verdict: Verdict,
    pub(super) id: Col,
    pub(super) date_order: Option<DateOrder>,
    pub(super) is_served: bool,
}

impl<'t> Row<'t> {
    /// The same row, with fewer cells that can be trusted.
    pub(super) fn trusting(mut self, trusted: usize) -> Self {
        self.trusted = trusted;
        self
    }

    /// Returns a cell unchanged; blank if the column or the cell is missing, or cannot be trusted.
    pub(super) fn get(&self, col: Col) -> &'t str {
        if col.at >= self.trusted {
            return "";
        }
        self.cells.get(col.at).map_or("", |cell| cell.of(self.text))
    }

    /// Returns a cell even if it cannot be trusted, for values that are checked against other
    /// records.
    pub(super) fn doubtful(&self, col: Col) -> &'t str {
        self.cells.get(col.at).map_or("", |cell| cell.of(self.text))
    }

    /// Returns a cell without the blanks around it.
    pub(super) fn trimmed(&self, col: Col) -> &'t str {
        values::trim(self.get(col))
    }

    /// Whether the row is bad. A finding reports why.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self.verdict, Verdict::Bad(_))
    }

    /// Whether all cells are in their columns, even if the row is bad.
    pub(super) fn is_whole(&self) -> bool {
        self.trusted == usize::MAX
    }

    /// Whether the row is a server's object, of which fewer fields are required.
    pub(super) fn is_served(&self) -> bool {
        self.is_served
    }

    /// Whether the row removes its record.
    pub(super) fn is_removal(&self) -> bool {
        self.verdict == Verdict::Removed
    }

    /// The id of the row's record, not trimmed. `None` if it is blank or cannot be trusted.
    pub(super) fn own_id(&self) -> Option<&'t str> {
        Some(self.get(self.id)).filter(|id| !values::trim(id).is_empty())
    }

    /// The column of the row's id.
    pub(super) fn id_col(&self) -> Col {
        self.id
    }

    /// A hash of the row's content.
    pub(super) fn fingerprint(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.text.as_bytes())
    }

    /// Records a finding about this row. `found` may return a blank text; the finding then has the
    /// code's own meaning as its text.
    pub(super) fn note(
        &self,
        diagnostics: &mut Diagnostics<'_>,
        code: &'static Code,
        col: Option<Col>,
        found: impl FnOnce() -> String,
    ) {
        self.note_as(diagnostics, code, code.severity, col, found);
    }

    /// Records a finding with another severity than its code's.
    pub(super) fn note_as(
        &self,
        diagnostics: &mut Diagnostics<'_>,
        code: &'static Code,
        severity: Severity,
        col: Option<Col>,
        found: impl FnOnce() -> String,
    ) {
        diagnostics.note_as(code, severity, |finding| {
            let found = found();
            let finding = if found.is_empty() { finding } else { finding.with(found) };
            let finding = finding.at(place(self.kind.file(), self.line, col.map(|c| c.name)));
            match self.own_id() {
                Some(id) => finding.about(self.kind.entity(), &id_of(id)),
                None => finding,
            }
        });
    }

    /// Counts a reference of this row to a record of another table that was not sent.
    pub(super) fn note_missing(
        &self,
        missing: &mut Missing,
        to: FileKind,
        id: &str,
        (col, code): (Col, &'static Code),
        diagnostics: &Diagnostics<'_>,
    ) {
        let naming = Naming { list: self.kind.into(), line: self.line, column: col.name, code };
        missing.note(to, id, naming, diagnostics.earlier);
    }

    /// Returns a required cell, trimmed. A blank one is a finding and returns `None` (check 24).
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

    /// Returns a required reference or id, not trimmed.
    pub(super) fn required_id(
        &self,
        col: Col,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<&'t str> {
        self.required(col, diagnostics).map(|_| self.get(col))
    }

    /// Returns a word of an enumeration in the standard's spelling (checks 31 and 32). If `open`,
    /// `ext:` words are valid.
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

    /// Returns a boolean (check 30). Findings do not quote `secret` values.
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
                if matches!(text, "TRUE" | "FALSE") {
                    diagnostics.sign(Sign::Capitals);
                }
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

    /// Returns a date (check 28), and whether the district's order of day and month was needed for
    /// it. Findings do not quote `secret` values.
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
        if text.contains('/') {
            diagnostics.sign(Sign::Dates);
        }
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
