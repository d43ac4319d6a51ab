//! Findings, collected until nothing can refuse the set any more.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use roster::finding::{Code, Finding, Place, Severity};
use roster::id::SourceId;
use roster::report::FindingList;
use roster::snapshot::{PartName, SnapshotSink};

use crate::ImportError;

/// How many findings of one code a snapshot lists in full. All are counted: a file with one mistake
/// in every row has millions of them.
pub(crate) const LISTED_IN_SNAPSHOT: u64 = 10_000;

/// Findings wait here, not with the sink, so that a refused set writes nothing; beyond this many
/// bytes they go all the same.
const WAITING_BYTES: usize = 16 << 20;

/// Longest piece of a bad value that a finding quotes, in characters.
const QUOTED: usize = 40;

/// Why reading stops before its end.
#[derive(Debug)]
pub(crate) enum Abort {
    /// A finding of weight stop was noted.
    Refused,
    /// The set follows earlier ones that were not given.
    NeedsBase,
    /// Something that is not the data's fault.
    Fault(ImportError),
}

/// Collects findings.
pub(crate) struct Diagnostics<'s> {
    sink: &'s mut dyn SnapshotSink,
    counts: BTreeMap<&'static str, u64>,
    list: FindingList,
    waiting: Vec<u8>,
    ends: Vec<usize>,
    /// Set while a package before tonight's is read: what is only odd there was reported in its own
    /// night.
    pub(crate) earlier: bool,
    /// What is read are a server's lists, and no files.
    of_lists: bool,
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
        }
    }

    /// Collects findings about the lists of a server. What is found in a table is said of the list
    /// that it is made of.
    pub(crate) fn of_lists(sink: &'s mut dyn SnapshotSink) -> Self {
        Self { of_lists: true, ..Self::new(sink) }
    }

    /// Diagnostics a finding. It is only made where it will be listed.
    pub(crate) fn note(&mut self, code: &'static Code, make: impl FnOnce(Finding) -> Finding) {
        self.weighing(code, code.severity, make);
    }

    /// Diagnostics a finding of another weight than its code's.
    pub(crate) fn weighing(
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
        let mut finding = make(Finding::new(code).weighing(severity));
        if self.of_lists
            && let Some(place) = &mut finding.place
        {
            // Roles stand in the objects of users.
            let list = place.file.strip_suffix(".csv").unwrap_or(&place.file);
            place.file = if list == "roles" { "users".into() } else { list.to_owned().into() };
        }
        if self.earlier {
            finding.message.push_str(" (In an earlier upload, which this one updates.)");
        }
        // A vector takes any bytes, so this cannot fail.
        if serde_json::to_writer(&mut self.waiting, &finding).is_ok() {
            self.ends.push(self.waiting.len());
        }
        self.list.push(finding);
    }

    /// Takes a finding that was made elsewhere.
    pub(crate) fn adopt(&mut self, finding: Finding) {
        if serde_json::to_writer(&mut self.waiting, &finding).is_ok() {
            self.ends.push(self.waiting.len());
        }
        self.list.push(finding);
    }

    /// Whether anything of weight stop was noted.
    pub(crate) fn stopped(&self) -> bool {
        self.list.totals.values().any(|total| total.severity == Severity::Stop)
    }

    /// An error if anything of weight stop was noted.
    pub(crate) fn go_on(&self) -> Result<(), Abort> {
        if self.stopped() { Err(Abort::Refused) } else { Ok(()) }
    }

    /// Hands waiting findings to the sink if there are too many to keep.
    pub(crate) fn relieve(&mut self) -> Result<(), Abort> {
        if self.waiting.len() < WAITING_BYTES { Ok(()) } else { self.flush() }
    }

    /// Hands waiting findings to the sink.
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

    /// The sink, for what is not a finding.
    pub(crate) fn sink(&mut self) -> &mut dyn SnapshotSink {
        self.sink
    }

    pub(crate) fn into_list(self) -> FindingList {
        self.list
    }
}

pub(crate) fn write_fault(error: io::Error) -> Abort {
    Abort::Fault(ImportError::Write(error))
}

/// A place in a file.
pub(crate) fn place(file: &'static str, line: u32, column: Option<&str>) -> Place {
    Place {
        file: Cow::Borrowed(file),
        line: (line > 0).then_some(u64::from(line)),
        column: column.map(|column| Cow::Owned(column.to_owned())),
    }
}

/// An id as findings carry it.
pub(crate) fn id_of(id: &str) -> SourceId {
    SourceId::new(id)
}

/// A bad value as a finding may quote it: short, and on one line.
pub(crate) fn quoted(value: &str) -> String {
    let mut text: String =
        value.chars().take(QUOTED).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if value.chars().nth(QUOTED).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}
