//! From staged pages to the lines of a snapshot, by way of the tables of OneRoster.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use jiff::civil::Date;
use roster::finding::pull as codes;
use roster::policy::Policy;
use roster::settings::{OneRosterVersion, SourceSettings};
use roster::snapshot::SnapshotSink;
use serde::Deserialize;

use super::page;
use super::pull::{Progress, Resource};
use super::rows::{self, Columns};
use crate::intake::collected::ImportOptions;
use crate::intake::diagnostics::{Abort, Diagnostics, place};
use crate::oneroster_csv::{
    FileKind, Mode, Nature, Reader, RowBuilder, Tables, Version, Work, check_settings, with_made,
};
use crate::{Import, ImportError, Refused, Staged};

/// What a snapshot is made from.
pub struct Job<'a> {
    /// The version in which the pages are.
    pub version: OneRosterVersion,
    /// How many pages of each list are staged.
    pub lists: &'a BTreeMap<Resource, Progress>,
    /// An earlier pull of everything: the lists are what has changed since. None: they are
    /// everything.
    pub base: Option<Base<'a>>,
    /// How the district's data is to be read.
    pub settings: &'a SourceSettings,
    /// The district's policy; it decides about demographics (R-M7).
    pub policy: &'a Policy,
    /// The day for which the snapshot is made.
    pub today: Date,
}

/// A pull of everything, over which what has changed since is read.
///
/// What the changes do not name stays, and so does what they name as deleted: servers that purge
/// records never say so, and some mark what they only hide. That somebody is gone is concluded from
/// a pull of everything alone.
pub struct Base<'a> {
    /// How many pages of each list are staged.
    pub lists: &'a BTreeMap<Resource, Progress>,
    /// The pages.
    pub pages: &'a mut dyn StagedPages,
}

/// Gives staged pages.
pub trait StagedPages: Send {
    /// A page. Those of a list are asked for one after the other from the first on; those of users
    /// of 1.2 are asked for twice, for their roles are a table of their own.
    fn page(&mut self, list: Resource, number: u32) -> io::Result<Vec<u8>>;
}

/// Makes a snapshot of a pull whose pages are all staged.
///
/// # Errors
/// If pages cannot be read or lines not be written; a bad record is a gap with a finding.
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
        // What has changed is never read without what it changes.
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
    /// Whether they are everything, or what has changed.
    nature: Nature,
    /// Columns of the district's own.
    own: BTreeSet<String>,
    pages: &'a mut dyn StagedPages,
    /// Those of them that were met.
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
        let lists = List { kind, list, count, only_there: self.nature == Nature::Delta };
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
    /// How many pages there are.
    count: u32,
    /// What is marked as deleted is passed over.
    only_there: bool,
}

/// An object, as far as it says whether it is still there.
#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

/// Whether an object is marked as deleted. What cannot be read is not: what is wrong with it is
/// found where it is read.
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
    let List { kind, list, count, only_there } = list;
    if !columns.header(maker) {
        return Ok(());
    }
    for number in 0..count {
        let body = pages.page(list, number)?;
        maker.note_read(body.len() as u64);
        let items = page::items(&body, list.name())
            .map_err(|_| io::Error::other("a staged page is not a page of its list"))?;
        for item in items.into_iter().filter(|item| !(only_there && is_deleted(item.get()))) {
            let goes_on = if kind == FileKind::Roles {
                rows::roles(columns, item, maker)
            } else {
                columns.row(item, maker)
            };
            if !goes_on {
                return Ok(());
            }
        }
    }
    Ok(())
}
