//! The tables of OneRoster that a roster is made of: names, columns, what is required.

use super::collected::{List, Words};

/// A file that is read. In the order in which they are read: what is referred to comes first.
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

    /// What one row is called in findings.
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

    /// Whether no roster can be made without it. Roles are needed where the users have none of
    /// their own (1.2).
    pub(crate) fn is_needed(self) -> bool {
        !matches!(self, FileKind::Roles | FileKind::Demographics)
    }
}

impl From<FileKind> for List {
    fn from(kind: FileKind) -> Self {
        Self { name: kind.file(), entity: kind.entity() }
    }
}

/// What the standard calls what findings of all sources point at.
pub(super) fn words() -> Words {
    Words {
        users: FileKind::Users.into(),
        enrollments: FileKind::Enrollments.into(),
        agents: "agentSourcedIds",
    }
}

/// Files of the standard that a roster does not need: gradebook, resources, profiles.
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

/// How many of [`NOT_USED`] OneRoster 1.1 has.
pub(super) const NOT_USED_1_1: usize = 6;

/// Which text of the standard a set follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 1.0: no manifest.
    V1_0,
    /// 1.1: a role in each row of users.csv.
    V1_1,
    /// 1.2: roles in a file of their own.
    V1_2,
}

/// A column of the standard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(super) required: bool,
}

/// The first name is the standard's, the second what files in the manner of 1.0 write.
pub(super) const OLD_NAMES: [(&str, &str); 7] = [
    ("grades", "grade"),
    ("userIds", "userId"),
    ("agentSourcedIds", "agents"),
    ("termSourcedIds", "termSourcedId"),
    ("schoolYearSourcedId", "schoolYearId"),
    ("orgSourcedIds", "orgSourcedId"),
    ("dateLastModified", "lastModified"),
];

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

/// The columns of a table, in the order of the standard. `with_roles` tells a users.csv of 1.1 from
/// one of 1.2.
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
            "title! grades courseSourcedId! classCode classType! location schoolSourcedId! termSourcedIds! subjects subjectCodes periods"
        }
        FileKind::Users if with_roles => {
            "enabledUser! orgSourcedIds! role! username! userIds givenName! familyName! middleName identifier email sms phone \
             agentSourcedIds grades password"
        }
        FileKind::Users => {
            "enabledUser! username! userIds givenName! familyName! middleName identifier email sms phone agentSourcedIds grades password \
             userMasterIdentifier preferredGivenName preferredMiddleName preferredFamilyName primaryOrgSourcedId pronouns"
        }
        FileKind::Roles => {
            "userSourcedId! roleType! role! beginDate endDate orgSourcedId! userProfileSourcedId"
        }
        FileKind::Demographics => {
            "birthDate sex americanIndianOrAlaskaNative asian blackOrAfricanAmerican nativeHawaiianOrOtherPacificIslander white \
             demographicRaceTwoOrMoreRaces hispanicOrLatinoEthnicity countryOfBirthCode stateOfBirthAbbreviation cityOfBirth \
             publicSchoolResidenceStatus"
        }
        FileKind::Enrollments => {
            "classSourcedId! schoolSourcedId! userSourcedId! role! primary beginDate endDate"
        }
    };
    let mut columns: Vec<Column> = columns(names).collect();
    if version == Version::V1_0 {
        // 1.0 had neither.
        for column in columns.iter_mut().filter(|c| matches!(c.name, "enabledUser" | "schoolYear"))
        {
            column.required = false;
        }
    }
    columns
}
