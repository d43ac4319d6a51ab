//! The JSON of records in responses.

use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use roster::edit::{Edit, LocalEdit};
use roster::id::{AccountId, RunId, SourceId};
use roster::personal::Personal;
use roster::records::{Demographics, GuardianRole, Inactive, Origin, RecordKind, Status};
use rules::effective::{self, AccountState, EffectiveClass, Listed};
use serde::Serialize;

use crate::people::{Item, PersonFound};
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::versioned;

/// A person in a roster.
#[derive(Serialize)]
pub(crate) struct ListedView {
    key: Reference,
    origin: Origin,
}

fn listed(list: Vec<Listed>) -> Vec<ListedView> {
    list.into_iter()
        .map(|listed| ListedView { key: Reference(listed.key), origin: listed.origin })
        .collect()
}

/// An edit, without its values.
#[derive(Serialize)]
pub(crate) struct EditView {
    edit: &'static str,
    slot: String,
    version: String,
    by: AccountId,
    at: Timestamp,
}

impl From<&LocalEdit> for EditView {
    fn from(edit: &LocalEdit) -> Self {
        Self {
            edit: edit.edit.words(),
            slot: edit.edit.slot(),
            version: edit.version.as_str().into(),
            by: edit.by.clone(),
            at: edit.at,
        }
    }
}

/// An edit that was just stored.
#[derive(Serialize)]
pub(crate) struct NewEditView<'a> {
    #[serde(flatten)]
    edit: EditView,
    /// The values.
    value: &'a Edit,
    #[serde(rename = "lives")]
    lifetime: LifetimeView,
}

impl<'a> NewEditView<'a> {
    pub(crate) fn new(edit: &'a LocalEdit, lifetime: LifetimeView) -> Self {
        Self { edit: edit.into(), value: &edit.edit, lifetime }
    }
}

/// 200 with an edit that was just stored, and its version.
pub(crate) fn edit_response(edit: &LocalEdit, lifetime: LifetimeView) -> Result<Response, Problem> {
    versioned(&NewEditView::new(edit, lifetime), edit.version.as_str())
}

/// An account.
#[derive(Serialize)]
struct AccountView {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<AccountId>,
    state: AccountState,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_email: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_in: Option<Timestamp>,
    reach: effective::AccountScope,
}

/// A person with all details.
#[derive(Serialize)]
pub(crate) struct PersonView<'a> {
    kind: RecordKind,
    key: Reference,
    source_id: Reference,
    status: Status,
    origin: Origin,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    given: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<Personal>,
    schools: Vec<Reference>,
    account: AccountView,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<GuardianRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    administrator: Option<bool>,
    classes: Vec<ListedView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    guardians: Vec<ListedView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<ListedView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    demographics: Option<&'a Demographics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned_until: Option<Date>,
    first_seen: RunId,
    changed_by: RunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_on: Option<Date>,
    edits: Vec<EditView>,
}

/// The fields that the records of all kinds of people share.
struct RecordFields<'a> {
    id: &'a SourceId,
    account: Option<&'a AccountId>,
    first_seen: &'a RunId,
    changed_by: &'a RunId,
    archived_on: Option<Date>,
}

macro_rules! record_fields {
    ($item:expr) => {
        RecordFields {
            id: &$item.id,
            account: $item.account.as_ref(),
            first_seen: &$item.first_seen,
            changed_by: &$item.changed_by,
            archived_on: $item.archived_on,
        }
    };
}

impl<'a> PersonView<'a> {
    /// `children` are the statuses of a guardian's children.
    pub(crate) fn new(
        found: &'a PersonFound,
        children: &[Status],
        sign_in_email: Option<Personal>,
        with_demographics: bool,
    ) -> Self {
        let record = match &found.item {
            Item::Student(item) => record_fields!(item),
            Item::Teacher(item) => record_fields!(item),
            Item::Guardian(item) => record_fields!(item),
        };
        let (role, administrator) = match &found.item {
            Item::Guardian(item) => (Some(item.state.role), None),
            Item::Teacher(item) => (None, Some(item.state.administrator)),
            Item::Student(_) => (None, None),
        };
        let person = found.person();
        let account = found.account(children);
        Self {
            kind: found.kind(),
            key: found.item.key().into(),
            source_id: record.id.into(),
            status: found.item.status(),
            origin: found.item.origin(),
            name: effective::full_name(&person),
            given: person.preferred_given.or(person.given),
            family: person.preferred_family.or(person.family),
            email: person.email,
            phone: person.phone,
            sms: person.sms,
            number: person.number,
            schools: person.schools.into_iter().map(Reference).collect(),
            account: AccountView {
                id: record.account.cloned(),
                state: account.state,
                enabled: account.enabled,
                accepted: account.accepted,
                sign_in_email,
                signed_in: account.signed_in,
                reach: account.reach,
            },
            role,
            administrator,
            classes: listed(found.classes()),
            guardians: listed(found.guardians()),
            children: listed(found.children()),
            demographics: found
                .demographics()
                .filter(|demographics| with_demographics && !demographics.is_empty()),
            pinned_until: effective::pinned_until(&found.found.edits),
            first_seen: record.first_seen.clone(),
            changed_by: record.changed_by.clone(),
            archived_on: record.archived_on,
            edits: found.found.edits.iter().map(EditView::from).collect(),
        }
    }
}

