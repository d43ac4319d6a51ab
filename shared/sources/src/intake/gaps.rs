//! Gaps: what was sent and could not be read, so that it is left as the mirror has it (R-H3).

use roster::records::{Seat, Tag};
use roster::snapshot::{Gap, PartName};

use super::collected::{Collected, person};
use super::emit::{Assembled, PEOPLE};
use super::ids::{Ids, NONE, Standing};
use super::notes::{Halt, Notes, id_of, write_fault};
use super::values::{Day, NO_DAY, to_date};

/// Schools that are referred to and were not sent (readings, R-A6).
pub(crate) fn missing_schools(roster: &Collected) -> impl Iterator<Item = u32> + '_ {
    (0..roster.orgs.len() as u32).filter(|&slot| {
        roster.orgs.standing(slot) == Standing::Absent && roster.orgs.record(slot).wanted
    })
}

/// Emits all gaps.
pub(super) fn emit(data: &Assembled, notes: &mut Notes<'_>) -> Result<(), Halt> {
    let roster = &data.roster;
    let mut send = |gap: &Gap| {
        let line = serde_json::to_vec(gap).map_err(|error| write_fault(error.into()))?;
        notes.sink().line(PartName::Gaps, &line).map_err(write_fault)
    };
    let mut kinds = roster.losses.kinds.clone();
    kinds.sort_unstable();
    for kind in kinds {
        send(&Gap::Kind { kind })?;
    }
    let bare =
        |kind: Tag, ids: &Ids, slots: Vec<u32>, send: &mut dyn FnMut(&Gap) -> Result<(), Halt>| {
            for slot in in_table_order(ids, slots) {
                send(&Gap::Record { kind, id: id_of(ids.get(slot)), classes: Vec::new() })?;
            }
            Ok::<(), Halt>(())
        };
    bare(
        Tag::School,
        &roster.orgs.ids,
        roster.orgs.dropped().chain(missing_schools(roster)).collect(),
        &mut send,
    )?;
    bare(Tag::Term, &roster.sessions.ids, roster.sessions.dropped().collect(), &mut send)?;
    bare(Tag::Course, &roster.courses.ids, roster.courses.dropped().collect(), &mut send)?;
    for (tag, kind) in PEOPLE {
        let users =
            (0..roster.users.len() as u32).filter(|&user| is_gap(data, user, kind)).collect();
        for user in in_table_order(&roster.users.ids, users) {
            let classes = if kind == person::GUARDIAN {
                Vec::new()
            } else {
                seats(data, user, kind == person::TEACHER)
            };
            send(&Gap::Record { kind: tag, id: id_of(roster.users.id(user)), classes })?;
        }
    }
    bare(Tag::Class, &roster.classes.ids, roster.classes.dropped().collect(), &mut send)?;
    if roster.losses.any_enrollment {
        send(&Gap::Enrollment { class: None, person: None })?;
    }
    let mut lost = roster.losses.enrollments.clone();
    lost.sort_unstable();
    lost.dedup();
    for (class, user) in lost {
        let known = |ids: &Ids, slot: u32| (slot != NONE).then(|| id_of(ids.get(slot)));
        send(&Gap::Enrollment {
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
        Standing::Dropped => (own.kinds | own.enrolled) & kind != 0,
        Standing::Present => {
            data.is_unsure(user, kind)
                || (kind == person::STUDENT
                    && own.kinds & kind != 0
                    && data.untouched.binary_search(&user).is_ok())
        }
        Standing::Absent | Standing::Removed => false,
    }
}

fn seats(data: &Assembled, user: u32, teacher: bool) -> Vec<Seat> {
    let roster = &data.roster;
    let seat = |own: super::seats::Seat| {
        let (begin, end) = roster.dates[own.dates()];
        Seat {
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
