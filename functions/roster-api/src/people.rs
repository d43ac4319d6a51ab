//! What students, teachers and guardians have in common.

use mirror::MirrorError;
use mirror::ports::directory::{Found, Place};
use roster::id::{AccountId, SourceId};
use roster::personal::Personal;
use roster::records::{
    AnyMirrored, Demographics, Mirrored, Origin, Person, RecordKind, Status, kinds,
};
use rules::effective::{self, Account, Listed, PersonInMirror, SignInAddress};

/// A person of the mirror.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Student(Mirrored<kinds::Students>),
    Teacher(Mirrored<kinds::Teachers>),
    Guardian(Mirrored<kinds::Guardians>),
}

/// Evaluates an expression for any variant.
macro_rules! each {
    ($item:expr, $of:ident => $does:expr) => {
        match $item {
            Item::Student($of) => $does,
            Item::Teacher($of) => $does,
            Item::Guardian($of) => $does,
        }
    };
}

impl Item {
    pub(crate) fn read(kind: RecordKind, found: &Found) -> Result<Option<Self>, MirrorError> {
        Ok(match kind {
            RecordKind::Student => found.record()?.map(Self::Student),
            RecordKind::Teacher => found.record()?.map(Self::Teacher),
            RecordKind::Guardian => found.record()?.map(Self::Guardian),
            _ => None,
        })
    }

    pub(crate) fn kind(&self) -> RecordKind {
        match self {
            Self::Student(_) => RecordKind::Student,
            Self::Teacher(_) => RecordKind::Teacher,
            Self::Guardian(_) => RecordKind::Guardian,
        }
    }

    pub(crate) fn person_in_mirror(&self) -> PersonInMirror<'_> {
        each!(self, item => PersonInMirror::from(item))
    }

    pub(crate) fn key(&self) -> &SourceId {
        each!(self, item => &item.key)
    }

    pub(crate) fn account(&self) -> Option<&AccountId> {
        each!(self, item => item.account.as_ref())
    }

    pub(crate) fn status(&self) -> Status {
        each!(self, item => item.status)
    }

    pub(crate) fn origin(&self) -> Origin {
        each!(self, item => item.origin)
    }

    pub(crate) fn schools(&self) -> &[SourceId] {
        &self.person_in_mirror().person.schools
    }

    pub(crate) fn wrap(self) -> AnyMirrored {
        match self {
            Self::Student(item) => AnyMirrored::Student(item),
            Self::Teacher(item) => AnyMirrored::Teacher(item),
            Self::Guardian(item) => AnyMirrored::Guardian(item),
        }
    }
}

/// A person, with the local edits.
#[derive(Clone, Debug)]
pub(crate) struct PersonFound {
    pub(crate) item: Item,
    pub(crate) found: Found,
}

impl PersonFound {
    pub(crate) fn kind(&self) -> RecordKind {
        self.item.kind()
    }

    /// Whether two reads are of the same record.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.item.key() == other.item.key()
    }

    pub(crate) fn place(&self) -> Place {
        Place::of(self.kind(), self.item.key())
    }

    /// The person with the local edits applied.
    pub(crate) fn person(&self) -> Person {
        effective::person(self.item.person_in_mirror(), &self.found.edits)
    }

    /// The address to sign in with, if no other person has it too.
    pub(crate) fn sign_in_address(&self) -> Option<SignInAddress<'_>> {
        effective::sign_in_address(self.item.person_in_mirror(), &self.found.edits)
    }

    /// Whether the person would sign in with this address.
    pub(crate) fn has_address(&self, address: &Personal) -> bool {
        self.sign_in_address().is_some_and(|own| own.email == address)
    }

    pub(crate) fn account(&self, children: &[Status]) -> Account {
        effective::account(self.kind(), self.item.person_in_mirror(), &self.found.edits, children)
    }

    pub(crate) fn classes(&self) -> Vec<Listed> {
        let (list, twins): (&[SourceId], _) = (
            match &self.item {
                Item::Student(item) => &item.state.classes,
                Item::Teacher(item) => &item.state.classes,
                Item::Guardian(_) => &[],
            },
            &self.found.twins,
        );
        effective::classes_of(self.kind(), list, twins)
    }

    pub(crate) fn guardians(&self) -> Vec<Listed> {
        match &self.item {
            Item::Student(item) => {
                effective::guardians_of(&item.state.guardians, &self.found.twins)
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn children(&self) -> Vec<Listed> {
        match &self.item {
            Item::Guardian(item) => effective::children_of(&item.state.children, &self.found.edits),
            _ => Vec::new(),
        }
    }

    pub(crate) fn demographics(&self) -> Option<&Demographics> {
        match &self.item {
            Item::Student(item) => Some(&item.state.demographics),
            _ => None,
        }
    }
}
