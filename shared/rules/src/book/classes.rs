//! R-C: classes.

use jiff::civil::Date;
use roster::finding::sync;
use roster::records::Inactive;
use roster::rule::Rule;

use super::Observation;

/// The outcome of a run for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassFate {
    /// The source has it: its roster is the source's.
    Present {
        /// It was in the mirror before the run, and not archived.
        was_active: bool,
        /// It is an active class for the admission of students (R-C4, R-S1).
        admits: bool,
    },
    /// It stays unchanged: its record is unreadable, it is pinned, or the run removes nothing.
    Kept {
        /// It is an active class for the admission of students (R-C4, R-S1).
        admits: bool,
    },
    /// Archived by this run or an earlier one: frozen (readings, R-A5).
    Archived,
    /// A manual class, made by hand or disconnected by this run or an earlier one (R-C2, R-A5).
    Manual {
        /// It is archived, too.
        archived: bool,
    },
}

/// What the mirror has of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MirroredClass {
    /// A manual class (R-C2).
    pub is_manual: bool,
    /// It is archived.
    pub is_archived: bool,
    /// Its record is unreadable, it is pinned, or the run removes nothing.
    pub is_kept: bool,
    /// It has a reason to be inactive (R-C4).
    pub is_inactive: bool,
}

/// Decides the outcome of a run for a class that the source has (R-C1, R-C2). `admits`: see
/// [`is_active`].
#[inline]
pub fn present(mirrored: Option<MirroredClass>, admits: impl FnOnce() -> bool) -> ClassFate {
    match mirrored {
        Some(class) if class.is_manual => ClassFate::Manual { archived: class.is_archived },
        _ => ClassFate::Present {
            was_active: mirrored.is_some_and(|class| !class.is_archived),
            admits: admits(),
        },
    }
}

/// Whether a class is an active class for the admission of students (R-C4). `terms_over`: see
/// [`terms_over`].
#[inline]
pub fn is_active(has_teacher: bool, terms_over: Option<bool>) -> bool {
    has_teacher && terms_over != Some(true)
}

/// Whether all terms of a class are over; `None` for a class without a term, or with a term that is
/// not in the data (readings, R-C4). `terms` has an item per term: `None` for an unknown one, else
/// its end (exclusive), if it has one.
#[inline]
pub fn terms_over(
    terms: impl IntoIterator<Item = Option<Option<Date>>>,
    today: Date,
) -> Option<bool> {
    let mut over = None;
    for end in terms {
        over = Some(over.unwrap_or(true) & end?.is_some_and(|end| end <= today));
    }
    over
}

/// Whether all enrollments of a class have ended by dates that the last run knew. `ends`: see
/// [`roster::records::ClassState::ends`].
#[inline]
pub fn all_ended(ends: &[Option<Date>], today: Date) -> bool {
    !ends.is_empty() && ends.iter().all(|end| end.is_some_and(|end| end <= today))
}

/// Whether a run that no longer finds an enrollment in the roster could expect it: its end has come,
/// and the last run knew the date. A date that the source has changed since is a removal (R-H1,
/// guard 3).
#[inline]
pub fn ended_as_known(end: Option<Date>, known: &[Option<Date>], today: Date) -> bool {
    end.is_some_and(|end| end <= today) && known.contains(&end)
}

/// Lists why a class is inactive; empty for an active class (R-C4).
#[inline]
pub fn inactive(has_teacher: bool, has_student: bool, terms_over: Option<bool>) -> Vec<Inactive> {
    let mut inactive = Vec::new();
    if !has_teacher {
        inactive.push(Inactive::NoTeacher);
    }
    if !has_student {
        inactive.push(Inactive::NoStudent);
    }
    if terms_over == Some(true) {
        inactive.push(Inactive::TermOver);
    }
    inactive
}

/// Returns a reason for which a class is inactive as a clause: `it has no teacher today` (R-C4).
pub fn inactive_clause(reason: Inactive) -> &'static str {
    match reason {
        Inactive::NoTeacher => "it has no teacher today",
        Inactive::NoStudent => "it has no student today",
        Inactive::TermOver => "its term is over",
    }
}

/// Returns the finding about a reason for which a class is inactive (R-C4).
pub fn inactive_finding(reason: Inactive) -> Observation {
    let (code, what) = match reason {
        Inactive::NoTeacher => (&sync::CLASS_NO_TEACHER, "has no teacher today"),
        Inactive::NoStudent => (&sync::CLASS_NO_STUDENT, "has no student today"),
        Inactive::TermOver => (&sync::CLASS_TERM_OVER, "is over: all its terms have ended"),
    };
    Observation::new(code, Rule::C4, what)
}

/// Returns the finding about a class whose end is unknown (readings, R-C4). `terms`: how many the
/// class has.
pub fn unknown_term(terms: usize, terms_over: Option<bool>) -> Option<Observation> {
    if terms_over.is_some() {
        return None;
    }
    let what = if terms == 0 { "has no term" } else { "has a term that is not in the data" };
    Some(Observation::new(&sync::CLASS_NO_TERM, Rule::C4, what))
}
