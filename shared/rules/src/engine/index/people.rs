//! Index pass over teachers and students: which account each record is, and who is active after
//! the run.

use super::identity::{self, Existing, Incoming, Undecided};
use super::input::{Collected, Input};
use super::relink::Candidate;
use crate::book::absence::{self, Absence, AbsentPerson};
use crate::book::students::{self, StudentFacts};
use crate::book::teachers;
use crate::engine::facts::{ClassFate, Guardians, People};
use crate::engine::hashes::{self, IdMap};
use crate::engine::merge::{At, projections};
use crate::engine::protected::Protected;
use roster::contract::{PlanContext, PlanError, PlanInputs};
use roster::finding::{Finding, sync};
use roster::id::SourceId;
use roster::records::{
    Kind, Membership, Mirrored, Origin, Person, RecordKind, SourceBox, Status, Student,
    StudentState, Teacher, TeacherState, kinds,
};
use roster::rule::Rule;

/// A kind of person with enrollments.
pub(super) trait Enrolled: Kind {
    /// Returns the person in a record of the source.
    fn person(source: &Self::Source) -> &Person;
    /// Returns the person in the mirror.
    fn known(state: &Self::State) -> &Person;
    /// Whether only an enrollment gives the person this role (R-T7).
    fn by_enrollment(source: &Self::Source) -> bool;
    /// Returns the guardians that a record of the source lists.
    fn guardians(source: &Self::Source) -> &[SourceId];
    /// Returns the enrollments of a record of the source; their ids are classes.
    fn enrollments(source: &Self::Source) -> &[Membership];
}

impl Enrolled for kinds::Teachers {
    fn person(source: &Teacher) -> &Person {
        &source.person
    }

    fn known(state: &TeacherState) -> &Person {
        &state.person
    }

    fn by_enrollment(source: &Teacher) -> bool {
        source.by_enrollment
    }

    fn guardians(_: &Teacher) -> &[SourceId] {
        &[]
    }

    fn enrollments(source: &Teacher) -> &[Membership] {
        &source.classes
    }
}

impl Enrolled for kinds::Students {
    fn person(source: &Student) -> &Person {
        &source.person
    }

    fn known(state: &StudentState) -> &Person {
        &state.person
    }

    fn by_enrollment(source: &Student) -> bool {
        source.by_enrollment
    }

    fn guardians(source: &Student) -> &[SourceId] {
        &source.guardians
    }

    fn enrollments(source: &Student) -> &[Membership] {
        &source.classes
    }
}

/// What decides who is active, for one kind of person.
pub(super) trait Conditions<K: Kind> {
    /// Whether a new person is admitted.
    fn admit(&self, source: &K::Source) -> bool;
    /// Whether a person's whole family is gone (R-A1).
    fn are_abandoned(&self, item: &Mirrored<K>) -> bool;
}

/// Every shared teacher is admitted (R-T1).
pub(super) struct EveryTeacher;

impl Conditions<kinds::Teachers> for EveryTeacher {
    fn admit(&self, _: &Teacher) -> bool {
        true
    }

    fn are_abandoned(&self, _: &Mirrored<kinds::Teachers>) -> bool {
        false
    }
}

/// The conditions of R-S1 and R-A1.
pub(super) struct StudentConditions<'a> {
    context: &'a PlanContext<'a>,
    guardians: &'a Guardians,
    classes: &'a IdMap<ClassFate>,
    families_leave: bool,
}

impl<'a> StudentConditions<'a> {
    pub(super) fn new(
        context: &'a PlanContext<'a>,
        guardians: &'a Guardians,
        classes: &'a IdMap<ClassFate>,
    ) -> Self {
        let families_leave = absence::families_leave_school(context.policy);
        Self { context, guardians, classes, families_leave }
    }
}

impl Conditions<kinds::Students> for StudentConditions<'_> {
    fn admit(&self, source: &Student) -> bool {
        let facts = student_facts(self.context, self.classes, source);
        students::admission(self.context.policy, facts).admits()
    }

    fn are_abandoned(&self, item: &Mirrored<kinds::Students>) -> bool {
        let in_source = &self.guardians.in_source;
        self.families_leave
            && !self.guardians.children.contains(&item.id.hash64())
            && !item.state.guardians.iter().any(|guardian| in_source.contains(&guardian.hash64()))
    }
}

