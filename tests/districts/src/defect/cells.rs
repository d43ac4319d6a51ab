//! Defects in the cells of a row.

use super::Defect;
use super::editor::{BAD_BYTE, BARE_QUOTE, Cells, Editor};
use crate::rows::{DISTRICT_ID, File};

/// Number of additional students in the huge class.
pub(crate) const HUGE: u64 = 30_000;

/// Applies every defect to a row. Returns false if the row is left out.
pub(super) fn edit(editor: &mut Editor, number: u64, row: &mut Cells) -> bool {
    for defect in Defect::ALL {
        if editor.has(*defect) {
            everywhere(editor, *defect, row);
            if number == 1 {
                on_line_3(editor, *defect, row);
            }
        }
    }
    if editor.has(Defect::EmailShared) && editor.file == File::Users && number == 2 {
        let email = editor.second.as_ref().map(|second| editor.cell(second, "email").to_owned());
        editor.set(row, "email", email.unwrap_or_default());
    }
    if editor.has(Defect::StatusInSomeRows)
        && editor.file == File::Users
        && number.is_multiple_of(2)
    {
        fill_status(editor, row);
    }
    schools(editor, number, row);
    if editor.file == File::Enrollments && editor.has(Defect::StudentWithoutClasses) {
        // The first rows are the enrollments of the first student.
        let first = editor
            .first
            .as_ref()
            .map_or(editor.cell(row, "userSourcedId"), |first| editor.cell(first, "userSourcedId"));
        return first != editor.cell(row, "userSourcedId");
    }
    let is_missing = (editor.file == File::Roles && editor.has(Defect::NoRole))
        || (editor.file == File::Users && editor.has(Defect::UserRowMissing));
    !(is_missing && number == 1)
}

/// Defects of the first schools. The first row of orgs.csv is the district.
fn schools(editor: &Editor, number: u64, row: &mut Cells) {
    let first = |of: Option<&Cells>| {
        of.map(|row| editor.cell(row, "sourcedId").to_owned()).unwrap_or_default()
    };
    if editor.file != File::Orgs || !(1..=2).contains(&number) {
        return;
    }
    if number == 2 && (editor.has(Defect::SchoolUnderSchool) || editor.has(Defect::OrgCycle)) {
        editor.set(row, "parentSourcedId", first(editor.second.as_ref()));
    }
    if number == 1 && editor.has(Defect::OrgCycle) {
        editor.set(row, "parentSourcedId", editor.second_school.clone());
    }
}

fn fill_status(editor: &Editor, row: &mut Cells) {
    editor.set(row, "status", "active");
    editor.set(row, "dateLastModified", editor.stamp.clone());
}

fn is_student(editor: &Editor, row: &Cells) -> bool {
    // Only students have a grade.
    editor.file == File::Users && !editor.cell(row, "grades").is_empty()
}

