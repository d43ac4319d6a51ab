//! The index pass: reads each sequence once and gathers the [`Facts`] in finished parts: terms →
//! guardians → teachers → classes → students. A part is built by one function, which gets the
//! earlier parts by reference.

mod classes;
mod guardian_groups;
mod guardians;
mod identity;
mod input;
mod people;
mod relink;
mod rows;

pub(super) use people::student_facts;

use super::administrators::Administrators;
use super::aliases::Links;
use super::facts::{Facts, HalfRead, Members, Terms};
use super::hashes::IdSet;
use super::merge::{At, Reading, projections};
use super::protected::Protected;
use input::{ChangedLink, Collected, Input};
use roster::contract::{PlanContext, PlanError, PlanInputs};
use roster::finding::Finding;
use roster::records::{RecordKind, Status, kinds};

/// The result of the index pass.
pub(super) struct Index {
    /// What the decide pass reads.
    pub(super) facts: Facts,
    /// Links that change, by kind.
    pub(super) links: [Vec<ChangedLink>; RecordKind::ALL.len()],
    /// Findings about identity.
    pub(super) findings: Vec<Finding>,
}

/// Reads all sequences once.
pub(super) fn build<I: PlanInputs>(
    context: &PlanContext<'_>,
    from: &Reading<'_, I>,
    protected: &Protected,
    links: &[Links; RecordKind::ALL.len()],
    administrators: Administrators,
) -> Result<Index, PlanError> {
    let input = &Input { context, from, protected, links };
    let mut collected = Collected::default();
    let terms = terms(input)?;
    let guardians = guardians::index(input, &mut collected)?;
    let teachers =
        people::index::<kinds::Teachers, I, _>(input, &people::EveryTeacher, &mut collected)?;
    let kept = protected.kept_enrollments(&teachers.aliases);
    let teachers = Members { people: teachers, kept };
    let classes::Indexed { fates: classes, live: live_classes, open: open_classes, grades } =
        classes::index(input, &terms, &teachers, &mut collected.schools)?;
    let conditions = people::StudentConditions::new(context, &guardians, &classes);
    let students = people::index::<kinds::Students, I, _>(input, &conditions, &mut collected)?;
    let kept = protected.kept_enrollments(&students.aliases);
    let students = Members { people: students, kept };

    let Collected { schools, emails, links, of_students, of_guardians, joining, findings } =
        collected;
    let half_read = HalfRead::new(&of_students, &of_guardians, &students.people, &guardians.people);
    let shared_emails = duplicates(emails);
    let facts = Facts {
        terms,
        guardians,
        teachers,
        classes,
        live_classes,
        open_classes,
        class_grades: grades,
        students,
        schools,
        shared_emails,
        administrators,
        half_read,
        unreadable_classes: protected.unreadable(RecordKind::Class).clone(),
        joining,
    };
    Ok(Index { facts, links, findings })
}

fn terms<I: PlanInputs>(input: &Input<'_, I>) -> Result<Terms, PlanError> {
    let protected = input.protected;
    let today = input.context.today;
    let mut terms = Terms { ends: Default::default(), known_ends: Default::default(), today };
    projections::<kinds::Terms, I>(input.from, |at, _| {
        if let At::Both(_, item) | At::Mirror(item) = &at
            && item.status == Status::Active
        {
            terms.known_ends.insert(item.key.hash64(), item.state.end);
        }
        match at {
            At::Source(term) | At::Both(term, _) => {
                terms.ends.insert(term.id.hash64(), term.end);
            }
            At::Mirror(item) => {
                let kept = protected.is_unreadable(RecordKind::Term, item.id.hash64())
                    || protected.keeps_all(RecordKind::Term)
                    || protected.keeps(RecordKind::Term, item.key.hash64());
                if kept && item.status == Status::Active {
                    terms.ends.insert(item.key.hash64(), item.state.end);
                }
            }
        }
        Ok(())
    })?;
    Ok(terms)
}

/// Returns the values that occur more than once.
fn duplicates(mut values: Vec<u64>) -> IdSet {
    values.sort_unstable();
    values.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect()
}
