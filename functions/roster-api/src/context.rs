//! The context of one request: who calls, what the path names, and access to the district's
//! records.
//!
//! Every read of a record goes through [`RequestContext`], because it enforces tenant isolation: a
//! record outside the caller's scope is answered like one that does not exist.

use std::collections::BTreeSet;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mirror::ops::edits::{Edited, Ending};
use mirror::ports::directory::{Found, Place};
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::id::{DistrictId, SourceId};
use roster::records::{AnyMirrored, RecordKind, Status};
use roster::rule::Rule;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use crate::access::{self, Operation, Role, Scope};
use crate::caller::{Caller, Granted};
use crate::class::ClassFound;
use crate::input::PathParameters;
use crate::people::{Item, PersonFound};
use crate::policy::DistrictPolicy;
use crate::problem::Problem;
use crate::{Api, Objects, Table, etag, id_generator};

/// How often [`RequestContext::update`] tries to write when other writers are faster.
const TRIES: u32 = 4;

/// The version of a record with its local edits. It differs after every change of one of them.
pub(crate) fn version(found: &Found) -> String {
    let mut text = found.body.clone().unwrap_or_default();
    for edit in found.edits.iter().chain(&found.twins) {
        text.push('\u{1f}');
        text.push_str(edit.version.as_str());
    }
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// Returns the edit in a slot.
pub(crate) fn in_slot<'a>(edits: &'a [LocalEdit], slot: &str) -> Option<&'a LocalEdit> {
    edits.iter().find(|edit| edit.edit.slot() == slot)
}

/// What handlers get of a request, apart from its query and body.
#[derive(Debug)]
pub(crate) struct RequestContext<T, O> {
    pub(crate) api: Api<T, O>,
    pub(crate) granted: Granted,
    pub(crate) path: PathParameters,
    pub(crate) headers: HeaderMap,
}

impl<T, O, S> FromRequestParts<S> for RequestContext<T, O>
where
    T: Table,
    O: Objects,
    Api<T, O>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = PathParameters::from_request_parts(parts, state).await?;
        // The router's guard inserts it before any handler runs.
        let granted = parts.extensions.get::<Granted>().cloned().ok_or_else(Problem::internal)?;
        Ok(Self { api: Api::from_ref(state), granted, path, headers: parts.headers.clone() })
    }
}

impl<T: Table, O: Objects> RequestContext<T, O> {
    pub(crate) fn caller(&self) -> &Caller {
        &self.granted.caller
    }

    pub(crate) fn district(&self) -> &DistrictId {
        &self.granted.caller.district
    }

    /// Whether the caller's role may perform another operation.
    pub(crate) fn may(&self, operation: Operation) -> bool {
        access::scope(self.caller().role, operation) != Scope::None
    }

    /// Returns the district's policy.
    ///
    /// # Errors
    /// 404 if there is no such district.
    pub(crate) async fn district_policy(&self) -> Result<DistrictPolicy, Problem> {
        let configured = self.api.table.configured(self.district()).await?;
        DistrictPolicy::of(configured.ok_or_else(Problem::not_found)?)
    }

    /// Returns the date in the district's time zone.
    pub(crate) fn today(&self, policy: &DistrictPolicy) -> Date {
        let zone = TimeZone::get(&policy.settings.time_zone).unwrap_or(TimeZone::UTC);
        self.api.clock.now().to_zoned(zone).date()
    }

    /// Reads a record with its edits, without a check of the caller's scope.
    pub(crate) async fn found(&self, kind: RecordKind, key: &SourceId) -> Result<Found, Problem> {
        Ok(self.api.table.found(self.district(), &Place::of(kind, key)).await?)
    }
}

/// People.
impl<T: Table, O: Objects> RequestContext<T, O> {
    /// Reads a person, without a check of the caller's scope.
    pub(crate) async fn any_person(
        &self,
        kind: RecordKind,
        key: &SourceId,
    ) -> Result<Option<PersonFound>, Problem> {
        let found = self.found(kind, key).await?;
        Ok(Item::read(kind, &found)?.map(|item| PersonFound { item, found }))
    }

    /// Reads a person.
    ///
    /// # Errors
    /// 404 if there is no such person in the caller's scope.
    pub(crate) async fn person(
        &self,
        kind: RecordKind,
        key: &SourceId,
    ) -> Result<PersonFound, Problem> {
        let person = self.any_person(kind, key).await?.ok_or_else(Problem::not_found)?;
        if self.sees(&person).await? { Ok(person) } else { Err(Problem::not_found()) }
    }

    /// Reads the person that the path names by its parts `kind` and `person`.
    ///
    /// # Errors
    /// 404 if there is no such person in the caller's scope.
    pub(crate) async fn person_of_path(&self) -> Result<PersonFound, Problem> {
        self.person(self.path.people()?, &self.path.record("person")?).await
    }

