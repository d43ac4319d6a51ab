//! Writes several files of lines at the same time. A worker thread compresses and uploads them
//! while the caller makes further lines.
//!
//! # Why this is not simply one compressed object per file
//!
//! Lines are compressed in blocks, one zstd frame each, and the ids of the first and last line of a
//! block are recorded. To explain one record, only its block is read instead of a whole plan or
//! snapshot. Compression runs on a separate thread because the planner uses only one thread and
//! must not spend its time on compression.

use std::borrow::Cow;
use std::io::{self, Read as _};
use std::sync::mpsc::{Receiver, TrySendError};

use futures::future::try_join_all;
use roster::id::SourceId;
use roster::records::RecordKind;
use roster::snapshot::{BLOCK_BYTES, Block, Part};
use serde::Deserialize;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::Xxh3;
use zstd::bulk::Compressor;

use crate::MirrorError;
use crate::files::spool::{LEVEL, Spool, SpoolWriter};
use crate::files::worker::WorkerThread;
use crate::ports::objects::{PartedUpload, WriteObjects};

const DOING: &str = "write a file of lines";
const CONTENT_TYPE: &str = "application/zstd";

/// The maximum number of blocks that wait for the worker thread.
const WAITING: usize = 8;

/// The size of one part of an object in bytes, and the maximum number of concurrent uploads of
/// parts per object. Several objects are written at once, and each part is held in memory.
const PART: usize = 5 * 1024 * 1024;
const UNDER_WAY: usize = 1;

/// The destination of lines.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// The object with this key. Without lines, no object is created.
    Object(String),
    /// The object with this key, whose lines are records of this kind in table order. Each line
    /// begins with the id of its record.
    Records(String, RecordKind),
    /// The end of another stream, after all of its lines.
    Behind(usize),
}

enum Message {
    /// A block of a stream, compressed already if the worker thread was busy.
    Lines(usize, Vec<u8>, Block, Option<Vec<u8>>),
    Finish,
}

/// Returns the id at the beginning of a record's line.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

fn is_end(byte: &u8) -> bool {
    *byte == b'\n'
}

/// Several files of lines.
pub(crate) struct Streams {
    buffers: Vec<(Vec<u8>, Block)>,
    /// The kind of the sorted records of each stream.
    kinds: Vec<Option<RecordKind>>,
    records: Vec<u64>,
    packer: Packer,
    worker: WorkerThread<Message, Vec<Part>>,
}

impl Streams {
    pub(crate) fn new<O: WriteObjects>(handle: Handle, objects: O, targets: Vec<Target>) -> Self {
        let count = targets.len();
        let kind = |target: &Target| {
            if let Target::Records(_, kind) = target { Some(*kind) } else { None }
        };
        let kinds = targets.iter().map(kind).collect();
        let worker = WorkerThread::new(DOING, WAITING, move |messages| {
            Worker { handle, objects, targets }.run(messages)
        });
        let buffers = vec![<(Vec<u8>, Block)>::default(); count];
        Self { buffers, kinds, records: vec![0; count], packer: Packer::default(), worker }
    }

    /// Adds a line to a stream.
    pub(crate) fn line(&mut self, stream: usize, line: &[u8]) -> Result<(), MirrorError> {
        self.add(stream, line, |_| {})
    }

    /// Adds a line about a record, by which the line can be found.
    pub(crate) fn line_about(
        &mut self,
        stream: usize,
        kind: RecordKind,
        id: &SourceId,
        line: &[u8],
    ) -> Result<(), MirrorError> {
        self.add(stream, line, |block| block.include(kind, id))
    }

    fn add(
        &mut self,
        stream: usize,
        line: &[u8],
        note: impl FnOnce(&mut Block),
    ) -> Result<(), MirrorError> {
        let (buffer, block) = &mut self.buffers[stream];
        buffer.extend_from_slice(line);
        buffer.push(b'\n');
        block.lines += 1;
        note(block);
        self.records[stream] += 1;
        if buffer.len() >= BLOCK_BYTES { self.flush(stream) } else { Ok(()) }
    }

    /// Adds a block of complete lines, each with its end.
    pub(crate) fn block(
        &mut self,
        stream: usize,
        lines: Vec<u8>,
        count: u64,
    ) -> Result<(), MirrorError> {
        if !self.buffers[stream].0.is_empty() {
            self.flush(stream)?;
        }
        self.records[stream] += count;
        self.hand_over(stream, lines, Block { lines: count, ..Block::default() })
    }

