//! Sections: classes and their enrollments. No other list has the enrollments.

use roster::finding::{pull as codes, source};
use roster::rule::Rule;

use super::feed::{Claimed, Feed, claim, note, words_of};
use super::objects::{Section, Text};
use super::pull::Resource;
use crate::intake::collected::{Class, Enrollment, person};
use crate::intake::diagnostics::{Diagnostics, id_of, place};
use crate::intake::ids::{NONE, RecordStatus};
use crate::intake::record_texts::ClassTexts;
use crate::intake::values::{Day, NO_DAY};

const LIST: Resource = Resource::Sections;

pub(super) fn take(feed: &mut Feed<'_>, object: &str, diagnostics: &mut Diagnostics<'_>) {
    let Some(section) = feed.read(
        LIST,
        object,
        |section: &Section<'_>| (&section.id, &section.district),
        diagnostics,
    ) else {
        return;
    };
    let Claimed::First(slot) =
        claim(&mut feed.roster.classes, LIST, &section.id, &section, diagnostics)
    else {
        return;
    };
    match school_of(feed, &section, diagnostics) {
        Some(school) => {
            read(feed, slot, school, &section);
            enroll(feed, slot, &section, diagnostics);
        }
        None => feed.roster.classes.set(slot, RecordStatus::Dropped),
    }
}

/// Returns the section's school, or `None` if the section cannot be imported.
fn school_of(
    feed: &mut Feed<'_>,
    section: &Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<u32> {
    let id = section.id.get();
    for (field, text) in [("name", &section.name), ("school", &section.school)] {
        if text.get().is_none() {
            note(diagnostics, &source::VALUE_MISSING, LIST, id, Some(field), || {
                format!("a section has no {field}")
            });
            return None;
        }
    }
    let school = feed.roster.orgs.slot(section.school.get()?);
    if school == feed.district_org || !feed.roster.orgs.resolves(school) {
        feed.roster.orgs.record_mut(school).wanted = school != feed.district_org;
        note(diagnostics, &codes::SCHOOL_NOT_SHARED, LIST, id, Some("school"), String::new);
        return None;
    }
    feed.roster.orgs.record_mut(school).has_classes = true;
    Some(school)
}

fn read(feed: &mut Feed<'_>, slot: u32, school: u32, section: &Section<'_>) {
    let roster = &mut feed.roster;
    let course = section
        .course
        .get()
        .map(|id| Some(roster.courses.slot(id)).filter(|&slot| roster.courses.resolves(slot)));
    feed.counts.courses_missing += u64::from(course == Some(None));
    // A term that is missing is kept, too: a class with such a term is not over (readings, R-C4).
    let terms = (roster.term_lists.len() as u32, u32::from(section.term_id.get().is_some()));
    roster.term_lists.extend(section.term_id.get().map(|id| roster.sessions.slot(id)));
    let subject = section.subject.trimmed();
    let is_homeroom = subject.eq_ignore_ascii_case("homeroom/advisory");
    let texts = ClassTexts {
        // Not trimmed (R-M3).
        title: section.name.get().unwrap_or_default(),
        code: section.section_number.trimmed(),
        class_type: if is_homeroom { "homeroom" } else { "scheduled" },
        grades: section.grade.trimmed(),
        subjects: subject,
        periods: section.period.trimmed(),
        ..ClassTexts::default()
    };
    let texts = texts.write(&mut roster.texts);
    let course = course.flatten().unwrap_or(NONE);
    *roster.classes.record_mut(slot) =
        Class { texts, school, course, terms, span: (NO_DAY, Day::MAX) };
}

/// Adds the enrollments of teachers, the primary teacher first, and of students.
fn enroll(
    feed: &mut Feed<'_>,
    class: u32,
    section: &Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    // According to Clever's documentation, `teacher` is the first of `teachers`. If it is not, it
    // is still read first (R-T2).
    let primary = section.teacher.get();
    let teachers = primary
        .into_iter()
        .chain(section.teachers.iter().filter_map(Text::get).filter(|id| primary != Some(*id)));
    for id in teachers {
        add(feed, class, id, true, primary == Some(id), section, diagnostics);
    }
    let Some(students) = &section.students else {
        // R-H3: the mirror's enrollments of the class stay.
        feed.roster.losses.enrollments.push((class, NONE));
        note(
            diagnostics,
            &codes::RECORD_UNREADABLE,
            LIST,
            section.id.get(),
            Some("students"),
            || "a section has no list of students; its enrollments stay unchanged".into(),
        );
        return;
    };
    for id in students.iter().filter_map(Text::get) {
        add(feed, class, id, false, false, section, diagnostics);
    }
}

fn add(
    feed: &mut Feed<'_>,
    class: u32,
    id: &str,
    teacher: bool,
    primary: bool,
    section: &Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) {
    let roster = &mut feed.roster;
    let known = roster.users.ids.find(id).filter(|&slot| roster.users.resolves(slot));
    let Some(user) = known else {
        feed.counts.people_not_shared += 1;
        return;
    };
    let last_class = &mut feed.last_class[usize::from(teacher)];
    if last_class.len() <= user as usize {
        last_class.resize(roster.users.len(), NONE);
    }
    if std::mem::replace(&mut last_class[user as usize], class) == class {
        return;
    }
    let kind = if teacher { person::TEACHER } else { person::STUDENT };
    let is_present = roster.users.is_present(user);
    let record = roster.users.record_mut(user);
    record.has_enrollment = true;
    if record.kinds & kind == 0 {
        // The enrollment is kept, and the policy decides about it (R-T7). The roles of an
        // unreadable record are not known for certain, so there is no finding for it.
        record.enrolled |= kind;
        if is_present {
            let (word, field) =
                if teacher { ("a teacher", "teachers") } else { ("a student", "students") };
            let code = &source::ENROLLMENT_ROLE;
            diagnostics.note(code, |f| {
                let finding = f
                    .with(format!("the section lists a user as {word}, but the user is not {word}"))
                    .under(Rule::T7);
                let finding = finding.at(place(LIST.name(), 0, Some(field)));
                finding.about(words_of(LIST).entity, &id_of(section.id.get().unwrap_or_default()))
            });
        }
    }
    roster.enrollments.push(Enrollment::new(class, user, teacher, primary, 0, 0));
}

/// Reports how many students and teachers are in no section. They are not listed here: where it
/// matters, the sync rules report them individually (R-S1).
pub(super) fn report_without_section(feed: &Feed<'_>, diagnostics: &mut Diagnostics<'_>) {
    let users = &feed.roster.users;
    let without_section = |kind: u8| {
        let has_none = |slot: &u32| {
            users.record(*slot).kinds & kind != 0 && !users.record(*slot).has_enrollment
        };
        users.present().filter(has_none).count()
    };
    for (list, count, code) in [
        (Resource::Students, without_section(person::STUDENT), &source::STUDENTS_WITHOUT_CLASS),
        (Resource::Teachers, without_section(person::TEACHER), &source::TEACHERS_WITHOUT_CLASS),
    ] {
        if count > 0 {
            note(diagnostics, code, list, None, None, || {
                format!("{count} {} are in no section", list.name())
            });
        }
    }
}
