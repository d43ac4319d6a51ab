//! Source ids and the keys of the mirror (R-I1): an id is its own key, except where a link or this
//! run says otherwise.

use std::collections::BTreeSet;

use super::administrators::Administrators;
use super::hashes::{IdMap, IdSet};
use roster::contract::{PlanError, PlanInputs};
use roster::id::{AccountId, SourceId};
use roster::records::{Link, RecordKind};
use roster::rule::Rule;

/// The identity links of one kind in the mirror.
#[derive(Default)]
pub(super) struct Links {
    /// By source id.
    pub(super) by_source: IdMap<Link>,
    /// The keys that a link points to.
    targets: IdSet,
    /// For the key of each teacher whom support linked to an administrator, hashed: the source id
    /// of the link, and the administrator's account (R-M5).
    administrators: IdMap<(SourceId, AccountId)>,
}

impl Links {
    /// Reads all links, by kind. Those of teachers to an account that no administrator has do not
    /// make the teacher an administrator.
    pub(super) fn read<I: PlanInputs>(
        inputs: &I,
        administrators: &Administrators,
    ) -> Result<[Self; RecordKind::ALL.len()], PlanError> {
        let mut all: [Self; RecordKind::ALL.len()] = Default::default();
        for link in inputs.links().map_err(PlanError::input)? {
            let link = link.map_err(PlanError::input)?;
            let links = &mut all[link.kind as usize];
            links.targets.insert(link.key.hash64());
            links.by_source.insert(link.source.hash64(), link);
        }
        all[RecordKind::Teacher as usize].resolve(administrators);
        Ok(all)
    }

    /// Finds the teachers who are administrators. An administrator is one teacher and a teacher one
    /// administrator: of several links, the one with the smallest source id counts.
    fn resolve(&mut self, administrators: &Administrators) {
        let named = |link: &Link| Some((link.source.clone(), link.administrator.clone()?));
        let known = self.by_source.values().filter(|link| link.rule == Rule::I3);
        let mut links: Vec<_> = known.filter_map(|link| Some((named(link)?, &link.key))).collect();
        links.retain(|((_, account), _)| administrators.have(account));
        links.sort_unstable();
        let mut accounts = BTreeSet::new();
        for ((source, account), key) in links {
            if !self.administrators.contains_key(&key.hash64()) && accounts.insert(account.clone())
            {
                self.administrators.insert(key.hash64(), (source, account));
            }
        }
    }

    /// Returns the teachers who are administrators: by the hash of the key, the administrator's
    /// account.
    pub(super) fn administrators(&self) -> IdMap<AccountId> {
        let accounts = self.administrators.iter();
        accounts.map(|(key, (_, account))| (*key, account.clone())).collect()
    }

    /// Whether the key is that of a teacher who is an administrator.
    pub(super) fn is_administrator(&self, key: &SourceId) -> bool {
        self.administrators.contains_key(&key.hash64())
    }

    /// Whether a link makes a teacher an administrator.
    pub(super) fn makes_administrator(&self, link: &Link) -> bool {
        let by = self.administrators.get(&link.key.hash64());
        by.is_some_and(|(source, _)| *source == link.source)
    }

    /// Whether there are no links.
    pub(super) fn is_empty(&self) -> bool {
        self.by_source.is_empty()
    }

    /// Returns the link of a source id.
    pub(super) fn of(&self, id: &SourceId) -> Option<&Link> {
        self.by_source.get(&id.hash64())
    }

    /// Whether a link has this id or key, so that the id may have another key than itself.
    pub(super) fn concern(&self, hash: u64) -> bool {
        self.by_source.contains_key(&hash) || self.targets.contains(&hash)
    }
}

/// The ids of one kind that are not their own key, complete after the index pass.
#[derive(Default)]
pub(super) struct Aliases {
    by_source: IdMap<SourceId>,
    /// The accounts whose records are held back until all of them are read, by key.
    held: IdMap<Parts>,
    /// Keys that are no longer the source id of their account.
    former: IdSet,
    /// Ids with a readable record in this snapshot.
    readable: IdSet,
}

/// How many records belong to one account.
#[derive(Clone, Copy, Default)]
struct Parts {
    sources: usize,
    mirror: bool,
}

impl Aliases {
    /// Resolves a source id to its mirror key. Returns `None` if the id equals the key of an
    /// account that has since been linked to another source id.
    pub(super) fn key(&self, id: SourceId) -> Option<SourceId> {
        if self.by_source.is_empty() {
            return Some(id);
        }
        let hash = id.hash64();
        match self.by_source.get(&hash) {
            Some(key) => Some(key.clone()),
            None if self.held.contains_key(&hash) || self.former.contains(&hash) => None,
            None => Some(id),
        }
    }

    /// Resolves a source id to the hash of its key.
    pub(super) fn key_hash(&self, id: &SourceId) -> u64 {
        let hash = id.hash64();
        if self.by_source.is_empty() {
            return hash;
        }
        self.by_source.get(&hash).map_or(hash, SourceId::hash64)
    }

    /// Returns the key of an id whose record must be held back until the account is complete.
    pub(super) fn key_if_held(&self, id: &SourceId) -> Option<&SourceId> {
        if self.by_source.is_empty() {
            return None;
        }
        let hash = id.hash64();
        self.readable.contains(&hash).then(|| self.by_source.get(&hash)).flatten()
    }

    /// Whether the mirror's record with this key must be held back until the account is complete.
    pub(super) fn holds(&self, key: u64) -> bool {
        !self.held.is_empty() && self.held.contains_key(&key)
    }

    /// Whether these are all records of an account.
    pub(super) fn is_complete(&self, key: &SourceId, sources: usize, mirror: bool) -> bool {
        self.held
            .get(&key.hash64())
            .is_none_or(|parts| parts.sources == sources && (mirror || !parts.mirror))
    }

    /// Registers that a record of the snapshot belongs to this key. `mirror`: the mirror has the
    /// key.
    pub(super) fn add(&mut self, id: &SourceId, key: &SourceId, mirror: bool) {
        let hash = id.hash64();
        self.by_source.insert(hash, key.clone());
        self.readable.insert(hash);
        let parts = self.held.entry(key.hash64()).or_default();
        parts.sources += 1;
        parts.mirror |= mirror;
    }

    /// Registers the key of a source id whose record is absent or unreadable in this snapshot.
    pub(super) fn add_absent(&mut self, id: &SourceId, key: &SourceId) {
        self.by_source.entry(id.hash64()).or_insert_with(|| key.clone());
        self.former.insert(key.hash64());
    }

    /// Whether the id has a key already.
    pub(super) fn knows(&self, id: &SourceId) -> bool {
        self.by_source.contains_key(&id.hash64())
    }
}
