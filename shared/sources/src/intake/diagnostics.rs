//! Collects findings until nothing can refuse the set anymore.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use roster::finding::{Code, Finding, Place, Severity, cause};
use roster::id::SourceId;
use roster::report::FindingList;
use roster::snapshot::{PartName, SnapshotSink};

use crate::ImportError;

/// Maximum number of findings of one code that a snapshot lists. All are counted. A file with the
/// same mistake in every row has millions of them.
pub(crate) const LISTED_IN_SNAPSHOT: u64 = 10_000;

/// Findings are held back until the whole set is read, so that a refused set writes nothing. Beyond
/// this many bytes they are written early.
const WAITING_BYTES: usize = 16 << 20;

/// Longest quote of a bad value, in characters.
const QUOTED: usize = 40;

/// Why reading stops before its end.
#[derive(Debug)]
pub(crate) enum Abort {
    /// A finding of severity stop was recorded.
    Refused,
    /// The set updates earlier sets that were not given.
    NeedsBase,
    /// A failure that is not the data's fault.
    Fault(ImportError),
}

/// Discards all lines.
pub(crate) struct NoSink;

impl SnapshotSink for NoSink {
    fn line(&mut self, _: PartName, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// A sign that a file was saved in a spreadsheet program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sign {
    /// `manifest.version` is `1`.
    Version = 1,
    /// `TRUE` and `FALSE`.
    Capitals = 2,
    /// Dates with slashes.
    Dates = 4,
    /// Grades such as `3`.
    Grades = 8,
    /// Ids such as `1.2E+15`.
    Exponents = 16,
    /// Ids that differ from those of another file in leading zeros.
    LostZeros = 32,
}

/// Collects findings.
pub(crate) struct Diagnostics<'s> {
    sink: &'s mut dyn SnapshotSink,
    counts: BTreeMap<&'static str, u64>,
    list: FindingList,
    waiting: Vec<u8>,
    ends: Vec<usize>,
    /// Set while an earlier package is read. Findings below severity drop were reported when that
    /// package was imported.
    pub(crate) earlier: bool,
    /// Whether the source is a server's lists instead of files.
    of_lists: bool,
    /// Each [`Sign`] that was seen, as a bit.
    signs: u8,
}

impl<'s> Diagnostics<'s> {
    pub(crate) fn new(sink: &'s mut dyn SnapshotSink) -> Self {
        Self {
            sink,
            counts: BTreeMap::new(),
            list: FindingList::default(),
            waiting: Vec::new(),
            ends: Vec::new(),
            earlier: false,
            of_lists: false,
            signs: 0,
        }
    }

    /// Collects findings about a server's lists. Findings about a table name the list that it is
    /// made from.
    pub(crate) fn of_lists(sink: &'s mut dyn SnapshotSink) -> Self {
        Self { of_lists: true, ..Self::new(sink) }
    }

    /// Records a finding. `make` only runs if the finding will be listed.
    pub(crate) fn note(&mut self, code: &'static Code, make: impl FnOnce(Finding) -> Finding) {
        self.note_as(code, code.severity, make);
    }

    /// Records a finding with another severity than its code's.
    pub(crate) fn note_as(
        &mut self,
        code: &'static Code,
        severity: Severity,
        make: impl FnOnce(Finding) -> Finding,
    ) {
        if self.earlier && severity < Severity::Drop {
            return;
        }
        let count = self.counts.entry(code.name).or_insert(0);
        *count += 1;
        if *count > LISTED_IN_SNAPSHOT && severity < Severity::Stop {
            if let Some(total) = self.list.totals.get_mut(code.name) {
                total.count += 1;
                total.severity = total.severity.max(severity);
            }
            return;
        }
        let mut finding = make(Finding::new(code).with_severity(severity));
        if self.of_lists
            && let Some(place) = &mut finding.place
        {
            // A server's user objects contain the roles.
            let list = place.file.strip_suffix(".csv").unwrap_or(&place.file);
            place.file = if list == "roles" { "users".into() } else { list.to_owned().into() };
        }
        if self.earlier {
            finding.message.push_str(" (In an earlier upload, which this one updates.)");
        }
        // Writing to a vector cannot fail.
        if serde_json::to_writer(&mut self.waiting, &finding).is_ok() {
            self.ends.push(self.waiting.len());
        }
        self.list.push(finding);
    }

    /// Records a finding that was created elsewhere.
    pub(crate) fn adopt(&mut self, finding: Finding) {
        if serde_json::to_writer(&mut self.waiting, &finding).is_ok() {
            self.ends.push(self.waiting.len());
        }
        self.list.push(finding);
    }

    /// Remembers a sign that a file was saved in a spreadsheet program.
    pub(crate) fn sign(&mut self, sign: Sign) {
        if !self.earlier {
            self.signs |= sign as u8;
        }
    }

    /// Whether a sign was seen.
    pub(crate) fn has_sign(&self, sign: Sign) -> bool {
        self.signs & sign as u8 != 0
    }

    /// Returns the name of a table in texts: the file, or the list of a server.
    pub(crate) fn list_name(&self, file: &'static str) -> &'static str {
        if self.of_lists { file.strip_suffix(".csv").unwrap_or(file) } else { file }
    }

    /// Whether a finding of severity stop was recorded.
    pub(crate) fn stopped(&self) -> bool {
        self.list.totals.values().any(|total| total.severity == Severity::Stop)
    }

    /// Returns an error if a finding of severity stop was recorded.
    pub(crate) fn go_on(&self) -> Result<(), Abort> {
        if self.stopped() { Err(Abort::Refused) } else { Ok(()) }
    }

    /// Writes the findings held back if they take too much memory.
    pub(crate) fn relieve(&mut self) -> Result<(), Abort> {
        if self.waiting.len() < WAITING_BYTES { Ok(()) } else { self.flush() }
    }

    /// Writes the findings held back.
    pub(crate) fn flush(&mut self) -> Result<(), Abort> {
        let mut start = 0;
        for &end in &self.ends {
            self.sink.line(PartName::Findings, &self.waiting[start..end]).map_err(write_fault)?;
            start = end;
        }
        self.ends.clear();
        self.waiting.clear();
        Ok(())
    }

    /// The sink, for lines that are not findings.
    pub(crate) fn sink(&mut self) -> &mut dyn SnapshotSink {
        self.sink
    }

    /// Returns the findings, causes first (R-X3).
    pub(crate) fn into_list(self) -> FindingList {
        let mut list = self.list;
        list.findings.sort_by_key(|finding| !cause::is_cause(&finding.code));
        list
    }
}

pub(crate) fn write_fault(error: io::Error) -> Abort {
    Abort::Fault(ImportError::Write(error))
}

/// Creates the place of a finding. `line` 0 means no line.
pub(crate) fn place(file: &'static str, line: u32, column: Option<&str>) -> Place {
    Place {
        file: Cow::Borrowed(file),
        line: (line > 0).then_some(u64::from(line)),
        column: column.map(|column| Cow::Owned(column.to_owned())),
    }
}

/// Creates an id for a finding.
pub(crate) fn id_of(id: &str) -> SourceId {
    SourceId::new(id)
}

/// Quotes a bad value for a finding: shortened, on one line.
pub(crate) fn quoted(value: &str) -> String {
    let mut text: String =
        value.chars().take(QUOTED).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if value.chars().nth(QUOTED).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}
