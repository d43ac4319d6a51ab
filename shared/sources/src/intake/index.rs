//! Finds the items of a slot in a list that is sorted by slot.

use std::ops::Range;

/// The range of each slot's items.
pub(super) struct Index(Vec<u32>);

impl Index {
    /// Builds the index. `sorted` yields the slot of each item; all are less than `slots`.
    pub(super) fn of(slots: usize, sorted: impl Iterator<Item = u32>) -> Self {
        let mut ends = vec![0_u32; slots + 1];
        for slot in sorted {
            ends[slot as usize + 1] += 1;
        }
        for i in 1..ends.len() {
            ends[i] += ends[i - 1];
        }
        Self(ends)
    }

    /// Returns the range of a slot's items.
    pub(super) fn get(&self, slot: u32) -> Range<usize> {
        self.0[slot as usize] as usize..self.0[slot as usize + 1] as usize
    }
}
