//! The scopes in which a plan leaves out removals, or removals and changes: they wait for a
//! decision (R-H5), or a person approved additions and changes only (R-H2).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::SourceId;

/// What a plan leaves out of a scope. Additions are never left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// Removals.
    Removals,
    /// Removals and changes.
    RemovalsAndChanges,
}

/// The scopes in which a plan leaves out removals, or removals and changes. The default leaves out
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// In the whole district.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub district: Option<Extent>,
    /// In schools, by source id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schools: BTreeMap<SourceId, Extent>,
    /// Removals of enrollments in classes, by source id.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub classes: BTreeSet<SourceId>,
}

impl Withheld {
    /// Leaves out all removals, as for "additions and changes only" (R-H2).
    pub fn all_removals() -> Self {
        Self { district: Some(Extent::Removals), ..Self::default() }
    }

    /// Returns true if nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.district.is_none() && self.schools.is_empty() && self.classes.is_empty()
    }

    /// Leaves out at least `extent` in the whole district.
    pub fn add_district(&mut self, extent: Extent) {
        self.district = self.district.max(Some(extent));
    }

    /// Leaves out at least `extent` in a school.
    pub fn add_school(&mut self, school: &SourceId, extent: Extent) {
        let of = self.schools.entry(school.clone()).or_insert(extent);
        *of = (*of).max(extent);
    }
}