/// Defects of whole files.
fn everywhere(editor: &mut Editor, defect: Defect, row: &mut Cells) {
    match defect {
        Defect::UsDates => dates(editor, row, |year, month, day| format!("{month}/{day}/{year}")),
        Defect::DayFirstDates => {
            dates(editor, row, |year, month, day| format!("{day}/{month}/{year}"))
        }
        Defect::UpperCaseBooleans => booleans(row, "TRUE", "FALSE"),
        Defect::YesNo if editor.file == File::Demographics => booleans(row, "yes", "no"),
        Defect::MixedCaseStatus => {
            replace(row, 1, &[("active", "Active"), ("tobedeleted", "toBeDeleted")])
        }
        Defect::InactiveStatus => replace(row, 1, &[("tobedeleted", "inactive")]),
        Defect::StatusInBulk if row[1].is_empty() => fill_status(editor, row),
        Defect::DateForDateTime => row[2].truncate(10),
        Defect::LooseDateTime if !row[2].is_empty() => {
            row[2] = row[2].replace('T', " ").replace(".000Z", "")
        }
        Defect::OneDigitGrades => {
            if let Some(index) = editor.column("grades") {
                row[index] = row[index].replace("KG", "K").trim_start_matches('0').to_owned();
            }
        }
        Defect::EmailsMissing if is_student(editor, row) => editor.set(row, "email", ""),
        Defect::Passwords => editor.set(row, "password", "Secret-pass-1"),
        Defect::ClassTypeCase => {
            if let Some(index) = editor.column("classType") {
                replace(row, index, &[("scheduled", "Scheduled"), ("homeroom", "Homeroom")]);
            }
        }
        Defect::OddIds => ids(editor, row, |id| format!("u/{id} #1"), |id| format!("Sec #{id}/ A")),
        Defect::LongIds => ids(editor, row, |id| format!("{id:->400}"), |id| format!("{id:_>400}")),
        Defect::SchoolsAsDepartments if editor.file == File::Orgs => {
            replace(row, 4, &[("school", "department")])
        }
        Defect::SchoolYearBelowTerm
        | Defect::SessionsWithoutParent
        | Defect::SessionStartAfterEnd => session(editor, defect, row),
        Defect::NoTerms => editor.set(row, "termSourcedIds", ""),
        Defect::EnrollmentDatesOutsideTerm if editor.file == File::Enrollments => {
            let year = editor.world.school_year;
            editor.set(row, "beginDate", format!("{}-07-01", year - 1));
            editor.set(row, "endDate", format!("{year}-08-31"));
        }
        Defect::TeachersAsAgents if is_student(editor, row) => {
            let mut agents = editor.cell(row, "agentSourcedIds").to_owned();
            if !agents.is_empty() {
                agents.push(',');
            }
            agents.push_str(&editor.first_teacher);
            editor.set(row, "agentSourcedIds", agents);
        }
        Defect::OneWayAgents if editor.file == File::Users && !is_student(editor, row) => {
            editor.set(row, "agentSourcedIds", "")
        }
        Defect::ReverseAgents if is_student(editor, row) => editor.set(row, "agentSourcedIds", ""),
        Defect::SeveralPrimaries | Defect::NoPrimary if editor.cell(row, "role") == "teacher" => {
            editor.set(row, "primary", if defect == Defect::NoPrimary { "" } else { "true" });
        }
        Defect::RoleConflict
            if editor.file == File::Enrollments
                && !editor.teacher_seen
                && editor.cell(row, "role") == "teacher" =>
        {
            editor.teacher_seen = true;
            editor.set(row, "role", "student");
            editor.set(row, "primary", "");
        }
        _ => {}
    }
}

