//! The test world: a mirror in memory, snapshots written as a few lines of text, and plans printed
//! as short lines.
//!
//! # A story
//!
//! ```text
//! let mut w = world("sis", json!({}));           // a preset, and settings that override it
//! assert_snapshot!(w.night("                     // a run: plan and apply
//!     class c1 teachers=t1* students=s1
//!     teacher t1
//!     student s1 email=a@x"), @r"
//! + teacher t1 classes=c1 [R-T1 the source has this teacher]
//! ...                                            // the plan, as an inline snapshot
//! ```
//!
//! `World::after` runs a snapshot whose plan does not matter, `with_edit`, `with_link`,
//! `with_manual` and `with_administrator` add what people do by hand, and `on` sets the date (the
//! default is 2026-10-01).
//!
//! # The text of a snapshot
//!
//! Each line is a kind, an id, and `field=value` pairs. Spaces in values are written as `_`.
//!
//! | line | meaning |
//! | --- | --- |
//! | `student s1 name=Ada/Byron email=a@x number=7 guardians=g1` | given and family name, e-mail address, student number; also `phone`, `sms`, `state`, `sis`, `schools=a,b`, and demographics |
//! | `teacher t1 by_enrollment` | only an enrollment gives this role (R-T7) |
//! | `guardian g1 email=g@x children=s1` | relationships are completed on both sides |
//! | `class c1 teachers=t1*,t2 students=s1,s2@2026-09-01..2026-10-01` | `*` marks the primary teacher, `@begin..end` limits an enrollment; the people's own lists are derived |
//! | `class c1 title=Reading school=north terms=fall course=k1 grade=09` | the defaults are the id, `sch`, `year` and no course; `terms=none` is a class without a term |
//! | `school`, `term fall from=2026-08-01 to=2026-12-20`, `course` | places; school `sch` and term `year` always exist, unless `no school` or `no term` removes them |
//! | `unreadable student s1`, `unreadable student` | an unreadable record; without an id, it may be any of the kind (R-H3) |
//! | `unreadable student s1 referenced` | a record that was not sent, but is still referred to (R-H1) |
//! | `unreadable class c1 students=s1` | an unreadable class whose enrollments were read |
//! | `unreadable enrollment class=c1 person=s1` | an unreadable enrollment |
//! | `unreadable demographics s1`, `unreadable demographics` | unreadable demographics of a student |
//! | `ids own` | the source has its own ids, as Clever has |
//!
//! # The text of a plan
//!
//! `+` adds, `^` restores an archived record, `~` changes, `-` removes, `!` is a finding. The
//! changed fields follow (`-` for an empty value), and the reasons in brackets.
//!
//! # The model
//!
//! `tests/model` computes the mirror after a run a second time, from the same [`Snapshot`], with
//! sets and loops over everything in memory. `tests/properties.rs` generates snapshots from tiny
//! alphabets, so that ids, addresses and names collide, and compares the plan with the model.
#![allow(dead_code, reason = "each test binary uses its part of the world")]

pub(crate) mod parse;
pub(crate) mod print;

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;

use jiff::civil::{Date, date};
use roster::change::Change;
use roster::contract::{Administrator, PlanContext, PlanInputs, PlanSink};
use roster::edit::{Edit, EditVersion, LocalEdit};
use roster::finding::Finding;
use roster::id::{AccountId, DistrictId, RunId, SourceId, table_order};
use roster::outcome::{Outcome, RecentRemovals};
use roster::personal::Personal;
use roster::policy::Policy;
use roster::records::{
    AnyMirrored, Class, Course, Guardian, Kind, Link, Mirrored, MirroredBox, MirroredProjection,
    Origin, RecordKind, School, SourceBox, Student, Teacher, Term,
};
use roster::rule::Rule;
use roster::snapshot::UnreadableRecord;
use roster::withheld::Withheld;
use rules::engine::{plan, plan_narrowly};

/// The mirror: every kind by key, and the links by kind and source id.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mirror {
    pub(crate) records: BTreeMap<(RecordKind, SourceId), AnyMirrored>,
    pub(crate) links: BTreeMap<(RecordKind, SourceId), Link>,
    /// By kind, key of the record and slot.
    pub(crate) edits: BTreeMap<(RecordKind, SourceId, String), LocalEdit>,
}

