//! What is left as the mirror has it: what the source sent and could not be read (R-H3), and what
//! support has pinned (R-P1).

use super::hashes::{IdMap, IdSet, pair};
use super::identity::Aliases;
use roster::contract::{PlanError, PlanInputs};
use roster::id::SourceId;
use roster::records::{Membership, RecordKind};
use roster::snapshot::UnreadableRecord;

/// All gaps of a snapshot.
#[derive(Default)]
pub(super) struct Gaps {
    /// False for "additions and changes only" (R-H2): then nothing counts as gone.
    removals: bool,
    records: [IdSet; RecordKind::ALL.len()],
    kinds: [bool; RecordKind::ALL.len()],
    /// Tonight's enrollments of people whose own row is bad, by person.
    seats: [IdMap<Vec<Membership>>; RecordKind::ALL.len()],
    /// The same by class; the seat's id is the person's.
    by_class: [IdMap<Vec<Membership>>; RecordKind::ALL.len()],
    every_enrollment: bool,
    enrollments: Vec<(Option<SourceId>, Option<SourceId>)>,
    /// Keys of pinned records (R-P1).
    pinned: [IdSet; RecordKind::ALL.len()],
    /// Pairs of keys of pinned seats (R-P1).
    pinned_seats: IdSet,
}

impl Gaps {
    /// Reads them all: few, for a snapshot with many is one that a guard or a person stops.
    pub(super) fn read<I: PlanInputs>(removals: bool, inputs: &I) -> Result<Self, PlanError> {
        let mut all = Self { removals, ..Self::default() };
        for gap in inputs.gaps().map_err(PlanError::input)? {
            match gap.map_err(PlanError::input)? {
                UnreadableRecord::Record { kind, id, classes } => {
                    let tag = kind as usize;
                    let hash = id.hash64();
                    all.records[tag].insert(hash);
                    for seat in &classes {
                        let mirrored = Membership { id: id.clone(), ..seat.clone() };
                        all.by_class[tag].entry(seat.id.hash64()).or_default().push(mirrored);
                    }
                    all.seats[tag].entry(hash).or_default().extend(classes);
                }
                UnreadableRecord::Kind { kind } => all.kinds[kind as usize] = true,
                UnreadableRecord::Enrollment { class: None, person: None } => {
                    all.every_enrollment = true
                }
                UnreadableRecord::Enrollment { class, person } => {
                    all.enrollments.push((class, person))
                }
            }
        }
        Ok(all)
    }

    /// A record that no run removes today (R-P1).
    pub(super) fn pin(&mut self, tag: RecordKind, key: u64) {
        self.pinned[tag as usize].insert(key);
    }

    /// A seat that no run takes away today (R-P1).
    pub(super) fn pin_seat(&mut self, class: u64, person: u64) {
        self.pinned_seats.insert(pair(class, person));
    }

    /// Whether the record with this key is pinned.
    pub(super) fn pins(&self, tag: RecordKind, key: u64) -> bool {
        self.pinned[tag as usize].contains(&key)
    }

    /// Whether this record was sent and could not be read.
    pub(super) fn has(&self, tag: RecordKind, id: u64) -> bool {
        self.records[tag as usize].contains(&id)
    }

    /// Whether no record of the kind counts as gone tonight: one whose id could not be read may be
    /// any of them.
    pub(super) fn keeps_all(&self, tag: RecordKind) -> bool {
        !self.removals || self.kinds[tag as usize]
    }

    /// Whether anything of the kind was sent and could not be read.
    pub(super) fn any(&self, tag: RecordKind) -> bool {
        self.kinds[tag as usize] || !self.records[tag as usize].is_empty()
    }

    /// How many records of a kind were sent and could not be read, as far as their ids are known.
    pub(super) fn count(&self, tag: RecordKind) -> u64 {
        self.records[tag as usize].len() as u64
    }

    /// Whether the run may take anything away.
    pub(super) fn removals(&self) -> bool {
        self.removals
    }

    /// Tonight's enrollments of a person whose own row is bad.
    pub(super) fn seats_of_person(&self, tag: RecordKind, id: u64) -> &[Membership] {
        self.seats[tag as usize].get(&id).map_or(&[], Vec::as_slice)
    }

    /// The same, seen from a class.
    pub(super) fn seats_of_class(&self, tag: RecordKind, class: u64) -> &[Membership] {
        self.by_class[tag as usize].get(&class).map_or(&[], Vec::as_slice)
    }

    /// The enrollments of a kind of person that stay because their rows could not be read.
    pub(super) fn kept_seats(&self, people: &Aliases) -> KeptSeats {
        let mut kept =
            KeptSeats { all: self.every_enrollment || !self.removals, ..KeptSeats::default() };
        kept.pairs.extend(&self.pinned_seats);
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

/// Which seats of the mirror stay though the source does not list them tonight.
#[derive(Default)]
pub(super) struct KeptSeats {
    all: bool,
    classes: IdSet,
    people: IdSet,
    pairs: IdSet,
}

impl KeptSeats {
    /// Whether the seat of a person (key) in a class (key) stays.
    pub(super) fn has(&self, class: u64, person: u64) -> bool {
        self.all
            || self.classes.contains(&class)
            || self.people.contains(&person)
            || (!self.pairs.is_empty() && self.pairs.contains(&pair(class, person)))
    }
}
