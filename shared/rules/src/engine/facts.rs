//! The facts of one run: everything that one record's next state depends on besides itself and its
//! own past. The index pass gathers them; the decide pass only reads them.

use jiff::civil::Date;

use super::administrators::Administrators;
use super::aliases::Aliases;
use super::hashes::{self, IdMap, IdSet};
use super::protected::{KeptEnrollments, Protected};
use crate::book::{classes, holds};
use roster::id::{AccountId, SourceId};
use roster::personal::Personal;
use roster::records::{ClassState, Membership, Person, RecordKind, StudentState};

pub(super) use crate::book::classes::ClassFate;

/// The last days of terms.
pub(super) struct Terms {
    /// The end (exclusive) of each known term, if it has one.
    pub(super) ends: IdMap<Option<Date>>,
    /// The same as the last run knew it, from the mirror.
    pub(super) known_ends: IdMap<Option<Date>>,
    /// The day for which the run reads dates.
    pub(super) today: Date,
}

impl Terms {
    /// Whether all terms of a class are over; see [`classes::terms_over`].
    pub(super) fn over(&self, terms: &[SourceId]) -> Option<bool> {
        classes::terms_over(
            terms.iter().map(|term| self.ends.get(&term.hash64()).copied()),
            self.today,
        )
    }

    /// Whether an active class of the mirror is over by dates that the last run knew, so that it is
    /// expected to go (R-H1, guard 3). `tonight`: the terms that the source lists. They count only
    /// if the mirror's terms are unknown: a term that the district has corrected. A class that
    /// loses its terms opens again, which nobody expects.
    pub(super) fn expected_over(&self, class: &ClassState, tonight: Option<&[SourceId]>) -> bool {
        let over = |terms: &[SourceId]| {
            let ends = terms.iter().map(|term| self.known_ends.get(&term.hash64()).copied());
            classes::terms_over(ends, self.today)
        };
        let terms = &class.details.terms;
        if tonight.is_some_and(<[SourceId]>::is_empty) && !terms.is_empty() {
            return false;
        }
        let is_over = match over(terms) {
            None if !terms.is_empty() => tonight.and_then(over),
            known => known,
        };
        is_over == Some(true) || classes::all_ended(&class.ends, self.today)
    }
}

/// The people of one kind. All sets hold hashes of keys, unless they say otherwise.
#[derive(Default)]
pub(super) struct People {
    /// In the rosters after this run.
    pub(super) active: IdSet,
    /// Active, with an unreadable record: the record stays, the enrollments follow the source
    /// (R-H3).
    pub(super) unreadable: IdSet,
    /// Active, but the source's data about them is unknown or does not count: an unreadable record
    /// without an id may be theirs, the run removes nothing, they are pinned, or they were made by
    /// hand.
    pub(super) blind: IdSet,
    /// Made by hand, and not in the source. Also in `blind`.
    pub(super) by_hand: IdSet,
    /// Hashes of source ids that are excluded from this role because only an enrollment, not the
    /// user record, assigns it (R-T7).
    pub(super) left_out: IdSet,
    /// Archived, with all guardians gone too (R-A1). Empty unless families leave the school (R-A3).
    pub(super) abandoned: IdSet,
    /// Ids that are not their own key.
    pub(super) aliases: Aliases,
}

impl People {
    /// Whether the source's data about a person cannot be used tonight: relationships and
    /// enrollments stay unchanged.
    pub(super) fn unread(&self, key: u64) -> bool {
        self.blind.contains(&key) || self.unreadable.contains(&key)
    }

    /// Whether a person is active and the source's data about the person can be used.
    pub(super) fn is_read(&self, key: u64) -> bool {
        self.active.contains(&key) && !self.unread(key)
    }
}

/// Teachers or students: people with enrollments.
#[derive(Default)]
pub(super) struct Members {
    /// The people.
    pub(super) people: People,
    /// Enrollments that stay because their rows are unreadable or pinned.
    pub(super) kept: KeptEnrollments,
}

