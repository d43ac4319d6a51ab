//! Records as lines of JSON in compressed local blocks, which can be read several times, in order.
//!
//! # Why this is not simply a compressed file
//!
//! A plan reads its inputs twice, and decompressing and parsing is most of its cost. One stream can
//! be decompressed by one thread only. Blocks are independent, so as many threads as there are
//! cores read ahead of the planner. Compressing at zstd level -5 makes the blocks 9 % larger than
//! the next level and takes 28 % less time.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use roster::snapshot::{BLOCK_BYTES, Part};
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::Xxh3;

use crate::MirrorError;
use crate::files::spool::{Spool, SpoolWriter};
use crate::files::streams::{Packer, unpack};

/// The maximum number of parsed blocks that a read-ahead thread holds ready.
const WAITING: usize = 2;

/// The maximum number of read-ahead threads of one sequence. A plan reads two sequences at a time.
const MOST_THREADS: usize = 4;

const WRITING: &str = "write a temporary file";
const AHEAD: &str = "read records ahead";

/// The position of a block.
#[derive(Clone, Copy, Debug)]
struct Frame {
    at: u64,
    size: usize,
}

/// Writes lines.
#[derive(Default)]
pub(crate) struct PackedWriter {
    lines: Vec<u8>,
    packer: Packer,
    spool: SpoolWriter,
    frames: Vec<Frame>,
    at: u64,
}

impl PackedWriter {
    /// Adds a line, given without its line end.
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), MirrorError> {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        if self.lines.len() >= BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), MirrorError> {
        let local = |e| MirrorError::local(WRITING, e);
        let packed = self.packer.pack(&self.lines).map_err(local)?;
        self.spool.write_all(packed).map_err(local)?;
        let size = packed.len();
        self.frames.push(Frame { at: self.at, size });
        self.at += size as u64;
        self.lines.clear();
        Ok(())
    }

    /// Returns the written lines, for reading.
    pub(crate) fn finish(mut self) -> Result<Packed, MirrorError> {
        if !self.lines.is_empty() {
            self.flush()?;
        }
        Ok(Packed { spool: self.spool.finish()?, frames: self.frames.into() })
    }
}

/// Lines that can be read repeatedly.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    spool: Spool,
    frames: Arc<[Frame]>,
}

impl Packed {
    /// Returns the lines of a local copy of a stored file.
    pub(crate) fn copy_of(part: &Part, spool: Spool) -> Self {
        let frames =
            part.blocks.iter().map(|block| Frame { at: block.at, size: block.size as usize });
        Self { spool, frames: frames.collect() }
    }
}

/// Parses a line; `None` if it is invalid. (serde's own message may quote the line.)
pub(crate) type Parse<T> = fn(&str) -> Option<T>;

/// Parses a line with serde.
pub(crate) fn json<T: DeserializeOwned>(line: &str) -> Option<T> {
    serde_json::from_str(line).ok()
}

/// Parses a line as a smaller type first, which costs less.
pub(crate) fn json_by_way_of<Less: DeserializeOwned + Into<T>, T>(line: &str) -> Option<Box<T>> {
    json::<Less>(line).map(|less| Box::new(less.into()))
}

/// The records of several files of lines, one file after the other.
pub struct Records<T> {
    blocks: Arc<[(Spool, Frame)]>,
    parse: Parse<T>,
    what: &'static str,
    /// The number of the next block.
    next: usize,
    /// The read-ahead threads, each of which reads every n-th block. Without threads, blocks are
    /// read on demand.
    threads: Vec<Receiver<Result<Parsed<T>, MirrorError>>>,
    records: std::vec::IntoIter<Option<T>>,
    /// The number of returned records.
    seen: u64,
    whole: Option<Whole>,
}

/// One block, parsed.
struct Parsed<T> {
    records: Vec<Option<T>>,
    lines: Vec<u8>,
}

/// The expected totals of a file's lines.
struct Whole {
    hash: Xxh3,
    records: u64,
    xxh3: String,
}

