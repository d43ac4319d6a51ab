//! Local edits in a plan: which of them the run keeps, and why it erases the others (R-M2).
//!
//! [`book::lifetime`] decides; this module collects the facts.

use std::cmp::Ordering;
use std::iter::Peekable;

use super::facts::{ClassFate, Facts};
use super::hashes::IdSet;
use super::output::Output;
use super::protected::Protected;
use crate::book::edits::{self as book, EditedPerson, EditedRecord, Lifetime, Member};
use crate::book::pins;
use roster::contract::PlanContext;
use roster::contract::{PlanError, PlanInputs, PlanSink};
use roster::edit::{Edit, LocalEdit};
use roster::id::{SourceId, table_order};
use roster::records::RecordKind;

/// Keys of the people who own their names and contacts (R-G5), by kind.
pub(super) type Owners = [IdSet; RecordKind::ALL.len()];

/// Reads the edits that affect the records themselves: adds active pins to `protected`, and returns
/// the people who own their data.
pub(super) fn read<I: PlanInputs>(
    context: &PlanContext<'_>,
    inputs: &I,
    protected: &mut Protected,
) -> Result<Owners, PlanError> {
    let mut owners = Owners::default();
    for kind in [RecordKind::Teacher, RecordKind::Student, RecordKind::Guardian, RecordKind::Class]
    {
        for edit in inputs.edits(kind).map_err(PlanError::input)? {
            let LocalEdit { key, edit, .. } = edit.map_err(PlanError::input)?;
            match edit {
                Edit::Pin { until, .. } => {
                    if pins::is_active(until, context.made_on) {
                        protected.pin(kind, key.hash64());
                    }
                }
                Edit::PinEnrollment { person, until, .. } => {
                    if pins::is_active(until, context.made_on) {
                        protected.pin_enrollment(key.hash64(), person.hash64());
                    }
                }
                Edit::Account { accepted, .. } => {
                    if book::owns_data(context.policy, accepted.is_some()) {
                        owners[kind as usize].insert(key.hash64());
                    }
                }
                Edit::CustomName { .. }
                | Edit::Member { .. }
                | Edit::Left { .. }
                | Edit::JoinCode { .. }
                | Edit::Name { .. }
                | Edit::Contact { .. }
                | Edit::SignIn { .. }
                | Edit::SignedIn { .. }
                | Edit::Child { .. } => {}
            }
        }
    }
    Ok(owners)
}

/// The edits of the records of one kind, returned record by record in table order.
pub(super) struct EditsByRecord<'i> {
    kind: RecordKind,
    edits: Peekable<Box<dyn Iterator<Item = Result<LocalEdit, PlanError>> + 'i>>,
}

impl<'i> EditsByRecord<'i> {
    pub(super) fn of_kind<I: PlanInputs>(
        kind: RecordKind,
        inputs: &'i I,
    ) -> Result<Self, PlanError> {
        let edits: Box<dyn Iterator<Item = _> + 'i> = Box::new(
            inputs
                .edits(kind)
                .map_err(PlanError::input)?
                .map(|edit| edit.map_err(PlanError::input)),
        );
        Ok(Self { kind, edits: edits.peekable() })
    }

    /// Returns the edits of one record. Callers must request records in table order; edits of
    /// records that are not requested are skipped.
    pub(super) fn of(&mut self, key: &SourceId) -> Result<Vec<LocalEdit>, PlanError> {
        let mut found = Vec::new();
        while let Some(next) = self.edits.peek() {
            let order = next
                .as_ref()
                .map_or(Ordering::Equal, |edit| table_order(edit.key.as_str(), key.as_str()));
            if order == Ordering::Greater {
                break;
            }
            match self.edits.next().transpose()? {
                Some(edit) if order == Ordering::Equal => found.push(edit),
                Some(_) => {}
                None => break,
            }
        }
        Ok(found)
    }

    /// Returns all edits of the next record that has any.
    fn next(&mut self) -> Result<Option<Vec<LocalEdit>>, PlanError> {
        let Some(first) = self.edits.next().transpose()? else {
            return Ok(None);
        };
        let mut found = self.of(&first.key)?;
        if let Some(Ok(next)) = self.edits.peek()
            && table_order(next.key.as_str(), first.key.as_str()) != Ordering::Greater
        {
            return Err(PlanError::Order { kind: self.kind });
        }
        found.insert(0, first);
        Ok(Some(found))
    }
}

