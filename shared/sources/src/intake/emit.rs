//! Emits the records of the snapshot, a line each, in the order of the table.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use rules::model::Tag;
use rules::snapshot::PartName;

use super::demographics::RACES;
use super::ids::NONE;
use super::json::Line;
use super::kin::Kin;
use super::notes::{Halt, Notes, write_fault};
use super::roster::{OrgKind, Roster, person};
use super::seats::{Seat, Seats};
use super::values;

use super::index::Index;

/// Everything that was read, brought together.
pub(super) struct Assembled {
    pub(super) roster: Roster,
    pub(super) kin: Kin,
    pub(super) seats: Seats,
    /// Users in the order of the table.
    pub(super) users: Vec<u32>,
    pub(super) roles_of: Index,
    pub(super) guardians_of: Index,
    pub(super) children_of: Index,
    /// Students who are left as they are because their demographics are lost.
    pub(super) untouched: Vec<u32>,
}

/// What one thread writes. The last three kinds are about as long as one another, and nearly all there is.
#[derive(Clone, Copy)]
enum Share {
    UpToStudents,
    Guardians,
    Classes,
}

const SHARES: [Share; 3] = [Share::UpToStudents, Share::Guardians, Share::Classes];

/// Kinds of person and their bits.
pub(super) const PEOPLE: [(Tag, u8); 3] =
    [(Tag::Teacher, person::TEACHER), (Tag::Student, person::STUDENT), (Tag::Guardian, person::GUARDIAN)];

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
            roster.org_lists[begin as usize..(begin + count) as usize].iter().for_each(|&org| add(org));
            return schools;
        }
        let kind = if data.kinds & kind == 0 { u8::MAX } else { kind };
        let roles = || roster.roles[self.roles_of.get(user)].iter().filter(|role| role.current && role.kind & kind != 0);
        if roles().any(|role| role.org == data.main_org) {
            add(data.main_org);
        }
        roles().filter(|role| role.primary).for_each(|role| add(role.org));
        roles().for_each(|role| add(role.org));
        schools
    }

    fn seat_counts(&self, class: u32, user: u32) -> bool {
        self.roster.scope.is_none()
            || (self.roster.in_scope(self.roster.classes.record(class).school) && self.roster.users.record(user).in_scope)
    }

    /// A person's seats in classes that are read, as a gap or a record carries them.
    pub(super) fn seats_of(&self, user: u32, teacher: bool) -> impl Iterator<Item = Seat> + '_ {
        self.seats.of_user(user, teacher).filter(move |seat| self.seat_counts(seat.other, user))
    }

    /// Emits all records; gives the number of seats. Lines are written in threads of their own, while the sink packs those before.
    pub(super) fn records(&self, notes: &mut Notes<'_>, mut told: impl FnMut(u64)) -> Result<u64, Halt> {
        thread::scope(|scope| {
            let (mut writers, mut waiting) = (Vec::new(), Vec::new());
            for share in SHARES {
                let (full, batches) = sync_channel::<Batch>(2);
                let (empty, used) = channel::<Batch>();
                writers.push(scope.spawn(move || {
                    let mut out = Out { line: Line::default(), batch: Batch::default(), full, used };
                    let seats = self.write(share, &mut out);
                    out.flush();
                    seats
                }));
                waiting.push((batches, empty));
            }
            let mut lines = 0;
            // In turns, so that the same roster comes out in the same order each time.
            while !waiting.is_empty() {
                let mut at = 0;
                while let Some((batches, empty)) = waiting.get(at) {
                    let Ok(batch) = batches.recv() else {
                        waiting.remove(at);
                        continue;
                    };
                    for (tag, line) in batch.lines() {
                        // An early end drops the receivers; what the writers send then goes nowhere.
                        notes.sink().line(PartName::Records(tag), line).map_err(write_fault)?;
                    }
                    lines += batch.ends.len() as u64;
                    told(lines);
                    // The writer may have ended.
                    let _ = empty.send(batch);
                    at += 1;
                }
            }
            let seats = writers.into_iter().map(|writer| writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            Ok(seats.sum())
        })
    }

    /// Writes a share of the records; gives the number of seats in them.
    fn write(&self, share: Share, out: &mut Out) -> u64 {
        match share {
            Share::UpToStudents => {
                self.places(out);
                self.people(Tag::Teacher, person::TEACHER, out);
                self.people(Tag::Student, person::STUDENT, out);
                0
            }
            Share::Guardians => {
                self.people(Tag::Guardian, person::GUARDIAN, out);
                0
            }
            Share::Classes => self.classes(out),
        }
    }

    fn places(&self, out: &mut Out) {
        let roster = &self.roster;
        let orgs = roster.orgs.ids.sorted(roster.orgs.present());
        for slot in roster.orgs.ids.table_sorted(&orgs) {
            let org = *roster.orgs.record(slot);
            if !org.is_school() || !roster.in_scope(slot) {
                continue;
            }
            let mut texts = roster.texts.from(org.texts);
            out.line.begin().text("id", roster.orgs.id(slot)).text("name", texts.text()).optional("identifier", texts.text());
            if org.parent != NONE {
                out.line.text("parent", roster.orgs.id(org.parent));
            }
            out.send(Tag::School);
        }
        let sessions = roster.sessions.ids.sorted(roster.sessions.present());
        for slot in roster.sessions.ids.table_sorted(&sessions) {
            let session = *roster.sessions.record(slot);
            let mut texts = roster.texts.from(session.texts);
            let (title, year) = (texts.text(), texts.text());
            out.line.begin().text("id", roster.sessions.id(slot)).text("title", title).text("kind", session.kind);
            out.line.day("start", session.start).day("end", session.end);
            if session.parent != NONE {
                out.line.text("parent", roster.sessions.id(session.parent));
            }
            out.line.optional("school_year", year);
            out.send(Tag::Term);
        }
        let courses = roster.courses.ids.sorted(roster.courses.present());
        for slot in roster.courses.ids.table_sorted(&courses) {
            let course = *roster.courses.record(slot);
            let org = *roster.orgs.record(course.org);
            let is_elsewhere = org.kind == OrgKind::School && !roster.in_scope(course.org);
            if is_elsewhere {
                continue;
            }
            let mut texts = roster.texts.from(course.texts);
            out.line.begin().text("id", roster.courses.id(slot)).text("title", texts.text()).optional("code", texts.text());
            out.line.text("org", roster.orgs.id(course.org));
            if course.school_year != NONE {
                out.line.text("school_year", roster.sessions.id(course.school_year));
            }
            for key in ["grades", "subjects", "subject_codes"] {
                out.line.list(key, values::list(texts.text()));
            }
            out.send(Tag::Course);
        }
    }

    fn people(&self, tag: Tag, kind: u8, out: &mut Out) {
        let users = &self.roster.users;
        for &user in &self.users {
            if !self.has_record(user, kind) {
                continue;
            }
            let data = users.record(user);
            out.line.begin().text("id", users.id(user));
            self.person(&mut out.line, user, kind);
            if kind == person::STUDENT {
                self.demographics(&mut out.line, user);
                self.relatives(&mut out.line, "guardians", &self.kin.guardians[self.guardians_of.get(user)]);
            }
            if kind == person::GUARDIAN {
                out.line.text("role", data.guardian.name());
                self.relatives(&mut out.line, "children", &self.kin.children[self.children_of.get(user)]);
            } else {
                let seats = self.seats_of(user, kind == person::TEACHER);
                out.line.items("classes", seats, |line, seat| self.seat(line, self.roster.classes.id(seat.other), seat));
                out.line.flag("by_enrollment", data.kinds & kind == 0);
            }
            out.send(tag);
        }
    }

    fn relatives(&self, line: &mut Line, key: &str, pairs: &[(u32, u32)]) {
        let users = &self.roster.users;
        let inside = pairs.iter().filter(|(_, other)| users.record(*other).in_scope);
        line.list(key, inside.map(|&(_, other)| users.id(other)));
    }

    fn person(&self, line: &mut Line, user: u32, kind: u8) {
        let roster = &self.roster;
        let data = roster.users.record(user);
        let mut texts = roster.texts.from(data.texts);
        line.open("person");
        for key in ["given", "family", "middle", "preferred_given", "preferred_family", "email", "phone", "sms", "username"] {
            line.optional(key, texts.text());
        }
        let (mut number, mut state_id, sis_id) = (texts.text(), texts.text(), texts.text());
        if let Some(extra) = roster.demographics.get(user as usize).filter(|row| row.known) {
            let mut extra = roster.texts.from(extra.texts);
            let (_sex, own_state_id, own_number) = (extra.text(), extra.text(), extra.text());
            state_id = if state_id.is_empty() { own_state_id } else { state_id };
            number = if own_number.is_empty() { number } else { own_number };
        }
        line.optional("number", number).optional("state_id", state_id).optional("sis_id", sis_id);
        let schools = self.schools(user, kind);
        line.list("schools", schools.iter().map(|&org| roster.orgs.id(org)));
        line.flag("disabled", data.disabled).close();
    }

    /// Under `ignore` all of it was left blank when it was read (R-M7).
    fn demographics(&self, line: &mut Line, user: u32) {
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
        let (races, hispanic, birth) = row.map_or((0, 0, values::NO_DAY), |row| (row.races, row.hispanic, row.birth));
        let nothing = values::list(grades).next().is_none()
            && races == 0
            && hispanic == 0
            && birth == values::NO_DAY
            && sex.is_empty()
            && own.iter().all(|value| value.is_empty());
        if nothing {
            return;
        }
        line.open("demographics").list("grades", values::list(grades));
        line.list("races", RACES.iter().enumerate().filter(|(bit, _)| races >> bit & 1 == 1).map(|(_, name)| *name));
        line.optional("hispanic", ["", "false", "true"][usize::from(hispanic)]).optional("gender", sex);
        line.day("birth_date", birth);
        line.optional("ell", own[0]).optional("frl", own[1]).optional("iep", own[2]).close();
    }

    fn classes(&self, out: &mut Out) -> u64 {
        let roster = &self.roster;
        let classes = roster.classes.ids.sorted(roster.classes.present());
        let mut count = 0;
        for slot in roster.classes.ids.table_sorted(&classes) {
            let class = *roster.classes.record(slot);
            if !roster.in_scope(class.school) {
                continue;
            }
            let mut texts = roster.texts.from(class.texts);
            out.line.begin().text("id", roster.classes.id(slot)).open("details").text("title", texts.text());
            for key in ["code", "class_type", "location"] {
                out.line.optional(key, texts.text());
            }
            out.line.text("school", roster.orgs.id(class.school));
            if class.course != NONE {
                out.line.text("course", roster.courses.id(class.course));
            }
            let (begin, length) = class.terms;
            let terms = &roster.term_lists[begin as usize..(begin + length) as usize];
            out.line.list("terms", terms.iter().map(|&term| roster.sessions.id(term)));
            for key in ["grades", "subjects", "subject_codes", "periods"] {
                out.line.list(key, values::list(texts.text()));
            }
            out.line.close();
            let mut seats = 0_u64;
            let counts = |seat: &Seat| self.seat_counts(slot, seat.other);
            let mut write = |line: &mut Line, seat: Seat| {
                seats += 1;
                self.seat(line, roster.users.id(seat.other), seat);
            };
            out.line.items("teachers", self.seats.teachers(slot).filter(counts), &mut write);
            out.line.items("students", self.seats.students(slot).filter(counts), &mut write);
            count += seats;
            out.send(Tag::Class);
        }
        count
    }

    fn seat(&self, line: &mut Line, id: &str, seat: Seat) {
        let (begin, end) = self.roster.dates[seat.dates()];
        if !seat.is_primary() && begin == values::NO_DAY && end == values::NO_DAY {
            // Nearly all are: a text alone is what the model reads fastest.
            line.string(id);
            return;
        }
        line.raw("{").text("id", id).flag("primary", seat.is_primary()).day("begin", begin).day("end", end).close();
    }
}

/// Bytes of lines that go to the sink together.
const BATCH: usize = 256 << 10;

/// Lines, one after the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    ends: Vec<(Tag, usize)>,
}

impl Batch {
    fn lines(&self) -> impl Iterator<Item = (Tag, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(tag, end)| (tag, &self.bytes[std::mem::replace(&mut start, end)..end]))
    }
}

/// Where lines are written.
struct Out {
    line: Line,
    batch: Batch,
    full: SyncSender<Batch>,
    used: Receiver<Batch>,
}

impl Out {
    fn send(&mut self, tag: Tag) {
        self.line.close();
        self.batch.bytes.extend_from_slice(self.line.bytes());
        self.batch.ends.push((tag, self.batch.bytes.len()));
        if self.batch.bytes.len() >= BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let mut next = self.used.try_recv().unwrap_or_default();
        next.bytes.clear();
        next.ends.clear();
        // Nobody listens any more once the sink has failed, which is told there.
        let _ = self.full.send(std::mem::replace(&mut self.batch, next));
    }
}
