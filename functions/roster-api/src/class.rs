//! A class of the mirror, with its local edits.

use mirror::ports::directory::Found;
use roster::id::SourceId;
use roster::records::{Mirrored, kinds};
use rules::effective::{self, EffectiveClass};

/// A class, with its local edits.
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
