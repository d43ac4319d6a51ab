//! What crosses records: everything that one record's next state depends on besides itself and its
//! past.

use jiff::civil::Date;

use super::classes;
use super::contacts::Contacts;
use super::gaps::{Gaps, KeptSeats};
use super::hashes::{IdMap, IdSet};
use super::identity::Links;
use super::merge::{At, Reading, projections};
use super::survey::{People, Surveyed, survey};
use roster::contract::{PlanContext, PlanError, PlanInputs};
use roster::finding::Finding;
use roster::id::SourceId;
use roster::policy::{AbandonedFamilies, AdmitStudents};
use roster::records::{Link, Membership, Mirrored, RecordKind, Status, Student, kinds};

/// What becomes of a class tonight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClassFate {
    /// The source has it: its roster is the source's.
    Present {
        /// It was in the mirror last night, and not archived.
        was_active: bool,
        /// It admits students (R-C4).
        admits: bool,
    },
    /// It is left as it is, for its row is bad, or the run removes nothing.
    Kept {
        /// It admits students.
        admits: bool,
    },
    /// Archived, since today or earlier: frozen (readings, R-A5).
    Archived,
    /// People here answer for it, since today or earlier.
    Manual {
        /// It is archived, too.
        archived: bool,
    },
}

/// What a student lacks to come in (R-S1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lacks {
    /// An e-mail address.
    pub(super) email: bool,
    /// An enrollment in an active class.
    pub(super) class: bool,
}

impl Lacks {
    /// Nothing is missing.
    pub(super) fn is_empty(self) -> bool {
        !self.email && !self.class
    }
}

/// The facts of one night.
#[derive(Default)]
pub(super) struct Facts {
    /// Last days of terms (exclusive), for terms that are known.
    pub(super) terms: IdMap<Option<Date>>,
    /// Schools that the source refers to.
    pub(super) schools: IdSet,
    /// Teachers.
    pub(super) teachers: People,
    /// Students.
    pub(super) students: People,
    /// Guardians.
    pub(super) guardians: People,
    /// Guardians' contacts, and who is whom among them.
    pub(super) contacts: Contacts,
    /// Classes by key.
    pub(super) classes: IdMap<ClassFate>,
    /// Teachers' seats that stay though their rows cannot be read.
    pub(super) kept_teachers: KeptSeats,
    /// Students' seats that stay though their rows cannot be read.
    pub(super) kept_students: KeptSeats,
    /// E-mail addresses of more than one person (R-I5).
    pub(super) shared_emails: IdSet,
    /// Administrators by e-mail address.
    pub(super) administrators: IdMap<roster::id::AccountId>,
    /// How many teachers have an administrator's e-mail address.
    pub(super) teachers_of_administrators: IdMap<u32>,
    /// Links that change.
    pub(super) links: [Vec<(Option<Link>, Option<Link>)>; RecordKind::ALL.len()],
    /// Findings about identity.
    pub(super) findings: Vec<Finding>,
    today: Option<Date>,
    extreme: bool,
}

impl Facts {
    /// Pass A: reads everything once.
    pub(super) fn gather<I: PlanInputs>(
        context: &PlanContext<'_>,
        from: &Reading<'_, I>,
        gaps: &Gaps,
        links: &[Links; RecordKind::ALL.len()],
    ) -> Result<Self, PlanError> {
        let mut facts = Self {
            today: Some(context.today),
            extreme: context.policy.abandoned_families == AbandonedFamilies::Extreme,
            ..Self::default()
        };
        let mut schools = IdSet::default();
        let mut emails = Vec::new();
        for administrator in from.inputs.administrators().map_err(PlanError::input)? {
            let email = roster::id::hash64(administrator.email.reveal());
            facts.administrators.insert(email, administrator.account);
        }
        facts.read_terms::<I>(from, gaps)?;

        Contacts::survey::<I>(
            context,
            from,
            gaps,
            &links[RecordKind::Guardian as usize],
            &mut facts,
            &mut schools,
            &mut emails,
        )?;

        let others = emails.len();
        let found = survey::<kinds::Teachers, I>(
            context,
            from,
            gaps,
            &links[RecordKind::Teacher as usize],
            &facts,
            &mut schools,
            &mut emails,
        )?;
        facts.teachers = facts.take(RecordKind::Teacher, found);
        facts.kept_teachers = gaps.kept_seats(&facts.teachers.aliases);
        for email in &emails[others..] {
            if facts.administrators.contains_key(email) {
                *facts.teachers_of_administrators.entry(*email).or_default() += 1;
            }
        }

        classes::survey::<I>(context, from, gaps, &mut facts, &mut schools)?;

        let found = survey::<kinds::Students, I>(
            context,
            from,
            gaps,
            &links[RecordKind::Student as usize],
            &facts,
            &mut schools,
            &mut emails,
        )?;
        facts.students = facts.take(RecordKind::Student, found);
        facts.kept_students = gaps.kept_seats(&facts.students.aliases);

        emails.sort_unstable();
        facts.shared_emails =
            emails.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
        facts.schools = schools;
        Ok(facts)
    }

