//! Everything that is wrong with real files, each as a switch.

pub(crate) mod archive;
pub(crate) mod cells;
pub(crate) mod editor;
pub(crate) mod set;

use std::fmt;
use std::str::FromStr;

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $verdict:ident;)+) => {
        /// One thing wrong with a set of files. "Line 3" is the second record of a file in the
        /// order of the file, which in users.csv and enrollments.csv is a student's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Defect {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Defect {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it does to the files.
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc,)+).trim_ascii_start(),)+
                }
            }

            /// Whether the set must be refused as a whole, in a district without settings for such
            /// files. Otherwise it imports, with a finding, all but the records that are bad.
            pub fn is_fatal(self) -> bool {
                match self {
                    $(Self::$variant => defects!(@ $verdict),)+
                }
            }
        }
    };
    (@ fatal) => { true };
    (@ imports) => { false };
}

defects! {
    // Encoding
    /// Every file begins with the byte order mark of UTF-8.
    Bom = "bom", imports;
    /// Every file is UTF-16, little end first, with its byte order mark.
    Utf16Le = "utf-16le", imports;
    /// Every file is UTF-16, big end first, with its byte order mark.
    Utf16Be = "utf-16be", imports;
    /// Every file is UTF-16, little end first, and nothing says so.
    Utf16Unmarked = "utf-16-unmarked", fatal;
    /// Every file is Windows-1252; imports where the district's settings name that encoding.
    Windows1252 = "windows-1252", fatal;
    /// A byte FF in the given name on line 3 of users.csv.
    InvalidUtf8 = "invalid-utf-8", fatal;
    /// A NUL in the given name on line 3 of users.csv.
    NulBytes = "nul-bytes", imports;

    // Headers
    /// All headers in lower case.
    HeaderCase = "header-case", imports;
    /// Headers of version 1.0: `grade`, `userId`, `agents`, `birthdate`.
    OldHeaderNames = "old-header-names", imports;
    /// Two empty cells at the end of every header, and of every row.
    TrailingEmptyHeaders = "trailing-empty-headers", imports;
    /// Columns in reverse order.
    ColumnOrder = "column-order", imports;
    /// A column `homeLanguage` of the district's own before all others in users.csv.
    OwnColumnFirst = "own-column-first", imports;
    /// enrollments.csv without `userSourcedId`.
    RequiredColumnMissing = "required-column-missing", fatal;
    /// users.csv without `middleName`.
    OptionalColumnMissing = "optional-column-missing", imports;
    /// `familyNmae` in users.csv.
    HeaderMisspelt = "header-misspelt", fatal;
    /// `email` twice in users.csv (in place of `sms`).
    HeaderDuplicate = "header-duplicate", fatal;
    /// The column `resourceSourcedIds`, which 1.2.0 had in users.csv and 1.2.1 has not; for
    /// districts of 1.2.
    ResourceColumn = "resource-column", imports;

    // Lines
    /// Rows end before their blank last cells.
    ShortRows = "short-rows", imports;
    /// Line 3 of users.csv ends after its fourth cell.
    CutRow = "cut-row", imports;
    /// Line 3 of users.csv has a cell too many, with something in it.
    LongRow = "long-row", imports;
    /// Every row has one blank cell too many.
    TrailingCells = "trailing-cells", imports;
    /// The last line of each file has no line end.
    NoLastLineEnd = "no-last-line-end", imports;
    /// Blank lines between rows and at the end.
    BlankLines = "blank-lines", imports;
    /// A line break in the quoted family name on line 3 of users.csv.
    LineBreakInField = "line-break-in-field", imports;
    /// A quote before the role on line 3 of enrollments.csv that is never closed (unless all fields
    /// are quoted).
    UnclosedQuote = "unclosed-quote", fatal;
    /// A quote before the grade on line 3 of users.csv, which ends where another field's begins,
    /// some lines below: the records between are swallowed, and nobody can tell whose they are.
    StrayQuote = "stray-quote", fatal;

    // Values
    /// Dates as `8/17/2026`; they read as dates where the district's settings say so.
    UsDates = "us-dates", imports;
    /// Dates as `17/8/2026`; they read as dates where the district's settings say so.
    DayFirstDates = "day-first-dates", imports;
    /// `TRUE` and `FALSE`.
    UpperCaseBooleans = "upper-case-booleans", imports;
    /// `yes` and `no` in demographics.csv.
    YesNo = "yes-no", imports;
    /// Deltas with `Active` and `toBeDeleted`.
    MixedCaseStatus = "mixed-case-status", imports;
    /// Deltas with `inactive`, as 1.0 had it, for what is gone.
    InactiveStatus = "inactive-status", imports;
    /// Rows of bulk files have `active` and a time of change.
    StatusInBulk = "status-in-bulk", imports;
    /// Every second row of users.csv has `active` and a time of change.
    StatusInSomeRows = "status-in-some-rows", fatal;
    /// Deltas with a bare date as time of change.
    DateForDateTime = "date-for-date-time", imports;
    /// Deltas with `2017-05-06 08:01:05` as time of change.
    LooseDateTime = "loose-date-time", imports;
    /// Grades as `1` and `K`.
    OneDigitGrades = "one-digit-grades", imports;
    /// A family name is blank on line 3 of users.csv.
    RequiredBlank = "required-blank", imports;
    /// A user name is blank on line 3 of users.csv.
    UsernameBlank = "username-blank", imports;
    /// No student has an e-mail address.
    EmailsMissing = "emails-missing", imports;
    /// The e-mail address on line 3 of users.csv is none.
    EmailMalformed = "email-malformed", imports;
    /// Lines 3 and 4 of users.csv have one e-mail address.
    EmailShared = "email-shared", imports;
    /// `userIds` without braces on line 3 of users.csv.
    UserIdsMalformed = "user-ids-malformed", imports;
    /// Passwords in users.csv, all of them `Secret-pass-1`; they must be found nowhere afterwards.
    Passwords = "passwords", imports;
    /// A role that does not exist on line 3 (of users.csv in 1.1, of roles.csv in 1.2).
    RoleUnknown = "role-unknown", imports;
    /// A role that does not exist on line 3 of enrollments.csv.
    EnrollmentRoleUnknown = "enrollment-role-unknown", imports;
    /// A type that does not exist on line 3 of classes.csv.
    ClassTypeUnknown = "class-type-unknown", imports;
    /// `Scheduled` and `Homeroom` in classes.csv.
    ClassTypeCase = "class-type-case", imports;
    /// More subject codes than subjects on line 3 of classes.csv.
    SubjectCodes = "subject-codes", imports;

    // Ids and references
    /// Line 3 of users.csv comes again at the end of the file.
    DuplicateEqual = "duplicate-equal", imports;
    /// Line 3 of users.csv comes again at the end of the file with another name.
    DuplicateDifferent = "duplicate-different", imports;
    /// Line 3 of users.csv comes again with its id in capitals, and another name.
    IdsDifferInCase = "ids-differ-in-case", imports;
    /// Ids of people and classes with `#`, `/` and blanks, in all files.
    OddIds = "odd-ids", imports;
    /// Ids of people and classes with 400 characters, in all files.
    LongIds = "long-ids", imports;
    /// Line 3 of enrollments.csv refers to a person who is not there.
    DanglingUser = "dangling-user", imports;
    /// Line 3 of enrollments.csv refers to a class that is not there.
    DanglingClass = "dangling-class", imports;
    /// Line 3 of classes.csv refers to a school that is not there.
    DanglingSchool = "dangling-school", imports;
    /// Line 3 of classes.csv refers to a course that is not there.
    DanglingCourse = "dangling-course", imports;
    /// Line 3 of classes.csv refers to a session that is not there.
    DanglingTerm = "dangling-term", imports;
    /// Line 3 of orgs.csv refers to a parent that is not there.
    DanglingParent = "dangling-parent", imports;
    /// Line 3 of courses.csv refers to a school year that is not there.
    DanglingSchoolYear = "dangling-school-year", imports;
    /// Line 3 of users.csv refers to an agent who is not there.
    DanglingAgent = "dangling-agent", imports;
    /// Line 3 of users.csv belongs to an org that is not there (1.2: line 3 of roles.csv).
    DanglingOrg = "dangling-org", imports;
    /// demographics.csv has a row of somebody who is not there.
    DanglingDemographics = "dangling-demographics", imports;

    // Sense
    /// Schools have the org type `department`.
    SchoolsAsDepartments = "schools-as-departments", imports;
    /// The second school's parent is the first.
    SchoolUnderSchool = "school-under-school", imports;
    /// The first two schools are each other's parents.
    OrgCycle = "org-cycle", imports;
    /// The school year stands below the first semester.
    SchoolYearBelowTerm = "school-year-below-term", imports;
    /// Sessions have no parents.
    SessionsWithoutParent = "sessions-without-parent", imports;
    /// The second semester ends before it starts.
    SessionStartAfterEnd = "session-start-after-end", imports;
    /// Classes have no sessions.
    NoTerms = "no-terms", imports;
    /// Enrolments begin before their session and end after it.
    EnrollmentDatesOutsideTerm = "enrollment-dates-outside-term", imports;
    /// Line 3 of enrollments.csv names the district instead of the class's school.
    EnrollmentSchoolDiffers = "enrollment-school-differs", imports;
    /// Every student has a teacher among the agents.
    TeachersAsAgents = "teachers-as-agents", imports;
    /// Only students name their agents.
    OneWayAgents = "one-way-agents", imports;
    /// Only agents name their students.
    ReverseAgents = "reverse-agents", imports;
    /// Line 3 of enrollments.csv comes again at the end of the file with another id.
    SameUserTwice = "same-user-twice", imports;
    /// Line 3 of enrollments.csv makes a student a teacher, and the first teacher is enrolled as a
    /// student.
    RoleConflict = "role-conflict", imports;
    /// All teachers of a class are primary.
    SeveralPrimaries = "several-primaries", imports;
    /// No teacher is primary.
    NoPrimary = "no-primary", imports;
    /// The user on line 3 has no row in roles.csv; for districts of 1.2.
    NoRole = "no-role", imports;
    /// The user on line 3 has the primary role twice in roles.csv; for districts of 1.2.
    TwoPrimaryRoles = "two-primary-roles", imports;
    /// The student on line 2 of users.csv is in no class.
    StudentWithoutClasses = "student-without-classes", imports;
    /// The class on line 2 of classes.csv has 30,000 students more, all new.
    HugeClass = "huge-class", imports;

    // The set
    /// All files in one folder inside the zip.
    FolderInZip = "folder-in-zip", imports;
    /// Half of the files in one folder, half in another.
    TwoFolders = "two-folders", fatal;
    /// `__MACOSX/._users.csv` and `.DS_Store` among the files.
    MacExtras = "mac-extras", imports;
    /// A file that is not OneRoster's.
    UnknownFile = "unknown-file", imports;
    /// File names in lower case.
    FileNameCase = "file-name-case", imports;
    /// `fiel.demographics` in the manifest.
    ManifestMisspelt = "manifest-misspelt", imports;
    /// No manifest; imports where the district's settings accept 1.0.
    ManifestMissing = "manifest-missing", fatal;
    /// Another header than `propertyName,value` in the manifest.
    ManifestHeader = "manifest-header", fatal;
    /// The manifest does not say how users.csv is meant.
    ManifestModeBlank = "manifest-mode-blank", fatal;
    /// `manifest.version` is `1`, as Excel leaves it.
    ManifestVersion = "manifest-version", imports;
    /// users.csv is missing.
    UsersMissing = "users-missing", fatal;
    /// users.csv has no row.
    UsersHeaderOnly = "users-header-only", fatal;
    /// enrollments.csv is missing.
    EnrollmentsMissing = "enrollments-missing", fatal;
    /// enrollments.csv has no row.
    EnrollmentsHeaderOnly = "enrollments-header-only", fatal;
    /// demographics.csv is listed and missing.
    ListedButMissing = "listed-but-missing", imports;
    /// demographics.csv is listed as absent and there.
    PresentButAbsent = "present-but-absent", imports;
    /// The files of Microsoft School Data Sync 2.1 in place of OneRoster's.
    SdsFormat = "sds-format", fatal;

    // The archive
    /// A file of text that is named like a zip.
    NotAZip = "not-a-zip", fatal;
    /// The last third of the zip is missing.
    TruncatedZip = "truncated-zip", fatal;
    /// A byte inside users.csv is not what it was when the zip was made.
    CorruptZip = "corrupt-zip", fatal;
    /// users.csv is 256 MB of blank lines, a quarter of a megabyte in the zip.
    ZipBomb = "zip-bomb", fatal;
    /// The zip says that users.csv has a hundred bytes when unpacked.
    LyingSizes = "lying-sizes", fatal;
    /// Two thousand small members more.
    TooManyMembers = "too-many-members", fatal;
    /// A member named `../../users.csv`.
    PathTraversal = "path-traversal", fatal;
    /// All members are marked as encrypted.
    Encrypted = "encrypted", fatal;
    /// A zip without members.
    EmptyZip = "empty-zip", fatal;
    /// users.csv twice, with different content.
    DuplicateMembers = "duplicate-members", fatal;
}

impl Defect {
    /// Whether it is one of the archive, which a folder cannot have.
    pub fn is_of_the_archive(self) -> bool {
        self >= Self::NotAZip
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Defect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|defect| defect.name() == name);
        found.copied().ok_or_else(|| {
            format!("there is no defect called {name}; make-district --list-defects lists them")
        })
    }
}
