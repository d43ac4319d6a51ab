//! A run's plan in the internal bucket: written while it is being made, and read again when it is
//! applied. The stored plan is exactly what is applied.

use std::sync::mpsc::Receiver;

use roster::change::{Action, Change};
use roster::contract::PlanSink;
use roster::edit::LocalEdit;
use roster::finding::Finding;
use roster::id::{DistrictId, RunId, SourceId};
use roster::outcome::Outcome;
use roster::personal::Personal;
use roster::records::{AnyMirrored, Link, Origin, RecordKind};
use roster::snapshot::Part;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use xxhash_rust::xxh3::Xxh3;

use crate::MirrorError;
use crate::files::blocks::{ObjectReader, ObjectWatch};
use crate::files::snapshot::{put_json, read_json};
use crate::files::spool::Lines;
use crate::files::streams::{Streams, Target};
use crate::files::worker::WorkerThread;
use crate::item::{self, RecordWrites};
use crate::keys;
use crate::ports::objects::{ReadObjects, WriteObjects};

const WHAT: &str = "a run's plan";

const CHANGES: usize = 0;
const REMOVALS: usize = 1;
const FINDINGS: usize = 2;
const GROUPS: usize = 3;

/// The outcome of a plan, and its files. Written last: once it exists, the plan is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPlan {
    /// Counts, and the reasons for a hold.
    pub outcome: Outcome,
    /// The changes: additions and changes, then removals.
    pub changes: Part,
    /// The findings of the rules.
    pub findings: Part,
    /// Members of groups (R-M8).
    pub groups: Part,
}

/// One member of a group: a line of the file of groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member<'a> {
    /// The demographic.
    pub field: &'a str,
    /// Its value.
    pub value: Personal,
    /// The key of the student.
    pub student: SourceId,
}

/// One entry of a plan.
enum Entry {
    Change(Box<Change>),
    Finding(Box<Finding>),
    Member(Member<'static>),
}

enum Message {
    Entries(Vec<Entry>),
    Finish,
}

/// Entries per batch to the writing thread, and how many batches may wait.
const BATCH: usize = 100;
const BATCHES: usize = 4;

/// Writes a plan while it is being made. For threads that may block. Another thread writes the
/// lines while planning continues.
pub struct PlanWriter {
    entries: Vec<Entry>,
    writing: WorkerThread<Message, [Part; 4]>,
}

impl PlanWriter {
    /// Starts the plan of a run. An earlier plan of the same run is overwritten.
    pub fn new<O: WriteObjects>(
        handle: Handle,
        objects: O,
        district: &DistrictId,
        run: &RunId,
    ) -> Self {
        let targets = vec![
            Target::Object(keys::plan(district, run)),
            Target::Behind(CHANGES),
            Target::Object(keys::plan_findings(district, run)),
            Target::Object(keys::groups(district, run)),
        ];
        let writing = Writing { streams: Streams::new(handle, objects, targets), line: Vec::new() };
        let writing =
            WorkerThread::new("write a run's plan", BATCHES, move |messages| writing.run(messages));
        Self { entries: Vec::with_capacity(BATCH), writing }
    }

    fn add(&mut self, entry: Entry) -> Result<(), MirrorError> {
        self.entries.push(entry);
        if self.entries.len() < BATCH {
            return Ok(());
        }
        let entries = std::mem::replace(&mut self.entries, Vec::with_capacity(BATCH));
        self.writing.send(Message::Entries(entries))
    }

    /// Completes the files.
    pub fn finish(mut self, outcome: Outcome) -> Result<StoredPlan, MirrorError> {
        let last = std::mem::take(&mut self.entries);
        self.writing.send(Message::Entries(last))?;
        self.writing.send(Message::Finish)?;
        let [mut changes, removals, findings, groups] = self.writing.end()?;
        changes.records += removals.records;
        Ok(StoredPlan { outcome, changes, findings, groups })
    }
}

impl PlanSink for PlanWriter {
    type Error = MirrorError;

    fn change(&mut self, change: Change) -> Result<(), MirrorError> {
        self.add(Entry::Change(Box::new(change)))
    }

    fn finding(&mut self, finding: Finding) -> Result<(), MirrorError> {
        self.add(Entry::Finding(Box::new(finding)))
    }

