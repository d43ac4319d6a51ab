//! Finds people who returned under a new id (R-I2): compares the records that are new with those
//! that are gone, and links them only if the match is unambiguous.

use crate::engine::hashes::{self, IdMap, pair};
use roster::id::{SourceId, hash64};
use roster::records::{Person, RecordKind};

/// The data of a person that is compared, hashed.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The source id of a new record, the key of a record that is gone.
    pub(super) id: SourceId,
    /// False for a record that stays, because the source's record is unreadable.
    pub(super) may_relink: bool,
    number: Option<u64>,
    state_id: Option<u64>,
    email_and_name: Option<u64>,
}

impl Candidate {
    /// Hashes what is compared. Only students have numbers (readings, R-I2).
    pub(super) fn new(kind: RecordKind, id: SourceId, person: &Person) -> Self {
        let number = |value: &Option<roster::personal::Personal>| {
            value
                .as_ref()
                .filter(|_| kind == RecordKind::Student)
                .map(|value| hash64(value.reveal()))
        };
        Self {
            id,
            may_relink: true,
            number: number(&person.number),
            state_id: number(&person.state_id),
            email_and_name: hashes::email(person)
                .zip(hashes::full_name(person))
                .map(|(email, name)| pair(email, name)),
        }
    }

    /// Whether the student numbers or the state ids of two records differ. Then the same e-mail
    /// address and name do not prove that they are one person (readings, R-I2).
    fn contradicts(&self, other: &Self) -> bool {
        let differ = |a: Option<u64>, b: Option<u64>| a.zip(b).is_some_and(|(a, b)| a != b);
        differ(self.number, other.number) || differ(self.state_id, other.state_id)
    }
}

/// The result for one new record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No record that is gone matches.
    New,
    /// The same person as the record at this place in the list of those that are gone.
    Same(usize),
    /// It matches several records, or the record that it matches has several matches.
    Ambiguous(Vec<usize>),
}

/// Compares all new records with all records that are gone. Returns one verdict for each new
/// record.
///
/// The same student number or state id counts first. The same e-mail address and name count only
/// between two records that have no such match.
pub(super) fn compare<'a>(
    kind: RecordKind,
    new: impl Iterator<Item = &'a Candidate>,
    gone: impl Iterator<Item = &'a Candidate>,
) -> Vec<Verdict> {
    let new: Vec<&Candidate> = new.collect();
    let gone: Vec<&Candidate> = gone.collect();
    let mut ties = Ties::between(&new, &gone);
    if kind == RecordKind::Student {
        ties.tie(|candidate| candidate.number, |_, _| true);
        ties.tie(|candidate| candidate.state_id, |_, _| true);
    }
    let strong_new: Vec<bool> = ties.of_new.iter().map(|ties| !ties.is_empty()).collect();
    let strong_gone: Vec<bool> = ties.of_gone.iter().map(|ties| !ties.is_empty()).collect();
    ties.tie(
        |candidate| candidate.email_and_name,
        |a, b| !strong_new[a] && !strong_gone[b] && !new[a].contradicts(gone[b]),
    );
    ties.verdicts()
}

/// Which records match, by place.
struct Ties<'a> {
    new: &'a [&'a Candidate],
    gone: &'a [&'a Candidate],
    of_new: Vec<Vec<usize>>,
    of_gone: Vec<Vec<usize>>,
}

impl<'a> Ties<'a> {
    fn between(new: &'a [&'a Candidate], gone: &'a [&'a Candidate]) -> Self {
        Self {
            new,
            gone,
            of_new: vec![Vec::new(); new.len()],
            of_gone: vec![Vec::new(); gone.len()],
        }
    }

    /// Matches the records that have the same value. If both records are ambiguous already, another
    /// match changes no verdict and is skipped, so that a value that thousands of records share is
    /// not quadratic.
    fn tie(
        &mut self,
        value: impl Fn(&Candidate) -> Option<u64>,
        allowed: impl Fn(usize, usize) -> bool,
    ) {
        let mut places: IdMap<Vec<usize>> = IdMap::default();
        for (place, candidate) in self.gone.iter().enumerate() {
            if let Some(value) = value(candidate) {
                places.entry(value).or_default().push(place);
            }
        }
        for (a, candidate) in self.new.iter().enumerate() {
            let Some(value) = value(candidate) else { continue };
            for &b in places.get(&value).map_or(&[][..], Vec::as_slice) {
                let settled = self.of_new[a].len() > 1 && self.of_gone[b].len() > 1;
                if !settled && allowed(a, b) && !self.of_new[a].contains(&b) {
                    self.of_new[a].push(b);
                    self.of_gone[b].push(a);
                }
            }
        }
    }

    fn verdicts(&self) -> Vec<Verdict> {
        self.of_new
            .iter()
            .map(|ties| match ties.as_slice() {
                [] => Verdict::New,
                [only] if self.of_gone[*only].len() == 1 => Verdict::Same(*only),
                several => Verdict::Ambiguous(several.to_vec()),
            })
            .collect()
    }
}
