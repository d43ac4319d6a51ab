//! The content of a snapshot, besides its records.
//!
//! A snapshot has one file per kind with one record per line, in the order of
//! [`crate::id::table_order`]; a file of unreadable records; a file of findings; and a manifest,
//! which is written last. Without a manifest there is no snapshot.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::id::{DistrictId, RunId, SourceId};
use crate::personal::Personal;
use crate::records::{Membership, RecordKind};

/// Something that the source sent but that could not be read, or that it did not send although other
/// records refer to it. The mirror keeps the record or enrollment unchanged (R-H3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "gap")]
pub enum UnreadableRecord {
    /// A record whose row is invalid.
    Record {
        /// The kind. A user whose role could not be read is listed once for each kind of person; a
        /// user who was not sent, once for each kind that other records name.
        kind: RecordKind,
        /// The source's id.
        id: SourceId,
        /// For a person: the enrollments of this snapshot (`id` is the class). They are separate
        /// rows and were read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        classes: Vec<Membership>,
        /// Why there is no readable record.
        #[serde(default, skip_serializing_if = "UnreadableReason::is_unreadable")]
        reason: UnreadableReason,
        /// For a guardian: the e-mail address and phone numbers of the unreadable row, normalized.
        /// They count as taken (R-G1).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        contacts: Vec<Personal>,
    },
    /// At least one row whose id could not be read. It could be any record of the kind, so the run
    /// removes no record of the kind.
    Kind {
        /// The kind.
        kind: RecordKind,
    },
    /// An enrollment row that could not be read. Only enrollments that match the known fields are
    /// kept; if none is known, the run removes no enrollment.
    Enrollment {
        /// The class, if it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<SourceId>,
        /// The person, if it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<SourceId>,
    },
    /// A row of demographics that could not be read. The student's demographics stay unchanged; the
    /// rest of the student follows the source.
    Demographics {
        /// The student. `None` if the row's id could not be read: it may be any student without
        /// demographics in the snapshot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        student: Option<SourceId>,
    },
}

/// Why a snapshot lists a record as unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadableReason {
    /// Its row was sent but is invalid.
    #[default]
    Unreadable,
    /// It was not sent, but other records of the snapshot refer to it: a person whom enrollments,
    /// roles, demographics or relationships name (R-H1), a school (R-A6), a course or a term. A
    /// record that is still referred to is not gone.
    Referenced,
}

impl UnreadableReason {
    /// Whether the record was sent.
    pub fn is_unreadable(&self) -> bool {
        *self == Self::Unreadable
    }
}

/// The origin of a snapshot's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source's name in settings: `oneroster_csv`, `clever`, …
    pub source: String,
    /// For files: the objects that were read, oldest first. A delta is read together with the bulk
    /// upload that it updates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<Upload>,
    /// For a restored snapshot: the run whose snapshot it was (R-H4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_of: Option<RunId>,
    /// For an incremental pull: the run of the full pull that it updates. A record that is missing
    /// from an incremental pull is not gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_over: Option<RunId>,
}

impl Origin {
    /// Creates an origin that has only the name of the source.
    pub fn of(source: impl Into<String>) -> Self {
        Self { source: source.into(), uploads: Vec::new(), restored_of: None, changes_over: None }
    }

    /// Whether the source's ids are those of the student information system, as in OneRoster.
    /// Clever has ids of its own and sends the others too.
    pub fn has_sis_ids(&self) -> bool {
        self.source != "clever"
    }
}

/// An uploaded object (a zip, or the manifest of a folder).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The bucket.
    pub bucket: String,
    /// The decoded key.
    pub key: String,
    /// The entity tag of the object.
    pub etag: String,
    /// The version, if the bucket is versioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the upload was complete.
    pub at: Timestamp,
    /// For a folder: its other files, with the versions that they had when the upload was complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRef>,
}

/// One file of an uploaded folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// The decoded key.
    pub key: String,
    /// The entity tag.
    pub etag: String,
    /// The version, if the bucket is versioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The size in bytes.
    pub size: u64,
}

