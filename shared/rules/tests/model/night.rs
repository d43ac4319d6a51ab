//! The inputs of one run, with the queries of the model.

use std::collections::BTreeSet;

use jiff::civil::Date;
use roster::id::SourceId;
use roster::policy::{Policy, RoleConflicts};
use roster::records::{Class, Guardian, Kind, Mirrored, RecordKind, Status, Student, Teacher};
use roster::snapshot::UnreadableRecord;

use super::Ids;
use crate::world::{Snapshot, World, typed};

/// The mirror before a run, the run's snapshot and the policy.
pub(super) struct Night<'a> {
    pub(super) world: &'a World,
    pub(super) night: &'a Snapshot,
    pub(super) policy: &'a Policy,
}

impl Night<'_> {
    /// Whether the record of a kind with this id is unreadable in the snapshot.
    pub(super) fn unreadable(&self, kind: RecordKind, id: &SourceId) -> bool {
        self.night.unreadable.iter().any(|record| match record {
            UnreadableRecord::Record { kind: of, id: other, .. } => {
                (*of == kind || (of.is_person() && kind.is_person())) && other == id
            }
            _ => false,
        })
    }

    /// Whether all records of a kind are unreadable in the snapshot.
    pub(super) fn blind(&self, kind: RecordKind) -> bool {
        self.night
            .unreadable
            .iter()
            .any(|record| matches!(record, UnreadableRecord::Kind { kind: of } if *of == kind))
    }

    /// Whether the row of an enrollment is unreadable, so that the enrollment stays in the mirror.
    fn enrollment_unreadable(&self, class: &SourceId, person: &SourceId) -> bool {
        self.night.unreadable.iter().any(|record| match record {
            UnreadableRecord::Enrollment { class: c, person: p } => {
                c.as_ref().is_none_or(|c| c == class) && p.as_ref().is_none_or(|p| p == person)
            }
            _ => false,
        })
    }

    /// Returns the record of the mirror before the run.
    pub(super) fn past<K: Kind>(&self, id: &SourceId) -> Option<&Mirrored<K>> {
        self.world.mirror.records.get(&(K::KIND, id.clone())).and_then(typed::<K>)
    }

    /// Returns the keys of the mirror's records of a kind before the run.
    pub(super) fn keys(&self, kind: RecordKind) -> Ids {
        self.world
            .mirror
            .records
            .keys()
            .filter(|(of, _)| *of == kind)
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// Whether the policy imports a role that only an enrollment gives to a person.
    fn counts(&self, by_enrollment: bool) -> bool {
        !(by_enrollment && self.policy.role_conflicts == RoleConflicts::User)
    }

    pub(super) fn teacher(&self, id: &SourceId) -> Option<&Teacher> {
        self.night
            .teachers
            .iter()
            .find(|teacher| teacher.id == *id && self.counts(teacher.by_enrollment))
    }

    pub(super) fn student(&self, id: &SourceId) -> Option<&Student> {
        self.night
            .students
            .iter()
            .find(|student| student.id == *id && self.counts(student.by_enrollment))
    }

    pub(super) fn guardian(&self, id: &SourceId) -> Option<&Guardian> {
        self.night.guardians.iter().find(|guardian| guardian.id == *id)
    }

    pub(super) fn class(&self, id: &SourceId) -> Option<&Class> {
        self.night.classes.iter().find(|class| class.id == *id)
    }

    /// Returns the people of a kind who are active after the run. `meets` returns whether the
    /// record of the source meets the conditions, or `None` if there is no record.
    pub(super) fn active<K: Kind>(
        &self,
        ids: impl Iterator<Item = SourceId>,
        meets: impl Fn(&SourceId) -> Option<bool>,
    ) -> Ids {
        ids.filter(|id| {
            let was = self.past::<K>(id).is_some_and(|item| item.status == Status::Active);
            match meets(id) {
                Some(meets) => was || meets,
                None => was && (self.unreadable(K::KIND, id) || self.blind(K::KIND)),
            }
        })
        .collect()
    }

    /// Whether all terms of a class have ended.
    pub(super) fn over(&self, class: &Class) -> bool {
        let terms = &class.details.terms;
        let end = |id: &SourceId| {
            self.night.terms.iter().find(|term| term.id == *id).map(|term| term.end)
        };
        !terms.is_empty()
            && terms.iter().all(|id| end(id).flatten().is_some_and(|end| end <= self.world.today))
    }

    /// Whether a person stays in a class because the person's record or the enrollment is
    /// unreadable.
    pub(super) fn stays(
        &self,
        kind: RecordKind,
        class: &SourceId,
        person: &SourceId,
        in_source: bool,
    ) -> bool {
        self.enrollment_unreadable(class, person)
            || (!in_source && !self.unreadable(kind, person) && self.blind(kind))
    }

    /// Returns the ends of the current enrollments of a class; see `ClassState::ends`.
    pub(super) fn ends(&self, class: &Class) -> Vec<Option<Date>> {
        let listed = class.teachers.iter().chain(&class.students);
        let ends: BTreeSet<Option<Date>> =
            listed.filter(|one| one.is_on(self.world.today)).map(|one| one.end).collect();
        if ends == BTreeSet::from([None]) { Vec::new() } else { ends.into_iter().collect() }
    }
}
