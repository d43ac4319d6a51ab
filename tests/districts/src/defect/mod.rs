//! The defects of real files. Each can be switched on.

pub(crate) mod archive;
pub(crate) mod cells;
pub(crate) mod editor;
pub(crate) mod set;

use std::fmt;
use std::str::FromStr;

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $verdict:ident;)+) => {
        /// A defect of a file set. "Line 3" is the second record of a file. In users.csv and
        /// enrollments.csv it belongs to a student.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Defect {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Defect {
            /// All defects.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What the defect does to the files.
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc,)+).trim_ascii_start(),)+
                }
            }

            /// Whether an import must reject the whole set, if the district has no settings for
            /// such files. Otherwise it imports all records but the bad ones, with a finding.
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
    /// Every file begins with a UTF-8 byte order mark.
    Bom = "bom", imports;
    /// Every file is UTF-16 little-endian with a byte order mark.
    Utf16Le = "utf-16le", imports;
    /// Every file is UTF-16 big-endian with a byte order mark.
    Utf16Be = "utf-16be", imports;
    /// Every file is UTF-16 little-endian without a byte order mark.
    Utf16Unmarked = "utf-16-unmarked", fatal;
    /// Every file is Windows-1252. Imports if the district's settings name that encoding.
    Windows1252 = "windows-1252", fatal;
    /// The given name on line 3 of users.csv contains the byte FF.
    InvalidUtf8 = "invalid-utf-8", fatal;
    /// The given name on line 3 of users.csv contains a NUL.
    NulBytes = "nul-bytes", imports;

    // Headers
    /// All headers are in lower case.
    HeaderCase = "header-case", imports;
    /// Headers are those of version 1.0: `grade`, `userId`, `agents`, `birthdate`.
    OldHeaderNames = "old-header-names", imports;
    /// Every header and every row ends with two empty cells.
    TrailingEmptyHeaders = "trailing-empty-headers", imports;
    /// Columns are in reverse order.
    ColumnOrder = "column-order", imports;
    /// The first column of users.csv is the district's own column `homeLanguage`.
    OwnColumnFirst = "own-column-first", imports;
    /// enrollments.csv has no column `userSourcedId`.
    RequiredColumnMissing = "required-column-missing", fatal;
    /// users.csv has no column `middleName`.
    OptionalColumnMissing = "optional-column-missing", imports;
    /// users.csv has a misspelled column: `familyNmae`.
    HeaderMisspelt = "header-misspelt", fatal;
    /// The column `email` of users.csv is named `Email Address`.
    EmailColumnRenamed = "email-column-renamed", imports;
    /// Cells are separated by semicolons, in all files.
    Semicolons = "semicolons", fatal;
    /// users.csv has the column `email` twice (the second replaces `sms`).
    HeaderDuplicate = "header-duplicate", fatal;
    /// users.csv has the column `resourceSourcedIds`, which 1.2.1 removed. For 1.2 districts.
    ResourceColumn = "resource-column", imports;

    // Lines
    /// Rows omit their blank last cells.
    ShortRows = "short-rows", imports;
    /// Line 3 of users.csv ends after the fourth cell.
    CutRow = "cut-row", imports;
    /// Line 3 of users.csv has one extra cell with text.
    LongRow = "long-row", imports;
    /// Every row has one extra blank cell.
    TrailingCells = "trailing-cells", imports;
    /// The last line of each file has no line end.
    NoLastLineEnd = "no-last-line-end", imports;
    /// There are blank lines between rows and at the end.
    BlankLines = "blank-lines", imports;
    /// The quoted family name on line 3 of users.csv contains a line break.
    LineBreakInField = "line-break-in-field", imports;
    /// A quote before the role on line 3 of enrollments.csv is never closed (unless all fields are
    /// quoted).
    UnclosedQuote = "unclosed-quote", fatal;
    /// users.csv ends after the fourth cell of its last row, without a line end.
    FileCutOff = "file-cut-off", fatal;
    /// enrollments.csv ends inside the quoted role of its last row.
    FileCutOffInQuote = "file-cut-off-in-quote", fatal;
    /// A quote before the grade on line 3 of users.csv is closed by the next quoted field, some
    /// lines below. The records between the two are lost.
    StrayQuote = "stray-quote", fatal;

    // Values
    /// Dates look like `8/17/2026`. They are readable if the district's settings name that format.
    UsDates = "us-dates", imports;
    /// Dates look like `17/8/2026`. They are readable if the district's settings name that format.
    DayFirstDates = "day-first-dates", imports;
    /// Booleans are `TRUE` and `FALSE`.
    UpperCaseBooleans = "upper-case-booleans", imports;
    /// Booleans in demographics.csv are `yes` and `no`.
    YesNo = "yes-no", imports;
    /// Deltas have the statuses `Active` and `toBeDeleted`.
    MixedCaseStatus = "mixed-case-status", imports;
    /// Deltas mark removed records as `inactive`, as in version 1.0.
    InactiveStatus = "inactive-status", imports;
    /// Rows of bulk files have the status `active` and a time of change.
    StatusInBulk = "status-in-bulk", imports;
    /// Every second row of users.csv has the status `active` and a time of change.
    StatusInSomeRows = "status-in-some-rows", fatal;
    /// Deltas have only a date as the time of change.
    DateForDateTime = "date-for-date-time", imports;
    /// Deltas have `2017-05-06 08:01:05` as the time of change.
    LooseDateTime = "loose-date-time", imports;
    /// Grades are `1` and `K`.
    OneDigitGrades = "one-digit-grades", imports;
    /// The family name on line 3 of users.csv is blank.
    RequiredBlank = "required-blank", imports;
    /// The username on line 3 of users.csv is blank.
    UsernameBlank = "username-blank", imports;
    /// No student has an email address.
    EmailsMissing = "emails-missing", imports;
    /// The email address on line 3 of users.csv is malformed.
    EmailMalformed = "email-malformed", imports;
    /// Lines 3 and 4 of users.csv have the same email address.
    EmailShared = "email-shared", imports;
    /// `userIds` on line 3 of users.csv has no braces.
    UserIdsMalformed = "user-ids-malformed", imports;
    /// users.csv has passwords, all `Secret-pass-1`. They must not be stored or logged anywhere.
    Passwords = "passwords", imports;
    /// The role on line 3 does not exist (1.1: users.csv, 1.2: roles.csv).
    RoleUnknown = "role-unknown", imports;
    /// The role on line 3 of enrollments.csv does not exist.
    EnrollmentRoleUnknown = "enrollment-role-unknown", imports;
    /// The type on line 3 of classes.csv does not exist.
    ClassTypeUnknown = "class-type-unknown", imports;
    /// Types in classes.csv are `Scheduled` and `Homeroom`.
    ClassTypeCase = "class-type-case", imports;
    /// Line 3 of classes.csv has more subject codes than subjects.
    SubjectCodes = "subject-codes", imports;

    // Ids and references
    /// Line 3 of users.csv is repeated at the end of the file.
    DuplicateEqual = "duplicate-equal", imports;
    /// Line 3 of users.csv is repeated at the end of the file with another name.
    DuplicateDifferent = "duplicate-different", imports;
    /// Line 3 of users.csv is repeated with its id in upper case and another name.
    IdsDifferInCase = "ids-differ-in-case", imports;
    /// Ids of people and classes contain `#`, `/` and spaces, in all files.
    OddIds = "odd-ids", imports;
    /// Ids of people and classes have 400 characters, in all files.
    LongIds = "long-ids", imports;
    /// Line 3 is missing from users.csv, although other files refer to its person.
    UserRowMissing = "user-row-missing", imports;
    /// Line 3 of enrollments.csv refers to a missing person.
    DanglingUser = "dangling-user", imports;
    /// Line 3 of enrollments.csv refers to a missing class.
    DanglingClass = "dangling-class", imports;
    /// Line 3 of classes.csv refers to a missing school.
    DanglingSchool = "dangling-school", imports;
    /// Line 3 of classes.csv refers to a missing course.
    DanglingCourse = "dangling-course", imports;
    /// Line 3 of classes.csv refers to a missing session.
    DanglingTerm = "dangling-term", imports;
    /// Line 3 of orgs.csv refers to a missing parent.
    DanglingParent = "dangling-parent", imports;
    /// Line 3 of courses.csv refers to a missing school year.
    DanglingSchoolYear = "dangling-school-year", imports;
    /// Line 3 of users.csv refers to a missing agent.
    DanglingAgent = "dangling-agent", imports;
    /// Line 3 of users.csv refers to a missing org (1.2: line 3 of roles.csv).
    DanglingOrg = "dangling-org", imports;
    /// demographics.csv has a row for a missing person.
    DanglingDemographics = "dangling-demographics", imports;

    // Meaning
    /// Schools have the org type `department`.
    SchoolsAsDepartments = "schools-as-departments", imports;
    /// The second school's parent is the first.
    SchoolUnderSchool = "school-under-school", imports;
    /// Each of the first two schools is the parent of the other.
    OrgCycle = "org-cycle", imports;
    /// The parent of the school year is the first semester.
    SchoolYearBelowTerm = "school-year-below-term", imports;
    /// Sessions have no parents.
    SessionsWithoutParent = "sessions-without-parent", imports;
    /// The second semester ends before it starts.
    SessionStartAfterEnd = "session-start-after-end", imports;
    /// Classes have no sessions.
    NoTerms = "no-terms", imports;
    /// Enrollments begin before their session and end after it.
    EnrollmentDatesOutsideTerm = "enrollment-dates-outside-term", imports;
    /// Line 3 of enrollments.csv names the district instead of the class's school.
    EnrollmentSchoolDiffers = "enrollment-school-differs", imports;
    /// Every student has a teacher as an agent.
    TeachersAsAgents = "teachers-as-agents", imports;
    /// Only students refer to their agents.
    OneWayAgents = "one-way-agents", imports;
    /// Only agents refer to their students.
    ReverseAgents = "reverse-agents", imports;
    /// Line 3 of enrollments.csv is repeated at the end of the file with another id.
    SameUserTwice = "same-user-twice", imports;
    /// Line 3 of enrollments.csv enrolls a student as a teacher, and the first teacher is enrolled
    /// as a student.
    RoleConflict = "role-conflict", imports;
    /// All teachers of a class are primary.
    SeveralPrimaries = "several-primaries", imports;
    /// No teacher is primary.
    NoPrimary = "no-primary", imports;
    /// The user on line 3 has no row in roles.csv. For 1.2 districts.
    NoRole = "no-role", imports;
    /// The user on line 3 has the primary role twice in roles.csv. For 1.2 districts.
    TwoPrimaryRoles = "two-primary-roles", imports;
    /// The student on line 2 of users.csv is in no class.
    StudentWithoutClasses = "student-without-classes", imports;
    /// The class on line 2 of classes.csv has 30,000 additional new students.
    HugeClass = "huge-class", imports;

    // The set
    /// All files are in one folder inside the zip.
    FolderInZip = "folder-in-zip", imports;
    /// Half of the files are in one folder, half in another.
    TwoFolders = "two-folders", fatal;
    /// The set contains `__MACOSX/._users.csv` and `.DS_Store`.
    MacExtras = "mac-extras", imports;
    /// The set contains a file that is not part of OneRoster.
    UnknownFile = "unknown-file", imports;
    /// File names are in lower case.
    FileNameCase = "file-name-case", imports;
    /// The manifest has a misspelled property: `fiel.demographics`.
    ManifestMisspelt = "manifest-misspelt", imports;
    /// The manifest is missing. Imports if the district's settings accept version 1.0.
    ManifestMissing = "manifest-missing", fatal;
    /// The manifest's header is not `propertyName,value`.
    ManifestHeader = "manifest-header", fatal;
    /// The manifest has no mode for users.csv.
    ManifestModeBlank = "manifest-mode-blank", fatal;
    /// `manifest.version` is `1`, as Excel leaves it.
    ManifestVersion = "manifest-version", imports;
    /// users.csv is missing.
    UsersMissing = "users-missing", fatal;
    /// users.csv has no rows.
    UsersHeaderOnly = "users-header-only", fatal;
    /// enrollments.csv is missing.
    EnrollmentsMissing = "enrollments-missing", fatal;
    /// enrollments.csv has no rows.
    EnrollmentsHeaderOnly = "enrollments-header-only", fatal;
    /// demographics.csv is listed in the manifest but missing.
    ListedButMissing = "listed-but-missing", imports;
    /// demographics.csv is listed as absent but included.
    PresentButAbsent = "present-but-absent", imports;
    /// The files are in the format of Microsoft School Data Sync 2.1.
    SdsFormat = "sds-format", fatal;

    // The archive
    /// The zip is a text file.
    NotAZip = "not-a-zip", fatal;
    /// The upload is a gzip file.
    Gzip = "gzip", fatal;
    /// The zip contains the real zip.
    ZipInZip = "zip-in-zip", fatal;
    /// The last third of the zip is missing.
    TruncatedZip = "truncated-zip", fatal;
    /// A byte of users.csv was changed after the zip was written.
    CorruptZip = "corrupt-zip", fatal;
    /// users.csv is 256 MB of blank lines, compressed to a quarter of a megabyte.
    ZipBomb = "zip-bomb", fatal;
    /// The zip declares an unpacked size of 100 bytes for users.csv.
    LyingSizes = "lying-sizes", fatal;
    /// users.csv in the zip is 100 bytes shorter than the zip declares.
    MemberCutOff = "member-cut-off", fatal;
    /// The zip has 2,000 additional small members.
    TooManyMembers = "too-many-members", fatal;
    /// The zip has a member named `../../users.csv`.
    PathTraversal = "path-traversal", fatal;
    /// All members are marked as encrypted.
    Encrypted = "encrypted", fatal;
    /// The zip has no members.
    EmptyZip = "empty-zip", fatal;
    /// The zip has users.csv twice, with different content.
    DuplicateMembers = "duplicate-members", fatal;
}

impl Defect {
    /// Whether the defect is in the zip format, which a folder cannot have.
    pub fn is_archive_defect(self) -> bool {
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
        found
            .copied()
            .ok_or_else(|| format!("there is no defect {name}; see make-district --list-defects"))
    }
}
