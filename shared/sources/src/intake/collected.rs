//! The roster in memory: all that a snapshot will contain, in compact form.

use jiff::civil::Date;
use roster::policy::Policy;
use roster::records::RecordKind;
use roster::settings::SourceSettings;

use super::diagnostics::{Diagnostics, id_of, place};
use super::ids::{NONE, Registry};
use super::missing::Missing;
use super::phone::Phones;
use super::texts::Texts;
use super::values::{Day, NO_DAY};
use roster::finding::Code;

/// The types of org that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum OrgKind {
    School,
    /// A district; OneRoster 1.0 calls it local.
    District,
    #[default]
    Other,
}

/// An org.
#[derive(Clone, Copy, Default)]
pub(crate) struct Org {
    /// Position of its [`OrgTexts`](super::record_texts::OrgTexts).
    pub(crate) texts: usize,
    pub(crate) kind: OrgKind,
    pub(crate) parent: u32,
    /// Whether a class names it as its school.
    pub(crate) has_classes: bool,
    /// Whether classes or people refer to it.
    pub(crate) wanted: bool,
}

impl Org {
    /// Whether it counts as a school (check 39).
    pub(crate) fn is_school(self) -> bool {
        self.kind == OrgKind::School || self.has_classes
    }
}

/// An academic session.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    /// Position of its [`SessionTexts`](super::record_texts::SessionTexts).
    pub(crate) texts: usize,
    pub(crate) kind: &'static str,
    pub(crate) start: Day,
    pub(crate) end: Day,
    pub(crate) parent: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self { texts: 0, kind: "other", start: NO_DAY, end: NO_DAY, parent: NONE }
    }
}

/// A course.
#[derive(Clone, Copy, Default)]
pub(crate) struct Course {
    /// Position of its [`CourseTexts`](super::record_texts::CourseTexts).
    pub(crate) texts: usize,
    pub(crate) org: u32,
    pub(crate) school_year: u32,
    pub(crate) has_classes: bool,
}

/// A class.
#[derive(Clone, Copy, Default)]
pub(crate) struct Class {
    /// Position of its [`ClassTexts`](super::record_texts::ClassTexts).
    pub(crate) texts: usize,
    pub(crate) school: u32,
    pub(crate) course: u32,
    /// Its terms: begin and length in [`Collected::term_lists`].
    pub(crate) terms: (u32, u32),
    /// The dates that its sessions cover, if all of them are known.
    pub(crate) span: (Day, Day),
}

/// Kinds of person, as bits.
pub(crate) mod person {
    pub(crate) const STUDENT: u8 = 1;
    pub(crate) const TEACHER: u8 = 2;
    pub(crate) const GUARDIAN: u8 = 4;
    pub(crate) const ALL: u8 = 7;
    /// A role that gets no account.
    pub(crate) const OTHER: u8 = 8;
}

/// A user.
#[derive(Clone, Copy, Default)]
pub(crate) struct User {
    /// Position of its [`PersonTexts`](super::record_texts::PersonTexts).
    pub(crate) texts: usize,
    /// The orgs of a 1.1 row: begin and length in [`Collected::org_lists`].
    pub(crate) orgs: (u32, u32),
    /// The main org of a 1.2 row.
    pub(crate) main_org: u32,
    /// Kinds that the source names, see [`person`]. Of a bad row: all that it may be.
    pub(crate) kinds: u8,
    /// Kinds that only enrollments name (R-T7). Of a person who was not sent: all kinds that other
    /// records name.
    pub(crate) enrolled: u8,
    /// Kinds of which a bad row of roles.csv may have been the evidence.
    pub(crate) unsure: u8,
    /// `guardian`, `parent` or `relative`.
    pub(crate) guardian: GuardianWord,
    pub(crate) disabled: bool,
    pub(crate) in_scope: bool,
    pub(crate) has_enrollment: bool,
    /// Whether `texts` is set. Of a bad row they hold contacts alone.
    pub(crate) has_texts: bool,
}

/// The source's word for a guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum GuardianWord {
    #[default]
    Guardian,
    Parent,
    Relative,
}

impl GuardianWord {
    pub(crate) fn name(self) -> &'static str {
        match self {
            GuardianWord::Guardian => "guardian",
            GuardianWord::Parent => "parent",
            GuardianWord::Relative => "relative",
        }
    }
}

