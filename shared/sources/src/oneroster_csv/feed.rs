//! The bytes of a file, unpacked. UTF-16 with a byte order mark is converted to UTF-8.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};
use roster::finding::source as codes;

use super::package::Refusal;

/// Bytes to read at once.
const PIECE: usize = 256 << 10;

/// The byte order mark of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Mark {
    /// No mark.
    #[default]
    None,
    /// The mark of UTF-8.
    Utf8,
    /// A mark of UTF-16.
    Utf16,
}

/// A file in the course of reading.
pub(super) struct Source<'p> {
    file: Box<dyn Read + 'p>,
    begun: bool,
    decoder: Option<Decoder>,
    pub(super) mark: Mark,
    /// Bytes read so far.
    pub(super) read: u64,
}

impl<'p> Source<'p> {
    pub(super) fn new(file: Box<dyn Read + 'p>) -> Self {
        Self { file, begun: false, decoder: None, mark: Mark::None, read: 0 }
    }

    /// Appends the next piece to `buffer`. Returns false if it was the last.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let start = buffer.len();
        buffer.resize(start + PIECE, 0);
        let mut end = start;
        while end < buffer.len() {
            match self.file.read(&mut buffer[end..]) {
                Ok(0) => break,
                Ok(read) => end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let more = end == buffer.len();
        buffer.truncate(end);
        self.read += (end - start) as u64;
        if !std::mem::replace(&mut self.begun, true)
            && let Some((encoding, length)) = Encoding::for_bom(&buffer[start..])
        {
            buffer.drain(start..start + length);
            self.mark = Mark::Utf8;
            if encoding != encoding_rs::UTF_8 {
                self.mark = Mark::Utf16;
                self.decoder = Some(encoding.new_decoder_without_bom_handling());
            }
        }
        if let Some(decoder) = &mut self.decoder {
            let text = decode(decoder, &buffer[start..], !more)?;
            buffer.truncate(start);
            buffer.extend_from_slice(text.as_bytes());
        }
        Ok(more)
    }
}

fn decode(decoder: &mut Decoder, bytes: &[u8], last: bool) -> io::Result<String> {
    let room = decoder
        .max_utf8_buffer_length_without_replacement(bytes.len())
        .unwrap_or(bytes.len() * 3 + 16);
    let mut text = String::with_capacity(room);
    match decoder.decode_to_string_without_replacement(bytes, &mut text, last).0 {
        DecoderResult::InputEmpty => Ok(text),
        _ => {
            Err(Refusal::new(&codes::NOT_UTF8, "the file starts as UTF-16 but is damaged")
                .into_io())
        }
    }
}
