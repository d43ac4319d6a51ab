//! From staged pages to the lines of a snapshot.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use jiff::civil::Date;
use roster::finding::{Code, Finding, pull as codes, source};
use roster::id::SourceId;
use roster::policy::Policy;
use roster::records::RecordKind;
use roster::settings::SourceSettings;
use roster::snapshot::SnapshotSink;
use serde::Deserialize;
use xxhash_rust::xxh3::Xxh3;

use super::objects::{Named, Text};
use super::page::{self, Split};
use super::pull::{Frozen, Progress, Resource};
use super::{people, places, sections};
use crate::intake::assemble;
use crate::intake::collected::{Collected, ImportOptions, List, Org, OrgKind, Words};
use crate::intake::diagnostics::{Abort, Diagnostics, id_of, place, quoted};
use crate::intake::ids::{Claim, NONE, RecordStatus, Registry};
use crate::intake::phone::Phones;
use crate::intake::record_texts::OrgTexts;
use crate::intake::values::NO_DAY;
use crate::{Import, ImportError, Refused, Staged};

/// What a snapshot is made from.
pub struct Job<'a> {
    /// The district's id at Clever.
    pub district: &'a str,
    /// How many pages of each list are staged.
    pub lists: &'a BTreeMap<Resource, Progress>,
    /// Why they are not of today, if Clever says so.
    pub frozen: Option<Frozen>,
    /// How the district's data is to be read.
    pub settings: &'a SourceSettings,
    /// The district's policy; it decides about demographics (R-M7).
    pub policy: &'a Policy,
    /// The day for which the snapshot is made.
    pub today: Date,
}

