//! Local edits of mirrored records, manual records and identity links.
//!
//! roster-api creates and changes them at any time; reconcile removes edits and writes links. Every write is
//! conditional on the version that its writer has read, so neither overwrites the other's changes
//! (invariant 12).

use std::future::Future;
use std::time::Duration;

use roster::edit::{Edit, LocalEdit};
use roster::id::{DistrictId, SourceId};
use roster::personal::Personal;
use roster::records::{AnyMirrored, Link, Origin, RecordKind};

use crate::MirrorError;
use crate::files::copy::read_record;
use crate::item;
use crate::keys;
use crate::ops::addresses::{self, Reserving};
use crate::ports::items::{BATCH, PutItem, Range, ReadItems, Write, WriteItems};
use crate::ports::transact::{Check, End, Mark, Step, Transact, Transacted};

const WHAT: &str = "a local edit";
const CODE: &str = "a join code";
const MANUAL: &str = "a manual record";

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Edited {
    /// How the write ended.
    pub ending: Ending,
    /// Items written or deleted.
    pub items: u64,
    /// Write units consumed.
    pub units: f64,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Done, now or earlier by the same write.
    Done,
    /// Nothing was written: the stored version differs from the one that was read, is missing, or
    /// exists although none was read.
    Changed,
    /// Nothing was written: another class has the join code.
    CodeTaken,
    /// Nothing was written: another person has the e-mail address by a local edit (R-I5).
    AddressTaken,
    /// Nothing was written: the table is busy. A retry may succeed.
    Busy,
}

/// Writes local edits and manual records.
///
/// An edit that concerns a second record ([`Edit::other`]) has a twin item with that record, a join
/// code has an item by which its class is found, and an e-mail address has one that reserves it
/// (R-I5). All are written and deleted together with the edit, in one transaction. The writer gives
/// each edit a version that no edit had before. A counter is not enough, because an edit that was
/// deleted and created again must differ from the first.
pub trait Edits: Transact + ReadItems + WriteItems {
    /// Replaces the edit of version `seen`; with `None`, creates an edit in an empty slot.
    fn put_edit(
        &self,
        district: &DistrictId,
        edit: &LocalEdit,
        seen: Option<&LocalEdit>,
    ) -> impl Future<Output = Result<Edited, MirrorError>> + Send {
        async move { write(self, district, put_steps(district, edit, seen)?, (seen, Some(edit))).await }
    }

    /// Deletes an edit if it still has this version. A missing edit is [`Ending::Done`].
    fn take_edit(
        &self,
        district: &DistrictId,
        edit: &LocalEdit,
    ) -> impl Future<Output = Result<Edited, MirrorError>> + Send {
        async move { write(self, district, take_steps(district, edit)?, (Some(edit), None)).await }
    }

    /// Replaces the manual record with the hash `seen` ([`item::body_hash`] of the body that was
    /// read); with `None`, creates one. An archived record is replaced like any other.
    fn put_manual(
        &self,
        district: &DistrictId,
        record: &AnyMirrored,
        seen: Option<&str>,
    ) -> impl Future<Output = Result<Edited, MirrorError>> + Send {
        async move {
            if record.origin() != Some(Origin::Manual) {
                return Err(MirrorError::corrupt(MANUAL, "it belongs to the source"));
            }
            put_where(self, district, record, seen).await
        }
    }

    /// Returns the person who has an e-mail address by a local edit, active or archived.
    fn holder_of_address(
        &self,
        district: &DistrictId,
        address: &Personal,
    ) -> impl Future<Output = Result<Option<(RecordKind, SourceId)>, MirrorError>> + Send {
        addresses::holder(self, district, address)
    }

    /// Returns the class of a join code.
    fn class_of_code(
        &self,
        district: &DistrictId,
        code: &Personal,
    ) -> impl Future<Output = Result<Option<SourceId>, MirrorError>> + Send {
        async move {
            let Some(body) = self.body(&keys::district_pk(district), &keys::code_sk(code)).await?
            else {
                return Ok(None);
            };
            serde_json::from_str(&body)
                .map(Some)
                .map_err(|_| MirrorError::corrupt(CODE, "it does not parse"))
        }
    }
}

impl<T: Transact + ReadItems + WriteItems> Edits for T {}

/// How often a transaction is repeated whose reservation of an address another writer has changed.
const ADDRESS_TRIES: u32 = 4;

