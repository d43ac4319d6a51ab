//! Relationships between students and guardians, from either direction (R-G3, check 54).

use roster::finding::source as codes;

use super::collected::{Collected, note_record, person};
use super::diagnostics::{Diagnostics, place};
use super::ids::RecordStatus;
use super::missing::{Missing, Naming};

/// Guardians of students, and children of guardians: pairs of users, sorted by the first and then
/// by the id of the second.
#[derive(Default)]
pub(super) struct Relationships {
    pub(super) guardians: Vec<(u32, u32)>,
    pub(super) children: Vec<(u32, u32)>,
    /// People who were not sent, with the kind of person that others name them as.
    pub(super) absent: Vec<(u32, u8)>,
    /// Number of relationships that only one side names.
    one_way: usize,
}

impl Relationships {
    /// Reports relationships that only one side names.
    pub(super) fn note_one_way(&self, roster: &Collected, diagnostics: &mut Diagnostics<'_>) {
        if self.one_way == 0 {
            return;
        }
        diagnostics.note(&codes::AGENT_ONE_WAY, |f| {
            let found = format!(
                "{} relationships are given in one direction only; they were accepted in both",
                self.one_way
            );
            f.with(found).at(place(roster.words.users.name, 0, Some(roster.words.agents)))
        });
    }
}

/// Joins both directions. `named` are pairs of users, the first of which names the second; `users`
/// are all users in the order of their ids.
pub(super) fn join(
    roster: &Collected,
    named: Vec<(u32, u32)>,
    users: &[u32],
    missing: &mut Missing,
    diagnostics: &mut Diagnostics<'_>,
) -> Relationships {
    let mut rank = vec![0; users.len()];
    for (place, &user) in (0..).zip(users) {
        rank[user as usize] = place;
    }
    // Child, guardian, and which side names the other: 1 the child, 2 the guardian.
    let mut pairs: Vec<(u32, u32, u8)> = Vec::with_capacity(named.len());
    let mut absent = Vec::new();
    for &(from, to) in &named {
        if !roster.users.resolves(from) {
            continue;
        }
        match direction(roster, from, to) {
            Direction::ToGuardian => pairs.push((from, to, 1)),
            Direction::ToChild => pairs.push((to, from, 2)),
            Direction::Gone => {}
            Direction::Missing => {
                let seen = roster.users.seen(from);
                let naming = Naming {
                    list: roster.words.users,
                    line: seen.line,
                    column: roster.words.agents,
                    code: &codes::AGENT_MISSING,
                };
                missing.note(
                    roster.words.users,
                    roster.users.id(to),
                    naming,
                    seen.is_of_earlier_set(),
                );
                // A person who is still referred to is not gone (R-H1).
                let kinds = roster.users.record(from).kinds;
                if kinds & person::STUDENT != 0 {
                    absent.push((to, person::GUARDIAN));
                    pairs.push((from, to, 1));
                } else if kinds & person::GUARDIAN != 0 {
                    absent.push((to, person::STUDENT));
                    pairs.push((to, from, 2));
                }
            }
            Direction::Wrong(found) => note(roster, from, diagnostics, &codes::AGENT_ROLE, found),
        }
    }
    drop(named);
    pairs.sort_unstable();
    // A bad row may have named the other side, so only pairs of good rows are compared.
    let both_read =
        |pair: &(u32, u32, u8)| roster.users.is_present(pair.0) && roster.users.is_present(pair.1);
    let one_way = pairs
        .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
        .filter(|sides| {
            both_read(&sides[0]) && sides.iter().fold(0, |seen, side| seen | side.2) != 3
        })
        .count();
    pairs.dedup_by_key(|pair| (pair.0, pair.1));
    let mut relationships = Relationships {
        guardians: pairs.iter().map(|&(child, guardian, _)| (child, guardian)).collect(),
        children: pairs.iter().map(|&(child, guardian, _)| (guardian, child)).collect(),
        absent,
        one_way,
    };
    for side in [&mut relationships.guardians, &mut relationships.children] {
        side.sort_unstable_by_key(|&(first, second)| (first, rank[second as usize]));
    }
    relationships
}

enum Direction {
    ToGuardian,
    ToChild,
    /// The agent was removed.
    Gone,
    Missing,
    Wrong(&'static str),
}

fn direction(roster: &Collected, from: u32, to: u32) -> Direction {
    match roster.users.status(to) {
        RecordStatus::Absent => return Direction::Missing,
        RecordStatus::Removed => return Direction::Gone,
        RecordStatus::Present | RecordStatus::Dropped => {}
    }
    let (own, other) = (roster.users.record(from).kinds, roster.users.record(to).kinds);
    // A bad row may be of any kind. What the other side says of it stays (R-H3).
    if own & person::STUDENT != 0 && other & person::GUARDIAN != 0 && from != to {
        Direction::ToGuardian
    } else if own & person::GUARDIAN != 0 && other & person::STUDENT != 0 && from != to {
        Direction::ToChild
    } else if other & person::TEACHER != 0 {
        Direction::Wrong(
            "agentSourcedIds names a teacher, who cannot be a guardian; it was ignored",
        )
    } else {
        Direction::Wrong("")
    }
}

fn note(
    roster: &Collected,
    from: u32,
    diagnostics: &mut Diagnostics<'_>,
    code: &'static roster::finding::Code,
    found: &'static str,
) {
    let words = roster.words;
    note_record(&roster.users, from, words.users, diagnostics, code, Some(words.agents), || {
        found.into()
    });
}
