//! Ids, each stored once, and the status of the record of each.
//!
//! # Why this is not simply a `HashMap<String, u32>`
//!
//! A string per id would be an allocation for each of millions of ids: here all texts lie in one
//! arena. A hash map would also compare texts, which goes to memory three more times for each
//! reference, and references are most of what reading enrollments costs. Instead two ids count as
//! equal if 96 bits of their hashes are equal; among ten million ids this goes wrong with
//! probability 1e-15. Together with writing the three long kinds of records on three threads, this
//! took the import of 100,000 students from 2.9 s to 1.6 s.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use roster::id::{SHARDS, hash64, shard_of};
use xxhash_rust::xxh3::xxh3_128;

use super::texts::Texts;

/// The slot value for "no record".
pub(crate) const NONE: u32 = u32::MAX;

/// Ids, numbered in the order of their first use. The number of an id is its slot.
#[derive(Default)]
pub(crate) struct Ids {
    texts: Texts,
    /// Position of each id in `texts`.
    at: Vec<usize>,
    table: HashTable<Place>,
}

/// An entry of the hash table: 96 bits of the id's hash, and its slot.
struct Place {
    hash: u64,
    check: u32,
    slot: u32,
}

fn hashes(id: &str) -> (u64, u32) {
    let hash = xxh3_128(id.as_bytes());
    (hash as u64, (hash >> 64) as u32)
}

impl Ids {
    pub(crate) fn get(&self, slot: u32) -> &str {
        self.texts.from(self.at[slot as usize]).text()
    }

    /// See [`Texts::peek`].
    pub(crate) fn peek(&self, slot: u32) -> u8 {
        self.texts.peek(self.at[slot as usize])
    }

    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let (hash, check) = hashes(id);
        self.table
            .find(hash, |place| (place.hash, place.check) == (hash, check))
            .map(|place| place.slot)
    }

    pub(crate) fn intern(&mut self, id: &str) -> u32 {
        let (hash, check) = hashes(id);
        let is_it = |place: &Place| (place.hash, place.check) == (hash, check);
        match self.table.entry(hash, is_it, |place| place.hash) {
            Entry::Occupied(place) => place.get().slot,
            Entry::Vacant(vacant) => {
                let slot = self.at.len() as u32;
                self.at.push(self.texts.here());
                self.texts.push(id);
                vacant.insert(Place { hash, check, slot });
                slot
            }
        }
    }

    /// Sorts slots by their ids as text.
    pub(crate) fn sorted(&self, slots: impl Iterator<Item = u32>) -> Vec<u32> {
        // The first 16 bytes behind the common prefix nearly always decide. They are compared as
        // numbers.
        let mut slots: Vec<u32> = slots.collect();
        let shared = self.shared_prefix(&slots);
        let mut keyed: Vec<(u128, u32)> = slots
            .iter()
            .map(|&slot| (prefix(&self.get(slot).as_bytes()[shared..]), slot))
            .collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
        slots.clear();
        slots.extend(keyed.into_iter().map(|(_, slot)| slot));
        slots
    }

    /// Sorts slots that are sorted by text into the order of the table:
    /// [`roster::id::table_order`].
    pub(crate) fn table_sorted(&self, by_text: &[u32]) -> Vec<u32> {
        let plain =
            |id: &str| id.len() <= 600 && id.bytes().all(|c| c > b'#' && c != b'%' && c != 0x7f);
        let mut slots = by_text.to_vec();
        if slots.iter().all(|&slot| plain(self.get(slot))) {
            // The order within a shard is the order of the text, so distributing the slots to
            // shards is enough.
            let mut shards = [const { Vec::new() }; SHARDS as usize];
            for &slot in &slots {
                shards[usize::from(shard_of(self.get(slot)))].push(slot);
            }
            slots = shards.concat();
        } else {
            slots.sort_by(|&a, &b| roster::id::table_order(self.get(a), self.get(b)));
        }
        slots
    }

    fn shared_prefix(&self, slots: &[u32]) -> usize {
        let Some((&first, rest)) = slots.split_first() else { return 0 };
        let first = self.get(first).as_bytes();
        rest.iter().fold(first.len(), |shared, &slot| {
            self.get(slot)
                .as_bytes()
                .iter()
                .zip(&first[..shared])
                .take_while(|(a, b)| a == b)
                .count()
        })
    }

    /// Finds pairs of ids that differ only in the case of ASCII letters.
    pub(crate) fn differing_in_case(&self, slots: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
        let lower = self.texts.may_have(|c| c.is_ascii_lowercase());
        if !lower || !self.texts.may_have(|c| c.is_ascii_uppercase()) {
            return Vec::new();
        }
        let mut keyed: Vec<(u64, u32)> =
            slots.map(|slot| (hash64(&self.get(slot).to_ascii_lowercase()), slot)).collect();
        keyed.sort_unstable();
        let same = |a: u32, b: u32| self.get(a).eq_ignore_ascii_case(self.get(b));
        keyed
            .windows(2)
            .filter(|w| w[0].0 == w[1].0 && same(w[0].1, w[1].1))
            .map(|w| (w[0].1, w[1].1))
            .collect()
    }
}

fn prefix(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    let length = bytes.len().min(16);
    first[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(first)
}

/// The status of a record after all packages were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum RecordStatus {
    /// Only referred to.
    #[default]
    Absent,
    /// Read.
    Present,
    /// Its row is bad. The mirror's record is left unchanged (R-H3).
    Dropped,
    /// Its row has the status `tobedeleted`.
    Removed,
}

