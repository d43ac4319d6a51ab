//! Two sorted sequences side by side: the snapshot's and the mirror's records of one kind.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::hashes::IdSet;
use super::identity::Aliases;
use roster::contract::{BoxError, PlanError, PlanInputs};
use roster::id::{SourceId, table_order};
use roster::records::{Kind, Mirrored, MirroredBox, RecordKind, SourceBox};

/// What stands at one place of the two sequences.
pub(super) enum At<K: Kind> {
    /// Only the source has the id.
    Source(SourceBox<K>),
    /// Only the mirror has the key.
    Mirror(MirroredBox<K>),
    /// Both.
    Both(SourceBox<K>, MirroredBox<K>),
}

impl<K: Kind> At<K> {
    /// The two sides.
    pub(super) fn parts(self) -> (Option<SourceBox<K>>, Option<MirroredBox<K>>) {
        match self {
            At::Source(source) => (Some(source), None),
            At::Mirror(item) => (None, Some(item)),
            At::Both(source, item) => (Some(source), Some(item)),
        }
    }
}

/// One sequence, with its next record at hand. It insists on the order: out of it, a merge would
/// take present records for gone ones.
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

/// What a plan is made from, and who owns their data: no source changes it, so it is read as if the
/// source said what the mirror has (R-G5).
pub(super) struct Reading<'a, I> {
    /// The sequences.
    pub(super) inputs: &'a I,
    /// Keys of the people, by kind.
    pub(super) owners: &'a [IdSet; RecordKind::ALL.len()],
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
        source
    }
}

/// Visits the snapshot's and the mirror's records of a kind, those of one id together, in the order
/// of the table.
pub(super) fn side_by_side<K: Kind, I: PlanInputs>(
    from: &Reading<'_, I>,
    visit: impl FnMut(At<K>) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    let source = from.inputs.snapshot::<K>().map_err(PlanError::input)?;
    let mirror = from.inputs.mirror::<K>().map_err(PlanError::input)?;
    merge(from, source, mirror, visit)
}

/// The same in projections, for surveys, which are also told whether the mirror has nobody of the kind
/// at all, as on a first night: then nobody can be anybody else.
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

/// One person's record with all that belongs to it: what the source says tonight, under however
/// many ids, and what the mirror holds.
pub(super) struct Entry<K: Kind> {
    /// The key, where it is neither the mirror's nor the id of the source.
    aside: Option<SourceId>,
    /// The source's record; the one of the person's own id, where there are several.
    pub(super) source: Option<SourceBox<K>>,
    /// Further records of the same person (R-G2), sorted by id.
    pub(super) others: Vec<SourceBox<K>>,
    /// The mirror's record.
    pub(super) mirror: Option<MirroredBox<K>>,
}

impl<K: Kind> Entry<K> {
    fn aside(key: SourceId) -> Self {
        Self { aside: Some(key), source: None, others: Vec::new(), mirror: None }
    }

    /// The key that names the item.
    pub(super) fn key(&self) -> Option<&SourceId> {
        self.aside
            .as_ref()
            .or(self.mirror.as_ref().map(|item| &item.key))
            .or(self.source.as_deref().map(K::id))
    }

    /// Puts the record of the person's own id first.
    fn arranged<I>(mut self, from: &Reading<'_, I>) -> Self {
        let mut sources = std::mem::take(&mut self.others);
        sources.sort_unstable_by(|a, b| K::id(a).cmp(K::id(b)));
        let has =
            |id: Option<&SourceId>| sources.iter().position(|source| Some(K::id(source)) == id);
        let own = has(self.mirror.as_ref().map(|item| &item.id))
            .or_else(|| has(self.aside.as_ref()))
            .unwrap_or(0);
        self.source = (!sources.is_empty()).then(|| sources.remove(own));
        if let Some(mirror) = &self.mirror {
            self.source = self.source.map(|source| from.owned(source, mirror));
        }
        self.others = sources;
        self
    }
}

/// Visits every person of a kind once. Records under another id than their key are held aside until
/// all of the person's are there.
pub(super) fn by_key<K: Kind, I: PlanInputs>(
    from: &Reading<'_, I>,
    aliases: &Aliases,
    left_out: impl Fn(&K::Source) -> bool,
    mut visit: impl FnMut(Entry<K>) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    let mut held: BTreeMap<SourceId, Entry<K>> = BTreeMap::new();
    side_by_side::<K, I>(from, |at| {
        let (source, mirror) = at.parts();
        let mut here = Entry { aside: None, source: None, others: Vec::new(), mirror: None };
        let mut touched = Vec::new();
        if let Some(source) = source.filter(|source| !left_out(source)) {
            if let Some(key) = aliases.key_if_aside(K::id(&source)) {
                held.entry(key.clone())
                    .or_insert_with(|| Entry::aside(key.clone()))
                    .others
                    .push(source);
                touched.push(key.clone());
            } else {
                here.source = Some(source);
            }
        }
        if let Some(mirror) = mirror {
            if aliases.holds_aside(mirror.key.hash64()) {
                let key = mirror.key.clone();
                held.entry(key.clone()).or_insert_with(|| Entry::aside(key.clone())).mirror =
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
            let whole = held.get(&key).is_some_and(|entry| {
                aliases.is_whole(&key, entry.others.len(), entry.mirror.is_some())
            });
            if whole && let Some(entry) = held.remove(&key) {
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