/// Pass 2 over the edits of a kind of person.
pub(super) fn of_people<I: PlanInputs, S: PlanSink>(
    kind: RecordKind,
    inputs: &I,
    facts: &Facts,
    protected: &Protected,
    output: &mut Output<'_, S>,
) -> Result<(), PlanError> {
    let Some(people) = facts.people(kind) else { return Ok(()) };
    let mut records = EditsByRecord::of_kind::<I>(kind, inputs)?;
    while let Some(edits) = records.next()? {
        let has_accepted = edits.iter().any(|edit| edit.edit.accepted().is_some());
        for edit in edits {
            let key = edit.key.hash64();
            let is_synced = people.active.contains(&key) && !people.unread(key);
            let record = EditedRecord::Person(EditedPerson { kind, is_synced, has_accepted });
            settle(output, protected, edit, &record)?;
        }
    }
    Ok(())
}

/// A class in the state in which the run leaves it.
pub(super) struct Roster<'a> {
    /// The outcome of this run for the class.
    pub(super) fate: ClassFate,
    /// Keys of its teachers, the primary one first.
    pub(super) teachers: &'a [SourceId],
    /// Keys of its students, sorted.
    pub(super) students: &'a [SourceId],
}

impl Roster<'_> {
    fn source(&self) -> book::Roster {
        match self.fate {
            ClassFate::Present { .. } => {
                book::Roster::Synced { has_co_teacher: self.teachers.len() > 1 }
            }
            ClassFate::Kept { .. } => book::Roster::Kept,
            ClassFate::Archived => book::Roster::Archived,
            ClassFate::Manual { archived } => book::Roster::Manual { is_archived: archived },
        }
    }

    fn member(&self, facts: &Facts, role: RecordKind, person: &SourceId) -> Member {
        let Some(people) = facts.people(role) else { return Member::default() };
        let key = person.hash64();
        let is_listed = match role {
            RecordKind::Student => self.students.binary_search(person).is_ok(),
            _ => self.teachers.contains(person),
        };
        Member {
            is_listed,
            is_active: people.active.contains(&key),
            is_outsider: people.by_hand.contains(&key),
            is_abandoned: people.abandoned.contains(&key),
        }
    }
}

/// Pass 2 over the edits of one class.
pub(super) fn of_class<S: PlanSink>(
    edits: Vec<LocalEdit>,
    roster: &Roster<'_>,
    facts: &Facts,
    protected: &Protected,
    output: &mut Output<'_, S>,
) -> Result<(), PlanError> {
    for edit in edits {
        let member = edit
            .edit
            .other()
            .map_or_else(Member::default, |(role, person)| roster.member(facts, role, person));
        settle(output, protected, edit, &EditedRecord::Class { roster: roster.source(), member })?;
    }
    Ok(())
}

/// Erases the edit or keeps it. Every report lists the active pins (R-P1). An edit of a record whose
/// removal the plan leaves out is not erased (R-H2, R-H5).
fn settle<S: PlanSink>(
    output: &mut Output<'_, S>,
    protected: &Protected,
    edit: LocalEdit,
    record: &EditedRecord,
) -> Result<(), PlanError> {
    let context = output.context;
    match book::lifetime(context.policy, context.made_on, &edit.edit, record) {
        Lifetime::NextRun { rule, reason }
            if !protected.withheld().keep(edit.kind, edit.key.hash64()) =>
        {
            output.erase(edit, rule, reason)
        }
        Lifetime::Until(day) => output.pin(&edit, day),
        Lifetime::NextRun { .. } | Lifetime::Permanent => Ok(()),
    }
}
