//! What was read of a set: everything that the snapshot will say, in as little memory as the largest district needs.

use jiff::civil::Date;
use rules::model::Tag;
use rules::policy::{KeepDemographics, Policy};
use rules::settings::SourceSettings;

use super::ids::{NONE, Registry, Standing};
use super::layout::FileKind;
use super::notes::{Notes, id_of, place};
use super::phone::Phones;
use super::table::Row;
use super::texts::Texts;
use super::values::{Day, NO_DAY};
use rules::finding::{Code, source as codes};

/// The types of org that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum OrgKind {
    School,
    /// A district, or what 1.0 calls local.
    District,
    #[default]
    Other,
}

/// An org.
#[derive(Clone, Copy, Default)]
pub(super) struct Org {
    /// Its name and identifier.
    pub(super) texts: usize,
    pub(super) kind: OrgKind,
    pub(super) parent: u32,
    /// A class names it as its school.
    pub(super) has_classes: bool,
    /// Classes or people refer to it.
    pub(super) wanted: bool,
}

impl Org {
    /// Whether it counts as a school (check 39).
    pub(super) fn is_school(self) -> bool {
        self.kind == OrgKind::School || self.has_classes
    }
}

/// An academic session.
#[derive(Clone, Copy)]
pub(super) struct Session {
    /// Its title and school year.
    pub(super) texts: usize,
    pub(super) kind: &'static str,
    pub(super) start: Day,
    pub(super) end: Day,
    pub(super) parent: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self { texts: 0, kind: "other", start: NO_DAY, end: NO_DAY, parent: NONE }
    }
}

/// A course.
#[derive(Clone, Copy, Default)]
pub(super) struct Course {
    /// Its title, code, grades, subjects and their codes.
    pub(super) texts: usize,
    pub(super) org: u32,
    pub(super) school_year: u32,
    pub(super) has_classes: bool,
}

/// A class.
#[derive(Clone, Copy, Default)]
pub(super) struct Class {
    /// Title, code, type, location, grades, subjects, their codes, periods.
    pub(super) texts: usize,
    pub(super) school: u32,
    pub(super) course: u32,
    /// Its terms, in [`Roster::term_lists`].
    pub(super) terms: (u32, u32),
    /// The dates that its sessions cover, where all of them are known.
    pub(super) span: (Day, Day),
}

/// Kinds of person, as bits.
pub(super) mod person {
    pub(in super::super) const STUDENT: u8 = 1;
    pub(in super::super) const TEACHER: u8 = 2;
    pub(in super::super) const GUARDIAN: u8 = 4;
    pub(in super::super) const ALL: u8 = 7;
    /// A role that makes no account here.
    pub(in super::super) const OTHER: u8 = 8;
}

/// A user.
#[derive(Clone, Copy, Default)]
pub(super) struct User {
    /// The person's texts, in the order of [`PERSON_TEXTS`].
    pub(super) texts: usize,
    /// The orgs of a 1.1 row: a piece of [`Roster::org_lists`].
    pub(super) orgs: (u32, u32),
    /// The main org of a 1.2 row.
    pub(super) main_org: u32,
    /// Kinds that the source names, see [`person`]. For a bad row: those that it may be.
    pub(super) kinds: u8,
    /// Kinds that only enrollments name (R-T7).
    pub(super) enrolled: u8,
    /// Kinds that may have been lost with a bad row of roles.csv.
    pub(super) unsure: u8,
    /// `guardian`, `parent` or `relative`.
    pub(super) guardian: GuardianWord,
    pub(super) disabled: bool,
    pub(super) in_scope: bool,
    pub(super) has_enrollment: bool,
}

/// The source's word for a guardian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum GuardianWord {
    #[default]
    Guardian,
    Parent,
    Relative,
}

impl GuardianWord {
    pub(super) fn name(self) -> &'static str {
        match self {
            GuardianWord::Guardian => "guardian",
            GuardianWord::Parent => "parent",
            GuardianWord::Relative => "relative",
        }
    }
}

/// How many texts of a person are kept: given, family, middle, preferred given, preferred family, e-mail, phone, sms, username, number, state
/// id; and of a student, where demographics are kept: grades, ell, frl, iep.
pub(super) const PERSON_TEXTS: usize = 15;

/// A user's row of demographics.csv.
#[derive(Clone, Copy)]
pub(super) struct Demographic {
    /// A row was read.
    pub(super) known: bool,
    /// Races, as bits in the order of the columns.
    pub(super) races: u8,
    /// Hispanic or Latino: 0 not told, 1 false, 2 true.
    pub(super) hispanic: u8,
    pub(super) birth: Day,
    /// Sex, state id, number, ell, frl, iep.
    pub(super) texts: usize,
}

