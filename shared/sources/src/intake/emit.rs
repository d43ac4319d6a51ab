//! Emits the records of the snapshot, a line each, in the order of the table.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use roster::records::RecordKind;
use roster::snapshot::BLOCK_BYTES;

use super::collected::{Collected, OrgKind, person};
use super::demographics::RACES;
use super::diagnostics::{Abort, Diagnostics, write_fault};
use super::ids::NONE;
use super::json::{Key, Lines, key, keys};
use super::relationships::Relationships;
use super::seats::{Membership, Seats};
use super::values;

use super::index::Index;

/// Everything that was read, brought together.
pub(super) struct Assembled {
    pub(super) roster: Collected,
    pub(super) relationships: Relationships,
    pub(super) seats: Seats,
    /// Users in the order of the table.
    pub(super) users: Vec<u32>,
    pub(super) roles_of: Index,
    pub(super) guardians_of: Index,
    pub(super) children_of: Index,
    /// Students who are left as they are because their demographics are lost.
    pub(super) untouched: Vec<u32>,
}

/// What one thread writes. The last three kinds are about as long as one another, and nearly all
/// there is.
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
    /// Whether the person has a record of this kind, or a gap instead because it may be wrong.
    pub(super) fn has_record(&self, user: u32, kind: u8) -> bool {
        let data = self.roster.users.record(user);
        self.roster.users.is_present(user)
            && data.in_scope
            && (data.kinds | data.enrolled) & kind != 0
            && !self.is_unsure(user, kind)
            && !(kind == person::STUDENT && self.untouched.binary_search(&user).is_ok())
    }

    /// Whether a bad row may have said that the person is of this kind.
    pub(super) fn is_unsure(&self, user: u32, kind: u8) -> bool {
        let data = self.roster.users.record(user);
        data.unsure & kind != 0 && data.kinds & kind == 0
    }

    /// The person's schools for one kind, the main one first; every org for [`person::ALL`].
    pub(super) fn schools(&self, user: u32, kind: u8) -> Vec<u32> {
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
        let kind = if data.kinds & kind == 0 { u8::MAX } else { kind };
        let roles = || {
            roster.roles[self.roles_of.get(user)]
                .iter()
                .filter(|role| role.current && role.kind & kind != 0)
        };
        if roles().any(|role| role.org == data.main_org) {
            add(data.main_org);
        }
        roles().filter(|role| role.primary).for_each(|role| add(role.org));
        roles().for_each(|role| add(role.org));
        schools
    }

    fn seat_counts(&self, class: u32, user: u32) -> bool {
        self.roster.scope.is_none()
            || (self.roster.in_scope(self.roster.classes.record(class).school)
                && self.roster.users.record(user).in_scope)
    }

    /// A person's seats in classes that are read, as a gap or a record carries them.
    pub(super) fn seats_of(
        &self,
        user: u32,
        teacher: bool,
    ) -> impl Iterator<Item = Membership> + '_ {
        self.seats.of_user(user, teacher).filter(move |seat| self.seat_counts(seat.other, user))
    }

    /// Emits all records; gives the number of seats. Lines are written in threads of their own,
    /// while the sink packs those before.
    pub(super) fn records(
        &self,
        diagnostics: &mut Diagnostics<'_>,
        mut told: impl FnMut(u64),
    ) -> Result<u64, Abort> {
        thread::scope(|scope| {
            let (mut writers, mut waiting) = (Vec::new(), Vec::new());
            for share in SHARES {
                let (full, blocks) = sync_channel::<Block>(2);
                writers.push(scope.spawn(move || {
                    let mut out = Out {
                        tag: RecordKind::School,
                        lines: Lines::with_capacity(ROOM),
                        count: 0,
                        full,
                    };
                    let seats = self.write(share, &mut out);
                    out.flush();
                    seats
                }));
                waiting.push(blocks);
            }
            let mut lines = 0;
            // In turns, so that the same roster comes out in the same order each time.
            while !waiting.is_empty() {
                let mut at = 0;
                while let Some(blocks) = waiting.get(at) {
                    let Ok(block) = blocks.recv() else {
                        waiting.remove(at);
                        continue;
                    };
                    // An early end drops the receivers; what the writers send then goes nowhere.
                    diagnostics
                        .sink()
                        .records(block.tag, block.lines, block.count)
                        .map_err(write_fault)?;
                    lines += block.count;
                    told(lines);
                    at += 1;
                }
            }
            let seats = writers.into_iter().map(|writer| {
                writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            Ok(seats.sum())
        })
    }

    /// Writes a share of the records; gives the number of seats in them.
    fn write(&self, share: Share, out: &mut Out) -> u64 {
        match share {
            Share::UpToStudents => {
                self.places(out);
                self.people(RecordKind::Teacher, person::TEACHER, out);
                self.people(RecordKind::Student, person::STUDENT, out);
                0
            }
            Share::Guardians => {
                self.people(RecordKind::Guardian, person::GUARDIAN, out);
                0
            }
            Share::Classes => self.classes(out),
        }
    }

    fn places(&self, out: &mut Out) {
        let roster = &self.roster;
        out.of(RecordKind::School);
        let orgs = roster.orgs.ids.sorted(roster.orgs.present());
        for slot in roster.orgs.ids.table_sorted(&orgs) {
            let org = *roster.orgs.record(slot);
            if !org.is_school() || !roster.in_scope(slot) {
                continue;
            }
            let mut texts = roster.texts.from(org.texts);
            out.lines
                .begin()
                .text(key!("id"), roster.orgs.id(slot))
                .text(key!("name"), texts.text())
                .optional(key!("identifier"), texts.text());
            if org.parent != NONE {
                out.lines.text(key!("parent"), roster.orgs.id(org.parent));
            }
            out.end();
        }
        out.of(RecordKind::Term);
        let sessions = roster.sessions.ids.sorted(roster.sessions.present());
        for slot in roster.sessions.ids.table_sorted(&sessions) {
            let session = *roster.sessions.record(slot);
            let mut texts = roster.texts.from(session.texts);
            let (title, year) = (texts.text(), texts.text());
            out.lines
                .begin()
                .text(key!("id"), roster.sessions.id(slot))
                .text(key!("title"), title)
                .text(key!("kind"), session.kind);
            out.lines.day(key!("start"), session.start).day(key!("end"), session.end);
            if session.parent != NONE {
                out.lines.text(key!("parent"), roster.sessions.id(session.parent));
            }
            out.lines.optional(key!("school_year"), year);
            out.end();
        }
        out.of(RecordKind::Course);
        let courses = roster.courses.ids.sorted(roster.courses.present());
        for slot in roster.courses.ids.table_sorted(&courses) {
            let course = *roster.courses.record(slot);
            let org = *roster.orgs.record(course.org);
            let is_elsewhere = org.kind == OrgKind::School && !roster.in_scope(course.org);
            if is_elsewhere {
                continue;
            }
            let mut texts = roster.texts.from(course.texts);
            out.lines
                .begin()
                .text(key!("id"), roster.courses.id(slot))
                .text(key!("title"), texts.text())
                .optional(key!("code"), texts.text());
            out.lines.text(key!("org"), roster.orgs.id(course.org));
            if course.school_year != NONE {
                out.lines.text(key!("school_year"), roster.sessions.id(course.school_year));
            }
            for key in keys!["grades", "subjects", "subject_codes"] {
                out.lines.list(key, values::list(texts.text()));
            }
            out.end();
        }
    }

    fn people(&self, tag: RecordKind, kind: u8, out: &mut Out) {
        out.of(tag);
        let users = &self.roster.users;
        for user in self.users.chunks(TOUCHED).flat_map(|some| {
            self.touch(some, kind);
            some.iter().copied()
        }) {
            if !self.has_record(user, kind) {
                continue;
            }
            let data = users.record(user);
            out.lines.begin().text(key!("id"), users.id(user));
            self.person(&mut out.lines, user, kind);
            if kind == person::STUDENT {
                self.demographics(&mut out.lines, user);
                self.relatives(
                    &mut out.lines,
                    key!("guardians"),
                    &self.relationships.guardians[self.guardians_of.get(user)],
                );
            }
            if kind == person::GUARDIAN {
                out.lines.text(key!("role"), data.guardian.name());
                self.relatives(
                    &mut out.lines,
                    key!("children"),
                    &self.relationships.children[self.children_of.get(user)],
                );
            } else {
                let seats = self.seats_of(user, kind == person::TEACHER);
                out.lines.items(key!("classes"), seats, |line, seat| {
                    self.seat(line, self.roster.classes.id(seat.other), seat)
                });
                out.lines.flag(key!("by_enrollment"), data.kinds & kind == 0);
            }
            out.end();
        }
    }

    /// Looks at a little of everything that will be written of these people. In the order of the
    /// table they lie all over memory; asked for together, they come together, while one by one
    /// each would be waited for.
    fn touch(&self, people: &[u32], kind: u8) {
        let (roster, users) = (&self.roster, &self.roster.users);
        let mut seen = 0;
        for &user in people.iter().filter(|&&user| users.record(user).kinds & kind != 0) {
            seen ^= users.ids.peek(user) ^ roster.texts.peek(users.record(user).texts);
        }
        for &user in people.iter().filter(|&&user| users.record(user).kinds & kind != 0) {
            let relatives = match kind {
                person::STUDENT => &self.relationships.guardians[self.guardians_of.get(user)],
                person::GUARDIAN => &self.relationships.children[self.children_of.get(user)],
                _ => &[],
            };
            seen ^= relatives.iter().fold(0, |seen, &(_, other)| seen ^ users.ids.peek(other));
            if kind == person::STUDENT {
                seen ^= roster
                    .demographics
                    .get(user as usize)
                    .map_or(0, |row| roster.texts.peek(row.texts));
            }
        }
        // Without it the compiler would see that nobody needs what was seen.
        std::hint::black_box(seen);
    }

    fn relatives(&self, line: &mut Lines, key: Key, pairs: &[(u32, u32)]) {
        let users = &self.roster.users;
        let all = self.roster.scope.is_none();
        let inside = pairs.iter().filter(|(_, other)| all || users.record(*other).in_scope);
        line.list(key, inside.map(|&(_, other)| users.id(other)));
    }

    fn person(&self, line: &mut Lines, user: u32, kind: u8) {
        let roster = &self.roster;
        let data = roster.users.record(user);
        let mut texts = roster.texts.from(data.texts);
        line.open(key!("person"));
        for key in keys![
            "given",
            "family",
            "middle",
            "preferred_given",
            "preferred_family",
            "email",
            "phone",
            "sms",
            "username"
        ] {
            line.optional(key, texts.text());
        }
        let (mut number, mut state_id, sis_id) = (texts.text(), texts.text(), texts.text());
        if let Some(extra) = roster.demographics.get(user as usize).filter(|row| row.known) {
            let mut extra = roster.texts.from(extra.texts);
            let (_sex, own_state_id, own_number) = (extra.text(), extra.text(), extra.text());
            state_id = if state_id.is_empty() { own_state_id } else { state_id };
            number = if own_number.is_empty() { number } else { own_number };
        }
        line.optional(key!("number"), number)
            .optional(key!("state_id"), state_id)
            .optional(key!("sis_id"), sis_id);
        let schools = self.schools(user, kind);
        line.list(key!("schools"), schools.iter().map(|&org| roster.orgs.id(org)));
        line.flag(key!("disabled"), data.disabled).close();
    }

    /// Under `ignore` all of it was left blank when it was read (R-M7).
    fn demographics(&self, line: &mut Lines, user: u32) {
        let roster = &self.roster;
        let mut texts = roster.texts.from(roster.users.record(user).texts);
        for _ in 0..12 {
            texts.text();
        }
        let grades = texts.text();
        let mut own = [texts.text(), texts.text(), texts.text()];
        let row = roster.demographics.get(user as usize).filter(|row| row.known);
        let mut sex = "";
        if let Some(row) = row {
            let mut more = roster.texts.from(row.texts);
            sex = more.text();
            let (_state_id, _number) = (more.text(), more.text());
            for value in &mut own {
                let other = more.text();
                *value = if value.is_empty() { other } else { value };
            }
        }
        let (races, hispanic, birth) =
            row.map_or((0, 0, values::NO_DAY), |row| (row.races, row.hispanic, row.birth));
        let nothing = values::list(grades).next().is_none()
            && races == 0
            && hispanic == 0
            && birth == values::NO_DAY
            && sex.is_empty()
            && own.iter().all(|value| value.is_empty());
        if nothing {
            return;
        }
        line.open(key!("demographics")).list(key!("grades"), values::list(grades));
        line.list(
            key!("races"),
            RACES
                .iter()
                .enumerate()
                .filter(|(bit, _)| races >> bit & 1 == 1)
                .map(|(_, name)| *name),
        );
        line.optional(key!("hispanic"), ["", "false", "true"][usize::from(hispanic)])
            .optional(key!("gender"), sex);
        line.day(key!("birth_date"), birth);
        line.optional(key!("ell"), own[0])
            .optional(key!("frl"), own[1])
            .optional(key!("iep"), own[2])
            .close();
    }

    fn classes(&self, out: &mut Out) -> u64 {
        let roster = &self.roster;
        out.of(RecordKind::Class);
        let classes = roster.classes.ids.sorted(roster.classes.present());
        let mut count = 0;
        for slot in roster.classes.ids.table_sorted(&classes) {
            let class = *roster.classes.record(slot);
            if !roster.in_scope(class.school) {
                continue;
            }
            let mut texts = roster.texts.from(class.texts);
            out.lines
                .begin()
                .text(key!("id"), roster.classes.id(slot))
                .open(key!("details"))
                .text(key!("title"), texts.text());
            for key in keys!["code", "class_type", "location"] {
                out.lines.optional(key, texts.text());
            }
            out.lines.text(key!("school"), roster.orgs.id(class.school));
            if class.course != NONE {
                out.lines.text(key!("course"), roster.courses.id(class.course));
            }
            let (begin, length) = class.terms;
            let terms = &roster.term_lists[begin as usize..(begin + length) as usize];
            out.lines.list(key!("terms"), terms.iter().map(|&term| roster.sessions.id(term)));
            for key in keys!["grades", "subjects", "subject_codes", "periods"] {
                out.lines.list(key, values::list(texts.text()));
            }
            out.lines.close();
            // As with people: see `touch`.
            std::hint::black_box(
                self.seats
                    .students(slot)
                    .fold(0, |seen, seat| seen ^ roster.users.ids.peek(seat.other)),
            );
            let mut seats = 0_u64;
            let counts = |seat: &Membership| self.seat_counts(slot, seat.other);
            let mut write = |line: &mut Lines, seat: Membership| {
                seats += 1;
                self.seat(line, roster.users.id(seat.other), seat);
            };
            out.lines.items(key!("teachers"), self.seats.teachers(slot).filter(counts), &mut write);
            out.lines.items(key!("students"), self.seats.students(slot).filter(counts), &mut write);
            count += seats;
            out.end();
        }
        count
    }

    fn seat(&self, line: &mut Lines, id: &str, seat: Membership) {
        let (begin, end) = self.roster.dates[seat.dates()];
        if !seat.is_primary() && begin == values::NO_DAY && end == values::NO_DAY {
            // Nearly all are: a text alone is what the model reads fastest.
            line.string(id);
            return;
        }
        line.raw("{")
            .text(key!("id"), id)
            .flag(key!("primary"), seat.is_primary())
            .day(key!("begin"), begin)
            .day(key!("end"), end)
            .close();
    }
}

/// How many people are looked at before they are written: see [`Assembled::touch`].
const TOUCHED: usize = 32;

/// Room for the lines that go to the sink together, and for one more.
const ROOM: usize = BLOCK_BYTES + (8 << 10);

/// Lines of one kind, one after the other.
struct Block {
    tag: RecordKind,
    lines: Vec<u8>,
    count: u64,
}

/// Where lines are written.
struct Out {
    tag: RecordKind,
    lines: Lines,
    count: u64,
    full: SyncSender<Block>,
}

impl Out {
    /// From here on records are of this kind.
    fn of(&mut self, tag: RecordKind) {
        self.flush();
        self.tag = tag;
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
            let lines = std::mem::replace(&mut self.lines, Lines::with_capacity(ROOM)).into_bytes();
            let block = Block { tag: self.tag, lines, count: std::mem::take(&mut self.count) };
            // Nobody listens any more once the sink has failed, which is told there.
            let _ = self.full.send(block);
        }
    }
}