    fn flush(&mut self, stream: usize) -> Result<(), MirrorError> {
        let (buffer, block) = &mut self.buffers[stream];
        let block = std::mem::take(block);
        let lines = std::mem::replace(buffer, Vec::with_capacity(BLOCK_BYTES + 4096));
        self.hand_over(stream, lines, block)
    }

    fn hand_over(
        &mut self,
        stream: usize,
        lines: Vec<u8>,
        mut block: Block,
    ) -> Result<(), MirrorError> {
        if let Some(kind) = self.kinds[stream] {
            // They are sorted, so the first and last id describe the block.
            for line in
                [lines.split(is_end).next(), lines.rsplit(is_end).nth(1)].into_iter().flatten()
            {
                let head: Head<'_> = serde_json::from_slice(line).map_err(|_| {
                    MirrorError::corrupt("a record", "it does not start with an id")
                })?;
                block.include(kind, &head.id.as_ref().into());
            }
        }
        let Err(refused) = self.worker.offer(Message::Lines(stream, lines, block, None)) else {
            return Ok(());
        };
        match refused {
            // The worker thread is busy. Instead of waiting, this thread compresses the block.
            TrySendError::Full(Message::Lines(stream, lines, block, _)) => {
                let packed =
                    self.packer.pack(&lines).map_err(|e| MirrorError::local(DOING, e))?.to_vec();
                self.worker.send(Message::Lines(stream, lines, block, Some(packed)))
            }
            TrySendError::Full(message) | TrySendError::Disconnected(message) => {
                self.worker.send(message)
            }
        }
    }

    /// Completes all streams. The objects exist when this returns. The lines of an appended stream
    /// are included in the part of the stream to which they are appended.
    pub(crate) fn finish(mut self) -> Result<Vec<Part>, MirrorError> {
        for stream in 0..self.buffers.len() {
            if !self.buffers[stream].0.is_empty() {
                self.flush(stream)?;
            }
        }
        self.worker.send(Message::Finish)?;
        let records = std::mem::take(&mut self.records);
        let mut parts = self.worker.end()?;
        for (part, records) in parts.iter_mut().zip(records) {
            part.records = records;
        }
        Ok(parts)
    }
}

/// Compresses blocks.
#[derive(Default)]
pub(crate) struct Packer {
    compressor: Option<Compressor<'static>>,
    /// One compressed block.
    packed: Vec<u8>,
}

impl Packer {
    pub(crate) fn pack(&mut self, lines: &[u8]) -> io::Result<&[u8]> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(lines.len()));
        compressor.compress_to_buffer(lines, &mut self.packed)?;
        Ok(&self.packed)
    }
}

struct Worker<O> {
    handle: Handle,
    objects: O,
    targets: Vec<Target>,
}

/// One open stream.
struct Stream<W> {
    output: W,
    hash: Xxh3,
    bytes: u64,
    blocks: Vec<Block>,
    at: u64,
}

impl<W: io::Write> Stream<W> {
    fn new(output: W) -> Self {
        Self { output, hash: Xxh3::new(), bytes: 0, blocks: Vec::new(), at: 0 }
    }

    /// Accepts a block, compressed or not.
    fn push(&mut self, lines: &[u8], packed: &[u8], block: Block) -> io::Result<()> {
        self.output.write_all(packed)?;
        self.hash.update(lines);
        self.bytes += lines.len() as u64;
        let size = packed.len() as u64;
        self.blocks.push(Block { at: self.at, size, ..block });
        self.at += size;
        Ok(())
    }
}

