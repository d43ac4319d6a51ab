//! Undo (R-H4): the inverse of a run's plan, made only while the mirror is as that run left it.
//!
//! Pass 1 reads the plan to undo and stores, for each item that it changed, a hash of the state in
//! which it left the item (`after_run`). Pass 2 reads the mirror and the local edits and finds the
//! items that have changed since. If there are any, the undo is refused, and findings name them.
//! Pass 3 reads the plan again and emits the inverse of each change. Like the engine, undo keeps no
//! records in memory.
//!
//! Items are compared by content, not by the run that changed them last: a record changed and
//! changed back is unmodified. A local edit that replaced an erased one is newer; it is kept, and
//! the undo is not refused because of it. But if the undo deletes a record, an edit of that record,
//! or one that refers to it, refuses the undo, because the edit would lose its record.

mod after_run;
mod tally;

use std::borrow::Cow;

use crate::book::groups;
use roster::change::{Action, Change, Reason};
use roster::contract::{PlanError, PlanSink, UndoInputs};
use roster::edit::LocalEdit;
use roster::finding::{Code, Finding, request};
use roster::id::SourceId;
use roster::outcome::Outcome;
use roster::policy::Policy;
use roster::records::{AnyMirrored, Demographics, Kind, RecordKind, Status, kinds};
use roster::rule::Rule;

use after_run::{AfterRun, Current};
use tally::Tally;

/// The most changed records that the findings of a refused undo name. All of them are counted.
pub const MOST_NAMED: u64 = 1000;

/// The settings of an undo.
#[derive(Debug, Clone)]
pub struct UndoContext<'a> {
    /// The district's current policy.
    pub policy: &'a Policy,
    /// False for "additions and changes only" (R-H2): nothing is removed.
    pub removals: bool,
}

/// The outcome of an undo.
#[derive(Debug, Clone, PartialEq)]
pub enum Undone {
    /// The sink has received the inverse plan.
    Planned(Box<Outcome>),
    /// Records were changed after the run: the sink has received only findings.
    Refused {
        /// The number of records that were changed.
        changed: u64,
    },
}

/// Makes the plan that undoes a run.
///
/// Pure and deterministic. Additions and changes are in the order of kinds, and additions precede
/// changes, so that no record refers to one that does not exist yet.
///
/// # Errors
/// Returns the errors of inputs and sink. The caller must then discard what the sink has received.
pub fn undo<I: UndoInputs, S: PlanSink>(
    context: &UndoContext<'_>,
    inputs: &I,
    sink: &mut S,
) -> Result<Undone, PlanError> {
    let mut after_run = AfterRun::default();
    for change in inputs.changes().map_err(PlanError::input)? {
        after_run.record(&change.map_err(PlanError::input)?);
    }
    let mut tally = Tally::default();
    compare_all(inputs, &mut after_run, &mut tally)?;
    let changed = after_run.changed_since();
    if changed > 0 {
        refuse(inputs, &after_run, changed, sink)?;
        return Ok(Undone::Refused { changed });
    }
    let mut inverse = Inverse { context, after_run: &after_run, tally, changes: 0, sink };
    inverse.unchanged_members(inputs)?;
    for additions in [true, false] {
        for change in inputs.changes().map_err(PlanError::input)? {
            inverse.invert(change.map_err(PlanError::input)?, additions)?;
        }
    }
    let (counts, holds) = inverse.tally.close(context.policy);
    let outcome = Outcome { counts, changes: inverse.changes, holds, ..Outcome::default() };
    Ok(Undone::Planned(Box::new(outcome)))
}

/// Compares the mirror, its links and the local edits with the state after the run.
fn compare_all<I: UndoInputs>(
    inputs: &I,
    after_run: &mut AfterRun,
    tally: &mut Tally,
) -> Result<(), PlanError> {
    for kind in RecordKind::ALL {
        match kind {
            RecordKind::School => compare::<kinds::Schools, I>(inputs, after_run, tally)?,
            RecordKind::Term => compare::<kinds::Terms, I>(inputs, after_run, tally)?,
            RecordKind::Course => compare::<kinds::Courses, I>(inputs, after_run, tally)?,
            RecordKind::Teacher => compare::<kinds::Teachers, I>(inputs, after_run, tally)?,
            RecordKind::Student => compare::<kinds::Students, I>(inputs, after_run, tally)?,
            RecordKind::Guardian => compare::<kinds::Guardians, I>(inputs, after_run, tally)?,
            RecordKind::Class => compare::<kinds::Classes, I>(inputs, after_run, tally)?,
        }
        for edit in inputs.edits(kind).map_err(PlanError::input)? {
            after_run.compare_edit(&edit.map_err(PlanError::input)?);
        }
    }
    for link in inputs.links().map_err(PlanError::input)? {
        after_run.compare_link(&link.map_err(PlanError::input)?);
    }
    Ok(())
}

