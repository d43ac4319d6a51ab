//! What stays unchanged in the mirror: unreadable records of the source (R-H3), pins (R-P1), and
//! what the plan leaves out (R-H2, R-H5).

use std::collections::BTreeMap;

use super::aliases::Aliases;
use super::hashes::{IdMap, IdSet, pair};
use super::withheld::Scopes;
use crate::book::groups;
use roster::contract::{PlanError, PlanInputs};
use roster::id::{SourceId, hash64};
use roster::outcome::ENROLLMENT;
use roster::records::{Membership, RecordKind, Student};
use roster::snapshot::{UnreadableReason, UnreadableRecord};
use roster::withheld::Withheld;

/// The unreadable records of a snapshot, the pins, and what the plan leaves out.
#[derive(Default)]
pub(super) struct Protected {
    /// What the plan leaves out (R-H2, R-H5).
    withheld: Scopes,
    records: [IdSet; RecordKind::ALL.len()],
    /// Those of `records` that were not sent, but are still referred to.
    referenced: [IdSet; RecordKind::ALL.len()],
    /// The number of unreadable records without an id.
    kinds: [u64; RecordKind::ALL.len()],
    /// Hashes of the contacts of unreadable guardians, which count as taken (readings, R-G1).
    contacts: IdSet,
    /// Readable enrollments of people whose own record is unreadable, by person.
    by_person: [IdMap<Vec<Membership>>; RecordKind::ALL.len()],
    /// The same by class; the id of the enrollment is the person's.
    by_class: [IdMap<Vec<Membership>>; RecordKind::ALL.len()],
    every_enrollment: bool,
    /// Students whose demographics could not be read.
    demographics: IdSet,
    /// A row of demographics without a readable id: it may be of any student without demographics.
    any_demographics: bool,
    enrollments: Vec<(Option<SourceId>, Option<SourceId>)>,
    /// Keys of pinned records (R-P1).
    pinned: [IdSet; RecordKind::ALL.len()],
    /// Pairs of keys of pinned enrollments (R-P1).
    pinned_pairs: IdSet,
}

impl Protected {
    /// Reads all unreadable records. They are few, because a guard or a person stops a snapshot
    /// with many.
    pub(super) fn read<I: PlanInputs>(withheld: &Withheld, inputs: &I) -> Result<Self, PlanError> {
        let mut all = Self { withheld: Scopes::read(withheld, inputs)?, ..Self::default() };
        for record in inputs.unreadable().map_err(PlanError::input)? {
            match record.map_err(PlanError::input)? {
                UnreadableRecord::Record { kind, id, classes, reason, contacts } => {
                    let place = kind as usize;
                    let hash = id.hash64();
                    all.records[place].insert(hash);
                    all.contacts.extend(contacts.iter().map(|contact| hash64(contact.reveal())));
                    if reason == UnreadableReason::Referenced {
                        all.referenced[place].insert(hash);
                    }
                    for enrollment in &classes {
                        let mirrored = Membership { id: id.clone(), ..enrollment.clone() };
                        all.by_class[place]
                            .entry(enrollment.id.hash64())
                            .or_default()
                            .push(mirrored);
                    }
                    all.by_person[place].entry(hash).or_default().extend(classes);
                }
                UnreadableRecord::Kind { kind } => all.kinds[kind as usize] += 1,
                UnreadableRecord::Enrollment { class: None, person: None } => {
                    all.every_enrollment = true
                }
                UnreadableRecord::Enrollment { class, person } => {
                    all.enrollments.push((class, person))
                }
                UnreadableRecord::Demographics { student: Some(id) } => {
                    all.demographics.insert(id.hash64());
                }
                UnreadableRecord::Demographics { student: None } => all.any_demographics = true,
            }
        }
        Ok(all)
    }

    /// Adds a pinned record (R-P1).
    pub(super) fn pin(&mut self, kind: RecordKind, key: u64) {
        self.pinned[kind as usize].insert(key);
    }

    /// Adds a pinned enrollment (R-P1).
    pub(super) fn pin_enrollment(&mut self, class: u64, person: u64) {
        self.pinned_pairs.insert(pair(class, person));
    }

    /// Whether the record with this key stays if the source does not have it: it is pinned (R-P1),
    /// or its removal is left out (R-H2, R-H5).
    pub(super) fn keeps(&self, kind: RecordKind, key: u64) -> bool {
        self.pinned[kind as usize].contains(&key) || self.withheld.keep(kind, key)
    }

    /// What the plan leaves out.
    pub(super) fn withheld(&self) -> &Scopes {
        &self.withheld
    }

    /// Whether this record is unreadable. What an unreadable row says of a person's role does not
    /// count: the row leaves the person unchanged in every role (R-H3).
    pub(super) fn is_unreadable(&self, kind: RecordKind, id: u64) -> bool {
        let is_in = |kind: RecordKind| self.records[kind as usize].contains(&id);
        is_in(kind) || (kind.is_person() && RecordKind::PEOPLE.into_iter().any(is_in))
    }

