//! One caller at the desk: reading records within their walls, and writing beside them.
//!
//! Whatever lies beyond a wall is answered like what is not there: every read of a record goes
//! through here.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, StatusCode};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mirror::ops::edits::{Edited, Ending};
use mirror::ports::directory::{Found, Place};
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::id::{DistrictId, SourceId};
use roster::records::{AnyMirrored, Mirrored, RecordKind, Status, kinds};
use rules::effective::{self, EffectiveClass};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use crate::access::{self, Operation, Reach, Role};
use crate::caller::{Caller, Granted};
use crate::people::{Item, PersonFound};
use crate::policy::Terms;
use crate::problem::Problem;
use crate::{Api, Objects, Table, etag, fresh};

/// How often a write is tried again that somebody else was faster than, where it takes up whatever
/// is there.
const TRIES: u32 = 4;

/// A class, with what stands beside it.
#[derive(Clone, Debug)]
pub(crate) struct ClassFound {
    pub(crate) item: Mirrored<kinds::Classes>,
    pub(crate) found: Found,
}

impl ClassFound {
    pub(crate) fn effective(&self) -> EffectiveClass<'_> {
        effective::class(&self.item, &self.found.edits)
    }

    pub(crate) fn school(&self) -> &SourceId {
        &self.item.state.details.school
    }
}

/// Another after every change of the record or of an edit beside it.
pub(crate) fn version(found: &Found) -> String {
    let mut text = found.body.clone().unwrap_or_default();
    for edit in found.edits.iter().chain(&found.twins) {
        text.push('\u{1f}');
        text.push_str(edit.version.as_str());
    }
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// The edit in a slot.
pub(crate) fn in_slot<'a>(edits: &'a [LocalEdit], slot: &str) -> Option<&'a LocalEdit> {
    edits.iter().find(|edit| edit.edit.slot() == slot)
}

/// A caller, and where their records are.
pub(crate) struct Desk<'a, T, O> {
    pub(crate) api: &'a Api<T, O>,
    pub(crate) granted: &'a Granted,
}

impl<'a, T: Table, O: Objects> Desk<'a, T, O> {
    pub(crate) fn new(api: &'a Api<T, O>, granted: &'a Granted) -> Self {
        Self { api, granted }
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.granted.caller
    }