/// Defects of a single record.
fn on_line_3(editor: &Editor, defect: Defect, row: &mut Cells) {
    let file = editor.file;
    let given = editor.cell(row, "givenName").to_owned();
    let family = editor.cell(row, "familyName").to_owned();
    match (defect, file) {
        (Defect::InvalidUtf8, File::Users) => {
            editor.set(row, "givenName", format!("{given}{BAD_BYTE}"))
        }
        (Defect::NulBytes, File::Users) => editor.set(row, "givenName", format!("{given}\0")),
        (Defect::LineBreakInField, File::Users) => {
            editor.set(row, "familyName", format!("{family}\nSecond-Line"))
        }
        (Defect::UnclosedQuote, File::Enrollments) => {
            editor.set(row, "role", format!("{BARE_QUOTE}student"))
        }
        (Defect::StrayQuote, File::Users) => {
            editor.set(row, "grades", format!("{BARE_QUOTE}{}", editor.cell(row, "grades")))
        }
        (Defect::RequiredBlank, File::Users) => editor.set(row, "familyName", ""),
        (Defect::UsernameBlank, File::Users) => editor.set(row, "username", ""),
        (Defect::EmailMalformed, File::Users) => editor.set(row, "email", "nobody at example"),
        (Defect::EmailShared, File::Users) => editor.set(row, "email", "both@students.example.org"),
        (Defect::UserIdsMalformed, File::Users) => {
            editor.set(row, "userIds", "LDAP-without-braces")
        }
        (Defect::RoleUnknown, _) if editor.has_roles() => editor.set(row, "role", "wizard"),
        (Defect::EnrollmentRoleUnknown, File::Enrollments) => editor.set(row, "role", "wizard"),
        (Defect::ClassTypeUnknown, File::Classes) => editor.set(row, "classType", "seance"),
        (Defect::SubjectCodes, File::Classes) => editor.set(row, "subjectCodes", "ONE,TWO,THREE"),
        (Defect::DanglingUser, File::Enrollments) => {
            editor.set(row, "userSourcedId", "no-such-user")
        }
        (Defect::DanglingClass, File::Enrollments) => {
            editor.set(row, "classSourcedId", "no-such-class")
        }
        (Defect::DanglingSchool, File::Classes) => {
            editor.set(row, "schoolSourcedId", "no-such-school")
        }
        (Defect::DanglingCourse, File::Classes) => {
            editor.set(row, "courseSourcedId", "no-such-course")
        }
        (Defect::DanglingTerm, File::Classes) => {
            editor.set(row, "termSourcedIds", "no-such-session")
        }
        (Defect::DanglingParent, File::Orgs) => editor.set(row, "parentSourcedId", "no-such-org"),
        (Defect::DanglingSchoolYear, File::Courses) => {
            editor.set(row, "schoolYearSourcedId", "no-such-session")
        }
        (Defect::DanglingAgent, File::Users) => {
            editor.set(row, "agentSourcedIds", "no-such-guardian")
        }
        (Defect::DanglingOrg, File::Users) => editor.set(row, "orgSourcedIds", "no-such-org"),
        (Defect::DanglingOrg, File::Roles) => editor.set(row, "orgSourcedId", "no-such-org"),
        (Defect::EnrollmentSchoolDiffers, File::Enrollments) => {
            editor.set(row, "schoolSourcedId", DISTRICT_ID)
        }
        (Defect::RoleConflict, File::Enrollments) => editor.set(row, "role", "teacher"),
        _ => {}
    }
}

/// Rows that are appended to the file.
pub(super) fn more_rows(editor: &Editor) -> Vec<Cells> {
    let mut rows = Vec::new();
    let mut again = |file: File, change: &dyn Fn(&mut Cells)| {
        if let Some(mut row) = editor.second.clone().filter(|_| editor.file == file) {
            change(&mut row);
            rows.push(row);
        }
    };
    if editor.has(Defect::DuplicateEqual) {
        again(File::Users, &|_| ());
    }
    if editor.has(Defect::DuplicateDifferent) {
        again(File::Users, &|row| editor.set(row, "givenName", "Somebody-Else"));
    }
    if editor.has(Defect::IdsDifferInCase) {
        again(File::Users, &|row| {
            let id = editor.cell(row, "sourcedId").to_uppercase();
            editor.set(row, "sourcedId", id);
            editor.set(row, "username", "somebody-else");
            editor.set(row, "givenName", "Somebody-Else");
            editor.set(row, "email", "");
            editor.set(row, "identifier", "");
        });
        // In 1.2 the new person needs a role.
        again(File::Roles, &|row| {
            let id = editor.cell(row, "userSourcedId").to_uppercase();
            editor.set(row, "userSourcedId", id);
            editor.set(row, "sourcedId", "R1-SOMEBODY-ELSE");
        });
    }
    if editor.has(Defect::SameUserTwice) {
        again(File::Enrollments, &|row| editor.set(row, "sourcedId", "second-enrollment"));
    }
    if editor.has(Defect::TwoPrimaryRoles) {
        again(File::Roles, &|row| editor.set(row, "sourcedId", "second-primary-role"));
    }
    if editor.has(Defect::DanglingDemographics) {
        again(File::Demographics, &|row| editor.set(row, "sourcedId", "no-such-user"));
    }
    if editor.has(Defect::HugeClass) {
        crowd(editor, &mut rows);
    }
    rows
}

