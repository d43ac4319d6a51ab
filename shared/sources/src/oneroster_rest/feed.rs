//! From staged pages to the lines of a snapshot, by way of the tables of OneRoster.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use jiff::civil::Date;
use rules::finding::pull as codes;
use rules::policy::Policy;
use rules::settings::{OneRosterVersion, SourceSettings};
use rules::snapshot::SnapshotSink;

use super::page;
use super::pull::{Progress, Resource};
use super::rows::{self, Columns};
use crate::intake::notes::{Halt, Notes, place};
use crate::intake::roster::Wishes;
use crate::intake::{Import, ImportError, Refused, Staged};
use crate::oneroster_csv::{FileKind, Maker, Mode, Nature, Reader, Tables, Version, Work, check_settings, with_made};

/// What a snapshot is made from.
pub struct Job<'a> {
    /// The version in which the pages are.
    pub version: OneRosterVersion,
    /// How many pages of each list are staged.
    pub lists: &'a BTreeMap<Resource, Progress>,
    /// How the district's data is to be read.
    pub settings: &'a SourceSettings,
    /// The district's policy; it decides about demographics (R-M7).
    pub policy: &'a Policy,
    /// The day for which the snapshot is made.
    pub today: Date,
}

/// Gives staged pages.
pub trait StagedPages: Send {
    /// A page. Those of a list are asked for one after the other from the first on; those of users of 1.2 are asked for twice, for their roles are a
    /// table of their own.
    fn page(&mut self, list: Resource, number: u32) -> io::Result<Vec<u8>>;
}

/// Makes a snapshot of a pull whose pages are all staged.
///
/// # Errors
/// If pages cannot be read or lines not be written; a bad record is a gap with a finding.
pub fn import(job: Job<'_>, pages: &mut dyn StagedPages, sink: &mut dyn SnapshotSink) -> Result<Import, ImportError> {
    let mut notes = Notes::of_lists(sink);
    match stage(&job, pages, &mut notes) {
        Ok(enrollments) => Ok(Import::Staged(Staged { enrollments, findings: notes.into_list() })),
        // Nothing here is read over anything earlier.
        Err(Halt::Refused | Halt::NeedsBase) => Ok(Import::Refused(Refused { findings: notes.into_list() })),
        Err(Halt::Fault(error)) => Err(error),
    }
}

fn stage(job: &Job<'_>, pages: &mut dyn StagedPages, notes: &mut Notes<'_>) -> Result<u64, Halt> {
    let (_, phones) = check_settings(job.settings, notes)?;
    let wishes = Wishes::new(job.settings, job.policy, job.today, phones);
    if wishes.demographics && job.lists.get(&Resource::Demographics).is_some_and(|progress| progress.refused.is_some()) {
        let list = Resource::Demographics.name();
        notes.note(&codes::DEMOGRAPHICS_NOT_SHARED, |f| f.at(place(list, 0, None)));
    }
    let met = Rc::default();
    let version = match job.version {
        OneRosterVersion::V1p1 => Version::V1_1,
        OneRosterVersion::V1p2 => Version::V1_2,
    };
    let set = Lists { version, lists: job.lists, own: job.settings.metadata.values().cloned().collect(), pages, met };
    Reader::new(vec![Box::new(set)], false, wishes, None).stage(notes)
}

/// A server's lists, as tables.
struct Lists<'a> {
    version: Version,
    lists: &'a BTreeMap<Resource, Progress>,
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
    fn open(&mut self, _: &mut Notes<'_>) -> Result<(), Halt> {
        Ok(())
    }

    fn size(&self) -> u64 {
        0
    }

    fn version(&self) -> Version {
        self.version
    }

    fn nature(&self) -> Nature {
        Nature::Bulk
    }

    fn has(&self, kind: FileKind) -> bool {
        let is_given = self.lists.get(&list_of(kind)).is_some_and(|progress| progress.refused.is_none());
        is_given && (kind != FileKind::Roles || self.version == Version::V1_2)
    }

    fn mode(&self, _: FileKind) -> Mode {
        Mode::Bulk
    }

    fn is_served(&self) -> bool {
        true
    }

    fn rows(&mut self, kind: FileKind, work: &mut Work<'_>) -> Result<(), Halt> {
        let list = list_of(kind);
        let has_own = matches!(kind, FileKind::Users | FileKind::Demographics);
        let mut columns = Columns::of(kind, self.version, self.own.iter().filter(|_| has_own).cloned());
        let count = self.lists.get(&list).map_or(0, |progress| progress.pages);
        let (pages, making) = (&mut *self.pages, &mut columns);
        let ended = with_made(|maker| make(kind, list, count, making, pages, maker), work);
        let met = self.own.iter().filter(|column| columns.has_met(column)).cloned();
        self.met.borrow_mut().extend(met);
        ended
    }

    fn met(&self, column: &str) -> bool {
        self.met.borrow().contains(column)
    }
}

/// Makes the rows of a list, page by page.
fn make(
    kind: FileKind,
    list: Resource,
    count: u32,
    columns: &mut Columns,
    pages: &mut dyn StagedPages,
    maker: &mut Maker<'_>,
) -> io::Result<()> {
    if !columns.header(maker) {
        return Ok(());
    }
    for number in 0..count {
        let body = pages.page(list, number)?;
        maker.note_read(body.len() as u64);
        let items = page::items(&body, list.name()).map_err(|_| io::Error::other("a staged page is not a page of its list"))?;
        for item in items {
            let goes_on = if kind == FileKind::Roles { rows::roles(columns, item, maker) } else { columns.row(item, maker) };
            if !goes_on {
                return Ok(());
            }
        }
    }
    Ok(())
}
