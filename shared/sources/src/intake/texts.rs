//! An arena of texts: what millions of records say, without an allocation for each cell.

/// Texts written one after the other, each behind its length.
#[derive(Default)]
pub(crate) struct Texts(String);

/// Lengths are written as digits to base 64, the lowest first; all but the last have this bit set. They are ASCII, so the arena stays text.
const MORE: u8 = 0x40;

impl Texts {
    /// Where the next text will stand.
    pub(crate) fn here(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn push(&mut self, text: &str) {
        let mut rest = text.len();
        while rest >= usize::from(MORE) {
            self.0.push(char::from((rest % usize::from(MORE)) as u8 | MORE));
            rest /= usize::from(MORE);
        }
        self.0.push(char::from(rest as u8));
        self.0.push_str(text);
    }

    /// Reads the texts from a place on.
    pub(crate) fn from(&self, at: usize) -> Reader<'_> {
        Reader { rest: &self.0[at..] }
    }
}

/// Reads texts one after the other. Who reads more than was written gets blanks or nonsense, so readers stand beside their writers.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    pub(crate) fn text(&mut self) -> &'t str {
        let (mut length, mut scale, mut digits) = (0, 1, 0);
        for &digit in self.rest.as_bytes() {
            digits += 1;
            length += usize::from(digit & !MORE) * scale;
            scale *= usize::from(MORE);
            if digit & MORE == 0 {
                break;
            }
        }
        let (text, rest) = self.rest[digits..].split_at(length);
        self.rest = rest;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_come_back() {
        let all: Vec<String> =
            [0, 1, 63, 64, 65, 4095, 4096, 300_000].iter().map(|&n| "é".repeat(n / 2) + &"x".repeat(n % 2)).collect();
        let mut texts = Texts::default();
        texts.push("before");
        let at = texts.here();
        for text in &all {
            texts.push(text);
        }
        let mut reader = texts.from(at);
        for text in &all {
            assert_eq!(reader.text(), text);
        }
    }
}