impl<O: WriteObjects> Worker<O> {
    fn run(self, receiver: &Receiver<Message>) -> Result<Vec<Part>, MirrorError> {
        let io = |e| MirrorError::from_io(DOING, e);
        let mut packer = Packer::default();
        let mut objects: Vec<Option<Stream<ObjectWriter<O>>>> =
            self.targets.iter().map(|_| None).collect();
        let mut behind: Vec<Option<Stream<SpoolWriter>>> =
            self.targets.iter().map(|_| None).collect();
        loop {
            match receiver.recv() {
                Ok(Message::Lines(stream, lines, block, packed)) => {
                    let packed = match &packed {
                        Some(packed) => packed,
                        None => packer.pack(&lines).map_err(io)?,
                    };
                    match &self.targets[stream] {
                        Target::Object(key) | Target::Records(key, _) => {
                            self.open(&mut objects[stream], key).push(&lines, packed, block)
                        }
                        Target::Behind(_) => behind[stream]
                            .get_or_insert_with(|| Stream::new(SpoolWriter::default()))
                            .push(&lines, packed, block),
                    }
                    .map_err(io)?;
                }
                Ok(Message::Finish) => break,
                Err(_) => {
                    // The streams were abandoned, so no object may be created.
                    for upload in
                        objects.into_iter().flatten().filter_map(|stream| stream.output.upload)
                    {
                        let _ = self.handle.block_on(self.objects.abort_parts(&upload));
                    }
                    return Ok(Vec::new());
                }
            }
        }
        for (stream, kept) in behind.into_iter().enumerate() {
            let (Some(kept), Target::Behind(before)) = (kept, &self.targets[stream]) else {
                continue;
            };
            let (Target::Object(key) | Target::Records(key, _)) = &self.targets[*before] else {
                continue;
            };
            let object = self.open(&mut objects[*before], key);
            append(object, &kept.output.finish()?, kept.blocks).map_err(io)?;
        }
        let (mut parts, mut endings) = (Vec::new(), Vec::new());
        for stream in objects {
            let Some(Stream { output, hash, bytes, blocks, .. }) = stream else {
                parts.push(empty_part());
                continue;
            };
            parts.push(Part { records: 0, bytes, xxh3: format!("{:016x}", hash.digest()), blocks });
            endings.push(output.finish());
        }
        self.handle.block_on(try_join_all(endings))?;
        Ok(parts)
    }

    fn open<'a>(
        &self,
        stream: &'a mut Option<Stream<ObjectWriter<O>>>,
        key: &str,
    ) -> &'a mut Stream<ObjectWriter<O>> {
        stream.get_or_insert_with(|| {
            Stream::new(ObjectWriter {
                handle: self.handle.clone(),
                objects: self.objects.clone(),
                key: key.to_owned(),
                buffer: Vec::new(),
                upload: None,
                under_way: Vec::new(),
                tags: Vec::new(),
            })
        })
    }
}

/// Appends spooled blocks to an object.
fn append<O: WriteObjects>(
    object: &mut Stream<ObjectWriter<O>>,
    kept: &Spool,
    blocks: Vec<Block>,
) -> io::Result<()> {
    let (mut reader, mut packed) = (kept.reader(), Vec::new());
    for block in blocks {
        packed.resize(block.size as usize, 0);
        reader.read_exact(&mut packed)?;
        let lines = unpack(&packed)?;
        object.push(&lines, &packed, block)?;
    }
    Ok(())
}

/// Returns the lines of one block.
pub(crate) fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let bytes = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let bytes = bytes.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "the bytes are not a block of lines")
    })?;
    zstd::bulk::decompress(packed, bytes as usize)
}

/// Returns a part without lines.
pub(crate) fn empty_part() -> Part {
    Part {
        records: 0,
        bytes: 0,
        xxh3: format!("{:016x}", Xxh3::new().digest()),
        blocks: Vec::new(),
    }
}

/// One object while it is written: in one request if small, in parts if large.
struct ObjectWriter<O> {
    handle: Handle,
    objects: O,
    key: String,
    buffer: Vec<u8>,
    upload: Option<PartedUpload>,
    under_way: Vec<tokio::task::JoinHandle<Result<String, MirrorError>>>,
    tags: Vec<String>,
}

impl<O: WriteObjects> ObjectWriter<O> {
    async fn send_part(&mut self) -> Result<(), MirrorError> {
        let upload = match &self.upload {
            Some(upload) => upload.clone(),
            None => {
                self.upload.insert(self.objects.begin_parts(&self.key, CONTENT_TYPE).await?).clone()
            }
        };
        if self.under_way.len() >= UNDER_WAY {
            let first = self.under_way.remove(0);
            self.tags.push(ended(first).await?);
        }
        let number = (self.tags.len() + self.under_way.len() + 1) as i32;
        let body = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART + PART / 8));
        let objects = self.objects.clone();
        self.under_way
            .push(self.handle.spawn(async move { objects.put_part(&upload, number, body).await }));
        Ok(())
    }

    async fn finish(mut self) -> Result<(), MirrorError> {
        if self.upload.is_none() {
            return self.objects.put(&self.key, CONTENT_TYPE, self.buffer).await;
        }
        if !self.buffer.is_empty() {
            self.send_part().await?;
        }
        for waiting in std::mem::take(&mut self.under_way) {
            self.tags.push(ended(waiting).await?);
        }
        match &self.upload {
            Some(upload) => self.objects.finish_parts(upload, self.tags).await,
            None => Ok(()),
        }
    }
}

async fn ended(
    part: tokio::task::JoinHandle<Result<String, MirrorError>>,
) -> Result<String, MirrorError> {
    part.await.map_err(|e| MirrorError::service(DOING, e))?
}

