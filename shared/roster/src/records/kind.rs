//! The kinds of record.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    AnyMirrored, Class, ClassOutline, ClassState, ClassStateOutline, Course, Guardian,
    GuardianState, Mirrored, Person, School, Student, StudentOutline, StudentState,
    StudentStateOutline, Teacher, TeacherOutline, TeacherState, TeacherStateOutline, Term,
};
use crate::id::SourceId;

/// The name of a kind of record, in the order in which kinds depend on each other: parents first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tag {
    /// An org of type school.
    School,
    /// An academic session of any type.
    Term,
    /// A course, of which classes are taught.
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

impl Tag {
    /// All kinds, parents before children: the order in which a plan is made and applied.
    pub const ALL: [Tag; 7] = [
        Tag::School,
        Tag::Term,
        Tag::Course,
        Tag::Teacher,
        Tag::Student,
        Tag::Guardian,
        Tag::Class,
    ];

    /// The kind of that [name](Tag::name), if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tag| tag.name() == name)
    }

    /// The kind's name in keys, file names and reports.
    pub fn name(self) -> &'static str {
        match self {
            Tag::School => "school",
            Tag::Term => "term",
            Tag::Course => "course",
            Tag::Teacher => "teacher",
            Tag::Student => "student",
            Tag::Guardian => "guardian",
            Tag::Class => "class",
        }
    }

    /// Whether records of this kind have an account.
    pub fn is_person(self) -> bool {
        matches!(self, Tag::Teacher | Tag::Student | Tag::Guardian)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A record of the source in a box: it is up to a kilobyte, and goes through many hands.
pub type SourceBox<K> = Box<<K as Kind>::Source>;

/// The same of the mirror.
pub type MirroredBox<K> = Box<Mirrored<K>>;

/// Ties together the two shapes of one kind: what a source says of it, and what the mirror holds.
pub trait Kind: Copy + PartialEq + fmt::Debug + 'static {
    /// Its name.
    const TAG: Tag;
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

    /// A record of a snapshot as a survey reads it.
    type Outline: DeserializeOwned + Into<Self::Source> + fmt::Debug + Send + 'static;
    /// The state that the mirror holds, as a survey reads it.
    type StateOutline: DeserializeOwned + Into<Self::State> + fmt::Debug + Send + 'static;

    /// The source's id of a snapshot's record.
    fn id(source: &Self::Source) -> &SourceId;
    /// Puts a mirrored record of this kind into the type that holds any kind.
    fn wrap(item: Mirrored<Self>) -> AnyMirrored;
    /// The schools that a record belongs to; none for schools, terms and courses.
    fn schools(state: &Self::State) -> &[SourceId] {
        let _ = state;
        &[]
    }
    /// The person in a record of the source and in the mirror; none for kinds that are no people.
    fn persons<'a>(
        source: &'a mut Self::Source,
        state: &'a Self::State,
    ) -> Option<(&'a mut Person, &'a Person)> {
        let _ = (source, state);
        None
    }
}

macro_rules! kinds {
    ($($marker:ident: $tag:ident, $source:ty, $state:ty, $outline:ty, $state_outline:ty $(, $person:ident)? $(, [$schools:expr])?;)*) => {
        /// One marker type a kind, for code that is generic over kinds.
        pub mod kinds {
            $(
                #[doc = concat!("Marks the kind `", stringify!($tag), "`.")]
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub struct $marker;
            )*
        }
        $(
            impl Kind for kinds::$marker {
                const TAG: Tag = Tag::$tag;
                type Source = $source;
                type State = $state;
                type Outline = $outline;
                type StateOutline = $state_outline;
                fn id(source: &Self::Source) -> &SourceId { &source.id }
                fn wrap(item: Mirrored<Self>) -> AnyMirrored { AnyMirrored::$tag(item) }
                $(fn persons<'a>(source: &'a mut Self::Source, state: &'a Self::State) -> Option<(&'a mut Person, &'a Person)> {
                    Some((&mut source.$person, &state.$person))
                })?
                $(fn schools(state: &Self::State) -> &[SourceId] {
                    let of: fn(&Self::State) -> &[SourceId] = $schools;
                    of(state)
                })?
            }
        )*
    };
}

kinds! {
    Schools: School, School, School, School, School;
    Terms: Term, Term, Term, Term, Term;
    Courses: Course, Course, Course, Course, Course;
    Teachers: Teacher, Teacher, TeacherState, TeacherOutline, TeacherStateOutline, person, [|state| &state.person.schools];
    Students: Student, Student, StudentState, StudentOutline, StudentStateOutline, person, [|state| &state.person.schools];
    Guardians: Guardian, Guardian, GuardianState, Guardian, GuardianState, person, [|state| &state.person.schools];
    Classes: Class, Class, ClassState, ClassOutline, ClassStateOutline, [|state| std::slice::from_ref(&state.details.school)];
}
