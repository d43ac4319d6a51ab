//! Reads parts of stored files of lines: a page of a plan or of findings, one record of a snapshot
//! (only the blocks that may contain it), the members of groups.

use std::ops::ControlFlow;

use futures::future::try_join;
use memchr::memmem::Finder;
use roster::change::Change;
use roster::finding::Finding;
use roster::id::{DistrictId, RunId, SourceId};
use roster::records::{Kind, RecordKind};
use roster::snapshot::{Block, Manifest, Part, PartName, UnreadableRecord};
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use crate::MirrorError;
use crate::files::blocks::{ObjectReader, ObjectWatch};
use crate::files::plan::{StoredPlan, read_plan};
use crate::files::snapshot::read_manifest;
use crate::files::spool::Lines;
use crate::files::streams::unpack;
use crate::keys;
use crate::ports::objects::{Fetched, ObjectRef, ReadObjects};

/// Passes the lines of an object to `visit` until `visit` stops. Returns `None` if the object does
/// not exist.
pub async fn scan<O: ReadObjects, S: Send + 'static>(
    objects: &O,
    key: String,
    doing: &'static str,
    mut state: S,
    mut visit: impl FnMut(&mut S, &[u8]) -> Result<ControlFlow<()>, MirrorError> + Send + 'static,
) -> Result<Option<S>, MirrorError> {
    let Some(info) = objects.head(&key, None).await? else { return Ok(None) };
    let (handle, objects) = (Handle::current(), objects.clone());
    let scanned = tokio::task::spawn_blocking(move || {
        let reader =
            ObjectReader::new(handle, objects, info.object, info.size, &ObjectWatch::default());
        let mut lines = Lines::new(reader, doing)?;
        while let Some(line) = lines.next_line()? {
            if visit(&mut state, line)?.is_break() {
                break;
            }
        }
        Ok::<_, MirrorError>(state)
    });
    scanned.await.map_err(|e| MirrorError::service(doing, e))?.map(Some)
}

/// Parses a line. The error does not contain serde's message, which may quote the line.
pub fn parse<T: DeserializeOwned>(line: &[u8], what: &'static str) -> Result<T, MirrorError> {
    serde_json::from_slice(line).map_err(|_| MirrorError::corrupt(what, "a line does not parse"))
}

