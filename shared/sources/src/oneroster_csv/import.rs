//! The import: a set of files in, the lines of a snapshot out.

use std::io;

use encoding_rs::Encoding;
use jiff::civil::Date;
use rules::finding::source as codes;
use rules::policy::Policy;
use rules::settings::SourceSettings;
use rules::snapshot::{PartName, SnapshotSink};

use super::ahead::with_file;
use super::assemble;
use super::layout::{self, FileKind, Version};
use super::notes::{Halt, Notes, place, quoted};
use super::package::Package;
use super::phone::Phones;
use super::repeats::Claims;
use super::roster::{Roster, Wishes};
use super::set::{FileSet, Nature};
use super::table::{Reading, Table};
use super::{ImportError, Refused, Staged};
use super::{classes, demographics, enrollments, orgs, roles, sessions, users};

/// What an import is made from.
pub struct Job<'a> {
    /// The sets, the oldest first; the last is tonight's. The ones before it are the chain that a delta set follows: the last full set and
    /// the deltas since. They are read only as far back as needed.
    pub packages: Vec<Box<dyn Package + 'a>>,
    /// Whether an earlier set of this district was accepted. With one package only, it decides between [`Import::NeedsBase`] and taking
    /// a delta set as the first.
    pub has_base: bool,
    /// How the district's files are to be read.
    pub settings: &'a SourceSettings,
    /// The district's policy; it decides about demographics (R-M7).
    pub policy: &'a Policy,
    /// The day for which dated roles are read.
    pub today: Date,
    /// Told now and then how far the import is.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Unpacked bytes read.
    pub read: u64,
    /// Unpacked bytes that there are, as declared.
    pub of: u64,
    /// Lines emitted.
    pub lines: u64,
}

/// How an import ended.
#[derive(Debug)]
pub enum Import {
    /// The snapshot's lines are with the sink.
    Staged(Staged),
    /// The set cannot be trusted (R-H3); what the sink may have got is void.
    Refused(Refused),
    /// The set follows earlier ones, which were not given though there are some: import again with them. Nothing was emitted.
    NeedsBase,
}

/// What a set's manifest alone tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The set is, in whole or in part, a delta, or says that nothing changed: it is read over the sets that it follows.
    pub needs_base: bool,
}

/// Takes lines nowhere.
struct NoSink;

impl SnapshotSink for NoSink {
    fn line(&mut self, _: PartName, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a set's manifest, and nothing else. A set that cannot be read is described as one that needs no base: [`import`] says why it is refused.
pub fn describe(package: &mut dyn Package) -> Result<Described, ImportError> {
    let mut sink = NoSink;
    match FileSet::of(package, true, &mut Notes::new(&mut sink)) {
        Ok(set) => Ok(Described { needs_base: set.nature() != Nature::Bulk }),
        Err(Halt::Fault(error)) => Err(error),
        Err(Halt::Refused | Halt::NeedsBase) => Ok(Described { needs_base: false }),
    }
}

/// Imports the last of the packages, over the others where it follows them.
///
/// Whatever refuses the set is found before the first record is emitted; before that the sink gets at most findings, where there are
/// very many.
pub fn import(job: Job<'_>, sink: &mut dyn SnapshotSink) -> Result<Import, ImportError> {
    if job.packages.is_empty() {
        return Err(ImportError::NoPackage);
    }
    let mut notes = Notes::new(sink);
    match stage(job, &mut notes) {
        Ok(enrollments) => Ok(Import::Staged(Staged { enrollments, findings: notes.into_list() })),
        Err(Halt::Refused) => Ok(Import::Refused(Refused { findings: notes.into_list() })),
        Err(Halt::NeedsBase) => Ok(Import::NeedsBase),
        Err(Halt::Fault(error)) => Err(error),
    }
}

fn stage(mut job: Job<'_>, notes: &mut Notes<'_>) -> Result<u64, Halt> {
    let (fallback, phones) = check_settings(job.settings, notes)?;
    let wishes = Wishes::new(job.settings, job.policy, job.today, phones);
    // From here on tonight's package comes first: newer rows win by being read earlier.
    job.packages.reverse();
    let tonight = FileSet::of(&mut *job.packages[0], job.settings.accept_1_0, notes)?;
    let is_chained = job.packages.len() > 1;
    match tonight.nature() {
        Nature::Bulk => tonight.require_all(notes)?,
        Nature::Delta | Nature::Nothing if is_chained => {}
        Nature::Delta | Nature::Nothing if job.has_base => return Err(Halt::NeedsBase),
        Nature::Delta | Nature::Nothing => tonight.require_all(notes)?,
    }
    let mut reader = Reader {
        of: job.packages[0].files().iter().map(|file| file.size).sum(),
        packages: job.packages,
        sets: vec![tonight],
        fallback,
        has_base: job.has_base,
        progress: job.progress,
        read: 0,
        roster: Roster::of(layout::words()),
        wishes,
    };
    reader.read_all(notes)?;
    let Reader { mut progress, roster, wishes, read, of, .. } = reader;
    let told = |lines: u64| {
        if let Some(progress) = &mut progress {
            progress(Progress { read, of, lines });
        }
    };
    assemble::stage(roster, &wishes, notes, told)
}

fn check_settings(settings: &SourceSettings, notes: &mut Notes<'_>) -> Result<(Option<&'static Encoding>, Phones), Halt> {
    let encoding = settings.fallback_encoding.as_deref().map(|label| {
        // Commas, quotes and line ends must be what they are in ASCII, or rows could not be told apart.
        Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible()).ok_or(label)
    });
    let fallback = encoding.transpose().unwrap_or_else(|label| {
        invalid(notes, "fallback_encoding", label);
        None
    });
    let phones = Phones::of(&settings.phone_country);
    if phones.is_none() {
        invalid(notes, "phone_country", &settings.phone_country);
    }
    for field in settings.metadata.keys() {
        if !["state_id", "student_number", "ell", "frl", "iep"].contains(&field.as_str()) {
            invalid(notes, "metadata", field);
        }
    }
    notes.go_on()?;
    phones.map(|phones| (fallback, phones)).ok_or(Halt::Refused)
}

fn invalid(notes: &mut Notes<'_>, setting: &str, value: &str) {
    notes.note(&codes::SETTING_INVALID, |f| {
        f.saying(&codes::SETTING_INVALID, format!("the setting {setting} cannot be {}", quoted(value)))
    });
}

/// Reads the files of all kinds, from tonight's set as far back as needed.
struct Reader<'a> {
    /// Tonight's first.
    packages: Vec<Box<dyn Package + 'a>>,
    /// Those that were looked at so far.
    sets: Vec<FileSet>,
    fallback: Option<&'static Encoding>,
    has_base: bool,
    progress: Option<&'a mut dyn FnMut(Progress)>,
    read: u64,
    of: u64,
    roster: Roster,
    wishes: Wishes<'a>,
}