/// Gives staged pages.
pub trait StagedPages: Send {
    /// The next page. Pages are asked for once, list by list in the order of [`Resource::ALL`],
    /// each list from its first page on.
    fn next(&mut self) -> io::Result<Vec<u8>>;
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
    let mut diagnostics = Diagnostics::new(sink);
    match stage(&job, pages, &mut diagnostics) {
        Ok(enrollments) => {
            Ok(Import::Staged(Staged { enrollments, findings: diagnostics.into_list() }))
        }
        // Nothing here is read over anything earlier.
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
        // What is asked for stops here and there; pages are split meanwhile.
        let (sender, split) = sync_channel(AHEAD);
        scope.spawn(move || split_pages(job.lists, pages, &sender));
        for list in Resource::ALL {
            for _ in 0..pages_of(job.lists, list) {
                let page = split.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
                for object in
                    page.map_err(|error| Abort::Fault(ImportError::Read(error)))?.objects()
                {
                    feed.take(list, object, diagnostics);
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
    feed.finish(diagnostics);
    assemble::stage(feed.roster, &options, diagnostics, |_| {})
}

/// Pages that wait to be read.
const AHEAD: usize = 2;

/// How many pages of a list are staged.
fn pages_of(lists: &BTreeMap<Resource, Progress>, list: Resource) -> u32 {
    lists.get(&list).map_or(0, |progress| progress.pages)
}

/// Splits all pages into their objects, in a thread of its own: finding where each ends takes about
/// as long as reading it.
fn split_pages(
    lists: &BTreeMap<Resource, Progress>,
    pages: &mut dyn StagedPages,
    sender: &SyncSender<io::Result<Split>>,
) {
    for _ in Resource::ALL.into_iter().flat_map(|list| 0..pages_of(lists, list)) {
        let no_page = |_| io::Error::other("a staged page is not a page of a list");
        let page = pages.next().and_then(|body| page::split(body).map_err(no_page));
        let is_last = page.is_err();
        // Who stopped listening does not want to know.
        if sender.send(page).is_err() || is_last {
            return;
        }
    }
}

/// What findings call the things of a list.
pub(super) fn words_of(list: Resource) -> List {
    let entity = match list {
        Resource::Schools => "school",
        Resource::Terms => "term",
        Resource::Courses => "course",
        Resource::Sections => "section",
        Resource::Teachers
        | Resource::Staff
        | Resource::DistrictAdmins
        | Resource::Students
        | Resource::Contacts => "user",
    };
    List { name: list.name(), entity }
}

/// What is known of the district so far.
pub(super) struct Feed<'a> {
    pub(super) roster: Collected,
    pub(super) options: &'a ImportOptions<'a>,
    /// The district's id at Clever, and its slot among the orgs: it stands above its schools and
    /// has its courses.
    district: &'a str,
    pub(super) district_org: u32,
    pub(super) counts: Counts,
    /// Which section had a person last, as teacher and as student: a person who is named twice has
    /// one seat.
    pub(super) seated: [Vec<u32>; 2],
}

/// What is only counted: on any night there are thousands of it, and nothing is wrong.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) people_not_shared: u64,
    pub(super) children_not_shared: u64,
    pub(super) no_guardians: u64,
    pub(super) races: u64,
    pub(super) courses_missing: u64,
}

/// What became of an object.
pub(super) enum Taken {
    /// It is its record's.
    Record(u32),
    /// The record was read from another list.
    Known(u32),
    /// There is nothing to take.
    Nothing,
}

impl<'a> Feed<'a> {
    fn new(district: &'a str, options: &'a ImportOptions<'a>) -> Self {
        let words = Words {
            users: words_of(Resource::Contacts),
            enrollments: words_of(Resource::Sections),
            agents: "student_relationships",
        };
        let mut roster = Collected::of(words);
        // People name their schools themselves, and sections have no dates of their own.
        roster.users_have_roles = Some(true);
        roster.dates.push((NO_DAY, NO_DAY));
        let district_org = roster.orgs.slot(district);
        roster.orgs.set(district_org, RecordStatus::Present);
        let texts = OrgTexts::default().write(&mut roster.texts);
        *roster.orgs.record_mut(district_org) =
            Org { texts, kind: OrgKind::District, parent: NONE, ..Org::default() };
        Self {
            roster,
            options,
            district,
            district_org,
            counts: Counts::default(),
            seated: [Vec::new(), Vec::new()],
        }
    }

    fn take(&mut self, list: Resource, object: &str, diagnostics: &mut Diagnostics<'_>) {
        match list {
            Resource::Schools => places::take_school(self, object, diagnostics),
            Resource::Terms => places::take_term(self, object, diagnostics),
            Resource::Courses => places::take_course(self, object, diagnostics),
            Resource::Sections => sections::take(self, object, diagnostics),
            Resource::Teachers
            | Resource::Staff
            | Resource::DistrictAdmins
            | Resource::Students
            | Resource::Contacts => {
                people::take(self, list, object, diagnostics);
            }
        }
    }

    /// Reads an object. None: it cannot be read, or is not ours, and is a gap now.
    pub(super) fn read<'o, T: Deserialize<'o>>(
        &mut self,
        list: Resource,
        object: &'o str,
        owner: impl FnOnce(&T) -> (&Text<'o>, &Text<'o>),
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<T> {
        // What serde says of it may quote it.
        let Ok(read) = serde_json::from_str::<T>(object) else {
            let id = serde_json::from_str::<Named<'_>>(object).ok();
            let id = id.as_ref().and_then(|named| named.id.get());
            note(diagnostics, &codes::RECORD_UNREADABLE, list, id, None, String::new);
            self.lose(list, id);
            return None;
        };
        let (id, district) = owner(&read);
        let Some(id) = id.get() else {
            note(diagnostics, &codes::RECORD_UNREADABLE, list, None, Some("id"), || {
                "a record has no id".into()
            });
            self.lose(list, None);
            return None;
        };
        if district.get().is_some_and(|district| district != self.district) {
            note(
                diagnostics,
                &codes::RECORD_OF_OTHER_DISTRICT,
                list,
                Some(id),
                Some("district"),
                String::new,
            );
            self.lose(list, Some(id));
            return None;
        }
        Some(read)
    }

    /// Leaves a record as the mirror has it, or all of its kind where nobody can tell which it is
    /// (R-H3).
    fn lose(&mut self, list: Resource, id: Option<&str>) {
        let roster = &mut self.roster;
        match (list, id) {
            (Resource::Schools, Some(id)) => drop_record(&mut roster.orgs, id),
            (Resource::Schools, None) => roster.losses.kind(RecordKind::School),
            (Resource::Terms, Some(id)) => drop_record(&mut roster.sessions, id),
            (Resource::Terms, None) => roster.losses.kind(RecordKind::Term),
            (Resource::Courses, Some(id)) => drop_record(&mut roster.courses, id),
            (Resource::Courses, None) => roster.losses.kind(RecordKind::Course),
            (Resource::Sections, Some(id)) => drop_record(&mut roster.classes, id),
            (Resource::Sections, None) => roster.losses.kind(RecordKind::Class),
            (_, Some(id)) => {
                drop_record(&mut roster.users, id);
                let slot = roster.users.slot(id);
                roster.users.record_mut(slot).kinds |= people::kind_of(list);
            }
            (Resource::Teachers, None) => roster.losses.kind(RecordKind::Teacher),
            (Resource::Students, None) => roster.losses.kind(RecordKind::Student),
            (Resource::Contacts, None) => roster.losses.kind(RecordKind::Guardian),
            (Resource::Staff | Resource::DistrictAdmins, None) => {}
        }
    }

    /// Diagnostics what was only counted.
    fn finish(&mut self, diagnostics: &mut Diagnostics<'_>) {
        sections::note_idle(self, diagnostics);
        let counts = &self.counts;
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
        for ((list, role), count) in &self.roster.not_rostered {
            let code = &source::ROLE_NOT_ROSTERED;
            diagnostics.note(code, |f| {
                f.with(format!("{count} users with the role {role} get no account here"))
                    .at(place(list, 0, None))
            });
        }
    }
}

fn drop_record<T: Default + Clone>(registry: &mut Registry<T>, id: &str) {
    let slot = registry.slot(id);
    registry.set(slot, RecordStatus::Dropped);
}

/// Finds the record that an object is. The same object twice counts once; two that differ leave the
/// record as it is.
pub(super) fn claim<T: Default + Clone, O: Hash>(
    registry: &mut Registry<T>,
    list: Resource,
    id: &Text<'_>,
    object: &O,
    diagnostics: &mut Diagnostics<'_>,
) -> Taken {
    let Some(id) = id.get() else { return Taken::Nothing };
    let mut hash = Xxh3::new();
    object.hash(&mut hash);
    match registry.claim(id, list as u16, 0, hash.finish()) {
        Claim::First(slot) => Taken::Record(slot),
        Claim::Outdated => Taken::Known(registry.slot(id)),
        Claim::Again(_) => Taken::Nothing,
        Claim::Conflict(slot, _) => {
            note(diagnostics, &codes::RECORD_TWICE, list, Some(id), None, String::new);
            registry.set(slot, RecordStatus::Dropped);
            Taken::Nothing
        }
    }
}

/// Diagnostics a finding about a thing of a list.
pub(super) fn note(
    diagnostics: &mut Diagnostics<'_>,
    code: &'static Code,
    list: Resource,
    id: Option<&str>,
    field: Option<&str>,
    found: impl FnOnce() -> String,
) {
    diagnostics.note(code, |finding| {
        let found = found();
        let finding: Finding = if found.is_empty() { finding } else { finding.with(found) };
        let finding = finding.at(place(list.name(), 0, field));
        match id.map(id_of) {
            Some(id) => about(finding, list, &id),
            None => finding,
        }
    });
}

fn about(finding: Finding, list: Resource, id: &SourceId) -> Finding {
    finding.about(words_of(list).entity, id)
}