/// Adds 30,000 new students to the first class.
fn crowd(editor: &Editor, rows: &mut Vec<Cells>) {
    let Some(template) = &editor.first else { return };
    for number in 1..=HUGE {
        let mut row = template.clone();
        let user = format!("crowd-{number:05}");
        match editor.file {
            File::Users => {
                editor.set(&mut row, "sourcedId", user.clone());
                editor.set(&mut row, "username", user.clone());
                editor.set(&mut row, "userIds", "");
                editor.set(&mut row, "identifier", user.clone());
                editor.set(&mut row, "email", format!("{user}@students.example.org"));
                editor.set(&mut row, "agentSourcedIds", "");
            }
            File::Roles => {
                editor.set(&mut row, "sourcedId", format!("R1-{user}"));
                editor.set(&mut row, "userSourcedId", user);
            }
            File::Enrollments => {
                editor.set(&mut row, "sourcedId", format!("E-{user}"));
                editor.set(&mut row, "userSourcedId", user);
            }
            _ => return,
        }
        rows.push(row);
    }
}

fn session(editor: &Editor, defect: Defect, row: &mut Cells) {
    if editor.file != File::AcademicSessions {
        return;
    }
    let kind = editor.cell(row, "type").to_owned();
    match defect {
        Defect::SessionsWithoutParent => editor.set(row, "parentSourcedId", ""),
        Defect::SchoolYearBelowTerm if kind == "schoolYear" => {
            editor.set(row, "parentSourcedId", editor.world.semester_id(1));
        }
        Defect::SchoolYearBelowTerm => editor.set(row, "parentSourcedId", ""),
        _ if editor.cell(row, "sourcedId") == editor.world.semester_id(2) => {
            let (start, end) =
                (editor.cell(row, "startDate").to_owned(), editor.cell(row, "endDate").to_owned());
            editor.set(row, "startDate", end);
            editor.set(row, "endDate", start);
        }
        _ => {}
    }
}

fn dates(editor: &Editor, row: &mut Cells, write: impl Fn(&str, &str, &str) -> String) {
    for (name, cell) in editor.columns().iter().zip(row) {
        if !matches!(name.as_str(), "startDate" | "endDate" | "beginDate" | "birthDate") {
            continue;
        }
        if let [year, month, day] = cell.split('-').collect::<Vec<_>>()[..] {
            *cell = write(year, month.trim_start_matches('0'), day.trim_start_matches('0'));
        }
    }
}

fn booleans(row: &mut Cells, yes: &str, no: &str) {
    for index in 0..row.len() {
        replace(row, index, &[("true", yes), ("false", no)]);
    }
}

fn replace(row: &mut Cells, index: usize, pairs: &[(&str, &str)]) {
    if let Some((_, to)) = pairs.iter().find(|(from, _)| row[index] == *from) {
        (*to).clone_into(&mut row[index]);
    }
}

/// Changes the ids of people and classes in every column that has them.
fn ids(
    editor: &Editor,
    row: &mut Cells,
    person: impl Fn(&str) -> String,
    class: impl Fn(&str) -> String,
) {
    for (name, cell) in editor.columns().iter().zip(row) {
        match (editor.file, name.as_str()) {
            (File::Users | File::Demographics, "sourcedId")
            | (File::Roles | File::Enrollments, "userSourcedId") => {
                *cell = person(cell);
            }
            (File::Users, "agentSourcedIds") if !cell.is_empty() => {
                *cell = cell.split(',').map(&person).collect::<Vec<_>>().join(",");
            }
            (File::Classes, "sourcedId") | (File::Enrollments, "classSourcedId") => {
                *cell = class(cell)
            }
            _ => {}
        }
    }
}