    /// Reads a person. Returns `None` if there is no such person in the caller's scope.
    pub(crate) async fn visible_person(
        &self,
        kind: RecordKind,
        key: &SourceId,
    ) -> Result<Option<PersonFound>, Problem> {
        match self.person(kind, key).await {
            Ok(person) => Ok(Some(person)),
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Checks that the caller may change the name, contacts, sign-in e-mail or account of a person.
    /// Only support may change those of a teacher whom support has linked to an administrator
    /// (R-M5), also before the next run carries the link out.
    ///
    /// # Errors
    /// 403 for any other role.
    pub(crate) async fn may_change_account_of(&self, person: &PersonFound) -> Result<(), Problem> {
        let Item::Teacher(teacher) = &person.item else { return Ok(()) };
        if self.caller().role == Role::Support {
            return Ok(());
        }
        let link = self.api.table.link(self.district(), RecordKind::Teacher, &teacher.id).await?;
        if teacher.state.administrator || link.is_some_and(|link| link.administrator.is_some()) {
            return Err(Problem::forbidden(
                "the teacher is an administrator: only support changes name, contacts and account",
            )
            .under(Rule::M5));
        }
        Ok(())
    }

    /// Reads the caller's own record.
    ///
    /// # Errors
    /// 404 for roles without a record of their own, and for tokens that name none.
    pub(crate) async fn own(&self) -> Result<PersonFound, Problem> {
        let kind = self.own_kind().ok_or_else(Problem::not_found)?;
        let key = self.caller().record.as_ref().ok_or_else(Problem::not_found)?;
        self.any_person(kind, key).await?.ok_or_else(Problem::not_found)
    }

    /// The kind of the caller's own record, for roles that have one.
    fn own_kind(&self) -> Option<RecordKind> {
        match self.caller().role {
            Role::Teacher => Some(RecordKind::Teacher),
            Role::Guardian => Some(RecordKind::Guardian),
            _ => None,
        }
    }

    /// Whether a person is in the caller's scope.
    pub(crate) async fn sees(&self, person: &PersonFound) -> Result<bool, Problem> {
        match self.granted.scope {
            Scope::None => Ok(false),
            Scope::District => Ok(true),
            Scope::Schools => {
                if self.caller().sees_any(person.item.schools()) {
                    return Ok(true);
                }
                // A guardian belongs to the schools of the children.
                let children: Vec<SourceId> =
                    person.children().into_iter().map(|child| child.key).collect();
                let children = self.people(RecordKind::Student, &children).await?;
                Ok(children.iter().any(|child| self.caller().sees_any(child.item.schools())))
            }
            Scope::Own => self.is_related(person).await,
        }
    }

    /// Whether the person is the caller or a guardian's child; for a teacher also a person in one
    /// of the teacher's classes, or a guardian of a student in one.
    async fn is_related(&self, person: &PersonFound) -> Result<bool, Problem> {
        if self.own_kind() == Some(person.kind())
            && self.caller().record.as_ref() == Some(person.item.key())
        {
            return Ok(true);
        }
        let own = self.own().await?;
        if own.kind() == RecordKind::Guardian {
            return Ok(person.kind() == RecordKind::Student
                && own.children().iter().any(|child| child.key == *person.item.key()));
        }
        let classes: BTreeSet<SourceId> =
            own.classes().into_iter().map(|listed| listed.key).collect();
        if person.classes().iter().any(|listed| classes.contains(&listed.key)) {
            return Ok(true);
        }
        for child in person.children() {
            if let Some(child) = self.any_person(RecordKind::Student, &child.key).await?
                && child.classes().iter().any(|listed| classes.contains(&listed.key))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads several people of a kind, with the edits that lists show. Omits missing ones.
    pub(crate) async fn people(
        &self,
        kind: RecordKind,
        keys: &[SourceId],
    ) -> Result<Vec<PersonFound>, Problem> {
        let places: Vec<Place> = keys.iter().map(|key| Place::of(kind, key)).collect();
        self.people_at(kind, &places).await
    }

    /// The same as [`Self::people`], by their places in the table.
    pub(crate) async fn people_at(
        &self,
        kind: RecordKind,
        places: &[Place],
    ) -> Result<Vec<PersonFound>, Problem> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.api.table.find_many(self.district(), places, &["NAME", "ACCOUNT"]).await?;
        let mut people = Vec::with_capacity(found.len());
        for found in found {
            if let Some(item) = Item::read(kind, &found)? {
                people.push(PersonFound { item, found });
            }
        }
        Ok(people)
    }
}

/// Classes.
impl<T: Table, O: Objects> RequestContext<T, O> {
    /// Reads a class, without a check of the caller's scope.
    pub(crate) async fn any_class(&self, key: &SourceId) -> Result<Option<ClassFound>, Problem> {
        let found = self.found(RecordKind::Class, key).await?;
        Ok(found.record()?.map(|item| ClassFound { item, found }))
    }

    /// Reads a class.
    ///
    /// # Errors
    /// 404 if there is no such class in the caller's scope.
    pub(crate) async fn class(&self, key: &SourceId) -> Result<ClassFound, Problem> {
        let class = self.any_class(key).await?.ok_or_else(Problem::not_found)?;
        let is_visible = match self.granted.scope {
            Scope::None => false,
            Scope::District => true,
            Scope::Schools => self.caller().sees_school(class.school()),
            Scope::Own => self.is_own_class(&class).await?,
        };
        if is_visible { Ok(class) } else { Err(Problem::not_found()) }
    }

    /// Reads the class that the path names by its part `class`.
    ///
    /// # Errors
    /// 404 if there is no such class in the caller's scope.
    pub(crate) async fn class_of_path(&self) -> Result<ClassFound, Problem> {
        self.class(&self.path.record("class")?).await
    }

    async fn is_own_class(&self, class: &ClassFound) -> Result<bool, Problem> {
        let own = self.caller().record.as_ref().ok_or_else(Problem::not_found)?;
        let class = class.effective();
        Ok(match self.caller().role {
            Role::Teacher => class.has(RecordKind::Teacher, own),
            Role::Guardian => {
                class.has(RecordKind::Guardian, own)
                    || self
                        .own()
                        .await?
                        .children()
                        .iter()
                        .any(|child| class.has(RecordKind::Student, &child.key))
            }
            _ => false,
        })
    }
}

/// Writes.
impl<T: Table, O: Objects> RequestContext<T, O> {
    /// Returns a new edit by the caller. It is not stored yet.
    pub(crate) fn edit(
        &self,
        kind: RecordKind,
        key: &SourceId,
        edit: Edit,
    ) -> Result<LocalEdit, Problem> {
        let now = self.api.clock.now();
        let version = EditVersion::new(id_generator::ulid(now)?);
        Ok(LocalEdit {
            kind,
            key: key.clone(),
            edit,
            by: self.caller().subject.clone(),
            at: now,
            version,
        })
    }

    /// Stores an edit. If `edits` has one in the same slot, the request must name its version.
    pub(crate) async fn put(&self, edits: &[LocalEdit], edit: &LocalEdit) -> Result<(), Problem> {
        let existing = in_slot(edits, &edit.edit.slot());
        etag::check(&self.headers, existing.map(|edit| edit.version.as_str()))?;
        written(self.api.table.put_edit(self.district(), edit, existing).await?)
    }

    /// Stores the edit that `next` computes from the current record, whatever version that is.
    /// Reads again and retries when another writer is faster. Returns the edit in the slot; if
    /// `next` returns `None`, nothing is written.
    pub(crate) async fn update(
        &self,
        kind: RecordKind,
        key: &SourceId,
        slot: &str,
        next: impl Fn(&Found) -> Result<Option<Edit>, Problem>,
    ) -> Result<Option<LocalEdit>, Problem> {
        for _ in 0..TRIES {
            let found = self.found(kind, key).await?;
            let existing = in_slot(&found.edits, slot);
            let Some(edit) = next(&found)? else { return Ok(existing.cloned()) };
            let edit = self.edit(kind, key, edit)?;
            let edited = self.api.table.put_edit(self.district(), &edit, existing).await?;
            match edited.ending {
                Ending::Changed => {}
                Ending::Done => return Ok(Some(edit)),
                Ending::Busy => return Err(Problem::busy()),
                Ending::CodeTaken => return Err(code_taken()),
                Ending::AddressTaken => return Err(Problem::address_taken()),
            }
        }
        Err(Problem::busy())
    }

    /// Stores `edit` unless its slot already has one.
    pub(crate) async fn add(
        &self,
        kind: RecordKind,
        key: &SourceId,
        edit: &Edit,
    ) -> Result<(), Problem> {
        let slot = edit.slot();
        self.update(kind, key, &slot, |found| {
            Ok(in_slot(&found.edits, &slot).is_none().then(|| edit.clone()))
        })
        .await
        .map(|_| ())
    }

    /// Removes the edit in a slot. The request must name its version.
    ///
    /// # Errors
    /// 404 if the slot is empty.
    pub(crate) async fn remove(&self, edits: &[LocalEdit], slot: &str) -> Result<(), Problem> {
        let existing = in_slot(edits, slot).ok_or_else(Problem::not_found)?;
        etag::check(&self.headers, Some(existing.version.as_str()))?;
        written(self.api.table.take_edit(self.district(), existing).await?)
    }

    /// Stores a manual record. `expected` is the hash of the record that it replaces, or `None` for
    /// a new one.
    pub(crate) async fn put_manual(
        &self,
        record: AnyMirrored,
        expected: Option<&str>,
    ) -> Result<(), Problem> {
        written(self.api.table.put_manual(self.district(), &record, expected).await?)
    }
}

/// Turns the outcome of a write into the problem to answer with, if it failed.
pub(crate) fn written(edited: Edited) -> Result<(), Problem> {
    match edited.ending {
        Ending::Done => Ok(()),
        Ending::Changed => Err(Problem::changed_meanwhile()),
        Ending::CodeTaken => Err(code_taken()),
        Ending::AddressTaken => Err(Problem::address_taken()),
        Ending::Busy => Err(Problem::busy()),
    }
}

fn code_taken() -> Problem {
    Problem::conflict("the code belongs to another class").with("code_taken", json!(true))
}

/// Whether a record is in the rosters.
pub(crate) fn is_active(status: Status) -> bool {
    status == Status::Active
}
