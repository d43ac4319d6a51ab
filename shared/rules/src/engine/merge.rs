//! Merges two sorted sequences: the snapshot's and the mirror's records of one kind.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::aliases::Aliases;
use super::hashes::IdSet;
use super::withheld::Scopes;
use roster::contract::{BoxError, PlanError, PlanInputs};
use roster::id::{SourceId, table_order};
use roster::records::{Kind, Mirrored, MirroredBox, Origin, RecordKind, SourceBox, Status};

/// The records with one id in the two sequences.
pub(super) enum At<K: Kind> {
    /// Only the source has the id.
    Source(SourceBox<K>),
    /// Only the mirror has the key.
    Mirror(MirroredBox<K>),
    /// Both.
    Both(SourceBox<K>, MirroredBox<K>),
}

impl<K: Kind> At<K> {
    /// Returns the source's record and the mirror's.
    pub(super) fn parts(self) -> (Option<SourceBox<K>>, Option<MirroredBox<K>>) {
        match self {
            At::Source(source) => (Some(source), None),
            At::Mirror(item) => (None, Some(item)),
            At::Both(source, item) => (Some(source), Some(item)),
        }
    }
}

/// One sequence with its next record. It checks the order, because a merge of unsorted sequences
/// would treat present records as gone.
struct Ordered<T, It> {
    records: It,
    next: Option<Box<T>>,
    id: fn(&T) -> &SourceId,
    kind: RecordKind,
}

impl<T, E: Into<BoxError>, It: Iterator<Item = Result<Box<T>, E>>> Ordered<T, It> {
    fn start(
        kind: RecordKind,
        mut records: It,
        id: fn(&T) -> &SourceId,
    ) -> Result<Self, PlanError> {
        let next = records.next().transpose().map_err(PlanError::input)?;
        Ok(Self { records, next, id, kind })
    }

    fn take(&mut self) -> Result<Option<Box<T>>, PlanError> {
        let following = self.records.next().transpose().map_err(PlanError::input)?;
        if let (Some(now), Some(then)) = (&self.next, &following)
            && table_order((self.id)(now).as_str(), (self.id)(then).as_str()) != Ordering::Less
        {
            return Err(PlanError::Order { kind: self.kind });
        }
        Ok(std::mem::replace(&mut self.next, following))
    }
}

/// The sequences, and the records that the source does not change, which are read as if the source
/// had the mirror's data: those of people who own their data (R-G5), and those whose changes the
/// plan leaves out (R-H5).
pub(super) struct Reading<'a, I> {
    /// The sequences.
    pub(super) inputs: &'a I,
    /// Keys of the people, by kind.
    pub(super) owners: &'a [IdSet; RecordKind::ALL.len()],
    /// What the plan leaves out.
    pub(super) withheld: &'a Scopes,
}

impl<I> Reading<'_, I> {
    fn owned<K: Kind>(&self, mut source: SourceBox<K>, item: &Mirrored<K>) -> SourceBox<K> {
        let owners = &self.owners[K::KIND as usize];
        if !owners.is_empty()
            && owners.contains(&item.key.hash64())
            && let Some((person, own)) = K::persons(&mut source, &item.state)
        {
            person.keep_own(own);
        }
        let is_synced = item.status == Status::Active && item.origin == Origin::Source;
        if is_synced && self.withheld.freeze(K::KIND, item.key.hash64()) {
            K::keep_mirrored(&mut source, item);
        }
        source
    }
}

/// Visits the snapshot's and the mirror's records of a kind in table order, those of one id
/// together.
pub(super) fn side_by_side<K: Kind, I: PlanInputs>(
    from: &Reading<'_, I>,
    visit: impl FnMut(At<K>) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    let source = from.inputs.snapshot::<K>().map_err(PlanError::input)?;
    let mirror = from.inputs.mirror::<K>().map_err(PlanError::input)?;
    merge(from, source, mirror, visit)
}

/// Like [`side_by_side`], but reads projections, for the index pass. The second argument of `visit`
/// is true if the mirror has no record of the kind, as in the first run: then no record needs to be
/// relinked.
pub(super) fn projections<K: Kind, I: PlanInputs>(
    from: &Reading<'_, I>,
    mut visit: impl FnMut(At<K>, bool) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    let source = from.inputs.snapshot_projection::<K>().map_err(PlanError::input)?;
    let mut mirror = from.inputs.mirror_projection::<K>().map_err(PlanError::input)?.peekable();
    let mirror_is_empty = mirror.peek().is_none();
    merge(from, source, mirror, |at| visit(at, mirror_is_empty))
}

