//! Defects of the zip format. No library writes them, so they are applied to the bytes of a
//! finished zip.

use super::Defect;
use crate::night::Night;

/// Signatures of the zip format (APPNOTE 4.3.7 and 4.3.12).
const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";

/// The temporary name of the second users.csv, as long as the real name.
pub(crate) const SECOND_USERS: &str = "users.cs2";

impl Night {
    /// Whether the finished zip must be changed.
    pub(crate) fn spoils_archive(&self) -> bool {
        let in_making = [Defect::ZipBomb, Defect::TooManyMembers, Defect::PathTraversal];
        self.defects.iter().any(|defect| defect.is_archive_defect() && !in_making.contains(defect))
    }

    /// The zip with its defects.
    pub(crate) fn spoil_archive(&self, mut zip: Vec<u8>) -> Vec<u8> {
        if self.has(Defect::NotAZip) {
            return b"This is the roster of our school.\r\nPlease find it attached.\r\n".to_vec();
        }
        if self.has(Defect::Gzip) {
            // Without the end of the zip: a zip may have anything before its data.
            return [b"\x1f\x8b\x08\0".as_slice(), &zip[..zip.len() / 2]].concat();
        }
        if self.has(Defect::ZipInZip) {
            return in_zip("export.zip", &zip);
        }
        if self.has(Defect::EmptyZip) {
            // An end of central directory without entries.
            return [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
        }
        for (at, central) in headers(&zip) {
            let name_at = at + if central { 46 } else { 30 };
            let name_length = usize::from(u16::from_le_bytes([
                zip[at + if central { 28 } else { 26 }],
                zip[at + if central { 29 } else { 27 }],
            ]));
            let name = zip[name_at..name_at + name_length].to_vec();
            if self.has(Defect::Encrypted) {
                zip[at + if central { 8 } else { 6 }] |= 1;
            }
            if self.has(Defect::DuplicateMembers) && name == SECOND_USERS.as_bytes() {
                zip[name_at..name_at + name_length].copy_from_slice(b"users.csv");
            }
            if self.has(Defect::LyingSizes) && name == b"users.csv" {
                let size = at + if central { 24 } else { 22 };
                zip[size..size + 4].copy_from_slice(&100u32.to_le_bytes());
            }
            if self.has(Defect::MemberCutOff) && name == b"users.csv" {
                let size = at + if central { 24 } else { 22 };
                let declared =
                    u32::from_le_bytes([zip[size], zip[size + 1], zip[size + 2], zip[size + 3]]);
                zip[size..size + 4].copy_from_slice(&(declared + 100).to_le_bytes());
            }
            if self.has(Defect::CorruptZip) && !central && name == b"users.csv" {
                let packed = at + 18;
                let packed = u32::from_le_bytes([
                    zip[packed],
                    zip[packed + 1],
                    zip[packed + 2],
                    zip[packed + 3],
                ]);
                let middle = name_at + name_length + usize::try_from(packed).unwrap_or(0) / 2;
                zip[middle] ^= 0x55;
            }
        }
        if self.has(Defect::TruncatedZip) {
            zip.truncate(zip.len() * 2 / 3);
        }
        zip
    }
}

/// A zip with one member, not compressed. Its checksum is left out, because no reader gets to it.
fn in_zip(name: &str, content: &[u8]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let name_length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
    // Version, flags, method, time, date, checksum, two sizes, length of the name, extra length.
    let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0];
    common.extend([number(content.len()), number(content.len())].concat());
    common.extend([name_length, [0, 0]].concat());
    let local = [LOCAL, &common, name.as_bytes(), content].concat();
    let central = [CENTRAL, &[20, 0], &common, &[0; 14], name.as_bytes()].concat();
    let counts = [0, 0, 0, 0, 1, 0, 1, 0];
    let sizes = [number(central.len()), number(local.len())].concat();
    [&local[..], &central, b"PK\x05\x06", &counts, &sizes, &[0, 0]].concat()
}

/// Offsets of the members' headers; true marks those in the central directory. Found through the
/// end record, because compressed data may contain a signature by chance.
fn headers(zip: &[u8]) -> Vec<(usize, bool)> {
    let number = |at: usize, bytes: usize| {
        (0..bytes).rev().fold(0usize, |sum, i| sum << 8 | usize::from(zip[at + i]))
    };
    let mut found = Vec::new();
    // There is no comment, so the end record is the last 22 bytes.
    let Some(end) = zip.len().checked_sub(22) else { return found };
    let (count, mut at) = (number(end + 10, 2), number(end + 16, 4));
    for _ in 0..count {
        if zip.get(at..at + 4) != Some(CENTRAL) {
            break;
        }
        let local = number(at + 42, 4);
        if zip.get(local..local + 4) == Some(LOCAL) {
            found.push((local, false));
        }
        found.push((at, true));
        at += 46 + number(at + 28, 2) + number(at + 30, 2) + number(at + 32, 2);
    }
    found
}
