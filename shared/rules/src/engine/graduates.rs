//! Graduates: students who are expected to leave at the end of a school year (R-H1).

use super::hashes::IdMap;
use crate::book::holds;
use roster::id::SourceId;

/// A school of the mirror, as far as graduates matter.
#[derive(Default)]
struct OfSchool {
    /// Active before the run.
    students: u64,
    /// Of these, the students who leave and whose classes are over.
    leaving: u64,
    highest: Option<u8>,
}

/// A student who leaves, and all of whose classes are over by dates that the last run knew.
pub(super) struct Leaving {
    pub(super) schools: Vec<SourceId>,
    grade: u8,
    pub(super) relationships: u64,
}

/// The students of the mirror by school, and those who leave after their classes are over.
#[derive(Default)]
pub(super) struct Graduates {
    schools: IdMap<OfSchool>,
    leaving: IdMap<Leaving>,
}

impl Graduates {
    /// Adds a student who was active before the run.
    pub(super) fn was_active(&mut self, schools: &[SourceId], grade: Option<u8>) {
        for school in schools {
            let of = self.schools.entry(school.hash64()).or_default();
            of.students += 1;
            of.highest = of.highest.max(grade);
        }
    }

    /// Adds a student who leaves, and all of whose classes are over by dates that the last run
    /// knew. `key`: hashed.
    pub(super) fn leaves(
        &mut self,
        key: u64,
        schools: &[SourceId],
        grade: Option<u8>,
        relationships: usize,
    ) {
        let Some(grade) = grade else { return };
        for school in schools {
            self.schools.entry(school.hash64()).or_default().leaving += 1;
        }
        let (schools, relationships) = (schools.to_vec(), relationships as u64);
        self.leaving.insert(key, Leaving { schools, grade, relationships });
    }

    /// Whether a student (hashed key) is a graduate. Final after the decide pass over students.
    pub(super) fn has(&self, key: u64) -> bool {
        self.leaving.get(&key).is_some_and(|student| self.is_graduate(student))
    }

    /// Returns all graduates.
    pub(super) fn all(&self) -> impl Iterator<Item = &Leaving> {
        self.leaving.values().filter(|student| self.is_graduate(student))
    }

    fn is_graduate(&self, student: &Leaving) -> bool {
        student.schools.iter().all(|school| {
            self.schools.get(&school.hash64()).is_some_and(|of| {
                holds::may_graduate(Some(student.grade), of.highest, of.leaving, of.students)
            })
        })
    }
}
