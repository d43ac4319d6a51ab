//! Reservations of e-mail addresses that local edits set (R-I5).
//!
//! An address that a contact or a temporary sign-in e-mail sets belongs to one person of the
//! district. An item of its own names that person; it is written and deleted in the transaction of
//! the edit. It holds the versions of the person's edits that set the address, so that the address
//! is free after the last of them is gone. Addresses in the source are not reserved: the index by
//! e-mail finds them.

use std::collections::BTreeMap;

use roster::edit::{EditVersion, LocalEdit};
use roster::id::{DistrictId, SourceId};
use roster::personal::Personal;
use roster::records::RecordKind;
use serde::{Deserialize, Serialize};

use crate::MirrorError;
use crate::keys;
use crate::ports::items::{PutItem, Write};
use crate::ports::transact::{Check, Mark, Step, Transact};

const WHAT: &str = "a reserved e-mail address";

/// The body of a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reservation {
    kind: RecordKind,
    key: SourceId,
    /// The edits that set the address: the version by slot.
    slots: BTreeMap<String, EditVersion>,
}

impl Reservation {
    fn belongs_to(&self, edit: &LocalEdit) -> bool {
        self.kind == edit.kind && self.key == edit.key
    }
}

/// The result of [`steps`].
pub(super) enum Reserving {
    /// The steps that go into the transaction of the edit.
    Steps(Vec<Step>),
    /// Another person has the address.
    Taken,
}

async fn read<T: Transact>(
    items: &T,
    district: &DistrictId,
    address: &Personal,
) -> Result<Option<(String, Reservation)>, MirrorError> {
    let Some(body) = items.body(&keys::district_pk(district), &keys::address_sk(address)).await?
    else {
        return Ok(None);
    };
    let reservation = serde_json::from_str(&body);
    let reservation = reservation.map_err(|_| MirrorError::corrupt(WHAT, "it does not parse"))?;
    Ok(Some((body, reservation)))
}

/// Returns the person who has an address by a local edit. The read is consistent.
pub(super) async fn holder<T: Transact>(
    items: &T,
    district: &DistrictId,
    address: &Personal,
) -> Result<Option<(RecordKind, SourceId)>, MirrorError> {
    let found = read(items, district, address).await?;
    Ok(found.map(|(_, reservation)| (reservation.kind, reservation.key)))
}

/// Returns the steps that reserve the address of `after` and release that of `before`, two versions
/// of one edit. Each step is conditional on the reservation that was read here.
pub(super) async fn steps<T: Transact>(
    items: &T,
    district: &DistrictId,
    before: Option<&LocalEdit>,
    after: Option<&LocalEdit>,
) -> Result<Reserving, MirrorError> {
    let with_address = |edit: Option<&'_ LocalEdit>| -> Option<(LocalEdit, Personal)> {
        let edit = edit?;
        Some((edit.clone(), edit.edit.sign_in_address()?.clone()))
    };
    let (before, after) = (with_address(before), with_address(after));
    let mut steps = Vec::new();
    let is_kept = |address: &Personal| after.as_ref().is_some_and(|(_, new)| new == address);
    if let Some((edit, address)) = before.filter(|(_, address)| !is_kept(address)) {
        steps.extend(release(items, district, &edit, &address).await?);
    }
    if let Some((edit, address)) = &after {
        let seen = read(items, district, address).await?;
        let mut next = match &seen {
            None => Reservation { kind: edit.kind, key: edit.key.clone(), slots: BTreeMap::new() },
            Some((_, known)) if known.belongs_to(edit) => known.clone(),
            Some(_) => return Ok(Reserving::Taken),
        };
        next.slots.insert(edit.edit.slot(), edit.version.clone());
        steps.push(put(district, address, seen.map(|(body, _)| body), &next)?);
    }
    Ok(Reserving::Steps(steps))
}

/// Returns the step that removes an edit from the reservation of its address. `None` if it is not
/// there: released already, or the edit is older than reservations are.
async fn release<T: Transact>(
    items: &T,
    district: &DistrictId,
    edit: &LocalEdit,
    address: &Personal,
) -> Result<Option<Step>, MirrorError> {
    let Some((body, mut left)) = read(items, district, address).await? else { return Ok(None) };
    let slot = edit.edit.slot();
    if !left.belongs_to(edit) || left.slots.get(&slot) != Some(&edit.version) {
        return Ok(None);
    }
    left.slots.remove(&slot);
    if !left.slots.is_empty() {
        return put(district, address, Some(body), &left).map(Some);
    }
    let (pk, sk) = (keys::district_pk(district), keys::address_sk(address));
    let check = Check { absent: true, mark: Mark::Body, among: vec![body] };
    Ok(Some(Step { write: Write::Delete { pk, sk }, check: Some(check) }))
}

fn put(
    district: &DistrictId,
    address: &Personal,
    seen: Option<String>,
    reservation: &Reservation,
) -> Result<Step, MirrorError> {
    let body = serde_json::to_string(reservation).map_err(|e| MirrorError::corrupt(WHAT, e))?;
    let absent = seen.is_none();
    let among = seen.into_iter().chain([body.clone()]).collect();
    let (pk, sk) = (keys::district_pk(district), keys::address_sk(address));
    let write = Write::Put(PutItem { pk, sk, body, ..PutItem::default() });
    Ok(Step { write, check: Some(Check { absent, mark: Mark::Body, among }) })
}
