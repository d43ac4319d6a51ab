//! Local edits: how long each is kept (R-M2), and which of them a person may make.
//!
//! A run calls [`lifetime`] for every edit. The API calls [`promise`] when a person makes an edit,
//! and the `may_…` functions before that.

use jiff::civil::Date;
use roster::edit::Edit;
use roster::policy::{ManualCoTeachers, ManualRostering, ManualStudents, Policy};
use roster::records::{Origin, RecordKind, Status};
use roster::rule::Rule;

use super::absence::students_leave_manual_classes;
use super::guardians::{DataOwner, data_owner};
use super::pins;

/// How long a local edit is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Runs keep the edit until a person removes it.
    Permanent,
    /// Runs keep the edit before this day; the first run from then on erases it.
    Until(Date),
    /// The next run erases the edit.
    NextRun {
        /// The rule that requires it.
        rule: Rule,
        /// The reason, as reports show it.
        reason: &'static str,
    },
}

fn next_run(rule: Rule, reason: &'static str) -> Lifetime {
    Lifetime::NextRun { rule, reason }
}

/// The record that an edit belongs to, in the state in which the run leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditedRecord {
    /// A student, teacher or guardian.
    Person(EditedPerson),
    /// A class.
    Class {
        /// Where its roster comes from.
        roster: Roster,
        /// The person that the edit refers to; the default if it refers to none.
        member: Member,
    },
}

/// The facts about a person on which the lifetime of an edit depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditedPerson {
    /// The kind of the person's record.
    pub kind: RecordKind,
    /// The source provides the person's data: its record is readable, and the person is active.
    pub is_synced: bool,
    /// The person has accepted the invitation (R-G5).
    pub has_accepted: bool,
}

/// Where the roster of a class comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roster {
    /// From the source.
    Synced {
        /// The source lists more than one teacher.
        has_co_teacher: bool,
    },
    /// From the mirror, because the source's record is unreadable, the class is pinned, or the run
    /// removes nothing.
    Kept,
    /// From the mirror: the class is archived.
    Archived,
    /// From people here.
    Manual {
        /// The class is also archived.
        is_archived: bool,
    },
}

/// The facts about a person in a class on which the lifetime of an edit depends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The source lists the person in the class.
    pub is_listed: bool,
    /// The person is in the rosters: synced and not archived, or created here.
    pub is_active: bool,
    /// The person was created here, and the source does not know them (R-T3).
    pub is_outsider: bool,
    /// The person's whole family is gone from the source (R-A1), and the policy removes it from
    /// archived classes (R-A3).
    pub is_abandoned: bool,
}

impl EditedRecord {
    /// Returns a person as the mirror has it. A run that finds the same data in the source comes
    /// to the same facts.
    pub fn person_in_mirror(
        kind: RecordKind,
        status: Status,
        origin: Origin,
        has_accepted: bool,
    ) -> Self {
        let is_synced = status == Status::Active && origin == Origin::Source;
        Self::Person(EditedPerson { kind, is_synced, has_accepted })
    }

    /// Returns a class as the mirror has it. `teachers` is the number of its teachers in the
    /// mirror.
    pub fn class_in_mirror(
        status: Status,
        origin: Origin,
        teachers: usize,
        member: Member,
    ) -> Self {
        let is_archived = status == Status::Archived;
        let roster = match origin {
            Origin::Manual => Roster::Manual { is_archived },
            Origin::Source if is_archived => Roster::Archived,
            Origin::Source => Roster::Synced { has_co_teacher: teachers > 1 },
        };
        Self::Class { roster, member }
    }
}

impl Member {
    /// Returns a person as the mirror has it, for an edit that adds the person to a class.
    pub fn in_mirror(status: Status, origin: Origin, is_listed: bool) -> Self {
        let is_outsider = origin == Origin::Manual;
        Self {
            is_listed,
            is_active: status == Status::Active || is_outsider,
            is_outsider,
            is_abandoned: false,
        }
    }
}

/// The rule that decides about an edit.
enum Group {
    /// Every run keeps the edit.
    Permanent,
    /// R-P1.
    Pin(Date),
    /// R-S6, R-G5, R-G6, R-I4.
    OwnData(OwnData),
    /// R-S4, R-T3, R-T4, R-C2.
    Member(RecordKind),
    /// A person removed from a class by hand (R-M2).
    Removal,
}

enum OwnData {
    Name,
    Contact,
    SignIn,
}

fn group(edit: &Edit) -> Group {
    match edit {
        Edit::CustomName { .. } // R-M4
        | Edit::JoinCode { .. } // R-G4
        | Edit::Child { .. } // R-G4
        | Edit::Account { .. } // R-G5, R-S6
        | Edit::SignedIn { .. } // R-T6
        => Group::Permanent,
        Edit::Pin { until, .. } | Edit::PinEnrollment { until, .. } => Group::Pin(*until),
        Edit::Name { .. } => Group::OwnData(OwnData::Name),
        Edit::Contact { .. } => Group::OwnData(OwnData::Contact),
        Edit::SignIn { .. } => Group::OwnData(OwnData::SignIn),
        Edit::Member { role, .. } => Group::Member(*role),
        Edit::Left { .. } => Group::Removal,
    }
}