/// Where a record was read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) status: RecordStatus,
    /// The package, counted from the newest backwards.
    package: u16,
    pub(crate) line: u32,
}

impl Seen {
    /// Whether the row is from an earlier set.
    pub(crate) fn is_of_earlier_set(self) -> bool {
        self.package > 0
    }
}

/// How a row relates to earlier rows with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The first row of its id.
    First(u32),
    /// A newer package has the record; ignore this row.
    Outdated,
    /// An identical row. Has the line of the first one.
    Again(u32),
    /// A different row with the same id. Has the slot, and the line of the first one.
    Conflict(u32, u32),
}

/// The records of one kind by id.
#[derive(Default)]
pub(crate) struct Registry<T> {
    pub(crate) ids: Ids,
    seen: Vec<Seen>,
    /// Hashes of the rows. Only used while the file is read.
    rows: Vec<u64>,
    records: Vec<T>,
}

impl<T: Default + Clone> Registry<T> {
    /// Reserves memory for more records. Growing step by step would copy them repeatedly; memory
    /// that is never touched costs nothing.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.ids.at.reserve(more);
        self.seen.reserve(more);
        self.rows.reserve(more);
        self.records.reserve(more);
    }

    /// Returns the slot of an id, and creates it if the id is new.
    pub(crate) fn slot(&mut self, id: &str) -> u32 {
        let slot = self.ids.intern(id);
        if slot as usize == self.seen.len() {
            self.seen.push(Seen::default());
            self.records.push(T::default());
        }
        slot
    }

    /// Claims the record of an id for a row. Packages are read from the newest backwards, so the
    /// first row wins.
    pub(crate) fn claim(&mut self, id: &str, package: u16, line: u32, row: u64) -> Claim {
        let slot = self.slot(id);
        let seen = &mut self.seen[slot as usize];
        if seen.status == RecordStatus::Absent {
            *seen = Seen { status: RecordStatus::Present, package, line };
            if self.rows.len() <= slot as usize {
                self.rows.resize(self.seen.len(), 0);
            }
            self.rows[slot as usize] = row;
            Claim::First(slot)
        } else if seen.package != package {
            Claim::Outdated
        } else if self.rows[slot as usize] == row {
            Claim::Again(seen.line)
        } else {
            Claim::Conflict(slot, seen.line)
        }
    }

    /// Frees memory that only reading needs.
    pub(crate) fn settle(&mut self) {
        self.rows = Vec::new();
    }

    pub(crate) fn seen(&self, slot: u32) -> Seen {
        self.seen[slot as usize]
    }

    pub(crate) fn status(&self, slot: u32) -> RecordStatus {
        self.seen[slot as usize].status
    }

    pub(crate) fn set(&mut self, slot: u32, status: RecordStatus) {
        self.seen[slot as usize].status = status;
    }

    /// Whether a reference to the record is valid: the record was read, or its row is bad and the
    /// mirror's record stays.
    pub(crate) fn resolves(&self, slot: u32) -> bool {
        matches!(self.status(slot), RecordStatus::Present | RecordStatus::Dropped)
    }

    pub(crate) fn is_present(&self, slot: u32) -> bool {
        self.status(slot) == RecordStatus::Present
    }

    pub(crate) fn present(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.seen.len() as u32).filter(|&slot| self.is_present(slot))
    }

    pub(crate) fn dropped(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.seen.len() as u32).filter(|&slot| self.status(slot) == RecordStatus::Dropped)
    }

    /// Records to which others refer and that were not sent.
    pub(crate) fn absent(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.seen.len() as u32).filter(|&slot| self.status(slot) == RecordStatus::Absent)
    }

    pub(crate) fn record(&self, slot: u32) -> &T {
        &self.records[slot as usize]
    }

    pub(crate) fn record_mut(&mut self, slot: u32) -> &mut T {
        &mut self.records[slot as usize]
    }

    pub(crate) fn id(&self, slot: u32) -> &str {
        self.ids.get(slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }
}

/// Caches the last id and its slot. Files are usually sorted, so the next row often refers to the
/// same record.
#[derive(Default)]
pub(crate) struct Last {
    text: String,
    slot: Option<u32>,
}

impl Last {
    pub(crate) fn or_find(&mut self, id: &str, find: impl FnOnce(&str) -> u32) -> u32 {
        match self.slot {
            Some(slot) if self.text == id => slot,
            _ => {
                let slot = find(id);
                self.text.clear();
                self.text.push_str(id);
                self.slot = Some(slot);
                slot
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_slots_is_the_order_of_the_table() {
        let mut ids = Ids::default();
        for id in
            ["student-10", "student-9", "student-100000001", "student-1", "student-10000000", "Ω"]
        {
            ids.intern(id);
        }
        let by_text = ids.sorted(0..ids.at.len() as u32);
        assert!(by_text.windows(2).all(|w| ids.get(w[0]) < ids.get(w[1])));
        ids.intern("with space");
        ids.intern("with#hash");
        let by_text = ids.sorted(0..ids.at.len() as u32);
        let slots = ids.table_sorted(&by_text);
        assert!(
            slots.windows(2).all(|w| roster::id::table_order(ids.get(w[0]), ids.get(w[1])).is_lt())
        );
    }
}
