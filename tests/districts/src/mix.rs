//! Pseudo-random numbers. Everything in a district is a pure function of the seed and of the
//! record's coordinates.

/// The purpose of a number, so that two properties of a record are independent.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(crate) enum Draw {
    District = 1,
    SchoolSize,
    SchoolName,
    SeatOrder,
    FamilyOrder,
    NumberOrder,
    StudentEvent,
    StudentMove,
    StudentName,
    StudentBody,
    TeacherEvent,
    TeacherName,
    TeacherBody,
    ClassEvent,
    ClassBody,
    FamilyName,
    FamilyShape,
    GuardianName,
    Id,
    Drop,
}

/// Mixes a seed, a purpose and two coordinates into one number (splitmix64 steps).
pub(crate) fn mix(seed: u64, draw: Draw, a: u64, b: u64) -> u64 {
    let mut x = step(seed ^ (draw as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = step(x ^ a.wrapping_mul(0xd6e8_feb8_6659_fd93));
    step(x ^ b.wrapping_mul(0xa076_1d64_78bd_642f))
}

fn step(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A reversible shuffle of `0..len` in constant memory: a Feistel network, repeated until the
/// result is in range.
///
/// The first `n` positions are an exact sample of size `n`, so churn meets its percentage exactly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shuffle {
    len: u64,
    half: u32,
    keys: [u64; 4],
}

impl Shuffle {
    pub(crate) fn new(len: u64, seed: u64, draw: Draw, salt: u64) -> Self {
        let bits = 64 - len.max(2).saturating_sub(1).leading_zeros();
        let keys = [0, 1, 2, 3].map(|round| mix(seed, draw, salt, 0x5f00 + round));
        Self { len, half: bits.div_ceil(2), keys }
    }

    /// The position of `i` after the shuffle.
    pub(crate) fn place(&self, i: u64) -> u64 {
        self.walk(i, |s, x| s.round_trip(x, false))
    }

    /// The element at position `i` after the shuffle.
    pub(crate) fn undo(&self, i: u64) -> u64 {
        self.walk(i, |s, x| s.round_trip(x, true))
    }

    fn walk(&self, i: u64, once: impl Fn(&Self, u64) -> u64) -> u64 {
        if self.len < 2 {
            return i;
        }
        let mut x = once(self, i);
        while x >= self.len {
            x = once(self, x);
        }
        x
    }

    fn round_trip(&self, x: u64, back: bool) -> u64 {
        let mask = (1u64 << self.half) - 1;
        let (mut left, mut right) = (x >> self.half, x & mask);
        let f = |v: u64, key: u64| step(v ^ key) & mask;
        if back {
            for key in self.keys.iter().rev() {
                (left, right) = (right ^ f(left, *key), left);
            }
        } else {
            for key in self.keys {
                (left, right) = (right, left ^ f(right, key));
            }
        }
        (left << self.half) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_is_a_reversible_permutation() {
        for len in [1, 2, 3, 7, 100, 1000, 4097] {
            let shuffle = Shuffle::new(len, 7, Draw::SeatOrder, 1);
            let mut seen = vec![false; usize::try_from(len).unwrap()];
            for i in 0..len {
                let place = shuffle.place(i);
                assert_eq!(shuffle.undo(place), i);
                assert!(!std::mem::replace(&mut seen[usize::try_from(place).unwrap()], true));
            }
        }
    }
}