impl Mirror {
    /// Applies one change. Panics if the mirror does not have the state before the change.
    pub(crate) fn apply(&mut self, change: &Change) {
        let any = change.after.as_ref().or(change.before.as_ref()).expect("a change has a side");
        if let AnyMirrored::Link(link) = any {
            let link_of = |side: &Option<AnyMirrored>| match side {
                Some(AnyMirrored::Link(link)) => Some(link.clone()),
                _ => None,
            };
            let place = (link.kind, change.key.clone());
            let before = match link_of(&change.after) {
                Some(after) => self.links.insert(place, after),
                None => self.links.remove(&place),
            };
            assert_eq!(before, link_of(&change.before), "the plan saw another link");
            return;
        }
        if let AnyMirrored::Edit(edit) = any {
            let place = (edit.kind, edit.key.clone(), edit.edit.slot());
            let before = match &change.after {
                Some(AnyMirrored::Edit(after)) => self.edits.insert(place, after.clone()),
                _ => self.edits.remove(&place),
            };
            assert_eq!(before.map(AnyMirrored::Edit), change.before, "the plan saw another edit");
            return;
        }
        let place = (kind_of(any), change.key.clone());
        let before = match &change.after {
            Some(after) => self.records.insert(place, after.clone()),
            None => self.records.remove(&place),
        };
        assert_eq!(before, change.before, "the plan saw another record");
    }

    /// Returns the records of a kind, in table order.
    pub(crate) fn of<K: Kind>(&self) -> Vec<Mirrored<K>> {
        let mut items: Vec<Mirrored<K>> =
            self.records.values().filter_map(typed::<K>).cloned().collect();
        items.sort_by(|a, b| table_order(a.key.as_str(), b.key.as_str()));
        items
    }
}

/// Returns the kind of a record.
pub(crate) fn kind_of(any: &AnyMirrored) -> RecordKind {
    match any {
        AnyMirrored::School(_) => RecordKind::School,
        AnyMirrored::Term(_) => RecordKind::Term,
        AnyMirrored::Course(_) => RecordKind::Course,
        AnyMirrored::Teacher(_) => RecordKind::Teacher,
        AnyMirrored::Student(_) => RecordKind::Student,
        AnyMirrored::Guardian(_) => RecordKind::Guardian,
        AnyMirrored::Class(_) => RecordKind::Class,
        AnyMirrored::Link(link) => link.kind,
        AnyMirrored::Edit(edit) => edit.kind,
    }
}

/// Casts a record to its kind; `None` if it is of another kind.
pub(crate) fn typed<K: Kind>(any: &AnyMirrored) -> Option<&Mirrored<K>> {
    let item: &dyn Any = match any {
        AnyMirrored::School(item) => item,
        AnyMirrored::Term(item) => item,
        AnyMirrored::Course(item) => item,
        AnyMirrored::Teacher(item) => item,
        AnyMirrored::Student(item) => item,
        AnyMirrored::Guardian(item) => item,
        AnyMirrored::Class(item) => item,
        AnyMirrored::Link(item) => item,
        AnyMirrored::Edit(item) => item,
    };
    item.downcast_ref()
}

/// The snapshot of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) schools: Vec<School>,
    pub(crate) terms: Vec<Term>,
    pub(crate) courses: Vec<Course>,
    pub(crate) teachers: Vec<Teacher>,
    pub(crate) students: Vec<Student>,
    pub(crate) guardians: Vec<Guardian>,
    pub(crate) classes: Vec<Class>,
    pub(crate) unreadable: Vec<UnreadableRecord>,
    /// The enrollments of classes whose own record is unreadable. The people list them.
    pub(crate) unreadable_classes: Vec<Class>,
    /// The source has its own ids, as Clever has. If not, they are those of the student information
    /// system.
    pub(crate) own_ids: bool,
}

/// A district in memory.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) mirror: Mirror,
    pub(crate) administrators: Vec<Administrator>,
    pub(crate) today: Date,
    pub(crate) nights: u32,
    pub(crate) withheld: Withheld,
    /// The date on which plans are made; `None`: `today`.
    pub(crate) made_on: Option<Date>,
    pub(crate) recent: RecentRemovals,
}

/// A plan.
#[derive(Clone, Default, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) changes: Vec<Change>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) members: Vec<(&'static str, String, String)>,
    pub(crate) outcome: Outcome,
}

/// Makes a world with a preset's policy; `overrides` are JSON.
pub(crate) fn world(preset: &str, overrides: serde_json::Value) -> World {
    let empty = serde_json::Map::new();
    let policy = Policy::from_preset(preset, overrides.as_object().unwrap_or(&empty)).unwrap();
    World {
        policy,
        mirror: Mirror::default(),
        administrators: Vec::new(),
        today: date(2026, 10, 1),
        nights: 0,
        withheld: Withheld::default(),
        made_on: None,
        recent: RecentRemovals::default(),
    }
}