/// A person in a list.
#[derive(Serialize)]
pub(crate) struct PersonLine {
    kind: RecordKind,
    key: Reference,
    name: String,
    status: Status,
    origin: Origin,
    account: AccountState,
    enabled: bool,
}

impl From<&PersonFound> for PersonLine {
    fn from(found: &PersonFound) -> Self {
        let account = found.account(&[]);
        Self {
            kind: found.kind(),
            key: found.item.key().into(),
            name: effective::full_name(&found.person()),
            status: found.item.status(),
            origin: found.item.origin(),
            account: account.state,
            enabled: account.enabled,
        }
    }
}

/// A class in a list.
#[derive(Serialize)]
pub(crate) struct ClassLine<'a> {
    kind: RecordKind,
    key: Reference,
    name: &'a str,
    source_name: &'a str,
    status: Status,
    origin: Origin,
    active: bool,
}

impl<'a> From<&'a EffectiveClass<'a>> for ClassLine<'a> {
    fn from(class: &'a EffectiveClass<'a>) -> Self {
        Self {
            kind: RecordKind::Class,
            key: (&class.item.key).into(),
            name: class.name(),
            source_name: &class.item.state.details.title,
            status: class.item.status,
            origin: class.item.origin,
            active: class.is_active(),
        }
    }
}

/// A class with its roster.
#[derive(Serialize)]
pub(crate) struct ClassView<'a> {
    #[serde(flatten)]
    line: ClassLine<'a>,
    source_id: Reference,
    inactive: &'a [Inactive],
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_name: Option<&'a Personal>,
    school: Reference,
    #[serde(skip_serializing_if = "Option::is_none")]
    course: Option<Reference>,
    terms: Vec<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    grades: &'a [String],
    subjects: &'a [String],
    periods: &'a [String],
    /// The primary teacher first.
    teachers: Vec<ListedView>,
    students: Vec<ListedView>,
    guardians: Vec<Reference>,
    sso_ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    join_code: Option<&'a Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned_until: Option<Date>,
    first_seen: &'a RunId,
    changed_by: &'a RunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_on: Option<Date>,
    edits: Vec<EditView>,
}

/// Which parts of a class are shown.
pub(crate) struct Shown<'a> {
    /// Whether single sign-on is ready.
    pub(crate) sso_ready: bool,
    /// Whether the join code is shown.
    pub(crate) join_code: bool,
    /// Show only these students and guardians: what a guardian sees. `None`: all.
    pub(crate) only: Option<&'a [SourceId]>,
}

impl<'a> ClassView<'a> {
    pub(crate) fn new(
        class: &'a EffectiveClass<'a>,
        edits: &'a [LocalEdit],
        shown: &Shown<'_>,
    ) -> Self {
        let details = &class.item.state.details;
        let is_shown = |key: &SourceId| shown.only.is_none_or(|only| only.contains(key));
        let text = |text: &'a Option<String>| text.as_deref();
        Self {
            line: class.into(),
            source_id: (&class.item.id).into(),
            inactive: &class.item.state.inactive,
            custom_name: class.custom_name,
            school: (&details.school).into(),
            course: details.course.as_ref().map(Reference::from),
            terms: details.terms.iter().map(Reference::from).collect(),
            code: text(&details.code),
            class_type: text(&details.class_type),
            location: text(&details.location),
            grades: &details.grades,
            subjects: &details.subjects,
            periods: &details.periods,
            teachers: listed(class.teachers.clone()),
            students: listed(
                class.students.iter().filter(|student| is_shown(&student.key)).cloned().collect(),
            ),
            guardians: class
                .guardians
                .iter()
                .filter(|key| is_shown(key))
                .map(Reference::from)
                .collect(),
            sso_ready: shown.sso_ready,
            join_code: class.join_code.filter(|_| shown.join_code),
            pinned_until: class.pinned_until,
            first_seen: &class.item.first_seen,
            changed_by: &class.item.changed_by,
            archived_on: class.item.archived_on,
            // The slot of an edit contains the key of a person.
            edits: if shown.only.is_some() {
                Vec::new()
            } else {
                edits.iter().map(EditView::from).collect()
            },
        }
    }
}
