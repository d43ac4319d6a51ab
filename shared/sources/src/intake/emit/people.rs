//! Records of teachers, students and guardians.

use roster::records::{Demographics, Guardian, Person, RecordKind, Student};

use super::{Assembled, Out};
use crate::intake::collected::{Demographic, person};
use crate::intake::demographics::RACES;
use crate::intake::json::{Key, Lines, key};
use crate::intake::prefetch;
use crate::intake::record_texts::{DemographicTexts, PersonTexts, StudentTexts};
use crate::intake::values;

impl Assembled {
    pub(super) fn write_people(&self, kind: RecordKind, role: u8, out: &mut Out) {
        out.begin(kind);
        for people in self.users.chunks(prefetch::PEOPLE) {
            prefetch::people(self, people, role);
            for &user in people {
                if self.has_record(user, role) {
                    self.write_record(user, role, &mut out.lines);
                    out.end();
                }
            }
        }
    }

    /// Writes the record of a person in one role. The three kinds of record have the names of the
    /// fields that they share in common.
    fn write_record(&self, user: u32, role: u8, line: &mut Lines) {
        let roster = &self.roster;
        let data = roster.users.record(user);
        let row = roster.demographics.get(user as usize).filter(|row| row.known);
        let more = row.map(|row| DemographicTexts::read(&roster.texts, row.texts));
        line.begin().text(key!(Student, id), roster.users.id(user));
        if role == person::STUDENT {
            let (texts, student) = PersonTexts::read_with_student(&roster.texts, data.texts);
            self.write_person(line, user, role, &texts, more);
            write_demographics(line, &student, row, more);
            self.write_relatives(line, key!(Student, guardians), self.guardians(user));
        } else {
            let texts = PersonTexts::read(&roster.texts, data.texts);
            self.write_person(line, user, role, &texts, more);
        }
        if role == person::GUARDIAN {
            line.text(key!(Guardian, role), data.guardian.name());
            self.write_relatives(line, key!(Guardian, children), self.children(user));
        } else {
            let memberships = self.memberships_of(user, role == person::TEACHER);
            line.items(key!(Student, classes), memberships, |line, membership| {
                self.write_membership(line, roster.classes.id(membership.other), membership)
            });
            line.flag(key!(Student, by_enrollment), data.kinds & role == 0);
        }
    }

    fn write_relatives(&self, line: &mut Lines, key: Key, pairs: &[(u32, u32)]) {
        let users = &self.roster.users;
        let all = self.roster.scope.is_none();
        let in_scope = pairs.iter().filter(|(_, other)| all || users.record(*other).in_scope);
        line.list(key, in_scope.map(|&(_, other)| users.id(other)));
    }

    fn write_person(
        &self,
        line: &mut Lines,
        user: u32,
        role: u8,
        texts: &PersonTexts<'_>,
        more: Option<DemographicTexts<'_>>,
    ) {
        let (mut number, mut state_id) = (texts.number, texts.state_id);
        if let Some(more) = more {
            state_id = if state_id.is_empty() { more.state_id } else { state_id };
            number = if more.number.is_empty() { number } else { more.number };
        }
        let schools = self.schools(user, role);
        line.open(key!(Student, person))
            .optional(key!(Person, given), texts.given)
            .optional(key!(Person, family), texts.family)
            .optional(key!(Person, middle), texts.middle)
            .optional(key!(Person, preferred_given), texts.preferred_given)
            .optional(key!(Person, preferred_family), texts.preferred_family)
            .optional(key!(Person, email), texts.email)
            .optional(key!(Person, phone), texts.phone)
            .optional(key!(Person, sms), texts.sms)
            .optional(key!(Person, username), texts.username)
            .optional(key!(Person, number), number)
            .optional(key!(Person, state_id), state_id)
            .optional(key!(Person, sis_id), texts.sis_id)
            .list(key!(Person, schools), schools.iter().map(|&org| self.roster.orgs.id(org)))
            .flag(key!(Person, disabled), self.roster.users.record(user).disabled)
            .close();
    }
}

/// Writes a student's demographics. Under `ignore` all values were left blank when they were read
/// (R-M7). The values of the person take precedence over those of the row of demographics.
fn write_demographics(
    line: &mut Lines,
    student: &StudentTexts<'_>,
    row: Option<&Demographic>,
    more: Option<DemographicTexts<'_>>,
) {
    let more = more.unwrap_or_default();
    let [ell, frl, iep] =
        [(student.ell, more.ell), (student.frl, more.frl), (student.iep, more.iep)]
            .map(|(own, other)| if own.is_empty() { other } else { own });
    let (races, hispanic, birth) =
        row.map_or((0, 0, values::NO_DAY), |row| (row.races, row.hispanic, row.birth));
    let is_empty = values::list(student.grades).next().is_none()
        && races == 0
        && hispanic == 0
        && birth == values::NO_DAY
        && [more.sex, ell, frl, iep].iter().all(|value| value.is_empty());
    if is_empty {
        return;
    }
    let race_names = RACES.iter().enumerate().filter(|(bit, _)| races >> bit & 1 == 1);
    line.open(key!(Student, demographics))
        .list(key!(Demographics, grades), values::list(student.grades))
        .list(key!(Demographics, races), race_names.map(|(_, name)| *name))
        .optional(key!(Demographics, hispanic), ["", "false", "true"][usize::from(hispanic)])
        .optional(key!(Demographics, gender), more.sex)
        .day(key!(Demographics, birth_date), birth)
        .optional(key!(Demographics, ell), ell)
        .optional(key!(Demographics, frl), frl)
        .optional(key!(Demographics, iep), iep)
        .close();
}
