//! Looking through stored files of lines without keeping them: a page of a plan, one record of a snapshot, the members of groups.

use std::ops::ControlFlow;

use rules::id::{DistrictId, RunId, SourceId, key_order, shard_of};
use rules::model::{AnyMirrored, Kind, Tag};
use rules::plan::Change;
use rules::snapshot::{Gap, Manifest, PartName};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use tokio::runtime::Handle;

use crate::MirrorError;
use crate::blocks::{ObjectReader, Watch};
use crate::keys;
use crate::objects::ReadObjects;
use crate::spool::Lines;

/// Shows the lines of an object to `visit`, one after the other, until it has seen enough. None: there is no such object.
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
        let reader = ObjectReader::new(handle, objects, info.object, info.size, &Watch::default());
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

/// Reads a line; serde's own message may quote it.
pub fn parse<T: DeserializeOwned>(line: &[u8], what: &'static str) -> Result<T, MirrorError> {
    serde_json::from_slice(line).map_err(|_| MirrorError::corrupt(what, "a line does not parse"))
}

/// The lines of a run's plan from the `skip`-th on, at most `at_most`, and whether there are more. A plan without changes has none.
pub async fn changes(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
    skip: usize,
    at_most: usize,
) -> Result<(Vec<Change>, bool), MirrorError> {
    let state = (0, Vec::new(), false);
    let read = scan(objects, keys::plan(district, run), "read a run's plan", state, move |(seen, found, more), line| {
        *seen += 1;
        if *seen <= skip {
            return Ok(ControlFlow::Continue(()));
        }
        if found.len() == at_most {
            *more = true;
            return Ok(ControlFlow::Break(()));
        }
        found.push(parse(line, "a run's plan")?);
        Ok(ControlFlow::Continue(()))
    });
    Ok(read.await?.map_or((Vec::new(), false), |(_, found, more)| (found, more)))
}

/// What a run's plan did to one record.
pub async fn change_of(
    objects: &impl ReadObjects,
    district: &DistrictId,
    run: &RunId,
    kind: Tag,
    key: &SourceId,
) -> Result<Option<Change>, MirrorError> {
    let json = serde_json::to_string(key).map_err(|e| MirrorError::corrupt("a record's key", e))?;
    let (needle, key) = (format!("\"key\":{json},"), key.clone());
    let read = scan(objects, keys::plan(district, run), "read a run's plan", None, move |found: &mut Option<Change>, line| {
        // Most lines are about others: they are not parsed.
        if !std::str::from_utf8(line).is_ok_and(|line| line.contains(&needle)) {
            return Ok(ControlFlow::Continue(()));
        }
        let change: Change = parse(line, "a run's plan")?;
        let record = change.after.as_ref().or(change.before.as_ref());
        let is_record = record.is_some_and(|record| !matches!(record, AnyMirrored::Edit(_) | AnyMirrored::Link(_)));
        if change.key == key && is_record && record.is_some_and(|record| record.kind() == kind) {
            *found = Some(change);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    });
    Ok(read.await?.flatten())
}

/// The id with which a snapshot's line begins.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// Lines after which it is looked whether the one that is sought can still come.
const STRIDE: u64 = 256;

/// One record of a snapshot. The file is in the order of the table, so reading ends where the record would be.
pub async fn record<K: Kind>(
    objects: &impl ReadObjects,
    manifest: &Manifest,
    id: &SourceId,
) -> Result<Option<K::Source>, MirrorError> {
    const WHAT: &str = "a part of the snapshot";
    let is_empty = manifest.parts.get(K::TAG.name()).is_none_or(|part| part.records == 0);
    if is_empty {
        return Ok(None);
    }
    let json = serde_json::to_string(id).map_err(|e| MirrorError::corrupt("a record's id", e))?;
    let (begin, id) = (format!("{{\"id\":{json}"), id.clone());
    let key = keys::part(&manifest.district, &manifest.run, PartName::Records(K::TAG));
    let state = (0_u64, None::<K::Source>);
    let found = scan(objects, key, "read a part of the snapshot", state, move |(seen, found), line| {
        *seen += 1;
        if line.starts_with(begin.as_bytes()) {
            *found = Some(parse(line, WHAT)?);
            return Ok(ControlFlow::Break(()));
        }
        if !seen.is_multiple_of(STRIDE) {
            return Ok(ControlFlow::Continue(()));
        }
        let head: Head<'_> = serde_json::from_slice(line).map_err(|_| MirrorError::corrupt(WHAT, "a line does not parse"))?;
        let order = shard_of(&head.id).cmp(&id.shard()).then_with(|| key_order(&head.id, id.as_str()));
        Ok(if order.is_gt() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    let (_, record) = found.await?.ok_or(MirrorError::Missing { what: WHAT })?;
    Ok(record)
}

/// Whether a snapshot has a row that could not be read and is, or may be, this record.
pub async fn is_gap(objects: &impl ReadObjects, manifest: &Manifest, kind: Tag, id: &SourceId) -> Result<bool, MirrorError> {
    let is_empty = manifest.parts.get(PartName::Gaps.name()).is_none_or(|part| part.records == 0);
    if is_empty {
        return Ok(false);
    }
    let id = id.clone();
    let key = keys::part(&manifest.district, &manifest.run, PartName::Gaps);
    let found = scan(objects, key, "read what could not be read", false, move |found, line| {
        *found = match parse(line, "a part of the snapshot")? {
            Gap::Kind { kind: k } => k == kind,
            Gap::Record { kind: k, id: i, .. } => k == kind && i == id,
            Gap::Enrollment { .. } => false,
        };
        Ok(if *found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    Ok(found.await?.unwrap_or(false))
}
