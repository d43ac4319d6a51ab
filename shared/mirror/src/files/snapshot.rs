//! Snapshots in the internal bucket: written line by line while a source is being read, and read
//! again from local copies.

use std::collections::BTreeMap;
use std::io::Write as _;

use futures::stream::{self, StreamExt, TryStreamExt};
use roster::finding::Finding;
use roster::id::{DistrictId, RunId};
use roster::records::{Demographics, Kind, RecordKind, SourceBox, Student, kinds};
use roster::snapshot::{Manifest, Part, PartName, SnapshotSink, UnreadableRecord, Upload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::runtime::Handle;

use crate::MirrorError;
use crate::files::packed::{Packed, Parse, Records, json, json_by_way_of};
use crate::files::spool::{Spool, SpoolWriter};
use crate::files::streams::{Streams, Target};
use crate::keys;
use crate::ports::objects::{Fetched, ReadObjects, WriteObjects};

const JSON: &str = "application/json";

/// Bytes of a stored part per range request, few enough for the allocator to reuse the same memory,
/// and how many ranges are requested at the same time.
const BLOCK: u64 = 2 * 1024 * 1024;
const RANGES: usize = 3;

/// The number of parts of a snapshot that are fetched at the same time.
const AT_ONCE: usize = 4;

/// Writes a snapshot's lines. For threads that may block.
pub struct SnapshotWriter {
    streams: Streams,
}

impl SnapshotWriter {
    /// Starts a snapshot; one of the same run is overwritten.
    pub fn new<O: WriteObjects>(
        handle: Handle,
        objects: O,
        district: &DistrictId,
        run: &RunId,
    ) -> Self {
        let target = |part| match part {
            PartName::Records(kind) => Target::Records(keys::part(district, run, part), kind),
            PartName::Unreadable | PartName::Findings => {
                Target::Object(keys::part(district, run, part))
            }
        };
        let targets = PartName::all().map(target).collect();
        Self { streams: Streams::new(handle, objects, targets) }
    }

    /// Completes all parts. The snapshot does not exist before its manifest does.
    pub fn finish(self) -> Result<BTreeMap<String, Part>, MirrorError> {
        let parts = self.streams.finish()?;
        Ok(PartName::all().map(|name| name.name().to_owned()).zip(parts).collect())
    }
}

impl SnapshotSink for SnapshotWriter {
    fn line(&mut self, part: PartName, json: &[u8]) -> std::io::Result<()> {
        let place = match part {
            PartName::Records(tag) => tag as usize,
            PartName::Unreadable => roster::records::RecordKind::ALL.len(),
            PartName::Findings => roster::records::RecordKind::ALL.len() + 1,
        };
        self.streams.line(place, json).map_err(MirrorError::into_io)
    }

    fn records(&mut self, kind: RecordKind, lines: Vec<u8>, count: u64) -> std::io::Result<()> {
        self.streams.block(kind as usize, lines, count).map_err(MirrorError::into_io)
    }
}

/// Writes a snapshot's lines again as the parts of another run, without demographics if the policy
/// does not keep them (R-M7).
pub async fn copy_parts<O: WriteObjects>(
    objects: &O,
    from: SnapshotCopy,
    district: &DistrictId,
    run: &RunId,
    demographics: bool,
) -> Result<BTreeMap<String, Part>, MirrorError> {
    let (handle, objects, district, run) =
        (Handle::current(), objects.clone(), district.clone(), run.clone());
    let copied = tokio::task::spawn_blocking(move || {
        let mut writer = SnapshotWriter::new(handle, objects, &district, &run);
        let mut line = |part, json: &[u8]| {
            writer.line(part, json).map_err(|e| MirrorError::from_io("write a snapshot", e))
        };
        for part in PartName::all() {
            if part == PartName::Records(RecordKind::Student) && !demographics {
                for student in from.records::<kinds::Students>()? {
                    let student = Student { demographics: Demographics::default(), ..*student? };
                    let json = serde_json::to_vec(&student)
                        .map_err(|e| MirrorError::corrupt("a student of a snapshot", e))?;
                    line(part, &json)?;
                }
                continue;
            }
            for json in from.part::<Box<RawValue>>(part, json)? {
                line(part, json?.get().as_bytes())?;
            }
        }
        writer.finish()
    });
    copied.await.map_err(|error| MirrorError::service("write a snapshot", error))?
}

/// The upload lineage of a snapshot: the uploads that it combines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadLineage {
    /// The uploads, the oldest first.
    pub links: Vec<LineageLink>,
}

/// One upload of a lineage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageLink {
    /// The uploaded object.
    pub upload: Upload,
    /// True for a bulk upload, which replaces all earlier uploads.
    pub whole: bool,
}

