//! A district's policy for requests: maps the decisions of [`rules::book::edits`] to responses.

use jiff::civil::Date;
use mirror::ports::district_settings::Configured;
use roster::edit::Edit;
use roster::id::SourceId;
use roster::policy::Policy;
use roster::records::RecordKind;
use roster::settings::{DistrictStatus, Settings};
use rules::book::edits::{self, Author, EditedRecord, Lifetime, Member, Refusal, Sync};
use serde::Serialize;

use crate::access::Role;
use crate::class::ClassFound;
use crate::input::refused;
use crate::people::PersonFound;
use crate::problem::Problem;

/// How long an edit is kept, as responses say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LifetimeView {
    /// Until a person removes it, or a pin expires.
    UntilTakenAway,
    /// Until the next run.
    UntilNextRun,
}

impl From<Lifetime> for LifetimeView {
    fn from(lifetime: Lifetime) -> Self {
        match lifetime {
            Lifetime::Permanent | Lifetime::Until(_) => Self::UntilTakenAway,
            Lifetime::NextRun { .. } => Self::UntilNextRun,
        }
    }
}

impl LifetimeView {
    /// Returns the lifetime of an edit that depends on no setting and no record.
    pub(crate) fn fixed(edit: &Edit) -> Result<Self, Problem> {
        edits::fixed_lifetime(edit).map(Self::from).ok_or_else(Problem::internal)
    }
}

impl From<Refusal> for Problem {
    fn from(Refusal { rule, reason }: Refusal) -> Self {
        refused(rule, reason)
    }
}

/// A district's policy, and whether its sync is on.
pub(crate) struct DistrictPolicy {
    pub(crate) settings: Settings,
    pub(crate) status: DistrictStatus,
    pub(crate) policy: Policy,
}

impl DistrictPolicy {
    pub(crate) fn of(configured: Configured) -> Result<Self, Problem> {
        let policy = configured
            .settings
            .policy()
            .map_err(|_| Problem::conflict("the district's settings are not a valid policy"))?;
        Ok(Self { settings: configured.settings, status: configured.status, policy })
    }

    /// Whether the sync is switched off, so that everything may be edited by hand (R-O5).
    pub(crate) fn sync(&self) -> Sync {
        if self.status == DistrictStatus::Off { Sync::Off } else { Sync::On }
    }

    fn school_rostering(&self, school: &SourceId) -> bool {
        self.settings.school_rostering(&self.policy, school)
    }

    /// Returns 409 unless the role may create manual classes in the school (R-C2).
    pub(crate) fn may_create_class(&self, role: Role, school: &SourceId) -> Result<(), Problem> {
        let author = if role == Role::Teacher { Author::Teacher } else { Author::Leader };
        let rostering = self.school_rostering(school);
        Ok(edits::may_create_class(self.sync(), &self.policy, rostering, author)?)
    }

    /// Returns 409 unless people of this role may be added to the class by hand (R-S4).
    pub(crate) fn may_add(&self, role: RecordKind, class: &ClassFound) -> Result<(), Problem> {
        let (origin, rostering) = (class.item.origin, self.school_rostering(class.school()));
        Ok(edits::may_add_member(self.sync(), &self.policy, rostering, origin, role)?)
    }

    /// Returns how long the person stays in the class (R-S4, R-T3, R-T4). If the source already
    /// lists the person, no edit is made; the answer is the same as for one that it does not list.
    pub(crate) fn member_lifetime(
        &self,
        today: Date,
        class: &ClassFound,
        person: &PersonFound,
    ) -> LifetimeView {
        let (status, origin) = (person.item.status(), person.item.origin());
        let edit = Edit::Member { role: person.kind(), person: person.item.key().clone() };
        let record = EditedRecord::class_in_mirror(
            class.item.status,
            class.item.origin,
            class.item.state.teachers.len(),
            Member::in_mirror(status, origin, false),
        );
        self.promise(today, &edit, &record)
    }

    /// Returns how long a change of a person's name or contacts is kept (R-S6, R-G5, R-G6, R-I4).
    pub(crate) fn own_data_lifetime(
        &self,
        today: Date,
        person: &PersonFound,
        edit: &Edit,
    ) -> LifetimeView {
        let has_accepted = person.account(&[]).accepted.is_some();
        let (status, origin) = (person.item.status(), person.item.origin());
        let record = EditedRecord::person_in_mirror(person.kind(), status, origin, has_accepted);
        self.promise(today, edit, &record)
    }

    fn promise(&self, today: Date, edit: &Edit, record: &EditedRecord) -> LifetimeView {
        edits::promise(self.sync(), &self.policy, today, edit, record).into()
    }
}