/// A user's row of demographics.csv.
#[derive(Clone, Copy)]
pub(crate) struct Demographic {
    /// Whether a row was read.
    pub(crate) known: bool,
    /// Races, as bits in the order of the columns.
    pub(crate) races: u8,
    /// Hispanic or Latino: 0 unknown, 1 false, 2 true.
    pub(crate) hispanic: u8,
    pub(crate) birth: Day,
    /// Position of its [`DemographicTexts`](super::record_texts::DemographicTexts).
    pub(crate) texts: usize,
}

impl Default for Demographic {
    fn default() -> Self {
        Self { known: false, races: 0, hispanic: 0, birth: NO_DAY, texts: 0 }
    }
}

/// A row of roles.csv.
#[derive(Clone, Copy)]
pub(crate) struct Role {
    pub(crate) user: u32,
    pub(crate) org: u32,
    pub(crate) kind: u8,
    pub(crate) guardian: GuardianWord,
    pub(crate) primary: bool,
    pub(crate) current: bool,
    pub(crate) line: u32,
}

/// An enrollment of a student or a teacher.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enrollment {
    pub(crate) class: u32,
    pub(crate) user: u32,
    /// Index of its dates times four, plus the bits [`Enrollment::TEACHER`] and
    /// [`Enrollment::PRIMARY`].
    packed: u32,
    pub(crate) line: u32,
}

impl Enrollment {
    const TEACHER: u32 = 1;
    const PRIMARY: u32 = 2;
    /// The `user` of a row that is not used.
    pub(crate) const VOID: u32 = NONE;

    pub(crate) fn new(
        class: u32,
        user: u32,
        is_teacher: bool,
        is_primary: bool,
        dates: u32,
        line: u32,
    ) -> Self {
        let packed = dates << 2
            | if is_teacher { Self::TEACHER } else { 0 }
            | if is_primary { Self::PRIMARY } else { 0 };
        Self { class, user, packed, line }
    }

    /// Role, primary and dates in one number.
    pub(crate) fn packed(self) -> u32 {
        self.packed
    }

    /// Unpacks role, primary and dates. Class and user are [`NONE`].
    pub(crate) fn unpack(packed: u32) -> Self {
        Self { class: NONE, user: NONE, packed, line: 0 }
    }

    pub(crate) fn is_teacher(self) -> bool {
        self.packed & Self::TEACHER != 0
    }

    pub(crate) fn is_primary(self) -> bool {
        self.packed & Self::PRIMARY != 0
    }

    pub(crate) fn dates(self) -> usize {
        (self.packed >> 2) as usize
    }

    pub(crate) fn is_void(self) -> bool {
        self.user == Self::VOID
    }

    /// Whether two rows have the same content.
    pub(crate) fn equals(self, other: Self) -> bool {
        (self.class, self.user, self.packed) == (other.class, other.user, other.packed)
    }
}

/// Records that could not be read (R-H3).
#[derive(Default)]
pub(crate) struct Losses {
    /// Kinds with a row whose id could not be read.
    pub(crate) kinds: Vec<RecordKind>,
    /// Whether an enrollment was lost of which neither class nor user is known.
    pub(crate) any_enrollment: bool,
    /// Class and user of lost enrollments; [`NONE`] if unknown.
    pub(crate) enrollments: Vec<(u32, u32)>,
    /// Students whose demographics were lost.
    pub(crate) students: Vec<u32>,
    /// Whether demographics were lost of which the student is not known.
    pub(crate) any_demographics: bool,
}

impl Losses {
    /// Records that a row of this kind had no readable id.
    pub(crate) fn kind(&mut self, kind: RecordKind) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    /// Records that a person's row had no readable id.
    pub(crate) fn people(&mut self) {
        for kind in [RecordKind::Teacher, RecordKind::Student, RecordKind::Guardian] {
            self.kind(kind);
        }
    }
}

/// Finds the value that more than half of many have, by the vote of Boyer and Moore: constant
/// memory, and one comparison for each.
#[derive(Clone, Copy, Default)]
pub(crate) struct Majority {
    candidate: u64,
    lead: u64,
    all: u64,
}

impl Majority {
    /// Counts a value by its hash.
    pub(crate) fn count(&mut self, hash: u64) {
        self.all += 1;
        if self.lead == 0 {
            self.candidate = hash;
        }
        if self.candidate == hash { self.lead += 1 } else { self.lead -= 1 }
    }

    /// Returns the value that leads by more than a quarter of all, so that reading everything again
    /// to count it is worthwhile.
    pub(crate) fn majority(self) -> Option<u64> {
        (self.all > 0 && self.lead * 4 > self.all).then_some(self.candidate)
    }
}