    fn member(
        &mut self,
        field: &'static str,
        value: &Personal,
        student: &SourceId,
    ) -> Result<(), MirrorError> {
        self.add(Entry::Member(Member { field, value: value.clone(), student: student.clone() }))
    }
}

/// Writes a plan's lines.
struct Writing {
    streams: Streams,
    line: Vec<u8>,
}

impl Writing {
    fn run(mut self, receiver: &Receiver<Message>) -> Result<[Part; 4], MirrorError> {
        loop {
            match receiver.recv() {
                Ok(Message::Entries(entries)) => {
                    entries.into_iter().try_for_each(|entry| self.write(entry))?
                }
                Ok(Message::Finish) => break,
                // The plan was abandoned, so no file may be created.
                Err(_) => return Err(MirrorError::corrupt(WHAT, "it was aborted")),
            }
        }
        <[Part; 4]>::try_from(self.streams.finish()?)
            .map_err(|_| MirrorError::corrupt(WHAT, "not all of its files were written"))
    }

    fn write(&mut self, entry: Entry) -> Result<(), MirrorError> {
        match entry {
            Entry::Change(change) => {
                let stream = if change.action == Action::Remove { REMOVALS } else { CHANGES };
                self.json(&change)?;
                let record = change.after.as_ref().or(change.before.as_ref());
                let about = record
                    .filter(|record| record.is_record())
                    .map(|record| (record.kind(), &change.key));
                self.line(stream, about)
            }
            Entry::Finding(finding) => {
                self.json(&finding)?;
                let about = finding
                    .entity
                    .as_ref()
                    .and_then(|entity| Some((RecordKind::named(&entity.kind)?, &entity.id)));
                self.line(FINDINGS, about)
            }
            Entry::Member(member) => {
                self.json(&member)?;
                self.line(GROUPS, None)
            }
        }
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), MirrorError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value).map_err(|e| MirrorError::corrupt(WHAT, e))
    }

    fn line(
        &mut self,
        stream: usize,
        about: Option<(RecordKind, &SourceId)>,
    ) -> Result<(), MirrorError> {
        match about {
            Some((kind, id)) => self.streams.line_about(stream, kind, id, &self.line),
            None => self.streams.line(stream, &self.line),
        }
    }
}

/// Writes the outcome of a plan, which completes it.
pub async fn put_plan(
    objects: &impl WriteObjects,
    district: &DistrictId,
    run: &RunId,
    plan: &StoredPlan,
) -> Result<(), MirrorError> {
    put_json(objects, &keys::outcome(district, run), plan, WHAT).await
}

/// Returns a run's plan, or `None`.
pub async fn read_plan(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
) -> Result<Option<StoredPlan>, MirrorError> {
    read_json(objects, &keys::outcome(district, run), WHAT).await
}

/// One change, prepared for writing.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The stage. Changes of the same stage may be written in any order. A stage is written
    /// completely before the next one: parents before children, and additions before removals
    /// (invariant 21).
    pub stage: Stage,
    /// The writes.
    pub work: Work,
}

/// The writes of one change.
#[expect(
    clippy::large_enum_variant,
    reason = "almost all changes are `Free`: a box would cost an allocation for each change"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Nothing.
    Nothing,
    /// Items that only runs write: the stored item is overwritten.
    Free(RecordWrites),
    /// Items that users edit, too.
    Guarded(Box<Guarded>),
}

/// A change of data that users edit, too. It is applied only if the stored item has not changed
/// since the plan was made, and is skipped otherwise (invariant 12).
#[expect(clippy::large_enum_variant, reason = "values are always boxed")]
#[derive(Clone, Debug, PartialEq)]
pub enum Guarded {
    /// A local edit that is removed or restored.
    Edit {
        /// The edit when the plan was made, or `None` if it did not exist.
        before: Option<LocalEdit>,
        /// The edit to write; `None` removes it.
        after: Option<LocalEdit>,
    },
    /// An identity link. Support sets and removes links, too (R-I3).
    Link {
        /// The link as the plan saw it; `None` if there was none.
        before: Option<Link>,
        /// The link to write; `None` removes it.
        after: Option<Link>,
    },
    /// A record that is manual before or after the change: a disconnected class (R-A5).
    Manual {
        /// The record when the plan was made, or `None` if it did not exist.
        before: Option<AnyMirrored>,
        /// The record after the change.
        after: AnyMirrored,
    },
}

