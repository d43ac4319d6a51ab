//! The records in the scopes in which a plan leaves out removals, or removals and changes (R-H2,
//! R-H5). A removal that is left out is treated like that of a pinned record, and a change as if
//! the source had sent the record unchanged, so that every list stays consistent.

use super::hashes::IdSet;
use roster::contract::{PlanError, PlanInputs};
use roster::id::SourceId;
use roster::records::{Kind, Mirrored, Origin, RecordKind, Status, kinds};
use roster::withheld::{Extent, Withheld};

/// Keys of the records of the mirror that are in a scope, by kind. All sets hold hashes.
#[derive(Default)]
pub(super) struct Scopes {
    district: Option<Extent>,
    /// Records whose removal is left out.
    kept: [IdSet; RecordKind::ALL.len()],
    /// Records whose changes are left out, too.
    frozen: [IdSet; RecordKind::ALL.len()],
    /// Classes whose removed enrollments are left out.
    rosters: IdSet,
}

impl Scopes {
    /// Reads the mirror for the records that are in a scope. Reads nothing if no school and no class
    /// is named.
    pub(super) fn read<I: PlanInputs>(withheld: &Withheld, inputs: &I) -> Result<Self, PlanError> {
        let mut scopes = Self { district: withheld.district, ..Self::default() };
        if withheld.schools.is_empty() && withheld.classes.is_empty() {
            return Ok(scopes);
        }
        for (school, extent) in &withheld.schools {
            scopes.add(RecordKind::School, school, *extent);
        }
        let active = |item: &Mirrored<kinds::Classes>| {
            item.status == Status::Active && item.origin == Origin::Source
        };
        each::<kinds::Classes, I>(inputs, |item| {
            if active(item) {
                scopes.add_class(withheld, item);
            }
        })?;
        scopes.add_people::<kinds::Students, I>(withheld, inputs)?;
        scopes.add_people::<kinds::Teachers, I>(withheld, inputs)?;
        scopes.add_people::<kinds::Guardians, I>(withheld, inputs)?;
        // A guardian who leaves takes relationships of the children along.
        let students = &scopes.kept[RecordKind::Student as usize];
        let mut guardians = IdSet::default();
        each::<kinds::Guardians, I>(inputs, |item| {
            if item.state.children.iter().any(|child| students.contains(&child.hash64())) {
                guardians.insert(item.key.hash64());
            }
        })?;
        scopes.kept[RecordKind::Guardian as usize].extend(guardians);
        Ok(scopes)
    }

    fn add(&mut self, kind: RecordKind, key: &SourceId, extent: Extent) {
        self.kept[kind as usize].insert(key.hash64());
        if extent == Extent::RemovalsAndChanges {
            self.frozen[kind as usize].insert(key.hash64());
        }
    }

    /// Adds a class with what people see of it: its roster, its terms and its course.
    fn add_class(&mut self, withheld: &Withheld, item: &Mirrored<kinds::Classes>) {
        let extent = withheld.schools.get(&item.state.details.school).copied();
        let by_itself = withheld.classes.contains(&item.id);
        if extent.is_none() && !by_itself {
            return;
        }
        self.rosters.insert(item.key.hash64());
        for student in &item.state.students {
            self.add(RecordKind::Student, student, Extent::Removals);
        }
        let Some(extent) = extent else { return };
        self.add(RecordKind::Class, &item.key, extent);
        for teacher in &item.state.teachers {
            self.add(RecordKind::Teacher, teacher, Extent::Removals);
        }
        for term in &item.state.details.terms {
            self.add(RecordKind::Term, term, extent);
        }
        if let Some(course) = &item.state.details.course {
            self.add(RecordKind::Course, course, extent);
        }
    }

    fn add_people<K: Kind, I: PlanInputs>(
        &mut self,
        withheld: &Withheld,
        inputs: &I,
    ) -> Result<(), PlanError> {
        each::<K, I>(inputs, |item| {
            let extents = K::schools(&item.state).iter();
            let extent = extents.filter_map(|school| withheld.schools.get(school)).max();
            if let Some(extent) = extent {
                self.add(K::KIND, &item.key, *extent);
            }
        })
    }

    /// Whether all removals of the district are left out.
    pub(super) fn keep_all(&self) -> bool {
        self.district.is_some()
    }

    /// Whether the removal of a record is left out. A person whom the source has under another id
    /// is not removed.
    pub(super) fn keep(&self, kind: RecordKind, key: u64) -> bool {
        self.district.is_some() || self.kept[kind as usize].contains(&key)
    }

    /// Whether the changes of a record are left out.
    pub(super) fn freeze(&self, kind: RecordKind, key: u64) -> bool {
        self.district == Some(Extent::RemovalsAndChanges)
            || self.frozen[kind as usize].contains(&key)
    }

    /// Whether removals of enrollments in a class are left out.
    pub(super) fn keep_roster(&self, class: u64) -> bool {
        self.district.is_some() || self.rosters.contains(&class)
    }

    /// Returns the classes whose removed enrollments are left out, unless these are all.
    pub(super) fn rosters(&self) -> &IdSet {
        &self.rosters
    }
}

fn each<K: Kind, I: PlanInputs>(
    inputs: &I,
    mut visit: impl FnMut(&Mirrored<K>),
) -> Result<(), PlanError> {
    for item in inputs.mirror::<K>().map_err(PlanError::input)? {
        visit(&*item.map_err(PlanError::input)?);
    }
    Ok(())
}