impl<T: Send + 'static> Records<T> {
    pub(crate) fn of(
        files: impl IntoIterator<Item = Packed>,
        parse: Parse<T>,
        what: &'static str,
    ) -> Self {
        let blocks: Vec<(Spool, Frame)> = files
            .into_iter()
            .flat_map(|file| {
                file.frames.iter().map(|frame| (file.spool.clone(), *frame)).collect::<Vec<_>>()
            })
            .collect();
        Self {
            blocks: blocks.into(),
            parse,
            what,
            next: 0,
            threads: Vec::new(),
            records: Vec::new().into_iter(),
            seen: 0,
            whole: None,
        }
    }

    /// Makes the last item an error if the lines differ from those of this part in any byte.
    pub(crate) fn checked(self, part: &Part) -> Self {
        let whole = Whole { hash: Xxh3::new(), records: part.records, xxh3: part.xxh3.clone() };
        Self { whole: Some(whole), ..self }
    }

    /// Starts threads that read ahead. They stop when the records are dropped.
    pub(crate) fn ahead(mut self) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(MOST_THREADS).min(self.blocks.len());
        // A single block needs no thread.
        if self.blocks.len() > 1 {
            self.threads = (0..threads)
                .map(|first| {
                    let (sender, receiver) = sync_channel(WAITING);
                    let (blocks, parse, what) = (Arc::clone(&self.blocks), self.parse, self.what);
                    std::thread::spawn(move || {
                        run_ahead(&blocks, first, threads, parse, what, &sender)
                    });
                    receiver
                })
                .collect();
        }
        self
    }

    fn read(&mut self) -> Result<Option<T>, MirrorError> {
        loop {
            if let Some(record) = self.records.next() {
                self.seen += 1;
                let number = self.seen;
                return record.map(Some).ok_or_else(|| {
                    MirrorError::corrupt(self.what, format!("line {number} does not parse"))
                });
            }
            let Some((spool, frame)) = self.blocks.get(self.next) else {
                return self.end().map(|()| None);
            };
            let parsed = match self.threads.get(self.next % self.threads.len().max(1)) {
                None => parse_block(spool, *frame, self.parse, self.what)?,
                // A thread that ended early is an error, not the end of the records.
                Some(thread) => thread.recv().map_err(|_| {
                    MirrorError::local(AHEAD, io::Error::other("the reading thread ended early"))
                })??,
            };
            self.next += 1;
            if let Some(whole) = &mut self.whole {
                whole.hash.update(&parsed.lines);
            }
            self.records = parsed.records.into_iter();
        }
    }

    fn end(&mut self) -> Result<(), MirrorError> {
        match self.whole.take() {
            Some(whole)
                if self.seen != whole.records
                    || format!("{:016x}", whole.hash.digest()) != whole.xxh3 =>
            {
                Err(MirrorError::corrupt(
                    self.what,
                    "its count or hash differs from the recorded one",
                ))
            }
            _ => Ok(()),
        }
    }
}

impl<T: Send + 'static> Iterator for Records<T> {
    type Item = Result<T, MirrorError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read();
        if next.is_err() {
            // After an error there are no more records.
            (self.next, self.whole, self.records) =
                (self.blocks.len(), None, Vec::new().into_iter());
        }
        next.transpose()
    }
}

fn run_ahead<T>(
    blocks: &[(Spool, Frame)],
    first: usize,
    step: usize,
    parse: Parse<T>,
    what: &'static str,
    sender: &SyncSender<Result<Parsed<T>, MirrorError>>,
) {
    for (spool, frame) in blocks.iter().skip(first).step_by(step) {
        // If the receiver was dropped, there is nothing to report.
        if sender.send(parse_block(spool, *frame, parse, what)).is_err() {
            return;
        }
    }
}

