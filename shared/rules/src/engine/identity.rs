//! Whose record a source's id is (R-I1, R-I2): the id itself is the key, except where a link says
//! otherwise.

use super::hashes::{IdMap, IdSet};
use super::relink::{self, Candidate, Verdict};
use roster::contract::{PlanError, PlanInputs};
use roster::finding::{Finding, sync};
use roster::id::SourceId;
use roster::records::{Link, RecordKind, Status};
use roster::rule::Rule;

/// The identity links of one kind, as the mirror has them.
#[derive(Default)]
pub(super) struct Links {
    /// By source id.
    pub(super) by_source: IdMap<Link>,
    /// The keys that some link points to.
    targets: IdSet,
}

impl Links {
    /// Reads all links, by kind.
    pub(super) fn read<I: PlanInputs>(
        inputs: &I,
    ) -> Result<[Self; RecordKind::ALL.len()], PlanError> {
        let mut all: [Self; RecordKind::ALL.len()] = Default::default();
        for link in inputs.links().map_err(PlanError::input)? {
            let link = link.map_err(PlanError::input)?;
            let links = &mut all[link.kind as usize];
            links.targets.insert(link.key.hash64());
            links.by_source.insert(link.source.hash64(), link);
        }
        Ok(all)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.by_source.is_empty()
    }

    /// Whether an id or key takes part in any link, so that it cannot be taken for what it looks
    /// like.
    pub(super) fn concern(&self, hash: u64) -> bool {
        self.by_source.contains_key(&hash) || self.targets.contains(&hash)
    }
}

/// The exceptions to "the id is the key", complete for one kind and one night.
#[derive(Default)]
pub(super) struct Aliases {
    by_source: IdMap<SourceId>,
    aside: IdMap<Parts>,
    /// Keys that are no longer the id of the account that they name.
    left: IdSet,
    /// Ids that are readable tonight and therefore come as records.
    from_records: IdSet,
}

/// How many records belong to a person who is held aside.
#[derive(Clone, Copy, Default)]
struct Parts {
    sources: usize,
    mirror: bool,
}

impl Aliases {
    /// The key of a source's id; none where the id is a key that belongs to another id by now, so
    /// that nobody has it tonight.
    pub(super) fn key(&self, id: SourceId) -> Option<SourceId> {
        if self.by_source.is_empty() {
            return Some(id);
        }
        let hash = id.hash64();
        match self.by_source.get(&hash) {
            Some(key) => Some(key.clone()),
            None if self.aside.contains_key(&hash) || self.left.contains(&hash) => None,
            None => Some(id),
        }
    }

    /// The hash of the key of a source's id.
    pub(super) fn key_hash(&self, id: &SourceId) -> u64 {
        let hash = id.hash64();
        if self.by_source.is_empty() {
            return hash;
        }
        self.by_source.get(&hash).map_or(hash, SourceId::hash64)
    }

    /// The key, where the id's record has to be held aside for it.
    pub(super) fn key_if_aside(&self, id: &SourceId) -> Option<&SourceId> {
        if self.by_source.is_empty() {
            return None;
        }
        let hash = id.hash64();
        self.from_records.contains(&hash).then(|| self.by_source.get(&hash)).flatten()
    }

    /// Whether the mirror's record with this key has to be held aside.
    pub(super) fn holds_aside(&self, key: u64) -> bool {
        !self.aside.is_empty() && self.aside.contains_key(&key)
    }

    /// Whether all records of a person are there.
    pub(super) fn is_whole(&self, key: &SourceId, sources: usize, mirror: bool) -> bool {
        self.aside
            .get(&key.hash64())
            .is_none_or(|parts| parts.sources == sources && (mirror || !parts.mirror))
    }

    /// A record of the snapshot belongs to this key; `mirror` tells whether the mirror has the key.
    pub(super) fn add(&mut self, id: &SourceId, key: &SourceId, mirror: bool) {
        let hash = id.hash64();
        self.by_source.insert(hash, key.clone());
        self.from_records.insert(hash);
        let parts = self.aside.entry(key.hash64()).or_default();
        parts.sources += 1;
        parts.mirror |= mirror;
    }

    /// An id that comes in no readable record tonight belongs to this key.
    pub(super) fn add_unread(&mut self, id: &SourceId, key: &SourceId) {
        self.by_source.entry(id.hash64()).or_insert_with(|| key.clone());
        self.left.insert(key.hash64());
    }

