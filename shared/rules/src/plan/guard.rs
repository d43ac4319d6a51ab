//! Counting, and the guards that hold a dangerous plan (R-H1).

use std::collections::BTreeMap;

use super::gaps::Gaps;
use super::hashes::IdMap;
use super::{Counts, ENROLLMENT, Hold, count_name};
use crate::danger;
use crate::id::SourceId;
use crate::model::Tag;
use crate::policy::Policy;

/// The kinds that the guards watch, enrollments last.
const WATCHED: [Tag; 4] = [Tag::Student, Tag::Teacher, Tag::Class, Tag::Guardian];
const ENROLLMENTS: usize = WATCHED.len();

/// Active before the run, removed, changed.
#[derive(Clone, Copy, Default)]
struct Share {
    of: u64,
    removed: u64,
    changed: u64,
}

struct SchoolShares {
    id: SourceId,
    shares: [Share; WATCHED.len() + 1],
}

/// Counts by kind, and by kind and school.
#[derive(Default)]
pub(super) struct Tally {
    kinds: [Counts; Tag::ALL.len()],
    enrollments: Counts,
    schools: IdMap<SchoolShares>,
}

/// What became of a record of the mirror that was active before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// As it was, or different only in what follows from others and from dates.
    Same,
    /// Another content of its own.
    Changed,
    /// Archived or disconnected.
    Removed,
}

impl Tally {
    /// A record of the snapshot.
    pub(super) fn in_source(&mut self, tag: Tag) {
        self.kinds[tag as usize].in_source += 1;
    }

    /// A record that came in, or came back.
    pub(super) fn added(&mut self, tag: Tag) {
        self.kinds[tag as usize].added += 1;
    }

    /// A record of the mirror that the source answers for and that was active before the run.
    pub(super) fn was_active<'a>(&mut self, tag: Tag, schools: impl Iterator<Item = &'a SourceId>, became: Became) {
        let counts = &mut self.kinds[tag as usize];
        counts.in_mirror += 1;
        counts.removed += u64::from(became == Became::Removed);
        counts.changed += u64::from(became == Became::Changed);
        let Some(place) = WATCHED.iter().position(|watched| *watched == tag) else { return };
        for school in schools {
            let share = &mut self.school(school).shares[place];
            share.of += 1;
            share.removed += u64::from(became == Became::Removed);
            share.changed += u64::from(became == Became::Changed);
        }
    }

    /// Enrollments of a class in the snapshot.
    pub(super) fn seats_in_source(&mut self, seats: usize) {
        self.enrollments.in_source += seats as u64;
    }

    /// Enrollments of an active class of the mirror.
    pub(super) fn seats(&mut self, school: &SourceId, of: usize, removed: usize) {
        self.enrollments.in_mirror += of as u64;
        self.enrollments.removed += removed as u64;
        if of > 0 {
            let share = &mut self.school(school).shares[ENROLLMENTS];
            share.of += of as u64;
            share.removed += removed as u64;
        }
    }

    /// Enrollments that came in.
    pub(super) fn seats_added(&mut self, seats: usize) {
        self.enrollments.added += seats as u64;
    }

    fn school(&mut self, id: &SourceId) -> &mut SchoolShares {
        self.schools.entry(id.hash64()).or_insert_with(|| SchoolShares { id: id.clone(), shares: Default::default() })
    }

    /// The counts, and why the plan must be held.
    pub(super) fn close(mut self, policy: &Policy, gaps: &Gaps) -> (BTreeMap<String, Counts>, Vec<Hold>) {
        let mut holds = Vec::new();
        if gaps.removals() {
            for tag in Tag::ALL {
                let counts = self.kinds[tag as usize];
                self.lacking(count_name(tag), counts, gaps.any(tag), &mut holds);
            }
            self.lacking(ENROLLMENT, self.enrollments, gaps.any(Tag::Class), &mut holds);
        }
        let district = |counts: Counts| Share { of: counts.in_mirror, removed: counts.removed, changed: counts.changed };
        let mut scopes: Vec<(Option<SourceId>, [Share; WATCHED.len() + 1])> = Vec::new();
        let mut whole = [Share::default(); WATCHED.len() + 1];
        for (share, tag) in whole.iter_mut().zip(WATCHED) {
            *share = district(self.kinds[tag as usize]);
        }
        whole[ENROLLMENTS] = district(self.enrollments);
        scopes.push((None, whole));
        let mut schools: Vec<SchoolShares> = std::mem::take(&mut self.schools).into_values().collect();
        schools.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        scopes.extend(schools.into_iter().map(|school| (Some(school.id), school.shares)));
        for (school, shares) in scopes {
            for (place, share) in shares.into_iter().enumerate() {
                let kind = WATCHED.get(place).map_or(ENROLLMENT, |tag| count_name(*tag));
                for (word, count, limit) in [
                    ("removed", share.removed, policy.hold_if_removed_percent),
                    ("changed", share.changed, policy.hold_if_changed_percent),
                ] {
                    holds.extend(danger::hold(kind, school.clone(), word, count, share.of, limit));
                }
            }
        }
        let mut counts = BTreeMap::new();
        for tag in Tag::ALL {
            counts.insert(count_name(tag).to_owned(), unchanged(self.kinds[tag as usize]));
        }
        counts.insert(ENROLLMENT.to_owned(), unchanged(self.enrollments));
        (counts, holds)
    }

    fn lacking(&self, kind: &str, counts: Counts, gaps: bool, holds: &mut Vec<Hold>) {
        if counts.in_source == 0 && counts.in_mirror > 0 && !gaps {
            holds.push(Hold {
                kind: kind.to_owned(),
                school: None,
                what: format!("the source has no {kind} at all; the mirror has {}", counts.in_mirror),
                count: counts.in_mirror,
                of: counts.in_mirror,
            });
        }
    }
}

fn unchanged(counts: Counts) -> Counts {
    Counts { unchanged: counts.in_mirror.saturating_sub(counts.removed + counts.changed), ..counts }
}
