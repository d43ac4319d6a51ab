//! Phone numbers in E.164.
//!
//! # Why this is not simply the crate `phonenumber`
//!
//! Its metadata of all countries decide, but a lookup costs about ten microseconds a number. Nearly
//! all numbers of districts in North America are ten digits, and for those the metadata always
//! give the same answer, so they are read without a lookup. A test compares both ways.

use std::fmt::Write as _;

use phonenumber::{country, metadata::DATABASE};

/// Reads phone numbers of a country.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phones {
    country: country::Id,
    is_north_american: bool,
}

impl Phones {
    /// Creates a reader. `country` is the ISO 3166 code for numbers without a country code. Returns
    /// `None` for an unknown country.
    pub(crate) fn of(country: &str) -> Option<Self> {
        let country: country::Id = country.trim().to_ascii_uppercase().parse().ok()?;
        Some(Self { country, is_north_american: matches!(country, country::US | country::CA) })
    }

    /// Appends a number in E.164 to `into`. Returns false, and leaves `into` unchanged, if the text
    /// is no phone number.
    pub(crate) fn read(self, text: &str, into: &mut String) -> bool {
        if let Some(digits) = self.ten_digits(text) {
            into.push_str("+1");
            into.extend(digits.iter().map(|&d| char::from(d)));
            return true;
        }
        self.by_metadata(text, into)
    }

    /// The ten digits of a North American number in a usual notation.
    fn ten_digits(self, text: &str) -> Option<[u8; 10]> {
        let text = text.trim();
        let (international, rest) =
            text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
        if !international && !self.is_north_american {
            return None;
        }
        let mut digits = [0; 11];
        let mut count = 0;
        for c in rest.bytes() {
            match c {
                b'0'..=b'9' => {
                    *digits.get_mut(count)? = c;
                    count += 1;
                }
                b' ' | b'-' | b'.' | b'(' | b')' => {}
                _ => return None,
            }
        }
        let national = match (count, international, digits[0]) {
            (10, false, _) => &digits[..10],
            (11, _, b'1') => &digits[1..],
            _ => return None,
        };
        (matches!(national[0], b'2'..=b'9')).then(|| national.try_into().ok()).flatten()
    }

    fn by_metadata(self, text: &str, into: &mut String) -> bool {
        let text = text.trim();
        if text.len() > 64 || text.bytes().filter(u8::is_ascii_digit).count() < 4 {
            return false;
        }
        let Ok(number) = phonenumber::parse(Some(self.country), text) else { return false };
        let code = number.country().code();
        let national = number.national().to_string();
        if !self.fits(code, &national) {
            return false;
        }
        // Writing to a string cannot fail.
        let _ = write!(into, "+{code}{national}");
        true
    }
}

impl Phones {
    /// Whether a national number has the form of numbers in its country.
    fn fits(self, code: u16, national: &str) -> bool {
        if code == 1 {
            return national.len() == 10 && !national.starts_with(['0', '1']);
        }
        let own = DATABASE.by_id(self.country.as_ref()).filter(|own| own.country_code() == code);
        let Some(metadata) =
            own.or_else(|| DATABASE.by_code(&code).and_then(|all| all.into_iter().next()))
        else {
            return false;
        };
        let general = metadata.descriptors().general();
        let possible = general.possible_length();
        let is_whole = general
            .national_number()
            .find(national)
            .is_some_and(|found| found.as_str().len() == national.len());
        is_whole
            && (possible.is_empty()
                || possible.iter().any(|&length| usize::from(length) == national.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(country: &str, text: &str) -> Option<String> {
        let mut into = String::new();
        let is_valid = Phones::of(country).unwrap().read(text, &mut into);
        assert!(!is_valid || roster::contact::is_e164(&into), "{into}");
        is_valid.then_some(into)
    }

    #[test]
    fn numbers_are_converted_to_e164_or_rejected() {
        for text in [
            "(312) 555-0142",
            "312.555.0142",
            "3125550142",
            "1 312 555 0142",
            "+1 312-555-0142",
            "312-555-0142 x77",
        ] {
            assert_eq!(read("US", text).as_deref(), Some("+13125550142"), "{text}");
        }
        assert_eq!(read("US", "+49 30 901820").as_deref(), Some("+4930901820"));
        assert_eq!(read("DE", "030 901820").as_deref(), Some("+4930901820"));
        assert_eq!(read("DE", "+1 312 555 0142").as_deref(), Some("+13125550142"));
        for text in ["", "none", "555-0142", "12", "0000000000", "n/a", "312555014299"] {
            assert_eq!(read("US", text), None, "{text}");
        }
        assert!(Phones::of("Atlantis").is_none());
    }

    proptest::proptest! {
        #[test]
        fn the_fast_path_agrees_with_the_metadata(text in "[+]?[1]?[ (]{0,2}[2-9][0-9]{2}[). -]{0,2}[0-9]{3}[. -]?[0-9]{4}") {
            let phones = Phones::of("US").unwrap();
            if let Some(digits) = phones.ten_digits(&text) {
                // The parser of the metadata rejects some notations. Both agree on all others.
                let mut slow = String::new();
                if phones.by_metadata(&text, &mut slow) {
                    let fast = format!("+1{}", std::str::from_utf8(&digits).unwrap());
                    proptest::prop_assert_eq!(slow, fast);
                }
            }
        }
    }
}
