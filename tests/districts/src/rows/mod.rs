//! The files of OneRoster CSV: their columns and rows.
//!
//! A file is divided into slots: a seat, a class, a family. A record's row is in the same slot
//! every night, so two nights are compared slot by slot in constant memory.

mod classes;
mod enrollments;
mod orgs;
mod people;

pub(crate) use orgs::DISTRICT_ID;
pub(crate) use people::METADATA;

use csv::StringRecord;

use crate::Version;
use crate::moment::Moment;

/// A file of the set. In this order, parents are before children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the files' names")]
pub enum File {
    Orgs,
    AcademicSessions,
    Courses,
    Classes,
    Users,
    /// Version 1.2 only.
    Roles,
    Enrollments,
    Demographics,
}

impl File {
    /// All files. roles.csv exists in 1.2 only.
    pub const ALL: [Self; 8] = [
        Self::Orgs,
        Self::AcademicSessions,
        Self::Courses,
        Self::Classes,
        Self::Users,
        Self::Roles,
        Self::Enrollments,
        Self::Demographics,
    ];

    /// The files of a set of this version.
    pub fn of(version: Version) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |file| *file != Self::Roles || version == Version::V1_2)
    }

    /// The name in the manifest, such as `academicSessions`. The file's name is this plus `.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orgs => "orgs",
            Self::AcademicSessions => "academicSessions",
            Self::Courses => "courses",
            Self::Classes => "classes",
            Self::Users => "users",
            Self::Roles => "roles",
            Self::Enrollments => "enrollments",
            Self::Demographics => "demographics",
        }
    }

    /// The standard's columns, without the district's own.
    pub fn columns(self, version: Version) -> &'static [&'static str] {
        match self {
            Self::Orgs => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "name",
                "type",
                "identifier",
                "parentSourcedId",
            ],
            Self::AcademicSessions => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "title",
                "type",
                "startDate",
                "endDate",
                "parentSourcedId",
                "schoolYear",
            ],
            Self::Courses => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "schoolYearSourcedId",
                "title",
                "courseCode",
                "grades",
                "orgSourcedId",
                "subjects",
                "subjectCodes",
            ],
            Self::Classes => &[
                "sourcedId",
                "status",
                "dateLastModified",
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
            ],
            Self::Users if version == Version::V1_1 => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "enabledUser",
                "orgSourcedIds",
                "role",
                "username",
                "userIds",
                "givenName",
                "familyName",
                "middleName",
                "identifier",
                "email",
                "sms",
                "phone",
                "agentSourcedIds",
                "grades",
                "password",
            ],
            Self::Users => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "enabledUser",
                "username",
                "userIds",
                "givenName",
                "familyName",
                "middleName",
                "identifier",
                "email",
                "sms",
                "phone",
                "agentSourcedIds",
                "grades",
                "password",
                "userMasterIdentifier",
                "preferredGivenName",
                "preferredMiddleName",
                "preferredFamilyName",
                "primaryOrgSourcedId",
                "pronouns",
            ],
            Self::Roles => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "userSourcedId",
                "roleType",
                "role",
                "beginDate",
                "endDate",
                "orgSourcedId",
                "userProfileSourcedId",
            ],
            Self::Enrollments => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "classSourcedId",
                "schoolSourcedId",
                "userSourcedId",
                "role",
                "primary",
                "beginDate",
                "endDate",
            ],
            Self::Demographics => &[
                "sourcedId",
                "status",
                "dateLastModified",
                "birthDate",
                "sex",
                "americanIndianOrAlaskaNative",
                "asian",
                "blackOrAfricanAmerican",
                "nativeHawaiianOrOtherPacificIslander",
                "white",
                "demographicRaceTwoOrMoreRaces",
                "hispanicOrLatinoEthnicity",
                "countryOfBirthCode",
                "stateOfBirthAbbreviation",
                "cityOfBirth",
                "publicSchoolResidenceStatus",
            ],
        }
    }
}

/// The rows of a slot. The buffers are reused for the next slot.
#[derive(Default)]
pub(crate) struct Batch {
    rows: Vec<StringRecord>,
    used: usize,
    scratch: String,
}

impl Batch {
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    pub(crate) fn rows(&self) -> &[StringRecord] {
        &self.rows[..self.used]
    }

    /// Begins a row. `id` writes the id; status and time of change are left blank.
    fn row(&mut self, id: impl FnOnce(&mut String)) -> RowWriter<'_> {
        let mut writer = self.bare_row();
        writer.with(id).text("").text("");
        writer
    }

    fn bare_row(&mut self) -> RowWriter<'_> {
        if self.used == self.rows.len() {
            self.rows.push(StringRecord::new());
        }
        let record = &mut self.rows[self.used];
        self.used += 1;
        record.clear();
        RowWriter { record, scratch: &mut self.scratch }
    }

    /// Appends a copy of a row.
    pub(crate) fn push(&mut self, row: &StringRecord) -> &mut StringRecord {
        let writer = self.bare_row();
        writer.record.extend(row);
        writer.record
    }
}

/// Appends cells to a row.
struct RowWriter<'a> {
    record: &'a mut StringRecord,
    scratch: &'a mut String,
}

impl RowWriter<'_> {
    fn text(&mut self, cell: &str) -> &mut Self {
        self.record.push_field(cell);
        self
    }

    fn blanks(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.record.push_field("");
        }
        self
    }

    fn with(&mut self, write: impl FnOnce(&mut String)) -> &mut Self {
        self.scratch.clear();
        write(self.scratch);
        self.record.push_field(self.scratch);
        self
    }

    fn flag(&mut self, value: bool) -> &mut Self {
        self.text(if value { "true" } else { "false" })
    }
}

impl Moment {
    /// Number of slots of a file.
    pub(crate) fn slots(&self, file: File) -> u64 {
        let layout = &self.world.layout;
        match file {
            File::Orgs => layout.schools.len() as u64 + 1,
            File::AcademicSessions => 1,
            File::Courses => orgs::COURSES,
            File::Classes => layout.class_slots,
            File::Users | File::Roles => self.people().total(),
            File::Enrollments => layout.seats + layout.class_slots,
            File::Demographics => layout.seats,
        }
    }

    /// Appends the rows of a slot.
    pub(crate) fn rows(&self, file: File, slot: u64, out: &mut Batch) {
        match file {
            File::Orgs => self.org(slot, out),
            File::AcademicSessions => self.sessions(out),
            File::Courses => self.course(slot, out),
            File::Classes => self.class_row(slot, out),
            File::Users => self.user(slot, out),
            File::Roles => self.role(slot, out),
            File::Enrollments => self.enrollment(slot, out),
            File::Demographics => self.demographic(slot, out),
        }
    }
}