/// Passes the lines of one block of a stored file to `visit` until `visit` stops.
pub(crate) async fn in_block(
    objects: &impl ReadObjects,
    key: &str,
    block: &Block,
    what: &'static str,
    mut visit: impl FnMut(&[u8]) -> Result<ControlFlow<()>, MirrorError>,
) -> Result<ControlFlow<()>, MirrorError> {
    // A stored file is written once, so its current version is the right one.
    let object = ObjectRef { key: key.to_owned(), etag: String::new(), version: None };
    let Fetched::Bytes(packed) = objects.range(&object, block.at, block.size).await? else {
        return Err(MirrorError::Missing { what });
    };
    let lines = unpack(&packed).map_err(|e| MirrorError::from_io(what, e))?;
    let Some(lines) = lines.strip_suffix(b"\n") else {
        return Err(MirrorError::corrupt(what, "a block ends within a line"));
    };
    for line in lines.split(|byte| *byte == b'\n') {
        if visit(line)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Passes the lines of a stored file after the first `skip` to `visit` until `visit` stops.
async fn from_line(
    objects: &impl ReadObjects,
    key: &str,
    part: &Part,
    mut skip: u64,
    what: &'static str,
    mut visit: impl FnMut(&[u8]) -> Result<ControlFlow<()>, MirrorError>,
) -> Result<ControlFlow<()>, MirrorError> {
    for block in &part.blocks {
        if skip >= block.lines {
            skip -= block.lines;
            continue;
        }
        let seen = in_block(objects, key, block, what, |line| {
            if skip > 0 {
                skip -= 1;
                return Ok(ControlFlow::Continue(()));
            }
            visit(line)
        });
        if seen.await?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

const PLAN: &str = "a run's plan";

/// Returns at most `at_most` changes of a run's plan after the first `skip`, and whether there are
/// more. Returns `None` if the run has no plan.
pub async fn changes(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
    skip: usize,
    at_most: usize,
) -> Result<Option<(Vec<Change>, bool)>, MirrorError> {
    let Some(plan) = read_plan(objects, district, run).await? else { return Ok(None) };
    let (key, mut found, mut more) = (keys::plan(district, run), Vec::new(), false);
    let read = from_line(objects, &key, &plan.changes, skip as u64, PLAN, |line| {
        if found.len() == at_most {
            more = true;
            return Ok(ControlFlow::Break(()));
        }
        found.push(parse(line, PLAN)?);
        Ok(ControlFlow::Continue(()))
    });
    let _ = read.await?;
    Ok(Some((found, more)))
}

/// Returns the change of one record in a run's plan.
pub async fn change_of(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
    plan: &StoredPlan,
    kind: RecordKind,
    key: &SourceId,
) -> Result<Option<Change>, MirrorError> {
    let json = serde_json::to_string(key).map_err(|e| MirrorError::corrupt("a record's key", e))?;
    let needle = format!("\"key\":{json},");
    let (finder, object, mut found) =
        (Finder::new(&needle), keys::plan(district, run), None::<Change>);
    for block in plan.changes.blocks_about(kind, key) {
        let read = in_block(objects, &object, block, PLAN, |line| {
            // Most lines concern other records and are not parsed.
            if finder.find(line).is_none() {
                return Ok(ControlFlow::Continue(()));
            }
            let change: Change = parse(line, PLAN)?;
            let record = change.after.as_ref().or(change.before.as_ref());
            let is_it = record.is_some_and(|record| record.is_record() && record.kind() == kind);
            if change.key == *key && is_it {
                found = Some(change);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        });
        if read.await?.is_break() {
            break;
        }
    }
    Ok(found)
}

/// Returns one record of a snapshot.
pub async fn record<K: Kind>(
    objects: &impl ReadObjects,
    manifest: &Manifest,
    id: &SourceId,
) -> Result<Option<K::Source>, MirrorError> {
    const WHAT: &str = "a part of the snapshot";
    let Some(part) = manifest.parts.get(K::KIND.name()) else { return Ok(None) };
    let json =
        serde_json::to_string(id).map_err(|e| MirrorError::corrupt("the id of a record", e))?;
    let begin = format!("{{\"id\":{json}");
    let (key, mut found) =
        (keys::part(&manifest.district, &manifest.run, PartName::Records(K::KIND)), None);
    for block in part.blocks_about(K::KIND, id) {
        let read = in_block(objects, &key, block, WHAT, |line| {
            if !line.starts_with(begin.as_bytes()) {
                return Ok(ControlFlow::Continue(()));
            }
            found = Some(parse(line, WHAT)?);
            Ok(ControlFlow::Break(()))
        });
        if read.await?.is_break() {
            break;
        }
    }
    Ok(found)
}

const FINDINGS: &str = "a run's findings";

/// The file of the findings of a source.
fn of_source(manifest: &Manifest) -> Option<(String, &Part)> {
    let part = manifest.parts.get(PartName::Findings.name())?;
    Some((keys::part(&manifest.district, &manifest.run, PartName::Findings), part))
}

/// Returns at most `at_most` findings of a run after the first `skip` lines, of one code or all.
/// Also returns the number of lines read, if there are more.
pub async fn findings(
    objects: &impl ReadObjects,
    district: &DistrictId,
    (run, snapshot): (&RunId, &RunId),
    code: Option<&str>,
    skip: u64,
    at_most: usize,
) -> Result<(Vec<Finding>, Option<u64>), MirrorError> {
    let (manifest, plan) =
        try_join(read_manifest(objects, district, snapshot), read_plan(objects, district, run))
            .await?;
    let of_plan = plan.as_ref().map(|plan| (keys::plan_findings(district, run), &plan.findings));
    let (mut found, mut before, mut next) = (Vec::new(), 0, None);
    for (key, part) in manifest.as_ref().and_then(of_source).into_iter().chain(of_plan) {
        let mut at = skip.max(before);
        let read = from_line(objects, &key, part, at - before, FINDINGS, |line| {
            let finding: Finding = parse(line, FINDINGS)?;
            if code.is_none_or(|code| finding.code == code) {
                if found.len() == at_most {
                    next = Some(at);
                    return Ok(ControlFlow::Break(()));
                }
                found.push(finding);
            }
            at += 1;
            Ok(ControlFlow::Continue(()))
        });
        if read.await?.is_break() {
            break;
        }
        before += part.records;
    }
    Ok((found, next))
}

/// Returns the findings of a run about one source record: those of the source (the first ten
/// thousand of each code) and those of the plan.
pub async fn findings_about(
    objects: &impl ReadObjects,
    manifest: &Manifest,
    id: &SourceId,
) -> Result<Vec<Finding>, MirrorError> {
    let plan = read_plan(objects, &manifest.district, &manifest.run).await?;
    let json =
        serde_json::to_string(id).map_err(|e| MirrorError::corrupt("the id of a record", e))?;
    let (finder, mut found) = (Finder::new(&json), Vec::new());
    let mut look =
        |line: &[u8]| {
            // Most lines concern other records and are not parsed.
            if finder.find(line).is_some() {
                let finding: Finding = parse(line, FINDINGS)?;
                found.extend(Some(finding).filter(|finding| {
                    finding.entity.as_ref().is_some_and(|entity| entity.id == *id)
                }));
            }
            Ok(ControlFlow::Continue(()))
        };
    if let Some((key, part)) = of_source(manifest) {
        let _ = from_line(objects, &key, part, 0, FINDINGS, &mut look).await?;
    }
    if let Some(plan) = plan {
        let key = keys::plan_findings(&manifest.district, &manifest.run);
        let may_be_about = |block: &&Block| block.spans.iter().any(|span| span.has(span.kind, id));
        for block in plan.findings.blocks.iter().filter(may_be_about) {
            let _ = in_block(objects, &key, block, FINDINGS, &mut look).await?;
        }
    }
    Ok(found)
}

/// Returns true if a snapshot has an unreadable row that is, or may be, this record.
pub async fn is_gap(
    objects: &impl ReadObjects,
    manifest: &Manifest,
    kind: RecordKind,
    id: &SourceId,
) -> Result<bool, MirrorError> {
    let is_empty =
        manifest.parts.get(PartName::Unreadable.name()).is_none_or(|part| part.records == 0);
    if is_empty {
        return Ok(false);
    }
    let id = id.clone();
    let key = keys::part(&manifest.district, &manifest.run, PartName::Unreadable);
    let found = scan(objects, key, "read the unreadable records", false, move |found, line| {
        *found = match parse(line, "a part of the snapshot")? {
            UnreadableRecord::Kind { kind: k } => k == kind,
            UnreadableRecord::Record { kind: k, id: i, .. } => k == kind && i == id,
            UnreadableRecord::Enrollment { .. } | UnreadableRecord::Demographics { .. } => false,
        };
        Ok(if *found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    Ok(found.await?.unwrap_or(false))
}