impl World {
    /// Plans a run without applying it.
    pub(crate) fn plan(&self, snapshot: &Snapshot) -> Planned {
        let (district, run) = (DistrictId::new("d"), RunId::new(format!("r{}", self.nights + 1)));
        let context = self.context(&district, &run);
        let mut planned = Planned::default();
        let outcome = plan(&context, &Both { world: self, snapshot }, &mut planned).unwrap();
        planned.outcome = outcome;
        planned
    }

    /// Plans what may be applied at once (R-H5), without applying it.
    pub(crate) fn plan_narrowly(&self, snapshot: &Snapshot) -> Planned {
        let (district, run) = (DistrictId::new("d"), RunId::new(format!("r{}", self.nights + 1)));
        let context = self.context(&district, &run);
        let both = Both { world: self, snapshot };
        let (outcome, mut planned) = plan_narrowly(&context, &both, Planned::default).unwrap();
        planned.outcome = outcome;
        planned
    }

    /// Applies a plan.
    pub(crate) fn apply(&mut self, planned: &Planned) {
        for change in &planned.changes {
            self.mirror.apply(change);
        }
        self.nights += 1;
    }

    fn context<'a>(&'a self, district: &'a DistrictId, run: &'a RunId) -> PlanContext<'a> {
        PlanContext {
            district,
            run,
            today: self.today,
            policy: &self.policy,
            withheld: &self.withheld,
            made_on: self.made_on.unwrap_or(self.today),
            recent: &self.recent,
        }
    }

    /// Plans a run and applies it.
    pub(crate) fn run(&mut self, snapshot: &Snapshot) -> Planned {
        let planned = self.plan(snapshot);
        self.apply(&planned);
        planned
    }

    /// Runs a snapshot in text, and returns the plan as text.
    pub(crate) fn night(&mut self, text: &str) -> String {
        let planned = self.run(&parse::snapshot(text));
        print::plan(&planned)
    }

    /// Runs a snapshot in text.
    #[must_use]
    pub(crate) fn after(mut self, text: &str) -> Self {
        self.run(&parse::snapshot(text));
        self
    }

    /// Sets the date.
    #[must_use]
    pub(crate) fn on(mut self, today: &str) -> Self {
        self.today = today.parse().unwrap();
        self
    }

    /// Adds an administrator.
    #[must_use]
    pub(crate) fn with_administrator(mut self, email: &str, account: &str) -> Self {
        self.administrators
            .push(Administrator { email: Personal::new(email), account: AccountId::new(account) });
        self
    }

    /// Links a source id to a key by hand (R-I3).
    #[must_use]
    pub(crate) fn with_link(mut self, kind: RecordKind, source: &str, key: &str) -> Self {
        let link = Link {
            kind,
            source: source.into(),
            key: key.into(),
            rule: Rule::I3,
            administrator: None,
        };
        self.mirror.links.insert((kind, source.into()), link);
        self
    }

    /// Links a teacher to an administrator by hand (R-M5).
    #[must_use]
    pub(crate) fn with_administrator_link(
        mut self,
        source: &str,
        key: &str,
        account: &str,
    ) -> Self {
        self = self.with_link(RecordKind::Teacher, source, key);
        let link = self.mirror.links.get_mut(&(RecordKind::Teacher, source.into())).unwrap();
        link.administrator = Some(AccountId::new(account));
        self
    }

    /// Returns the keys of the teachers who have an account.
    pub(crate) fn teachers_with(&self, account: &str) -> Vec<String> {
        let teachers = self.mirror.of::<roster::records::kinds::Teachers>();
        let has = |item: &&Mirrored<roster::records::kinds::Teachers>| {
            item.account.as_ref().is_some_and(|known| known.as_str() == account)
        };
        teachers.iter().filter(has).map(|item| item.key.as_str().to_owned()).collect()
    }

    /// Makes a local edit.
    #[must_use]
    pub(crate) fn with_edit(mut self, kind: RecordKind, key: &str, edit: Edit) -> Self {
        self.edit(kind, key, edit);
        self
    }

    /// Makes a local edit.
    pub(crate) fn edit(&mut self, kind: RecordKind, key: &str, edit: Edit) {
        let version = EditVersion::new(format!("v{}", self.nights));
        let by = AccountId::new("editor");
        let edit =
            LocalEdit { kind, key: key.into(), edit, by, at: jiff::Timestamp::UNIX_EPOCH, version };
        self.mirror.edits.insert((kind, key.into(), edit.edit.slot()), edit);
    }

    /// Adds the records of a snapshot in text as records made by hand.
    #[must_use]
    pub(crate) fn with_manual(mut self, text: &str) -> Self {
        let mut made = World { mirror: Mirror::default(), ..self.clone() };
        made.policy = Policy::from_preset("clever", &serde_json::Map::new()).unwrap();
        made.policy.admit_guardians = roster::policy::AdmitGuardians::UniqueContact;
        made.run(&parse::snapshot(text));
        for (place, mut any) in made.mirror.records {
            match &mut any {
                AnyMirrored::Teacher(item) => item.origin = Origin::Manual,
                AnyMirrored::Student(item) => item.origin = Origin::Manual,
                AnyMirrored::Guardian(item) => item.origin = Origin::Manual,
                AnyMirrored::Class(item) => item.origin = Origin::Manual,
                _ => continue,
            }
            self.mirror.records.insert(place, any);
        }
        self
    }

    /// Returns one record of the mirror as text.
    pub(crate) fn show(&self, kind: RecordKind, key: &str) -> String {
        self.mirror.records.get(&(kind, key.into())).map_or_else(|| "nothing".into(), print::record)
    }
}

