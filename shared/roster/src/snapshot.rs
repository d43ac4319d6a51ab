//! What a snapshot consists of, besides its records.
//!
//! A snapshot is one file a kind, a record a line, in the order of [`crate::id::table_order`]; a
//! file of gaps; a file of findings; and last a manifest. No manifest, no snapshot.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::id::{DistrictId, RunId, SourceId};
use crate::records::{Membership, RecordKind};

/// Something that the source sent and that could not be read. What it stands for is left as the
/// mirror has it (R-H3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "gap")]
pub enum UnreadableRecord {
    /// A record whose row is bad.
    Record {
        /// Its kind. A user whose role could not be read has one gap for each kind of person.
        kind: RecordKind,
        /// Its id.
        id: SourceId,
        /// For a person: the enrollments of tonight (`id` is the class), for they are records of
        /// their own and were read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        classes: Vec<Membership>,
    },
    /// At least one row whose id could not be read: nobody can tell which record it is, so no
    /// record of the kind is removed tonight.
    Kind {
        /// The kind.
        kind: RecordKind,
    },
    /// An enrollment's row that could not be read. What is known of it narrows what is left alone;
    /// nothing known: no enrollment is removed.
    Enrollment {
        /// Its class, where that could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<SourceId>,
        /// Its person, where that could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<SourceId>,
    },
}

/// Where a snapshot's data came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source's name in settings: `oneroster_csv`, `clever`, …
    pub source: String,
    /// For files: the objects that were read, the oldest first. A delta is read over the bulk set
    /// that it follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<Upload>,
    /// For a snapshot that was gone back to: the run whose snapshot it was (R-H4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_of: Option<RunId>,
    /// For a pull of what has changed: the run whose pull of everything it was read over. Nothing
    /// is gone because it is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_over: Option<RunId>,
}

impl Origin {
    /// A source, with nothing else to say.
    pub fn of(source: impl Into<String>) -> Self {
        Self { source: source.into(), uploads: Vec::new(), restored_of: None, changes_over: None }
    }

    /// Whether the source's ids are those of the student information system, as in OneRoster.
    /// Clever has ids of its own, and tells the others beside them.
    pub fn has_sis_ids(&self) -> bool {
        self.source != "clever"
    }
}

/// An uploaded object (a zip, or the manifest of a folder).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Bucket.
    pub bucket: String,
    /// Key, decoded.
    pub key: String,
    /// The entity tag that the object had.
    pub etag: String,
    /// The version, where the bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was complete.
    pub at: Timestamp,
    /// For a folder: its other files, each held to the state it had when the set was complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRef>,
}

/// One file of an uploaded folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Key, decoded.
    pub key: String,
    /// Entity tag.
    pub etag: String,
    /// Version, where the bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Size in bytes.
    pub size: u64,
}

/// One stored file of lines: of a snapshot, or of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Records (lines).
    pub records: u64,
    /// Uncompressed bytes.
    pub bytes: u64,
    /// XXH3 of the uncompressed bytes, 16 hex digits.
    pub xxh3: String,
    /// The blocks that it consists of, in order: each is compressed by itself, so that one record
    /// is read without all the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
}

/// Bytes of lines that make a [`Block`]; a longer line makes a longer one. Large enough to compress
/// well, small enough to be read for one record.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// Some lines of a [`Part`], compressed by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Block {
    /// Where it begins in the compressed file, in bytes.
    pub at: u64,
    /// Its compressed bytes.
    pub size: u64,
    /// Its lines.
    pub lines: u64,
    /// Which records its lines may be about; empty where nobody looks for one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
}

/// The records of a kind from one id (or key) to another, both included, in the order of
/// [`crate::id::table_order`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The kind.
    pub kind: RecordKind,
    /// The first.
    pub from: SourceId,
    /// The last.
    pub to: SourceId,
}

impl Span {
    /// Whether a record lies within.
    pub fn has(&self, kind: RecordKind, id: &SourceId) -> bool {
        self.kind == kind && self.from.table_order(id).is_le() && id.table_order(&self.to).is_le()
    }
}

impl Block {
    /// Takes one more record into its spans.
    pub fn include(&mut self, kind: RecordKind, id: &SourceId) {
        match self.spans.iter_mut().find(|span| span.kind == kind) {
            None => self.spans.push(Span { kind, from: id.clone(), to: id.clone() }),
            Some(span) if id.table_order(&span.from).is_lt() => span.from = id.clone(),
            Some(span) if span.to.table_order(id).is_lt() => span.to = id.clone(),
            Some(_) => {}
        }
    }
}

impl Part {
    /// The blocks that may have lines about a record.
    pub fn blocks_about<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a SourceId,
    ) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |block| block.spans.iter().any(|span| span.has(kind, id)))
    }
}

/// The last thing written of a snapshot: with it, the snapshot exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The district.
    pub district: DistrictId,
    /// The run, and the folder.
    pub run: RunId,
    /// When the source said this: an upload's time, a pull's start. An older snapshot never follows
    /// a newer one (R-M6).
    pub taken_at: Timestamp,
    /// The day for which dates are read (terms, enrollments), in the district's time zone.
    pub today: Date,
    /// Where it came from.
    pub origin: Origin,
    /// Files by name: `school` … `class`, `gaps`, `findings`.
    pub parts: BTreeMap<String, Part>,
    /// Enrollments in the source: seats in classes, teachers' and students'.
    pub enrollments: u64,
    /// Findings by code.
    pub findings: BTreeMap<String, u64>,
    /// Seconds from the upload's event (or the pull's start) to this manifest.
    pub seconds: f64,
}

/// The name of one file of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartName {
    /// The records of a kind.
    Records(RecordKind),
    /// What could not be read: [`UnreadableRecord`]s.
    Gaps,
    /// Findings of the source's validation.
    Findings,
}

impl PartName {
    /// The file's stem: `student`, `gaps`, …
    pub fn name(self) -> &'static str {
        match self {
            PartName::Records(tag) => tag.name(),
            PartName::Gaps => "gaps",
            PartName::Findings => "findings",
        }
    }

    /// All parts.
    pub fn all() -> impl Iterator<Item = PartName> {
        RecordKind::ALL
            .into_iter()
            .map(PartName::Records)
            .chain([PartName::Gaps, PartName::Findings])
    }
}

/// Takes a snapshot as a source makes it: lines of JSON without line ends. Lines of one part come
/// in the order of the table; parts may come interleaved.
pub trait SnapshotSink {
    /// One record, gap or finding.
    fn line(&mut self, part: PartName, json: &[u8]) -> std::io::Result<()>;

    /// So many records of a kind, whole lines with their ends: the same as each of them by itself,
    /// and cheaper.
    fn records(&mut self, kind: RecordKind, lines: Vec<u8>, count: u64) -> std::io::Result<()> {
        let _ = count;
        lines.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| {
            let json = line.strip_suffix(b"\n").unwrap_or(line);
            self.line(PartName::Records(kind), json)
        })
    }
}
