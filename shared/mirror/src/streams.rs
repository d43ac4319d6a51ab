//! Several files of lines, written at the same time: compressed and sent on a thread of their own, so that this runs beside whatever makes the lines.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use futures::future::try_join_all;
use rules::snapshot::Part;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::Xxh3;

use crate::MirrorError;
use crate::objects::{PartedUpload, WriteObjects};
use crate::spool::{LEVEL, SpoolWriter};

const DOING: &str = "write a file of lines";
const CONTENT_TYPE: &str = "application/zstd";

/// Bytes of lines that go to the other thread at once, and how many such packets may wait there.
const PACKET: usize = 256 * 1024;
const WAITING: usize = 8;

/// Bytes of one part of an object, and how many parts may be under way at a time.
const PART: usize = 8 * 1024 * 1024;
const UNDER_WAY: usize = 2;

/// Where lines go.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Into the object of this key. No line: no object.
    Object(String),
    /// Behind the lines of another stream, once all of those are known.
    Behind(usize),
}

enum Message {
    Lines(usize, Vec<u8>),
    Finish,
}

/// Several files of lines.
pub(crate) struct Streams {
    buffers: Vec<Vec<u8>>,
    records: Vec<u64>,
    sender: Option<SyncSender<Message>>,
    worker: Option<JoinHandle<Result<Vec<Part>, MirrorError>>>,
}

impl Streams {
    pub(crate) fn new<O: WriteObjects>(handle: Handle, objects: O, targets: Vec<Target>) -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let count = targets.len();
        let worker = std::thread::spawn(move || Worker { handle, objects, targets }.run(&receiver));
        Self { buffers: vec![Vec::new(); count], records: vec![0; count], sender: Some(sender), worker: Some(worker) }
    }

    /// Adds a line to a stream.
    pub(crate) fn line(&mut self, stream: usize, line: &[u8]) -> Result<(), MirrorError> {
        let buffer = &mut self.buffers[stream];
        buffer.extend_from_slice(line);
        buffer.push(b'\n');
        self.records[stream] += 1;
        if buffer.len() >= PACKET {
            let full = std::mem::replace(buffer, Vec::with_capacity(PACKET + 4096));
            self.send(Message::Lines(stream, full))?;
        }
        Ok(())
    }

    fn send(&mut self, message: Message) -> Result<(), MirrorError> {
        if self.sender.as_ref().is_some_and(|sender| sender.send(message).is_ok()) {
            return Ok(());
        }
        // The other thread has ended before its time: it knows why.
        match self.join() {
            Err(error) => Err(error),
            Ok(_) => Err(MirrorError::local(DOING, io::Error::other("the writing thread is gone"))),
        }
    }

    fn join(&mut self) -> Result<Vec<Part>, MirrorError> {
        self.sender = None;
        let worker = self.worker.take();
        let ended = worker.map(JoinHandle::join);
        match ended {
            Some(Ok(result)) => result,
            _ => Err(MirrorError::local(DOING, io::Error::other("the writing thread has panicked"))),
        }
    }

    /// Ends all streams; when this returns, the objects are there. What was behind another stream counts as part of that.
    pub(crate) fn finish(mut self) -> Result<Vec<Part>, MirrorError> {
        for stream in 0..self.buffers.len() {
            let rest = std::mem::take(&mut self.buffers[stream]);
            if !rest.is_empty() {
                self.send(Message::Lines(stream, rest))?;
            }
        }
        self.send(Message::Finish)?;
        let records = std::mem::take(&mut self.records);
        let mut parts = self.join()?;
        for (part, records) in parts.iter_mut().zip(records) {
            part.records = records;
        }
        Ok(parts)
    }
}

struct Worker<O> {
    handle: Handle,
    objects: O,
    targets: Vec<Target>,
}

/// One stream under way.
struct Stream<W: Write> {
    encoder: zstd::Encoder<'static, W>,
    hash: Xxh3,
    bytes: u64,
}

impl<W: Write> Stream<W> {
    fn new(output: W) -> io::Result<Self> {
        Ok(Self { encoder: zstd::Encoder::new(output, LEVEL)?, hash: Xxh3::new(), bytes: 0 })
    }
}

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.encoder.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

