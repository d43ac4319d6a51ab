//! Lists of keys in records.

use super::hashes::IdSet;
use roster::id::SourceId;
use roster::records::Person;

/// Returns the list without the keys that do not stay; `None` if all stay, so that nothing is
/// copied for an unchanged record.
pub(super) fn without(list: &[SourceId], stays: impl Fn(u64) -> bool) -> Option<Vec<SourceId>> {
    if list.iter().all(|key| stays(key.hash64())) {
        return None;
    }
    Some(list.iter().filter(|key| stays(key.hash64())).cloned().collect())
}

/// Sorts a list and removes duplicates.
pub(super) fn sorted(mut list: Vec<SourceId>) -> Vec<SourceId> {
    list.sort_unstable();
    list.dedup();
    list
}

/// Adds the keys of a list that stay.
pub(super) fn extend_if(into: &mut Vec<SourceId>, list: &[SourceId], stays: impl Fn(u64) -> bool) {
    into.extend(list.iter().filter(|key| stays(key.hash64())).cloned());
}

/// Counts the keys of `from` that are not in `list`; both are sorted.
pub(super) fn missing(from: &[SourceId], list: &[SourceId]) -> usize {
    from.iter().filter(|key| list.binary_search(key).is_err()).count()
}

/// Returns the hashes of a list.
pub(super) fn hashes(list: &[SourceId]) -> IdSet {
    list.iter().map(SourceId::hash64).collect()
}

/// Describes how many keys a list gained and lost.
pub(super) fn difference(name: &str, before: &[SourceId], after: &[SourceId]) -> String {
    let (old, new) = (hashes(before), hashes(after));
    let added = new.iter().filter(|key| !old.contains(*key)).count();
    let removed = old.iter().filter(|key| !new.contains(*key)).count();
    match (added, removed) {
        (0, 0) => format!("{name} in another order"),
        (added, 0) => format!("{name} +{added}"),
        (0, removed) => format!("{name} -{removed}"),
        (added, removed) => format!("{name} +{added} -{removed}"),
    }
}

/// Returns the names of the fields in which two versions of a person differ.
pub(super) fn person_fields(before: &Person, after: &Person) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut compare = |name, same: bool| {
        if !same {
            fields.push(name);
        }
    };
    compare("given name", before.given == after.given);
    compare("family name", before.family == after.family);
    compare("middle name", before.middle == after.middle);
    compare("preferred given name", before.preferred_given == after.preferred_given);
    compare("preferred family name", before.preferred_family == after.preferred_family);
    compare("e-mail", before.email == after.email);
    compare("phone", before.phone == after.phone);
    compare("sms", before.sms == after.sms);
    compare("username", before.username == after.username);
    compare("number", before.number == after.number);
    compare("state id", before.state_id == after.state_id);
    compare("SIS id", before.sis_id == after.sis_id);
    compare("schools", before.schools == after.schools);
    compare("enabled", before.disabled == after.disabled);
    fields
}