    /// Whether the id has been given a key already.
    pub(super) fn knows(&self, id: &SourceId) -> bool {
        self.by_source.contains_key(&id.hash64())
    }
}

/// One record of the snapshot whose place in the mirror is not plain.
pub(super) struct Incoming {
    /// Who it is.
    pub(super) who: Candidate,
    /// Whether it may come in (R-S1).
    pub(super) meets: bool,
    /// Its e-mail address, hashed.
    pub(super) email: Option<u64>,
    /// The id is the key of another account: a new one needs another key (R-I1).
    pub(super) key_taken: bool,
}

/// One record of the mirror whose place in the snapshot is not plain, or that has none.
pub(super) struct Existing {
    /// Who it is; the id is the key.
    pub(super) who: Candidate,
    /// The source's id as of last night.
    pub(super) id: SourceId,
    /// In the rosters or archived.
    pub(super) status: Status,
    /// Its e-mail address, hashed.
    pub(super) email: Option<u64>,
    /// Its schools, hashed, in case it stays (R-A6).
    pub(super) schools: Vec<u64>,
    /// Its row is bad tonight.
    pub(super) gapped: bool,
    /// No run removes it today (R-P1).
    pub(super) pinned: bool,
    /// The person is in the source, though not in this role (R-T7): nobody else can be it.
    pub(super) left_out: bool,
    /// Made here by hand: it stays, unless the source now has that person.
    pub(super) by_hand: bool,
    /// The person owns name and contacts (R-G5): the e-mail address stays what it is.
    pub(super) owns: bool,
    /// Every guardian is gone too (R-A1); false where nobody asked.
    pub(super) abandoned: bool,
}

/// What is to be decided about one kind of person once both sequences have been read.
#[derive(Default)]
pub(super) struct Undecided {
    /// Records whose id takes part in a link, or whose key has another id.
    pub(super) claims: Vec<Incoming>,
    /// The mirror's records of those keys.
    pub(super) claimed: IdMap<Existing>,
    /// Records whose id nobody in the mirror has.
    pub(super) new: Vec<Incoming>,
    /// People of the mirror whom the source no longer has, the archived ones among them.
    pub(super) gone: Vec<Existing>,
}

/// What became of one record.
pub(super) struct Decided {
    /// The key.
    pub(super) key: SourceId,
    /// Whether the person is in the rosters after this run.
    pub(super) active: bool,
    /// The e-mail address, hashed.
    pub(super) email: Option<u64>,
}

/// The outcome for one kind of person.
#[derive(Default)]
pub(super) struct Decisions {
    /// People whom the snapshot has.
    pub(super) present: Vec<Decided>,
    /// People whom it has not; still undecided whether they are gone.
    pub(super) absent: Vec<Existing>,
    /// Links that change: the old one, if any, and the new one.
    pub(super) links: Vec<(Option<Link>, Link)>,
    /// What people should know.
    pub(super) findings: Vec<Finding>,
}

