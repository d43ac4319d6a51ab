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
use roster::id::{AccountId, SourceId};
use roster::records::{
    Demographics, Mirrored, MirroredBox, Person, RecordKind, Status, Teacher, TeacherState, kinds,
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
            (_, Some(item)) => self.archived(output, enrollments, item),
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
        let (account, administrator) = self.account(output, &key, &id, item.as_deref())?;
        let email_shared = self.shares_email(output, &id, &person, &account, administrator)?;
        let state = TeacherState { person, classes, email_shared, administrator };
        let mut why = Why::default();
        let Some(item) = item else {
            why.add(Rule::T1, "the source has this teacher");
            if state.administrator {
                why.add(Rule::M5, "support linked the teacher to an administrator");
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
        explain_account(&mut why, &item, &account, state.administrator);
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
            output.tally.unread(self.protected, RecordKind::Teacher, &item.id, schools);
        }
        let tonight = self
            .protected
            .enrollments_of_person(RecordKind::Teacher, item.id.hash64())
            .iter()
            .cloned();
        let classes = enrollments.of_active(tonight, &item.state.classes);
        let (account, administrator) = self.account(output, &item.key, &item.id, Some(&item))?;
        let person = &item.state.person;
        let email_shared = self.shares_email(output, &item.id, person, &account, administrator)?;
        let mut why = Why::default();
        explain_classes(&mut why, &item.state.classes, &classes);
        explain_shared_email(&mut why, item.state.email_shared, email_shared);
        explain_account(&mut why, &item, &account, administrator);
        let mut after = item.clone();
        after.account = Some(account);
        after.state = TeacherState { classes, email_shared, administrator, ..after.state };
        if after != item {
            output.settle(item, *after, why)?;
        }
        Ok(())
    }

    /// A teacher who is gone from the source, or archived already (R-A5).
    fn archived<S: PlanSink>(
        &mut self,
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
        let (account, administrator) = self.account(output, &item.key, &item.id, Some(&item))?;
        let mut why = Why::default();
        let mut after = item.clone();
        if goes {
            why.add(Rule::A5, "no longer in the source");
        }
        explain_account(&mut why, &item, &account, administrator);
        if let Some(classes) = classes {
            why.add(Rule::A5, lists::difference("classes", &item.state.classes, &classes));
            after.state.classes = classes;
        }
        after.account = Some(account);
        after.state.administrator = administrator;
        after.state.email_shared = false;
        archive(&mut after, output.context.today);
        if after != item {
            output.settle(item, *after, why)?;
        }
        Ok(())
    }

    /// Returns a teacher's account, and whether it is an administrator's: only if support linked
    /// the two by hand (R-M5). Any other teacher keeps the account (R-I1), unless that is an
    /// administrator's: then the teacher gets an account of their own.
    fn account<S: PlanSink>(
        &self,
        output: &mut Output<'_, S>,
        key: &SourceId,
        id: &SourceId,
        item: Option<&Mirrored<kinds::Teachers>>,
    ) -> Result<(AccountId, bool), PlanError> {
        let administrators = &self.facts.administrators;
        if let Some(account) = administrators.account_of(key) {
            return Ok((account.clone(), true));
        }
        let before = item.and_then(|item| item.account.as_ref());
        if let Some(account) = before.filter(|account| !administrators.have(account)) {
            return Ok((account.clone(), false));
        }
        if before.is_some() {
            let what = format!(
                "teacher {} had an administrator's account and now has another one",
                id.as_str()
            );
            let code = &sync::ADMINISTRATOR_SEPARATED;
            output.find::<kinds::Teachers>(code, Rule::M5, id, what)?;
        }
        let mut account = new_account(output, RecordKind::Teacher, key);
        if administrators.have(&account) {
            // The administrator was given the account that is derived for the teacher.
            account = AccountId::derive(output.context.district, "teacher apart", key);
        }
        Ok((account, false))
    }

    /// Whether the e-mail address of an active teacher belongs to another person too (R-I5), with
    /// the findings about administrators (R-M5).
    fn shares_email<S: PlanSink>(
        &mut self,
        output: &mut Output<'_, S>,
        id: &SourceId,
        person: &Person,
        account: &AccountId,
        administrator: bool,
    ) -> Result<bool, PlanError> {
        let facts = self.facts;
        let own = administrator.then_some(account);
        self.shared.add(facts.has_persons_email(person), RecordKind::Teacher, id, person);
        if administrator {
            let what = format!("teacher {} is linked to an administrator", id.as_str());
            let code = &sync::TEACHER_IS_ADMINISTRATOR;
            output.find::<kinds::Teachers>(code, Rule::M5, id, what)?;
        }
        if facts.administrators.have_email_of(person, own) {
            let what =
                format!("teacher {} has the e-mail address of an administrator", id.as_str());
            let code = &sync::ADMINISTRATOR_EMAIL;
            output.find::<kinds::Teachers>(code, Rule::M5, id, what)?;
        }
        Ok(facts.email_is_shared(person, own))
    }
}

/// Gives the reason for a change of a teacher's account (R-M5).
fn explain_account(
    why: &mut Why,
    item: &Mirrored<kinds::Teachers>,
    account: &AccountId,
    administrator: bool,
) {
    if item.account.as_ref() != Some(account) || item.state.administrator != administrator {
        let what = if administrator {
            "support linked the teacher to an administrator"
        } else {
            "no link by support to an administrator"
        };
        why.add(Rule::M5, what);
    }
}
