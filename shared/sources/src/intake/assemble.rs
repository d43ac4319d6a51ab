//! Joins and sorts the roster after everything was read.

use std::thread;

use super::collected::{Collected, ImportOptions, person};
use super::diagnostics::{Abort, Diagnostics};
use super::emit::Assembled;
use super::ids::RecordStatus;
use super::index::Index;
use super::memberships::{ByUser, Memberships};
use super::relationships;
use super::unreadable;
use super::values::to_day;

/// Joins and sorts the roster and emits it: records, then unreadable records, then the findings
/// not yet written. Returns the number of enrollments. `progress` receives the number of lines.
pub(crate) fn stage(
    roster: Collected,
    options: &ImportOptions<'_>,
    diagnostics: &mut Diagnostics<'_>,
    progress: impl FnMut(u64),
) -> Result<u64, Abort> {
    let data = assemble(roster, options, diagnostics);
    diagnostics.go_on()?;
    let enrollments = data.records(diagnostics, progress)?;
    unreadable::emit(&data, diagnostics)?;
    diagnostics.flush()?;
    Ok(enrollments)
}

/// Sorts and joins the roster, and applies the scope of configured schools.
fn assemble(
    mut roster: Collected,
    options: &ImportOptions<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Assembled {
    let (rows, named) =
        (std::mem::take(&mut roster.enrollments), std::mem::take(&mut roster.agents));
    let mut missing = std::mem::take(&mut roster.missing);
    let (users, classes, by_user) = thread::scope(|scope| {
        let users = scope.spawn(|| roster.users.ids.sorted(0..roster.users.len() as u32));
        let classes = roster.classes.ids.sorted(0..roster.classes.len() as u32);
        let by_user = ByUser::of(&rows, roster.users.len());
        (joined(users), classes, by_user)
    });
    let (in_table, memberships, related) = thread::scope(|scope| {
        let in_table = scope.spawn(|| roster.users.ids.table_sorted(&users));
        let memberships = Memberships::gather(
            &roster,
            rows,
            by_user,
            (&users, &classes),
            to_day(options.today),
            diagnostics,
        );
        let related = relationships::join(&roster, named, &users, &mut missing, diagnostics);
        (joined(in_table), memberships, related)
    });
    for &(user, kind) in &related.absent {
        roster.users.record_mut(user).enrolled |= kind;
    }
    missing.report(&roster, diagnostics);
    related.note_one_way(&roster, diagnostics);
    let slots = roster.users.len();
    let mut lost_demographics = std::mem::take(&mut roster.losses.students);
    lost_demographics.sort_unstable();
    lost_demographics.dedup();
    let mut data = Assembled {
        users: in_table,
        roles_of: Index::of(slots, roster.roles.iter().map(|role| role.user)),
        guardians_of: Index::of(slots, related.guardians.iter().map(|pair| pair.0)),
        children_of: Index::of(slots, related.children.iter().map(|pair| pair.0)),
        roster,
        relationships: related,
        memberships,
        lost_demographics,
    };
    apply_scope(&mut data);
    data
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Marks the people within the configured schools (R-O3): by their own schools, guardians also by
/// their children's. The schools of a bad row are unknown, so it stays in scope.
fn apply_scope(data: &mut Assembled) {
    let slots = 0..data.roster.users.len() as u32;
    for user in slots.clone() {
        let is_in_scope = data.roster.scope.is_none()
            || match data.roster.users.status(user) {
                RecordStatus::Dropped => true,
                RecordStatus::Absent => data.is_named_in_scope(user),
                _ => data.schools(user, person::ALL).iter().any(|&org| data.roster.in_scope(org)),
            };
        data.roster.users.record_mut(user).in_scope = is_in_scope;
    }
    if data.roster.scope.is_none() {
        return;
    }
    for user in slots {
        if data.children(user).iter().any(|&(_, child)| {
            data.roster.users.record(child).in_scope && data.roster.users.is_present(child)
        }) {
            data.roster.users.record_mut(user).in_scope = true;
        }
    }
}
