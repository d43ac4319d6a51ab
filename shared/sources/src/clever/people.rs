//! Users: one person with any of the roles student, teacher, staff, district administrator,
//! contact.

use roster::contact;
use roster::finding::pull as codes;
use roster::finding::source;

use super::feed::{Claimed, Feed, claim, kind_of, note};
use super::objects::{ContactRole, Name, Roles, StudentRole, Text, User as UserObject};
use super::places::day;
use super::pull::Resource;
use crate::intake::collected::{Demographic, GuardianWord, User, person};
use crate::intake::demographics::RACES;
use crate::intake::diagnostics::Diagnostics;
use crate::intake::ids::{NONE, RecordStatus};
use crate::intake::record_texts::{DemographicTexts, PersonTexts, StudentTexts};

fn kinds_of(roles: &Roles<'_>) -> u8 {
    let kind = |has: bool, kind: u8| if has { kind } else { 0 };
    kind(roles.student.is_some(), person::STUDENT)
        | kind(roles.teacher.is_some(), person::TEACHER)
        | kind(roles.contact.as_ref().is_some_and(makes_guardian), person::GUARDIAN)
        | kind(
            roles.staff.is_some() || roles.district_admin || roles.contact.is_some(),
            person::OTHER,
        )
}

/// Whether a contact is a guardian. A contact who is only called in an emergency, or who is the
/// student, gets no account with a student's data.
fn makes_guardian(contact: &ContactRole<'_>) -> bool {
    contact.student_relationships.is_empty()
        || contact
            .student_relationships
            .iter()
            .any(|r| relation(&r.relationship, &r.kind).is_some())
}

/// Returns our value for a relationship, or `None` if it is not a guardian's.
fn relation(relationship: &Text<'_>, kind: &Text<'_>) -> Option<GuardianWord> {
    match relationship.trimmed().to_ascii_lowercase().as_str() {
        "self" => None,
        "parent" => Some(GuardianWord::Parent),
        "grandparent" | "aunt/uncle" | "sibling" => Some(GuardianWord::Relative),
        _ if kind.trimmed().eq_ignore_ascii_case("emergency") => None,
        _ => Some(GuardianWord::Guardian),
    }
}

