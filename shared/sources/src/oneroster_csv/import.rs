//! The import: a set of files in, the lines of a snapshot out.

use std::io;

use encoding_rs::Encoding;
use jiff::civil::Date;
use roster::finding::source as codes;
use roster::policy::Policy;
use roster::settings::SourceSettings;
use roster::snapshot::{PartName, SnapshotSink};

use super::ahead::with_file;
use super::collected::ImportOptions;
use super::diagnostics::{Abort, Diagnostics, quoted};
use super::layout::{FileKind, Version};
use super::package::Package;
use super::phone::Phones;
use super::reader::{Reader, Tables, Work};
use super::set::{FileSet, Nature};
use super::table::Mode;
use crate::{Import, ImportError, Refused, Staged};

/// What an import is made from.
pub struct Job<'a> {
    /// The sets, the oldest first; the last is tonight's. The ones before it are the chain that a
    /// delta set follows: the last full set and the deltas since. They are read only as far back as
    /// needed.
    pub packages: Vec<Box<dyn Package + 'a>>,
    /// Whether an earlier set of this district was accepted. With one package only, it decides
    /// between [`ImportError::NeedsBase`] and taking a delta set as the first.
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

/// What a set's manifest alone tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The set is, in whole or in part, a delta, or says that nothing changed: it is read over the
    /// sets that it follows.
    pub needs_base: bool,
}

/// Takes lines nowhere.
struct NoSink;

impl SnapshotSink for NoSink {
    fn line(&mut self, _: PartName, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a set's manifest, and nothing else. A set that cannot be read is described as one that
/// needs no base: [`import`] says why it is refused.
pub fn describe(package: &mut dyn Package) -> Result<Described, ImportError> {
    let mut sink = NoSink;
    match FileSet::of(package, true, &mut Diagnostics::new(&mut sink)) {
        Ok(set) => Ok(Described { needs_base: set.nature() != Nature::Bulk }),
        Err(Abort::Fault(error)) => Err(error),
        Err(Abort::Refused | Abort::NeedsBase) => Ok(Described { needs_base: false }),
    }
}

/// Imports the last of the packages, over the others where it follows them.
///
/// Whatever refuses the set is found before the first record is emitted; before that the sink gets
/// at most findings, where there are very many.
pub fn import(job: Job<'_>, sink: &mut dyn SnapshotSink) -> Result<Import, ImportError> {
    if job.packages.is_empty() {
        return Err(ImportError::NoPackage);
    }
    let mut diagnostics = Diagnostics::new(sink);
    match stage(job, &mut diagnostics) {
        Ok(enrollments) => {
            Ok(Import::Staged(Staged { enrollments, findings: diagnostics.into_list() }))
        }
        Err(Abort::Refused) => Ok(Import::Refused(Refused { findings: diagnostics.into_list() })),
        Err(Abort::NeedsBase) => Err(ImportError::NeedsBase),
        Err(Abort::Fault(error)) => Err(error),
    }
}

fn stage(mut job: Job<'_>, diagnostics: &mut Diagnostics<'_>) -> Result<u64, Abort> {
    let (fallback, phones) = check_settings(job.settings, diagnostics)?;
    let options = ImportOptions::new(job.settings, job.policy, job.today, phones);
    let accept_1_0 = job.settings.accept_1_0;
    // From here on tonight's package comes first: newer rows win by being read earlier.
    job.packages.reverse();
    let tonight = FileSet::of(&mut *job.packages[0], accept_1_0, diagnostics)?;
    let is_chained = job.packages.len() > 1;
    match tonight.nature() {
        Nature::Bulk => tonight.require_all(diagnostics)?,
        Nature::Delta | Nature::Nothing if is_chained => {}
        Nature::Delta | Nature::Nothing if job.has_base => return Err(Abort::NeedsBase),
        Nature::Delta | Nature::Nothing => tonight.require_all(diagnostics)?,
    }
    let mut tonight = Some(tonight);
    let sets = job.packages.into_iter().map(|package| {
        let set = tonight.take().unwrap_or_else(FileSet::unread);
        Box::new(PackageTables { package, set, accept_1_0, fallback }) as Box<dyn Tables + '_>
    });
    Reader::new(sets.collect(), job.has_base, options, job.progress).stage(diagnostics)
}

/// The files of a package, as tables.
struct PackageTables<'a> {
    package: Box<dyn Package + 'a>,
    set: FileSet,
    accept_1_0: bool,
    fallback: Option<&'static Encoding>,
}

impl Tables for PackageTables<'_> {
    fn open(&mut self, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
        self.set = FileSet::of(&mut *self.package, self.accept_1_0, diagnostics)?;
        Ok(())
    }

    fn size(&self) -> u64 {
        self.package.files().iter().map(|file| file.size).sum()
    }

    fn version(&self) -> Version {
        self.set.version
    }

    fn nature(&self) -> Nature {
        self.set.nature()
    }

    fn has(&self, kind: FileKind) -> bool {
        self.set.file(kind).is_some()
    }

    fn mode(&self, kind: FileKind) -> Mode {
        self.set.mode(kind)
    }

    fn is_served(&self) -> bool {
        false
    }

    fn declared(&self, kind: FileKind) -> u64 {
        let file = self.set.file(kind).and_then(|index| self.package.files().get(index));
        file.map_or(0, |file| file.size)
    }

    fn rows(&mut self, kind: FileKind, work: &mut Work<'_>) -> Result<(), Abort> {
        let Some(index) = self.set.file(kind) else { return Ok(()) };
        with_file(&mut *self.package, index, self.fallback, work)
    }

    /// A file's header says what is in it.
    fn met(&self, _: &str) -> bool {
        true
    }
}

/// The encoding of files that are not UTF-8, and how phones are read.
pub(crate) fn check_settings(
    settings: &SourceSettings,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(Option<&'static Encoding>, Phones), Abort> {
    let encoding = settings.fallback_encoding.as_deref().map(|label| {
        // Commas, quotes and line ends must be what they are in ASCII, or rows could not be told
        // apart.
        Encoding::for_label(label.as_bytes())
            .filter(|encoding| encoding.is_ascii_compatible())
            .ok_or(label)
    });
    let fallback = encoding.transpose().unwrap_or_else(|label| {
        invalid(diagnostics, "fallback_encoding", label);
        None
    });
    let phones = Phones::of(&settings.phone_country);
    if phones.is_none() {
        invalid(diagnostics, "phone_country", &settings.phone_country);
    }
    for field in settings.metadata.keys() {
        if !["state_id", "student_number", "ell", "frl", "iep"].contains(&field.as_str()) {
            invalid(diagnostics, "metadata", field);
        }
    }
    diagnostics.go_on()?;
    phones.map(|phones| (fallback, phones)).ok_or(Abort::Refused)
}

fn invalid(diagnostics: &mut Diagnostics<'_>, setting: &str, value: &str) {
    diagnostics.note(&codes::SETTING_INVALID, |f| {
        f.with(format!("the setting {setting} has the invalid value {}", quoted(value)))
    });
}