    pub(crate) fn district(&self) -> &'a DistrictId {
        &self.granted.caller.district
    }

    /// Whether the caller's role may do something else, too.
    pub(crate) fn may(&self, operation: Operation) -> bool {
        access::reach(self.caller().role, operation) != Reach::No
    }

    /// The district's policy; 404 where there is no such district.
    pub(crate) async fn terms(&self) -> Result<Terms, Problem> {
        let configured = self.api.table.configured(self.district()).await?;
        Terms::of(configured.ok_or_else(Problem::not_found)?)
    }

    /// Today, where the district is.
    pub(crate) fn today(&self, terms: &Terms) -> Date {
        let zone = TimeZone::get(&terms.settings.time_zone).unwrap_or(TimeZone::UTC);
        self.api.clock.now().to_zoned(zone).date()
    }

    pub(crate) async fn found(&self, kind: RecordKind, key: &SourceId) -> Result<Found, Problem> {
        Ok(self.api.table.found(self.district(), &Place::of(kind, key)).await?)
    }

    // ---- people
    // -----------------------------------------------------------------------------------------------------------------------

    /// A person, whoever asks.
    pub(crate) async fn anybody(
        &self,
        kind: RecordKind,
        key: &SourceId,
    ) -> Result<Option<PersonFound>, Problem> {
        let found = self.found(kind, key).await?;
        Ok(Item::read(kind, &found)?.map(|item| PersonFound { item, found }))
    }

    /// A person within the caller's walls.
    pub(crate) async fn person(
        &self,
        kind: RecordKind,
        key: &SourceId,
    ) -> Result<PersonFound, Problem> {
        let person = self.anybody(kind, key).await?.ok_or_else(Problem::not_found)?;
        if self.sees(&person).await? { Ok(person) } else { Err(Problem::not_found()) }
    }

    /// The same, or none where there is nobody or a wall.
    pub(crate) async fn seen(
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

    /// The caller's own record, for those who have one.
    pub(crate) async fn own(&self) -> Result<PersonFound, Problem> {
        let kind = match self.caller().role {
            Role::Teacher => RecordKind::Teacher,
            Role::Guardian => RecordKind::Guardian,
            _ => return Err(Problem::not_found()),
        };
        let key = self.caller().record.clone().ok_or_else(Problem::not_found)?;
        self.anybody(kind, &key).await?.ok_or_else(Problem::not_found)
    }

    fn is_own(&self, kind: RecordKind, key: &SourceId) -> bool {
        let own = match self.caller().role {
            Role::Teacher => RecordKind::Teacher,
            Role::Guardian => RecordKind::Guardian,
            _ => return false,
        };
        own == kind && self.caller().record.as_ref() == Some(key)
    }

    async fn sees(&self, person: &PersonFound) -> Result<bool, Problem> {
        match self.granted.reach {
            Reach::No => Ok(false),
            Reach::Whole => Ok(true),
            Reach::Schools => {
                if self.caller().sees_any(person.item.schools()) {
                    return Ok(true);
                }
                // A guardian is of the schools of the children.
                let children = self
                    .glance(
                        RecordKind::Student,
                        &person.children().into_iter().map(|c| c.key).collect::<Vec<_>>(),
                    )
                    .await?;
                Ok(children.iter().any(|child| self.caller().sees_any(child.item.schools())))
            }
            Reach::Own => self.is_near(person).await,
        }
    }

    /// Whether it is the caller, a guardian's child, or somebody in a teacher's class or the
    /// guardian of one.
    async fn is_near(&self, person: &PersonFound) -> Result<bool, Problem> {
        if self.is_own(person.kind(), person.item.key()) {
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
            if let Some(child) = self.anybody(RecordKind::Student, &child.key).await?
                && child.classes().iter().any(|listed| classes.contains(&listed.key))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Several people of a kind, with the edits that lists show; those who are not there are left
    /// out.
    pub(crate) async fn glance(
        &self,
        kind: RecordKind,
        keys: &[SourceId],
    ) -> Result<Vec<PersonFound>, Problem> {
        let places: Vec<Place> = keys.iter().map(|key| Place::of(kind, key)).collect();
        self.glance_at(kind, &places).await
    }

    /// The same, by their places.
    pub(crate) async fn glance_at(
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

    // ---- classes
    // ----------------------------------------------------------------------------------------------------------------------

    /// A class, whoever asks.
    pub(crate) async fn any_class(&self, key: &SourceId) -> Result<Option<ClassFound>, Problem> {
        let found = self.found(RecordKind::Class, key).await?;
        Ok(found.record()?.map(|item| ClassFound { item, found }))
    }

    /// A class within the caller's walls.
    pub(crate) async fn class(&self, key: &SourceId) -> Result<ClassFound, Problem> {
        let class = self.any_class(key).await?.ok_or_else(Problem::not_found)?;
        let sees =
            match self.granted.reach {
                Reach::No => false,
                Reach::Whole => true,
                Reach::Schools => self.caller().sees_school(class.school()),
                Reach::Own => {
                    let own = self.caller().record.as_ref().ok_or_else(Problem::not_found)?;
                    match self.caller().role {
                        Role::Teacher => class.effective().has(RecordKind::Teacher, own),
                        Role::Guardian => {
                            class.effective().has(RecordKind::Guardian, own)
                                || self.own().await?.children().iter().any(|child| {
                                    class.effective().has(RecordKind::Student, &child.key)
                                })
                        }
                        _ => false,
                    }
                }
            };
        if sees { Ok(class) } else { Err(Problem::not_found()) }
    }

    // ---- writing
    // ----------------------------------------------------------------------------------------------------------------------

    /// A new edit of the caller's, not yet written.
    pub(crate) fn edit(
        &self,
        kind: RecordKind,
        key: &SourceId,
        edit: Edit,
    ) -> Result<LocalEdit, Problem> {
        let now = self.api.clock.now();
        let version = EditVersion::new(fresh::ulid(now)?);
        Ok(LocalEdit {
            kind,
            key: key.clone(),
            edit,
            by: self.caller().subject.clone(),
            at: now,
            version,
        })
    }

    /// Puts an edit in the place of the one in its slot, if that is the version that the caller
    /// names, or if there is none.
    pub(crate) async fn put(
        &self,
        headers: &HeaderMap,
        beside: &[LocalEdit],
        edit: &LocalEdit,
    ) -> Result<(), Problem> {
        let there = in_slot(beside, &edit.edit.slot());
        etag::check(headers, there.map(|edit| edit.version.as_str()))?;
        done(self.api.table.put_edit(self.district(), edit, there).await?)
    }

    /// Puts an edit that takes up whatever is there: read again as often as somebody else is
    /// faster.
    pub(crate) async fn put_over(
        &self,
        kind: RecordKind,
        key: &SourceId,
        slot: &str,
        next: impl Fn(&Found) -> Result<Option<Edit>, Problem>,
    ) -> Result<Option<LocalEdit>, Problem> {
        for _ in 0..TRIES {
            let found = self.found(kind, key).await?;
            let Some(edit) = next(&found)? else { return Ok(in_slot(&found.edits, slot).cloned()) };
            let edit = self.edit(kind, key, edit)?;
            match self
                .api
                .table
                .put_edit(self.district(), &edit, in_slot(&found.edits, slot))
                .await?
                .ending
            {
                Ending::Changed => {}
                Ending::Done => return Ok(Some(edit)),
                Ending::Busy => return Err(Problem::busy()),
                Ending::CodeTaken => return Err(code_taken()),
            }
        }
        Err(Problem::busy())
    }

    /// Takes the edit in a slot away, if it is the version that the caller names; 404 where there
    /// is none.
    pub(crate) async fn take(
        &self,
        headers: &HeaderMap,
        beside: &[LocalEdit],
        slot: &str,
    ) -> Result<(), Problem> {
        let there = in_slot(beside, slot).ok_or_else(Problem::not_found)?;
        etag::check(headers, Some(there.version.as_str()))?;
        done(self.api.table.take_edit(self.district(), there).await?)
    }

    /// Puts a manual record where one with the hash `seen` is, or none.
    pub(crate) async fn put_manual(
        &self,
        record: AnyMirrored,
        seen: Option<&str>,
    ) -> Result<(), Problem> {
        done(self.api.table.put_manual(self.district(), &record, seen).await?)
    }
}

/// What became of a write, as an answer.
pub(crate) fn done(edited: Edited) -> Result<(), Problem> {
    match edited.ending {
        Ending::Done => Ok(()),
        Ending::Changed => Err(Problem::changed_meanwhile()),
        Ending::CodeTaken => Err(code_taken()),
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
