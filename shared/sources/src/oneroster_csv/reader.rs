//! Reads the tables of a set, and of the earlier sets that it updates, into the roster.
//!
//! The tables may be the files of a package or the lists of a server. Both have the same checks and
//! the same findings.

use roster::finding::source as codes;
use roster::settings::DateOrder;

use super::ahead::Ahead;
use super::assemble;
use super::collected::{Collected, Enrollment, ImportOptions, User};
use super::diagnostics::{Abort, Diagnostics, place, quoted};
use super::layout::{self, FileKind, Version};
use super::progress::Progress;
use super::repeats::Claims;
use super::set::Nature;
use super::table::{Mode, Reading, Table};
use super::{causes, classes, demographics, enrollments, orgs, roles, sessions, users};

/// Processes the rows of a table.
pub(crate) type Work<'w> = dyn FnMut(Ahead) -> Result<(), Abort> + 'w;

/// A set of tables.
pub(crate) trait Tables {
    /// Reads what the set claims to be. Called before all other functions.
    fn open(&mut self, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort>;
    /// Its size in bytes, as declared. Not trusted; used for progress.
    fn size(&self) -> u64;
    /// The version of the standard that it follows.
    fn version(&self) -> Version;
    /// Whether the set is complete.
    fn nature(&self) -> Nature;
    /// Whether it has a table.
    fn has(&self, kind: FileKind) -> bool;
    /// Whether a table is complete or a delta.
    fn mode(&self, kind: FileKind) -> Mode;
    /// Whether the rows are a server's objects.
    fn is_served(&self) -> bool;
    /// A table's size in bytes, as declared; 0 if unknown. Not trusted.
    fn declared(&self, kind: FileKind) -> u64;
    /// Passes the rows of a table to `work`. Does nothing if the set does not have the table.
    fn rows(&mut self, kind: FileKind, work: &mut Work<'_>) -> Result<(), Abort>;
    /// Whether a table's header was already checked and reported.
    fn is_checked(&self, kind: FileKind) -> bool;
    /// The only order of day and month that fits all dates of a table, if the settings name none.
    fn date_order(&self, kind: FileKind) -> Option<DateOrder>;
    /// Whether a mapped column, which is in a table's header, occurred in the data.
    fn met(&self, column: &str) -> bool;
}

/// Bytes of a short row of users.csv, and of enrollments.csv.
const SHORT_USER: u64 = 120;
const SHORT_ENROLLMENT: u64 = 48;

/// Maximum number of bytes to reserve for a table, whatever size it declares.
const MAX_RESERVED: usize = 256 << 20;

/// Reserves memory for the rows of the two long tables.
fn reserve(roster: &mut Collected, kind: FileKind, declared: u64) {
    let rows = |short: u64, size: usize| {
        usize::try_from(declared / short).map_or(0, |rows| rows.min(MAX_RESERVED / size))
    };
    match kind {
        FileKind::Users => roster.users.reserve(rows(SHORT_USER, size_of::<User>())),
        FileKind::Enrollments => {
            let rows = rows(SHORT_ENROLLMENT, size_of::<Enrollment>());
            roster.enrollments.reserve(rows);
            roster.enrollment_ids.reserve(rows);
        }
        _ => {}
    }
}

/// Reads the tables of all kinds, from the newest set as far back as needed.
pub(crate) struct Reader<'a> {
    /// Newest first.
    sets: Vec<Box<dyn Tables + 'a>>,
    /// Number of sets opened so far.
    opened: usize,
    has_base: bool,
    progress: Option<&'a mut dyn FnMut(Progress)>,
    read: u64,
    of: u64,
    roster: Collected,
    options: ImportOptions<'a>,
}

/// State of reading one kind of table.
struct KindState {
    claims: Claims,
    memory: enrollments::Memory,
    demographics: Vec<demographics::Seen>,
    /// Index of each set's first row among all enrollments.
    begins: Vec<usize>,
}

impl<'a> Reader<'a> {
    /// Creates a reader of sets, newest first. The first must be open.
    pub(crate) fn new(
        sets: Vec<Box<dyn Tables + 'a>>,
        has_base: bool,
        options: ImportOptions<'a>,
        progress: Option<&'a mut dyn FnMut(Progress)>,
    ) -> Self {
        let of = sets.first().map_or(0, |newest| newest.size());
        Self {
            sets,
            opened: 1,
            has_base,
            progress,
            read: 0,
            of,
            roster: Collected::of(layout::words()),
            options,
        }
    }