/// Writes an edit with the items that belong to it. `before` and `after` are its two versions.
async fn write<T: Transact>(
    items: &T,
    district: &DistrictId,
    steps: Vec<Step>,
    (before, after): (Option<&LocalEdit>, Option<&LocalEdit>),
) -> Result<Edited, MirrorError> {
    let mut units = 0.0;
    for _ in 0..ADDRESS_TRIES {
        let mut steps = steps.clone();
        let first_address = steps.len();
        match addresses::steps(items, district, before, after).await? {
            Reserving::Steps(more) => steps.extend(more),
            Reserving::Taken => {
                return Ok(Edited { ending: Ending::AddressTaken, items: 0, units });
            }
        }
        let count = steps.len() as u64;
        let transacted = items.transact(steps).await?;
        units += transacted.units;
        match transacted.end {
            // Another writer was faster: whose the address is now decides.
            End::Refused { step } if step >= first_address => {}
            _ => return Ok(Edited { units, ..edited(transacted, count) }),
        }
    }
    Ok(Edited { ending: Ending::Busy, items: 0, units })
}

/// Writes a record with all pieces if the stored one has the hash `seen`, or, with `None`, if no
/// record is stored.
pub(crate) async fn put_where<T: Transact + ReadItems + WriteItems>(
    items: &T,
    district: &DistrictId,
    record: &AnyMirrored,
    seen: Option<&str>,
) -> Result<Edited, MirrorError> {
    let missing = || MirrorError::corrupt(MANUAL, "it has no item to write");
    let writes = item::writes(district, None, Some(record))?.ok_or_else(missing)?;
    let Write::Put(PutItem { pk, sk, hash: Some(hash), .. }) = &writes.item else {
        return Err(missing());
    };
    let (pk, sk, hash) = (pk.clone(), sk.clone(), hash.clone());
    let pieces = writes.before.len() as u64;
    // The further pieces of a long body have its hash in their keys, so a reader of the old body
    // does not read them.
    let (all, spent) = write_all(items, writes.before).await?;
    if !all {
        return Ok(Edited { ending: Ending::Busy, items: 0, units: spent });
    }
    let among = seen.map(str::to_owned).into_iter().chain([hash.clone()]).collect();
    let check = Check { absent: seen.is_none(), mark: Mark::Hash, among };
    let put = edited(
        items.transact(vec![Step { write: writes.item, check: Some(check) }]).await?,
        1 + pieces,
    );
    let mut done = Edited { units: put.units + spent, ..put };
    if let Some(seen) = seen.filter(|seen| done.ending == Ending::Done && *seen != hash) {
        let begin = keys::pieces_prefix(&sk, item::short(seen));
        let gone = sort_keys(items, district, record.key().shard(), &begin).await?;
        done.items += gone.len() as u64;
        let gone = gone.into_iter().map(|sk| Write::Delete { pk: pk.clone(), sk }).collect();
        // If capacity runs out, the remaining old pieces stay. Every reader skips them.
        done.units += write_all(items, gone).await?.1;
    }
    Ok(done)
}

/// Writes a manual record if the stored one equals `before`, even if its JSON differs, or, with
/// `None`, if no record is stored.
pub(crate) async fn put_over<T: Transact + ReadItems + WriteItems>(
    items: &T,
    district: &DistrictId,
    before: Option<&AnyMirrored>,
    after: &AnyMirrored,
) -> Result<Edited, MirrorError> {
    let mut seen = before.map(|record| item::record_hash(district, record)).transpose()?.flatten();
    let mut spent = 0.0;
    loop {
        let put = put_where(items, district, after, seen.as_deref()).await?;
        spent += put.units;
        let done = Edited { units: spent, ..put };
        if put.ending != Ending::Changed {
            return Ok(done);
        }
        // An older version of this program may have written the same record with different JSON.
        let Some(body) = read_record(items, district, after.kind(), after.key()).await? else {
            return Ok(done);
        };
        let there = item::parse(after.kind(), &body)?;
        let hash = Some(item::body_hash(&body));
        if there == *after {
            return Ok(Edited { ending: Ending::Done, ..done });
        }
        if Some(&there) != before || hash == seen {
            return Ok(done);
        }
        seen = hash;
    }
}

