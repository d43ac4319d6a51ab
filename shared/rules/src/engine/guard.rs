//! Tally of a plan's effects, by kind and school. [`holds`] decides from it whether the plan is
//! held (R-H1).

use std::collections::BTreeMap;

use super::hashes::IdMap;
use super::protected::Protected;
use crate::book::holds::{self, Scope};
use roster::change::Counts;
use roster::id::SourceId;
use roster::outcome::{ENROLLMENT, Hold, count_name};
use roster::policy::Policy;
use roster::records::RecordKind;
use roster::review::SchoolCounts;

/// The kinds that the guards watch. Enrollments follow them.
const WATCHED: [RecordKind; 4] =
    [RecordKind::Student, RecordKind::Teacher, RecordKind::Class, RecordKind::Guardian];
const ENROLLMENTS: usize = WATCHED.len();

/// The counts of a school or of the district that the guards watch.
type Watched = [Counts; WATCHED.len() + 1];

struct OfSchool {
    id: SourceId,
    counts: Watched,
}

/// Counts by kind, and by kind and school.
#[derive(Default)]
pub(super) struct Tally {
    kinds: [Counts; RecordKind::ALL.len()],
    enrollments: Counts,
    schools: IdMap<OfSchool>,
}

/// The effect of the plan on a record of the mirror that was active before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// Unchanged, except for fields derived from other records and from dates.
    Same,
    /// One of its own fields changes.
    Changed,
    /// Archived or disconnected.
    Removed,
}

impl Tally {
    /// Counts a record of the snapshot.
    pub(super) fn in_source(&mut self, kind: RecordKind, schools: &[SourceId]) {
        self.kinds[kind as usize].in_source += 1;
        self.in_schools(kind, schools, |counts| counts.in_source += 1);
    }

    /// Counts a record that is admitted, or returns.
    pub(super) fn added(&mut self, kind: RecordKind, schools: &[SourceId]) {
        self.kinds[kind as usize].added += 1;
        self.in_schools(kind, schools, |counts| counts.added += 1);
    }

    /// Counts a synced record of the mirror that was active before the run.
    pub(super) fn was_active(&mut self, kind: RecordKind, schools: &[SourceId], became: Became) {
        let count = |counts: &mut Counts| {
            counts.in_mirror += 1;
            counts.removed += u64::from(became == Became::Removed);
            counts.changed += u64::from(became == Became::Changed);
        };
        count(&mut self.kinds[kind as usize]);
        self.in_schools(kind, schools, count);
    }

    /// Counts the enrollments of a class in the snapshot.
    pub(super) fn enrollments_in_source(&mut self, school: &SourceId, count: usize) {
        self.in_school_and_district(school, |counts| counts.in_source += count as u64);
    }

    /// Counts the enrollments of an active class of the mirror.
    pub(super) fn enrollments(&mut self, school: &SourceId, of: usize, removed: usize) {
        self.in_school_and_district(school, |counts| {
            counts.in_mirror += of as u64;
            counts.removed += removed as u64;
        });
    }

    /// Counts added enrollments.
    pub(super) fn enrollments_added(&mut self, school: &SourceId, count: usize) {
        self.in_school_and_district(school, |counts| counts.added += count as u64);
    }

    fn in_school_and_district(&mut self, school: &SourceId, count: impl Fn(&mut Counts)) {
        count(&mut self.enrollments);
        count(&mut self.school(school).counts[ENROLLMENTS]);
    }

    fn in_schools(&mut self, kind: RecordKind, schools: &[SourceId], count: impl Fn(&mut Counts)) {
        let Some(place) = WATCHED.iter().position(|watched| *watched == kind) else { return };
        for school in schools {
            count(&mut self.school(school).counts[place]);
        }
    }

    fn school(&mut self, id: &SourceId) -> &mut OfSchool {
        self.schools
            .entry(id.hash64())
            .or_insert_with(|| OfSchool { id: id.clone(), counts: Default::default() })
    }

    /// Returns the counts, the holds, and the counts of each school.
    pub(super) fn close(
        mut self,
        policy: &Policy,
        protected: &Protected,
    ) -> (BTreeMap<String, Counts>, Vec<Hold>, Vec<SchoolCounts>) {
        let mut holds = Vec::new();
        if protected.removals() {
            for kind in RecordKind::ALL {
                let counts = self.kinds[kind as usize];
                holds.extend(holds::missing_kind(
                    count_name(kind),
                    counts,
                    protected.any_unreadable(kind),
                ));
            }
            let has_unreadable = protected.any_unreadable(RecordKind::Class);
            holds.extend(holds::missing_kind(ENROLLMENT, self.enrollments, has_unreadable));
        }
        let mut whole = Watched::default();
        for (counts, kind) in whole.iter_mut().zip(WATCHED) {
            *counts = self.kinds[kind as usize];
        }
        whole[ENROLLMENTS] = self.enrollments;
        let mut schools: Vec<OfSchool> = std::mem::take(&mut self.schools).into_values().collect();
        schools.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let kind_at =
            |place: usize| WATCHED.get(place).map_or(ENROLLMENT, |kind| count_name(*kind));
        let scopes = std::iter::once((None, &whole))
            .chain(schools.iter().map(|school| (Some(&school.id), &school.counts)));
        for (school, watched) in scopes {
            for (place, counts) in watched.iter().enumerate() {
                let scope = Scope { kind: kind_at(place), school };
                holds.extend(holds::too_many(policy, scope, *counts));
            }
        }
        let of_school = |school: OfSchool| SchoolCounts {
            school: school.id,
            counts: (school.counts.into_iter().enumerate())
                .filter(|(_, counts)| *counts != Counts::default())
                .map(|(place, counts)| (kind_at(place).to_owned(), unchanged(counts)))
                .collect(),
        };
        let schools =
            schools.into_iter().map(of_school).filter(|school| !school.counts.is_empty()).collect();
        let mut counts = BTreeMap::new();
        for kind in RecordKind::ALL {
            counts.insert(count_name(kind).to_owned(), unchanged(self.kinds[kind as usize]));
        }
        counts.insert(ENROLLMENT.to_owned(), unchanged(self.enrollments));
        (counts, holds, schools)
    }
}

fn unchanged(counts: Counts) -> Counts {
    Counts { unchanged: counts.in_mirror.saturating_sub(counts.removed + counts.changed), ..counts }
}
