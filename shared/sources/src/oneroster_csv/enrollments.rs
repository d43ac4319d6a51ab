//! enrollments.csv, by far the longest file (checks 26, 36, 39 to 41, 47).

use hashbrown::HashMap;
use roster::finding::source as codes;
use roster::rule::Rule;

use super::causes;
use super::collected::{Collected, Enrollment, person};
use super::diagnostics::{Abort, Diagnostics, place};
use super::header::Col;
use super::ids::{Last, NONE, RecordStatus};
use super::layout::FileKind;
use super::repeats::{Claims, repeated};
use super::row::Row;
use super::table::Table;
use super::values::{Day, NO_DAY, to_day};

/// Frequent ones first.
const ROLES: [&str; 4] = ["student", "teacher", "administrator", "proctor"];

struct Columns {
    class: Col,
    school: Col,
    user: Col,
    role: Col,
    primary: Col,
    begin: Col,
    end: Col,
}

/// Caches of the last rows' references, and the dates seen so far.
#[derive(Default)]
pub(super) struct Memory {
    class: Last,
    school: Last,
    user: Last,
    dates: HashMap<(Day, Day), u32>,
    last_dates: Option<(String, String, u32, bool)>,
}

pub(super) fn read(
    table: &mut Table,
    claims: &mut Claims,
    memory: &mut Memory,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> Result<(), Abort> {
    let [class, school, user, role, primary, begin, end] = [
        "classSourcedId",
        "schoolSourcedId",
        "userSourcedId",
        "role",
        "primary",
        "beginDate",
        "endDate",
    ]
    .map(|name| table.col(name));
    let columns = Columns { class, school, user, role, primary, begin, end };
    while table.advance(diagnostics)? {
        let row = table.row();
        let Some(id) = row.own_id() else {
            if !row.is_bad() {
                row.required(row.id_col(), diagnostics);
            }
            lose(&row, &columns, roster);
            continue;
        };
        let Some(hash) = claims.take(id) else { continue };
        if row.is_removal() {
            continue;
        }
        if row.is_bad() {
            lose(&row, &columns, roster);
            continue;
        }
        if !super::values::is_regular_id(id) {
            row.note(diagnostics, &codes::ID_CHARACTERS, Some(row.id_col()), String::new);
        }
        let (read, ordered) = read_row(&row, &columns, memory, roster, diagnostics);
        match read {
            Read::Membership(enrollment) => {
                roster.enrollments.push(enrollment);
                roster.enrollment_ids.push(hash);
            }
            Read::Nothing => {}
            Read::Lost => lose(&row, &columns, roster),
        }
        table.note_date_order(ordered, diagnostics);
    }
    Ok(())
}

enum Read {
    Membership(Enrollment),
    /// The row makes no enrollment, and none is lost.
    Nothing,
    /// The row is bad. A finding reports why.
    Lost,
}

fn read_row(
    row: &Row<'_>,
    columns: &Columns,
    memory: &mut Memory,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> (Read, bool) {
    let class_id = row.required_id(columns.class, diagnostics);
    // The class has a school. Some servers leave it out of enrollments.
    let is_left_out = row.is_served() && row.trimmed(columns.school).is_empty();
    let school_id =
        if is_left_out { Some("") } else { row.required_id(columns.school, diagnostics) };
    let user_id = row.required_id(columns.user, diagnostics);
    let role = row.word(columns.role, &ROLES, true, true, diagnostics);
    if role.is_none() {
        causes::count_role(roster, FileKind::Enrollments, row.trimmed(columns.role));
    }
    let (Some(class_id), Some(school_id), Some(user_id), Some(role)) =
        (class_id, school_id, user_id, role)
    else {
        return (Read::Lost, false);
    };
    let class = memory.class.or_find(class_id, |id| roster.classes.slot(id));
    let user = memory.user.or_find(user_id, |id| roster.users.slot(id));
    let (class_status, user_status) = (roster.classes.status(class), roster.users.status(user));
    let kind = match role {
        "student" => person::STUDENT,
        "teacher" => person::TEACHER,
        _ => 0,
    };
    if user_status == RecordStatus::Absent {
        // A person who is still referred to is not gone (R-H1).
        roster.users.record_mut(user).enrolled |= kind;
        let how = (columns.user, &codes::REFERENCE_MISSING);
        row.note_missing(&mut roster.missing, FileKind::Users, user_id, how, diagnostics);
    }
    if class_status == RecordStatus::Absent {
        let how = (columns.class, &codes::REFERENCE_MISSING);
        row.note_missing(&mut roster.missing, FileKind::Classes, class_id, how, diagnostics);
        return (Read::Lost, false);
    }
    if class_status == RecordStatus::Removed || user_status == RecordStatus::Removed {
        // A removed class or user removes its enrollments.
        return (Read::Nothing, false);
    }
    roster.users.record_mut(user).has_enrollment = true;
    if kind == 0 {
        *roster.not_rostered.entry((FileKind::Enrollments.file(), role.to_owned())).or_default() +=
            1;
        return (Read::Nothing, false);
    }
    let is_teacher = kind == person::TEACHER;
    if class_status == RecordStatus::Dropped {
        // The class stays as the mirror has it, and new people join it (R-H3).
        roster.of_dropped_classes += 1;
    } else if !is_left_out
        && memory.school.or_find(school_id, |id| roster.orgs.slot(id))
            != roster.classes.record(class).school
    {
        row.note(diagnostics, &codes::ENROLLMENT_SCHOOL, Some(columns.school), String::new);
    }
    let primary =
        row.boolean(columns.primary, false, false, diagnostics) == Some(true) && is_teacher;
    let (dates, ordered) = read_dates(row, columns, class, memory, roster, diagnostics);
    check_role(row, columns, user, is_teacher, roster, diagnostics);
    (Read::Membership(Enrollment::new(class, user, is_teacher, primary, dates, row.line)), ordered)
}

/// Reports a role that the person does not have. The enrollment stays, and the policy decides about
/// it (R-T7).
fn check_role(
    row: &Row<'_>,
    columns: &Columns,
    slot: u32,
    is_teacher: bool,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) {
    let kind = if is_teacher { person::TEACHER } else { person::STUDENT };
    let is_present = roster.users.is_present(slot);
    let user = roster.users.record_mut(slot);
    if user.kinds & kind != 0 || !is_present {
        // The roles of a bad row are uncertain.
        if !is_present {
            user.enrolled |= kind;
        }
        return;
    }
    user.enrolled |= kind;
    let word = if is_teacher { "a teacher" } else { "a student" };
    notes_role(row, columns, word, diagnostics);
}

fn notes_role(row: &Row<'_>, columns: &Columns, word: &str, diagnostics: &mut Diagnostics<'_>) {
    diagnostics.note(&codes::ENROLLMENT_ROLE, |f| {
        let finding = f
            .with(format!("the enrollment lists the user as {word}, but the user is not {word}"))
            .under(Rule::T7)
            .at(place(FileKind::Enrollments.file(), row.line, Some(columns.role.name)));
        match row.own_id() {
            Some(id) => {
                finding.about(FileKind::Enrollments.entity(), &super::diagnostics::id_of(id))
            }
            None => finding,
        }
    });
}

/// Returns the index of the row's dates in [`Collected::dates`], and whether the district's order
/// of day and month was needed.
fn read_dates(
    row: &Row<'_>,
    columns: &Columns,
    class: u32,
    memory: &mut Memory,
    roster: &mut Collected,
    diagnostics: &mut Diagnostics<'_>,
) -> (u32, bool) {
    let texts = (row.trimmed(columns.begin), row.trimmed(columns.end));
    let known = memory
        .last_dates
        .as_ref()
        .filter(|(begin, end, ..)| (begin.as_str(), end.as_str()) == texts);
    let (number, ordered) = if let Some(&(.., number, ordered)) = known {
        (number, ordered)
    } else {
        let (begin, begin_ordered) = row.date(columns.begin, false, false, diagnostics);
        let (end, end_ordered) = row.date(columns.end, false, false, diagnostics);
        let bad =
            (begin.is_none() && !texts.0.is_empty()) || (end.is_none() && !texts.1.is_empty());
        let pair = (begin.map_or(NO_DAY, to_day), end.map_or(NO_DAY, to_day));
        let number = *memory.dates.entry(pair).or_insert_with(|| {
            roster.dates.push(pair);
            roster.dates.len() as u32 - 1
        });
        let ordered = begin_ordered || end_ordered;
        // Not cached, so that each row with a bad date is reported.
        memory.last_dates =
            (!bad).then(|| (texts.0.to_owned(), texts.1.to_owned(), number, ordered));
        (number, ordered)
    };
    let (begin, end) = roster.dates[number as usize];
    let (first, last) = roster.classes.record(class).span;
    let has_span = roster.classes.status(class) != RecordStatus::Dropped;
    if begin != NO_DAY && end != NO_DAY && begin >= end {
        row.note(diagnostics, &codes::ENROLLMENT_DATES, Some(columns.end), || {
            "the enrollment ends before it begins".into()
        });
    } else if has_span && ((begin != NO_DAY && begin < first) || (end != NO_DAY && end > last)) {
        row.note(diagnostics, &codes::ENROLLMENT_DATES, Some(columns.begin), || {
            "the enrollment is outside the dates of its class's sessions".into()
        });
    }
    (number, ordered)
}

/// Records an enrollment that could not be read (R-H3). Its class and person identify it, not its
/// own id. If the cells of the row are not in their columns, they count only if they name a class
/// or a user of the set.
fn lose(row: &Row<'_>, columns: &Columns, roster: &mut Collected) {
    let named = row.own_id().is_some();
    let (class_id, user_id) = (row.doubtful(columns.class), row.doubtful(columns.user));
    let (class, user) = if row.is_whole() {
        let slot = |id: &str| !id.trim().is_empty();
        (
            if slot(class_id) { roster.classes.slot(class_id) } else { NONE },
            if slot(user_id) { roster.users.slot(user_id) } else { NONE },
        )
    } else if named {
        let class = roster.classes.ids.find(class_id).filter(|&slot| roster.classes.resolves(slot));
        let user = roster.users.ids.find(user_id).filter(|&slot| roster.users.resolves(slot));
        (class.unwrap_or(NONE), user.unwrap_or(NONE))
    } else {
        (NONE, NONE)
    };
    if class == NONE && user == NONE {
        roster.losses.any_enrollment = true;
    } else {
        roster.losses.enrollments.push((class, user));
    }
}

/// Runs the checks that need all enrollments. Of rows with the same sourcedId, equal ones count
/// once, and different ones are all dropped (check 26).
pub(super) fn finish(roster: &mut Collected, diagnostics: &mut Diagnostics<'_>) {
    let ids = std::mem::take(&mut roster.enrollment_ids);
    for group in repeated(&ids) {
        let first = roster.enrollments[group[0]];
        let same = group.iter().all(|&i| roster.enrollments[i].equals(first));
        let code = if same { &codes::DUPLICATE_ROW } else { &codes::DUPLICATE_ID };
        for &i in &group[1..] {
            let line = roster.enrollments[i].line;
            diagnostics.note(code, |f| {
                let found = if same {
                    format!("the row is the same as the one on line {}", first.line)
                } else {
                    format!(
                        "line {} has the same sourcedId with other values; these rows were skipped",
                        first.line
                    )
                };
                f.with(found).at(place(FileKind::Enrollments.file(), line, Some("sourcedId")))
            });
        }
        for &i in &group[usize::from(same)..] {
            let enrollment = &mut roster.enrollments[i];
            if !same {
                roster.losses.enrollments.push((enrollment.class, enrollment.user));
            }
            enrollment.user = Enrollment::VOID;
        }
    }
    if roster.of_dropped_classes > 0 {
        diagnostics.note(&codes::ENROLLMENTS_OF_DROPPED_CLASSES, |f| {
            let found = format!(
                "{} enrollments belong to classes that were skipped. They are used only for classes \
                 that are already in the mirror",
                roster.of_dropped_classes
            );
            f.with(found).at(place(FileKind::Enrollments.file(), 0, None))
        });
    }
    note_idle(roster, diagnostics);
}

/// Counts people without an enrollment (check 44). Where it matters, the plan names each of them
/// (R-S1).
fn note_idle(roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
    let idle = |kind: u8| {
        let of_kind = |slot: &u32| {
            let user = roster.users.record(*slot);
            user.kinds & kind != 0 && !user.has_enrollment
        };
        roster.users.present().filter(of_kind).count()
    };
    for (count, code, what) in [
        (idle(person::STUDENT), &codes::STUDENTS_WITHOUT_CLASS, "students"),
        (idle(person::TEACHER), &codes::TEACHERS_WITHOUT_CLASS, "teachers"),
    ] {
        if count > 0 {
            diagnostics.note(code, |f| {
                f.with(format!("{count} {what} have no enrollment")).at(place(
                    FileKind::Enrollments.file(),
                    0,
                    None,
                ))
            });
        }
    }
}