/// True for a removal, and the kind of the record. Links have no kind and are written last.
pub type Stage = (bool, Option<RecordKind>);

/// Changes per batch to the writer, and how many batches may wait.
const PACKET: usize = 250;
const WAITING: usize = 8;

/// Reads a plan's changes on a separate thread, starting after the first `skip`.
pub fn prepare_changes<O: ReadObjects>(
    objects: O,
    district: DistrictId,
    run: RunId,
    part: Part,
    skip: u64,
) -> mpsc::Receiver<Result<Vec<Prepared>, MirrorError>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = prepare_all(&handle, objects, &district, &run, &part, skip, &sender) {
            // If the receiver was dropped, there is nothing to report.
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

fn prepare_all<O: ReadObjects>(
    handle: &Handle,
    objects: O,
    district: &DistrictId,
    run: &RunId,
    part: &Part,
    skip: u64,
    sender: &mpsc::Sender<Result<Vec<Prepared>, MirrorError>>,
) -> Result<(), MirrorError> {
    if part.records == 0 {
        return Ok(());
    }
    let key = keys::plan(district, run);
    let info =
        handle.block_on(objects.head(&key, None))?.ok_or(MirrorError::Missing { what: WHAT })?;
    let reader =
        ObjectReader::new(handle.clone(), objects, info.object, info.size, &ObjectWatch::default());
    let mut lines = Lines::new(reader, "read a run's plan")?;
    let (mut hash, mut seen, mut packet) = (Xxh3::new(), 0, Vec::with_capacity(PACKET));
    while let Some(line) = lines.next_line()? {
        hash.update(line);
        hash.update(b"\n");
        seen += 1;
        if seen <= skip {
            continue;
        }
        let change: Change = serde_json::from_slice(line)
            .map_err(|_| MirrorError::corrupt(WHAT, "a line does not parse"))?;
        packet.push(prepare(district, change)?);
        if packet.len() == PACKET
            && sender
                .blocking_send(Ok(std::mem::replace(&mut packet, Vec::with_capacity(PACKET))))
                .is_err()
        {
            return Ok(());
        }
    }
    if seen != part.records || format!("{:016x}", hash.digest()) != part.xxh3 {
        return Err(MirrorError::corrupt(WHAT, "its count or hash differs from the recorded one"));
    }
    if !packet.is_empty() {
        let _ = sender.blocking_send(Ok(packet));
    }
    Ok(())
}

fn prepare(district: &DistrictId, change: Change) -> Result<Prepared, MirrorError> {
    let tag = change.after.as_ref().or(change.before.as_ref()).and_then(|record| match record {
        AnyMirrored::Link(_) => None,
        record => Some(record.kind()),
    });
    let stage = (change.action == Action::Remove, tag);
    let is_manual = |record: &Option<AnyMirrored>| {
        record.as_ref().and_then(AnyMirrored::origin) == Some(Origin::Manual)
    };
    let is_edited_by_users = is_manual(&change.before) || is_manual(&change.after);
    let work = match (change.before, change.after) {
        (Some(AnyMirrored::Edit(before)), None) => {
            guarded(Guarded::Edit { before: Some(before), after: None })
        }
        (None, Some(AnyMirrored::Edit(after))) => {
            guarded(Guarded::Edit { before: None, after: Some(after) })
        }
        (Some(AnyMirrored::Edit(before)), Some(AnyMirrored::Edit(after))) => {
            guarded(Guarded::Edit { before: Some(before), after: Some(after) })
        }
        (None, Some(AnyMirrored::Link(after))) => {
            guarded(Guarded::Link { before: None, after: Some(after) })
        }
        (Some(AnyMirrored::Link(before)), None) => {
            guarded(Guarded::Link { before: Some(before), after: None })
        }
        (Some(AnyMirrored::Link(before)), Some(AnyMirrored::Link(after))) => {
            guarded(Guarded::Link { before: Some(before), after: Some(after) })
        }
        (before, Some(after)) if is_edited_by_users => guarded(Guarded::Manual { before, after }),
        (before, after) => {
            let writes = item::writes(district, before.as_ref(), after.as_ref())?;
            writes.map_or(Work::Nothing, Work::Free)
        }
    };
    Ok(Prepared { stage, work })
}

fn guarded(guarded: Guarded) -> Work {
    Work::Guarded(Box::new(guarded))
}
