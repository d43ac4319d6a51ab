//! Sets and maps of 64-bit hashes: a plan keeps no other data about a whole district.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::{HashMap, HashSet};

use roster::id::hash64;
use roster::personal::Personal;
use roster::records::Person;

/// Ids are already hashed ([`roster::id::SourceId::hash64`]), so the hash is used unchanged.
#[derive(Clone, Copy, Default)]
pub(super) struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A set of hashes.
pub(super) type IdSet = HashSet<u64, BuildHasherDefault<PassThrough>>;
/// A map from hashes.
pub(super) type IdMap<V> = HashMap<u64, V, BuildHasherDefault<PassThrough>>;

/// Combines two hashes; the order matters.
pub(super) fn pair(a: u64, b: u64) -> u64 {
    (a.rotate_left(23) ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.rotate_left(41)
}

/// Returns the hash of the full name, compared without case and with single spaces (readings,
/// R-I2). `None` if there is no name.
pub(super) fn full_name(person: &Person) -> Option<u64> {
    let mut text = String::new();
    for part in [&person.given, &person.middle, &person.family].into_iter().flatten() {
        for word in part.reveal().split_whitespace() {
            if !text.is_empty() {
                text.push(' ');
            }
            if word.is_ascii() {
                let begin = text.len();
                text.push_str(word);
                text[begin..].make_ascii_lowercase();
            } else {
                text.extend(word.chars().flat_map(char::to_lowercase));
            }
        }
    }
    (!text.is_empty()).then(|| hash64(&text))
}

/// Returns the hash of the e-mail address. Addresses are trimmed and in lower case already.
pub(super) fn email(person: &Person) -> Option<u64> {
    person.email.as_ref().map(|email| hash64(email.reveal()))
}

/// Returns the contacts of a person: e-mail address, phone and SMS number.
pub(super) fn contacts(person: &Person) -> impl Iterator<Item = &Personal> {
    [&person.email, &person.phone, &person.sms].into_iter().flatten()
}
