//! An arena of texts.
//!
//! # Why this is not simply a `String` per text
//!
//! A roster has tens of millions of texts, and an allocation for each would cost more than parsing
//! them. Neither is it one long `String`: that would be copied whenever it grows, each time into
//! memory that the system has to clear first. Texts are stored one after the other, each behind its
//! length, in pieces of 1 MB that never move. Together with handing on whole blocks of lines and
//! prefetching ([`super::prefetch`]), pieces took staging 300,000 students from 4.5 s to 2.8 s
//! (processor time: from 6.2 s to 4.4 s).

/// Texts in pieces of memory. A position is the number of its piece and the byte in it.
#[derive(Default)]
pub(crate) struct Texts(Vec<String>);

/// Bytes of a piece. A longer text has its own piece.
const PIECE: usize = 1 << 20;

/// Lengths are written as base-64 digits, lowest first; all but the last have this bit set. The
/// digits are ASCII, so a piece is valid UTF-8.
const MORE: u8 = 0x40;

/// Maximum number of digits of a length.
const MOST_DIGITS: usize = (usize::BITS as usize).div_ceil(6);

/// Number of bits of a position that hold the byte; the other bits hold the piece.
const PIECE_BITS: u32 = usize::BITS / 2;

impl Texts {
    /// Position of the next text.
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

    /// Returns the byte at a position, or 0 past the end. Used to load memory, see
    /// [`super::prefetch`].
    pub(crate) fn peek(&self, at: usize) -> u8 {
        let (piece, byte) = (at >> PIECE_BITS, at & ((1 << PIECE_BITS) - 1));
        self.0.get(piece).and_then(|piece| piece.as_bytes().get(byte)).copied().unwrap_or_default()
    }

    /// Reads texts from a position on.
    pub(crate) fn from(&self, at: usize) -> Reader<'_> {
        let (piece, byte) = (at >> PIECE_BITS, at & ((1 << PIECE_BITS) - 1));
        match self.0.get(piece..) {
            Some([first, rest @ ..]) => Reader { rest: &first[byte..], pieces: rest },
            _ => Reader { rest: "", pieces: &[] },
        }
    }

    /// Whether any byte satisfies a condition. Lengths are checked too, so the result may be true
    /// although no text has such a byte.
    pub(crate) fn may_have(&self, byte: impl Fn(u8) -> bool) -> bool {
        self.0.iter().any(|piece| piece.bytes().any(&byte))
    }
}

/// Reads texts one after the other. Reads are unchecked and must mirror the order of the writes:
/// see [`super::record_texts`].
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
    fn texts_of_any_length_are_read_back() {
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
    fn texts_in_many_pieces_are_read_back_from_any_position() {
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