/// Decides how long a run keeps an edit. `today` is the date on which the run is
/// planned, by which pins end.
pub fn lifetime(policy: &Policy, today: Date, edit: &Edit, record: &EditedRecord) -> Lifetime {
    match (group(edit), record) {
        (Group::Pin(until), _) if pins::is_active(until, today) => Lifetime::Until(until),
        (Group::Pin(_), _) => next_run(Rule::P1, "the pin has expired"),
        (Group::OwnData(data), EditedRecord::Person(person)) => own_data(policy, data, person),
        (Group::Member(RecordKind::Student), EditedRecord::Class { roster, member }) => {
            student(policy, *roster, *member)
        }
        (Group::Member(RecordKind::Teacher), EditedRecord::Class { roster, member }) => {
            co_teacher(policy, *roster, *member)
        }
        (Group::Removal, EditedRecord::Class { roster: Roster::Synced { .. }, .. }) => {
            next_run(Rule::M2, "the roster in the source is used again")
        }
        // Guardians who joined with the code stay (R-G4).
        (Group::Permanent | Group::OwnData(_) | Group::Member(_) | Group::Removal, _) => {
            Lifetime::Permanent
        }
    }
}

/// Returns the lifetime of an edit that follows from the edit alone, or `None` if it also depends
/// on policy and record.
pub fn fixed_lifetime(edit: &Edit) -> Option<Lifetime> {
    match group(edit) {
        Group::Permanent => Some(Lifetime::Permanent),
        Group::Pin(until) => Some(Lifetime::Until(until)),
        Group::OwnData(_) | Group::Member(_) | Group::Removal => None,
    }
}

/// Returns the lifetime to announce to a person who makes an edit: what the next run will do if
/// the source's data does not change. While the sync is off there is no next run (R-O5).
pub fn promise(
    sync: Sync,
    policy: &Policy,
    today: Date,
    edit: &Edit,
    record: &EditedRecord,
) -> Lifetime {
    match sync {
        Sync::On => lifetime(policy, today, edit, record),
        Sync::Off => fixed_lifetime(edit).unwrap_or(Lifetime::Permanent),
    }
}

/// Whether a person's name and contact data belong to the person, so that no run changes them
/// (R-G5).
pub fn owns_data(policy: &Policy, has_accepted: bool) -> bool {
    data_owner(policy, has_accepted) == DataOwner::Person
}

/// R-S6, R-G5, R-G6, R-I4.
fn own_data(policy: &Policy, data: OwnData, person: &EditedPerson) -> Lifetime {
    if !person.is_synced {
        return Lifetime::Permanent;
    }
    match (data_owner(policy, person.has_accepted), data) {
        (DataOwner::Person, _) => Lifetime::Permanent,
        (_, OwnData::SignIn) => {
            next_run(Rule::I4, "the e-mail address in the source is used again")
        }
        (DataOwner::SourceUntilAccepted, OwnData::Name | OwnData::Contact) => {
            next_run(Rule::G5, "an invited user follows the source")
        }
        (DataOwner::Source, OwnData::Name) if person.kind == RecordKind::Student => {
            next_run(Rule::S6, "the name in the source is used again")
        }
        (DataOwner::Source, OwnData::Name | OwnData::Contact) => {
            next_run(Rule::G6, "the source's data wins")
        }
    }
}

/// A student added by hand (R-S4, R-C2, R-A2, R-A3).
fn student(policy: &Policy, roster: Roster, student: Member) -> Lifetime {
    let gone = next_run(Rule::A2, "the student is no longer in the source");
    match roster {
        Roster::Synced { .. } if student.is_listed => {
            next_run(Rule::S4, "the source now lists the student in the class")
        }
        Roster::Synced { .. } | Roster::Kept if !student.is_active => gone,
        Roster::Synced { .. } => match policy.manual_students_in_synced_classes {
            ManualStudents::Remove => {
                next_run(Rule::S4, "the source does not list the student in the class")
            }
            ManualStudents::Keep => Lifetime::Permanent,
        },
        Roster::Kept => Lifetime::Permanent,
        Roster::Manual { is_archived: false }
            if !student.is_active && students_leave_manual_classes(policy) =>
        {
            gone
        }
        Roster::Manual { is_archived: false } => Lifetime::Permanent,
        Roster::Archived | Roster::Manual { is_archived: true } if student.is_abandoned => {
            next_run(Rule::A3, "the family is no longer in the source")
        }
        Roster::Archived | Roster::Manual { is_archived: true } => Lifetime::Permanent,
    }
}

