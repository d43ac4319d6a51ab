//! Decides which account a source id belongs to (R-I1, R-I2): the id itself is the key, except
//! where a link says otherwise.

use super::relink::{self, Candidate, Verdict};
use crate::book::identity::{self, Claim, ClaimedAccount};
use crate::engine::aliases::{Aliases, Links};
use crate::engine::hashes::IdMap;
use roster::contract::PlanContext;
use roster::finding::{Finding, sync};
use roster::id::SourceId;
use roster::records::{Link, RecordKind, Status};
use roster::rule::Rule;

/// A snapshot record that has no unambiguous match in the mirror.
pub(super) struct Incoming {
    /// The source id, and what is compared.
    pub(super) who: Candidate,
    /// Whether a new person is admitted (R-S1, R-G1).
    pub(super) meets: bool,
    /// The e-mail address, hashed.
    pub(super) email: Option<u64>,
    /// The id is the key of another account: a new account needs another key (R-I1).
    pub(super) key_taken: bool,
}

/// A mirror record that has no unambiguous match in the snapshot.
pub(super) struct Existing {
    /// The key, and what is compared.
    pub(super) who: Candidate,
    /// The source id before the run.
    pub(super) id: SourceId,
    /// Active or archived.
    pub(super) status: Status,
    /// The e-mail address, hashed.
    pub(super) email: Option<u64>,
    /// The schools, hashed, if the record may stay (R-A6).
    pub(super) schools: Vec<u64>,
    /// The source's record is unreadable.
    pub(super) unreadable: bool,
    /// The record is pinned (R-P1).
    pub(super) pinned: bool,
    /// The person is in the source with another role only (R-T7): no other record is this account.
    pub(super) left_out: bool,
    /// Made by hand: the record stays, unless the source now has the person.
    pub(super) by_hand: bool,
    /// The person owns name and contacts (R-G5): the e-mail address does not change.
    pub(super) owns: bool,
    /// The plan leaves out the changes of the person (R-H5): the id does not change.
    pub(super) frozen: bool,
    /// The whole family is gone (R-A1). False if the policy does not need it.
    pub(super) abandoned: bool,
}

/// The undecided records of one kind, after both sequences have been read.
#[derive(Default)]
pub(super) struct Undecided {
    /// Snapshot records whose id is in a link, or whose key has another id.
    pub(super) claims: Vec<Incoming>,
    /// The mirror records of these keys.
    pub(super) claimed: IdMap<Existing>,
    /// Snapshot records whose id the mirror does not have.
    pub(super) new: Vec<Incoming>,
    /// Mirror records that the snapshot does not have, including archived ones.
    pub(super) gone: Vec<Existing>,
}

/// The decision about one snapshot record.
pub(super) struct Decided {
    /// The key.
    pub(super) key: SourceId,
    /// Whether the person is active after this run.
    pub(super) active: bool,
    /// The e-mail address, hashed.
    pub(super) email: Option<u64>,
}

/// The decisions about one kind of person.
#[derive(Default)]
pub(super) struct Decisions {
    /// People in the snapshot.
    pub(super) present: Vec<Decided>,
    /// People who are not in the snapshot. Whether they stay is not decided yet.
    pub(super) absent: Vec<Existing>,
    /// Links that change: the old one, if there is one, and the new one.
    pub(super) links: Vec<(Option<Link>, Link)>,
    /// Findings.
    pub(super) findings: Vec<Finding>,
}

/// What decisions depend on, and the aliases that they add.
pub(super) struct Deciding<'a> {
    pub(super) kind: RecordKind,
    pub(super) context: &'a PlanContext<'a>,
    pub(super) links: &'a Links,
    pub(super) aliases: &'a mut Aliases,
}

impl Undecided {
    /// Gives every record its key.
    pub(super) fn decide(mut self, mut deciding: Deciding<'_>) -> Decisions {
        let mut decisions = Decisions::default();
        self.settle_claims(&mut deciding, &mut decisions);
        let (gone, absent) = self.relinkable(deciding.links);
        decisions.absent = absent;
        self.new.sort_unstable_by(|a, b| a.who.id.cmp(&b.who.id));

        let verdicts = if identity::relinks(deciding.context.policy) && !gone.is_empty() {
            relink::compare(
                deciding.kind,
                self.new.iter().map(|incoming| &incoming.who),
                gone.iter().map(|existing| &existing.who),
            )
        } else {
            Vec::new()
        };
        let mut relinked = vec![false; gone.len()];
        for (index, incoming) in self.new.into_iter().enumerate() {
            match verdicts.get(index) {
                // No link is made to an account that stays archived.
                Some(Verdict::Same(place))
                    if identity::relinks_to(
                        incoming.meets,
                        gone[*place].status == Status::Active,
                    ) =>
                {
                    relinked[*place] = true;
                    deciding.relink(incoming, &gone[*place], &mut decisions);
                    continue;
                }
                Some(Verdict::Ambiguous(matches)) => {
                    let others = matches.iter().map(|place| &gone[*place]);
                    decisions.findings.push(deciding.ambiguous(&incoming, others));
                }
                _ => {}
            }
            deciding.add_new(incoming, &mut decisions);
        }
        let left = gone.into_iter().zip(relinked).filter(|(_, relinked)| !relinked);
        decisions.absent.extend(left.map(|(existing, _)| existing));
        for existing in decisions.absent.iter().filter(|existing| existing.id != existing.who.id) {
            deciding.aliases.add_absent(&existing.id, &existing.who.id);
        }
        decisions
    }