/// Returns the facts about a student that decide about admission. Looks at the enrollments only if
/// the policy requires one.
pub(in crate::engine) fn student_facts(
    context: &PlanContext<'_>,
    classes: &IdMap<ClassFate>,
    student: &Student,
) -> StudentFacts {
    let in_active_class = students::requirements(context.policy).class
        && student.classes.iter().any(|enrollment| {
            enrollment.is_on(context.today)
                // A class that is kept has no enrollments of the source, unless its own record is
                // unreadable: then its enrollments count (R-H3).
                && matches!(
                    classes.get(&enrollment.id.hash64()),
                    Some(ClassFate::Present { admits: true, .. } | ClassFate::Kept { admits: true })
                )
        });
    StudentFacts { has_email: student.person.email.is_some(), in_active_class }
}

/// Reads the snapshot's and the mirror's people of a kind once. Adds the schools that they refer to
/// and the e-mail addresses of all who are active to `collected`.
pub(super) fn index<K: Enrolled, I: PlanInputs, C: Conditions<K>>(
    input: &Input<'_, I>,
    conditions: &C,
    collected: &mut Collected,
) -> Result<People, PlanError> {
    let mut index = Indexing::<K, I, C> {
        input,
        conditions,
        collected,
        people: People::default(),
        undecided: Undecided::default(),
        kind: std::marker::PhantomData,
    };
    projections::<K, I>(input.from, |at, mirror_is_empty| {
        index.read(at, mirror_is_empty);
        Ok(())
    })?;
    Ok(index.finish())
}

/// The people of one kind while they are read.
struct Indexing<'a, K, I, C> {
    input: &'a Input<'a, I>,
    conditions: &'a C,
    collected: &'a mut Collected,
    people: People,
    undecided: Undecided,
    kind: std::marker::PhantomData<K>,
}

