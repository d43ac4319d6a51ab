//! Counts a night's records and its changes since the night before, from the files alone.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use csv::StringRecord;

use crate::Version;
use crate::moment::Moment;
use crate::night::{Mode, Night};
use crate::rows::File;

/// Counts of one kind of record, compared with the night before.
///
/// A record has changed if a cell of its row has. Students also change with their demographics, and
/// people of 1.2 with their roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names explain the fields")]
pub struct Counts {
    pub in_source: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

/// Counts by kind. Administrators are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names explain the fields")]
pub struct Expected {
    pub schools: Counts,
    pub terms: Counts,
    pub courses: Counts,
    pub classes: Counts,
    pub students: Counts,
    pub teachers: Counts,
    pub guardians: Counts,
    pub enrollments: Counts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    School,
    Term,
    Course,
    Class,
    Student,
    Teacher,
    Guardian,
    Enrollment,
}

type Records = HashMap<String, (Kind, u64)>;

impl Night {
    /// Counts this night's records, and those added, changed and removed since the night before. On
    /// night 0 every record is added.
    ///
    /// Reads all rows of both nights and keeps every id in memory, so use it for small districts.
    pub fn expected(&self) -> Expected {
        let before = (self.moment.night > 0).then(|| {
            let mut night = self.clone();
            night.moment = Moment::new(&self.moment.world, self.moment.night - 1);
            night
        });
        self.expected_since(before.as_ref())
    }

    /// Like [`expected`](Self::expected), but compared with any other night, or with none.
    pub fn expected_since(&self, before: Option<&Self>) -> Expected {
        let now = self.records();
        let old = before.map(Self::records).unwrap_or_default();
        let mut expected = Expected::default();
        for (id, (kind, hash)) in &now {
            let counts = expected.of(*kind);
            counts.in_source += 1;
            match old.get(id) {
                None => counts.added += 1,
                Some((_, old)) if old != hash => counts.changed += 1,
                Some(_) => {}
            }
        }
        for (_, (kind, _)) in old.iter().filter(|(id, _)| !now.contains_key(*id)) {
            expected.of(*kind).removed += 1;
        }
        expected
    }

    fn records(&self) -> Records {
        let mut records = Records::new();
        let all = self.clone().bulk();
        for file in File::of(self.version()) {
            let mut rows = all.rows(file);
            while let Some(row) = rows.next_row() {
                self.note(file, row, &mut records);
            }
        }
        records
    }

    fn note(&self, file: File, row: &StringRecord, records: &mut Records) {
        let mut hasher = DefaultHasher::new();
        for cell in row {
            cell.hash(&mut hasher);
        }
        let hash = hasher.finish();
        let cell = |index: usize| row.get(index).unwrap_or_default();
        let role_column = if self.version() == Version::V1_1 { 5 } else { usize::MAX };
        let mut put = |kind: Kind| {
            records.insert(format!("{}/{}", file.name(), cell(0)), (kind, hash));
        };
        match file {
            File::Orgs if cell(4) == "school" => put(Kind::School),
            File::Orgs => {}
            File::AcademicSessions => put(Kind::Term),
            File::Courses => put(Kind::Course),
            File::Classes => put(Kind::Class),
            File::Enrollments => put(Kind::Enrollment),
            // In 1.2 the role is in roles.csv, which is read later. Until then every person counts
            // as a student.
            File::Users if role_column == usize::MAX => put(Kind::Student),
            File::Users => {
                if let Some(kind) = kind_of_role(cell(role_column)) {
                    put(kind);
                }
            }
            File::Roles => {
                let id = format!("users/{}", cell(3));
                match kind_of_role(cell(5)) {
                    Some(kind) => {
                        if let Some(user) = records.get_mut(&id) {
                            *user = (kind, user.1.rotate_left(1) ^ hash);
                        }
                    }
                    None => {
                        records.remove(&id);
                    }
                }
            }
            File::Demographics => {
                if let Some(user) = records.get_mut(&format!("users/{}", cell(0))) {
                    user.1 = user.1.rotate_left(1) ^ hash;
                }
            }
        }
    }

    fn bulk(mut self) -> Self {
        for file in File::ALL {
            self = self.mode(file, Mode::Bulk);
        }
        self
    }
}

fn kind_of_role(role: &str) -> Option<Kind> {
    match role {
        "student" => Some(Kind::Student),
        "teacher" => Some(Kind::Teacher),
        "parent" | "guardian" | "relative" => Some(Kind::Guardian),
        _ => None,
    }
}

impl Expected {
    fn of(&mut self, kind: Kind) -> &mut Counts {
        match kind {
            Kind::School => &mut self.schools,
            Kind::Term => &mut self.terms,
            Kind::Course => &mut self.courses,
            Kind::Class => &mut self.classes,
            Kind::Student => &mut self.students,
            Kind::Teacher => &mut self.teachers,
            Kind::Guardian => &mut self.guardians,
            Kind::Enrollment => &mut self.enrollments,
        }
    }
}
