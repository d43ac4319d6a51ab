//! Ids of rows to which no other row refers (enrollments, roles). Only a hash of each is kept.

use std::thread;

use hashbrown::HashSet;
use roster::id::hash64;

/// The rows already read, so that a row of an earlier set does not replace a newer one.
#[derive(Default)]
pub(super) struct Claims {
    /// Hashes of the ids of newer sets.
    newer: HashSet<u64>,
    /// Hashes of the ids of the current set.
    current: Vec<u64>,
    /// Whether an earlier set may follow.
    remember: bool,
}

impl Claims {
    pub(super) fn new(remember: bool) -> Self {
        Self { remember, ..Self::default() }
    }

    /// Returns the id's hash, or `None` if a newer set has the row.
    pub(super) fn take(&mut self, id: &str) -> Option<u64> {
        let hash = hash64(id);
        if self.newer.contains(&hash) {
            return None;
        }
        if self.remember {
            self.current.push(hash);
        }
        Some(hash)
    }

    /// Continues with an earlier set.
    pub(super) fn go_back(&mut self) {
        self.newer.extend(self.current.drain(..));
    }
}

/// Finds repeated ids and returns the indices of each, in the order of the rows.
pub(super) fn repeated(ids: &[u64]) -> Vec<Vec<usize>> {
    // Both halves of the hashes are sorted at the same time: sorting millions takes a tenth of the
    // time that reading them takes.
    let in_half = |upper: bool| {
        let mut sorted: Vec<u64> =
            ids.iter().copied().filter(|id| (id >> 63 == 1) == upper).collect();
        sorted.sort_unstable();
        sorted.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect::<HashSet<u64>>()
    };
    let repeated = thread::scope(|scope| {
        let upper = scope.spawn(|| in_half(true));
        let mut repeated = in_half(false);
        repeated.extend(upper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        repeated
    });
    if repeated.is_empty() {
        return Vec::new();
    }
    let numbered = ids.iter().copied().zip(0..);
    let mut places: Vec<(u64, usize)> = numbered.filter(|(id, _)| repeated.contains(id)).collect();
    places.sort_unstable();
    let mut groups: Vec<Vec<usize>> = places
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| group.iter().map(|&(_, i)| i).collect())
        .collect();
    groups.sort_unstable();
    groups
}
