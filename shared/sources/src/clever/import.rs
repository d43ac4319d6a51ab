//! From staged pages to the lines of a snapshot: splits the pages, and passes each object to the
//! module that reads its kind.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use jiff::civil::Date;
use roster::finding::{pull as codes, source};
use roster::policy::Policy;
use roster::settings::SourceSettings;
use roster::snapshot::SnapshotSink;

use super::feed::{Feed, note};
use super::page::{self, Split};
use super::pull::{Frozen, Progress, Resource};
use super::{people, places, sections};
use crate::intake::assemble;
use crate::intake::collected::ImportOptions;
use crate::intake::diagnostics::{Abort, Diagnostics, place, quoted};
use crate::intake::phone::Phones;
use crate::{Import, ImportError, Refused, Staged};

/// The inputs of a snapshot.
pub struct Job<'a> {
    /// The district's id at Clever.
    pub district: &'a str,
    /// The progress of each list: how many pages are staged.
    pub lists: &'a BTreeMap<Resource, Progress>,
    /// Why the data is not current, if Clever reports that.
    pub frozen: Option<Frozen>,
    /// The settings for reading the district's data.
    pub settings: &'a SourceSettings,
    /// The district's policy; it decides about demographics (R-M7).
    pub policy: &'a Policy,
    /// The day of the snapshot.
    pub today: Date,
}

/// Reads staged pages.
pub trait StagedPages: Send {
    /// Returns the next page. Each page is requested once, list by list in the order of
    /// [`Resource::ALL`], and each list from its first page on.
    fn next(&mut self) -> io::Result<Vec<u8>>;
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
    let mut diagnostics = Diagnostics::new(sink);
    match stage(&job, pages, &mut diagnostics) {
        Ok(enrollments) => {
            Ok(Import::Staged(Staged { enrollments, findings: diagnostics.into_list() }))
        }
        // A pull from Clever is always full, so it never needs a base.
        Err(Abort::Refused | Abort::NeedsBase) => {
            Ok(Import::Refused(Refused { findings: diagnostics.into_list() }))
        }
        Err(Abort::Fault(error)) => Err(error),
    }
}

fn stage(
    job: &Job<'_>,
    pages: &mut dyn StagedPages,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<u64, Abort> {
    let Some(phones) = Phones::of(&job.settings.phone_country) else {
        let code = &source::SETTING_INVALID;
        diagnostics.note(code, |f| {
            f.with(format!(
                "the setting phone_country has the invalid value {}",
                quoted(&job.settings.phone_country)
            ))
        });
        return Err(Abort::Refused);
    };
    let options = ImportOptions::new(job.settings, job.policy, job.today, phones);
    if let Some(frozen) = job.frozen {
        let code = &codes::SOURCE_FROZEN;
        diagnostics.note(code, |finding| {
            finding.with(format!("{}; the data is from an earlier day", frozen.words()))
        });
    }
    let mut feed = Feed::new(job.district, &options);
    thread::scope(|scope| {
        // Storage stalls now and then; pages are split meanwhile.
        let (sender, split) = sync_channel(AHEAD);
        scope.spawn(move || split_pages(job.lists, pages, &sender));
        for list in Resource::ALL {
            for _ in 0..pages_of(job.lists, list) {
                let page = split.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
                for object in
                    page.map_err(|error| Abort::Fault(ImportError::Read(error)))?.objects()
                {
                    take(&mut feed, list, object, diagnostics);
                }
            }
            if list == Resource::Schools {
                places::finish_schools(&mut feed, diagnostics);
                diagnostics.go_on()?;
            }
            diagnostics.relieve()?;
        }
        Ok(())
    })?;
    finish(&feed, diagnostics);
    assemble::stage(feed.roster, &options, diagnostics, |_| {})
}

/// The number of split pages that may wait to be read.
const AHEAD: usize = 2;

/// Returns the number of staged pages of a list.
fn pages_of(lists: &BTreeMap<Resource, Progress>, list: Resource) -> u32 {
    lists.get(&list).map_or(0, |progress| progress.pages)
}

/// Splits all pages into their objects.
///
/// # Why not simply split where the objects are read
///
/// Finding where each object ends takes about as long as reading it, so this runs in a thread of
/// its own while the import reads the page before.
fn split_pages(
    lists: &BTreeMap<Resource, Progress>,
    pages: &mut dyn StagedPages,
    sender: &SyncSender<io::Result<Split>>,
) {
    for _ in Resource::ALL.into_iter().flat_map(|list| 0..pages_of(lists, list)) {
        let no_page = |_| io::Error::other("a staged page is not a page of a list");
        let page = pages.next().and_then(|body| page::split(body).map_err(no_page));
        let is_last = page.is_err();
        // The receiver is gone: the import has failed.
        if sender.send(page).is_err() || is_last {
            return;
        }
    }
}

/// Passes an object to the module that reads its kind.
fn take(feed: &mut Feed<'_>, list: Resource, object: &str, diagnostics: &mut Diagnostics<'_>) {
    match list {
        Resource::Schools => places::take_school(feed, object, diagnostics),
        Resource::Terms => places::take_term(feed, object, diagnostics),
        Resource::Courses => places::take_course(feed, object, diagnostics),
        Resource::Sections => sections::take(feed, object, diagnostics),
        Resource::Teachers
        | Resource::Staff
        | Resource::DistrictAdmins
        | Resource::Students
        | Resource::Contacts => {
            people::take(feed, list, object, diagnostics);
        }
    }
}

/// Reports what was only counted.
fn finish(feed: &Feed<'_>, diagnostics: &mut Diagnostics<'_>) {
    sections::report_without_section(feed, diagnostics);
    let counts = &feed.counts;
    for (count, list, code, what) in [
        (
            counts.people_not_shared,
            Resource::Sections,
            &codes::PEOPLE_NOT_SHARED,
            "enrollments in sections belong to people who are not shared",
        ),
        (
            counts.courses_missing,
            Resource::Sections,
            &source::OPTIONAL_REFERENCE_MISSING,
            "sections name a course that is not shared; the course was treated as blank",
        ),
        (
            counts.children_not_shared,
            Resource::Contacts,
            &codes::CHILDREN_NOT_SHARED,
            "relationships name students who are not shared",
        ),
        (
            counts.no_guardians,
            Resource::Contacts,
            &codes::CONTACT_NOT_GUARDIAN,
            "relationships do not make the contact a guardian",
        ),
        (
            counts.races,
            Resource::Students,
            &codes::RACE_UNKNOWN,
            "students have a race value that is not known here",
        ),
    ] {
        if count > 0 {
            note(diagnostics, code, list, None, None, || format!("{count} {what}"));
        }
    }
    for ((list, role), count) in &feed.roster.not_rostered {
        let code = &source::ROLE_NOT_ROSTERED;
        diagnostics.note(code, |f| {
            f.with(format!("{count} users with the role {role} get no account here"))
                .at(place(list, 0, None))
        });
    }
}
