//! The classes of one teacher or student.

use crate::book::absence::{self, Departure};
use crate::engine::facts::{ClassFate, Facts, Members};
use crate::engine::lists;
use roster::id::SourceId;
use roster::records::Membership;

/// What the classes of one person depend on.
pub(super) struct Enrollments<'f> {
    pub(super) facts: &'f Facts,
    pub(super) members: &'f Members,
    /// The hash of the person's key.
    pub(super) key: u64,
}

impl Enrollments<'_> {
    /// Returns the classes of an active person: those of the source today, and those of the mirror
    /// that stay.
    pub(super) fn of_active(
        &self,
        tonight: impl Iterator<Item = Membership>,
        before: &[SourceId],
    ) -> Vec<SourceId> {
        let today = self.facts.terms.today;
        let mut keys: Vec<SourceId> = tonight
            .filter(|enrollment| {
                let takes = match self.facts.class(&enrollment.id) {
                    Some(ClassFate::Present { .. }) => true,
                    Some(ClassFate::Kept { .. }) => {
                        self.facts.unreadable_classes.contains(&enrollment.id.hash64())
                    }
                    _ => false,
                };
                takes && enrollment.is_on(today)
            })
            .map(|enrollment| enrollment.id)
            .collect();
        lists::extend_if(&mut keys, before, |class| match self.facts.classes.get(&class) {
            Some(ClassFate::Present { was_active, .. }) => {
                *was_active && self.members.stays(class, self.key)
            }
            Some(_) => true,
            None => false,
        });
        lists::sorted(keys)
    }

    /// Returns the classes in which an archived person stays; `None` if these are all of them.
    pub(super) fn of_archived(
        &self,
        before: &[SourceId],
        departure: Departure,
    ) -> Option<Vec<SourceId>> {
        lists::without(before, |class| {
            absence::stays_in_class(self.facts.classes.get(&class).copied(), departure)
        })
    }
}
