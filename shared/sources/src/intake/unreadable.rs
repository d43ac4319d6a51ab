//! Writes the records that were sent but could not be read, and those that were not sent although
//! others refer to them. A run leaves both unchanged in the mirror (R-H3, R-A6).

use roster::personal::Personal;
use roster::records::{Membership, RecordKind};
use roster::snapshot::{PartName, UnreadableReason, UnreadableRecord};

use super::collected::{Collected, person};
use super::diagnostics::{Abort, Diagnostics, id_of, write_fault};
use super::emit::{Assembled, PEOPLE};
use super::ids::{Ids, NONE, RecordStatus, Registry};
use super::memberships;
use super::record_texts::PersonTexts;
use super::values::{Day, NO_DAY, to_date};

/// Schools that are referred to but were not sent (readings, R-A6).
pub(crate) fn missing_schools(roster: &Collected) -> impl Iterator<Item = u32> + '_ {
    (0..roster.orgs.len() as u32).filter(|&slot| {
        roster.orgs.status(slot) == RecordStatus::Absent && roster.orgs.record(slot).wanted
    })
}

/// Emits all unreadable records: kinds of which a row had no readable id, records, enrollments.
pub(super) fn emit(data: &Assembled, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
    let roster = &data.roster;
    let mut kinds = roster.losses.kinds.clone();
    kinds.sort_unstable();
    for kind in kinds {
        send(diagnostics, &UnreadableRecord::Kind { kind })?;
    }
    let schools = roster.orgs.dropped().chain(missing_schools(roster)).collect();
    emit_records(RecordKind::School, &roster.orgs, schools, diagnostics)?;
    // Terms and courses are only known by ids that other records name, if not by their own rows.
    let terms = roster.sessions.dropped().chain(roster.sessions.absent()).collect();
    emit_records(RecordKind::Term, &roster.sessions, terms, diagnostics)?;
    let courses = roster.courses.dropped().chain(roster.courses.absent()).collect();
    emit_records(RecordKind::Course, &roster.courses, courses, diagnostics)?;
    for (kind, role) in PEOPLE {
        emit_people(data, kind, role, diagnostics)?;
    }
    let classes = roster.classes.dropped().collect();
    emit_records(RecordKind::Class, &roster.classes, classes, diagnostics)?;
    emit_enrollments(roster, diagnostics)?;
    emit_demographics(data, diagnostics)
}

fn send(diagnostics: &mut Diagnostics<'_>, unreadable: &UnreadableRecord) -> Result<(), Abort> {
    let line = serde_json::to_vec(unreadable).map_err(|error| write_fault(error.into()))?;
    diagnostics.sink().line(PartName::Unreadable, &line).map_err(write_fault)
}

fn emit_records<T: Default + Clone>(
    kind: RecordKind,
    registry: &Registry<T>,
    slots: Vec<u32>,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    for slot in in_table_order(&registry.ids, slots) {
        let (id, classes) = (id_of(registry.id(slot)), Vec::new());
        let reason = reason_of(registry, slot);
        let contacts = Vec::new();
        send(diagnostics, &UnreadableRecord::Record { kind, id, classes, reason, contacts })?;
    }
    Ok(())
}

fn emit_people(
    data: &Assembled,
    kind: RecordKind,
    role: u8,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let users = &data.roster.users;
    let slots = (0..users.len() as u32).filter(|&user| is_unreadable(data, user, role)).collect();
    for user in in_table_order(&users.ids, slots) {
        let classes = if role == person::GUARDIAN {
            Vec::new()
        } else {
            memberships_of(data, user, role == person::TEACHER)
        };
        let (id, reason) = (id_of(users.id(user)), reason_of(users, user));
        let contacts = if role == person::GUARDIAN { contacts_of(data, user) } else { Vec::new() };
        send(diagnostics, &UnreadableRecord::Record { kind, id, classes, reason, contacts })?;
    }
    Ok(())
}

/// The contacts of a bad row, which are still taken (R-G1).
fn contacts_of(data: &Assembled, user: u32) -> Vec<Personal> {
    let own = data.roster.users.record(user);
    if !own.has_texts {
        return Vec::new();
    }
    let texts = PersonTexts::read(&data.roster.texts, own.texts);
    [texts.email, texts.phone, texts.sms].into_iter().filter_map(Personal::non_blank).collect()
}

fn emit_enrollments(roster: &Collected, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
    if roster.losses.any_enrollment {
        send(diagnostics, &UnreadableRecord::Enrollment { class: None, person: None })?;
    }
    let mut lost = roster.losses.enrollments.clone();
    lost.sort_unstable();
    lost.dedup();
    for (class, user) in lost {
        let known = |ids: &Ids, slot: u32| (slot != NONE).then(|| id_of(ids.get(slot)));
        let class = known(&roster.classes.ids, class);
        let person = known(&roster.users.ids, user);
        send(diagnostics, &UnreadableRecord::Enrollment { class, person })?;
    }
    Ok(())
}

fn emit_demographics(data: &Assembled, diagnostics: &mut Diagnostics<'_>) -> Result<(), Abort> {
    let roster = &data.roster;
    if roster.losses.any_demographics {
        send(diagnostics, &UnreadableRecord::Demographics { student: None })?;
    }
    let lost = data.lost_demographics.iter().copied();
    let students = lost.filter(|&user| data.has_record(user, person::STUDENT)).collect();
    for user in in_table_order(&roster.users.ids, students) {
        let student = Some(id_of(roster.users.id(user)));
        send(diagnostics, &UnreadableRecord::Demographics { student })?;
    }
    Ok(())
}

fn in_table_order(ids: &Ids, slots: Vec<u32>) -> Vec<u32> {
    ids.table_sorted(&ids.sorted(slots.into_iter()))
}

/// Whether a run leaves the person's record in this role unchanged.
fn is_unreadable(data: &Assembled, user: u32, role: u8) -> bool {
    let users = &data.roster.users;
    let own = users.record(user);
    match users.status(user) {
        RecordStatus::Dropped => (own.kinds | own.enrolled) & role != 0,
        RecordStatus::Present => data.is_unsure(user, role),
        // Not sent, but other records name the person (R-H1).
        RecordStatus::Absent => own.in_scope && own.enrolled & role != 0,
        RecordStatus::Removed => false,
    }
}

fn reason_of<T: Default + Clone>(registry: &Registry<T>, slot: u32) -> UnreadableReason {
    match registry.status(slot) {
        RecordStatus::Absent => UnreadableReason::Referenced,
        _ => UnreadableReason::Unreadable,
    }
}

fn memberships_of(data: &Assembled, user: u32, is_teacher: bool) -> Vec<Membership> {
    let roster = &data.roster;
    let membership = |own: memberships::Membership| {
        let (begin, end) = roster.dates[own.dates()];
        Membership {
            id: id_of(roster.classes.id(own.other)),
            primary: own.is_primary(),
            begin: civil(begin),
            end: civil(end),
        }
    };
    data.memberships_of(user, is_teacher).map(membership).collect()
}

fn civil(day: Day) -> Option<jiff::civil::Date> {
    let (year, month, day_of_month) = if day == NO_DAY { return None } else { to_date(day) };
    jiff::civil::Date::new(year as i16, month as i8, day_of_month as i8).ok()
}
