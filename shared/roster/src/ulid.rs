//! ULIDs and Crockford's base 32: the text form of run ids and of join codes.

use jiff::Timestamp;

/// The digits of Crockford's base 32, without the letters I, L, O and U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The length of a ULID.
const ULID: usize = 26;

/// Returns the lower `5 * digits` bits as digits of Crockford's base 32. `digits` is at most 26.
pub fn crockford(bits: u128, digits: usize) -> String {
    let digit = |place: usize| DIGITS[((bits >> (5 * place)) & 31) as usize];
    (0..digits).rev().map(|place| char::from(digit(place))).collect()
}

/// Returns true if the text consists of `digits` digits of Crockford's base 32, in upper case.
pub fn is_crockford(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|c| DIGITS.contains(&c))
}

/// Returns the ULID of a time and the lower 80 bits of `bits`. A time before 1970 counts as 1970.
pub fn ulid(at: Timestamp, bits: u128) -> String {
    let time = u128::try_from(at.as_millisecond()).unwrap_or(0) & ((1 << 48) - 1);
    crockford((time << 80) | (bits & ((1 << 80) - 1)), ULID)
}

/// Returns true if the text is a ULID.
pub fn is_ulid(text: &str) -> bool {
    is_crockford(text, ULID)
}

/// Returns the time of a ULID, or `None` if the text is not a ULID.
pub fn time_of(text: &str) -> Option<Timestamp> {
    if !is_ulid(text) {
        return None;
    }
    let values = text.bytes().take(10).filter_map(|c| DIGITS.iter().position(|digit| *digit == c));
    let time = values.fold(0, |time: i64, value| (time << 5) | value as i64);
    Timestamp::from_millisecond(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_sorts_by_time_and_contains_it() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let first = ulid(at(1_780_000_000_000), u128::MAX);
        assert!(is_ulid(&first) && first < ulid(at(1_780_000_000_001), 0));
        assert_eq!(time_of(&first), Some(at(1_780_000_000_000)));
        assert_eq!(ulid(at(0), 33), "00000000000000000000000011");
        for text in ["", "01HZ", "0000000000000000000000000U", "0000000000000000000000000a"] {
            assert_eq!(time_of(text), None, "{text}");
        }
    }
}
