//! The steps that the next states of several kinds have in common.

use crate::engine::guard::Became;
use crate::engine::lists;
use crate::engine::output::{Output, Why};
use jiff::civil::Date;
use roster::contract::PlanSink;
use roster::id::{AccountId, RunId, SourceId};
use roster::records::{Kind, Mirrored, Origin, Person, RecordKind, Status};
use roster::rule::Rule;

/// Makes the record of a new source record.
pub(super) fn new_record<K: Kind>(
    key: SourceId,
    id: SourceId,
    account: Option<AccountId>,
    state: K::State,
    run: RunId,
) -> Mirrored<K> {
    Mirrored {
        key,
        id,
        account,
        status: Status::Active,
        origin: Origin::Source,
        state,
        first_seen: run.clone(),
        changed_by: run,
        archived_on: None,
    }
}

/// Makes the next state of a mirror record that the source has. A record made by hand becomes the
/// source's.
pub(super) fn still_here<K: Kind>(
    item: &Mirrored<K>,
    id: SourceId,
    account: Option<AccountId>,
    state: K::State,
) -> Mirrored<K> {
    Mirrored {
        key: item.key.clone(),
        id,
        account,
        status: Status::Active,
        origin: Origin::Source,
        state,
        first_seen: item.first_seen.clone(),
        changed_by: item.changed_by.clone(),
        archived_on: None,
    }
}

/// Archives a record, unless it is archived already.
pub(super) fn archive<K: Kind>(item: &mut Mirrored<K>, today: Date) {
    if item.status == Status::Active {
        item.status = Status::Archived;
        item.archived_on = Some(today);
    }
}

/// Derives the account of a new person (R-I1).
pub(super) fn new_account<S: PlanSink>(
    output: &Output<'_, S>,
    kind: RecordKind,
    key: &SourceId,
) -> AccountId {
    AccountId::derive(output.context.district, kind.name(), key)
}

/// Counts a person of the mirror whom the source has, and gives the reason for a return (R-A4).
pub(super) fn was_here<S: PlanSink>(
    output: &mut Output<'_, S>,
    why: &mut Why,
    kind: RecordKind,
    (status, schools): (Status, &[SourceId]),
    became: Became,
) {
    if status == Status::Active {
        output.tally.was_active(kind, schools, became, false);
    } else {
        why.add(Rule::A4, format!("the source has this {kind} again"));
    }
}

/// Gives the reasons for changes of a person's id and data.
pub(super) fn explain_person(
    why: &mut Why,
    (id_before, before): (&SourceId, &Person),
    (id_after, after): (&SourceId, &Person),
) {
    if id_before != id_after {
        why.add(Rule::I2, "source id");
    }
    let fields = lists::person_fields(before, after);
    if !fields.is_empty() {
        why.add(Rule::M1, fields.join(", "));
    }
}

/// Gives the reason for a change of a person's classes.
pub(super) fn explain_classes(why: &mut Why, before: &[SourceId], after: &[SourceId]) {
    if before != after {
        why.add(Rule::M1, lists::difference("classes", before, after));
    }
}

/// Gives the reason for a change of the mark that an e-mail address is shared (R-I5).
pub(super) fn explain_shared_email(why: &mut Why, before: bool, after: bool) {
    if before != after {
        why.add(Rule::I5, "shared e-mail");
    }
}