fn compare<K: Kind, I: UndoInputs>(
    inputs: &I,
    after_run: &mut AfterRun,
    tally: &mut Tally,
) -> Result<(), PlanError> {
    for record in inputs.mirror::<K>().map_err(PlanError::input)? {
        let record = K::wrap(record.map_err(PlanError::input)?);
        after_run.compare(&record);
        tally.in_mirror(&record);
    }
    Ok(())
}

/// Returns a finding of an undo.
fn finding(code: &'static Code) -> Finding {
    Finding::new(code).under(Rule::H4)
}

/// Reports that the undo is refused, and the records that were changed after the run.
fn refuse<I: UndoInputs, S: PlanSink>(
    inputs: &I,
    after_run: &AfterRun,
    changed: u64,
    sink: &mut S,
) -> Result<(), PlanError> {
    let what = format!("{changed} records were changed after the run; nothing was undone");
    sink.finding(finding(&request::UNDO_REFUSED).with(what)).map_err(PlanError::sink)?;
    let mut named = 0;
    for change in inputs.changes().map_err(PlanError::input)? {
        let change = change.map_err(PlanError::input)?;
        let Some(record) = change.after.as_ref().or(change.before.as_ref()) else { continue };
        if !after_run.is_changed_since(record) {
            continue;
        }
        let kind = record.kind().name();
        let what = match record {
            AnyMirrored::Link(_) => format!("the id link of a {kind} was changed after the run"),
            _ => format!("a {kind} was changed after the run"),
        };
        let finding = finding(&request::UNDO_CHANGED_SINCE).with(what).about(kind, record.key());
        sink.finding(finding).map_err(PlanError::sink)?;
        named += 1;
        if named == MOST_NAMED {
            break;
        }
    }
    Ok(())
}

/// Emits the inverse plan.
struct Inverse<'a, S: PlanSink> {
    context: &'a UndoContext<'a>,
    after_run: &'a AfterRun,
    tally: Tally,
    changes: u64,
    sink: &'a mut S,
}

impl<S: PlanSink> Inverse<'_, S> {
    /// Emits the inverse of a change: of the first pass if it adds or returns a record, of the
    /// second otherwise.
    fn invert(&mut self, change: Change, additions: bool) -> Result<(), PlanError> {
        let mut change = change.inverse();
        let is_addition = matches!(change.action, Action::Add | Action::Return);
        if is_addition != additions || (change.action == Action::Remove && !self.context.removals) {
            return Ok(());
        }
        if let Some(AnyMirrored::Edit(edit)) = change.after.as_ref().or(change.before.as_ref())
            && !self.applies_to_edit(edit, change.before.is_some())?
        {
            return Ok(());
        }
        if let Some(before) = &mut change.before {
            self.after_run.set_current_run(before);
        }
        if let Some(AnyMirrored::Student(student)) = &mut change.after {
            if !self.context.policy.stores_demographics() {
                // Even an undo does not store demographics again (R-M7).
                student.state.demographics = Demographics::default();
            }
            if student.status == Status::Active {
                self.members(&student.key, &student.state.demographics)?;
            }
        }
        self.tally.change(&change);
        change.reasons = vec![Reason {
            rule: Rule::H4,
            what: Cow::Borrowed("restored to the state before the undone run"),
        }];
        self.changes += 1;
        self.sink.change(change).map_err(PlanError::sink)
    }

    /// Whether the inverse still applies to a local edit. `removes`: the inverse removes the edit;
    /// otherwise it restores it. A person's newer edit, or newer removal, is kept.
    fn applies_to_edit(&mut self, edit: &LocalEdit, removes: bool) -> Result<bool, PlanError> {
        match (removes, self.after_run.current_edit(edit)) {
            (false, Current::Missing) | (true, Current::Same) => Ok(true),
            (false, Current::Different) => {
                let code = &request::UNDO_EDIT_STAYS;
                let finding = finding(code).about(edit.kind.name(), &edit.key);
                self.sink.finding(finding).map_err(PlanError::sink)?;
                Ok(false)
            }
            (false, Current::Same) | (true, Current::Missing | Current::Different) => Ok(false),
        }
    }

    /// Emits an active student's groups (R-M8).
    fn members(
        &mut self,
        student: &SourceId,
        demographics: &Demographics,
    ) -> Result<(), PlanError> {
        for (field, value) in groups::of(demographics) {
            self.sink.member(field, value, student).map_err(PlanError::sink)?;
        }
        Ok(())
    }

    /// Emits the groups of the students that the undo does not change (R-M8).
    fn unchanged_members<I: UndoInputs>(&mut self, inputs: &I) -> Result<(), PlanError> {
        if !self.context.policy.stores_demographics() {
            return Ok(());
        }
        for student in inputs.mirror::<kinds::Students>().map_err(PlanError::input)? {
            let student = student.map_err(PlanError::input)?;
            if student.status != Status::Active {
                continue;
            }
            let (key, demographics) = (student.key.clone(), student.state.demographics.clone());
            let student = AnyMirrored::Student(student);
            if !self.after_run.is_undone(&student, self.context.removals) {
                self.members(&key, &demographics)?;
            }
        }
        Ok(())
    }
}
