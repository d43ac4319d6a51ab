//! The decide pass: reads snapshot and mirror again and decides each record's next state from its
//! own record, its own past and the [`Facts`].

mod classes;
mod enrollments;
mod guardians;
mod places;
mod record;
mod rosters;
mod shared_emails;
mod students;
mod teachers;

pub(super) use shared_emails::SharedEmails;

use super::edits::{EditsByRecord, Owners};
use super::facts::Facts;
use super::merge::{self, Reading};
use super::output::Output;
use super::protected::Protected;
use crate::book::teachers::ignores_role;
use roster::contract::{PlanError, PlanInputs, PlanSink};
use roster::records::{Kind, RecordKind, Student, Teacher, kinds};

/// What the decide pass reads.
pub(super) struct Deciding<'a, I> {
    pub(super) from: &'a Reading<'a, I>,
    pub(super) owners: &'a Owners,
    pub(super) protected: &'a Protected,
    pub(super) facts: &'a Facts,
}

impl<I: PlanInputs> Deciding<'_, I> {
    /// Decides the next states of all records of a kind, and adds the people who share an e-mail
    /// address to `shared`.
    pub(super) fn records<S: PlanSink>(
        &self,
        kind: RecordKind,
        output: &mut Output<'_, S>,
        shared: &mut SharedEmails,
    ) -> Result<(), PlanError> {
        match kind {
            RecordKind::School => self.places::<kinds::Schools, S>(output),
            RecordKind::Term => self.places::<kinds::Terms, S>(output),
            RecordKind::Course => self.places::<kinds::Courses, S>(output),
            RecordKind::Teacher => self.teachers(output, shared),
            RecordKind::Student => self.students(output, shared),
            RecordKind::Guardian => self.guardians(output, shared),
            RecordKind::Class => self.classes(output),
        }
    }

    fn places<K, S>(&self, output: &mut Output<'_, S>) -> Result<(), PlanError>
    where
        K: Kind<State = <K as Kind>::Source>,
        S: PlanSink,
    {
        merge::side_by_side::<K, I>(self.from, |at| {
            let (source, item) = at.parts();
            places::visit::<K, S>(self.facts, self.protected, output, source, item)
        })
    }

    fn teachers<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        shared: &mut SharedEmails,
    ) -> Result<(), PlanError> {
        let Self { facts, protected, .. } = *self;
        let policy = output.context.policy;
        let mut teachers = teachers::Teachers { facts, protected, shared };
        merge::by_key::<kinds::Teachers, I>(
            self.from,
            &facts.teachers.people.aliases,
            |source: &Teacher| ignores_role(policy, source.by_enrollment),
            |entry| teachers.visit(output, entry),
        )
    }

    fn students<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        shared: &mut SharedEmails,
    ) -> Result<(), PlanError> {
        let Self { facts, protected, .. } = *self;
        let policy = output.context.policy;
        let mut students = students::Students { facts, protected, shared };
        merge::by_key::<kinds::Students, I>(
            self.from,
            &facts.students.people.aliases,
            |source: &Student| ignores_role(policy, source.by_enrollment),
            |entry| students.visit(output, entry),
        )
    }

    fn guardians<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        shared: &mut SharedEmails,
    ) -> Result<(), PlanError> {
        let Self { facts, protected, .. } = *self;
        let owners = &self.owners[RecordKind::Guardian as usize];
        let mut guardians = guardians::Guardians { facts, protected, shared, owners };
        merge::by_key::<kinds::Guardians, I>(
            self.from,
            &facts.guardians.people.aliases,
            |_| false,
            |entry| guardians.visit(output, entry),
        )
    }

    fn classes<S: PlanSink>(&self, output: &mut Output<'_, S>) -> Result<(), PlanError> {
        let edits = EditsByRecord::of_kind::<I>(RecordKind::Class, self.from.inputs)?;
        let mut classes = classes::Classes::new(self.facts, self.protected, edits);
        merge::side_by_side::<kinds::Classes, I>(self.from, |at| {
            let (source, item) = at.parts();
            classes.visit(output, source, item)
        })
    }
}
