//! Taking a run back (R-H4): the inverse of its plan, made only while everything is still what that
//! run left.
//!
//! Pass 1 reads the plan that is to be taken back and keeps, for each item that it changed, a hash
//! of what it left (`left`). Pass 2 reads the mirror and the local edits and finds what is
//! something else by now: then nothing is taken back, and the findings name what changed. Pass 3
//! reads the plan again and gives the inverse of each change. As with a plan, nothing here keeps
//! records.
//!
//! Of an item the last run that changed it does not count: one that was changed since and changed
//! back is what the run left. A local edit in the place of one that the run erased is somebody's
//! newer word: it stays, and nothing is refused for it. But where the run is to take a record away
//! altogether, an edit beside it or about it is in the way: it would be left to nobody.

mod left;
mod tally;

use std::borrow::Cow;

use crate::book::groups;
use roster::change::{Action, Change, Outcome, Reason};
use roster::contract::{PlanError, PlanSink, UndoInputs};
use roster::finding::{Finding, request};
use roster::policy::Policy;
use roster::records::{AnyMirrored, Demographics, Kind, RecordKind, Status, kinds};
use roster::rule::Rule;

use left::Left;
use tally::Tally;

/// How many of the records that are in the way of an undo are named. All of them are counted.
pub const MOST_NAMED: u64 = 1000;

/// What an undo is made for.
#[derive(Debug, Clone)]
pub struct UndoContext<'a> {
    /// The district's policy, as it is now.
    pub policy: &'a Policy,
    /// False for "additions and changes only" (R-H2): nothing is taken away.
    pub removals: bool,
}

/// What became of an undo.
#[derive(Debug, Clone, PartialEq)]
pub enum Undone {
    /// The sink has the inverse plan.
    Planned(Outcome),
    /// Records were changed since: the sink has nothing but findings.
    Refused {
        /// How many.
        changed: u64,
    },
}

/// Makes the plan that takes a run back.
///
/// Pure and deterministic. Additions and changes come in the order of kinds, what comes back before
/// what changes, so that nothing refers to a record that is not there yet.
///
/// # Errors
/// What inputs and sink report. What the sink has got so far is to be thrown away.
pub fn undo<I: UndoInputs, S: PlanSink>(
    context: &UndoContext<'_>,
    inputs: &I,
    sink: &mut S,
) -> Result<Undone, PlanError> {
    let mut left = Left::default();
    for change in inputs.changes().map_err(PlanError::input)? {
        left.note(&change.map_err(PlanError::input)?);
    }
    let mut tally = Tally::default();
    for tag in RecordKind::ALL {
        look(tag, inputs, &mut left, &mut tally)?;
        for edit in inputs.edits(tag).map_err(PlanError::input)? {
            left.find_edit(&edit.map_err(PlanError::input)?);
        }
    }
    for link in inputs.links().map_err(PlanError::input)? {
        left.find_link(&link.map_err(PlanError::input)?);
    }
    let changed = left.in_the_way();
    if changed > 0 {
        refuse(inputs, &left, changed, sink)?;
        return Ok(Undone::Refused { changed });
    }
    let mut inverse = Inverse { context, left: &left, tally, changes: 0, sink };
    inverse.unchanged_members(inputs)?;
    for coming in [true, false] {
        for change in inputs.changes().map_err(PlanError::input)? {
            inverse.take_back(change.map_err(PlanError::input)?, coming)?;
        }
    }
    let (counts, holds) = inverse.tally.close(context.policy);
    Ok(Undone::Planned(Outcome { counts, changes: inverse.changes, holds, ..Outcome::default() }))
}

/// Looks at the records of a kind.
fn look<I: UndoInputs>(
    tag: RecordKind,
    inputs: &I,
    left: &mut Left,
    tally: &mut Tally,
) -> Result<(), PlanError> {
    fn of<K: Kind, I: UndoInputs>(
        inputs: &I,
        left: &mut Left,
        tally: &mut Tally,
    ) -> Result<(), PlanError> {
        for record in inputs.mirror::<K>().map_err(PlanError::input)? {
            let record = K::wrap(record.map_err(PlanError::input)?);
            left.find(&record);
            tally.in_mirror(&record);
        }
        Ok(())
    }
    match tag {
        RecordKind::School => of::<kinds::Schools, I>(inputs, left, tally),
        RecordKind::Term => of::<kinds::Terms, I>(inputs, left, tally),
        RecordKind::Course => of::<kinds::Courses, I>(inputs, left, tally),
        RecordKind::Teacher => of::<kinds::Teachers, I>(inputs, left, tally),
        RecordKind::Student => of::<kinds::Students, I>(inputs, left, tally),
        RecordKind::Guardian => of::<kinds::Guardians, I>(inputs, left, tally),
        RecordKind::Class => of::<kinds::Classes, I>(inputs, left, tally),
    }
}