/// What reading one kind needs from row to row, and from set to set.
struct Going {
    claims: Claims,
    memory: enrollments::Memory,
    demographics: Vec<demographics::Seen>,
    /// Where the rows of each set begin, among enrollments.
    begins: Vec<usize>,
}

impl Reader<'_> {
    fn read_all(&mut self, notes: &mut Notes<'_>) -> Result<(), Halt> {
        for kind in FileKind::ALL {
            if self.is_read(kind, notes) {
                self.read_kind(kind, notes)?;
            }
            match kind {
                FileKind::Orgs => orgs::finish(&mut self.roster, &self.wishes, notes),
                FileKind::AcademicSessions => sessions::finish(&mut self.roster, notes),
                FileKind::Courses => classes::finish_courses(&self.roster, notes),
                FileKind::Classes => classes::finish_classes(&mut self.roster, notes),
                FileKind::Users => users::finish(&mut self.roster, notes),
                FileKind::Roles if self.roster.users_have_roles == Some(false) => roles::finish(&mut self.roster, notes),
                FileKind::Roles => {}
                FileKind::Demographics => self.note_unmapped(notes),
                FileKind::Enrollments => enrollments::finish(&mut self.roster, notes),
            }
        }
        users::note_not_rostered(&self.roster, notes);
        orgs::note_missing_schools(&self.roster, notes);
        Ok(())
    }

    /// Whether a kind is read at all.
    fn is_read(&self, kind: FileKind, notes: &mut Notes<'_>) -> bool {
        match kind {
            FileKind::Roles => {
                let with_roles = self.roster.users_have_roles == Some(true);
                let tonight = &self.sets[0];
                let other = if with_roles { Version::V1_2 } else { Version::V1_1 };
                let contradicts = tonight.version == other || (with_roles && tonight.file(kind).is_some());
                if contradicts && tonight.file(FileKind::Users).is_some() {
                    notes.note(&codes::ONEROSTER_VERSION, |f| {
                        let found = if with_roles {
                            "users.csv has the roles of OneRoster 1.1; roles.csv is not read"
                        } else {
                            "users.csv has no roles, as in OneRoster 1.2"
                        };
                        f.saying(&codes::ONEROSTER_VERSION, found).at(place("manifest.csv", 0, Some("oneroster.version")))
                    });
                }
                !with_roles
            }
            FileKind::Demographics => demographics::is_wanted(&self.wishes),
            _ => true,
        }
    }

    fn read_kind(&mut self, kind: FileKind, notes: &mut Notes<'_>) -> Result<(), Halt> {
        let remember = self.packages.len() > 1;
        let mut going = Going {
            claims: Claims::new(remember),
            memory: enrollments::Memory::default(),
            demographics: Vec::new(),
            begins: Vec::new(),
        };
        let mut was_read = false;
        let mut is_whole = false;
        for number in 0..self.packages.len() {
            if self.sets.len() == number {
                notes.earlier = true;
                let set = FileSet::of(&mut *self.packages[number], self.wishes.settings.accept_1_0, notes)?;
                self.of += self.packages[number].files().iter().map(|file| file.size).sum::<u64>();
                self.sets.push(set);
            }
            notes.earlier = number > 0;
            match self.sets[number].file(kind) {
                Some(index) => {
                    is_whole = self.read_file(kind, number, index, &mut going, notes)?;
                    was_read = true;
                    going.claims.go_back();
                }
                // What a bulk set does not have is not there; in a delta set it stays as it was.
                None => is_whole = self.sets[number].nature() == Nature::Bulk,
            }
            if is_whole {
                break;
            }
        }
        notes.earlier = false;
        if !is_whole && self.packages.len() == 1 && self.has_base {
            return Err(Halt::NeedsBase);
        }
        if !was_read && (kind.is_needed() || kind == FileKind::Roles) {
            notes.note(&codes::FILE_MISSING, |f| {
                f.saying(&codes::FILE_MISSING, format!("{} is missing", kind.file())).at(place(kind.file(), 0, None))
            });
            return Err(Halt::Refused);
        }
        if kind == FileKind::Enrollments && going.begins.len() > 1 {
            self.oldest_first(&going.begins);
        }
        Ok(())
    }

    /// Brings enrollments of several sets into the order in which they came, which is the order of co-teachers.
    fn oldest_first(&mut self, begins: &[usize]) {
        let (rows, ids) = (&self.roster.enrollments, &self.roster.enrollment_ids);
        let ends = begins[1..].iter().copied().chain([rows.len()]);
        let mut pieces: Vec<_> = begins.iter().copied().zip(ends).collect();
        pieces.reverse();
        let rows = pieces.iter().flat_map(|&(begin, end)| rows[begin..end].iter().copied()).collect();
        let ids = pieces.iter().flat_map(|&(begin, end)| ids[begin..end].iter().copied()).collect();
        (self.roster.enrollments, self.roster.enrollment_ids) = (rows, ids);
    }

    /// Reads one file; true if it is the whole truth of its kind.
    fn read_file(
        &mut self,
        kind: FileKind,
        number: usize,
        index: usize,
        going: &mut Going,
        notes: &mut Notes<'_>,
    ) -> Result<bool, Halt> {
        let settings = self.wishes.settings;
        let reading = Reading {
            kind,
            mode: self.sets[number].mode(kind),
            version: self.sets[number].version,
            date_order: settings.date_order,
            tolerate_mixed_status: settings.tolerate_mixed_status,
            bulk_with_status: settings.bulk_with_status,
        };
        let package = u16::try_from(number).unwrap_or(u16::MAX);
        let (roster, wishes) = (&mut self.roster, &self.wishes);
        let (is_whole, read) = with_file(&mut *self.packages[number], index, self.fallback, |rows| {
            let mut table = Table::open(rows, reading, notes)?;
            match kind {
                FileKind::Orgs => orgs::read(&mut table, package, roster, notes)?,
                FileKind::AcademicSessions => sessions::read(&mut table, package, roster, notes)?,
                FileKind::Courses => classes::read_courses(&mut table, package, roster, notes)?,
                FileKind::Classes => classes::read_classes(&mut table, package, roster, notes)?,
                FileKind::Users => users::read(&mut table, package, roster, wishes, notes)?,
                FileKind::Roles => roles::read(&mut table, &mut going.claims, roster, wishes.today, notes)?,
                FileKind::Demographics => {
                    let Going { claims, demographics: seen, .. } = going;
                    demographics::read(&mut table, package, claims, seen, roster, wishes, notes)?;
                }
                FileKind::Enrollments => {
                    going.begins.push(roster.enrollments.len());
                    enrollments::read(&mut table, &mut going.claims, &mut going.memory, roster, notes)?;
                }
            }
            Ok((table.finish(notes)?, table.bytes_read()))
        })?;
        self.read += read;
        if let Some(progress) = &mut self.progress {
            progress(Progress { read: self.read, of: self.of, lines: 0 });
        }
        Ok(is_whole)
    }

    /// Columns that the settings map and no file has.
    fn note_unmapped(&self, notes: &mut Notes<'_>) {
        for (field, column) in &self.wishes.settings.metadata {
            let kept = self.wishes.demographics || matches!(field.as_str(), "state_id" | "student_number");
            if kept && !self.roster.mapped.iter().any(|mapped| mapped == field) {
                notes.note(&codes::METADATA_COLUMN_MISSING, |f| {
                    let found = format!("the settings map {field} to the column {}, which is in no file", quoted(column));
                    f.saying(&codes::METADATA_COLUMN_MISSING, found).at(place(FileKind::Users.file(), 1, None))
                });
            }
        }
    }
}