/// A co-teacher added by hand (R-T3, R-T4, R-A5).
fn co_teacher(policy: &Policy, roster: Roster, teacher: Member) -> Lifetime {
    let has_co_teacher = match roster {
        Roster::Synced { .. } if teacher.is_listed => {
            return next_run(Rule::T3, "the source now lists the teacher in the class");
        }
        Roster::Synced { .. } | Roster::Kept if !teacher.is_active => {
            return next_run(Rule::A5, "the teacher is no longer in the source");
        }
        Roster::Synced { has_co_teacher } => has_co_teacher,
        Roster::Kept | Roster::Archived | Roster::Manual { .. } => return Lifetime::Permanent,
    };
    match policy.manual_co_teachers {
        ManualCoTeachers::Keep => Lifetime::Permanent,
        ManualCoTeachers::Remove => {
            next_run(Rule::T4, "only the source adds co-teachers to this class")
        }
        ManualCoTeachers::Outsiders | ManualCoTeachers::OutsidersAlone if !teacher.is_outsider => {
            next_run(Rule::T3, "the teacher is in the source: add the co-teacher there")
        }
        ManualCoTeachers::OutsidersAlone if has_co_teacher => {
            next_run(Rule::T3, "the class has a co-teacher from the source")
        }
        ManualCoTeachers::Outsiders | ManualCoTeachers::OutsidersAlone => Lifetime::Permanent,
    }
}

/// Whether a district's sync is switched on (R-O5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Runs keep the mirror equal to the source.
    On,
    /// Switched off: everything may be edited by hand.
    Off,
}

/// Why a person may not make an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that forbids it.
    pub rule: Rule,
    /// The reason, as the API returns it.
    pub reason: &'static str,
}

/// Who creates a manual class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// A teacher.
    Teacher,
    /// A school leader or district leader.
    Leader,
}

/// Decides whether a person may create a manual class in a school (R-C2). `school_rostering` is
/// the school's setting.
///
/// # Errors
/// Returns the refusal.
pub fn may_create_class(
    sync: Sync,
    policy: &Policy,
    school_rostering: bool,
    author: Author,
) -> Result<(), Refusal> {
    let is_permitted = sync == Sync::Off
        || school_rostering
        || match policy.manual_rostering {
            ManualRostering::Off => false,
            ManualRostering::Leaders => author == Author::Leader,
            ManualRostering::Teachers => true,
        };
    permit(is_permitted, Rule::C2, "manual classes are not enabled for this role in this school")
}

/// Decides whether a student or a co-teacher may be added to a class by hand (R-S4).
/// `school_rostering` is the setting of the class's school.
///
/// # Errors
/// Returns the refusal.
pub fn may_add_member(
    sync: Sync,
    policy: &Policy,
    school_rostering: bool,
    class: Origin,
    role: RecordKind,
) -> Result<(), Refusal> {
    // The school's setting matters only where runs keep every member, known to the source or not.
    let roster = Roster::Synced { has_co_teacher: true };
    let member = Member { is_active: true, ..Member::default() };
    let lifetime = match role {
        RecordKind::Student => student(policy, roster, member),
        _ => co_teacher(policy, roster, member),
    };
    let is_kept = lifetime == Lifetime::Permanent;
    permit(
        sync == Sync::Off || class == Origin::Manual || !is_kept || school_rostering,
        Rule::S4,
        "rostering is off for this school: change its synced classes in the source",
    )
}

/// Decides whether a person may be removed from a class by hand (R-M2, R-O5). `is_listed`: the
/// mirror lists the person in the class.
///
/// # Errors
/// Returns the refusal.
pub fn may_remove_member(sync: Sync, class: Origin, is_listed: bool) -> Result<(), Refusal> {
    permit(
        sync == Sync::Off || class == Origin::Manual || !is_listed,
        Rule::M2,
        "the source lists the person in the class: remove the person there",
    )
}

/// Decides whether the roster of a class may be changed by hand: archived classes are frozen
/// (R-A5).
///
/// # Errors
/// Returns the refusal.
pub fn may_change_roster(class: Status) -> Result<(), Refusal> {
    permit(class == Status::Active, Rule::A5, "the roster of an archived class cannot be changed")
}

/// Decides whether a student or teacher may be created by hand (R-S3, R-O5).
///
/// # Errors
/// Returns the refusal.
pub fn may_create_person(sync: Sync) -> Result<(), Refusal> {
    permit(sync == Sync::Off, Rule::S3, "while the sync is on, only the source adds people")
}

/// Decides whether people may change their own name and contact data (R-G5). `has_active_account`:
/// the invitation is accepted, and the account is not archived.
///
/// # Errors
/// Returns the refusal.
pub fn may_change_own_data(has_active_account: bool) -> Result<(), Refusal> {
    permit(
        has_active_account,
        Rule::G5,
        "people can change their own data only after they accept the invitation",
    )
}

fn permit(is_permitted: bool, rule: Rule, reason: &'static str) -> Result<(), Refusal> {
    if is_permitted { Ok(()) } else { Err(Refusal { rule, reason }) }
}
