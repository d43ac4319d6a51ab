//! The output of the planner: changes with their reasons, findings, members of groups.

use std::borrow::Cow;

use jiff::civil::Date;

use super::guard::Tally;
use crate::book::Observation;
use crate::review::Fields;
use roster::change::{Action, Change, Reason};
use roster::contract::{PlanContext, PlanError, PlanSink};
use roster::edit::LocalEdit;
use roster::finding::{Code, Finding, sync};
use roster::id::SourceId;
use roster::personal::Personal;
use roster::records::{AnyMirrored, Kind, Link, Mirrored, MirroredBox, Origin, Status};
use roster::rule::Rule;

/// The reasons of one change, while they are collected.
#[derive(Default)]
pub(super) struct Why(Vec<Reason>);

impl Why {
    /// Adds a reason.
    pub(super) fn add(&mut self, rule: Rule, what: impl Into<Cow<'static, str>>) {
        self.0.push(Reason { rule, what: what.into() });
    }

    /// Whether there is no reason yet.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The sink, with the counts of what is sent to it.
pub(super) struct Output<'a, S: PlanSink> {
    pub(super) context: &'a PlanContext<'a>,
    sink: &'a mut S,
    pub(super) tally: Tally,
    pub(super) fields: Fields,
    pub(super) changes: u64,
    pub(super) erased: u64,
}

impl<'a, S: PlanSink> Output<'a, S> {
    pub(super) fn new(context: &'a PlanContext<'a>, sink: &'a mut S, fields: Fields) -> Self {
        Self { context, sink, tally: Tally::default(), fields, changes: 0, erased: 0 }
    }

    /// Sends a record that the mirror does not have yet.
    pub(super) fn add<K: Kind>(&mut self, after: Mirrored<K>, why: Why) -> Result<(), PlanError> {
        self.tally.added(K::KIND, K::schools(&after.state));
        self.change(Action::Add, None, after, why)
    }

    /// Sends the next state of a record that the mirror has, unless it is unchanged. Returns
    /// whether it changed.
    #[expect(
        clippy::boxed_local,
        reason = "records are in boxes, and nearly all are unchanged and dropped here"
    )]
    pub(super) fn settle<K: Kind>(
        &mut self,
        before: MirroredBox<K>,
        after: Mirrored<K>,
        mut why: Why,
    ) -> Result<bool, PlanError> {
        if *before == after {
            return Ok(false);
        }
        let action = match (before.status, after.status) {
            (Status::Archived, Status::Active) => Action::Return,
            (Status::Active, Status::Archived) => Action::Remove,
            _ if before.origin == Origin::Source && after.origin == Origin::Manual => {
                Action::Remove
            }
            _ => Action::Update,
        };
        match action {
            Action::Return => self.tally.added(K::KIND, K::schools(&after.state)),
            Action::Remove | Action::Add | Action::Update => {}
        }
        if why.is_empty() {
            why.add(Rule::M1, "updated to match the source");
        }
        self.change(action, Some(*before), after, why)?;
        Ok(true)
    }

    fn change<K: Kind>(
        &mut self,
        action: Action,
        before: Option<Mirrored<K>>,
        mut after: Mirrored<K>,
        why: Why,
    ) -> Result<(), PlanError> {
        after.changed_by = self.context.run.clone();
        let key = after.key.clone();
        self.send(Change {
            action,
            key,
            reasons: why.0,
            before: before.map(K::wrap),
            after: Some(K::wrap(after)),
        })
    }

    /// Sends a link that is added, changed or removed.
    pub(super) fn link(
        &mut self,
        before: Option<Link>,
        after: Option<Link>,
    ) -> Result<(), PlanError> {
        let (action, rule, what) = match (&before, &after) {
            (None, Some(link)) => {
                (Action::Add, link.rule, "this source id belongs to this account")
            }
            (Some(_), Some(link)) => {
                (Action::Update, link.rule, "this source id now belongs to another account")
            }
            (Some(link), None) => {
                (Action::Remove, link.rule, "this source id has its own account again")
            }
            (None, None) => return Ok(()),
        };
        let Some(key) = after.as_ref().or(before.as_ref()).map(|link| link.source.clone()) else {
            return Ok(());
        };
        let reasons = vec![Reason { rule, what: what.into() }];
        self.send(Change {
            action,
            key,
            reasons,
            before: before.map(AnyMirrored::Link),
            after: after.map(AnyMirrored::Link),
        })
    }

    /// Sends the removal of a local edit, with a finding (R-M2).
    pub(super) fn erase(
        &mut self,
        edit: LocalEdit,
        rule: Rule,
        what: &'static str,
    ) -> Result<(), PlanError> {
        self.erased += 1;
        let words =
            format!("{} {}: removed {} ({what})", edit.kind, edit.key.as_str(), edit.edit.words());
        let finding = Finding::new(&sync::EDIT_ERASED).with(words).under(rule);
        self.finding(finding.about(edit.kind.name(), &edit.key))?;
        let reasons = vec![Reason { rule, what: what.into() }];
        let key = edit.key.clone();
        self.send(Change {
            action: Action::Remove,
            key,
            reasons,
            before: Some(AnyMirrored::Edit(edit)),
            after: None,
        })
    }

    /// Reports an active pin (R-P1).
    pub(super) fn pin(&mut self, edit: &LocalEdit, until: Date) -> Result<(), PlanError> {
        let (kind, key) = (edit.kind, edit.key.as_str());
        let member = edit
            .edit
            .other()
            .map_or_else(String::new, |(role, person)| format!("{role} {} in ", person.as_str()));
        let words = format!("{member}{kind} {key} is pinned until {until}");
        let finding = Finding::new(&sync::ACTIVE_PIN).with(words).under(Rule::P1);
        self.finding(finding.about(kind.name(), &edit.key))
    }

    fn send(&mut self, change: Change) -> Result<(), PlanError> {
        self.changes += 1;
        self.sink.change(change).map_err(PlanError::sink)
    }

    /// Sends a finding about a record whose text is the kind of the record, its id and the
    /// predicate.
    pub(super) fn observe<K: Kind>(
        &mut self,
        id: &SourceId,
        observation: &Observation,
    ) -> Result<(), PlanError> {
        let Observation { code, rule, what } = observation;
        self.find::<K>(code, *rule, id, format!("{} {} {what}", K::KIND, id.as_str()))
    }

    /// Sends a finding about a record.
    pub(super) fn find<K: Kind>(
        &mut self,
        code: &'static Code,
        rule: Rule,
        id: &SourceId,
        what: impl AsRef<str>,
    ) -> Result<(), PlanError> {
        self.finding(Finding::new(code).with(what).under(rule).about(K::KIND.name(), id))
    }

    /// Sends a finding.
    pub(super) fn finding(&mut self, finding: Finding) -> Result<(), PlanError> {
        self.sink.finding(finding).map_err(PlanError::sink)
    }

    /// Sends a member of a group (R-M8).
    pub(super) fn member(
        &mut self,
        field: &'static str,
        value: &Personal,
        student: &SourceId,
    ) -> Result<(), PlanError> {
        self.sink.member(field, value, student).map_err(PlanError::sink)
    }
}
