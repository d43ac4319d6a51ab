//! The mirror and a snapshot in memory, and plans from one to the other.

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;

use jiff::civil::Date;
use roster::change::Change;
use roster::contract::{Administrator, PlanContext, PlanError, PlanInputs, PlanSink};
use roster::edit::LocalEdit;
use roster::finding::Finding;
use roster::id::{DistrictId, RunId, SourceId, shard_of};
use roster::outcome::{Outcome, RecentRemovals};
use roster::personal::Personal;
use roster::policy::Policy;
use roster::records::{
    AnyMirrored, Class, Course, Guardian, Kind, Link, MirroredBox, RecordKind, School, SourceBox,
    Student, Teacher, Term, kinds,
};
use roster::snapshot::{PartName, SnapshotSink, UnreadableRecord};
use roster::withheld::Withheld;

/// A key of the mirror, in the order of the table.
type Place = (RecordKind, u8, SourceId);

/// The mirror: every record by kind and key, and the links by kind and source id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mirror {
    records: BTreeMap<Place, AnyMirrored>,
    links: BTreeMap<(RecordKind, SourceId), Link>,
}

fn place(kind: RecordKind, key: &SourceId) -> Place {
    (kind, shard_of(key.as_str()), key.clone())
}

impl Mirror {
    /// Applies one change.
    pub(crate) fn apply(&mut self, change: &Change) {
        let Some(any) = change.after.as_ref().or(change.before.as_ref()) else { return };
        match (any, &change.after) {
            (AnyMirrored::Link(link), Some(AnyMirrored::Link(after))) => {
                self.links.insert((link.kind, change.key.clone()), after.clone());
            }
            (AnyMirrored::Link(link), _) => {
                self.links.remove(&(link.kind, change.key.clone()));
            }
            (any, Some(after)) => {
                self.records.insert(place(any.kind(), &change.key), after.clone());
            }
            (any, None) => {
                self.records.remove(&place(any.kind(), &change.key));
            }
        }
    }

    fn of<K: Kind>(&self) -> impl Iterator<Item = MirroredBox<K>> {
        let first = (K::KIND, 0, SourceId::new(""));
        let all = self.records.range(first..).take_while(|((kind, ..), _)| *kind == K::KIND);
        all.filter_map(|(_, any)| boxed::<K>(any))
    }
}

/// Copies a record into a box of its kind. `None` if it is of another kind.
fn boxed<K: Kind>(any: &AnyMirrored) -> Option<MirroredBox<K>> {
    let item: Box<dyn Any> = match any {
        AnyMirrored::School(item) => Box::new(item.clone()),
        AnyMirrored::Term(item) => Box::new(item.clone()),
        AnyMirrored::Course(item) => Box::new(item.clone()),
        AnyMirrored::Teacher(item) => Box::new(item.clone()),
        AnyMirrored::Student(item) => Box::new(item.clone()),
        AnyMirrored::Guardian(item) => Box::new(item.clone()),
        AnyMirrored::Class(item) => Box::new(item.clone()),
        AnyMirrored::Link(_) | AnyMirrored::Edit(_) => return None,
    };
    item.downcast().ok()
}

/// A snapshot, as the import wrote it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    schools: Vec<School>,
    terms: Vec<Term>,
    courses: Vec<Course>,
    teachers: Vec<Teacher>,
    students: Vec<Student>,
    guardians: Vec<Guardian>,
    classes: Vec<Class>,
    unreadable: Vec<UnreadableRecord>,
}

impl SnapshotSink for Snapshot {
    fn line(&mut self, part: PartName, json: &[u8]) -> io::Result<()> {
        match part {
            PartName::Records(RecordKind::School) => {
                self.schools.push(serde_json::from_slice(json)?)
            }
            PartName::Records(RecordKind::Term) => self.terms.push(serde_json::from_slice(json)?),
            PartName::Records(RecordKind::Course) => {
                self.courses.push(serde_json::from_slice(json)?)
            }
            PartName::Records(RecordKind::Teacher) => {
                self.teachers.push(serde_json::from_slice(json)?);
            }
            PartName::Records(RecordKind::Student) => {
                self.students.push(serde_json::from_slice(json)?);
            }
            PartName::Records(RecordKind::Guardian) => {
                self.guardians.push(serde_json::from_slice(json)?);
            }
            PartName::Records(RecordKind::Class) => {
                self.classes.push(serde_json::from_slice(json)?)
            }
            PartName::Unreadable => self.unreadable.push(serde_json::from_slice(json)?),
            PartName::Findings => {}
        }
        Ok(())
    }
}