impl Members {
    /// Whether the enrollment of an active person stays although neither the person nor the class
    /// lists it.
    pub(super) fn stays(&self, class: u64, person: u64) -> bool {
        self.people.blind.contains(&person) || self.kept.has(class, person)
    }

    /// Whether an enrollment of the source counts today (R-T7, readings R-C4).
    pub(super) fn counts(&self, enrollment: &Membership, today: Date) -> bool {
        let left_out = &self.people.left_out;
        enrollment.is_on(today)
            && (left_out.is_empty() || !left_out.contains(&enrollment.id.hash64()))
    }

    /// Whether the source lists anyone in a class today, admitted or not (readings, R-C4).
    /// `unreadable` are the enrollments of people whose own record is unreadable.
    pub(super) fn are_listed(
        &self,
        enrollments: &[Membership],
        unreadable: &[Membership],
        today: Date,
    ) -> bool {
        enrollments.iter().any(|enrollment| self.counts(enrollment, today))
            || unreadable.iter().any(|enrollment| enrollment.is_on(today))
    }
}

/// The guardians, and their contacts.
#[derive(Default)]
pub(super) struct Guardians {
    /// The people.
    pub(super) people: People,
    /// Hashes of contacts that several guardians have (R-G1).
    pub(super) taken: IdSet,
    /// Keys of guardians whose record was merged into another one (R-G2).
    pub(super) merged: IdSet,
    /// Keys of the guardians that the source has. Empty unless families leave the school (R-A3).
    pub(super) in_source: IdSet,
    /// Ids of the children that the source's guardians list. Empty unless families leave the
    /// school (R-A3).
    pub(super) children: IdSet,
}

/// Relationships that only one side lists, because the other side's record is unreadable (R-H3).
#[derive(Default)]
pub(super) struct HalfRead {
    /// By the hashed key of an unreadable guardian: the keys of the students who list the guardian.
    students: IdMap<Vec<SourceId>>,
    /// By the hashed key of an unreadable student: the keys of the guardians who list the student.
    guardians: IdMap<Vec<SourceId>>,
}

impl HalfRead {
    /// Resolves pairs of source ids: `of_students` are an unreadable guardian and the student who
    /// lists the guardian, `of_guardians` an unreadable student and the guardian.
    pub(super) fn new(
        of_students: &[(SourceId, SourceId)],
        of_guardians: &[(SourceId, SourceId)],
        students: &People,
        guardians: &People,
    ) -> Self {
        let resolve = |pairs: &[(SourceId, SourceId)], unread: &People, read: &People| {
            let mut lists: IdMap<Vec<SourceId>> = IdMap::default();
            for (id, other) in pairs {
                let keys = unread.aliases.key(id.clone()).zip(read.aliases.key(other.clone()));
                if let Some((key, other)) = keys
                    && unread.unreadable.contains(&key.hash64())
                    && read.is_read(other.hash64())
                {
                    lists.entry(key.hash64()).or_default().push(other);
                }
            }
            lists
        };
        Self {
            students: resolve(of_students, guardians, students),
            guardians: resolve(of_guardians, students, guardians),
        }
    }

    /// Returns the students who list an unreadable guardian.
    pub(super) fn students_of(&self, guardian: &SourceId) -> &[SourceId] {
        self.students.get(&guardian.hash64()).map_or(&[], Vec::as_slice)
    }

    /// Returns the guardians who list an unreadable student.
    pub(super) fn guardians_of(&self, student: &SourceId) -> &[SourceId] {
        self.guardians.get(&student.hash64()).map_or(&[], Vec::as_slice)
    }
}

