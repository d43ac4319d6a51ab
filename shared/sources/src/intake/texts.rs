//! An arena of texts: what millions of records say, without an allocation for each cell.

/// Texts written one after the other, each behind its length, in pieces that never move: one text
/// that grew would be copied over and over, each time into memory that the system has to clear
/// first.
#[derive(Default)]
pub(crate) struct Texts(Vec<String>);

/// Bytes of a piece. A text that is longer has a piece to itself.
const PIECE: usize = 1 << 20;

/// Lengths are written as digits to base 64, the lowest first; all but the last have this bit set.
/// They are ASCII, so the arena stays text.
const MORE: u8 = 0x40;

/// Digits of the longest length that there can be.
const MOST_DIGITS: usize = (usize::BITS as usize).div_ceil(6);

/// The bits of a place that number its piece; the others number the byte in it.
const PIECE_BITS: u32 = usize::BITS / 2;

impl Texts {
    /// Where the next text will stand.
    pub(crate) fn here(&self) -> usize {
        let last = self.0.len().saturating_sub(1);
        last << PIECE_BITS | self.0.last().map_or(0, String::len)
    }

    pub(crate) fn push(&mut self, text: &str) {
        let needed = MOST_DIGITS + text.len();
        if self.0.last().is_none_or(|piece| piece.capacity() - piece.len() < needed) {
            self.0.push(String::with_capacity(needed.max(PIECE)));
        }
        let Some(piece) = self.0.last_mut() else { return };
        let mut rest = text.len();
        while rest >= usize::from(MORE) {
            piece.push(char::from((rest % usize::from(MORE)) as u8 | MORE));
            rest /= usize::from(MORE);
        }
        piece.push(char::from(rest as u8));
        piece.push_str(text);
    }

    /// The byte at a place, if there is one: for [`super::emit`], which asks for many places before
    /// it reads any.
    pub(crate) fn peek(&self, at: usize) -> u8 {
        let (piece, byte) = (at >> PIECE_BITS, at & ((1 << PIECE_BITS) - 1));
        self.0.get(piece).and_then(|piece| piece.as_bytes().get(byte)).copied().unwrap_or_default()
    }

    /// Reads the texts from a place on.
    pub(crate) fn from(&self, at: usize) -> Reader<'_> {
        let (piece, byte) = (at >> PIECE_BITS, at & ((1 << PIECE_BITS) - 1));
        match self.0.get(piece..) {
            Some([first, rest @ ..]) => Reader { rest: &first[byte..], pieces: rest },
            _ => Reader { rest: "", pieces: &[] },
        }
    }

    /// Whether some byte of any text is such a one. (Of a length's digits, too: this may say yes
    /// where it is no.)
    pub(crate) fn may_have(&self, byte: impl Fn(u8) -> bool) -> bool {
        self.0.iter().any(|piece| piece.bytes().any(&byte))
    }
}

/// Reads texts one after the other. Who reads more than was written gets blanks or nonsense, so
/// readers stand beside their writers.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'t> {
    rest: &'t str,
    pieces: &'t [String],
}

impl<'t> Reader<'t> {
    pub(crate) fn text(&mut self) -> &'t str {
        if self.rest.is_empty()
            && let [next, pieces @ ..] = self.pieces
        {
            (self.rest, self.pieces) = (next, pieces);
        }
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
        let all: Vec<String> = [0, 1, 63, 64, 65, 4095, 4096, 300_000]
            .iter()
            .map(|&n| "é".repeat(n / 2) + &"x".repeat(n % 2))
            .collect();
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

    #[test]
    fn texts_that_fill_many_pieces_come_back_from_wherever_they_begin() {
        let length = |n: usize| [1, 100, 70_000, PIECE, 3, PIECE - 1, 2 * PIECE, 0][n % 8];
        let text = |n: usize| char::from(b'a' + (n % 26) as u8).to_string().repeat(length(n));
        let mut texts = Texts::default();
        assert_eq!(texts.from(texts.here()).text(), "");
        let places: Vec<usize> = (0..100)
            .map(|n| {
                let at = texts.here();
                texts.push(&text(n));
                at
            })
            .collect();
        assert!(texts.0.len() > 20);
        for (n, at) in places.into_iter().enumerate() {
            let mut reader = texts.from(at);
            for n in n..(n + 3).min(100) {
                assert!(reader.text() == text(n), "text {n}");
            }
        }
    }
}
