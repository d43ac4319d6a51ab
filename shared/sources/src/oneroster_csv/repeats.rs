//! Ids of rows to which nothing refers (enrollments, roles): only a hash of each is kept.

use std::thread;

use hashbrown::HashSet;
use roster::id::hash64;

/// Which rows were read, so that a row of an earlier set does not come back over a newer one.
#[derive(Default)]
pub(super) struct Claims {
    /// Ids of newer sets.
    newer: HashSet<u64>,
    /// Ids of the set that is being read.
    current: Vec<u64>,
    /// Whether sets before the one that is being read may follow.
    remember: bool,
}

impl Claims {
    pub(super) fn new(remember: bool) -> Self {
        Self { remember, ..Self::default() }
    }

    /// The id's hash, unless a newer set has the row.
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

    /// From here on rows are of an earlier set.
    pub(super) fn go_back(&mut self) {
        self.newer.extend(self.current.drain(..));
    }
}

/// The places of each id that occurs more than once, in the order of the rows.
pub(super) fn repeated(ids: &[u64]) -> Vec<Vec<usize>> {
    // Each half by itself, side by side: of millions, sorting takes as long as reading a tenth of
    // them.
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
