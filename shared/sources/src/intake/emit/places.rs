//! Records of schools, terms, courses and classes.

use roster::records::{Class, ClassDetails, Course, RecordKind, School, Term};

use super::{Assembled, Out};
use crate::intake::collected::OrgKind;
use crate::intake::ids::NONE;
use crate::intake::json::{Lines, key};
use crate::intake::memberships::Membership;
use crate::intake::prefetch;
use crate::intake::record_texts::{ClassTexts, CourseTexts, OrgTexts, SessionTexts};
use crate::intake::values;

impl Assembled {
    pub(super) fn write_schools(&self, out: &mut Out) {
        let roster = &self.roster;
        out.begin(RecordKind::School);
        let orgs = roster.orgs.ids.sorted(roster.orgs.present());
        for slot in roster.orgs.ids.table_sorted(&orgs) {
            let org = *roster.orgs.record(slot);
            if !org.is_school() || !roster.in_scope(slot) {
                continue;
            }
            let texts = OrgTexts::read(&roster.texts, org.texts);
            out.lines
                .begin()
                .text(key!(School, id), roster.orgs.id(slot))
                .text(key!(School, name), texts.name)
                .optional(key!(School, identifier), texts.identifier);
            if org.parent != NONE {
                out.lines.text(key!(School, parent), roster.orgs.id(org.parent));
            }
            out.end();
        }
    }

    pub(super) fn write_terms(&self, out: &mut Out) {
        let roster = &self.roster;
        out.begin(RecordKind::Term);
        let sessions = roster.sessions.ids.sorted(roster.sessions.present());
        for slot in roster.sessions.ids.table_sorted(&sessions) {
            let session = *roster.sessions.record(slot);
            let texts = SessionTexts::read(&roster.texts, session.texts);
            out.lines
                .begin()
                .text(key!(Term, id), roster.sessions.id(slot))
                .text(key!(Term, title), texts.title)
                .text(key!(Term, kind), session.kind)
                .day(key!(Term, start), session.start)
                .day(key!(Term, end), session.end);
            if session.parent != NONE {
                out.lines.text(key!(Term, parent), roster.sessions.id(session.parent));
            }
            out.lines.optional(key!(Term, school_year), texts.school_year);
            out.end();
        }
    }

    pub(super) fn write_courses(&self, out: &mut Out) {
        let roster = &self.roster;
        out.begin(RecordKind::Course);
        let courses = roster.courses.ids.sorted(roster.courses.present());
        for slot in roster.courses.ids.table_sorted(&courses) {
            let course = *roster.courses.record(slot);
            let org = *roster.orgs.record(course.org);
            let is_out_of_scope = org.kind == OrgKind::School && !roster.in_scope(course.org);
            if is_out_of_scope {
                continue;
            }
            let texts = CourseTexts::read(&roster.texts, course.texts);
            out.lines
                .begin()
                .text(key!(Course, id), roster.courses.id(slot))
                .text(key!(Course, title), texts.title)
                .optional(key!(Course, code), texts.code)
                .text(key!(Course, org), roster.orgs.id(course.org));
            if course.school_year != NONE {
                let year = roster.sessions.id(course.school_year);
                out.lines.text(key!(Course, school_year), year);
            }
            out.lines
                .list(key!(Course, grades), values::list(texts.grades))
                .list(key!(Course, subjects), values::list(texts.subjects))
                .list(key!(Course, subject_codes), values::list(texts.subject_codes));
            out.end();
        }
    }

    /// Writes the classes and returns the number of enrollments.
    pub(super) fn write_classes(&self, out: &mut Out) -> u64 {
        let roster = &self.roster;
        out.begin(RecordKind::Class);
        let classes = roster.classes.ids.sorted(roster.classes.present());
        let mut count = 0;
        for slot in roster.classes.ids.table_sorted(&classes) {
            if !roster.in_scope(roster.classes.record(slot).school) {
                continue;
            }
            out.lines.begin().text(key!(Class, id), roster.classes.id(slot));
            self.write_class_details(&mut out.lines, slot);
            prefetch::students_of(self, slot);
            let in_scope = |membership: &Membership| self.is_in_scope(slot, membership.other);
            let mut write = |line: &mut Lines, membership: Membership| {
                count += 1;
                self.write_membership(line, roster.users.id(membership.other), membership);
            };
            let teachers = self.memberships.teachers(slot).filter(in_scope);
            out.lines.items(key!(Class, teachers), teachers, &mut write);
            let students = self.memberships.students(slot).filter(in_scope);
            out.lines.items(key!(Class, students), students, &mut write);
            out.end();
        }
        count
    }

    fn write_class_details(&self, line: &mut Lines, slot: u32) {
        let roster = &self.roster;
        let class = *roster.classes.record(slot);
        let texts = ClassTexts::read(&roster.texts, class.texts);
        line.open(key!(Class, details))
            .text(key!(ClassDetails, title), texts.title)
            .optional(key!(ClassDetails, code), texts.code)
            .optional(key!(ClassDetails, class_type), texts.class_type)
            .optional(key!(ClassDetails, location), texts.location)
            .text(key!(ClassDetails, school), roster.orgs.id(class.school));
        if class.course != NONE {
            line.text(key!(ClassDetails, course), roster.courses.id(class.course));
        }
        let (begin, length) = class.terms;
        let terms = &roster.term_lists[begin as usize..(begin + length) as usize];
        line.list(key!(ClassDetails, terms), terms.iter().map(|&term| roster.sessions.id(term)))
            .list(key!(ClassDetails, grades), values::list(texts.grades))
            .list(key!(ClassDetails, subjects), values::list(texts.subjects))
            .list(key!(ClassDetails, subject_codes), values::list(texts.subject_codes))
            .list(key!(ClassDetails, periods), values::list(texts.periods))
            .close();
    }
}
