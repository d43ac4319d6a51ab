//! The kinds of record.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    AnyMirrored, Class, ClassProjection, ClassState, ClassStateProjection, Course, Guardian,
    GuardianState, Mirrored, Person, School, Student, StudentProjection, StudentState,
    StudentStateProjection, Teacher, TeacherProjection, TeacherState, TeacherStateProjection, Term,
};
use crate::id::SourceId;

/// A kind of record. The order is the order of dependencies: parents first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// An org of type school.
    School,
    /// An academic session of any type.
    Term,
    /// A course. Classes belong to courses.
    Course,
    /// A teacher.
    Teacher,
    /// A student.
    Student,
    /// A guardian, parent or relative.
    Guardian,
    /// A class (Clever: a section) with its roster.
    Class,
}

impl RecordKind {
    /// All kinds, parents before children: the order in which a plan is made and applied.
    pub const ALL: [RecordKind; 7] = [
        RecordKind::School,
        RecordKind::Term,
        RecordKind::Course,
        RecordKind::Teacher,
        RecordKind::Student,
        RecordKind::Guardian,
        RecordKind::Class,
    ];

    /// Returns the kind with this [name](RecordKind::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind's name in keys, file names and reports.
    pub fn name(self) -> &'static str {
        match self {
            RecordKind::School => "school",
            RecordKind::Term => "term",
            RecordKind::Course => "course",
            RecordKind::Teacher => "teacher",
            RecordKind::Student => "student",
            RecordKind::Guardian => "guardian",
            RecordKind::Class => "class",
        }
    }

    /// The kinds of people.
    pub const PEOPLE: [RecordKind; 3] =
        [RecordKind::Teacher, RecordKind::Student, RecordKind::Guardian];

    /// Whether records of this kind have an account.
    pub fn is_person(self) -> bool {
        matches!(self, RecordKind::Teacher | RecordKind::Student | RecordKind::Guardian)
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A record of the source. Boxed: records are up to 1 KB and are moved often.
pub type SourceBox<K> = Box<<K as Kind>::Source>;

/// A record of the mirror, boxed likewise.
pub type MirroredBox<K> = Box<Mirrored<K>>;

/// Connects the two shapes of one kind: the source's record and the mirror's state.
pub trait Kind: Copy + PartialEq + fmt::Debug + 'static {
    /// The kind.
    const KIND: RecordKind;
    /// A record of a snapshot.
    type Source: Serialize
        + DeserializeOwned
        + Clone
        + PartialEq
        + fmt::Debug
        + Send
        + Sync
        + 'static;
    /// The state that the mirror holds.
    type State: Serialize
        + DeserializeOwned
        + Clone
        + PartialEq
        + fmt::Debug
        + Send
        + Sync
        + 'static;

    /// A record of a snapshot as the index pass reads it.
    type Projection: DeserializeOwned + Into<Self::Source> + fmt::Debug + Send + 'static;
    /// The mirror's state as the index pass reads it.
    type StateProjection: DeserializeOwned + Into<Self::State> + fmt::Debug + Send + 'static;

    /// Returns the source's id of a snapshot's record.
    fn id(source: &Self::Source) -> &SourceId;
    /// Wraps a mirrored record in the type for records of any kind.
    fn wrap(item: Mirrored<Self>) -> AnyMirrored;
    /// Returns the schools of a record. Empty for schools, terms and courses.
    fn schools(state: &Self::State) -> &[SourceId] {
        let _ = state;
        &[]
    }
    /// Returns the person in a record of the source and in the mirror. `None` for kinds that are
    /// not people.
    fn persons<'a>(
        source: &'a mut Self::Source,
        state: &'a Self::State,
    ) -> Option<(&'a mut Person, &'a Person)> {
        let _ = (source, state);
        None
    }
    /// Gives a record of the source the id and the own fields of its mirror record, as if the source
    /// had not changed them. Enrollments and relationships are not among them.
    fn keep_mirrored(source: &mut Self::Source, item: &Mirrored<Self>);
}

macro_rules! kinds {
    ($($marker:ident: $kind:ident, $source:ty, $state:ty, $projection:ty, $state_projection:ty $(, $person:ident)? $(, [$schools:expr])?, |$new:ident, $old:ident| $keep:block;)*) => {
        /// One marker type per kind, for code that is generic over kinds.
        pub mod kinds {
            $(
                #[doc = concat!("Marks the kind `", stringify!($kind), "`.")]
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub struct $marker;
            )*
        }
        $(
            impl Kind for kinds::$marker {
                const KIND: RecordKind = RecordKind::$kind;
                type Source = $source;
                type State = $state;
                type Projection = $projection;
                type StateProjection = $state_projection;
                fn id(source: &Self::Source) -> &SourceId { &source.id }
                fn wrap(item: Mirrored<Self>) -> AnyMirrored { AnyMirrored::$kind(item) }
                $(fn persons<'a>(source: &'a mut Self::Source, state: &'a Self::State) -> Option<(&'a mut Person, &'a Person)> {
                    Some((&mut source.$person, &state.$person))
                })?
                $(fn schools(state: &Self::State) -> &[SourceId] {
                    let of: fn(&Self::State) -> &[SourceId] = $schools;
                    of(state)
                })?
                fn keep_mirrored($new: &mut Self::Source, $old: &Mirrored<Self>) $keep
            }
        )*
    };
}

kinds! {
    Schools: School, School, School, School, School, |new, old| { new.clone_from(&old.state) };
    Terms: Term, Term, Term, Term, Term, |new, old| { new.clone_from(&old.state) };
    Courses: Course, Course, Course, Course, Course, |new, old| { new.clone_from(&old.state) };
    Teachers: Teacher, Teacher, TeacherState, TeacherProjection, TeacherStateProjection, person, [|state| &state.person.schools], |new, old| {
        new.id.clone_from(&old.id);
        new.person.clone_from(&old.state.person);
    };
    Students: Student, Student, StudentState, StudentProjection, StudentStateProjection, person, [|state| &state.person.schools], |new, old| {
        new.id.clone_from(&old.id);
        new.person.clone_from(&old.state.person);
        new.demographics.clone_from(&old.state.demographics);
    };
    Guardians: Guardian, Guardian, GuardianState, Guardian, GuardianState, person, [|state| &state.person.schools], |new, old| {
        new.id.clone_from(&old.id);
        new.person.clone_from(&old.state.person);
        new.role = old.state.role;
    };
    Classes: Class, Class, ClassState, ClassProjection, ClassStateProjection, [|state| std::slice::from_ref(&state.details.school)], |new, old| {
        new.id.clone_from(&old.id);
        new.details.clone_from(&old.state.details);
    };
}