/// A stored file of lines, of a snapshot or of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The number of records (lines).
    pub records: u64,
    /// The number of uncompressed bytes.
    pub bytes: u64,
    /// The XXH3 hash of the uncompressed bytes, 16 hexadecimal digits.
    pub xxh3: String,
    /// The blocks of the file, in order. Each is compressed separately, so that one record can be
    /// read without the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
}

/// The size of a [`Block`] in bytes of lines; a longer line makes a longer block. Large enough to
/// compress well, small enough to read for one record.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// Some lines of a [`Part`], compressed separately.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Block {
    /// The offset in the compressed file, in bytes.
    pub at: u64,
    /// The number of compressed bytes.
    pub size: u64,
    /// The number of lines.
    pub lines: u64,
    /// The records that the lines may be about. Empty for files that are never searched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
}

/// The records of a kind from one id (or key) to another, both included, in the order of
/// [`crate::id::table_order`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The kind.
    pub kind: RecordKind,
    /// The first id.
    pub from: SourceId,
    /// The last id.
    pub to: SourceId,
}

impl Span {
    /// Whether the span includes a record.
    pub fn has(&self, kind: RecordKind, id: &SourceId) -> bool {
        self.kind == kind && self.from.table_order(id).is_le() && id.table_order(&self.to).is_le()
    }
}

impl Block {
    /// Extends the block's spans by a record.
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
    /// Returns the blocks that may have lines about a record.
    pub fn blocks_about<'a>(
        &'a self,
        kind: RecordKind,
        id: &'a SourceId,
    ) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |block| block.spans.iter().any(|span| span.has(kind, id)))
    }
}

/// The manifest of a snapshot. It is written last: a snapshot without one does not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The district.
    pub district: DistrictId,
    /// The run. It also names the folder.
    pub run: RunId,
    /// The time of the data: of the upload, or of the pull's start. An older snapshot never follows
    /// a newer one (R-M6).
    pub taken_at: Timestamp,
    /// The day for which dates (terms, enrollments) are read, in the district's time zone.
    pub today: Date,
    /// The origin of the data.
    pub origin: Origin,
    /// Files by name: `school` … `class`, `gaps`, `findings`.
    pub parts: BTreeMap<String, Part>,
    /// The number of enrollments in the source, of teachers and students.
    pub enrollments: u64,
    /// The number of findings by code.
    pub findings: BTreeMap<String, u64>,
    /// The seconds from the upload's event (or the pull's start) to this manifest.
    pub seconds: f64,
}

/// The name of one file of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartName {
    /// The records of a kind.
    Records(RecordKind),
    /// The [`UnreadableRecord`]s.
    Unreadable,
    /// Findings of the source's validation.
    Findings,
}

impl PartName {
    /// The stem of the file name: `student`, `gaps`, …
    pub fn name(self) -> &'static str {
        match self {
            PartName::Records(tag) => tag.name(),
            PartName::Unreadable => "gaps",
            PartName::Findings => "findings",
        }
    }

    /// All parts.
    pub fn all() -> impl Iterator<Item = PartName> {
        RecordKind::ALL
            .into_iter()
            .map(PartName::Records)
            .chain([PartName::Unreadable, PartName::Findings])
    }
}

/// Receives a snapshot from a source: lines of JSON without line ends. The lines of one part arrive
/// in the order of the table; parts may be interleaved.
pub trait SnapshotSink {
    /// Writes one record, unreadable record or finding.
    fn line(&mut self, part: PartName, json: &[u8]) -> std::io::Result<()>;

    /// Writes several records of a kind, as whole lines with line ends. The result is the same as
    /// from one [`SnapshotSink::line`] each, but faster.
    fn records(&mut self, kind: RecordKind, lines: Vec<u8>, count: u64) -> std::io::Result<()> {
        let _ = count;
        lines.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| {
            let json = line.strip_suffix(b"\n").unwrap_or(line);
            self.line(PartName::Records(kind), json)
        })
    }
}
