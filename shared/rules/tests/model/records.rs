//! The records of the model after a run.

use roster::id::{AccountId, RunId, SourceId};
use roster::records::{Kind, Mirrored, Origin, Status};

/// Makes the record of a person or a class that the source has.
pub(super) fn here<K: Kind>(
    id: &SourceId,
    past: Option<Mirrored<K>>,
    account: Option<AccountId>,
    state: K::State,
    run: &RunId,
) -> Mirrored<K> {
    Mirrored {
        key: id.clone(),
        id: id.clone(),
        account,
        status: Status::Active,
        origin: Origin::Source,
        state,
        first_seen: past.map_or_else(|| run.clone(), |item| item.first_seen),
        changed_by: run.clone(),
        archived_on: None,
    }
}

/// Makes the record of a person who is not in the rosters.
pub(super) fn gone<K: Kind>(
    past: Option<Mirrored<K>>,
    state: K::State,
    today: jiff::civil::Date,
) -> Mirrored<K> {
    let past = past.unwrap();
    let archived_on = past.archived_on.or(Some(today));
    Mirrored { status: Status::Archived, archived_on, state, ..past }
}
