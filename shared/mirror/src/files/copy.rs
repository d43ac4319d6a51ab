//! A local copy of a district's mirror, in the order of the table, so that a plan can read it
//! several times.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use roster::change::Change;
use roster::contract::{Administrator, PlanInputs, UndoInputs};
use roster::edit::LocalEdit;
use roster::id::{DistrictId, SHARDS, SourceId};
use roster::records::{
    Kind, Link, Mirrored, MirroredBox, MirroredProjection, RecordKind, SourceBox,
};
use roster::snapshot::UnreadableRecord;

use crate::MirrorError;
use crate::files::packed::{Packed, PackedWriter, Parse, Records, json, json_by_way_of};
use crate::files::snapshot::{LinesCopy, SnapshotCopy};
use crate::item::{Assembler, Section};
use crate::keys;
use crate::ports::items::{Range, ReadItems};

/// The mirror of a district.
#[derive(Clone, Debug, Default)]
pub struct MirrorCopy {
    /// The files by section and shard.
    files: BTreeMap<(Section, u8), Packed>,
    /// The consumed read units.
    pub read_units: f64,
}

type ShardFiles = Vec<(Section, Packed)>;

/// A section that is being written.
type Incoming = (Section, PackedWriter);

fn close(incoming: &mut Vec<Incoming>, done: &mut ShardFiles) -> Result<(), MirrorError> {
    for (section, writer) in incoming.drain(..) {
        done.push((section, writer.finish()?));
    }
    Ok(())
}

/// Reads one shard in one pass. Kinds follow each other, so at most two writers are open: a kind's
/// records, and its edits.
async fn read_shard(
    items: impl ReadItems,
    district: DistrictId,
    shard: u8,
    begin: Option<String>,
) -> Result<(ShardFiles, f64), MirrorError> {
    let (mut done, mut units, mut after) = (Vec::new(), 0.0, None::<String>);
    let mut incoming: Vec<Incoming> = Vec::new();
    let mut assembler = Assembler::default();
    loop {
        let range = begin.as_deref().map_or(Range::Whole, Range::BeginningWith);
        let page = items.page(&district, shard, range, after.as_deref()).await?;
        units += page.units;
        for item in page.items {
            let Some((section, body)) = assembler.take(item)? else { continue };
            if incoming.first().is_some_and(|(now, _)| now.kind() != section.kind()) {
                close(&mut incoming, &mut done)?;
            }
            let place = match incoming.iter().position(|(now, _)| *now == section) {
                Some(place) => place,
                None => {
                    incoming.push((section, PackedWriter::default()));
                    incoming.len() - 1
                }
            };
            incoming[place].1.line(body.as_bytes())?;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assembler.check_whole()?;
    close(&mut incoming, &mut done)?;
    Ok((done, units))
}

impl MirrorCopy {
    /// Reads all shards at the same time.
    pub async fn read(items: &impl ReadItems, district: &DistrictId) -> Result<Self, MirrorError> {
        Self::read_beginning(items, district, None).await
    }

    /// Reads the records of one kind with their edits.
    pub async fn read_kind(
        items: &impl ReadItems,
        district: &DistrictId,
        kind: RecordKind,
    ) -> Result<Self, MirrorError> {
        Self::read_beginning(items, district, Some(keys::kind_prefix(kind))).await
    }

    async fn read_beginning(
        items: &impl ReadItems,
        district: &DistrictId,
        begin: Option<String>,
    ) -> Result<Self, MirrorError> {
        let shards = (0..SHARDS).map(|shard| {
            let task =
                tokio::spawn(read_shard(items.clone(), district.clone(), shard, begin.clone()));
            async move { task.await.map_err(|e| MirrorError::service("read the mirror", e))? }
        });
        let mut copy = Self::default();
        for (shard, (sections, units)) in (0..SHARDS).zip(try_join_all(shards).await?) {
            copy.read_units += units;
            copy.files.extend(sections.into_iter().map(|(section, file)| ((section, shard), file)));
        }
        Ok(copy)
    }

    /// The records of a kind.
    pub fn records<K: Kind>(&self) -> Records<MirroredBox<K>> {
        self.section(Section::Records(K::KIND), json)
    }

    /// The local edits of the records of a kind.
    pub fn edits(&self, kind: RecordKind) -> Records<LocalEdit> {
        self.section(Section::Edits(kind), json)
    }

    /// The records of a kind, as projections for the index pass.
    pub fn projections<K: Kind>(&self) -> Records<MirroredBox<K>> {
        self.section(
            Section::Records(K::KIND),
            json_by_way_of::<MirroredProjection<K>, Mirrored<K>>,
        )
    }

    /// Identity links, in the order of their source ids within each kind.
    pub fn links(&self) -> Records<Link> {
        self.section(Section::Links, json)
    }

    /// The bodies of the records of a kind: one JSON text each.
    pub fn bodies(&self, kind: RecordKind) -> Records<Box<serde_json::value::RawValue>> {
        self.section(Section::Records(kind), json)
    }

    fn section<T: Send + 'static>(&self, section: Section, parse: Parse<T>) -> Records<T> {
        let shards =
            self.files.range((section, 0)..=(section, u8::MAX)).map(|(_, file)| file.clone());
        Records::of(shards, parse, "a record of the mirror")
    }
}

/// A record with all its edits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WithEdits {
    /// The record as JSON, or `None` if it does not exist. Its [`crate::item::body_hash`]
    /// identifies this state.
    pub record: Option<String>,
    /// Its local edits.
    pub edits: Vec<LocalEdit>,
    /// Local edits of other records that concern this one ([`roster::edit::Edit::other`]).
    pub twins: Vec<LocalEdit>,
}