pub(super) fn take(
    feed: &mut Feed<'_>,
    list: Resource,
    object: &str,
    diagnostics: &mut Diagnostics<'_>,
) {
    let Some(user) =
        feed.read(list, object, |user: &UserObject<'_>| (&user.id, &user.district), diagnostics)
    else {
        return;
    };
    let kinds = kinds_of(&user.roles);
    let slot = match claim(&mut feed.roster.users, list, &user.id, &user, diagnostics) {
        Claimed::First(slot) => slot,
        // Clever returns a user with several roles in the list of each role. The first list that
        // gives an account is imported; the others only add their roles.
        Claimed::Known(slot) => {
            let known = feed.roster.users.record_mut(slot);
            let was_read = known.kinds & person::ALL != 0 || kinds & person::ALL == 0;
            known.kinds |= kinds;
            if was_read {
                return;
            }
            slot
        }
        Claimed::Nothing => return,
    };
    read(feed, list, slot, &user, kinds, diagnostics);
}

fn read(
    feed: &mut Feed<'_>,
    list: Resource,
    slot: u32,
    user: &UserObject<'_>,
    kinds: u8,
    diagnostics: &mut Diagnostics<'_>,
) {
    let roles = &user.roles;
    let mut record = User { main_org: NONE, kinds, ..User::default() };
    let mut is_valid = true;
    if kinds == 0 {
        note(diagnostics, &codes::RECORD_UNREADABLE, list, user.id.get(), Some("roles"), || {
            "a user has no role".into()
        });
        record.kinds = kind_of(list);
        is_valid = false;
    }
    if kinds & person::ALL == 0 && kinds != 0 {
        let role = if roles.contact.is_some() {
            "contact"
        } else if roles.staff.is_some() {
            "staff"
        } else {
            "district_admin"
        };
        *feed.roster.not_rostered.entry((list.name(), role.to_owned())).or_default() += 1;
    }
    if kinds & person::ALL != 0 && user.name.first.get().is_none() && user.name.last.get().is_none()
    {
        note(diagnostics, &source::VALUE_MISSING, list, user.id.get(), Some("name"), || {
            "a user has no name".into()
        });
        is_valid = false;
    }
    is_valid &= schools(feed, list, user, &mut record, diagnostics);
    if let Some(contact) = &roles.contact {
        relate(feed, slot, contact, &mut record);
    }
    if !is_valid {
        if kinds & person::GUARDIAN != 0 {
            // The contacts count as taken (R-G1).
            record.texts = write_texts(feed, list, user, diagnostics);
            record.has_texts = true;
        }
        feed.roster.users.set(slot, RecordStatus::Dropped);
        *feed.roster.users.record_mut(slot) = record;
        return;
    }
    record.texts = write_texts(feed, list, user, diagnostics);
    record.has_texts = true;
    *feed.roster.users.record_mut(slot) = record;
    if let Some(student) = roles.student.as_ref().filter(|_| feed.options.demographics) {
        demographics(feed, list, slot, &user.id, student, diagnostics);
    }
}

/// Reads the user's schools that are shared, the main one first. Returns false if a student or
/// teacher has none.
fn schools(
    feed: &mut Feed<'_>,
    list: Resource,
    user: &UserObject<'_>,
    record: &mut User,
    diagnostics: &mut Diagnostics<'_>,
) -> bool {
    let Roles { student, teacher, staff, .. } = &user.roles;
    let (student, teacher, staff) = (student.as_ref(), teacher.as_ref(), staff.as_ref());
    let main = student.map(|role| &role.school).into_iter().chain(teacher.map(|role| &role.school));
    let others =
        student.map(|role| &role.schools).into_iter().chain(teacher.map(|role| &role.schools));
    let others = others.chain(staff.map(|role| &role.schools)).flatten();
    let named: Vec<&str> = main.chain(others).filter_map(Text::get).collect();
    let roster = &mut feed.roster;
    let begin = roster.org_lists.len();
    for id in &named {
        let slot = roster
            .orgs
            .ids
            .find(id)
            .filter(|&slot| slot != feed.district_org && roster.orgs.resolves(slot));
        if let Some(slot) = slot.filter(|slot| !roster.org_lists[begin..].contains(slot)) {
            roster.org_lists.push(slot);
        }
    }
    record.orgs = (begin as u32, (roster.org_lists.len() - begin) as u32);
    if record.orgs.1 > 0 || (student.is_none() && teacher.is_none()) {
        return true;
    }
    if named.is_empty() {
        note(diagnostics, &source::VALUE_MISSING, list, user.id.get(), Some("schools"), || {
            "a user has no school".into()
        });
        return false;
    }
    // R-H3: the reference cannot be resolved. The mirror's version of the schools is kept, too
    // (readings, R-A6).
    for id in named {
        let slot = roster.orgs.slot(id);
        roster.orgs.record_mut(slot).wanted = true;
    }
    note(diagnostics, &codes::SCHOOL_NOT_SHARED, list, user.id.get(), Some("schools"), String::new);
    false
}

/// Reads the students of a contact. In Clever, only the contact's record has the relationship; it
/// is recorded for both.
fn relate(feed: &mut Feed<'_>, slot: u32, contact: &ContactRole<'_>, record: &mut User) {
    let roster = &mut feed.roster;
    let mut best = None;
    for relationship in &contact.student_relationships {
        let Some(word) = relation(&relationship.relationship, &relationship.kind) else {
            feed.counts.no_guardians += 1;
            continue;
        };
        best = match best {
            Some(GuardianWord::Parent) => best,
            Some(GuardianWord::Relative) if word == GuardianWord::Guardian => best,
            _ => Some(word),
        };
        let student = relationship.student.get().and_then(|id| roster.users.ids.find(id));
        let student = student.filter(|&s| {
            roster.users.resolves(s) && roster.users.record(s).kinds & person::STUDENT != 0
        });
        match student {
            Some(student) => roster.agents.extend([(slot, student), (student, slot)]),
            None => feed.counts.children_not_shared += 1,
        }
    }
    record.guardian = best.unwrap_or_default();
}

/// Writes the texts of a person and returns their position.
fn write_texts(
    feed: &mut Feed<'_>,
    list: Resource,
    user: &UserObject<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> usize {
    let (student, teacher, contact) =
        (user.roles.student.as_ref(), user.roles.teacher.as_ref(), user.roles.contact.as_ref());
    let no_name = Name::default();
    let preferred = student.map_or(&no_name, |role| &role.preferred_name);
    let malformed = |code, field, diagnostics: &mut Diagnostics<'_>| {
        note(diagnostics, code, list, user.id.get(), Some(field), String::new);
    };
    let mut contacts = String::new();
    let email = user.email.trimmed();
    if !email.is_empty() && !contact::write_email(email, &mut contacts) {
        malformed(&source::EMAIL_MALFORMED, "email", diagnostics);
    }
    let email_end = contacts.len();
    let phone = contact.map_or("", |role| role.phone.trimmed());
    if !phone.is_empty() && !feed.options.phones.read(phone, &mut contacts) {
        malformed(&source::PHONE_MALFORMED, "phone", diagnostics);
    }
    let (email, phone) = contacts.split_at(email_end);
    let is_mobile =
        contact.is_some_and(|role| role.phone_type.trimmed().eq_ignore_ascii_case("cell"));
    let (phone, sms) = if is_mobile { ("", phone) } else { (phone, "") };
    let of_student = student
        .map(|role| (&role.credentials, [&role.student_number, &role.state_id, &role.sis_id]));
    let own = of_student.or(teacher
        .map(|role| (&role.credentials, [&role.teacher_number, &role.state_id, &role.sis_id])));
    let [number, state_id, sis_id] = own.map_or([""; 3], |(_, numbers)| numbers.map(Text::trimmed));
    let person = PersonTexts {
        given: user.name.first.trimmed(),
        // The full name of a contact, who has no other name.
        family: user.name.last.trimmed(),
        middle: user.name.middle.trimmed(),
        preferred_given: preferred.first.trimmed(),
        preferred_family: preferred.last.trimmed(),
        email,
        phone,
        sms,
        username: own.map_or("", |(credentials, _)| credentials.district_username.trimmed()),
        number,
        state_id,
        sis_id,
    };
    // R-M7: demographics that are not kept are not even read.
    let kept = student.filter(|_| feed.options.demographics);
    let student = kept.map_or_else(StudentTexts::default, |role| StudentTexts {
        grades: role.grade.trimmed(),
        ell: role.ell_status.trimmed(),
        frl: role.frl_status.trimmed(),
        iep: role.iep_status.trimmed(),
    });
    person.write(&student, &mut feed.roster.texts)
}

/// Clever's names of the races that have a OneRoster column, in the order of the columns.
const RACE_WORDS: [&str; RACES.len()] = [
    "American Indian",
    "Asian",
    "Black or African American",
    "Hawaiian or Other Pacific Islander",
    "Caucasian",
    "Two or More Races",
];

fn demographics(
    feed: &mut Feed<'_>,
    list: Resource,
    slot: u32,
    id: &Text<'_>,
    student: &StudentRole<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let race = student.race.trimmed();
    let bit = RACE_WORDS.iter().position(|word| word.eq_ignore_ascii_case(race));
    if bit.is_none() && !race.is_empty() && !race.eq_ignore_ascii_case("unknown") {
        feed.counts.races += 1;
    }
    let birth = day(list, id, "dob", &student.dob, diagnostics);
    let roster = &mut feed.roster;
    // The other texts are stored with the person.
    let texts = DemographicTexts { sex: student.gender.trimmed(), ..DemographicTexts::default() };
    let texts = texts.write(&mut roster.texts);
    let hispanic = match student.hispanic_ethnicity.trimmed() {
        "Y" | "y" => 2,
        "N" | "n" => 1,
        _ => 0,
    };
    let all = &mut roster.demographics;
    if all.len() <= slot as usize {
        all.resize(slot as usize + 1, Demographic::default());
    }
    all[slot as usize] =
        Demographic { known: true, races: bit.map_or(0, |bit| 1 << bit), hispanic, birth, texts };
}
