//! Bad exports of one school: its rows are missing or wrong, those of all others are right.

use std::collections::BTreeSet;

use csv::StringRecord;
use districts::{File, Tables, Version};

/// A defect in the rows of one school.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LocalDefect {
    /// All rows of the school's students are missing, and those of their guardians.
    Students,
    /// A third of the school's students is missing, with their rows and guardians.
    SomeStudents,
    /// The enrollments of the school's students are missing.
    Enrollments,
    /// The enrollments of the teachers in the school's classes are missing.
    Teachers,
    /// The school's classes are missing, and all enrollments in them.
    Classes,
}

impl LocalDefect {
    pub(crate) const ALL: [Self; 5] =
        [Self::Students, Self::SomeStudents, Self::Enrollments, Self::Teachers, Self::Classes];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Students => "one-school-students",
            Self::SomeStudents => "one-school-some-students",
            Self::Enrollments => "one-school-enrollments",
            Self::Teachers => "one-school-teachers",
            Self::Classes => "one-school-classes",
        }
    }
}

/// A table's rows with access by the names of the columns.
struct Rows<'a> {
    columns: &'static [&'static str],
    rows: &'a [StringRecord],
}

impl Rows<'_> {
    fn cell<'b>(&self, row: &'b StringRecord, column: &str) -> &'b str {
        let index = self.columns.iter().position(|name| *name == column);
        index.and_then(|index| row.get(index)).unwrap_or("")
    }

    fn filtered(&self, keep: impl Fn(&Self, &StringRecord) -> bool) -> Vec<StringRecord> {
        self.rows.iter().filter(|row| keep(self, row)).cloned().collect()
    }
}

/// Returns the tables with the defect in the rows of a school.
pub(crate) fn spoil(
    tables: &Tables,
    version: Version,
    defect: LocalDefect,
    school: &str,
) -> Tables {
    let of = |file: File| Rows { columns: file.columns(version), rows: tables.rows(file) };
    let mut spoiled = tables.clone();
    let enrollments = of(File::Enrollments);
    let at_school = |rows: &Rows<'_>, row: &StringRecord, role: Option<&str>| {
        rows.cell(row, "schoolSourcedId") == school
            && role.is_none_or(|role| rows.cell(row, "role") == role)
    };
    match defect {
        LocalDefect::Enrollments | LocalDefect::Teachers | LocalDefect::Classes => {
            let role = match defect {
                LocalDefect::Enrollments => Some("student"),
                LocalDefect::Teachers => Some("teacher"),
                _ => None,
            };
            let kept = enrollments.filtered(|rows, row| !at_school(rows, row, role));
            spoiled.set(File::Enrollments, kept);
            if defect == LocalDefect::Classes {
                let kept = of(File::Classes).filtered(|rows, row| !at_school(rows, row, None));
                spoiled.set(File::Classes, kept);
            }
        }
        LocalDefect::Students | LocalDefect::SomeStudents => {
            let users = of(File::Users);
            let column = match version {
                Version::V1_1 => "orgSourcedIds",
                Version::V1_2 => "primaryOrgSourcedId",
            };
            // Only students have a grade.
            let students = users.rows.iter().filter(|row| {
                !users.cell(row, "grades").is_empty() && users.cell(row, column) == school
            });
            let step = if defect == LocalDefect::Students { 1 } else { 3 };
            let gone: BTreeSet<&str> = students.step_by(step).map(|row| &row[0]).collect();
            remove_people(&mut spoiled, tables, version, &gone);
        }
    }
    spoiled
}

/// Removes students everywhere, and the guardians who have no other child.
fn remove_people(
    spoiled: &mut Tables,
    tables: &Tables,
    version: Version,
    students: &BTreeSet<&str>,
) {
    let of = |file: File| Rows { columns: file.columns(version), rows: tables.rows(file) };
    let users = of(File::Users);
    let agents = users.columns.iter().position(|name| *name == "agentSourcedIds").unwrap_or(0);
    let mut gone = students.clone();
    let mut kept = Vec::new();
    for row in users.rows.iter().filter(|row| !students.contains(&row[0])) {
        let present: Vec<&str> =
            row[agents].split(',').filter(|id| !students.contains(id)).collect();
        if present.is_empty() {
            gone.insert(&row[0]);
            continue;
        }
        let present = present.join(",");
        let cells = row.iter().enumerate();
        kept.push(cells.map(|(i, cell)| if i == agents { &present } else { cell }).collect());
    }
    spoiled.set(File::Users, kept);
    for (file, column) in [
        (File::Roles, "userSourcedId"),
        (File::Enrollments, "userSourcedId"),
        (File::Demographics, "sourcedId"),
    ] {
        if file != File::Roles || version == Version::V1_2 {
            let kept = of(file).filtered(|rows, row| !gone.contains(rows.cell(row, column)));
            spoiled.set(file, kept);
        }
    }
}
