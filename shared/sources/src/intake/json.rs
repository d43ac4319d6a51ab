//! Writes JSON lines straight from the arenas, byte for byte as serde_json would.
//!
//! # Why this is not simply serde
//!
//! The fields of a record lie in several arenas. Building a serde struct, or a tree of values, for
//! each of millions of records would allocate every text again; that costs more than all the rest
//! of writing a snapshot.
//!
//! The names of fields are those of the structs in [`roster::records`]: see [`key!`]. A test
//! compares what is written here with what serde writes (`emit/tests.rs`).

use super::values::{Day, NO_DAY, to_date};

/// The name of a field, with the comma before it and the colon behind it. See [`key!`].
#[derive(Clone, Copy)]
pub(super) struct Key(&'static str);

impl Key {
    /// For [`key!`] only.
    pub(super) const fn written(text: &'static str) -> Self {
        Self(text)
    }
}

/// The name of a field of a struct that serde reads. Does not compile if the struct has no such
/// field.
macro_rules! key {
    ($record:ty, $field:ident) => {{
        const _: usize = ::std::mem::offset_of!($record, $field);
        $crate::intake::json::Key::written(concat!(",\"", stringify!($field), "\":"))
    }};
}

pub(super) use key;

/// Finished lines, and possibly the beginning of another.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Begins a line.
    pub(super) fn begin(&mut self) -> &mut Self {
        self.raw("{")
    }

    /// Ends a line.
    pub(super) fn end(&mut self) {
        self.raw("}\n");
    }

    /// Begins an object as the value of a field.
    pub(super) fn open(&mut self, key: Key) -> &mut Self {
        self.key(key).raw("{")
    }

    /// Ends an object.
    pub(super) fn close(&mut self) -> &mut Self {
        self.raw("}")
    }

    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Writes a comma, unless an object or a list has just begun.
    fn comma(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[')) {
            self.0.push(b',');
        }
    }

    fn key(&mut self, key: Key) -> &mut Self {
        let is_first = matches!(self.0.last(), None | Some(b'{' | b'['));
        self.0.extend_from_slice(&key.0.as_bytes()[usize::from(is_first)..]);
        self
    }

    /// Writes a field with a text.
    pub(super) fn text(&mut self, key: Key, text: &str) -> &mut Self {
        self.key(key).string(text);
        self
    }

    /// Writes a field with a text, unless the text is blank.
    pub(super) fn optional(&mut self, key: Key, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.text(key, text);
        }
        self
    }

    /// Writes a field with a list of texts, unless the list is empty.
    pub(super) fn list<'t>(&mut self, key: Key, items: impl Iterator<Item = &'t str>) -> &mut Self {
        self.items(key, items, |line, item| line.string(item))
    }

    /// Writes a field with a list, unless the list is empty.
    pub(super) fn items<T>(
        &mut self,
        key: Key,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return self;
        }
        self.key(key).raw("[");
        for item in items {
            self.comma();
            write(self, item);
        }
        self.raw("]")
    }

    /// Writes a field with the value true, or nothing if the value is false.
    pub(super) fn flag(&mut self, key: Key, is_set: bool) -> &mut Self {
        if is_set {
            self.key(key).raw("true");
        }
        self
    }

    /// Writes a field with a date, unless there is no date.
    pub(super) fn day(&mut self, key: Key, day: Day) -> &mut Self {
        if day == NO_DAY {
            return self;
        }
        let (y, m, d) = to_date(day);
        let digit = |n: i32| b'0' + (n % 10) as u8;
        let (m, d) = (m as i32, d as i32);
        let text = [
            b'"',
            digit(y / 1000),
            digit(y / 100),
            digit(y / 10),
            digit(y),
            b'-',
            digit(m / 10),
            digit(m),
            b'-',
            digit(d / 10),
            digit(d),
            b'"',
        ];
        self.key(key);
        self.0.extend_from_slice(&text);
        self
    }

    pub(super) fn string(&mut self, text: &str) {
        self.0.push(b'"');
        let bytes = text.as_bytes();
        // No branch per byte, so the compiler checks many bytes with one instruction.
        if !bytes.iter().fold(false, |found, &c| found | (c < 0x20) | (c == b'"') | (c == b'\\')) {
            self.0.extend_from_slice(bytes);
            self.0.push(b'"');
            return;
        }
        let mut copied = 0;
        for (i, &c) in bytes.iter().enumerate() {
            if c >= 0x20 && c != b'"' && c != b'\\' {
                continue;
            }
            self.0.extend_from_slice(&bytes[copied..i]);
            copied = i + 1;
            let short = match c {
                b'"' => b'"',
                b'\\' => b'\\',
                8 => b'b',
                9 => b't',
                10 => b'n',
                12 => b'f',
                13 => b'r',
                _ => {
                    let hex = |n: u8| b"0123456789abcdef"[usize::from(n)];
                    self.0.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(c >> 4), hex(c & 15)]);
                    continue;
                }
            };
            self.0.extend_from_slice(&[b'\\', short]);
        }
        self.0.extend_from_slice(&bytes[copied..]);
        self.0.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn texts_are_escaped_as_serde_escapes_them(text in "(\\PC|[\\x00-\\x1f\"\\\\\\x7f])*") {
            let mut line = Lines::default();
            line.string(&text);
            let written = String::from_utf8(line.into_bytes()).unwrap();
            proptest::prop_assert_eq!(written, serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn fields_are_separated_by_commas_and_blank_ones_omitted() {
        struct Sample {
            a: (),
            b: (),
            c: (),
            d: (),
            e: (),
            f: (),
            g: (),
            h: (),
            i: (),
        }
        let mut lines = Lines::default();
        for _ in 0..2 {
            let line = lines.begin().text(key!(Sample, a), "x").optional(key!(Sample, b), "");
            line.list(key!(Sample, c), ["1", "2"].into_iter())
                .list(key!(Sample, d), [].into_iter());
            line.open(key!(Sample, e))
                .day(key!(Sample, f), 0)
                .day(key!(Sample, g), NO_DAY)
                .flag(key!(Sample, h), true)
                .flag(key!(Sample, i), false)
                .close();
            lines.end();
        }
        let line = r#"{"a":"x","c":["1","2"],"e":{"f":"1970-01-01","h":true}}"#;
        assert_eq!(String::from_utf8(lines.into_bytes()).unwrap(), format!("{line}\n{line}\n"));
    }
}