impl<O: WriteObjects> Worker<O> {
    fn run(self, receiver: &Receiver<Message>) -> Result<Vec<Part>, MirrorError> {
        let io = |e| MirrorError::from_io(DOING, e);
        let mut objects: Vec<Option<Stream<ObjectWriter<O>>>> = self.targets.iter().map(|_| None).collect();
        let mut spools: Vec<Option<Stream<SpoolWriter>>> = self.targets.iter().map(|_| None).collect();
        loop {
            match receiver.recv() {
                Ok(Message::Lines(stream, lines)) => match &self.targets[stream] {
                    Target::Object(key) => self.open(&mut objects[stream], key).map_err(io)?.write_all(&lines).map_err(io)?,
                    Target::Behind(_) => match &mut spools[stream] {
                        Some(spool) => spool.write_all(&lines).map_err(io)?,
                        none => none.insert(Stream::new(SpoolWriter::default()).map_err(io)?).write_all(&lines).map_err(io)?,
                    },
                },
                Ok(Message::Finish) => break,
                Err(_) => {
                    // Nobody finishes this: no object may come of it.
                    let given_up = objects.into_iter().flatten().filter_map(|s| s.encoder.finish().ok());
                    let uploads: Vec<_> = given_up.filter_map(|writer| writer.upload).collect();
                    for upload in uploads {
                        let _ = self.handle.block_on(self.objects.abort_parts(&upload));
                    }
                    return Ok(Vec::new());
                }
            }
        }
        for (stream, spool) in spools.into_iter().enumerate() {
            let (Some(spool), Target::Behind(before)) = (spool, &self.targets[stream]) else { continue };
            let Target::Object(key) = &self.targets[*before] else { continue };
            let spool = spool.encoder.finish().map_err(io)?.finish()?;
            let mut lines = zstd::Decoder::new(spool.reader()).map_err(io)?;
            io::copy(&mut lines, self.open(&mut objects[*before], key).map_err(io)?).map_err(io)?;
        }
        let (mut parts, mut endings) = (Vec::new(), Vec::new());
        for stream in objects {
            let Some(stream) = stream else {
                parts.push(empty_part());
                continue;
            };
            parts.push(Part { records: 0, bytes: stream.bytes, xxh3: format!("{:016x}", stream.hash.digest()) });
            endings.push(stream.encoder.finish().map_err(io)?.finish());
        }
        self.handle.block_on(try_join_all(endings))?;
        Ok(parts)
    }

    fn open<'a>(
        &self,
        stream: &'a mut Option<Stream<ObjectWriter<O>>>,
        key: &str,
    ) -> io::Result<&'a mut Stream<ObjectWriter<O>>> {
        Ok(match stream {
            Some(stream) => stream,
            none => {
                let writer = ObjectWriter {
                    handle: self.handle.clone(),
                    objects: self.objects.clone(),
                    key: key.to_owned(),
                    buffer: Vec::new(),
                    upload: None,
                    under_way: Vec::new(),
                    tags: Vec::new(),
                };
                none.insert(Stream::new(writer)?)
            }
        })
    }
}

/// A part that has no line.
pub(crate) fn empty_part() -> Part {
    Part { records: 0, bytes: 0, xxh3: format!("{:016x}", Xxh3::new().digest()) }
}

/// One object as it grows: whole if small, in parts if large.
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
            None => self.upload.insert(self.objects.begin_parts(&self.key, CONTENT_TYPE).await?).clone(),
        };
        if self.under_way.len() >= UNDER_WAY {
            let first = self.under_way.remove(0);
            self.tags.push(ended(first).await?);
        }
        let number = (self.tags.len() + self.under_way.len() + 1) as i32;
        let body = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART + PART / 8));
        let objects = self.objects.clone();
        self.under_way.push(self.handle.spawn(async move { objects.put_part(&upload, number, body).await }));
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

async fn ended(part: tokio::task::JoinHandle<Result<String, MirrorError>>) -> Result<String, MirrorError> {
    part.await.map_err(|e| MirrorError::service(DOING, e))?
}

impl<O: WriteObjects> Write for ObjectWriter<O> {
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
    use crate::memory::MemoryObjects;

    fn text(bucket: &MemoryObjects, key: &str) -> String {
        String::from_utf8(zstd::decode_all(&bucket.body(key).unwrap()[..]).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn lines_come_out_in_order_and_what_is_behind_comes_last() {
        let bucket = MemoryObjects::default();
        let (handle, objects) = (Handle::current(), bucket.clone());
        let parts = tokio::task::spawn_blocking(move || {
            let targets = vec![Target::Object("plan".into()), Target::Behind(0), Target::Object("none".into())];
            let mut streams = Streams::new(handle, objects, targets);
            for (stream, line) in [(1, "gone 1"), (0, "new 1"), (1, "gone 2"), (0, "new 2")] {
                streams.line(stream, line.as_bytes()).unwrap();
            }
            streams.finish().unwrap()
        })
        .await
        .unwrap();
        assert_eq!(text(&bucket, "plan"), "new 1\nnew 2\ngone 1\ngone 2\n");
        assert_eq!(bucket.keys(), ["plan"]);
        assert_eq!((parts[0].records, parts[1].records), (2, 2));
        assert_eq!(parts[0].xxh3, format!("{:016x}", xxhash_rust::xxh3::xxh3_64(b"new 1\nnew 2\ngone 1\ngone 2\n")));
    }

    #[tokio::test]
    async fn a_large_object_goes_in_parts_and_one_given_up_never_comes_to_be() {
        let bucket = MemoryObjects::default();
        let (handle, objects) = (Handle::current(), bucket.clone());
        tokio::task::spawn_blocking(move || {
            let mut rng = fastrand::Rng::with_seed(7);
            let mut noise = |bytes: usize| -> Vec<u8> { (0..bytes).map(|_| rng.u8(b' '..)).collect() };
            for (key, finish) in [("whole", true), ("given up", false)] {
                let mut streams = Streams::new(handle.clone(), objects.clone(), vec![Target::Object(key.into())]);
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
        assert_eq!(zstd::decode_all(&bucket.body("whole").unwrap()[..]).unwrap().len(), 30 * (1024 * 1024 + 1));
        assert_eq!(bucket.keys(), ["whole"]);
    }
}