impl<K: Enrolled, I, C: Conditions<K>> Indexing<'_, K, I, C> {
    fn read(&mut self, at: At<K>, mirror_is_empty: bool) {
        let links = &self.input.links[K::KIND as usize];
        let (source, item) = at.parts();
        let source = source.filter(|source| !self.leaves_out(source));
        if let Some(source) = &source {
            let schools = K::person(source).schools.iter();
            self.collected.schools.extend(schools.map(SourceId::hash64));
            let is_unreadable = |guardian: &&SourceId| {
                self.input.protected.is_unreadable(RecordKind::Guardian, guardian.hash64())
            };
            let unreadable = K::guardians(source).iter().filter(is_unreadable);
            let pairs = unreadable.map(|guardian| (guardian.clone(), K::id(source).clone()));
            self.collected.of_students.extend(pairs);
            self.add_joining(source);
        }
        match (source, item) {
            (Some(_), Some(item)) if item.origin == Origin::Manual => {
                let existing = self.existing(&item);
                absent(existing, K::KIND, self.input.protected, &mut self.people, self.collected);
            }
            (None, None) => {}
            // The first run: no record can be an account that exists already.
            (Some(source), None) if mirror_is_empty && links.is_empty() => {
                if self.conditions.admit(&source) {
                    self.activate(K::id(&source), &source);
                }
            }
            (Some(source), None) => {
                let incoming = self.incoming(&source);
                if links.concern(K::id(&source).hash64()) {
                    self.undecided.claims.push(incoming);
                } else {
                    self.undecided.new.push(incoming);
                }
            }
            (None, Some(item)) => {
                let key = item.key.hash64();
                let existing = self.existing(&item);
                if item.id != item.key || links.concern(key) {
                    self.undecided.claimed.insert(key, existing);
                } else {
                    self.undecided.gone.push(existing);
                }
            }
            (Some(source), Some(item)) => {
                let key = item.key.hash64();
                if item.id != item.key || links.concern(key) {
                    self.undecided.claims.push(self.incoming(&source));
                    self.undecided.claimed.insert(key, self.existing(&item));
                } else if item.status == Status::Active || self.conditions.admit(&source) {
                    self.activate(&item.key, &source);
                }
            }
        }
    }

    /// Adds the enrollments in classes whose own record is unreadable (R-H3).
    fn add_joining(&mut self, source: &K::Source) {
        let protected = self.input.protected;
        if !protected.any_unreadable(RecordKind::Class) {
            return;
        }
        for enrollment in K::enrollments(source) {
            let class = enrollment.id.hash64();
            if protected.is_unreadable(RecordKind::Class, class) {
                let person = Membership { id: K::id(source).clone(), ..enrollment.clone() };
                let joining = &mut self.collected.joining[K::KIND as usize];
                joining.entry(class).or_default().push(person);
            }
        }
    }

    /// Excludes a record that only an enrollment gives this role (R-T7).
    fn leaves_out(&mut self, source: &SourceBox<K>) -> bool {
        if !teachers::ignores_role(self.input.context.policy, K::by_enrollment(source)) {
            return false;
        }
        let id = K::id(source);
        self.people.left_out.insert(id.hash64());
        let what = format!(
            "an enrollment lists {} as a {}, but the person does not have that role",
            id.as_str(),
            K::KIND
        );
        let finding = Finding::new(&sync::ROLE_CONFLICT).with(what);
        self.collected.findings.push(finding.under(Rule::T7).about(K::KIND.name(), id));
        true
    }

    fn activate(&mut self, key: &SourceId, source: &K::Source) {
        self.people.active.insert(key.hash64());
        self.collected.emails.extend(hashes::email(K::person(source)));
    }

    fn incoming(&self, source: &K::Source) -> Incoming {
        Incoming {
            who: Candidate::new(K::KIND, K::id(source).clone(), K::person(source)),
            meets: self.conditions.admit(source),
            email: hashes::email(K::person(source)),
            key_taken: false,
        }
    }

    fn existing(&self, item: &Mirrored<K>) -> Existing {
        let (protected, key) = (self.input.protected, item.key.hash64());
        let unreadable = protected.is_unreadable(K::KIND, item.id.hash64());
        let active = item.status == Status::Active;
        let by_hand = item.origin == Origin::Manual;
        let stays = unreadable || (active && protected.keeps_all(K::KIND) && !by_hand);
        let pinned = protected.keeps(K::KIND, key);
        let person = K::known(&item.state);
        let mut who = Candidate::new(K::KIND, item.key.clone(), person);
        // Neither a pin nor what the plan leaves out matters here: a person whom the source has
        // under another id is not gone.
        who.may_relink = !stays && (active || !by_hand);
        Existing {
            who,
            id: item.id.clone(),
            status: item.status,
            email: hashes::email(person),
            schools: if (stays || pinned) && active { schools_of(person) } else { Vec::new() },
            unreadable,
            pinned,
            left_out: false,
            by_hand,
            owns: self.input.from.owners[K::KIND as usize].contains(&key)
                || protected.withheld().freeze(K::KIND, key),
            frozen: protected.withheld().freeze(K::KIND, key),
            abandoned: !stays && !pinned && !by_hand && self.conditions.are_abandoned(item),
        }
    }

    fn finish(mut self) -> People {
        // A person who is in the source with another role only has left this one. The account must
        // not be relinked to another person of the same name.
        let Undecided { gone, claimed, .. } = &mut self.undecided;
        for existing in gone.iter_mut().chain(claimed.values_mut()) {
            existing.left_out = self.people.left_out.contains(&existing.id.hash64());
            existing.who.may_relink &= !existing.left_out;
        }
        let links = &self.input.links[K::KIND as usize];
        let decisions = self.undecided.decide(identity::Deciding {
            kind: K::KIND,
            context: self.input.context,
            links,
            aliases: &mut self.people.aliases,
        });
        for decided in decisions.present {
            if decided.active {
                self.people.active.insert(decided.key.hash64());
                self.collected.emails.extend(decided.email);
            }
        }
        for existing in decisions.absent {
            absent(existing, K::KIND, self.input.protected, &mut self.people, self.collected);
        }
        self.collected.emails.shrink_to_fit();
        let changed = decisions.links.into_iter().map(|(old, new)| (old, Some(new)));
        self.collected.links[K::KIND as usize].extend(changed);
        self.collected.findings.extend(decisions.findings);
        self.people
    }
}

/// Returns the schools of a person, hashed.
pub(super) fn schools_of(person: &Person) -> Vec<u64> {
    person.schools.iter().map(SourceId::hash64).collect()
}

/// Decides about a person whom the snapshot does not have.
pub(super) fn absent(
    existing: Existing,
    kind: RecordKind,
    protected: &Protected,
    people: &mut People,
    collected: &mut Collected,
) {
    let key = existing.who.id.hash64();
    let is_active = existing.status == Status::Active;
    let absence = absence::person(AbsentPerson {
        is_manual: existing.by_hand,
        is_active,
        is_unreadable: existing.unreadable,
        is_pinned: existing.pinned,
        kind_stays: protected.keeps_all(kind),
        is_abandoned: existing.abandoned,
    });
    match absence {
        Absence::Manual => {
            people.active.insert(key);
            people.blind.insert(key);
            people.by_hand.insert(key);
            if is_active {
                collected.emails.extend(existing.email);
            }
        }
        Absence::Unreadable | Absence::Stays => {
            people.active.insert(key);
            if absence == Absence::Unreadable {
                people.unreadable.insert(key);
            } else {
                people.blind.insert(key);
            }
            collected.emails.extend(existing.email);
            collected.schools.extend(existing.schools);
        }
        Absence::Abandoned => {
            people.abandoned.insert(key);
        }
        Absence::Gone => {}
    }
}