struct Both<'a> {
    world: &'a World,
    snapshot: &'a Snapshot,
}

impl PlanInputs for Both<'_> {
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
        let mut records = all.downcast_ref::<Vec<K::Source>>().unwrap().clone();
        records.sort_by(|a, b| table_order(K::id(a).as_str(), K::id(b).as_str()));
        Ok(records.into_iter().map(|record| Ok(Box::new(record))))
    }

    /// Converts every record to the stored text of a projection and back, so that an index pass
    /// that needs more than the projection fails every test.
    fn snapshot_projection<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<SourceBox<K>, Infallible>>, Infallible> {
        let projection = |record: SourceBox<K>| -> SourceBox<K> {
            let json = serde_json::to_string(&record).unwrap();
            Box::new(serde_json::from_str::<K::Projection>(&json).unwrap().into())
        };
        Ok(self.snapshot::<K>()?.map(move |record| record.map(projection)))
    }

    fn mirror_projection<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Infallible>>, Infallible> {
        let projection = |item: MirroredBox<K>| -> MirroredBox<K> {
            let json = serde_json::to_string(&item).unwrap();
            Box::new(serde_json::from_str::<MirroredProjection<K>>(&json).unwrap().into())
        };
        Ok(self.mirror::<K>()?.map(move |item| item.map(projection)))
    }

    fn unreadable(
        &self,
    ) -> Result<impl Iterator<Item = Result<UnreadableRecord, Infallible>>, Infallible> {
        Ok(self.snapshot.unreadable.iter().cloned().map(Ok))
    }

    fn mirror<K: Kind>(
        &self,
    ) -> Result<impl Iterator<Item = Result<MirroredBox<K>, Infallible>>, Infallible> {
        Ok(self.world.mirror.of::<K>().into_iter().map(|item| Ok(Box::new(item))))
    }

    fn sis_ids(&self) -> bool {
        !self.snapshot.own_ids
    }

    fn links(&self) -> Result<impl Iterator<Item = Result<Link, Infallible>>, Infallible> {
        Ok(self.world.mirror.links.values().cloned().map(Ok))
    }

    fn edits(
        &self,
        kind: RecordKind,
    ) -> Result<impl Iterator<Item = Result<LocalEdit, Infallible>>, Infallible> {
        let mut edits: Vec<LocalEdit> =
            self.world.mirror.edits.values().filter(|edit| edit.kind == kind).cloned().collect();
        edits.sort_by(|a, b| table_order(a.key.as_str(), b.key.as_str()));
        Ok(edits.into_iter().map(Ok))
    }

    fn administrators(&self) -> Result<Vec<Administrator>, Infallible> {
        Ok(self.world.administrators.clone())
    }
}

impl PlanSink for Planned {
    type Error = Infallible;

    fn change(&mut self, change: Change) -> Result<(), Infallible> {
        assert!(!change.reasons.is_empty(), "every change names its rule");
        self.changes.push(change);
        Ok(())
    }

    fn finding(&mut self, finding: Finding) -> Result<(), Infallible> {
        self.findings.push(finding);
        Ok(())
    }

    fn member(
        &mut self,
        field: &'static str,
        value: &Personal,
        student: &SourceId,
    ) -> Result<(), Infallible> {
        self.members.push((field, value.reveal().to_owned(), student.as_str().to_owned()));
        Ok(())
    }
}