impl Default for Demographic {
    fn default() -> Self {
        Self { known: false, races: 0, hispanic: 0, birth: NO_DAY, texts: 0 }
    }
}

/// One row of roles.csv that is in force or not.
#[derive(Clone, Copy)]
pub(super) struct Role {
    pub(super) user: u32,
    pub(super) org: u32,
    pub(super) kind: u8,
    pub(super) guardian: GuardianWord,
    pub(super) primary: bool,
    pub(super) current: bool,
    pub(super) line: u32,
}

/// One enrollment that makes a seat.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Enrollment {
    pub(super) class: u32,
    pub(super) user: u32,
    /// Which dates, times four, and the bits [`Enrollment::TEACHER`] and [`Enrollment::PRIMARY`].
    packed: u32,
    pub(super) line: u32,
}

impl Enrollment {
    const TEACHER: u32 = 1;
    const PRIMARY: u32 = 2;
    /// Stands in `user` for a row that is not taken after all.
    pub(super) const VOID: u32 = NONE;

    pub(super) fn new(class: u32, user: u32, is_teacher: bool, is_primary: bool, dates: u32, line: u32) -> Self {
        let packed = dates << 2 | if is_teacher { Self::TEACHER } else { 0 } | if is_primary { Self::PRIMARY } else { 0 };
        Self { class, user, packed, line }
    }

    /// Role, primary and dates in one number.
    pub(super) fn packed(self) -> u32 {
        self.packed
    }

    /// What such a number says; whose enrollment it is stays open.
    pub(super) fn unpack(packed: u32) -> Self {
        Self { class: NONE, user: NONE, packed, line: 0 }
    }

    pub(super) fn is_teacher(self) -> bool {
        self.packed & Self::TEACHER != 0
    }

    pub(super) fn is_primary(self) -> bool {
        self.packed & Self::PRIMARY != 0
    }

    pub(super) fn dates(self) -> usize {
        (self.packed >> 2) as usize
    }

    pub(super) fn is_void(self) -> bool {
        self.user == Self::VOID
    }

    /// Whether two rows say the same, wherever they stand.
    pub(super) fn says_the_same(self, other: Self) -> bool {
        (self.class, self.user, self.packed) == (other.class, other.user, other.packed)
    }
}

/// What could not be read (R-H3).
#[derive(Default)]
pub(super) struct Losses {
    /// Kinds of which a row's id could not be read.
    pub(super) kinds: Vec<Tag>,
    /// An enrollment of which nothing is known was lost.
    pub(super) any_enrollment: bool,
    /// Class and user of lost enrollments; [`NONE`] where not known.
    pub(super) enrollments: Vec<(u32, u32)>,
    /// Students whose demographics were lost.
    pub(super) students: Vec<u32>,
}

impl Losses {
    pub(super) fn kind(&mut self, tag: Tag) {
        if !self.kinds.contains(&tag) {
            self.kinds.push(tag);
        }
    }

    pub(super) fn people(&mut self) {
        for tag in [Tag::Teacher, Tag::Student, Tag::Guardian] {
            self.kind(tag);
        }
    }
}

/// The settings that reading needs.
pub(super) struct Wishes<'a> {
    pub(super) settings: &'a SourceSettings,
    pub(super) today: Date,
    pub(super) phones: Phones,
    /// Whether demographics are kept at all (R-M7).
    pub(super) demographics: bool,
}

impl<'a> Wishes<'a> {
    pub(super) fn new(settings: &'a SourceSettings, policy: &Policy, today: Date, phones: Phones) -> Self {
        Self { settings, today, phones, demographics: policy.demographics == KeepDemographics::Mirror }
    }

    /// The column that holds a field, if the settings name one.
    pub(super) fn metadata(&self, field: &str) -> Option<&'a str> {
        self.settings.metadata.get(field).map(String::as_str)
    }
}

