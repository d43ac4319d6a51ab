//! Counts, for a review, how many records have each field that a district can share (R-O2).

use roster::records::{Demographics, Person, RecordKind};
use roster::review::{Field, FieldShare};

/// The kinds whose fields are counted.
const KINDS: [RecordKind; 2] = [RecordKind::Student, RecordKind::Teacher];

/// Counts fields while records go by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields {
    of: [u64; KINDS.len()],
    has: [[u64; Field::ALL.len()]; KINDS.len()],
    sis: bool,
}

impl Fields {
    /// Returns counts of zero. `sis`: the source's ids are the student information system's own.
    pub(crate) fn new(sis: bool) -> Self {
        Self { sis, ..Self::default() }
    }

    /// One more record of the snapshot.
    pub(crate) fn count(&mut self, kind: RecordKind, person: &Person, demographics: &Demographics) {
        let Some(place) = KINDS.iter().position(|counted| *counted == kind) else { return };
        self.of[place] += 1;
        for (field, has) in Field::ALL.into_iter().zip(&mut self.has[place]) {
            *has += u64::from(field.is_known(person, demographics, self.sis));
        }
    }

    /// The shares. `ignores`: the policy ignores demographics.
    pub(crate) fn shares(&self, ignores: bool) -> Vec<FieldShare> {
        let mut shares = Vec::new();
        for ((kind, of), has) in KINDS.into_iter().zip(self.of).zip(self.has) {
            for (field, has) in
                Field::ALL.into_iter().zip(has).filter(|(field, _)| field.is_of(kind))
            {
                let ignored = ignores && field.is_demographic();
                let has = if ignored { 0 } else { has };
                shares.push(FieldShare {
                    kind,
                    field,
                    required: field.is_required(),
                    has,
                    of,
                    ignored,
                });
            }
        }
        shares
    }
}
