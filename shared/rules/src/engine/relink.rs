//! Finding a person again under a new id (R-I2): only ever between one who is gone and one who is
//! new, and only where there is no doubt.

use super::hashes::{self, IdMap, pair};
use roster::id::{SourceId, hash64};
use roster::records::{Person, RecordKind};

/// What is compared of a person, hashed.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The source's id of who is new, the key of who is gone.
    pub(super) id: SourceId,
    /// False for those who are here still, though their row is bad.
    pub(super) may_relink: bool,
    number: Option<u64>,
    state_id: Option<u64>,
    email_and_name: Option<u64>,
}

impl Candidate {
    /// Takes what is compared. Only students have numbers (readings, R-I2).
    pub(super) fn new(tag: RecordKind, id: SourceId, person: &Person) -> Self {
        let number = |value: &Option<roster::personal::Personal>| {
            value
                .as_ref()
                .filter(|_| tag == RecordKind::Student)
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

    /// Whether two have numbers, or state ids, that differ: then an equal e-mail and name prove
    /// nothing.
    fn contradicts(&self, other: &Self) -> bool {
        let differ = |a: Option<u64>, b: Option<u64>| a.zip(b).is_some_and(|(a, b)| a != b);
        differ(self.number, other.number) || differ(self.state_id, other.state_id)
    }
}

/// What the comparison says of one who is new.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody who is gone is like them.
    New,
    /// The same as the one who is gone, by place.
    Same(usize),
    /// It could be any of these, or somebody else who is new.
    Ambiguous(Vec<usize>),
}

/// Compares all who are new with all who are gone; one verdict for each who is new.
///
/// A number or state id in common counts first; only between two whom no such tie binds to anybody
/// do e-mail and name count.
pub(super) fn compare<'a>(
    tag: RecordKind,
    new: impl Iterator<Item = &'a Candidate>,
    gone: impl Iterator<Item = &'a Candidate>,
) -> Vec<Verdict> {
    let new: Vec<&Candidate> = new.collect();
    let gone: Vec<&Candidate> = gone.collect();
    let mut ties = Ties::between(&new, &gone);
    if tag == RecordKind::Student {
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

/// Who is like whom, by place.
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

    /// Ties those who have a value in common. Where both are ambiguous already one tie more changes
    /// no verdict, so a value that thousands share costs no more than it should.
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
