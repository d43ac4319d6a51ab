//! Unpacks a file in a thread of its own, while the rows that came before are parsed.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use encoding_rs::{Decoder, DecoderResult, Encoding};
use rules::finding::source as codes;

use super::package::{Package, Refusal};

/// How much is handed over at once, in bytes.
const CHUNK: usize = 256 << 10;

/// How many chunks may wait for the parser.
const WAITING: usize = 8;

/// What stood before the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing.
    None,
    /// The mark of UTF-8.
    Utf8,
    /// A mark of UTF-16; the text comes as UTF-8.
    Utf16,
}

/// The unpacked text of a file, in pieces.
pub(super) struct Chunks {
    pieces: Receiver<io::Result<(Mark, Vec<u8>)>>,
    pub(super) mark: Mark,
    /// Bytes taken so far.
    pub(super) read: u64,
}

impl Chunks {
    /// The next piece; none at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.pieces.recv() {
            Ok(Ok((mark, piece))) => {
                if self.read == 0 {
                    self.mark = mark;
                }
                self.read += piece.len() as u64;
                Ok(Some(piece))
            }
            Ok(Err(error)) => Err(error),
            // The other side has gone: all is read.
            Err(_) => Ok(None),
        }
    }
}

/// Runs `work` with the text of a file of a package.
pub(super) fn with_file<T>(package: &mut dyn Package, index: usize, work: impl FnOnce(Chunks) -> T) -> T {
    thread::scope(|scope| {
        let (sender, pieces) = sync_channel(WAITING);
        scope.spawn(move || {
            if let Err(error) = read_all(package, index, &sender) {
                // Who stopped listening does not want to know.
                let _ = sender.send(Err(error));
            }
        });
        work(Chunks { pieces, mark: Mark::None, read: 0 })
    })
}

fn read_all(package: &mut dyn Package, index: usize, sender: &SyncSender<io::Result<(Mark, Vec<u8>)>>) -> io::Result<()> {
    let mut file = package.open(index)?;
    let mut first = true;
    let mut mark = Mark::None;
    let mut decoder: Option<Decoder> = None;
    loop {
        let mut piece = Vec::with_capacity(CHUNK);
        let full = (&mut file).take(CHUNK as u64).read_to_end(&mut piece)? == CHUNK;
        if first && let Some((encoding, length)) = Encoding::for_bom(&piece) {
            piece.drain(..length);
            mark = Mark::Utf8;
            if encoding != encoding_rs::UTF_8 {
                mark = Mark::Utf16;
                decoder = Some(encoding.new_decoder_without_bom_handling());
            }
        }
        first = false;
        if let Some(decoder) = &mut decoder {
            piece = decode(decoder, &piece, !full)?;
        }
        if (!piece.is_empty() || full) && sender.send(Ok((mark, piece))).is_err() {
            return Ok(());
        }
        if !full {
            return Ok(());
        }
    }
}

fn decode(decoder: &mut Decoder, bytes: &[u8], last: bool) -> io::Result<Vec<u8>> {
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(bytes.len() * 3 + 16);
    let mut text = String::with_capacity(room);
    match decoder.decode_to_string_without_replacement(bytes, &mut text, last).0 {
        DecoderResult::InputEmpty => Ok(text.into_bytes()),
        _ => Err(Refusal::new(&codes::NOT_UTF8, "the file begins as UTF-16 and is damaged").into_io()),
    }
}
