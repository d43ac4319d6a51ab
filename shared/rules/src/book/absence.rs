//! R-A: records that are gone from the source.

use roster::policy::{AbandonedClasses, AbandonedFamilies, AbandonedInManualClasses, Policy};
use roster::records::RecordKind;
use roster::rule::Rule;

use super::Because;
use super::classes::{ClassFate, MirroredClass};

/// Whether an abandoned family leaves the school and all classes, archived ones too (R-A3). If not,
/// it leaves its active synced classes only (R-A2).
#[inline]
pub fn families_leave_school(policy: &Policy) -> bool {
    match policy.abandoned_families {
        AbandonedFamilies::Soft => false,
        AbandonedFamilies::Extreme => true,
    }
}

/// Whether an abandoned student leaves the active manual classes too (R-C2).
#[inline]
pub fn students_leave_manual_classes(policy: &Policy) -> bool {
    match policy.abandoned_in_manual_classes {
        AbandonedInManualClasses::Stay => false,
        AbandonedInManualClasses::Leave => true,
    }
}

/// Decides the outcome of a run for an active class that is gone from the source (R-A5).
#[inline]
pub fn abandoned_class(policy: &Policy) -> ClassFate {
    match policy.abandoned_classes {
        AbandonedClasses::Archive => ClassFate::Archived,
        AbandonedClasses::Disconnect => ClassFate::Manual { archived: false },
    }
}

/// Decides the outcome of a run for a class that the source does not have (R-C2, R-A5, R-H3).
#[inline]
pub fn class(policy: &Policy, class: MirroredClass) -> ClassFate {
    if class.is_manual {
        ClassFate::Manual { archived: class.is_archived }
    } else if class.is_archived {
        ClassFate::Archived
    } else if class.is_kept {
        ClassFate::Kept { admits: !class.is_inactive }
    } else {
        abandoned_class(policy)
    }
}

/// The reason for which an active class leaves the synced classes (R-A5); `None` if it stays.
pub fn class_leaves(fate: ClassFate) -> Option<Because> {
    let what = match fate {
        ClassFate::Archived => "no longer in the source: archived with its roster",
        ClassFate::Manual { .. } => "no longer in the source: kept as a manual class",
        ClassFate::Present { .. } | ClassFate::Kept { .. } => return None,
    };
    Some(Because { rule: Rule::A5, what })
}

/// The facts that decide whether a person of the mirror whom the source does not have stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsentPerson {
    /// Made by hand.
    pub is_manual: bool,
    /// Not archived.
    pub is_active: bool,
    /// The record is unreadable (R-H3).
    pub is_unreadable: bool,
    /// The record is pinned (R-P1).
    pub is_pinned: bool,
    /// No record of the kind counts as gone: an unreadable one could be any of them, or the run
    /// removes nothing (R-H2, R-H3).
    pub kind_stays: bool,
    /// The whole family is gone (R-A1).
    pub is_abandoned: bool,
}

/// What a run does with a person whom the source does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// A person made by hand: no run changes the record.
    Manual,
    /// The record stays, its enrollments follow the source (R-H3).
    Unreadable,
    /// The record and its enrollments stay (R-H2, R-H3, R-P1).
    Stays,
    /// Archived by this run or an earlier one, with the whole family (R-A1).
    Abandoned,
    /// Archived by this run or an earlier one.
    Gone,
}

/// Decides what a run does with a person whom the source does not have (R-A1, R-H2, R-H3, R-P1).
#[inline]
pub fn person(facts: AbsentPerson) -> Absence {
    if facts.is_manual {
        Absence::Manual
    } else if facts.is_active && facts.is_unreadable {
        Absence::Unreadable
    } else if facts.is_active && (facts.is_pinned || facts.kind_stays) {
        Absence::Stays
    } else if facts.is_abandoned {
        Absence::Abandoned
    } else {
        Absence::Gone
    }
}

/// What an archived person leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Departure {
    /// Active manual classes (R-C2).
    pub manual_classes: bool,
    /// The school and all classes, archived ones too (R-A3).
    pub school: bool,
}

/// Decides what an archived student leaves (R-A2, R-A3, R-C2). `is_abandoned`: the whole family is
/// gone from the source.
#[inline]
pub fn student_departure(policy: &Policy, is_abandoned: bool) -> Departure {
    Departure {
        manual_classes: students_leave_manual_classes(policy),
        school: is_abandoned && families_leave_school(policy),
    }
}

/// Whether an archived person stays in a class (R-A2, R-A3, R-A5, R-C2). `fate` is `None` for a
/// class that does not exist.
#[inline]
pub fn stays_in_class(fate: Option<ClassFate>, departure: Departure) -> bool {
    match fate {
        Some(ClassFate::Archived | ClassFate::Manual { archived: true }) => !departure.school,
        Some(ClassFate::Manual { archived: false }) => !departure.manual_classes,
        Some(ClassFate::Present { .. } | ClassFate::Kept { .. }) | None => false,
    }
}

/// The rule by which an archived student leaves classes (R-A2, R-A3).
#[inline]
pub fn student_leaves_by(departure: Departure) -> Rule {
    if departure.school { Rule::A3 } else { Rule::A2 }
}

/// Which students of a class that is not the source's to change tonight leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leavers {
    /// None (R-C2).
    None,
    /// Those who are archived.
    Archived,
    /// Those whose whole family is gone (R-A3).
    Abandoned,
}

/// Decides which students leave a class that the source does not have (R-A1 to R-A3, R-C2), and by
/// which rule.
#[inline]
pub fn leavers(policy: &Policy, fate: ClassFate) -> (Leavers, Rule) {
    match fate {
        ClassFate::Present { .. } | ClassFate::Kept { .. } => (Leavers::Archived, Rule::A1),
        ClassFate::Manual { archived: false } if students_leave_manual_classes(policy) => {
            (Leavers::Archived, Rule::A2)
        }
        ClassFate::Manual { archived: false } => (Leavers::None, Rule::A2),
        ClassFate::Archived | ClassFate::Manual { archived: true } => {
            (Leavers::Abandoned, Rule::A3)
        }
    }
}

/// The rule by which a school, a term or a course that is gone from the source is archived (R-A6,
/// R-M1).
#[inline]
pub fn place_leaves_by(kind: RecordKind) -> Rule {
    if kind == RecordKind::School { Rule::A6 } else { Rule::M1 }
}
