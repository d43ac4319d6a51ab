//! courses.csv and classes.csv (checks 33, 34, 36, 39, 44 and 45).

use roster::finding::source as codes;
use roster::records::RecordKind;

use super::collected::{Class, Collected, Course, Org};
use super::diagnostics::{Abort, Diagnostics, Sign, place, quoted};
use super::header::Col;
use super::ids::{NONE, RecordStatus};
use super::layout::FileKind;
use super::record_texts::{ClassTexts, CourseTexts};
use super::row::Row;
use super::table::Table;
use super::take::{Taken, note_id_case, take};
use super::values::{self, Day, NO_DAY};

pub(super) fn read_courses(
    table: &mut Table,
    package: u16,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let [school_year, title, code, grades, org, subjects, subject_codes] = [
        "schoolYearSourcedId",
        "title",
        "courseCode",
        "grades",
        "orgSourcedId",
        "subjects",
        "subjectCodes",
    ]
    .map(|name| table.col(name));
    while table.advance(diagnostics)? {
        let row = table.row();
        let slot = match take(&mut roster.courses, &row, package, diagnostics) {
            Taken::Record(slot) => slot,
            Taken::Unnamed => {
                roster.losses.kind(RecordKind::Course);
                continue;
            }
            Taken::Bad(_) | Taken::Nothing => continue,
        };
        let (Some(title), Some(org_id)) =
            (row.required(title, diagnostics), row.required_id(org, diagnostics))
        else {
            roster.courses.set(slot, RecordStatus::Dropped);
            continue;
        };
        let Some(org) = roster.orgs.ids.find(org_id).filter(|&slot| roster.orgs.resolves(slot))
        else {
            let how = (org, &codes::REFERENCE_MISSING);
            row.note_missing(&mut roster.missing, FileKind::Orgs, org_id, how, diagnostics);
            roster.courses.set(slot, RecordStatus::Dropped);
            continue;
        };
        let year = course_year(&row, school_year, roster, diagnostics);
        check_grades(&row, grades, diagnostics);
        check_subjects(&row, subjects, subject_codes, diagnostics);
        let texts = CourseTexts {
            title,
            code: row.trimmed(code),
            grades: row.trimmed(grades),
            subjects: row.trimmed(subjects),
            subject_codes: row.trimmed(subject_codes),
        };
        let texts = texts.write(&mut roster.texts);
        *roster.courses.record_mut(slot) =
            Course { texts, org, school_year: year, has_classes: false };
    }
    Ok(())
}

/// Resolves the school year of a course.
fn course_year(
    row: &Row<'_>,
    col: Col,
    roster: &mut Collected,
    diagnostics: &Diagnostics<'_>,
) -> u32 {
    let id = row.get(col);
    if id.trim().is_empty() {
        return NONE;
    }
    let slot = roster.sessions.slot(id);
    if roster.sessions.resolves(slot) {
        return slot;
    }
    let (to, how) = (FileKind::AcademicSessions, (col, &codes::OPTIONAL_REFERENCE_MISSING));
    row.note_missing(&mut roster.missing, to, id, how, diagnostics);
    NONE
}

/// Runs the checks that need all courses.
pub(super) fn finish_courses(roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    note_id_case(&roster.courses, FileKind::Courses, diagnostics);
}

pub(super) fn read_classes(
    table: &mut Table,
    package: u16,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let [
        title,
        grades,
        course,
        code,
        class_type,
        location,
        school,
        terms,
        subjects,
        subject_codes,
        periods,
    ] = [
        "title",
        "grades",
        "courseSourcedId",
        "classCode",
        "classType",
        "location",
        "schoolSourcedId",
        "termSourcedIds",
        "subjects",
        "subjectCodes",
        "periods",
    ]
    .map(|name| table.col(name));
    while table.advance(diagnostics)? {
        let row = table.row();
        let slot = match take(&mut roster.classes, &row, package, diagnostics) {
            Taken::Record(slot) => slot,
            Taken::Unnamed => {
                roster.losses.kind(RecordKind::Class);
                continue;
            }
            Taken::Bad(_) | Taken::Nothing => continue,
        };
        let named = row.required(title, diagnostics);
        // Servers need not send a type.
        let is_typed = !row.is_served() || !row.trimmed(class_type).is_empty();
        let kind = if is_typed {
            row.word(class_type, &["homeroom", "scheduled"], true, true, diagnostics)
        } else {
            Some("")
        };
        let school_id = row.required_id(school, diagnostics);
        let (Some(_), Some(kind), Some(school_id)) = (named, kind, school_id) else {
            roster.classes.set(slot, RecordStatus::Dropped);
            continue;
        };
        let school_slot = class_school(&row, school, school_id, roster, diagnostics);
        let course_slot = class_course(&row, course, roster, diagnostics);
        let (Some(school_slot), Some(course_slot)) = (school_slot, course_slot) else {
            roster.classes.set(slot, RecordStatus::Dropped);
            continue;
        };
        let (terms, span) = class_terms(&row, terms, roster, diagnostics);
        check_grades(&row, grades, diagnostics);
        check_subjects(&row, subjects, subject_codes, diagnostics);
        let texts = ClassTexts {
            // Not trimmed (R-M3).
            title: row.get(title),
            code: row.trimmed(code),
            class_type: kind,
            location: row.trimmed(location),
            grades: row.trimmed(grades),
            subjects: row.trimmed(subjects),
            subject_codes: row.trimmed(subject_codes),
            periods: row.trimmed(periods),
        };
        let texts = texts.write(&mut roster.texts);
        *roster.classes.record_mut(slot) =
            Class { texts, school: school_slot, course: course_slot, terms, span };
    }
    Ok(())
}

