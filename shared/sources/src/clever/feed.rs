//! The state of an import: the records read so far, and the tools of the modules that read them
//! (decode an object, claim its record, report a finding).

use std::hash::{Hash, Hasher};

use roster::finding::{Code, Finding, pull as codes};
use roster::id::SourceId;
use roster::records::RecordKind;
use serde::Deserialize;
use xxhash_rust::xxh3::Xxh3;

use super::objects::{Named, Text};
use super::pull::Resource;
use crate::intake::collected::{Collected, ImportOptions, List, Org, OrgKind, Words, person};
use crate::intake::diagnostics::{Diagnostics, id_of, place};
use crate::intake::ids::{Claim, NONE, RecordStatus, Registry};
use crate::intake::record_texts::OrgTexts;
use crate::intake::values::NO_DAY;

/// Returns the words for a list and its records in findings.
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

/// Returns the kind of the people in a list.
pub(super) fn kind_of(list: Resource) -> u8 {
    match list {
        Resource::Teachers => person::TEACHER,
        Resource::Students => person::STUDENT,
        Resource::Contacts => person::GUARDIAN,
        _ => person::OTHER,
    }
}

/// The records of a district that were read so far.
pub(super) struct Feed<'a> {
    pub(super) roster: Collected,
    pub(super) options: &'a ImportOptions<'a>,
    /// The district's id at Clever.
    district: &'a str,
    /// The district's slot among the orgs: the parent of the schools, and the org of the courses.
    pub(super) district_org: u32,
    pub(super) counts: Counts,
    /// The last section that listed each user, as teacher and as student: a section that lists a
    /// user twice has one enrollment.
    pub(super) last_class: [Vec<u32>; 2],
}

/// Harmless deviations that are only counted: every pull has thousands of them.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) people_not_shared: u64,
    pub(super) children_not_shared: u64,
    pub(super) no_guardians: u64,
    pub(super) races: u64,
    pub(super) courses_missing: u64,
}

/// The result of claiming an object's record.
pub(super) enum Claimed {
    /// The object is the first of this record.
    First(u32),
    /// The record was already read, from another list.
    Known(u32),
    /// The object has no id, repeats the record, or conflicts with it.
    Nothing,
}

impl<'a> Feed<'a> {
    pub(super) fn new(district: &'a str, options: &'a ImportOptions<'a>) -> Self {
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
            last_class: [Vec::new(), Vec::new()],
        }
    }

    /// Decodes an object. Returns `None` if it is unreadable or belongs to another district; a
    /// finding is then reported and the record marked as unreadable.
    pub(super) fn read<'o, T: Deserialize<'o>>(
        &mut self,
        list: Resource,
        object: &'o str,
        owner: impl FnOnce(&T) -> (&Text<'o>, &Text<'o>),
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<T> {
        // The error of serde could quote the object, so it is not reported.
        let Ok(read) = serde_json::from_str::<T>(object) else {
            let id = serde_json::from_str::<Named<'_>>(object).ok();
            let id = id.as_ref().and_then(|named| named.id.get());
            note(diagnostics, &codes::RECORD_UNREADABLE, list, id, None, String::new);
            self.mark_unreadable(list, id);
            return None;
        };
        let (id, district) = owner(&read);
        let Some(id) = id.get() else {
            note(diagnostics, &codes::RECORD_UNREADABLE, list, None, Some("id"), || {
                "a record has no id".into()
            });
            self.mark_unreadable(list, None);
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
            self.mark_unreadable(list, Some(id));
            return None;
        }
        Some(read)
    }

    /// Marks a record as unreadable, so that the mirror's version is kept; without an id, all
    /// records of its kind (R-H3).
    fn mark_unreadable(&mut self, list: Resource, id: Option<&str>) {
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
                roster.users.record_mut(slot).kinds |= kind_of(list);
            }
            (Resource::Teachers, None) => roster.losses.kind(RecordKind::Teacher),
            (Resource::Students, None) => roster.losses.kind(RecordKind::Student),
            (Resource::Contacts, None) => roster.losses.kind(RecordKind::Guardian),
            (Resource::Staff | Resource::DistrictAdmins, None) => {}
        }
    }
}

fn drop_record<T: Default + Clone>(registry: &mut Registry<T>, id: &str) {
    let slot = registry.slot(id);
    registry.set(slot, RecordStatus::Dropped);
}

/// Finds the record of an object. The same object twice counts once; if two objects of a record
/// differ, a finding is reported and the mirror's version of the record is kept.
pub(super) fn claim<T: Default + Clone, O: Hash>(
    registry: &mut Registry<T>,
    list: Resource,
    id: &Text<'_>,
    object: &O,
    diagnostics: &mut Diagnostics<'_>,
) -> Claimed {
    let Some(id) = id.get() else { return Claimed::Nothing };
    let mut hash = Xxh3::new();
    object.hash(&mut hash);
    match registry.claim(id, list as u16, 0, hash.finish()) {
        Claim::First(slot) => Claimed::First(slot),
        Claim::Outdated => Claimed::Known(registry.slot(id)),
        Claim::Again(_) => Claimed::Nothing,
        Claim::Conflict(slot, _) => {
            note(diagnostics, &codes::RECORD_TWICE, list, Some(id), None, String::new);
            registry.set(slot, RecordStatus::Dropped);
            Claimed::Nothing
        }
    }
}

/// Reports a finding about a record of a list. `found` may be empty: the code's own text is enough.
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