    /// Reads everything and writes the snapshot's lines. Returns the number of enrollments.
    pub(crate) fn stage(mut self, diagnostics: &mut Diagnostics<'_>) -> Result<u64, Abort> {
        self.read_all(diagnostics)?;
        let Reader { mut progress, roster, options, read, of, .. } = self;
        let report = |lines: u64| {
            if let Some(progress) = &mut progress {
                progress(Progress { read, of, lines });
            }
        };
        assemble::stage(roster, &options, diagnostics, report)
    }

    fn read_all(&mut self, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
        for kind in FileKind::ALL {
            if self.is_read(kind, diagnostics) {
                self.read_kind(kind, diagnostics)?;
            }
            match kind {
                FileKind::Orgs => orgs::finish(&mut self.roster, &self.options, diagnostics),
                FileKind::AcademicSessions => sessions::finish(&mut self.roster, diagnostics),
                FileKind::Courses => classes::finish_courses(&self.roster, diagnostics),
                FileKind::Classes => classes::finish_classes(&mut self.roster, diagnostics),
                FileKind::Users => users::finish(&mut self.roster, diagnostics),
                FileKind::Roles if self.roster.users_have_roles == Some(false) => {
                    roles::finish(&mut self.roster, diagnostics)
                }
                FileKind::Roles => {}
                FileKind::Demographics => self.note_unmapped(diagnostics),
                FileKind::Enrollments => enrollments::finish(&mut self.roster, diagnostics),
            }
        }
        users::note_not_rostered(&self.roster, diagnostics);
        orgs::note_missing_schools(&self.roster, diagnostics);
        causes::note(&self.roster, diagnostics);
        Ok(())
    }

    /// Whether a kind is read. Reports a version that contradicts the tables.
    fn is_read(&self, kind: FileKind, diagnostics: &mut Diagnostics<'_>) -> bool {
        match kind {
            FileKind::Roles => {
                let with_roles = self.roster.users_have_roles == Some(true);
                let newest = &self.sets[0];
                let other = if with_roles { Version::V1_2 } else { Version::V1_1 };
                let contradicts = newest.version() == other || (with_roles && newest.has(kind));
                if contradicts && newest.has(FileKind::Users) {
                    diagnostics.note(&codes::ONEROSTER_VERSION, |f| {
                        let found = if with_roles {
                            "users.csv has roles, as in OneRoster 1.1; roles.csv was ignored"
                        } else {
                            "users.csv has no roles, as in OneRoster 1.2"
                        };
                        f.with(found).at(place("manifest.csv", 0, Some("oneroster.version")))
                    });
                }
                !with_roles
            }
            FileKind::Demographics => demographics::is_wanted(&self.options),
            _ => true,
        }
    }

