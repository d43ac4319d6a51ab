//! The roster of one class in the source: its teachers and students.

use crate::book::teachers::primary_first;
use crate::engine::facts::Facts;
use crate::engine::hashes::IdMap;
use crate::engine::lists;
use crate::engine::protected::Protected;
use jiff::civil::Date;
use roster::id::SourceId;
use roster::records::{Class, ClassState, Membership, RecordKind};

/// What the roster of a class depends on.
#[derive(Clone, Copy)]
pub(super) struct Rosters<'f> {
    pub(super) facts: &'f Facts,
    pub(super) protected: &'f Protected,
}

/// The teachers of a class.
#[derive(Default)]
pub(super) struct TeacherList {
    /// Keys, the primary teacher first (R-T2).
    pub(super) keys: Vec<SourceId>,
    /// How many the source marks as primary.
    pub(super) primaries: usize,
    /// The place of the first one that is marked.
    primary: Option<usize>,
}

impl TeacherList {
    fn push(&mut self, key: SourceId, is_primary: bool) {
        if !self.keys.contains(&key) {
            if is_primary {
                self.primary = self.primary.or(Some(self.keys.len()));
                self.primaries += 1;
            }
            self.keys.push(key);
        }
    }
}

impl Rosters<'_> {
    /// Whether the source lists a teacher in the class today, admitted or not (readings, R-C4).
    pub(super) fn lists_teacher(self, class: &Class) -> bool {
        let unreadable =
            self.protected.enrollments_of_class(RecordKind::Teacher, class.id.hash64());
        self.facts.teachers.are_listed(&class.teachers, unreadable, self.facts.terms.today)
    }

    /// Whether the source lists a student in the class today, admitted or not (readings, R-C4).
    pub(super) fn lists_student(self, class: &Class) -> bool {
        let unreadable =
            self.protected.enrollments_of_class(RecordKind::Student, class.id.hash64());
        self.facts.students.are_listed(&class.students, unreadable, self.facts.terms.today)
    }

    /// Returns the ends of the enrollments that are on today, as [`ClassState::ends`] holds them. A
    /// class whose removed enrollments the plan leaves out keeps their ends too.
    pub(super) fn ends(self, class: &Class, before: Option<&ClassState>) -> Vec<Option<Date>> {
        let today = self.facts.terms.today;
        let is_kept = self.protected.withheld().keep_roster(class.id.hash64());
        let mut ends = match before.filter(|_| is_kept) {
            Some(before) if before.ends.is_empty() => vec![None],
            Some(before) => before.ends.clone(),
            None => Vec::new(),
        };
        for enrollment in class.teachers.iter().chain(&class.students) {
            if enrollment.is_on(today) && !ends.contains(&enrollment.end) {
                ends.push(enrollment.end);
            }
        }
        if ends.iter().all(Option::is_none) {
            return Vec::new();
        }
        ends.sort_unstable();
        ends
    }

    /// Returns the people whom the source lists, but not for today, each with the end of the
    /// enrollment.
    pub(super) fn not_today(self, class: &Class) -> IdMap<Option<Date>> {
        let mut keys = IdMap::default();
        for (enrollments, members) in
            [(&class.teachers, &self.facts.teachers), (&class.students, &self.facts.students)]
        {
            keys.extend(
                enrollments
                    .iter()
                    .filter(|enrollment| !enrollment.is_on(self.facts.terms.today))
                    .map(|enrollment| {
                        (members.people.aliases.key_hash(&enrollment.id), enrollment.end)
                    }),
            );
        }
        keys
    }

    /// Returns the students of a class, sorted.
    pub(super) fn students(
        self,
        class: u64,
        enrollments: Vec<Membership>,
        before: Option<&ClassState>,
    ) -> Vec<SourceId> {
        let (members, today) = (&self.facts.students, self.facts.terms.today);
        let people = &members.people;
        let mut keys: Vec<SourceId> = enrollments
            .into_iter()
            .filter(|enrollment| members.counts(enrollment, today))
            .filter_map(|enrollment| people.aliases.key(enrollment.id))
            .collect();
        // A separate loop that only reads the sets lets the processor fetch several distant
        // addresses at once.
        keys.retain(|key| people.is_read(key.hash64()));
        for enrollment in self.protected.enrollments_of_class(RecordKind::Student, class) {
            let Some(key) = people.aliases.key(enrollment.id.clone()) else { continue };
            if enrollment.is_on(today) && people.unreadable.contains(&key.hash64()) {
                keys.push(key);
            }
        }
        if let Some(before) = before {
            lists::extend_if(&mut keys, &before.students, |key| {
                people.active.contains(&key) && members.stays(class, key)
            });
        }
        lists::sorted(keys)
    }

    /// Returns the teachers of a class.
    pub(super) fn teachers(
        self,
        class: u64,
        enrollments: Vec<Membership>,
        before: Option<&ClassState>,
    ) -> TeacherList {
        let (members, today) = (&self.facts.teachers, self.facts.terms.today);
        let people = &members.people;
        let keys = Vec::with_capacity(enrollments.len());
        let mut list = TeacherList { keys, ..TeacherList::default() };
        for Membership { id, primary, .. } in
            enrollments.iter().filter(|enrollment| members.counts(enrollment, today))
        {
            let Some(key) = people.aliases.key(id.clone()) else { continue };
            let hash = key.hash64();
            if people.active.contains(&hash)
                && (!people.unread(hash) || self.is_listed_unreadable(class, hash, id))
            {
                list.push(key, *primary);
            }
        }
        for enrollment in self.protected.enrollments_of_class(RecordKind::Teacher, class) {
            let Some(key) = people.aliases.key(enrollment.id.clone()) else { continue };
            if enrollment.is_on(today) && people.unreadable.contains(&key.hash64()) {
                list.push(key, enrollment.primary);
            }
        }
        if let Some(before) = before {
            for (place, key) in before.teachers.iter().enumerate() {
                let hash = key.hash64();
                if people.active.contains(&hash) && members.stays(class, hash) {
                    list.push(key.clone(), place == 0 && list.primary.is_none());
                }
            }
        }
        primary_first(&mut list.keys, list.primary);
        list
    }

    /// Returns the people of a kind whom the source enrolls today in a class whose own record is
    /// unreadable (R-H3).
    pub(super) fn joining(self, kind: RecordKind, class: u64) -> Vec<SourceId> {
        let members = match kind {
            RecordKind::Teacher => &self.facts.teachers,
            _ => &self.facts.students,
        };
        let (people, today) = (&members.people, self.facts.terms.today);
        let key_of = |enrollment: &Membership| people.aliases.key(enrollment.id.clone());
        let readable = self.facts.joining[kind as usize].get(&class).into_iter().flatten();
        let readable = readable
            .filter(|enrollment| members.counts(enrollment, today))
            .filter_map(key_of)
            .filter(|key| people.is_read(key.hash64()));
        let unreadable = self.protected.enrollments_of_class(kind, class).iter();
        let unreadable = unreadable
            .filter(|enrollment| enrollment.is_on(today))
            .filter_map(key_of)
            .filter(|key| people.unreadable.contains(&key.hash64()));
        readable.chain(unreadable).collect()
    }

    /// Whether the source lists a teacher in the class today whose own record is unreadable.
    fn is_listed_unreadable(self, class: u64, key: u64, id: &SourceId) -> bool {
        self.facts.teachers.people.unreadable.contains(&key)
            && self
                .protected
                .enrollments_of_class(RecordKind::Teacher, class)
                .iter()
                .any(|enrollment| enrollment.id == *id && enrollment.is_on(self.facts.terms.today))
    }
}