fn parse_block<T>(
    spool: &Spool,
    frame: Frame,
    parse: Parse<T>,
    what: &'static str,
) -> Result<Parsed<T>, MirrorError> {
    let mut packed = vec![0; frame.size];
    let torn = |_| MirrorError::corrupt(what, "a block cannot be unpacked");
    match spool.read_exact_at(&mut packed, frame.at) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            return Err(MirrorError::local(what, error));
        }
        end => end.map_err(torn)?,
    }
    let lines = unpack(&packed).map_err(torn)?;
    // Validates the whole block at once, which takes a tenth of the time of validating each text.
    let text =
        std::str::from_utf8(&lines).map_err(|_| MirrorError::corrupt(what, "it is not UTF-8"))?;
    let Some(text) = text.strip_suffix('\n') else {
        return Err(MirrorError::corrupt(what, "a block ends within a line"));
    };
    let mut records = Vec::with_capacity(memchr::memchr_iter(b'\n', &lines).count());
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
        records.push(parse(&text[begin..end]));
        begin = end + 1;
    }
    Ok(Parsed { records, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(numbers: std::ops::Range<u64>) -> Packed {
        let mut writer = PackedWriter::default();
        for number in numbers {
            writer.line(format!("{number:>1000}").as_bytes()).unwrap();
        }
        writer.finish().unwrap()
    }

    fn part_of(numbers: std::ops::Range<u64>) -> Part {
        let text: String = numbers.clone().map(|number| format!("{number:>1000}\n")).collect();
        let xxh3 = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
        Part {
            records: numbers.end - numbers.start,
            bytes: text.len() as u64,
            xxh3,
            blocks: Vec::new(),
        }
    }

    fn read(files: Vec<Packed>, ahead: bool) -> Vec<u64> {
        let records = Records::of(files, json::<u64>, "numbers");
        let records = if ahead { records.ahead() } else { records };
        records.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn all_records_are_read_in_order() {
        for count in [0, 1, 300, 3000] {
            for ahead in [false, true] {
                let files = vec![packed(0..count), packed(count..count), packed(count..count + 7)];
                assert_eq!(read(files, ahead), (0..count + 7).collect::<Vec<_>>());
            }
        }
        assert!(read(Vec::new(), true).is_empty());
    }

    #[test]
    fn a_file_that_differs_from_its_recorded_hash_ends_with_an_error() {
        for (part, is_whole) in
            [(part_of(0..3000), true), (part_of(0..2999), false), (part_of(1..3001), false)]
        {
            for ahead in [false, true] {
                let records = Records::of([packed(0..3000)], json::<u64>, "numbers").checked(&part);
                let records: Vec<_> =
                    if ahead { records.ahead().collect() } else { records.collect() };
                assert_eq!(records.iter().filter(|record| record.is_ok()).count(), 3000);
                assert_eq!(records.len() == 3000, is_whole);
            }
        }
    }

    #[test]
    fn an_error_is_returned_at_its_position_and_ends_the_records() {
        fn not_2500(line: &str) -> Option<u64> {
            json(line).filter(|number| *number != 2500)
        }
        for ahead in [false, true] {
            let records = Records::of([packed(0..3000)], not_2500, "numbers");
            let records: Vec<_> = if ahead { records.ahead().collect() } else { records.collect() };
            assert_eq!(records.len(), 2501);
            assert!(records[2500].as_ref().unwrap_err().to_string().contains("2501"));
        }
    }

    #[test]
    fn a_reading_thread_that_panicked_is_an_error_and_not_the_end() {
        fn panics_at_2500(line: &str) -> Option<u64> {
            json(line).inspect(|number| assert_ne!(*number, 2500, "a panic for the test"))
        }
        let records: Vec<_> =
            Records::of([packed(0..3000)], panics_at_2500, "numbers").ahead().collect();
        assert!(records.last().unwrap().is_err());
        assert!(records.len() < 2501);
    }

    #[test]
    fn a_truncated_block_is_an_error() {
        let whole = packed(0..3000);
        let frames =
            whole.frames.iter().map(|frame| Frame { size: frame.size - 1, ..*frame }).collect();
        let cut = Packed { frames, ..whole };
        assert!(Records::of([cut], json::<u64>, "numbers").any(|record| record.is_err()));
    }
}
