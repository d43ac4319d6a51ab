//! Writes the records of a snapshot, one JSON line each, in the order of the mirror's table.

mod people;
mod places;
#[cfg(test)]
mod tests;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use roster::records::{self, RecordKind};
use roster::snapshot::BLOCK_BYTES;

use super::collected::{Collected, person};
use super::diagnostics::{Abort, Diagnostics, write_fault};
use super::ids::RecordStatus;
use super::index::Index;
use super::json::{Lines, key};
use super::memberships::{Membership, Memberships};
use super::relationships::Relationships;
use super::values;

/// Everything that was read, joined and sorted.
pub(super) struct Assembled {
    pub(super) roster: Collected,
    pub(super) relationships: Relationships,
    pub(super) memberships: Memberships,
    /// Users in the order of the table.
    pub(super) users: Vec<u32>,
    pub(super) roles_of: Index,
    pub(super) guardians_of: Index,
    pub(super) children_of: Index,
    /// Students whose demographics were lost. Sorted.
    pub(super) lost_demographics: Vec<u32>,
}

/// The records that one thread writes. The last three kinds are about equally long, and are nearly
/// all of a snapshot.
#[derive(Clone, Copy)]
enum Share {
    UpToStudents,
    Guardians,
    Classes,
}

const SHARES: [Share; 3] = [Share::UpToStudents, Share::Guardians, Share::Classes];

/// Kinds of person and their bits.
pub(super) const PEOPLE: [(RecordKind, u8); 3] = [
    (RecordKind::Teacher, person::TEACHER),
    (RecordKind::Student, person::STUDENT),
    (RecordKind::Guardian, person::GUARDIAN),
];

impl Assembled {
    /// Whether the person has a record in this role. A record that may be wrong is reported as
    /// unreadable instead.
    pub(super) fn has_record(&self, user: u32, role: u8) -> bool {
        let data = self.roster.users.record(user);
        self.roster.users.is_present(user)
            && data.in_scope
            && (data.kinds | data.enrolled) & role != 0
            && !self.is_unsure(user, role)
    }

    /// Whether a bad row may have given the person this role.
    pub(super) fn is_unsure(&self, user: u32, role: u8) -> bool {
        let data = self.roster.users.record(user);
        data.unsure & role != 0 && data.kinds & role == 0
    }

    /// The person's schools in one role, the main one first; all orgs for [`person::ALL`].
    pub(super) fn schools(&self, user: u32, role: u8) -> Vec<u32> {
        let roster = &self.roster;
        let data = roster.users.record(user);
        let counts = |org: u32| !roster.orgs.is_present(org) || roster.orgs.record(org).is_school();
        let mut schools = Vec::new();
        let mut add = |org: u32| {
            if counts(org) && !schools.contains(&org) {
                schools.push(org);
            }
        };
        if roster.users_have_roles == Some(true) {
            let (begin, count) = data.orgs;
            roster.org_lists[begin as usize..(begin + count) as usize]
                .iter()
                .for_each(|&org| add(org));
            return schools;
        }
        let role = if data.kinds & role == 0 { u8::MAX } else { role };
        let roles = || {
            roster.roles[self.roles_of.get(user)]
                .iter()
                .filter(|row| row.current && row.kind & role != 0)
        };
        if roles().any(|row| row.org == data.main_org) {
            add(data.main_org);
        }
        roles().filter(|row| row.primary).for_each(|row| add(row.org));
        roles().for_each(|row| add(row.org));
        schools
    }

    /// A student's guardians: pairs of the student and the guardian.
    pub(super) fn guardians(&self, user: u32) -> &[(u32, u32)] {
        &self.relationships.guardians[self.guardians_of.get(user)]
    }

    /// A guardian's children: pairs of the guardian and the child.
    pub(super) fn children(&self, user: u32) -> &[(u32, u32)] {
        &self.relationships.children[self.children_of.get(user)]
    }

    /// Whether a class and a person are both within the configured schools (R-O3). The school of a
    /// bad row is unknown, so the class stays in scope.
    fn is_in_scope(&self, class: u32, user: u32) -> bool {
        let classes = &self.roster.classes;
        self.roster.scope.is_none()
            || (self.roster.users.record(user).in_scope
                && (classes.status(class) == RecordStatus::Dropped
                    || self.roster.in_scope(classes.record(class).school)))
    }

