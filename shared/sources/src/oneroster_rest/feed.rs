//! From staged pages to the lines of a snapshot, through the OneRoster tables.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use jiff::civil::Date;
use roster::finding::pull as codes;
use roster::policy::Policy;
use roster::settings::{DateOrder, OneRosterVersion, SourceSettings};
use roster::snapshot::SnapshotSink;
use serde::Deserialize;

use super::page;
use super::progress::Progress;
use super::resource::Resource;
use super::rows::{self, Columns};
use crate::intake::collected::ImportOptions;
use crate::intake::diagnostics::{Abort, Diagnostics, place};
use crate::oneroster_csv::{
    FileKind, Mode, Nature, Reader, RowBuilder, Tables, Version, Work, check_settings, with_made,
};
use crate::{Import, ImportError, Refused, Staged};

/// The inputs of a snapshot.
pub struct Job<'a> {
    /// The OneRoster version of the pages.
    pub version: OneRosterVersion,
    /// The progress of each list: how many pages are staged.
    pub lists: &'a BTreeMap<Resource, Progress>,
    /// The full pull on which an incremental pull builds, or `None` for a full pull.
    pub base: Option<Base<'a>>,
    /// The settings for reading the district's data.
    pub settings: &'a SourceSettings,
    /// The district's policy; it decides about demographics (R-M7).
    pub policy: &'a Policy,
    /// The day of the snapshot.
    pub today: Date,
}

/// The full pull on which an incremental pull builds.
///
/// Records that the changes do not contain are kept, and so are records marked as deleted: servers
/// that purge records do not report it, and some mark records that they only hide. Only a full pull
/// shows that a record is gone.
pub struct Base<'a> {
    /// The progress of each list: how many pages are staged.
    pub lists: &'a BTreeMap<Resource, Progress>,
    /// The pages.
    pub pages: &'a mut dyn StagedPages,
}

/// Reads staged pages.
pub trait StagedPages: Send {
    /// Returns a page. The pages of a list are requested in order from the first on. Those of users
    /// are requested twice in version 1.2, because their roles are a separate table.
    fn page(&mut self, list: Resource, number: u32) -> io::Result<Vec<u8>>;
}

/// Makes a snapshot of a pull whose pages are all staged.
///
/// # Errors
/// If pages cannot be read or lines cannot be written. An unreadable record is not an error: it is
/// reported as a finding.
pub fn import(
    job: Job<'_>,
    pages: &mut dyn StagedPages,
    sink: &mut dyn SnapshotSink,
) -> Result<Import, ImportError> {
    let mut diagnostics = Diagnostics::of_lists(sink);
    match stage(job, pages, &mut diagnostics) {
        Ok(enrollments) => {
            Ok(Import::Staged(Staged { enrollments, findings: diagnostics.into_list() }))
        }
        // An incremental pull always has its base here, so a base is never missing.
        Err(Abort::Refused | Abort::NeedsBase) => {
            Ok(Import::Refused(Refused { findings: diagnostics.into_list() }))
        }
        Err(Abort::Fault(error)) => Err(error),
    }
}

fn stage(
    job: Job<'_>,
    pages: &mut dyn StagedPages,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<u64, Abort> {
    let (_, phones) = check_settings(job.settings, diagnostics)?;
    let options = ImportOptions::new(job.settings, job.policy, job.today, phones);
    let everything = job.base.as_ref().map_or(job.lists, |base| base.lists);
    if options.demographics
        && everything
            .get(&Resource::Demographics)
            .is_some_and(|progress| progress.refused.is_some())
    {
        let list = Resource::Demographics.name();
        diagnostics.note(&codes::DEMOGRAPHICS_NOT_SHARED, |f| f.at(place(list, 0, None)));
    }
    let version = match job.version {
        OneRosterVersion::V1p1 => Version::V1_1,
        OneRosterVersion::V1p2 => Version::V1_2,
    };
    let own: BTreeSet<String> = job.settings.metadata.values().cloned().collect();
    let set = |lists, pages, nature| Lists {
        version,
        lists,
        nature,
        own: own.clone(),
        pages,
        met: Rc::default(),
    };
    let has_base = job.base.is_some();
    let sets: Vec<Box<dyn Tables + '_>> = match job.base {
        Some(base) => vec![
            Box::new(set(job.lists, pages, Nature::Delta)),
            Box::new(set(base.lists, base.pages, Nature::Bulk)),
        ],
        None => vec![Box::new(set(job.lists, pages, Nature::Bulk))],
    };
    Reader::new(sets, has_base, options, None).stage(diagnostics)
}