impl<O: WriteObjects> io::Write for ObjectWriter<O> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PART {
            let handle = self.handle.clone();
            handle.block_on(self.send_part()).map_err(MirrorError::into_io)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::MemoryObjects;

    fn text(bucket: &MemoryObjects, key: &str) -> String {
        String::from_utf8(zstd::decode_all(&bucket.body(key).unwrap()[..]).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn appended_streams_follow_all_other_lines_in_order() {
        let bucket = MemoryObjects::default();
        let (handle, objects) = (Handle::current(), bucket.clone());
        let parts = tokio::task::spawn_blocking(move || {
            let targets = vec![
                Target::Object("plan".into()),
                Target::Behind(0),
                Target::Object("empty".into()),
            ];
            let mut streams = Streams::new(handle, objects, targets);
            for (stream, line) in [(1, "removed 1"), (0, "new 1"), (1, "removed 2"), (0, "new 2")] {
                streams.line(stream, line.as_bytes()).unwrap();
            }
            streams.finish().unwrap()
        })
        .await
        .unwrap();
        assert_eq!(text(&bucket, "plan"), "new 1\nnew 2\nremoved 1\nremoved 2\n");
        assert_eq!(bucket.keys(), ["plan"]);
        assert_eq!((parts[0].records, parts[1].records), (2, 2));
        assert_eq!(
            parts[0].xxh3,
            format!("{:016x}", xxhash_rust::xxh3::xxh3_64(b"new 1\nnew 2\nremoved 1\nremoved 2\n"))
        );
    }

    #[tokio::test]
    async fn a_block_can_be_read_alone_and_is_found_by_record() {
        let bucket = MemoryObjects::default();
        let (handle, objects) = (Handle::current(), bucket.clone());
        let filler = "x".repeat(BLOCK_BYTES / 4);
        let parts = tokio::task::spawn_blocking(move || {
            let mut streams = Streams::new(
                handle,
                objects,
                vec![Target::Object("plan".into()), Target::Behind(0)],
            );
            for n in 0..10 {
                let (kind, id) = (
                    if n < 6 { RecordKind::Teacher } else { RecordKind::Student },
                    SourceId::from(format!("{n}").as_str()),
                );
                streams
                    .line_about(usize::from(n == 9), kind, &id, format!("{n}{filler}").as_bytes())
                    .unwrap();
            }
            streams.finish().unwrap()
        });
        let parts = parts.await.unwrap();
        let (part, body) = (&parts[0], bucket.body("plan").unwrap());
        assert_eq!(part.blocks.iter().map(|block| block.lines).collect::<Vec<_>>(), [4, 4, 1, 1]);
        for n in 0..10 {
            let (kind, id) = (
                if n < 6 { RecordKind::Teacher } else { RecordKind::Student },
                SourceId::from(format!("{n}").as_str()),
            );
            let found = part.blocks_about(kind, &id).filter(|block| {
                let lines =
                    unpack(&body[block.at as usize..(block.at + block.size) as usize]).unwrap();
                String::from_utf8(lines).unwrap().lines().any(|line| line.starts_with(id.as_str()))
            });
            assert_eq!(found.count(), 1, "{n}");
        }
        assert_eq!(part.blocks_about(RecordKind::Guardian, &"1".into()).count(), 0);
    }

    #[tokio::test]
    async fn a_large_object_is_uploaded_in_parts_and_an_abandoned_one_is_never_created() {
        let bucket = MemoryObjects::default();
        let (handle, objects) = (Handle::current(), bucket.clone());
        tokio::task::spawn_blocking(move || {
            let mut rng = fastrand::Rng::with_seed(7);
            let mut noise =
                |bytes: usize| -> Vec<u8> { (0..bytes).map(|_| rng.u8(b' '..)).collect() };
            for (key, finish) in [("whole", true), ("abandoned", false)] {
                let mut streams =
                    Streams::new(handle.clone(), objects.clone(), vec![Target::Object(key.into())]);
                for _ in 0..30 {
                    streams.line(0, &noise(1024 * 1024)).unwrap();
                }
                if finish {
                    streams.finish().unwrap();
                }
            }
        })
        .await
        .unwrap();
        assert!(bucket.body("whole").unwrap().len() > 2 * PART);
        assert_eq!(
            zstd::decode_all(&bucket.body("whole").unwrap()[..]).unwrap().len(),
            30 * (1024 * 1024 + 1)
        );
        assert_eq!(bucket.keys(), ["whole"]);
    }
}
