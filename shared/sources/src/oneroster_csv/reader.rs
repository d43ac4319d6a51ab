//! Reads the tables of tonight's set, and of those before it where it follows them, into the one
//! roster. Where the tables come from it does not know: the files of a package and the lists of a
//! server are checked by the same rules, and found wanting in the same words.

use roster::finding::source as codes;

use super::ahead::Ahead;
use super::assemble;
use super::collected::{Collected, Enrollment, ImportOptions, User};
use super::diagnostics::{Abort, Diagnostics, place, quoted};
use super::import::Progress;
use super::layout::{self, FileKind, Version};
use super::repeats::Claims;
use super::set::Nature;
use super::table::{Mode, Reading, Table};
use super::{classes, demographics, enrollments, orgs, roles, sessions, users};

/// What is done with the rows of a table.
pub(crate) type Work<'w> = dyn FnMut(Ahead) -> Result<(), Abort> + 'w;

/// A set of tables.
pub(crate) trait Tables {
    /// Learns what the set claims to be, before anything else is asked of it.
    fn open(&mut self, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort>;
    /// Its bytes as declared; for progress, never trusted.
    fn size(&self) -> u64;
    /// Which text of the standard it follows.
    fn version(&self) -> Version;
    /// What it is as a whole.
    fn nature(&self) -> Nature;
    /// Whether it has a table.
    fn has(&self, kind: FileKind) -> bool;
    /// Whether a table is the whole truth or what has changed.
    fn mode(&self, kind: FileKind) -> Mode;
    /// Whether the rows are a server's objects.
    fn is_served(&self) -> bool;
    /// A table's bytes as declared; 0 where nobody says. Never trusted.
    fn declared(&self, kind: FileKind) -> u64;
    /// Does something with the rows of a table that it has.
    fn rows(&mut self, kind: FileKind, work: &mut Work<'_>) -> Result<(), Abort>;
    /// Whether a column of the district's own, which stands in a table's header, was met in it.
    fn met(&self, column: &str) -> bool;
}

/// Bytes of a row of users.csv and of enrollments.csv as short as they come, and the most bytes
/// that room is made for, whatever a file claims to be.
const SHORT_USER: u64 = 120;
const SHORT_ENROLLMENT: u64 = 48;
const MOST_ROOM: usize = 256 << 20;

/// Makes room for the rows of the two long tables.
fn make_room(roster: &mut Collected, kind: FileKind, declared: u64) {
    let rows = |short: u64, size: usize| {
        usize::try_from(declared / short).map_or(0, |rows| rows.min(MOST_ROOM / size))
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

/// Reads the files of all kinds, from tonight's set as far back as needed.
pub(crate) struct Reader<'a> {
    /// Tonight's first.
    sets: Vec<Box<dyn Tables + 'a>>,
    /// How many of them were opened so far.
    opened: usize,
    has_base: bool,
    progress: Option<&'a mut dyn FnMut(Progress)>,
    read: u64,
    of: u64,
    roster: Collected,
    options: ImportOptions<'a>,
}

/// What reading one kind needs from row to row, and from set to set.
struct Going {
    claims: Claims,
    memory: enrollments::Memory,
    demographics: Vec<demographics::Seen>,
    /// Where the rows of each set begin, among enrollments.
    begins: Vec<usize>,
}

impl<'a> Reader<'a> {
    /// Reads these sets, tonight's first, which is open.
    pub(crate) fn new(
        sets: Vec<Box<dyn Tables + 'a>>,
        has_base: bool,
        options: ImportOptions<'a>,
        progress: Option<&'a mut dyn FnMut(Progress)>,
    ) -> Self {
        let of = sets.first().map_or(0, |tonight| tonight.size());
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

    /// Reads everything, and writes the snapshot's lines. Gives the number of seats.
    pub(crate) fn stage(mut self, diagnostics: &mut Diagnostics<'_>) -> Result<u64, Abort> {
        self.read_all(diagnostics)?;
        let Reader { mut progress, roster, options, read, of, .. } = self;
        let told = |lines: u64| {
            if let Some(progress) = &mut progress {
                progress(Progress { read, of, lines });
            }
        };
        assemble::stage(roster, &options, diagnostics, told)
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
        Ok(())
    }

    /// Whether a kind is read at all.
    fn is_read(&self, kind: FileKind, diagnostics: &mut Diagnostics<'_>) -> bool {
        match kind {
            FileKind::Roles => {
                let with_roles = self.roster.users_have_roles == Some(true);
                let tonight = &self.sets[0];
                let other = if with_roles { Version::V1_2 } else { Version::V1_1 };
                let contradicts = tonight.version() == other || (with_roles && tonight.has(kind));
                if contradicts && tonight.has(FileKind::Users) {
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
        let mut going = Going {
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
                is_whole = self.read_table(kind, number, &mut going, diagnostics)?;
                was_read = true;
                going.claims.go_back();
            } else {
                // What a bulk set does not have is not there; in a delta set it stays as it was.
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
        if kind == FileKind::Enrollments && going.begins.len() > 1 {
            self.oldest_first(&going.begins);
        }
        Ok(())
    }

    /// Brings enrollments of several sets into the order in which they came, which is the order of
    /// co-teachers.
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

    /// Reads one table; true if it is the whole truth of its kind.
    fn read_table(
        &mut self,
        kind: FileKind,
        number: usize,
        going: &mut Going,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Result<bool, Abort> {
        let settings = self.options.settings;
        let set = &mut self.sets[number];
        let reading = Reading {
            kind,
            mode: set.mode(kind),
            version: set.version(),
            date_order: settings.date_order,
            tolerate_mixed_status: settings.tolerate_mixed_status,
            bulk_with_status: settings.bulk_with_status,
            is_served: set.is_served(),
        };
        let package = u16::try_from(number).unwrap_or(u16::MAX);
        let (roster, options) = (&mut self.roster, &self.options);
        make_room(roster, kind, set.declared(kind));
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
                    roles::read(&mut table, &mut going.claims, roster, options.today, diagnostics)?
                }
                FileKind::Demographics => {
                    let Going { claims, demographics: seen, .. } = going;
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
                    going.begins.push(roster.enrollments.len());
                    enrollments::read(
                        &mut table,
                        &mut going.claims,
                        &mut going.memory,
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

    /// Columns that the settings map and no file has.
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