/// Runs the checks that need all classes.
pub(super) fn finish_classes(roster: &mut Collected, diagnostics: &mut Diagnostics<'_>) {
    note_id_case(&roster.classes, FileKind::Classes, diagnostics);
    let taught: Vec<u32> = roster
        .classes
        .present()
        .map(|slot| roster.classes.record(slot).course)
        .filter(|&c| c != NONE)
        .collect();
    for slot in taught {
        roster.courses.record_mut(slot).has_classes = true;
    }
    let idle =
        roster.courses.present().filter(|&slot| !roster.courses.record(slot).has_classes).count();
    if idle > 0 {
        diagnostics.note(&codes::COURSE_WITHOUT_CLASS, |f| {
            f.with(format!("{idle} courses have no class")).at(place("courses.csv", 0, None))
        });
    }
}

/// Resolves the school of a class. If the school is not in the set, the class is dropped. The
/// school itself does not count as removed (readings, R-A6).
fn class_school(
    row: &Row<'_>,
    col: Col,
    id: &str,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<u32> {
    let slot = roster.orgs.slot(id);
    let org: &mut Org = roster.orgs.record_mut(slot);
    org.wanted = true;
    let is_school = org.is_school();
    org.has_classes = true;
    if !is_school && roster.orgs.is_present(slot) {
        row.note(diagnostics, &codes::ORG_NOT_SCHOOL, Some(col), String::new);
    }
    if roster.orgs.resolves(slot) {
        return Some(slot);
    }
    let how = (col, &codes::REFERENCE_MISSING);
    row.note_missing(&mut roster.missing, FileKind::Orgs, id, how, diagnostics);
    None
}

/// Resolves the course of a class. In practice homerooms have none, although the standard requires
/// one. A course that is not in the set stays, like a school (R-A6).
fn class_course(
    row: &Row<'_>,
    col: Col,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<u32> {
    let id = row.get(col);
    if id.trim().is_empty() {
        row.note(diagnostics, &codes::COURSE_MISSING, Some(col), String::new);
        return Some(NONE);
    }
    let slot = roster.courses.slot(id);
    if roster.courses.resolves(slot) {
        return Some(slot);
    }
    let how = (col, &codes::REFERENCE_MISSING);
    row.note_missing(&mut roster.missing, FileKind::Courses, id, how, diagnostics);
    None
}

/// Returns the terms of a class, including unknown ones, because a class with one is not over
/// (readings, R-C4), and the dates that the terms cover.
fn class_terms(
    row: &Row<'_>,
    col: Col,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> ((u32, u32), (Day, Day)) {
    let begin = roster.term_lists.len() as u32;
    let (mut first, mut end) = (Day::MAX, Day::MIN);
    for id in values::list(row.get(col)) {
        let slot = roster.sessions.slot(id);
        if roster.term_lists[begin as usize..].contains(&slot) {
            continue;
        }
        roster.term_lists.push(slot);
        if roster.sessions.is_present(slot) {
            let session = roster.sessions.record(slot);
            (first, end) = (first.min(session.start), end.max(session.end));
        } else {
            if !roster.sessions.resolves(slot) {
                let (to, how) =
                    (FileKind::AcademicSessions, (col, &codes::OPTIONAL_REFERENCE_MISSING));
                row.note_missing(&mut roster.missing, to, id, how, diagnostics);
            }
            (first, end) = (Day::MIN, Day::MAX);
        }
    }
    let count = roster.term_lists.len() as u32 - begin;
    if count == 0 {
        row.note(diagnostics, &codes::CLASS_WITHOUT_TERM, Some(col), || {
            "the class names no academic session".into()
        });
        return ((begin, 0), (NO_DAY, Day::MAX));
    }
    ((begin, count), (first, end))
}

/// Reports grade codes that the standard does not define (check 33).
pub(super) fn check_grades(row: &Row<'_>, col: Col, diagnostics: &mut Diagnostics<'_>) {
    for grade in values::list(row.get(col)).filter(|grade| !values::is_grade(grade)) {
        row.note(diagnostics, &codes::GRADE_UNKNOWN, Some(col), || {
            format!("the grade {} was kept unchanged", quoted(grade))
        });
        if matches!(grade.as_bytes(), [b'1'..=b'9']) {
            diagnostics.sign(Sign::Grades);
        }
    }
}

fn check_subjects(
    row: &Row<'_>,
    subjects: Col,
    subject_codes: Col,
    diagnostics: &mut Diagnostics<'_>,
) {
    let (names, numbers) = (row.get(subjects), row.get(subject_codes));
    if !numbers.trim().is_empty() && values::list(names).count() != values::list(numbers).count() {
        row.note(diagnostics, &codes::SUBJECT_CODES, Some(subject_codes), || {
            format!(
                "{} subjects have {} codes",
                values::list(names).count(),
                values::list(numbers).count()
            )
        });
    }
}