fn merge<K: Kind, I, E: Into<BoxError>>(
    from: &Reading<'_, I>,
    source: impl Iterator<Item = Result<SourceBox<K>, E>>,
    mirror: impl Iterator<Item = Result<MirroredBox<K>, E>>,
    mut visit: impl FnMut(At<K>) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    let mut source = Ordered::start(K::KIND, source, K::id)?;
    let mut mirror = Ordered::start(K::KIND, mirror, |item: &Mirrored<K>| &item.key)?;
    loop {
        let order = match (&source.next, &mirror.next) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => table_order(K::id(a).as_str(), b.key.as_str()),
        };
        let a = if order.is_le() { source.take()? } else { None };
        let b = if order.is_ge() { mirror.take()? } else { None };
        match (a, b) {
            (Some(a), Some(b)) => visit(At::Both(from.owned(a, &b), b))?,
            (Some(a), None) => visit(At::Source(a))?,
            (None, Some(b)) => visit(At::Mirror(b))?,
            (None, None) => return Ok(()),
        }
    }
}

/// All records of one person: those of the source, under one or several ids, and the mirror's.
pub(super) struct Entry<K: Kind> {
    /// The key of a person whose records were held back.
    held: Option<SourceId>,
    /// The source's record; the one with the person's own id, if there are several.
    pub(super) source: Option<SourceBox<K>>,
    /// Further records of the same person (R-G2), sorted by id.
    pub(super) others: Vec<SourceBox<K>>,
    /// The mirror's record.
    pub(super) mirror: Option<MirroredBox<K>>,
}

impl<K: Kind> Entry<K> {
    fn held(key: SourceId) -> Self {
        Self { held: Some(key), source: None, others: Vec::new(), mirror: None }
    }

    /// Returns the key of the person.
    pub(super) fn key(&self) -> Option<&SourceId> {
        self.held
            .as_ref()
            .or(self.mirror.as_ref().map(|item| &item.key))
            .or(self.source.as_deref().map(K::id))
    }

    /// Puts the record with the person's own id first.
    fn arranged<I>(mut self, from: &Reading<'_, I>) -> Self {
        let mut sources = std::mem::take(&mut self.others);
        sources.sort_unstable_by(|a, b| K::id(a).cmp(K::id(b)));
        let has =
            |id: Option<&SourceId>| sources.iter().position(|source| Some(K::id(source)) == id);
        let own = has(self.mirror.as_ref().map(|item| &item.id))
            .or_else(|| has(self.held.as_ref()))
            .unwrap_or(0);
        self.source = (!sources.is_empty()).then(|| sources.remove(own));
        if let Some(mirror) = &self.mirror {
            self.source = self.source.map(|source| from.owned(source, mirror));
        }
        self.others = sources;
        self
    }
}

/// Visits every person of a kind once. Records whose id is not their key are held back until all
/// records of the person are read.
pub(super) fn by_key<K: Kind, I: PlanInputs>(
    from: &Reading<'_, I>,
    aliases: &Aliases,
    left_out: impl Fn(&K::Source) -> bool,
    mut visit: impl FnMut(Entry<K>) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    let mut held: BTreeMap<SourceId, Entry<K>> = BTreeMap::new();
    side_by_side::<K, I>(from, |at| {
        let (source, mirror) = at.parts();
        let mut here = Entry { held: None, source: None, others: Vec::new(), mirror: None };
        let mut touched = Vec::new();
        if let Some(source) = source.filter(|source| !left_out(source)) {
            if let Some(key) = aliases.key_if_held(K::id(&source)) {
                held.entry(key.clone())
                    .or_insert_with(|| Entry::held(key.clone()))
                    .others
                    .push(source);
                touched.push(key.clone());
            } else {
                here.source = Some(source);
            }
        }
        if let Some(mirror) = mirror {
            if aliases.holds(mirror.key.hash64()) {
                let key = mirror.key.clone();
                held.entry(key.clone()).or_insert_with(|| Entry::held(key.clone())).mirror =
                    Some(mirror);
                touched.push(key);
            } else {
                here.mirror = Some(mirror);
            }
        }
        if here.source.is_some() || here.mirror.is_some() {
            visit(here)?;
        }
        for key in touched {
            let is_complete = held.get(&key).is_some_and(|entry| {
                aliases.is_complete(&key, entry.others.len(), entry.mirror.is_some())
            });
            if is_complete && let Some(entry) = held.remove(&key) {
                visit(entry.arranged(from))?;
            }
        }
        Ok(())
    })?;
    while let Some((_, entry)) = held.pop_first() {
        visit(entry.arranged(from))?;
    }
    Ok(())
}
