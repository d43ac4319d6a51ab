//! Brings together what was read, once nothing more comes.

use std::thread;

use super::collected::{Collected, ImportOptions, person};
use super::diagnostics::{Abort, Diagnostics};
use super::emit::Assembled;
use super::gaps;
use super::ids::RecordStatus;
use super::index::Index;
use super::relationships;
use super::seats::{ByUser, Seats};
use super::values::to_day;

/// Brings together what was read and emits it: records, then gaps, then the findings that still
/// wait. Gives the number of seats.
pub(crate) fn stage(
    roster: Collected,
    options: &ImportOptions<'_>,
    diagnostics: &mut Diagnostics<'_>,
    told: impl FnMut(u64),
) -> Result<u64, Abort> {
    let data = assemble(roster, options, diagnostics);
    diagnostics.go_on()?;
    let enrollments = data.records(diagnostics, told)?;
    gaps::emit(&data, diagnostics)?;
    diagnostics.flush()?;
    Ok(enrollments)
}

/// Sorts, joins and limits to the configured schools.
fn assemble(
    mut roster: Collected,
    options: &ImportOptions<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Assembled {
    let (rows, named) =
        (std::mem::take(&mut roster.enrollments), std::mem::take(&mut roster.agents));
    let (users, classes, by_user) = thread::scope(|scope| {
        let users = scope.spawn(|| roster.users.ids.sorted(0..roster.users.len() as u32));
        let classes = roster.classes.ids.sorted(0..roster.classes.len() as u32);
        let by_user = ByUser::of(&rows, roster.users.len());
        (joined(users), classes, by_user)
    });
    let (in_table, seats, joined) = thread::scope(|scope| {
        let in_table = scope.spawn(|| roster.users.ids.table_sorted(&users));
        let seats = Seats::gather(
            &roster,
            rows,
            by_user,
            (&users, &classes),
            to_day(options.today),
            diagnostics,
        );
        let related = relationships::join(&roster, named, &users, diagnostics);
        (joined(in_table), seats, related)
    });
    let slots = roster.users.len();
    let mut untouched = std::mem::take(&mut roster.losses.students);
    untouched.sort_unstable();
    untouched.dedup();
    let mut data = Assembled {
        users: in_table,
        roles_of: Index::of(slots, roster.roles.iter().map(|role| role.user)),
        guardians_of: Index::of(slots, joined.guardians.iter().map(|pair| pair.0)),
        children_of: Index::of(slots, joined.children.iter().map(|pair| pair.0)),
        roster,
        relationships: joined,
        seats,
        untouched,
    };
    limit(&mut data);
    data
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Who is inside the configured scope (R-O3): people by their schools, guardians by their children
/// too. A bad row's schools are not known: it stays.
fn limit(data: &mut Assembled) {
    let slots = 0..data.roster.users.len() as u32;
    for user in slots.clone() {
        let is_inside = data.roster.scope.is_none()
            || data.roster.users.standing(user) == RecordStatus::Dropped
            || data.schools(user, person::ALL).iter().any(|&org| data.roster.in_scope(org));
        data.roster.users.record_mut(user).in_scope = is_inside;
    }
    if data.roster.scope.is_none() {
        return;
    }
    for user in slots {
        let children = &data.relationships.children[data.children_of.get(user)];
        if children.iter().any(|&(_, child)| {
            data.roster.users.record(child).in_scope && data.roster.users.is_present(child)
        }) {
            data.roster.users.record_mut(user).in_scope = true;
        }
    }
}