/// Writes or removes an identity link if the stored one equals `before`; with `None`, if there is
/// none.
pub(crate) async fn put_link(
    items: &impl Transact,
    district: &DistrictId,
    before: Option<&Link>,
    after: Option<&Link>,
) -> Result<Edited, MirrorError> {
    let item_of = |link: &Link| item::link_item(district, link);
    let (old, new) = (before.map(item_of).transpose()?, after.map(item_of).transpose()?);
    // A link that is already as it should be is done: the write may be repeated after a crash.
    let among = old.iter().chain(&new).filter_map(|item| item.hash.clone()).collect();
    let absent = old.is_none() || new.is_none();
    let write = match (old, new) {
        (_, Some(new)) => Write::Put(new),
        (Some(old), None) => Write::Delete { pk: old.pk, sk: old.sk },
        (None, None) => return Ok(Edited { ending: Ending::Done, items: 0, units: 0.0 }),
    };
    let check = Check { absent, mark: Mark::Hash, among };
    Ok(edited(items.transact(vec![Step { write, check: Some(check) }]).await?, 1))
}

/// The maximum number of attempts for unprocessed writes, and the maximum first wait.
const TRIES: u32 = 4;
const WAIT: Duration = Duration::from_millis(50);

/// Writes in any order and without conditions. Returns false if some writes were not done.
async fn write_all(
    items: &impl WriteItems,
    mut writes: Vec<Write>,
) -> Result<(bool, f64), MirrorError> {
    let (mut units, mut tries) = (0.0, 0);
    while !writes.is_empty() {
        let mut left = Vec::new();
        // A piece has up to 350 KB, so a batch of 25 stays below the limit of a call.
        for batch in writes.chunks(BATCH) {
            let written = items.write(batch.to_vec()).await?;
            units += written.units;
            left.extend(written.left);
        }
        if !left.is_empty() {
            tries += 1;
            if tries == TRIES {
                return Ok((false, units));
            }
            tokio::time::sleep((WAIT * 2_u32.pow(tries)).mul_f64(fastrand::f64())).await;
        }
        writes = left;
    }
    Ok((true, units))
}