    /// Whether the records that name a person who was not sent are within the configured schools
    /// (R-O3): one of their classes is, or no class names the person.
    pub(super) fn is_named_in_scope(&self, user: u32) -> bool {
        let mut classes = [false, true]
            .into_iter()
            .flat_map(|is_teacher| self.memberships.of_user(user, is_teacher))
            .map(|membership| self.roster.classes.record(membership.other).school)
            .peekable();
        classes.peek().is_none() || classes.any(|school| self.roster.in_scope(school))
    }

    /// A person's enrollments in classes within the configured schools.
    pub(super) fn memberships_of(
        &self,
        user: u32,
        is_teacher: bool,
    ) -> impl Iterator<Item = Membership> + '_ {
        self.memberships
            .of_user(user, is_teacher)
            .filter(move |membership| self.is_in_scope(membership.other, user))
    }

    /// Emits all records and returns the number of enrollments. Three threads write lines while
    /// the sink compresses earlier ones.
    pub(super) fn records(
        &self,
        diagnostics: &mut Diagnostics<'_>,
        mut progress: impl FnMut(u64),
    ) -> Result<u64, Abort> {
        thread::scope(|scope| {
            let (mut writers, mut waiting) = (Vec::new(), Vec::new());
            for share in SHARES {
                let (full, blocks) = sync_channel::<Block>(2);
                writers.push(scope.spawn(move || {
                    let mut out = Out {
                        kind: RecordKind::School,
                        lines: Lines::with_capacity(CAPACITY),
                        count: 0,
                        full,
                    };
                    let enrollments = self.write(share, &mut out);
                    out.flush();
                    enrollments
                }));
                waiting.push(blocks);
            }
            let mut lines = 0;
            // Round robin, so that the same roster is always emitted in the same order.
            while !waiting.is_empty() {
                let mut at = 0;
                while let Some(blocks) = waiting.get(at) {
                    let Ok(block) = blocks.recv() else {
                        waiting.remove(at);
                        continue;
                    };
                    // An early return drops the receivers, and the writers discard their blocks.
                    diagnostics
                        .sink()
                        .records(block.kind, block.lines, block.count)
                        .map_err(write_fault)?;
                    lines += block.count;
                    progress(lines);
                    at += 1;
                }
            }
            let enrollments = writers.into_iter().map(|writer| {
                writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            Ok(enrollments.sum())
        })
    }

    /// Writes a share of the records and returns the number of enrollments in it. Only the records
    /// of classes count: those of people repeat the same enrollments.
    fn write(&self, share: Share, out: &mut Out) -> u64 {
        match share {
            Share::UpToStudents => {
                self.write_schools(out);
                self.write_terms(out);
                self.write_courses(out);
                self.write_people(RecordKind::Teacher, person::TEACHER, out);
                self.write_people(RecordKind::Student, person::STUDENT, out);
                0
            }
            Share::Guardians => {
                self.write_people(RecordKind::Guardian, person::GUARDIAN, out);
                0
            }
            Share::Classes => self.write_classes(out),
        }
    }

    fn write_membership(&self, line: &mut Lines, id: &str, membership: Membership) {
        let (begin, end) = self.roster.dates[membership.dates()];
        if !membership.is_primary() && begin == values::NO_DAY && end == values::NO_DAY {
            // Nearly all enrollments: the bare id is the form that is parsed fastest.
            line.string(id);
            return;
        }
        line.raw("{")
            .text(key!(records::Membership, id), id)
            .flag(key!(records::Membership, primary), membership.is_primary())
            .day(key!(records::Membership, begin), begin)
            .day(key!(records::Membership, end), end)
            .close();
    }
}

/// Capacity for a full block and one more line.
const CAPACITY: usize = BLOCK_BYTES + (8 << 10);

/// Consecutive lines of one kind.
struct Block {
    kind: RecordKind,
    lines: Vec<u8>,
    count: u64,
}

/// Collects lines into blocks.
struct Out {
    kind: RecordKind,
    lines: Lines,
    count: u64,
    full: SyncSender<Block>,
}

impl Out {
    /// Begins the records of another kind.
    fn begin(&mut self, kind: RecordKind) {
        self.flush();
        self.kind = kind;
    }

    /// Ends a line.
    fn end(&mut self) {
        self.lines.end();
        self.count += 1;
        if self.lines.len() >= BLOCK_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.count > 0 {
            let lines =
                std::mem::replace(&mut self.lines, Lines::with_capacity(CAPACITY)).into_bytes();
            let block = Block { kind: self.kind, lines, count: std::mem::take(&mut self.count) };
            // The receiver is gone once the sink has failed; the receiving side reports that.
            let _ = self.full.send(block);
        }
    }
}