/// Writes a snapshot's upload lineage.
pub async fn put_chain(
    objects: &impl WriteObjects,
    district: &DistrictId,
    run: &RunId,
    chain: &UploadLineage,
) -> Result<(), MirrorError> {
    put_json(objects, &keys::chain(district, run), chain, "an upload lineage").await
}

/// Returns a snapshot's upload lineage, or `None`.
pub async fn read_chain(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
) -> Result<Option<UploadLineage>, MirrorError> {
    read_json(objects, &keys::chain(district, run), "an upload lineage").await
}

/// Writes the manifest, which completes the snapshot.
pub async fn put_manifest(
    objects: &impl WriteObjects,
    manifest: &Manifest,
) -> Result<(), MirrorError> {
    put_json(
        objects,
        &keys::manifest(&manifest.district, &manifest.run),
        manifest,
        "a snapshot's manifest",
    )
    .await
}

/// Returns a snapshot's manifest, or `None` if there is no complete snapshot.
pub async fn read_manifest(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
) -> Result<Option<Manifest>, MirrorError> {
    read_json(objects, &keys::manifest(district, run), "a snapshot's manifest").await
}

pub(crate) async fn put_json<T: Serialize>(
    objects: &impl WriteObjects,
    key: &str,
    value: &T,
    what: &'static str,
) -> Result<(), MirrorError> {
    let body = serde_json::to_vec(value).map_err(|e| MirrorError::corrupt(what, e))?;
    objects.put(key, JSON, body).await
}

pub(crate) async fn read_json<T: DeserializeOwned>(
    objects: &impl ReadObjects,
    key: &str,
    what: &'static str,
) -> Result<Option<T>, MirrorError> {
    let Some(body) = objects.get(key).await? else { return Ok(None) };
    serde_json::from_slice(&body).map(Some).map_err(|e| MirrorError::corrupt(what, e))
}

/// Local copies of a snapshot's parts.
#[derive(Clone, Debug)]
pub struct SnapshotCopy {
    parts: BTreeMap<&'static str, LinesCopy>,
    /// True if the source's ids are those of the student information system.
    pub(crate) sis_ids: bool,
}

impl SnapshotCopy {
    /// Fetches the parts that a manifest names.
    pub async fn fetch(
        objects: &impl ReadObjects,
        manifest: &Manifest,
    ) -> Result<Self, MirrorError> {
        // One task per part, because receiving, checking and storing can use several cores.
        let fetched = PartName::all().map(|name| {
            let (objects, key) =
                (objects.clone(), keys::part(&manifest.district, &manifest.run, name));
            let part = manifest.parts.get(name.name()).cloned();
            let part = part.ok_or_else(|| {
                MirrorError::corrupt(
                    "a snapshot's manifest",
                    format!("it has no `{}`", name.name()),
                )
            });
            async move {
                let part = part?;
                let fetching =
                    tokio::spawn(async move { LinesCopy::fetch(&objects, &key, part).await });
                let copy =
                    fetching.await.map_err(|e| MirrorError::service("read a snapshot", e))??;
                Ok::<_, MirrorError>((name.name(), copy))
            }
        });
        let parts = stream::iter(fetched).buffered(AT_ONCE).try_collect().await?;
        Ok(Self { parts, sis_ids: manifest.origin.has_sis_ids() })
    }

    /// The records of a kind.
    pub fn records<K: Kind>(&self) -> Result<Records<SourceBox<K>>, MirrorError> {
        self.part(PartName::Records(K::KIND), json)
    }

    /// The records of a kind, as projections for the index pass.
    pub fn projections<K: Kind>(&self) -> Result<Records<SourceBox<K>>, MirrorError> {
        self.part(PartName::Records(K::KIND), json_by_way_of::<K::Projection, K::Source>)
    }

    /// The unreadable records.
    pub fn unreadable(&self) -> Result<Records<UnreadableRecord>, MirrorError> {
        self.part(PartName::Unreadable, json)
    }

    /// Findings of the source's validation.
    pub fn findings(&self) -> Result<Records<Finding>, MirrorError> {
        self.part(PartName::Findings, json)
    }

    fn part<T: Send + 'static>(
        &self,
        name: PartName,
        parse: Parse<T>,
    ) -> Result<Records<T>, MirrorError> {
        let part = self
            .parts
            .get(name.name())
            .ok_or(MirrorError::Missing { what: "a part of the snapshot" })?;
        Ok(part.read_as(parse))
    }
}

/// A local copy of one file of lines.
#[derive(Clone, Debug)]
pub struct LinesCopy {
    part: Part,
    lines: Packed,
}