/// The settings of an import.
pub(crate) struct ImportOptions<'a> {
    pub(crate) settings: &'a SourceSettings,
    pub(crate) today: Date,
    pub(crate) phones: Phones,
    /// Whether demographics are kept at all (R-M7).
    pub(crate) demographics: bool,
}

impl<'a> ImportOptions<'a> {
    pub(crate) fn new(
        settings: &'a SourceSettings,
        policy: &Policy,
        today: Date,
        phones: Phones,
    ) -> Self {
        Self { settings, today, phones, demographics: policy.stores_demographics() }
    }

    /// Returns the column that the settings map to a field.
    pub(crate) fn metadata(&self, field: &str) -> Option<&'a str> {
        self.settings.metadata.get(field).map(String::as_str)
    }
}

/// A list of the source, named as in findings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct List {
    /// The list's name, for example the file name.
    pub(crate) name: &'static str,
    /// One item of the list.
    pub(crate) entity: &'static str,
}

/// The source's names for what the findings of all sources refer to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words {
    pub(crate) users: List,
    pub(crate) enrollments: List,
    /// The field in which a person names relatives.
    pub(crate) agents: &'static str,
}

/// The roster that was read.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) words: Words,
    pub(crate) orgs: Registry<Org>,
    pub(crate) sessions: Registry<Session>,
    pub(crate) courses: Registry<Course>,
    pub(crate) classes: Registry<Class>,
    pub(crate) users: Registry<User>,
    pub(crate) texts: Texts,
    pub(crate) term_lists: Vec<u32>,
    pub(crate) org_lists: Vec<u32>,
    pub(crate) demographics: Vec<Demographic>,
    pub(crate) roles: Vec<Role>,
    pub(crate) role_ids: Vec<u64>,
    /// Whether users.csv has roles (1.1). `None` until it is read.
    pub(crate) users_have_roles: Option<bool>,
    /// Pairs of users, the first of which names the second as agent.
    pub(crate) agents: Vec<(u32, u32)>,
    /// Hashes of usernames with their users.
    pub(crate) usernames: Vec<(u64, u32)>,
    pub(crate) enrollments: Vec<Enrollment>,
    pub(crate) enrollment_ids: Vec<u64>,
    /// First day and end of enrollments, each distinct pair once.
    pub(crate) dates: Vec<(Day, Day)>,
    /// Enrollments whose class was dropped.
    pub(crate) of_dropped_classes: u64,
    /// Number of people or enrollments, by list and role, whose role gets no account or enrollment.
    pub(crate) not_rostered: std::collections::BTreeMap<(&'static str, String), u64>,
    /// Number of rows with a role that OneRoster does not have, by list and role.
    pub(crate) unknown_roles: std::collections::BTreeMap<(&'static str, String), u64>,
    /// E-mail addresses of people.
    pub(crate) addresses: Majority,
    pub(crate) losses: Losses,
    /// Records to which others refer although they were not sent.
    pub(crate) missing: Missing,
    /// The fields that the settings map to a column that at least one file has.
    pub(crate) mapped: Vec<&'static str>,
    /// The schools in scope, if the settings limit them (R-O3): slots of orgs.
    pub(crate) scope: Option<Vec<u32>>,
}

impl Collected {
    /// Creates an empty roster for a source that uses these words.
    pub(crate) fn of(words: Words) -> Self {
        Self { words, ..Self::default() }
    }

    /// Whether a school is inside the configured scope (R-O3).
    pub(crate) fn in_scope(&self, school: u32) -> bool {
        self.scope.as_ref().is_none_or(|schools| schools.contains(&school))
    }
}

/// Records a finding about a record after its list was read.
pub(crate) fn note_record<T: Default + Clone>(
    registry: &Registry<T>,
    slot: u32,
    list: impl Into<List>,
    diagnostics: &mut Diagnostics<'_>,
    code: &'static Code,
    column: Option<&'static str>,
    found: impl FnOnce() -> String,
) {
    let (seen, list) = (registry.seen(slot), list.into());
    let before = std::mem::replace(&mut diagnostics.earlier, seen.is_of_earlier_set());
    diagnostics.note(code, |finding| {
        let found = found();
        let finding = if found.is_empty() { finding } else { finding.with(found) };
        finding
            .at(place(list.name, seen.line, column))
            .about(list.entity, &id_of(registry.id(slot)))
    });
    diagnostics.earlier = before;
}
