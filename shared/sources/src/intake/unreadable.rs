//! Gaps: what was sent and could not be read, so that it is left as the mirror has it (R-H3).

use roster::records::{Membership, RecordKind};
use roster::snapshot::{PartName, UnreadableRecord};

use super::collected::{Collected, person};
use super::diagnostics::{Abort, Diagnostics, id_of, write_fault};
use super::emit::{Assembled, PEOPLE};
use super::ids::{Ids, NONE, RecordStatus};
use super::values::{Day, NO_DAY, to_date};

/// Schools that are referred to and were not sent (readings, R-A6).
pub(crate) fn missing_schools(roster: &Collected) -> impl Iterator<Item = u32> + '_ {
    (0..roster.orgs.len() as u32).filter(|&slot| {
        roster.orgs.standing(slot) == RecordStatus::Absent && roster.orgs.record(slot).wanted
    })
}

/// Emits all gaps.
pub(super) fn emit(data: &Assembled, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
    let roster = &data.roster;
    let mut send = |gap: &UnreadableRecord| {
        let line = serde_json::to_vec(gap).map_err(|error| write_fault(error.into()))?;
        diagnostics.sink().line(PartName::Gaps, &line).map_err(write_fault)
    };
    let mut kinds = roster.losses.kinds.clone();
    kinds.sort_unstable();
    for kind in kinds {
        send(&UnreadableRecord::Kind { kind })?;
    }
    let bare = |kind: RecordKind,
                ids: &Ids,
                slots: Vec<u32>,
                send: &mut dyn FnMut(&UnreadableRecord) -> Result<(), Abort>| {
        for slot in in_table_order(ids, slots) {
            send(&UnreadableRecord::Record {
                kind,
                id: id_of(ids.get(slot)),
                classes: Vec::new(),
            })?;
        }
        Ok::<(), Abort>(())
    };
    bare(
        RecordKind::School,
        &roster.orgs.ids,
        roster.orgs.dropped().chain(missing_schools(roster)).collect(),
        &mut send,
    )?;
    bare(RecordKind::Term, &roster.sessions.ids, roster.sessions.dropped().collect(), &mut send)?;
    bare(RecordKind::Course, &roster.courses.ids, roster.courses.dropped().collect(), &mut send)?;
    for (tag, kind) in PEOPLE {
        let users =
            (0..roster.users.len() as u32).filter(|&user| is_gap(data, user, kind)).collect();
        for user in in_table_order(&roster.users.ids, users) {
            let classes = if kind == person::GUARDIAN {
                Vec::new()
            } else {
                seats(data, user, kind == person::TEACHER)
            };
            send(&UnreadableRecord::Record {
                kind: tag,
                id: id_of(roster.users.id(user)),
                classes,
            })?;
        }
    }
    bare(RecordKind::Class, &roster.classes.ids, roster.classes.dropped().collect(), &mut send)?;
    if roster.losses.any_enrollment {
        send(&UnreadableRecord::Enrollment { class: None, person: None })?;
    }
    let mut lost = roster.losses.enrollments.clone();
    lost.sort_unstable();
    lost.dedup();
    for (class, user) in lost {
        let known = |ids: &Ids, slot: u32| (slot != NONE).then(|| id_of(ids.get(slot)));
        send(&UnreadableRecord::Enrollment {
            class: known(&roster.classes.ids, class),
            person: known(&roster.users.ids, user),
        })?;
    }
    Ok(())
}

fn in_table_order(ids: &Ids, slots: Vec<u32>) -> Vec<u32> {
    ids.table_sorted(&ids.sorted(slots.into_iter()))
}

/// Whether a person is left as they are in one kind.
fn is_gap(data: &Assembled, user: u32, kind: u8) -> bool {
    let users = &data.roster.users;
    let own = users.record(user);
    match users.standing(user) {
        RecordStatus::Dropped => (own.kinds | own.enrolled) & kind != 0,
        RecordStatus::Present => {
            data.is_unsure(user, kind)
                || (kind == person::STUDENT
                    && own.kinds & kind != 0
                    && data.untouched.binary_search(&user).is_ok())
        }
        RecordStatus::Absent | RecordStatus::Removed => false,
    }
}

fn seats(data: &Assembled, user: u32, teacher: bool) -> Vec<Membership> {
    let roster = &data.roster;
    let seat = |own: super::seats::Membership| {
        let (begin, end) = roster.dates[own.dates()];
        Membership {
            id: id_of(roster.classes.id(own.other)),
            primary: own.is_primary(),
            begin: civil(begin),
            end: civil(end),
        }
    };
    data.seats_of(user, teacher).map(seat).collect()
}

fn civil(day: Day) -> Option<jiff::civil::Date> {
    let (year, month, day_of_month) = if day == NO_DAY { return None } else { to_date(day) };
    jiff::civil::Date::new(year as i16, month as i8, day_of_month as i8).ok()
}