/// What the planner reads.
struct Inputs<'a> {
    mirror: &'a Mirror,
    snapshot: &'a Snapshot,
}

impl PlanInputs for Inputs<'_> {
    type Error = Infallible;

    fn snapshot<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Infallible>>, Infallible> {
        let all: &dyn Any = match K::KIND {
            RecordKind::School => &self.snapshot.schools,
            RecordKind::Term => &self.snapshot.terms,
            RecordKind::Course => &self.snapshot.courses,
            RecordKind::Teacher => &self.snapshot.teachers,
            RecordKind::Student => &self.snapshot.students,
            RecordKind::Guardian => &self.snapshot.guardians,
            RecordKind::Class => &self.snapshot.classes,
        };
        let records = all.downcast_ref::<Vec<K::Source>>();
        Ok(records.into_iter().flatten().map(|record| Ok(Box::new(record.clone()))))
    }

    fn unreadable(
        &self,
    ) -> Result<impl Iterator<Item = Result<UnreadableRecord, Infallible>>, Infallible> {
        Ok(self.snapshot.unreadable.iter().cloned().map(Ok))
    }

    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Infallible>>, Infallible> {
        Ok(self.mirror.of::<K>().map(Ok))
    }

    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Infallible>>, Infallible> {
        Ok(self.mirror.links.values().cloned().map(Ok))
    }

    fn edits(
        &self,
        _: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Infallible>>, Infallible> {
        Ok(std::iter::empty())
    }

    fn administrators(&self) -> Result<Vec<Administrator>, Infallible> {
        Ok(Vec::new())
    }
}

/// A plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Planned {
    pub(crate) changes: Vec<Change>,
    pub(crate) outcome: Outcome,
}

/// The plan of a night.
#[derive(Clone, Debug, Default)]
pub(crate) struct NightPlan {
    /// All changes. Its outcome says which guards have tripped.
    pub(crate) complete: Planned,
    /// What is applied at once: everything if no guard has tripped, else what need not wait for a
    /// decision (R-H5).
    pub(crate) free: Planned,
}

impl PlanSink for Planned {
    type Error = Infallible;

    fn change(&mut self, change: Change) -> Result<(), Infallible> {
        self.changes.push(change);
        Ok(())
    }

    fn finding(&mut self, _: Finding) -> Result<(), Infallible> {
        Ok(())
    }

    fn member(&mut self, _: &'static str, _: &Personal, _: &SourceId) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Plans a night.
///
/// # Errors
/// Returns the planner's error: a snapshot that is not in table order.
pub(crate) fn plan(
    mirror: &Mirror,
    snapshot: &Snapshot,
    policy: &Policy,
    today: Date,
    recent: &RecentRemovals,
) -> Result<NightPlan, PlanError> {
    let (district, run) = (DistrictId::new("calendar"), RunId::new(today.to_string()));
    let context = PlanContext {
        district: &district,
        run: &run,
        today,
        policy,
        withheld: &Withheld::default(),
        made_on: today,
        recent,
    };
    let inputs = Inputs { mirror, snapshot };
    let mut complete = Planned::default();
    complete.outcome = rules::engine::plan(&context, &inputs, &mut complete)?;
    if complete.outcome.holds.is_empty() {
        return Ok(NightPlan { free: complete.clone(), complete });
    }
    let (outcome, sink) = rules::engine::plan_narrowly(&context, &inputs, Planned::default)?;
    let free =
        if outcome.holds.is_empty() { Planned { outcome, ..sink } } else { Planned::default() };
    Ok(NightPlan { complete, free })
}

/// The schools of a record of the mirror. Empty for schools, terms, courses and links.
pub(crate) fn schools(any: &AnyMirrored) -> &[SourceId] {
    match any {
        AnyMirrored::Teacher(item) => <kinds::Teachers as Kind>::schools(&item.state),
        AnyMirrored::Student(item) => <kinds::Students as Kind>::schools(&item.state),
        AnyMirrored::Guardian(item) => <kinds::Guardians as Kind>::schools(&item.state),
        AnyMirrored::Class(item) => <kinds::Classes as Kind>::schools(&item.state),
        AnyMirrored::School(item) => std::slice::from_ref(&item.key),
        AnyMirrored::Term(_)
        | AnyMirrored::Course(_)
        | AnyMirrored::Link(_)
        | AnyMirrored::Edit(_) => &[],
    }
}