impl Undecided {
    /// Gives every record its key. `own_key` makes a key for an id that is another account's key.
    pub(super) fn decide(
        mut self,
        tag: RecordKind,
        links: &Links,
        aliases: &mut Aliases,
        relinking: bool,
        own_key: impl Fn(&SourceId) -> SourceId,
    ) -> Decisions {
        let mut out = Decisions::default();
        self.settle_claims(links, aliases, &mut out);
        self.gone.extend(std::mem::take(&mut self.claimed).into_values());
        for past in &mut self.gone {
            // The id has been given to another account: this one is nobody's to find again.
            past.who.may_relink &=
                links.by_source.get(&past.id.hash64()).is_none_or(|link| link.key == past.who.id);
        }
        self.gone.sort_unstable_by(|a, b| a.who.id.cmp(&b.who.id));
        self.new.sort_unstable_by(|a, b| a.who.id.cmp(&b.who.id));

        let (gone, absent): (Vec<Existing>, Vec<Existing>) =
            self.gone.into_iter().partition(|past| past.who.may_relink);
        out.absent = absent;
        let verdicts = if relinking && !gone.is_empty() {
            relink::compare(
                tag,
                self.new.iter().map(|comer| &comer.who),
                gone.iter().map(|past| &past.who),
            )
        } else {
            Vec::new()
        };
        let mut followed = vec![false; gone.len()];
        for (index, comer) in self.new.into_iter().enumerate() {
            let id = comer.who.id;
            match verdicts.get(index) {
                // Who was archived earlier must meet the conditions again (readings, R-A4): until
                // then, nothing is linked.
                Some(Verdict::Same(place))
                    if comer.meets || gone[*place].status == Status::Active =>
                {
                    let past = &gone[*place];
                    followed[*place] = true;
                    aliases.add(&id, &past.who.id, true);
                    if id != past.who.id {
                        let link = Link {
                            kind: tag,
                            source: id.clone(),
                            key: past.who.id.clone(),
                            rule: Rule::I2,
                        };
                        let old = links.by_source.get(&id.hash64()).cloned();
                        if old.as_ref() != Some(&link) {
                            out.links.push((old, link));
                        }
                    }
                    let whose = if past.by_hand {
                        "was added here by hand"
                    } else {
                        "is no longer in the source"
                    };
                    let message = format!(
                        "new {tag} {} was linked to {tag} {}, who {whose}",
                        id.as_str(),
                        past.id.as_str()
                    );
                    out.findings.push(
                        Finding::new(&sync::IDENTITY_RELINKED)
                            .with(message)
                            .under(Rule::I2)
                            .about(tag.name(), &id),
                    );
                    let email = if past.owns { past.email } else { comer.email };
                    out.present.push(Decided { key: past.who.id.clone(), active: true, email });
                    continue;
                }
                Some(Verdict::Ambiguous(who)) => {
                    let others: Vec<&str> =
                        who.iter().take(5).map(|place| gone[*place].id.as_str()).collect();
                    let message = format!(
                        "new {tag} {} matches several archived accounts: {}",
                        id.as_str(),
                        others.join(", ")
                    );
                    out.findings.push(
                        Finding::new(&sync::IDENTITY_AMBIGUOUS)
                            .with(message)
                            .under(Rule::I2)
                            .about(tag.name(), &id),
                    );
                }
                _ => {}
            }
            let key = if comer.key_taken { own_key(&id) } else { id.clone() };
            if key != id {
                aliases.add(&id, &key, false);
                if comer.meets {
                    let old = links.by_source.get(&id.hash64()).cloned();
                    out.links.push((
                        old,
                        Link { kind: tag, source: id, key: key.clone(), rule: Rule::I1 },
                    ));
                }
            }
            out.present.push(Decided { key, active: comer.meets, email: comer.email });
        }
        out.absent.extend(
            gone.into_iter().zip(followed).filter(|(_, followed)| !followed).map(|(past, _)| past),
        );
        for past in &out.absent {
            if past.id != past.who.id {
                aliases.add_unread(&past.id, &past.who.id);
            }
        }
        out
    }

    /// Gives every key that several ids could claim to one of them: to the one linked by hand, else
    /// to the account's id as of last night, else to a linked one, else to the id that is the key.
    fn settle_claims(&mut self, links: &Links, aliases: &mut Aliases, out: &mut Decisions) {
        let mut ranked: Vec<(SourceId, u8, Incoming)> = Vec::with_capacity(self.claims.len());
        for comer in std::mem::take(&mut self.claims) {
            let link = links.by_source.get(&comer.who.id.hash64());
            let key = link.map_or_else(|| comer.who.id.clone(), |link| link.key.clone());
            let past = self.claimed.get(&key.hash64());
            let own = past.is_some_and(|past| past.id == comer.who.id);
            let rank = match link {
                Some(link) if link.rule == Rule::I3 => 0,
                _ if own => 1,
                // The account with this id is read badly tonight, or in the source with another
                // role: nobody else can be it.
                _ if past.is_some_and(|past| past.gapped || past.left_out) => 9,
                Some(_) => 2,
                None if past.is_none() => 3,
                // The id was this account's once, and is somebody else's now until something shows
                // that it is not.
                None => 9,
            };
            ranked.push((key, rank, comer));
        }
        ranked.sort_unstable_by(|a, b| (&a.0, a.1, &a.2.who.id).cmp(&(&b.0, b.1, &b.2.who.id)));
        let mut winner: Option<SourceId> = None;
        for (key, rank, mut comer) in ranked {
            if rank == 9 || winner.as_ref() == Some(&key) {
                comer.key_taken = true;
                self.new.push(comer);
                continue;
            }
            let past = self.claimed.remove(&key.hash64());
            aliases.add(&comer.who.id, &key, past.is_some());
            let email =
                past.as_ref().filter(|past| past.owns).map_or(comer.email, |past| past.email);
            let active = comer.meets || past.is_some_and(|past| past.status == Status::Active);
            out.present.push(Decided { key: key.clone(), active, email });
            winner = Some(key);
        }
    }
}
