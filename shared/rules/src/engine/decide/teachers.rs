//! Decide pass over teachers: the next state of each, with its reasons (R-T1, R-M5).

use super::enrollments::Enrollments;
use super::record::{
    archive, explain_classes, explain_person, explain_shared_email, new_account, new_record,
    still_here, was_here,
};
use super::shared_emails::SharedEmails;
use crate::book::absence::Departure;
use crate::engine::facts::Facts;
use crate::engine::guard::Became;
use crate::engine::lists;
use crate::engine::merge::Entry;
use crate::engine::output::{Output, Why};
use crate::engine::protected::Protected;
use roster::contract::{PlanError, PlanSink};
use roster::finding::sync;
use roster::id::SourceId;
use roster::records::{
    Demographics, MirroredBox, RecordKind, Status, Teacher, TeacherState, kinds,
};
use roster::rule::Rule;

type Item = MirroredBox<kinds::Teachers>;

/// Decide pass over teachers.
pub(super) struct Teachers<'f> {
    pub(super) facts: &'f Facts,
    pub(super) protected: &'f Protected,
    pub(super) shared: &'f mut SharedEmails,
}

impl Teachers<'_> {
    /// Decides the next state of one teacher.
    pub(super) fn visit<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        entry: Entry<kinds::Teachers>,
    ) -> Result<(), PlanError> {
        let Some(key) = entry.key().cloned() else { return Ok(()) };
        let Entry { source, mirror, .. } = entry;
        if let Some(source) = &source {
            output.tally.in_source(RecordKind::Teacher, &source.person.schools);
            output.fields.count(RecordKind::Teacher, &source.person, &Demographics::default());
        }
        let hash = key.hash64();
        let (facts, members) = (self.facts, &self.facts.teachers);
        if members.people.by_hand.contains(&hash) {
            return Ok(());
        }
        let active = members.people.active.contains(&hash);
        let enrollments = Enrollments { facts, members, key: hash };
        match (source, mirror) {
            (Some(source), item) if active => self.present(output, enrollments, key, *source, item),
            (_, None) => Ok(()),
            (_, Some(item)) if active => self.kept(output, enrollments, item),
            (_, Some(item)) => archived(output, enrollments, item),
        }
    }

    fn present<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        enrollments: Enrollments<'_>,
        key: SourceId,
        source: Teacher,
        item: Option<Item>,
    ) -> Result<(), PlanError> {
        let before = item.as_ref().map_or(&[][..], |item| &item.state.classes);
        let Teacher { id, person, classes, .. } = source;
        let classes = enrollments.of_active(classes.into_iter(), before);
        // An administrator's account for the only teacher with that e-mail address (R-M5), else the
        // account that the teacher already has (R-I1).
        let account = self.facts.administrators.account_of(&person);
        let account = account
            .or(item.as_ref().and_then(|item| item.account.as_ref()))
            .cloned()
            .unwrap_or_else(|| new_account(output, RecordKind::Teacher, &key));
        let administrator = self.facts.administrators.have(&account);
        let email_shared = self.facts.email_is_shared(&person, administrator);
        self.shared.add(email_shared, RecordKind::Teacher, &id, &person);
        if administrator {
            output.find::<kinds::Teachers>(
                &sync::TEACHER_IS_ADMINISTRATOR,
                Rule::M5,
                &id,
                format!("teacher {} is an administrator here", id.as_str()),
            )?;
        }
        let state = TeacherState { person, classes, email_shared, administrator };
        let mut why = Why::default();
        let Some(item) = item else {
            why.add(Rule::T1, "the source has this teacher");
            if state.administrator {
                why.add(Rule::M5, "the account is the administrator's");
            }
            let run = output.context.run.clone();
            return output
                .add::<kinds::Teachers>(new_record(key, id, Some(account), state, run), why);
        };
        let same = item.state.person == state.person && item.id == id;
        let was = (item.status, &item.state.person.schools[..]);
        let became = if same { Became::Same } else { Became::Changed };
        was_here(output, &mut why, RecordKind::Teacher, was, became);
        explain_person(&mut why, (&item.id, &item.state.person), (&id, &state.person));
        explain_classes(&mut why, &item.state.classes, &state.classes);
        explain_shared_email(&mut why, item.state.email_shared, state.email_shared);
        if item.state.administrator != state.administrator
            || item.account.as_ref() != Some(&account)
        {
            why.add(Rule::M5, "administrator");
        }
        let after = still_here(&item, id, Some(account), state);
        output.settle(item, after, why)?;
        Ok(())
    }

    /// A teacher whose record is unreadable, or who stays for another reason: the record stays, the
    /// classes follow the source.
    fn kept<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        enrollments: Enrollments<'_>,
        item: Item,
    ) -> Result<(), PlanError> {
        let schools = &item.state.person.schools;
        output.tally.was_active(RecordKind::Teacher, schools, Became::Same, false);
        if self.facts.teachers.people.unreadable.contains(&item.key.hash64()) {
            output.tally.unreadable(RecordKind::Teacher, schools);
        }
        let tonight = self
            .protected
            .enrollments_of_person(RecordKind::Teacher, item.id.hash64())
            .iter()
            .cloned();
        let classes = enrollments.of_active(tonight, &item.state.classes);
        let email_shared = self.facts.email_is_shared(&item.state.person, item.state.administrator);
        self.shared.add(email_shared, RecordKind::Teacher, &item.id, &item.state.person);
        if classes != item.state.classes || email_shared != item.state.email_shared {
            let mut why = Why::default();
            explain_classes(&mut why, &item.state.classes, &classes);
            explain_shared_email(&mut why, item.state.email_shared, email_shared);
            let mut after = item.clone();
            after.state.classes = classes;
            after.state.email_shared = email_shared;
            output.settle(item, *after, why)?;
        }
        Ok(())
    }
}

/// A teacher who is gone from the source, or archived already (R-A5).
fn archived<S: PlanSink>(
    output: &mut Output<'_, S>,
    enrollments: Enrollments<'_>,
    item: Item,
) -> Result<(), PlanError> {
    let classes = enrollments.of_archived(&item.state.classes, Departure::default());
    let goes = item.status == Status::Active;
    if goes {
        let schools = &item.state.person.schools;
        output.tally.was_active(RecordKind::Teacher, schools, Became::Removed, false);
    }
    if !goes && classes.is_none() && !item.state.email_shared {
        return Ok(());
    }
    let mut why = Why::default();
    if goes {
        why.add(Rule::A5, "no longer in the source");
    }
    let mut after = item.clone();
    after.state.email_shared = false;
    if let Some(classes) = classes {
        why.add(Rule::A5, lists::difference("classes", &item.state.classes, &classes));
        after.state.classes = classes;
    }
    archive(&mut after, output.context.today);
    output.settle(item, *after, why)?;
    Ok(())
}
