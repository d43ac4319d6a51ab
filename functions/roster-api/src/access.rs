//! The permissions of roles: one table of roles and operations. The router checks it before a
//! handler runs, the documentation is generated from it, and a test checks every cell.

use serde::{Deserialize, Serialize};

/// The role that a token gives its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Operates Rollbook: settings, runs, erasure.
    Operator,
    /// Helps users: pins, links, sign-in e-mails, explanations.
    Support,
    /// Leads a district.
    DistrictLeader,
    /// Leads the schools that the token names.
    SchoolLeader,
    /// Teaches the classes of the token's `record`.
    Teacher,
    /// Changes names and contacts of other people.
    UsersManager,
    /// The guardian whose key is the token's `record`.
    Guardian,
    /// A program that reads rosters and signs people in.
    Application,
}

impl Role {
    /// All roles, in the order of the table's columns.
    pub const ALL: [Role; 8] = [
        Role::Operator,
        Role::Support,
        Role::DistrictLeader,
        Role::SchoolLeader,
        Role::Teacher,
        Role::UsersManager,
        Role::Guardian,
        Role::Application,
    ];

    /// The role's name in tokens.
    pub fn name(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Support => "support",
            Role::DistrictLeader => "district_leader",
            Role::SchoolLeader => "school_leader",
            Role::Teacher => "teacher",
            Role::UsersManager => "users_manager",
            Role::Guardian => "guardian",
            Role::Application => "application",
        }
    }

    /// Returns the role with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether tokens of this role must name schools. Without schools they give access to none.
    pub fn needs_schools(self) -> bool {
        matches!(self, Role::SchoolLeader | Role::Teacher)
    }
}

/// The records on which a role may perform an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// None: the role may not perform the operation.
    None,
    /// The whole district. A token that is limited to schools is refused.
    District,
    /// All records of the district or, if the token names schools, of these schools.
    Schools,
    /// The person of the token's `record` and related records: a teacher's classes and the students
    /// in them, a guardian's children and their classes.
    Own,
}

use Scope::{District as W, None as N, Own as O, Schools as S};

macro_rules! operations {
    ($($name:ident = $text:literal, $scopes:expr;)*) => {
        /// An operation of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation { $(#[doc = $text] $name,)* }

        impl Operation {
            /// All operations, in the order of the table's rows.
            pub const ALL: &'static [Operation] = &[$(Operation::$name,)*];

            /// A short description.
            pub fn text(self) -> &'static str { match self { $(Operation::$name => $text,)* } }

            /// The name in logs.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$name => stringify!($name),)* }
            }

            fn row(self) -> [Scope; 8] { match self { $(Operation::$name => $scopes,)* } }
        }
    };
}

operations! {
    // operator, support, district leader, school leader, teacher, users manager, guardian,
    // application
    CreateDistrict = "create a district", [W, N, N, N, N, N, N, N];
    ReadDistrict = "see the state of a district", [W, W, W, N, N, W, N, W];
    ReadSettings = "see a district's settings", [W, W, W, N, N, N, N, N];
    ChangeSettings = "change a district's settings", [W, N, N, N, N, N, N, N];
    SwitchSync = "switch a sync off or on (R-O5)", [W, N, N, N, N, N, N, N];
    PauseSync = "pause and resume a sync (R-O4)", [W, N, N, N, N, N, N, N];
    PullNow = "start a pull now (R-O4)", [W, W, N, N, N, N, N, N];
    EraseDistrict = "erase a district (R-O6)", [W, N, N, N, N, N, N, N];
    ReadSchools = "see the schools", [S, S, S, S, S, S, N, S];
    ReadDirectory = "read and search a school's directory", [S, S, S, S, S, S, N, S];
    LookUpEmail = "look up a person by e-mail", [S, S, S, S, N, S, N, S];
    ReadPerson = "read a person", [S, S, S, S, O, S, O, S];
    ReadDemographics = "see demographics (R-M7)", [S, S, S, S, N, N, N, S];
    ReadClass = "read a class and its roster", [S, S, S, S, O, S, O, S];
    ReadGroups = "read groups (R-M8)", [W, W, W, N, N, N, N, W];
    NameClass = "give a class a custom name (R-M4)", [N, S, S, S, O, N, N, N];
    EditRoster = "add students to a class and remove them (R-S4, R-S5)", [N, S, S, S, O, N, N, N];
    EditCoTeachers = "add co-teachers to a class and remove them (R-T3)", [N, S, S, S, O, N, N, N];
    CreateClass = "create a manual class (R-C2)", [N, S, S, S, O, N, N, N];
    ChangeClass = "rename or archive a manual class (R-C2)", [N, S, S, S, O, N, N, N];
    MakeJoinCode = "create a join code (R-G4)", [N, S, S, S, O, N, N, N];
    JoinClass = "join a class with its code (R-G4)", [N, N, N, N, N, N, O, S];
    AddGuardian = "add a guardian to a student by hand (R-G4)", [N, S, S, S, N, N, N, N];
    AddPerson = "add a student or a teacher by hand while the sync is off (R-S3)",
        [N, S, S, S, N, S, N, N];
    ChangeName = "change a person's name (R-S6, R-G5)", [N, S, N, N, O, S, O, N];
    ChangeContact = "change a person's contacts (R-G5)", [N, S, N, N, O, S, O, N];
    SwitchAccount = "enable or disable an account (R-S6)", [N, S, S, S, N, N, N, N];
    AcceptInvitation = "accept an invitation (R-G5)", [N, N, N, N, O, N, O, S];
    RecordSignIn = "record a single sign-on (R-T6)", [N, N, N, N, N, N, N, S];
    SetSignInEmail = "set a temporary sign-in e-mail (R-I4)", [N, S, N, N, N, N, N, N];
    Pin = "pin a person, an enrollment or a class (R-P1)", [N, S, N, N, N, N, N, N];
    LinkIdentity = "link a source id to an account (R-I3)", [N, W, N, N, N, N, N, N];
    ReadRuns = "see runs, reports and plans", [W, W, W, N, N, N, N, N];
    DecideRun = "approve or reject a held run (R-H2)", [W, N, N, N, N, N, N, N];
    UndoRun = "undo a run, or restore a snapshot (R-H4)", [W, N, N, N, N, N, N, N];
    ReadChanges = "read the feed of changes (R-X2)", [W, W, N, N, N, N, N, W];
    ReadLastChange = "see what last changed a record (R-X2)", [S, S, S, S, N, N, N, N];
    Explain = "ask why a record is not here (R-X1)", [S, S, S, S, O, N, N, N];
}

/// Returns the records on which a role may perform an operation.
pub fn scope(role: Role, operation: Operation) -> Scope {
    operation.row()[role as usize]
}

/// Returns the table as Markdown, for the documentation.
pub fn table() -> String {
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    let mut text =
        format!("| operation | {} |\n| --- |{}\n", roles.join(" | "), " --- |".repeat(roles.len()));
    for operation in Operation::ALL {
        let cells: Vec<&str> = Role::ALL
            .iter()
            .map(|role| match scope(*role, *operation) {
                Scope::None => "–",
                Scope::District => "district",
                Scope::Schools => "schools",
                Scope::Own => "own",
            })
            .collect();
        text.push_str(&format!("| {} | {} |\n", operation.text(), cells.join(" | ")));
    }
    text
}