    /// The people of a kind; the kinds that are no people have none.
    pub(super) fn people(&self, tag: RecordKind) -> Option<&People> {
        match tag {
            RecordKind::Teacher => Some(&self.teachers),
            RecordKind::Student => Some(&self.students),
            RecordKind::Guardian => Some(&self.guardians),
            _ => None,
        }
    }

    fn take(&mut self, tag: RecordKind, found: Surveyed) -> People {
        self.links[tag as usize].extend(found.links.into_iter().map(|(old, new)| (old, Some(new))));
        self.findings.extend(found.findings);
        found.people
    }

    fn read_terms<I: PlanInputs>(
        &mut self,
        from: &Reading<'_, I>,
        gaps: &Gaps,
    ) -> Result<(), PlanError> {
        projections::<kinds::Terms, I>(from, |at, _| {
            match at {
                At::Source(term) | At::Both(term, _) => {
                    self.terms.insert(term.id.hash64(), term.end);
                }
                At::Mirror(item) => {
                    let kept = gaps.has(RecordKind::Term, item.id.hash64())
                        || gaps.keeps_all(RecordKind::Term);
                    if kept && item.status == Status::Active {
                        self.terms.insert(item.key.hash64(), item.state.end);
                    }
                }
            }
            Ok(())
        })
    }

    /// Whether all terms of a class are over; none where the class has no term, or one that nobody
    /// knows (readings, R-C4).
    pub(super) fn terms_over(&self, terms: &[SourceId]) -> Option<bool> {
        if terms.is_empty() {
            return None;
        }
        let mut over = true;
        for term in terms {
            let end = self.terms.get(&term.hash64())?;
            over &= end.is_some_and(|end| self.today.is_some_and(|today| end <= today));
        }
        Some(over)
    }

    /// What a student lacks to come in, under this policy (R-S1, R-S2).
    pub(super) fn lacks(&self, context: &PlanContext<'_>, student: &Student) -> Lacks {
        match context.policy.admit_students {
            AdmitStudents::Shared => Lacks::default(),
            AdmitStudents::Email => Lacks { email: student.person.email.is_none(), class: false },
            AdmitStudents::EmailAndEnrolled => {
                let class = !student.classes.iter().any(|seat| {
                    seat.is_on(context.today)
                        && matches!(
                            self.classes.get(&seat.id.hash64()),
                            Some(ClassFate::Present { admits: true, .. })
                        )
                });
                Lacks { email: student.person.email.is_none(), class }
            }
        }
    }

    /// Whether a student of the mirror is the last of the family here (R-A1): no guardian, linked
    /// here or named by the source, is in it.
    pub(super) fn family_is_gone(&self, student: &Mirrored<kinds::Students>) -> bool {
        self.extreme
            && !self.contacts.children.contains(&student.id.hash64())
            && !student
                .state
                .guardians
                .iter()
                .any(|guardian| self.contacts.in_source.contains(&guardian.hash64()))
    }

    /// Whether a class's roster of last night stays for this class, and what else is to be known
    /// about the past of a seat.
    pub(super) fn class(&self, key: &SourceId) -> Option<ClassFate> {
        self.classes.get(&key.hash64()).copied()
    }

    /// Whether the seat of somebody who is in stays, though neither the person nor the class lists
    /// it tonight.
    pub(super) fn seat_stays(
        &self,
        people: &People,
        kept: &KeptSeats,
        class: u64,
        person: u64,
    ) -> bool {
        people.blind.contains(&person) || kept.has(class, person)
    }

    /// Whether somebody's e-mail address is somebody else's, too (R-I5). `is_administrator`: the
    /// administrator's address is their own.
    pub(super) fn email_is_shared(
        &self,
        person: &roster::records::Person,
        is_administrator: bool,
    ) -> bool {
        super::hashes::email(person).is_some_and(|email| {
            self.shared_emails.contains(&email)
                || (!is_administrator && self.administrators.contains_key(&email))
        })
    }
}

/// Whether a teacher's record of the source is one that counts.
pub(super) fn has_seat_today(seats: &[Membership], left_out: &IdSet, today: Date) -> bool {
    seats.iter().any(|seat| {
        seat.is_on(today) && (left_out.is_empty() || !left_out.contains(&seat.id.hash64()))
    })
}