/// The facts of one run.
pub(super) struct Facts {
    /// Terms.
    pub(super) terms: Terms,
    /// Guardians.
    pub(super) guardians: Guardians,
    /// Teachers.
    pub(super) teachers: Members,
    /// Outcomes of classes by key.
    pub(super) classes: IdMap<ClassFate>,
    /// Keys of the classes that were active before the run and are not expected to be over.
    pub(super) live_classes: IdSet,
    /// The same with those that are inactive for another reason than a date.
    pub(super) open_classes: IdSet,
    /// The highest grade of the mirror's active classes that name grades, by key.
    pub(super) class_grades: IdMap<u8>,
    /// Students.
    pub(super) students: Members,
    /// Schools that the source refers to (R-A6).
    pub(super) schools: IdSet,
    /// E-mail addresses of more than one person (R-I5).
    pub(super) shared_emails: IdSet,
    /// Administrators.
    pub(super) administrators: Administrators,
    /// Relationships of an unreadable student or guardian.
    pub(super) half_read: HalfRead,
    /// Classes whose own record is unreadable, hashed.
    pub(super) unreadable_classes: IdSet,
    /// Enrollments in classes whose own record is unreadable (R-H3), by kind of person and class;
    /// the id of the enrollment is the person's.
    pub(super) joining: [IdMap<Vec<Membership>>; RecordKind::ALL.len()],
}

impl Facts {
    /// Returns the people of a kind; `None` for kinds that are not people.
    pub(super) fn people(&self, kind: RecordKind) -> Option<&People> {
        match kind {
            RecordKind::Teacher => Some(&self.teachers.people),
            RecordKind::Student => Some(&self.students.people),
            RecordKind::Guardian => Some(&self.guardians.people),
            RecordKind::School | RecordKind::Term | RecordKind::Course | RecordKind::Class => None,
        }
    }

    /// Whether any of these classes was active before the run, without those that are over as
    /// expected.
    pub(super) fn was_live(&self, classes: &[SourceId]) -> bool {
        classes.iter().any(|class| self.live_classes.contains(&class.hash64()))
    }

    /// Whether any of these classes of the mirror is not over by dates that the last run knew.
    pub(super) fn was_open(&self, classes: &[SourceId]) -> bool {
        classes.iter().any(|class| self.open_classes.contains(&class.hash64()))
    }

    /// The grade of a student of the mirror as a number: the student's own, or else the lowest of
    /// the classes' highest grades. A class of several grades says little about each student.
    pub(super) fn grade_before(&self, state: &StudentState) -> Option<u8> {
        let own = state.demographics.grades.iter().map(Personal::reveal);
        let of = |class: &SourceId| self.class_grades.get(&class.hash64()).copied();
        holds::highest_grade(own).or_else(|| state.classes.iter().filter_map(of).min())
    }

    /// Whether any of these classes is active after the run.
    pub(super) fn is_live(&self, classes: &[SourceId]) -> bool {
        classes.iter().any(|class| {
            let fate = self.class(class);
            matches!(
                fate,
                Some(ClassFate::Present { admits: true, .. } | ClassFate::Kept { admits: true })
            )
        })
    }

    /// Returns the keys of the people of a kind whom the other side of their relationships lists
    /// and who are active: their record is read, or unreadable itself (R-H3).
    pub(super) fn related(
        &self,
        kind: RecordKind,
        protected: &Protected,
        listed: Vec<SourceId>,
    ) -> Vec<SourceId> {
        let Some(people) = self.people(kind) else { return Vec::new() };
        let key_of = |id: SourceId| {
            let hash = id.hash64();
            let key = people.aliases.key(id)?;
            let counts = people.is_read(key.hash64())
                || (people.unreadable.contains(&key.hash64())
                    && protected.is_unreadable(kind, hash));
            counts.then_some(key)
        };
        listed.into_iter().filter_map(key_of).collect()
    }

    /// Returns the outcome of this run for a class, if the class is known.
    pub(super) fn class(&self, key: &SourceId) -> Option<ClassFate> {
        self.classes.get(&key.hash64()).copied()
    }

    /// Whether another person has the same e-mail address (R-I5). `account` is the administrator's
    /// account that the person uses: that administrator's address is the person's own.
    pub(super) fn email_is_shared(&self, person: &Person, account: Option<&AccountId>) -> bool {
        self.has_persons_email(person) || self.administrators.have_email_of(person, account)
    }

    /// Whether another person of the district has the same e-mail address, administrators apart.
    pub(super) fn has_persons_email(&self, person: &Person) -> bool {
        hashes::email(person).is_some_and(|email| self.shared_emails.contains(&email))
    }
}
