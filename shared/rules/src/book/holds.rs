//! Holds: when a plan is too dangerous to apply without a person's decision (R-H1).
//!
//! Engine and undo count the effects of a plan; the functions here decide.

use roster::change::Counts;
use roster::id::SourceId;
use roster::outcome::Hold;
use roster::policy::Policy;

/// With fewer records than this in its scope, a guard trips only at all of them.
const FEW: u64 = 20;

/// What a guard watches: a kind of record in a school, or in the whole district.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// The kind, as [`roster::outcome::count_name`] returns it.
    pub(crate) kind: &'a str,
    /// The school; `None` for the district.
    pub(crate) school: Option<&'a SourceId>,
}

/// Returns the holds of the guards against too many removals and too many changes (R-H1, guard 1).
pub(crate) fn too_many(policy: &Policy, scope: Scope<'_>, counts: Counts) -> Vec<Hold> {
    let removed = ("removed", counts.removed, policy.hold_if_removed_percent);
    let changed = ("changed", counts.changed, policy.hold_if_changed_percent);
    let of = counts.in_mirror;
    [removed, changed]
        .into_iter()
        .filter(|(_, count, limit)| exceeds(*count, of, *limit))
        .map(|(effect, count, limit)| {
            let place = if scope.school.is_some() { "of the school" } else { "of the district" };
            let limit = if of < FEW {
                format!("a run must not affect all records if there are fewer than {FEW}")
            } else {
                format!("the limit is {limit} %")
            };
            let kind = scope.kind;
            hold(
                scope,
                counts,
                count,
                format!("{count} of {of} {kind} records {place} would be {effect}; {limit}"),
            )
        })
        .collect()
}

/// Returns the hold of the guard against a snapshot that lacks a kind that the mirror has (R-H1,
/// guard 2). `has_unreadable`: the snapshot has records of the kind that could not be read.
pub(crate) fn missing_kind(kind: &str, counts: Counts, has_unreadable: bool) -> Option<Hold> {
    if counts.in_source > 0 || counts.in_mirror == 0 || has_unreadable {
        return None;
    }
    let what = format!("the source has no {kind} records; the mirror has {}", counts.in_mirror);
    Some(hold(Scope { kind, school: None }, counts, counts.in_mirror, what))
}

fn exceeds(count: u64, of: u64, percent: f64) -> bool {
    if of < FEW { count > 0 && count == of } else { count as f64 * 100.0 > of as f64 * percent }
}

fn hold(scope: Scope<'_>, counts: Counts, count: u64, what: String) -> Hold {
    let school = scope.school.cloned();
    Hold { kind: scope.kind.to_owned(), school, what, count, of: counts.in_mirror }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn holds(removed: u64, changed: u64, of: u64) -> usize {
        let policy = Policy::from_preset("sis", &Map::new()).unwrap();
        let counts = Counts { removed, changed, in_mirror: of, ..Counts::default() };
        too_many(&policy, Scope { kind: "student", school: None }, counts).len()
    }

    #[test]
    fn r_h1_a_guard_trips_above_its_percentage() {
        assert_eq!((holds(10, 75, 100), holds(11, 75, 100), holds(11, 76, 100)), (0, 1, 2));
    }

    #[test]
    fn r_h1_with_fewer_than_twenty_records_a_guard_trips_only_at_all_of_them() {
        assert_eq!((holds(18, 0, 19), holds(19, 0, 19), holds(0, 0, 0)), (0, 1, 0));
        assert_eq!(holds(19, 0, 20), 1);
    }
}