    /// Splits the records that are gone into those that may be relinked, sorted by key, and the
    /// others.
    fn relinkable(&mut self, links: &Links) -> (Vec<Existing>, Vec<Existing>) {
        let mut gone = std::mem::take(&mut self.gone);
        gone.extend(std::mem::take(&mut self.claimed).into_values());
        for existing in &mut gone {
            // An account whose id was given to another account is never relinked. Neither is an
            // administrator's: only support says who uses it (R-M5).
            existing.who.may_relink &= links
                .of(&existing.id)
                .is_none_or(|link| link.key == existing.who.id && link.administrator.is_none());
        }
        gone.sort_unstable_by(|a, b| a.who.id.cmp(&b.who.id));
        gone.into_iter().partition(|existing| existing.who.may_relink)
    }

    /// Gives every key that several ids claim to the strongest claim (see [`Claim`]). The other ids
    /// are new people.
    fn settle_claims(&mut self, deciding: &mut Deciding<'_>, decisions: &mut Decisions) {
        let mut ranked: Vec<(SourceId, Option<Claim>, Incoming)> =
            Vec::with_capacity(self.claims.len());
        for incoming in std::mem::take(&mut self.claims) {
            let link = deciding.links.of(&incoming.who.id);
            let key = link.map_or_else(|| incoming.who.id.clone(), |link| link.key.clone());
            let account = self.claimed.get(&key.hash64()).map(|existing| ClaimedAccount {
                has_this_id: existing.id == incoming.who.id,
                is_reserved: existing.unreadable || existing.left_out,
            });
            let claim = identity::claim(link, account);
            let claim = if deciding.links.is_administrator(&key) {
                let is_first = link.is_some_and(|link| deciding.links.makes_administrator(link));
                identity::claim_of_administrator(claim, is_first)
            } else {
                claim
            };
            ranked.push((key, claim, incoming));
        }
        ranked.sort_unstable_by(|a, b| {
            (&a.0, a.1.is_none(), a.1, &a.2.who.id).cmp(&(&b.0, b.1.is_none(), b.1, &b.2.who.id))
        });
        let mut settled: Option<SourceId> = None;
        for (key, claim, mut incoming) in ranked {
            if claim.is_none() || settled.as_ref() == Some(&key) {
                incoming.key_taken = true;
                self.new.push(incoming);
                continue;
            }
            let existing = self.claimed.remove(&key.hash64());
            deciding.aliases.add(&incoming.who.id, &key, existing.is_some());
            let email = existing
                .as_ref()
                .filter(|existing| existing.owns)
                .map_or(incoming.email, |existing| existing.email);
            let active = incoming.meets
                || existing.is_some_and(|existing| existing.status == Status::Active);
            decisions.present.push(Decided { key: key.clone(), active, email });
            settled = Some(key);
        }
    }
}

impl Deciding<'_> {
    /// Links a new record to the account of a record that is gone (R-I2).
    fn relink(&mut self, incoming: Incoming, account: &Existing, decisions: &mut Decisions) {
        let (id, key) = (incoming.who.id, &account.who.id);
        self.aliases.add(&id, key, true);
        if account.frozen {
            let email = account.email;
            decisions.present.push(Decided { key: key.clone(), active: true, email });
            return;
        }
        if id != *key {
            let old = self.links.of(&id).cloned();
            let link = Link {
                kind: self.kind,
                source: id.clone(),
                key: key.clone(),
                rule: Rule::I2,
                administrator: None,
            };
            if old.as_ref() != Some(&link) {
                decisions.links.push((old, link));
            }
        }
        let kind = self.kind;
        let state =
            if account.by_hand { "was added here by hand" } else { "is no longer in the source" };
        let message = format!(
            "new {kind} {} was linked to {kind} {}, who {state}",
            id.as_str(),
            account.id.as_str()
        );
        let finding = Finding::new(&sync::IDENTITY_RELINKED).with(message);
        decisions.findings.push(finding.under(Rule::I2).about(kind.name(), &id));
        let email = if account.owns { account.email } else { incoming.email };
        decisions.present.push(Decided { key: key.clone(), active: true, email });
    }

    fn ambiguous<'a>(
        &self,
        incoming: &Incoming,
        matches: impl Iterator<Item = &'a Existing>,
    ) -> Finding {
        let (kind, id) = (self.kind, &incoming.who.id);
        let others: Vec<&str> = matches.take(5).map(|existing| existing.id.as_str()).collect();
        let message = format!(
            "new {kind} {} matches several archived accounts: {}",
            id.as_str(),
            others.join(", ")
        );
        let finding = Finding::new(&sync::IDENTITY_AMBIGUOUS).with(message);
        finding.under(Rule::I2).about(kind.name(), id)
    }

    /// Gives a new person a key: the id, or a new one if the id is another account's key (R-I1).
    fn add_new(&mut self, incoming: Incoming, decisions: &mut Decisions) {
        let id = incoming.who.id;
        let key =
            if incoming.key_taken { identity::new_key(&id, self.context.run) } else { id.clone() };
        if key != id {
            self.aliases.add(&id, &key, false);
            if incoming.meets {
                let old = self.links.of(&id).cloned();
                let link = Link {
                    kind: self.kind,
                    source: id,
                    key: key.clone(),
                    rule: Rule::I1,
                    administrator: None,
                };
                decisions.links.push((old, link));
            }
        }
        decisions.present.push(Decided { key, active: incoming.meets, email: incoming.email });
    }
}