impl LinesCopy {
    /// Fetches a file of lines. A file without lines was never written, so `None` is an empty one.
    pub async fn fetch(
        objects: &impl ReadObjects,
        key: &str,
        part: Part,
    ) -> Result<Self, MirrorError> {
        let missing = || MirrorError::Missing { what: "a stored file of lines" };
        if part.records == 0 {
            return Ok(Self { lines: Packed::copy_of(&part, Spool::empty()), part });
        }
        let mut spool = SpoolWriter::default();
        let local = |e| MirrorError::local("write a temporary file", e);
        if part.bytes < BLOCK {
            spool.write_all(&objects.get(key).await?.ok_or_else(missing)?).map_err(local)?;
        } else {
            let info = objects.head(key, None).await?.ok_or_else(missing)?;
            let begins = (0..info.size.div_ceil(BLOCK)).map(|number| number * BLOCK);
            let mut ranges = stream::iter(begins.map(|at| objects.range(&info.object, at, BLOCK)))
                .buffered(RANGES);
            let mut left = info.size;
            while let Some(fetched) = ranges.try_next().await? {
                match fetched {
                    Fetched::Bytes(bytes) if bytes.len() as u64 == left.min(BLOCK) => {
                        left -= bytes.len() as u64;
                        spool.write_all(&bytes).map_err(local)?;
                    }
                    _ => return Err(missing()),
                }
            }
        }
        Ok(Self { lines: Packed::copy_of(&part, spool.finish()?), part })
    }

    /// Returns all records. The last item is an error if the file differs from the written one in
    /// any byte.
    pub fn records<T: DeserializeOwned + Send + 'static>(&self) -> Records<T> {
        self.read_as(json)
    }

    fn read_as<T: Send + 'static>(&self, parse: Parse<T>) -> Records<T> {
        Records::of([self.lines.clone()], parse, "a stored file of lines").checked(&self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::MemoryObjects;
    use roster::records::School;

    fn names() -> (DistrictId, RunId) {
        (DistrictId::new("oak"), RunId::new("01HZ0000000000000000000000"))
    }

    async fn staged(bucket: &MemoryObjects) -> Manifest {
        let (district, run) = names();
        let (handle, objects) = (Handle::current(), bucket.clone());
        let parts = tokio::task::spawn_blocking(move || {
            let (district, run) = names();
            let mut writer = SnapshotWriter::new(handle, objects, &district, &run);
            for id in ["s1", "s2"] {
                let line = format!(r#"{{"id":"{id}","name":"School"}}"#);
                writer.line(PartName::Records(RecordKind::School), line.as_bytes()).unwrap();
            }
            writer.line(PartName::Unreadable, br#"{"gap":"kind","kind":"class"}"#).unwrap();
            writer.finish().unwrap()
        })
        .await
        .unwrap();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let origin = roster::snapshot::Origin::of("oneroster_csv");
        let today = jiff::civil::date(2026, 9, 1);
        let findings = BTreeMap::new();
        Manifest {
            district,
            run,
            taken_at: at,
            today,
            origin,
            parts,
            enrollments: 0,
            findings,
            seconds: 0.1,
        }
    }

    #[tokio::test]
    async fn a_staged_snapshot_can_be_read_several_times() {
        let bucket = MemoryObjects::default();
        let manifest = staged(&bucket).await;
        put_manifest(&bucket, &manifest).await.unwrap();
        assert_eq!(
            read_manifest(&bucket, &manifest.district, &manifest.run).await.unwrap(),
            Some(manifest.clone())
        );
        let copy = SnapshotCopy::fetch(&bucket, &manifest).await.unwrap();
        for _ in 0..2 {
            let schools: Vec<School> =
                copy.records::<kinds::Schools>().unwrap().map(|record| *record.unwrap()).collect();
            assert_eq!(schools.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["s1", "s2"]);
        }
        assert_eq!(
            copy.unreadable().unwrap().map(Result::unwrap).collect::<Vec<_>>(),
            [UnreadableRecord::Kind { kind: RecordKind::Class }]
        );
        assert_eq!(copy.records::<kinds::Students>().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_missing_or_different_part_is_an_error() {
        let bucket = MemoryObjects::default();
        let manifest = staged(&bucket).await;
        let key =
            keys::part(&manifest.district, &manifest.run, PartName::Records(RecordKind::School));
        let another = b"{\"id\":\"s1\",\"name\":\"School\"}\n{\"id\":\"s3\",\"name\":\"School\"}\n";
        let shorter = b"{\"id\":\"s1\",\"name\":\"School\"}\n";
        for (text, read) in [(&another[..], 2), (shorter, 0)] {
            bucket.upload(
                &key,
                zstd::bulk::compress(text, crate::files::spool::LEVEL).unwrap(),
                None,
            );
            let copy = SnapshotCopy::fetch(&bucket, &manifest).await.unwrap();
            let results: Vec<_> = copy.records::<kinds::Schools>().unwrap().collect();
            assert!(matches!(results.last(), Some(Err(MirrorError::Corrupt { .. }))));
            assert_eq!(results.len(), read + 1);
        }
        bucket.remove(&key);
        assert!(matches!(
            SnapshotCopy::fetch(&bucket, &manifest).await,
            Err(MirrorError::Missing { .. })
        ));
    }
}
