//! The result of a plan in numbers: counts by kind, effects, the reasons to hold it, and the review.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Counts;
use crate::id::SourceId;
use crate::records::RecordKind;
use crate::review::Review;

/// A guard of R-H1, by what it sees in a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Guard 1: too many records would be removed.
    #[default]
    Removed,
    /// Guard 1: too many records would be changed.
    Changed,
    /// Guard 2: the source lacks a kind or a school.
    Missing,
    /// Guard 3: classes would become inactive or lose their teachers, or students would lose their
    /// last active class.
    Emptied,
    /// Guard 4: too many records of the source cannot be read.
    Unreadable,
    /// Guard 5: people are missing, but the source still refers to them.
    Referenced,
    /// Guard 6: too many records would be added.
    Added,
    /// Guard 7: the removals of several days add up to too many.
    Cumulative,
    /// Guard 8: a class would lose more than half of its students.
    Halved,
    /// The first run of a district is always reviewed (R-O2, R-O5, R-H7).
    Review,
}

/// A reason to hold a run (R-H1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The guard.
    #[serde(default)]
    pub guard: Guard,
    /// What is affected: `student`, …, or one of [`STUDENT_ENROLLMENT`], [`TEACHER_ENROLLMENT`] and
    /// [`RELATIONSHIP`].
    pub kind: String,
    /// The school. `None` for the whole district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school: Option<SourceId>,
    /// The class. `None` for all classes of the school or district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<SourceId>,
    /// What would happen to how many, and the limit, in one sentence.
    pub what: String,
    /// How many records are affected.
    pub count: u64,
    /// The number of records to compare `count` with.
    pub of: u64,
}

/// A number before and after a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Before the run. Records that end by a date that the last run knew do not count.
    pub before: u64,
    /// After the run.
    pub after: u64,
}

/// What people see of a plan: the numbers that guard 3 of R-H1 watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// Active classes (R-C4).
    pub active_classes: Effect,
    /// Classes that have a teacher.
    pub classes_with_teacher: Effect,
    /// Students who are in an active class.
    pub students_with_class: Effect,
    /// Students who are in an active class before the run and in none after it.
    pub students_without_class: u64,
}

/// The result of a plan.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Counts by kind, and of enrollments and relationships.
    pub counts: BTreeMap<String, Counts>,
    /// The number of changed items, links and local edits included.
    pub changes: u64,
    /// The number of local edits that the run erases (R-M2).
    #[serde(default)]
    pub erased: u64,
    /// What people see of the plan, in the whole district.
    #[serde(default)]
    pub effects: Effects,
    /// Why the run must be held. If empty, it is applied.
    pub holds: Vec<Hold>,
    /// Why a part of what the source says is not in the plan: it waits for a decision, as a run of
    /// its own (R-H5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Hold>,
    /// What a reviewer sees of the data as a whole (R-O2). Empty for an undo.
    #[serde(default)]
    pub review: Review,
}

/// The key under which all enrollment changes are counted in [`Outcome::counts`]. Enrollments are
/// not records of their own.
pub const ENROLLMENT: &str = "enrollment";

/// The key under which enrollments of students are counted.
pub const STUDENT_ENROLLMENT: &str = "student_enrollment";

/// The key under which enrollments of teachers are counted.
pub const TEACHER_ENROLLMENT: &str = "teacher_enrollment";

/// The key under which relationships between guardians and students are counted.
pub const RELATIONSHIP: &str = "relationship";

/// The key under which a kind is counted in [`Outcome::counts`].
pub fn count_name(kind: RecordKind) -> &'static str {
    kind.name()
}

/// Returns the plural of a key of [`Outcome::counts`] or [`Review::left_out`] in sentences:
/// `classes`, `enrollments of students`.
pub fn plural(kind: &str) -> String {
    match kind {
        "class" => "classes".to_owned(),
        "person" => "people".to_owned(),
        "demographics" => "rows of demographics".to_owned(),
        STUDENT_ENROLLMENT => "enrollments of students".to_owned(),
        TEACHER_ENROLLMENT => "enrollments of teachers".to_owned(),
        RELATIONSHIP => "links between guardians and students".to_owned(),
        _ => format!("{kind}s"),
    }
}

/// Returns the number of removed records, enrollments and relationships of all kinds.
pub fn removed(counts: &BTreeMap<String, Counts>) -> u64 {
    // The enrollments of students and of teachers are counted by themselves.
    let kinds = counts.iter().filter(|(kind, _)| *kind != ENROLLMENT);
    kinds.map(|(_, counts)| counts.removed).sum()
}

/// How many records recent runs have removed, by the keys of [`Outcome::counts`] (R-H1, guard 7).
/// Runs that a person approved do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentRemovals {
    /// In the whole district.
    pub district: BTreeMap<String, u64>,
    /// By school.
    pub schools: BTreeMap<SourceId, BTreeMap<String, u64>>,
}

impl RecentRemovals {
    /// Adds the removals of a run.
    pub fn add(&mut self, counts: &BTreeMap<String, Counts>, review: &Review) {
        let add = |into: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, Counts>| {
            for (kind, counts) in counts.iter().filter(|(_, counts)| counts.removed > 0) {
                *into.entry(kind.clone()).or_default() += counts.removed;
            }
        };
        add(&mut self.district, counts);
        for school in &review.schools {
            add(self.schools.entry(school.school.clone()).or_default(), &school.counts);
        }
    }

    /// Returns how many records of a kind were removed, in a school or in the district.
    pub fn of(&self, school: Option<&SourceId>, kind: &str) -> u64 {
        let counts = match school {
            Some(school) => self.schools.get(school),
            None => Some(&self.district),
        };
        counts.and_then(|counts| counts.get(kind)).copied().unwrap_or_default()
    }
}