/// Names what is in the way.
fn refuse<I: UndoInputs, S: PlanSink>(
    inputs: &I,
    left: &Left,
    changed: u64,
    sink: &mut S,
) -> Result<(), PlanError> {
    let code = &request::UNDO_REFUSED;
    let what = format!("{changed} records were changed after the run; nothing was undone");
    sink.finding(Finding::new(code).with(what).under(Rule::H4)).map_err(PlanError::sink)?;
    let mut named = 0;
    for change in inputs.changes().map_err(PlanError::input)? {
        let change = change.map_err(PlanError::input)?;
        let Some(record) = change
            .after
            .as_ref()
            .or(change.before.as_ref())
            .filter(|record| left.is_in_the_way(record))
        else {
            continue;
        };
        let code = &request::UNDO_CHANGED_SINCE;
        let kind = record.kind().name();
        let what = match record {
            AnyMirrored::Link(_) => {
                Cow::from(format!("the id link of a {kind} was changed after the run"))
            }
            _ => Cow::from(format!("a {kind} was changed after the run")),
        };
        let finding = Finding::new(code).with(what).under(Rule::H4).about(kind, record.key());
        sink.finding(finding).map_err(PlanError::sink)?;
        named += 1;
        if named == MOST_NAMED {
            break;
        }
    }
    Ok(())
}

/// The inverse plan, as it is made.
struct Inverse<'a, S: PlanSink> {
    context: &'a UndoContext<'a>,
    left: &'a Left,
    tally: Tally,
    changes: u64,
    sink: &'a mut S,
}

impl<S: PlanSink> Inverse<'_, S> {
    /// Gives the inverse of a change: in the first pass what comes, in the second what changes or
    /// goes.
    fn take_back(&mut self, change: Change, coming: bool) -> Result<(), PlanError> {
        let mut change = change.inverse();
        let comes = matches!(change.action, Action::Add | Action::Return);
        if comes != coming || (change.action == Action::Remove && !self.context.removals) {
            return Ok(());
        }
        if let Some(AnyMirrored::Edit(edit)) = change.after.as_ref().or(change.before.as_ref()) {
            let is_there = self.left.edit_there(edit);
            let wanted = match (&change.before, is_there) {
                (None, left::There::Nothing) | (Some(_), left::There::Same) => true,
                (None, left::There::Other) => {
                    let code = &request::UNDO_EDIT_STAYS;
                    let finding =
                        Finding::new(code).under(Rule::H4).about(edit.kind.name(), &edit.key);
                    self.sink.finding(finding).map_err(PlanError::sink)?;
                    false
                }
                // It is as it is to be; or somebody has changed or taken away what the run had put
                // back: their word is the newer one.
                _ => false,
            };
            if !wanted {
                return Ok(());
            }
        }
        if let Some(before) = &mut change.before {
            self.left.as_it_is_now(before);
        }
        if let Some(AnyMirrored::Student(student)) = &mut change.after {
            if !self.context.policy.stores_demographics() {
                // Nobody stores them again, however exact an undo is (R-M7).
                student.state.demographics = Demographics::default();
            }
            if student.status == Status::Active {
                for (field, value) in groups::of(&student.state.demographics) {
                    self.sink.member(field, value, &student.key).map_err(PlanError::sink)?;
                }
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

    /// The groups of the students whom the undo does not touch (R-M8).
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
            if self.left.is_taken_back(&AnyMirrored::Student(student), self.context.removals) {
                continue;
            }
            for (field, value) in groups::of(&demographics) {
                self.sink.member(field, value, &key).map_err(PlanError::sink)?;
            }
        }
        Ok(())
    }
}
