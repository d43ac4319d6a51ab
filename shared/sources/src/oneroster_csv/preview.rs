//! Reads the start of every file of a set before the first row of any: all headers are checked
//! together, so that a refused set reports all that is wrong with them at once (R-X4), and dates
//! in another notation than the standard's are tested for the one order of day and month that fits
//! all of them.

use encoding_rs::Encoding;
use roster::settings::DateOrder;

use super::diagnostics::{Abort, Diagnostics, NoSink};
use super::feed::Source;
use super::header::Header;
use super::layout::FileKind;
use super::package::Package;
use super::rows::{Next, Rows};
use super::set::FileSet;
use super::table::{check_header, fault};
use super::values::{self, DateParts};

/// Unpacked bytes in which a date of another notation must occur for the file to be tested.
const FIRST_BYTES: u64 = 256 << 10;

/// What is read ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreviewOptions {
    pub(super) fallback: Option<&'static Encoding>,
    /// Whether demographics.csv is read.
    pub(super) demographics: bool,
    /// Whether the settings name the order of day and month.
    pub(super) has_date_order: bool,
}

/// The result for each file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Preview {
    /// Files whose header was checked and reported.
    checked: [bool; 8],
    /// The only order that fits all dates of a file.
    orders: [Option<DateOrder>; 8],
}

impl Preview {
    /// Whether a file's header was checked and reported.
    pub(super) fn is_checked(&self, kind: FileKind) -> bool {
        self.checked[kind as usize]
    }

    /// Returns the only order of day and month that fits all dates of a file.
    pub(super) fn date_order(&self, kind: FileKind) -> Option<DateOrder> {
        self.orders[kind as usize]
    }

    /// Reads the start of each file. Findings of all headers are recorded; the caller stops if one
    /// of them refuses the set.
    pub(super) fn of(
        package: &mut dyn Package,
        set: &FileSet,
        options: PreviewOptions,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Result<Self, Abort> {
        let mut preview = Self::default();
        let mut users_have_roles = None;
        for kind in FileKind::ALL {
            let is_read = match kind {
                FileKind::Roles => users_have_roles
                    .map_or(set.version == super::layout::Version::V1_2, |has_roles: bool| {
                        !has_roles
                    }),
                FileKind::Demographics => options.demographics,
                _ => true,
            };
            let Some(index) = set.file(kind).filter(|_| is_read) else { continue };
            let file = match package.open(index) {
                Ok(file) => file,
                Err(error) => {
                    skip_refusal(fault(error, kind.file(), diagnostics))?;
                    continue;
                }
            };
            let mut rows = Rows::new(Source::new(file), options.fallback);
            let next = match rows.advance() {
                Ok(next) => next,
                Err(error) => {
                    skip_refusal(fault(error, kind.file(), diagnostics))?;
                    continue;
                }
            };
            let cells: Vec<&str> = rows.cells().iter().map(|cell| cell.of(rows.text())).collect();
            let found = (next, rows.source().mark, rows.oddities.unended);
            let header = check_header(found, &cells, kind, set.version, diagnostics);
            preview.checked[kind as usize] = true;
            let Some(header) = header else { continue };
            if kind == FileKind::Users {
                users_have_roles = Some(header.col("role").is_there());
            }
            if !options.has_date_order {
                preview.orders[kind as usize] = find_order(&mut rows, &header, kind);
            }
        }
        Ok(preview)
    }

    /// Reads the start of each file of an earlier set. Its headers are reported when it is read.
    pub(super) fn of_earlier(
        package: &mut dyn Package,
        set: &FileSet,
        options: PreviewOptions,
    ) -> Result<Self, Abort> {
        let mut sink = NoSink;
        let read = Self::of(package, set, options, &mut Diagnostics::new(&mut sink))?;
        Ok(Self { checked: [false; 8], ..read })
    }
}

/// A refusal is recorded, and the headers of the other files are checked too. A failed read ends the import.
fn skip_refusal(abort: Abort) -> Result<(), Abort> {
    match abort {
        Abort::Refused => Ok(()),
        other => Err(other),
    }
}

/// The columns of dates of a file.
fn date_columns(kind: FileKind) -> &'static [&'static str] {
    match kind {
        FileKind::AcademicSessions => &["startDate", "endDate"],
        FileKind::Roles | FileKind::Enrollments => &["beginDate", "endDate"],
        FileKind::Demographics => &["birthDate"],
        _ => &[],
    }
}

/// Finds the only order of day and month that fits all dates of a file. Reads the whole file only
/// if its first part has dates that are not in the standard's notation.
fn find_order(rows: &mut Rows<'_>, header: &Header, kind: FileKind) -> Option<DateOrder> {
    let columns: Vec<usize> = date_columns(kind)
        .iter()
        .map(|name| header.col(name))
        .filter(|col| col.is_there())
        .map(|col| col.at)
        .collect();
    if columns.is_empty() {
        return None;
    }
    let mut fits = Fits::default();
    // Whatever ends the file early is reported when it is read.
    while let Ok(Next::Row) = rows.advance() {
        if rows.cells().len() == header.width {
            for &at in &columns {
                let text = values::trim(rows.cells()[at].of(rows.text()));
                if !text.is_empty() && values::iso_date(text.as_bytes()).is_none() {
                    fits.test(text);
                }
            }
        }
        if !fits.any && rows.source().read > FIRST_BYTES {
            break;
        }
    }
    fits.only()
}

/// The orders of day and month that fit the dates seen so far.
#[derive(Default)]
struct Fits {
    any: bool,
    /// Some date is only valid as day-month-year.
    only_dmy: bool,
    /// Some date is only valid as month-day-year.
    only_mdy: bool,
}

impl Fits {
    fn test(&mut self, text: &str) {
        let Some(parts) = DateParts::of(text) else { return };
        self.any = true;
        match (parts.date(DateOrder::Mdy), parts.date(DateOrder::Dmy)) {
            (Some(_), None) => self.only_mdy = true,
            (None, Some(_)) => self.only_dmy = true,
            // Ambiguous, or no date in either order.
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn only(&self) -> Option<DateOrder> {
        match (self.only_mdy, self.only_dmy) {
            (true, false) => Some(DateOrder::Mdy),
            (false, true) => Some(DateOrder::Dmy),
            _ => None,
        }
    }
}
