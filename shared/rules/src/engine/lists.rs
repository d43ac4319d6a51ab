//! Lists of keys inside records: who stays in them.

use super::hashes::IdSet;
use roster::id::SourceId;
use roster::records::Person;

/// The list without those who do not stay; none where all stay, so that nothing is copied for a
/// record that is as it was.
pub(super) fn without(list: &[SourceId], stays: impl Fn(u64) -> bool) -> Option<Vec<SourceId>> {
    if list.iter().all(|key| stays(key.hash64())) {
        return None;
    }
    Some(list.iter().filter(|key| stays(key.hash64())).cloned().collect())
}

/// Sorted, each once.
pub(super) fn sorted(mut list: Vec<SourceId>) -> Vec<SourceId> {
    list.sort_unstable();
    list.dedup();
    list
}

/// Adds those of a list who stay.
pub(super) fn add_those(into: &mut Vec<SourceId>, list: &[SourceId], stays: impl Fn(u64) -> bool) {
    into.extend(list.iter().filter(|key| stays(key.hash64())).cloned());
}

/// How many of the first list are not in the second; both are sorted.
pub(super) fn missing(from: &[SourceId], list: &[SourceId]) -> usize {
    from.iter().filter(|key| list.binary_search(key).is_err()).count()
}

/// Hashes of a list.
pub(super) fn hashes(list: &[SourceId]) -> IdSet {
    list.iter().map(SourceId::hash64).collect()
}

/// What a list gained and lost, in words.
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

/// Names of the fields in which two people's data differ.
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