    fn read_kind(
        &mut self,
        kind: FileKind,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Result<(), Abort> {
        let remember = self.sets.len() > 1;
        let mut state = KindState {
            claims: Claims::new(remember),
            memory: enrollments::Memory::default(),
            demographics: Vec::new(),
            begins: Vec::new(),
        };
        let mut was_read = false;
        let mut is_whole = false;
        for number in 0..self.sets.len() {
            if self.opened == number {
                diagnostics.earlier = true;
                self.sets[number].open(diagnostics)?;
                self.of += self.sets[number].size();
                self.opened += 1;
            }
            diagnostics.earlier = number > 0;
            if self.sets[number].has(kind) {
                is_whole = self.read_table(kind, number, &mut state, diagnostics)?;
                was_read = true;
                state.claims.go_back();
            } else {
                // A table missing from a bulk set is empty; one missing from a delta set is
                // unchanged.
                is_whole = self.sets[number].nature() == Nature::Bulk;
            }
            if is_whole {
                break;
            }
        }
        diagnostics.earlier = false;
        if !is_whole && self.sets.len() == 1 && self.has_base {
            return Err(Abort::NeedsBase);
        }
        if !was_read && (kind.is_needed() || kind == FileKind::Roles) {
            diagnostics.note(&codes::FILE_MISSING, |f| {
                f.with(format!("{} is missing", kind.file())).at(place(kind.file(), 0, None))
            });
            return Err(Abort::Refused);
        }
        if kind == FileKind::Enrollments && state.begins.len() > 1 {
            self.oldest_first(&state.begins);
        }
        Ok(())
    }

    /// Sorts the enrollments of several sets, oldest set first. Co-teachers keep this order.
    fn oldest_first(&mut self, begins: &[usize]) {
        let (rows, ids) = (&self.roster.enrollments, &self.roster.enrollment_ids);
        let ends = begins[1..].iter().copied().chain([rows.len()]);
        let mut pieces: Vec<_> = begins.iter().copied().zip(ends).collect();
        pieces.reverse();
        let rows =
            pieces.iter().flat_map(|&(begin, end)| rows[begin..end].iter().copied()).collect();
        let ids = pieces.iter().flat_map(|&(begin, end)| ids[begin..end].iter().copied()).collect();
        (self.roster.enrollments, self.roster.enrollment_ids) = (rows, ids);
    }

    /// Reads one table. Returns true if it is complete, so that no earlier set is needed.
    fn read_table(
        &mut self,
        kind: FileKind,
        number: usize,
        state: &mut KindState,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Result<bool, Abort> {
        let settings = self.options.settings;
        let set = &mut self.sets[number];
        let reading = Reading {
            kind,
            mode: set.mode(kind),
            version: set.version(),
            date_order: settings.date_order.or_else(|| set.date_order(kind)),
            is_order_set: settings.date_order.is_some(),
            is_checked: set.is_checked(kind),
            tolerate_mixed_status: settings.tolerate_mixed_status,
            bulk_with_status: settings.bulk_with_status,
            is_served: set.is_served(),
        };
        let package = u16::try_from(number).unwrap_or(u16::MAX);
        let (roster, options) = (&mut self.roster, &self.options);
        reserve(roster, kind, set.declared(kind));
        let mut ended = None;
        set.rows(kind, &mut |rows| {
            let mut table = Table::open(rows, reading, diagnostics)?;
            match kind {
                FileKind::Orgs => orgs::read(&mut table, package, roster, diagnostics)?,
                FileKind::AcademicSessions => {
                    sessions::read(&mut table, package, roster, diagnostics)?
                }
                FileKind::Courses => {
                    classes::read_courses(&mut table, package, roster, diagnostics)?
                }
                FileKind::Classes => {
                    classes::read_classes(&mut table, package, roster, diagnostics)?
                }
                FileKind::Users => users::read(&mut table, package, roster, options, diagnostics)?,
                FileKind::Roles => {
                    roles::read(&mut table, &mut state.claims, roster, options.today, diagnostics)?
                }
                FileKind::Demographics => {
                    let KindState { claims, demographics: seen, .. } = state;
                    demographics::read(
                        &mut table,
                        package,
                        claims,
                        seen,
                        roster,
                        options,
                        diagnostics,
                    )?;
                }
                FileKind::Enrollments => {
                    state.begins.push(roster.enrollments.len());
                    enrollments::read(
                        &mut table,
                        &mut state.claims,
                        &mut state.memory,
                        roster,
                        diagnostics,
                    )?;
                }
            }
            ended = Some((table.finish(diagnostics)?, table.bytes_read()));
            Ok(())
        })?;
        let (is_whole, read) = ended.unwrap_or_default();
        self.read += read;
        if let Some(progress) = &mut self.progress {
            progress(Progress { read: self.read, of: self.of, lines: 0 });
        }
        Ok(is_whole)
    }

    /// Reports columns that the settings map but no file has.
    fn note_unmapped(&self, diagnostics: &mut Diagnostics<'_>) {
        for (field, column) in &self.options.settings.metadata {
            let kept = self.options.demographics
                || matches!(field.as_str(), "state_id" | "student_number");
            let is_there = || {
                let in_some = self.roster.mapped.iter().any(|mapped| mapped == field);
                in_some && self.sets[..self.opened].iter().any(|set| set.met(column))
            };
            if kept && !is_there() {
                diagnostics.note(&codes::METADATA_COLUMN_MISSING, |f| {
                    let found = format!(
                        "the settings map {field} to the column {}, which is in no file",
                        quoted(column)
                    );
                    f.with(found).at(place(FileKind::Users.file(), 1, None))
                });
            }
        }
    }
}