/// Returns the sort keys of a shard that begin with a text.
async fn sort_keys(
    items: &impl ReadItems,
    district: &DistrictId,
    shard: u8,
    begin: &str,
) -> Result<Vec<String>, MirrorError> {
    let (mut keys, mut after) = (Vec::new(), None::<String>);
    loop {
        let page =
            items.page(district, shard, Range::BeginningWith(begin), after.as_deref()).await?;
        keys.extend(page.items.into_iter().map(|item| item.sk));
        after = page.next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}

fn edited(transacted: Transacted, items: u64) -> Edited {
    let ending = match transacted.end {
        End::Done => Ending::Done,
        End::Refused { step: 0 } => Ending::Changed,
        // Of the items that accompany an edit, only the join code's has a condition.
        End::Refused { .. } => Ending::CodeTaken,
        End::Throttled => Ending::Busy,
    };
    Edited {
        ending,
        items: if ending == Ending::Done { items } else { 0 },
        units: transacted.units,
    }
}

/// Returns the item of an edit.
fn item_of(district: &DistrictId, edit: &LocalEdit) -> Result<PutItem, MirrorError> {
    Ok(PutItem {
        pk: keys::shard_pk(district, edit.key.shard()),
        sk: keys::edit_sk(edit.kind, &edit.key, &edit.edit.slot()),
        body: json(edit, WHAT)?,
        version: Some(edit.version.as_str().to_owned()),
        ..PutItem::default()
    })
}

/// Returns the item that accompanies an edit: its twin, or the item by which a join code is found.
fn companion(
    district: &DistrictId,
    edit: &LocalEdit,
    item: &PutItem,
) -> Result<Option<PutItem>, MirrorError> {
    if let Edit::JoinCode { code } = &edit.edit {
        let (pk, sk) = (keys::district_pk(district), keys::code_sk(code));
        return Ok(Some(PutItem { pk, sk, body: json(&edit.key, CODE)?, ..PutItem::default() }));
    }
    let Some((kind, key)) = edit.edit.other() else { return Ok(None) };
    let pk = keys::shard_pk(district, key.shard());
    let sk = keys::twin_sk(kind, key, edit.kind, &edit.key, &edit.edit.slot());
    Ok(Some(PutItem { pk, sk, ..item.clone() }))
}

/// A join code belongs to one class. A twin is overwritten without a condition.
fn companion_check(edit: &LocalEdit, item: &PutItem) -> Option<Check> {
    let is_code = matches!(edit.edit, Edit::JoinCode { .. });
    is_code.then(|| Check { absent: true, mark: Mark::Body, among: vec![item.body.clone()] })
}

fn put_steps(
    district: &DistrictId,
    edit: &LocalEdit,
    seen: Option<&LocalEdit>,
) -> Result<Vec<Step>, MirrorError> {
    let item = item_of(district, edit)?;
    let mut old = None;
    if let Some(seen) = seen {
        let old_item = item_of(district, seen)?;
        if (&old_item.pk, &old_item.sk) != (&item.pk, &item.sk) {
            return Err(MirrorError::corrupt(WHAT, "it would replace the edit of another slot"));
        }
        old = companion(district, seen, &old_item)?.map(|companion| (seen, companion));
    }
    let companion = companion(district, edit, &item)?;
    let versions = seen.into_iter().chain([edit]).map(|edit| edit.version.as_str().to_owned());
    let check = Check { absent: seen.is_none(), mark: Mark::Version, among: versions.collect() };
    let mut steps = vec![Step { write: Write::Put(item), check: Some(check) }];
    let is_same = |a: &PutItem, b: &PutItem| a.pk == b.pk && a.sk == b.sk;
    if let Some((seen, old)) =
        old.filter(|(_, old)| !companion.as_ref().is_some_and(|new| is_same(old, new)))
    {
        steps.push(Step {
            check: companion_check(seen, &old),
            write: Write::Delete { pk: old.pk, sk: old.sk },
        });
    }
    if let Some(companion) = companion {
        steps.push(Step { check: companion_check(edit, &companion), write: Write::Put(companion) });
    }
    Ok(steps)
}

fn take_steps(district: &DistrictId, edit: &LocalEdit) -> Result<Vec<Step>, MirrorError> {
    let item = item_of(district, edit)?;
    let companion = companion(district, edit, &item)?;
    let check =
        Check { absent: true, mark: Mark::Version, among: vec![edit.version.as_str().to_owned()] };
    let mut steps =
        vec![Step { write: Write::Delete { pk: item.pk, sk: item.sk }, check: Some(check) }];
    if let Some(companion) = companion {
        let check = companion_check(edit, &companion);
        steps.push(Step { write: Write::Delete { pk: companion.pk, sk: companion.sk }, check });
    }
    Ok(steps)
}

fn json<T: serde::Serialize>(value: &T, what: &'static str) -> Result<String, MirrorError> {
    serde_json::to_string(value).map_err(|e| MirrorError::corrupt(what, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::MemoryTable;
    use roster::id::RunId;
    use roster::records::{Mirrored, RecordKind, School, Status, kinds};

    fn school(name: &str, origin: Origin) -> AnyMirrored {
        AnyMirrored::School(Mirrored::<kinds::Schools> {
            key: "s1".into(),
            id: "s1".into(),
            account: None,
            status: Status::Active,
            origin,
            state: School { id: "s1".into(), name: name.into(), identifier: None, parent: None },
            first_seen: RunId::from("r1"),
            changed_by: RunId::from("r1"),
            archived_on: None,
        })
    }

    #[tokio::test]
    async fn a_record_written_with_different_json_by_an_older_version_is_equal() {
        let (table, oak) = (MemoryTable::default(), DistrictId::new("oak"));
        let (before, after) = (school("Oak", Origin::Source), school("Oak", Origin::Manual));
        let Some(writes) = item::writes(&oak, None, Some(&before)).unwrap() else {
            panic!("a record is written")
        };
        let Write::Put(mut old) = writes.item else { panic!("a record is put") };
        old.body = old.body.replacen(
            "\"status\":\"active\",",
            "\"status\": \"active\", \"forgotten\": [],",
            1,
        );
        old.hash = Some(item::body_hash(&old.body));
        assert!(table.write(vec![Write::Put(old)]).await.unwrap().left.is_empty());
        let there = async || {
            let body =
                read_record(&table, &oak, RecordKind::School, &"s1".into()).await.unwrap().unwrap();
            item::parse(RecordKind::School, &body).unwrap()
        };
        // A record that differs from the one that was read stays unchanged.
        let other = school("Elm", Origin::Source);
        assert_eq!(
            put_over(&table, &oak, Some(&other), &after).await.unwrap().ending,
            Ending::Changed
        );
        assert_eq!(there().await, before);
        assert_eq!(
            put_over(&table, &oak, Some(&before), &after).await.unwrap().ending,
            Ending::Done
        );
        assert_eq!(there().await, after);
        // Repeated after a crash: the record is already written.
        assert_eq!(
            put_over(&table, &oak, Some(&before), &after).await.unwrap().ending,
            Ending::Done
        );
        assert_eq!(put_over(&table, &oak, None, &other).await.unwrap().ending, Ending::Changed);
    }
}
