//! Ids, each kept once, and what is known of the record behind each.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use roster::id::{SHARDS, hash64, shard_of};
use xxhash_rust::xxh3::xxh3_128;

use super::texts::Texts;

/// Stands for "no record" where a record's slot is expected.
pub(crate) const NONE: u32 = u32::MAX;

/// Texts kept once in one arena, numbered in the order of their coming.
#[derive(Default)]
pub(crate) struct Ids {
    texts: Texts,
    /// Where each of them stands.
    at: Vec<usize>,
    table: HashTable<Place>,
}

/// Where an id is found. Two ids are taken for one if 96 bits of their hashes agree: of ten million
/// ids two do with probability 1e-15. Comparing the texts as well would go to memory three more
/// times for each reference, which is most of what reading enrollments costs.
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

    /// Slots of these records in the order of ids as text.
    pub(crate) fn sorted(&self, slots: impl Iterator<Item = u32>) -> Vec<u32> {
        // The first differing bytes decide nearly always; they are compared as numbers, behind what
        // all ids begin with.
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

    /// Slots of these records in the order of the table: [`roster::id::table_order`].
    pub(crate) fn table_sorted(&self, by_text: &[u32]) -> Vec<u32> {
        let plain =
            |id: &str| id.len() <= 600 && id.bytes().all(|c| c > b'#' && c != b'%' && c != 0x7f);
        let mut slots = by_text.to_vec();
        if slots.iter().all(|&slot| plain(self.get(slot))) {
            // The order inside a shard is the order of the text, so dealing the slots out is
            // enough.
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

    /// Pairs of ids among these that differ only in the case of ASCII letters.
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

/// How a record stands after all packages were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum RecordStatus {
    /// Only referred to.
    #[default]
    Absent,
    /// Read.
    Present,
    /// Its row is bad: it is left as the mirror has it (R-H3).
    Dropped,
    /// Its row says `tobedeleted`.
    Removed,
}

/// Where a record was read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) status: RecordStatus,
    /// Which package, counted from tonight's backwards.
    package: u16,
    pub(crate) line: u32,
}

impl Seen {
    /// Whether the row is one of a set before tonight's.
    pub(crate) fn is_of_earlier_set(self) -> bool {
        self.package > 0
    }
}

/// What a row is to the rows of its id that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The first.
    First(u32),
    /// A newer package has the record: this row is history.
    Outdated,
    /// The same row again, first on that line.
    Again(u32),
    /// Another row of the same id, first on that line.
    Conflict(u32, u32),
}

/// The records of one file kind, found by id.
#[derive(Default)]
pub(crate) struct Registry<T> {
    pub(crate) ids: Ids,
    seen: Vec<Seen>,
    /// What the rows said, in a number; only while the file is read.
    rows: Vec<u64>,
    records: Vec<T>,
}

impl<T: Default + Clone> Registry<T> {
    /// Makes room for so many more records: growing little by little would copy them over and over.
    /// Room that is not used costs nothing.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.ids.at.reserve(more);
        self.seen.reserve(more);
        self.rows.reserve(more);
        self.records.reserve(more);
    }

    /// The slot of an id, referred to or read.
    pub(crate) fn slot(&mut self, id: &str) -> u32 {
        let slot = self.ids.intern(id);
        if slot as usize == self.seen.len() {
            self.seen.push(Seen::default());
            self.records.push(T::default());
        }
        slot
    }

    /// Takes a row for its record. Packages are read from tonight's backwards, so whoever comes
    /// first counts.
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

    /// Frees what only reading needed.
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

    /// Whether a reference to it leads somewhere: to a record that was read, or to one whose row is
    /// bad and that is left as it is.
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

/// Remembers the last text and its slot: files are sorted by something as a rule, so the next row
/// often refers to the same record.
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