/// Everything that was read.
#[derive(Default)]
pub(super) struct Roster {
    pub(super) orgs: Registry<Org>,
    pub(super) sessions: Registry<Session>,
    pub(super) courses: Registry<Course>,
    pub(super) classes: Registry<Class>,
    pub(super) users: Registry<User>,
    pub(super) texts: Texts,
    pub(super) term_lists: Vec<u32>,
    pub(super) org_lists: Vec<u32>,
    pub(super) demographics: Vec<Demographic>,
    pub(super) roles: Vec<Role>,
    pub(super) role_ids: Vec<u64>,
    /// Whether users.csv has roles of its own (1.1); none: not read yet.
    pub(super) users_have_roles: Option<bool>,
    /// Pairs of users of whom the first names the second as agent.
    pub(super) agents: Vec<(u32, u32)>,
    /// Hashes of usernames, and whose they are.
    pub(super) usernames: Vec<(u64, u32)>,
    pub(super) enrollments: Vec<Enrollment>,
    pub(super) enrollment_ids: Vec<u64>,
    /// First day and end of enrollments, each pair once.
    pub(super) dates: Vec<(Day, Day)>,
    /// Enrollments whose class was dropped.
    pub(super) of_dropped_classes: u64,
    /// People or enrollments by role that makes no account or seat.
    pub(super) not_rostered: std::collections::BTreeMap<(FileKind, String), u64>,
    pub(super) losses: Losses,
    /// Mapped columns that were met in some file.
    pub(super) mapped: Vec<&'static str>,
    /// The schools to which reading is limited (R-O3), as slots of orgs.
    pub(super) scope: Option<Vec<u32>>,
}

impl Roster {
    /// Whether a school is inside the configured scope (R-O3).
    pub(super) fn in_scope(&self, school: u32) -> bool {
        self.scope.as_ref().is_none_or(|schools| schools.contains(&school))
    }
}

/// What became of a row's claim to its record.
pub(super) enum Taken {
    /// The row is the record's.
    Record(u32),
    /// The row is bad or not alone; the record is left as it is.
    Bad(u32),
    /// The row takes its record away, or says what is known.
    Nothing,
    /// Nobody can tell which record it is.
    Unnamed,
}

/// Finds the record that a row is about, and settles what does not depend on the table (checks 24 to 26).
pub(super) fn take<T: Default + Clone>(registry: &mut Registry<T>, row: &Row<'_>, package: u16, notes: &mut Notes<'_>) -> Taken {
    use super::ids::Claim;
    let Some(id) = row.own_id() else {
        if !row.is_bad() {
            row.required(row.id_col(), notes);
        }
        return Taken::Unnamed;
    };
    match registry.claim(id, package, row.line, row.fingerprint()) {
        Claim::Outdated => Taken::Nothing,
        Claim::Again(first) => {
            if registry.ids.find(id).is_some_and(|slot| registry.standing(slot) != Standing::Dropped) {
                row.note(notes, &codes::DUPLICATE_ROW, Some(row.id_col()), || {
                    format!("the row is the same as the one on line {first}")
                });
            }
            Taken::Nothing
        }
        Claim::Conflict(slot, first) => {
            if !row.is_bad() {
                row.note(notes, &codes::DUPLICATE_ID, Some(row.id_col()), || {
                    format!("the sourcedId stands on line {first} too, with other values; none of these rows is taken")
                });
            }
            registry.set(slot, Standing::Dropped);
            Taken::Bad(slot)
        }
        Claim::First(slot) if row.is_bad() => {
            registry.set(slot, Standing::Dropped);
            Taken::Bad(slot)
        }
        Claim::First(slot) => {
            if !super::values::is_regular_id(id) {
                row.note(notes, &codes::ID_CHARACTERS, Some(row.id_col()), String::new);
            }
            if row.is_removal() {
                registry.set(slot, Standing::Removed);
                return Taken::Nothing;
            }
            Taken::Record(slot)
        }
    }
}

/// Notes a finding about a record after its file was read.
pub(super) fn note_record<T: Default + Clone>(
    registry: &Registry<T>,
    slot: u32,
    kind: FileKind,
    notes: &mut Notes<'_>,
    code: &'static Code,
    column: Option<&'static str>,
    found: impl FnOnce() -> String,
) {
    let seen = registry.seen(slot);
    let before = std::mem::replace(&mut notes.earlier, seen.is_of_earlier_set());
    notes.note(code, |finding| {
        let found = found();
        let finding = if found.is_empty() { finding } else { finding.saying(code, found) };
        finding.at(place(kind.file(), seen.line, column)).about(kind.entity(), &id_of(registry.id(slot)))
    });
    notes.earlier = before;
}

/// Notes ids that differ only in case (check 27).
pub(super) fn note_id_case<T: Default + Clone>(registry: &Registry<T>, kind: FileKind, notes: &mut Notes<'_>) {
    for (a, b) in registry.ids.differing_in_case(registry.present()) {
        note_record(registry, b, kind, notes, &codes::ID_CASE, Some("sourcedId"), || {
            format!("the sourcedId differs only in capitals from the one on line {}", registry.seen(a).line)
        });
    }
}