/// A server's lists, as tables.
struct Lists<'a> {
    version: Version,
    lists: &'a BTreeMap<Resource, Progress>,
    /// Whether the lists are complete, or only changes.
    nature: Nature,
    /// The district's custom columns.
    own: BTreeSet<String>,
    pages: &'a mut dyn StagedPages,
    /// The custom columns that have occurred.
    met: Rc<RefCell<BTreeSet<String>>>,
}

fn list_of(kind: FileKind) -> Resource {
    match kind {
        FileKind::Orgs => Resource::Orgs,
        FileKind::AcademicSessions => Resource::AcademicSessions,
        FileKind::Courses => Resource::Courses,
        FileKind::Classes => Resource::Classes,
        FileKind::Users | FileKind::Roles => Resource::Users,
        FileKind::Demographics => Resource::Demographics,
        FileKind::Enrollments => Resource::Enrollments,
    }
}

impl Tables for Lists<'_> {
    fn open(&mut self, _: &mut Diagnostics<'_>) -> Result<(), Abort> {
        Ok(())
    }

    fn size(&self) -> u64 {
        0
    }

    fn version(&self) -> Version {
        self.version
    }

    fn nature(&self) -> Nature {
        self.nature
    }

    fn has(&self, kind: FileKind) -> bool {
        let is_given =
            self.lists.get(&list_of(kind)).is_some_and(|progress| progress.refused.is_none());
        is_given && (kind != FileKind::Roles || self.version == Version::V1_2)
    }

    fn mode(&self, _: FileKind) -> Mode {
        if self.nature == Nature::Delta { Mode::Delta } else { Mode::Bulk }
    }

    fn is_checked(&self, _: FileKind) -> bool {
        false
    }

    /// Servers send dates in the standard's notation.
    fn date_order(&self, _: FileKind) -> Option<DateOrder> {
        None
    }

    fn is_served(&self) -> bool {
        true
    }

    fn declared(&self, _: FileKind) -> u64 {
        0
    }

    fn rows(&mut self, kind: FileKind, work: &mut Work<'_>) -> Result<(), Abort> {
        let list = list_of(kind);
        let has_own = matches!(kind, FileKind::Users | FileKind::Demographics);
        let mut columns =
            Columns::of(kind, self.version, self.own.iter().filter(|_| has_own).cloned());
        let count = self.lists.get(&list).map_or(0, |progress| progress.pages);
        let lists = List { kind, list, count, skip_deleted: self.nature == Nature::Delta };
        let (pages, making) = (&mut *self.pages, &mut columns);
        let ended = with_made(|maker| make(lists, making, pages, maker), work);
        let met = self.own.iter().filter(|column| columns.has_met(column)).cloned();
        self.met.borrow_mut().extend(met);
        ended
    }

    fn met(&self, column: &str) -> bool {
        self.met.borrow().contains(column)
    }
}

/// A list as a table.
struct List {
    kind: FileKind,
    list: Resource,
    /// The number of pages.
    count: u32,
    /// Whether records marked as deleted are skipped.
    skip_deleted: bool,
}

/// The status of an object.
#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

/// Whether an object is marked as deleted. An unreadable object is not; it is reported when it is
/// read.
fn is_deleted(object: &str) -> bool {
    let status = serde_json::from_str::<Status<'_>>(object).ok().and_then(|object| object.status);
    status.is_some_and(|status| {
        ["tobedeleted", "inactive"].iter().any(|word| status.trim().eq_ignore_ascii_case(word))
    })
}

/// Makes the rows of a list, page by page.
fn make(
    list: List,
    columns: &mut Columns,
    pages: &mut dyn StagedPages,
    maker: &mut RowBuilder<'_>,
) -> io::Result<()> {
    let List { kind, list, count, skip_deleted } = list;
    if !columns.header(maker) {
        return Ok(());
    }
    for number in 0..count {
        let body = pages.page(list, number)?;
        maker.note_read(body.len() as u64);
        let items = page::items(&body, list.name())
            .map_err(|_| io::Error::other("a staged page is not a page of its list"))?;
        for item in items.into_iter().filter(|item| !(skip_deleted && is_deleted(item.get()))) {
            let is_open = if kind == FileKind::Roles {
                rows::roles(columns, item, maker)
            } else {
                columns.row(item, maker)
            };
            if !is_open {
                return Ok(());
            }
        }
    }
    Ok(())
}
