//! Imports a set of files: packages in, lines of a snapshot out.

use encoding_rs::Encoding;
use jiff::civil::Date;
use roster::finding::source as codes;
use roster::policy::Policy;
use roster::settings::{DateOrder, SourceSettings};
use roster::snapshot::SnapshotSink;

use super::ahead::with_file;
use super::collected::ImportOptions;
use super::demographics;
use super::diagnostics::{Abort, Diagnostics, NoSink, quoted};
use super::layout::{FileKind, Version};
use super::package::Package;
use super::phone::Phones;
use super::preview::{Preview, PreviewOptions};
use super::progress::Progress;
use super::reader::{Reader, Tables, Work};
use super::set::{FileSet, Nature};
use super::table::Mode;
use crate::{Import, ImportError, Refused, Staged};

/// The input of an import.
pub struct Job<'a> {
    /// The sets, oldest first; the last is the one to import. The others are those that a delta set
    /// updates: the last bulk set and the deltas since. They are read only as far back as needed.
    pub packages: Vec<Box<dyn Package + 'a>>,
    /// Whether an earlier set of this district was accepted. If so, a delta set alone ends in
    /// [`ImportError::NeedsBase`]; otherwise it is imported as the first set.
    pub has_base: bool,
    /// The district's settings for reading files.
    pub settings: &'a SourceSettings,
    /// The district's policy, which decides whether demographics are kept (R-M7).
    pub policy: &'a Policy,
    /// The day for which dated roles are read.
    pub today: Date,
    /// Called after each file and each block of lines.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
}

/// What a set's manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// Whether the set is at least partly a delta, or declares that nothing changed. It is then
    /// read over the sets that it updates.
    pub needs_base: bool,
}

/// Reads a set's manifest only. A set that cannot be read counts as one that needs no base;
/// [`import`] then refuses it and reports the reason.
pub fn describe(package: &mut dyn Package) -> Result<Described, ImportError> {
    let mut sink = NoSink;
    match FileSet::of(package, true, &mut Diagnostics::new(&mut sink)) {
        Ok(set) => Ok(Described { needs_base: set.nature() != Nature::Bulk }),
        Err(Abort::Fault(error)) => Err(error),
        Err(Abort::Refused | Abort::NeedsBase) => Ok(Described { needs_base: false }),
    }
}

/// Imports the last of the packages, over the others if it updates them.
///
/// Every check that can refuse the set runs before the first record is emitted. Before that, the
/// sink receives findings at most, and only if there are very many.
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
    // Newest first from here on: newer rows take precedence because they are read earlier.
    job.packages.reverse();
    let looking = PreviewOptions {
        fallback,
        demographics: demographics::is_wanted(&options),
        has_date_order: job.settings.date_order.is_some(),
    };
    let has_earlier = job.packages.len() > 1;
    // All that can be wrong with the files as such is reported at once (R-X4).
    let package = &mut *job.packages[0];
    let newest = FileSet::sorted(package, accept_1_0, diagnostics)?;
    newest.check(diagnostics);
    let needs_base = match newest.nature() {
        Nature::Bulk => false,
        Nature::Delta | Nature::Nothing => has_earlier || job.has_base,
    };
    if !needs_base {
        newest.require_all(diagnostics);
    }
    let preview = Preview::of(package, &newest, looking, diagnostics)?;
    diagnostics.go_on()?;
    if needs_base && !has_earlier {
        return Err(Abort::NeedsBase);
    }
    let mut newest = Some((newest, preview));
    let sets = job.packages.into_iter().map(|package| {
        let (set, preview) =
            newest.take().unwrap_or_else(|| (FileSet::unread(), Preview::default()));
        let tables = PackageTables { package, set, accept_1_0, looking, preview };
        Box::new(tables) as Box<dyn Tables + '_>
    });
    Reader::new(sets.collect(), job.has_base, options, job.progress).stage(diagnostics)
}

/// The files of a package, as tables.
struct PackageTables<'a> {
    package: Box<dyn Package + 'a>,
    set: FileSet,
    accept_1_0: bool,
    looking: PreviewOptions,
    preview: Preview,
}

impl Tables for PackageTables<'_> {
    fn open(&mut self, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
        self.set = FileSet::of(&mut *self.package, self.accept_1_0, diagnostics)?;
        self.preview = Preview::of_earlier(&mut *self.package, &self.set, self.looking)?;
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
        with_file(&mut *self.package, index, self.looking.fallback, work)
    }

    fn is_checked(&self, kind: FileKind) -> bool {
        self.preview.is_checked(kind)
    }

    fn date_order(&self, kind: FileKind) -> Option<DateOrder> {
        self.preview.date_order(kind)
    }

    /// Columns of files are found by their header.
    fn met(&self, _: &str) -> bool {
        true
    }
}

/// Checks the settings, and returns the encoding of files that are not UTF-8 and the phone parser.
pub(crate) fn check_settings(
    settings: &SourceSettings,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(Option<&'static Encoding>, Phones), Abort> {
    let encoding = settings.fallback_encoding.as_deref().map(|label| {
        // Commas, quotes and line ends must have their ASCII codes, or rows cannot be split.
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
