//! Generates ids and join codes. The randomness is the operating system's, so that a join code
//! cannot be guessed from ids that were seen.

use std::fs::File;
use std::io::Read as _;

use jiff::Timestamp;
use mirror::MirrorError;
use roster::ulid::{crockford, is_crockford};

/// Characters of a join code: 50 bits.
const CODE: usize = 10;

fn random() -> Result<u128, MirrorError> {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|e| MirrorError::local("get random bytes", e))?;
    Ok(u128::from_le_bytes(bytes))
}

/// Returns a new ULID. ULIDs sort by time.
pub(crate) fn ulid(now: Timestamp) -> Result<String, MirrorError> {
    Ok(roster::ulid::ulid(now, random()?))
}

/// Returns a new join code, in two halves for reading aloud: `7K2QD-M4XWA`.
pub(crate) fn join_code() -> Result<String, MirrorError> {
    let mut code = crockford(random()?, CODE);
    code.insert(CODE / 2, '-');
    Ok(code)
}

/// Reads a join code that a person typed. Ignores case, spaces and hyphens, and reads letters that
/// look like digits as digits.
pub(crate) fn parse_join_code(code: &str) -> Option<String> {
    let mut code: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    is_crockford(&code, CODE).then(|| {
        code.insert(CODE / 2, '-');
        code
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let at = |ms| ulid(Timestamp::from_millisecond(ms).unwrap()).unwrap();
        assert!(at(1_780_000_000_000) < at(1_780_000_000_001));
        assert_eq!(at(1_780_000_000_000)[..10], at(1_780_000_000_000)[..10]);
        assert_ne!(at(1_780_000_000_000), at(1_780_000_000_000));
        assert_eq!(at(0).len(), 26);
    }

    #[test]
    fn a_join_code_is_read_in_any_spelling() {
        let made = join_code().unwrap();
        assert_eq!(
            parse_join_code(&made.to_lowercase().replace('-', " ")).as_deref(),
            Some(made.as_str())
        );
        assert_eq!(parse_join_code("o1lI0-abcde").as_deref(), Some("01110-ABCDE"));
        for wrong in ["", "short", "01110-ABCDU", "01110-ABCDEF", "éééééééééé"] {
            assert_eq!(parse_join_code(wrong), None, "{wrong}");
        }
    }
}
