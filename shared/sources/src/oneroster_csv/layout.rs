//! The tables of OneRoster that are imported: files, columns, and which are required.

use super::collected::{List, Words};

/// A file that is imported, in the order of reading: files that others refer to come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    Orgs,
    AcademicSessions,
    Courses,
    Classes,
    Users,
    Roles,
    Demographics,
    Enrollments,
}

impl FileKind {
    pub(crate) const ALL: [FileKind; 8] = [
        FileKind::Orgs,
        FileKind::AcademicSessions,
        FileKind::Courses,
        FileKind::Classes,
        FileKind::Users,
        FileKind::Roles,
        FileKind::Demographics,
        FileKind::Enrollments,
    ];

    /// The file's name.
    pub(super) fn file(self) -> &'static str {
        match self {
            FileKind::Orgs => "orgs.csv",
            FileKind::AcademicSessions => "academicSessions.csv",
            FileKind::Courses => "courses.csv",
            FileKind::Classes => "classes.csv",
            FileKind::Users => "users.csv",
            FileKind::Roles => "roles.csv",
            FileKind::Demographics => "demographics.csv",
            FileKind::Enrollments => "enrollments.csv",
        }
    }

    /// The file's name in the manifest.
    pub(crate) fn property(self) -> &'static str {
        self.file().trim_end_matches(".csv")
    }

    /// The name of one row's record in findings.
    pub(super) fn entity(self) -> &'static str {
        match self {
            FileKind::Orgs => "org",
            FileKind::AcademicSessions => "academicSession",
            FileKind::Courses => "course",
            FileKind::Classes => "class",
            FileKind::Users => "user",
            FileKind::Roles => "role",
            FileKind::Demographics => "demographics",
            FileKind::Enrollments => "enrollment",
        }
    }

    /// Whether every set needs the file. Roles are needed only if users.csv has none (1.2).
    pub(crate) fn is_needed(self) -> bool {
        !matches!(self, FileKind::Roles | FileKind::Demographics)
    }
}

impl From<FileKind> for List {
    fn from(kind: FileKind) -> Self {
        Self { name: kind.file(), entity: kind.entity() }
    }
}

/// The names that OneRoster uses for what findings of all sources refer to.
pub(super) fn words() -> Words {
    Words {
        users: FileKind::Users.into(),
        enrollments: FileKind::Enrollments.into(),
        agents: "agentSourcedIds",
    }
}

/// Files of the standard that are not imported: gradebook, resources, profiles.
pub(super) const NOT_USED: [&str; 14] = [
    "categories",
    "classResources",
    "courseResources",
    "lineItems",
    "resources",
    "results",
    "lineItemLearningObjectiveIds",
    "lineItemScoreScales",
    "resultLearningObjectiveIds",
    "resultScoreScales",
    "scoreScales",
    "userProfiles",
    "userResources",
    "manifest",
];

/// How many of [`NOT_USED`] exist in OneRoster 1.1.
pub(super) const NOT_USED_1_1: usize = 6;

/// The version of the standard that a set follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 1.0: no manifest.
    V1_0,
    /// 1.1: a role in each row of users.csv.
    V1_1,
    /// 1.2: roles in a separate file.
    V1_2,
}

/// A column of the standard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(super) required: bool,
}

impl Column {
    /// Whether every record needs a value.
    pub(crate) fn is_required(self) -> bool {
        self.required
    }
}

/// Standard column names with the names in older, 1.0-style files.
pub(super) const OLD_NAMES: [(&str, &str); 7] = [
    ("grades", "grade"),
    ("userIds", "userId"),
    ("agentSourcedIds", "agents"),
    ("termSourcedIds", "termSourcedId"),
    ("schoolYearSourcedId", "schoolYearId"),
    ("orgSourcedIds", "orgSourcedId"),
    ("dateLastModified", "lastModified"),
];

/// The name that the id of demographics.csv has in 1.0.
pub(super) const OLD_DEMOGRAPHICS_ID: &str = "userSourcedId";

/// Columns that only Microsoft School Data Sync has.
pub(super) const SDS_COLUMNS: [&str; 8] = [
    "activeDirectoryMatchId",
    "isPrimary",
    "roleStartDate",
    "sessionSourcedIds",
    "relationshipUserSourcedId",
    "SIS ID",
    "School SIS ID",
    "Section SIS ID",
];

/// A required column is marked with `!`.
fn columns(names: &'static str) -> impl Iterator<Item = Column> {
    ["sourcedId!", "status", "dateLastModified"]
        .into_iter()
        .chain(names.split_ascii_whitespace())
        .map(|name| Column { name: name.trim_end_matches('!'), required: name.ends_with('!') })
}

/// Returns the columns of a table in the order of the standard. `with_roles` separates the
/// users.csv of 1.1 from that of 1.2.
pub(crate) fn layout(kind: FileKind, version: Version, with_roles: bool) -> Vec<Column> {
    let names = match kind {
        FileKind::Orgs => "name! type! identifier parentSourcedId",
        FileKind::AcademicSessions => {
            "title! type! startDate! endDate! parentSourcedId schoolYear!"
        }
        FileKind::Courses => {
            "schoolYearSourcedId title! courseCode grades orgSourcedId! subjects subjectCodes"
        }
        FileKind::Classes => {
            "title! grades courseSourcedId! classCode classType! location schoolSourcedId! \
             termSourcedIds! subjects subjectCodes periods"
        }
        FileKind::Users if with_roles => {
            "enabledUser! orgSourcedIds! role! username! userIds givenName! familyName! \
             middleName identifier email sms phone agentSourcedIds grades password"
        }
        FileKind::Users => {
            "enabledUser! username! userIds givenName! familyName! middleName identifier email \
             sms phone agentSourcedIds grades password userMasterIdentifier preferredGivenName \
             preferredMiddleName preferredFamilyName primaryOrgSourcedId pronouns"
        }
        FileKind::Roles => {
            "userSourcedId! roleType! role! beginDate endDate orgSourcedId! userProfileSourcedId"
        }
        FileKind::Demographics => {
            "birthDate sex americanIndianOrAlaskaNative asian blackOrAfricanAmerican \
             nativeHawaiianOrOtherPacificIslander white demographicRaceTwoOrMoreRaces \
             hispanicOrLatinoEthnicity countryOfBirthCode stateOfBirthAbbreviation cityOfBirth \
             publicSchoolResidenceStatus"
        }
        FileKind::Enrollments => {
            "classSourcedId! schoolSourcedId! userSourcedId! role! primary beginDate endDate"
        }
    };
    let mut columns: Vec<Column> = columns(names).collect();
    if version == Version::V1_0 {
        // 1.0 had neither column.
        for column in columns.iter_mut().filter(|c| matches!(c.name, "enabledUser" | "schoolYear"))
        {
            column.required = false;
        }
    }
    columns
}