    /// Returns the hashed ids of the unreadable records of a kind.
    pub(super) fn unreadable(&self, kind: RecordKind) -> &IdSet {
        &self.records[kind as usize]
    }

    /// Whether the demographics of a student of the snapshot could not be read.
    pub(super) fn has_lost_demographics(&self, student: &Student) -> bool {
        self.demographics.contains(&student.id.hash64())
            || (self.any_demographics && groups::are_blank(&student.demographics))
    }

    /// Whether no record of the kind counts as gone, because an unreadable record without an id may
    /// be any of them.
    pub(super) fn keeps_all(&self, kind: RecordKind) -> bool {
        self.kinds[kind as usize] > 0
    }

    /// Returns the contacts of unreadable guardians, hashed.
    pub(super) fn contacts(&self) -> &IdSet {
        &self.contacts
    }

    /// Whether any record of the kind is unreadable.
    pub(super) fn any_unreadable(&self, kind: RecordKind) -> bool {
        self.kinds[kind as usize] > 0 || !self.records[kind as usize].is_empty()
    }

    /// Whether this record was not sent, although others refer to it.
    pub(super) fn is_referenced(&self, kind: RecordKind, id: u64) -> bool {
        self.referenced[kind as usize].contains(&id)
    }

    /// Returns the number of records of a kind that were sent but could not be read.
    pub(super) fn count(&self, kind: RecordKind) -> u64 {
        let sent = self.records[kind as usize].len() - self.referenced[kind as usize].len();
        sent as u64 + self.kinds[kind as usize]
    }

    /// Counts what was sent but could not be used; see [`roster::review::Review::left_out`].
    pub(super) fn left_out(&self) -> BTreeMap<String, u64> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut add = |name: &str, count: u64| {
            if count > 0 {
                *counts.entry(name.to_owned()).or_default() += count;
            }
        };
        let mut kinds_of_person: IdMap<u8> = IdMap::default();
        for kind in RecordKind::ALL.into_iter().filter(|kind| kind.is_person()) {
            for id in self.sent(kind) {
                *kinds_of_person.entry(id).or_default() += 1;
            }
        }
        add("person", kinds_of_person.values().filter(|kinds| **kinds > 1).count() as u64);
        for kind in RecordKind::ALL {
            let one_kind = |id: &u64| kinds_of_person.get(id).is_none_or(|kinds| *kinds == 1);
            let records = self.sent(kind).filter(one_kind).count() as u64;
            add(kind.name(), records + self.kinds[kind as usize]);
        }
        let enrollments = self.enrollments.len() as u64 + u64::from(self.every_enrollment);
        add(ENROLLMENT, enrollments);
        add("demographics", self.demographics.len() as u64 + u64::from(self.any_demographics));
        counts
    }

    /// Returns the records of a kind that were sent but could not be read.
    fn sent(&self, kind: RecordKind) -> impl Iterator<Item = u64> {
        let referenced = &self.referenced[kind as usize];
        self.records[kind as usize].iter().copied().filter(|id| !referenced.contains(id))
    }

    /// Returns the readable enrollments of a person whose own record is unreadable.
    pub(super) fn enrollments_of_person(&self, kind: RecordKind, id: u64) -> &[Membership] {
        self.by_person[kind as usize].get(&id).map_or(&[], Vec::as_slice)
    }

    /// Returns the readable enrollments in a class of people whose own record is unreadable.
    pub(super) fn enrollments_of_class(&self, kind: RecordKind, class: u64) -> &[Membership] {
        self.by_class[kind as usize].get(&class).map_or(&[], Vec::as_slice)
    }

    /// Returns the enrollments that stay because their rows are unreadable, because they are pinned,
    /// or because the plan leaves out their removal.
    pub(super) fn kept_enrollments(&self, people: &Aliases) -> KeptEnrollments {
        let all = self.every_enrollment || self.withheld.keep_all();
        let mut kept = KeptEnrollments { all, ..Default::default() };
        kept.pairs.extend(&self.pinned_pairs);
        kept.classes.extend(self.withheld.rosters());
        for (class, person) in &self.enrollments {
            let person = person.as_ref().map(|id| people.key_hash(id));
            match (class, person) {
                (Some(class), Some(person)) => kept.pairs.insert(pair(class.hash64(), person)),
                (Some(class), None) => kept.classes.insert(class.hash64()),
                (None, Some(person)) => kept.people.insert(person),
                (None, None) => continue,
            };
        }
        kept
    }
}

/// The enrollments of the mirror that stay although the source does not list them.
#[derive(Default)]
pub(super) struct KeptEnrollments {
    all: bool,
    classes: IdSet,
    people: IdSet,
    pairs: IdSet,
}

impl KeptEnrollments {
    /// Whether the enrollment of a person (key) in a class (key) stays.
    pub(super) fn has(&self, class: u64, person: u64) -> bool {
        self.all
            || self.classes.contains(&class)
            || self.people.contains(&person)
            || (!self.pairs.is_empty() && self.pairs.contains(&pair(class, person)))
    }
}