/// Reads one record of the mirror with its edits.
pub async fn read_beside(
    items: &impl ReadItems,
    district: &DistrictId,
    kind: RecordKind,
    key: &SourceId,
) -> Result<WithEdits, MirrorError> {
    let sk = keys::record_sk(kind, key);
    let twins = format!("{sk}{}{}", keys::EDIT, keys::AT);
    let parsed = |body: &str| {
        // serde's own message may quote the data.
        serde_json::from_str(body)
            .map_err(|_| MirrorError::corrupt("a local edit", "it does not parse"))
    };
    let (mut found, mut assembler, mut after) =
        (WithEdits::default(), Assembler::default(), None::<String>);
    loop {
        let page = items.page(district, key.shard(), Range::Record(&sk), after.as_deref()).await?;
        for item in page.items {
            if item.sk.starts_with(&twins) {
                found.twins.push(parsed(&item.body)?);
                continue;
            }
            match assembler.take(item)? {
                Some((Section::Records(_), body)) => found.record = Some(body),
                Some((Section::Edits(_), body)) => found.edits.push(parsed(&body)?),
                Some((Section::Links, _)) | None => {}
            }
        }
        after = page.next;
        if after.is_none() {
            assembler.check_whole()?;
            return Ok(found);
        }
    }
}

/// Returns one record of the mirror as JSON, or `None`.
pub async fn read_record(
    items: &impl ReadItems,
    district: &DistrictId,
    kind: RecordKind,
    key: &SourceId,
) -> Result<Option<String>, MirrorError> {
    Ok(read_beside(items, district, kind, key).await?.record)
}

/// Local copies of all inputs of a plan.
#[derive(Clone, Debug)]
pub struct StoredPlanInputs {
    /// The snapshot.
    pub snapshot: SnapshotCopy,
    /// The mirror.
    pub mirror: MirrorCopy,
    /// The district's administrators.
    pub administrators: Vec<Administrator>,
}

impl PlanInputs for StoredPlanInputs {
    type Error = MirrorError;

    fn snapshot<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, MirrorError>>, MirrorError> {
        Ok(self.snapshot.records::<K>()?.ahead())
    }

    fn snapshot_projection<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, MirrorError>>, MirrorError> {
        Ok(self.snapshot.projections::<K>()?.ahead())
    }

    fn mirror_projection<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, MirrorError>>, MirrorError> {
        Ok(self.mirror.projections::<K>().ahead())
    }

    fn unreadable(
        &self,
    ) -> Result<impl Iterator<Item = Result<UnreadableRecord, MirrorError>>, MirrorError> {
        self.snapshot.unreadable()
    }

    fn sis_ids(&self) -> bool {
        self.snapshot.sis_ids
    }

    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, MirrorError>>, MirrorError> {
        Ok(self.mirror.records::<K>().ahead())
    }

    fn edits(
        &self,
        kind: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, MirrorError>>, MirrorError> {
        Ok(self.mirror.edits(kind))
    }

    fn links(&self) -> Result<impl Iterator<Item = Result<Link, MirrorError>>, MirrorError> {
        Ok(self.mirror.links())
    }

    fn administrators(&self) -> Result<Vec<Administrator>, MirrorError> {
        Ok(self.administrators.clone())
    }
}

/// Local copies of all inputs of an undo.
#[derive(Clone, Debug)]
pub struct StoredUndoInputs {
    /// The plan to undo.
    pub plan: LinesCopy,
    /// The mirror.
    pub mirror: MirrorCopy,
}

impl UndoInputs for StoredUndoInputs {
    type Error = MirrorError;

    fn changes(&self) -> Result<impl Iterator<Item = Result<Change, MirrorError>>, MirrorError> {
        Ok(self.plan.records())
    }

    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<Mirrored<K>, MirrorError>>, MirrorError> {
        Ok(self.mirror.records::<K>().map(|record| record.map(|record| *record)))
    }

    fn edits(
        &self,
        kind: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, MirrorError>>, MirrorError> {
        Ok(self.mirror.edits(kind))
    }

    fn links(&self) -> Result<impl Iterator<Item = Result<Link, MirrorError>>, MirrorError> {
        Ok(self.mirror.links())
    }
}
