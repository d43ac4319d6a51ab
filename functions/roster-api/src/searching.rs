//! Searches for the record that a question is about (R-X1): in the newest snapshot, and in the
//! mirror with its local edits.
//!
//! Both are read as a stream: of the snapshot, the file of the kind, a block at a time; of the
//! mirror, the records of the kind in all 16 shards at the same time, a page (1 MB) of each at a
//! time. Of what is read, a bounded number of candidates is kept.

use std::ops::ControlFlow;

use mirror::MirrorError;
use mirror::files::scan;
use mirror::item::{Assembler, Section};
use mirror::keys;
use mirror::ports::items::{Range, ReadItems};
use roster::edit::LocalEdit;
use roster::id::{DistrictId, SHARDS, SourceId};
use roster::records::{ClassDetails, Kind, Mirrored, Person, RecordKind, Status, kinds};
use roster::snapshot::{Manifest, PartName};
use rules::explain::search::{Described, Found, Query, Search};
use tokio::task::JoinSet;

use crate::caller::Caller;
use crate::context::RequestContext;
use crate::problem::Problem;
use crate::{Objects, Table};

/// The most records that a search reads of the snapshot, and of the mirror. More than the largest
/// district has of one kind.
const MOST_RECORDS: usize = 2_000_000;
const MOST_OF_SHARD: usize = MOST_RECORDS / SHARDS as usize;

/// A record that may be meant.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The name for display.
    pub(crate) name: String,
    /// The schools, the main one first.
    pub(crate) schools: Vec<SourceId>,
    /// Active or archived; `None` if the mirror was not read for it.
    pub(crate) status: Option<Status>,
}

/// The result of a search.
pub(crate) struct Searched {
    pub(crate) found: Found<Candidate>,
    /// Whether everything was read.
    pub(crate) is_complete: bool,
}

/// The part of a record that can be asked about.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Person(&'a Person),
    Class(&'a ClassDetails),
}

/// A kind of record that can be asked about.
trait Searchable: Kind {
    fn in_snapshot(source: &Self::Source) -> Subject<'_>;
    fn in_mirror(state: &Self::State) -> Subject<'_>;
}

macro_rules! searchable {
    ($($kind:ident: $subject:ident($field:ident)),*) => { $(
        impl Searchable for kinds::$kind {
            fn in_snapshot(source: &Self::Source) -> Subject<'_> {
                Subject::$subject(&source.$field)
            }

            fn in_mirror(state: &Self::State) -> Subject<'_> {
                Subject::$subject(&state.$field)
            }
        }
    )* };
}
searchable!(
    Students: Person(person), Teachers: Person(person), Guardians: Person(person),
    Classes: Class(details)
);

impl Subject<'_> {
    fn is_visible(&self, caller: &Caller) -> bool {
        match self {
            Self::Person(person) => caller.sees_any(&person.schools),
            Self::Class(class) => caller.sees_school(&class.school),
        }
    }
}

/// Offers a record with its local edits. `item`: the record in the mirror, if it comes from there.
fn offer<K: Kind>(
    search: &mut Search<Candidate>,
    id: &SourceId,
    subject: Subject<'_>,
    item: Option<&Mirrored<K>>,
    edits: &[LocalEdit],
) {
    let ids = std::iter::once(id).chain(item.map(|item| &item.key));
    let (described, schools) = match subject {
        Subject::Person(person) => (Described::person(ids, person, edits), &person.schools[..]),
        Subject::Class(class) => {
            (Described::class(ids, class, edits), std::slice::from_ref(&class.school))
        }
    };
    search.offer(id, &described, |record| Candidate {
        name: record.name().to_owned(),
        schools: schools.to_vec(),
        status: item.map(|item| item.status),
    });
}

impl<T: Table, O: Objects> RequestContext<T, O> {
    /// Searches for a record of a kind in the newest snapshot and in the mirror, as far as the
    /// caller's schools go. Other kinds than people and classes have no records to find.
    pub(crate) async fn search(
        &self,
        manifest: Option<&Manifest>,
        kind: RecordKind,
        query: &Query,
    ) -> Result<Searched, Problem> {
        match kind {
            RecordKind::Student => self.search_kind::<kinds::Students>(manifest, query).await,
            RecordKind::Teacher => self.search_kind::<kinds::Teachers>(manifest, query).await,
            RecordKind::Guardian => self.search_kind::<kinds::Guardians>(manifest, query).await,
            _ => self.search_kind::<kinds::Classes>(manifest, query).await,
        }
    }

    async fn search_kind<K: Searchable>(
        &self,
        manifest: Option<&Manifest>,
        query: &Query,
    ) -> Result<Searched, Problem> {
        let (mirror, snapshot) = tokio::try_join!(
            self.search_mirror::<K>(query),
            self.search_snapshot::<K>(manifest, query)
        )?;
        let (mut search, in_mirror) = mirror;
        let (found, in_snapshot) = snapshot;
        // The mirror knows the status.
        search.merge(found, |known, other| known.status = known.status.or(other.status));
        Ok(Searched { found: search.finish(), is_complete: in_mirror && in_snapshot })
    }

    async fn search_snapshot<K: Searchable>(
        &self,
        manifest: Option<&Manifest>,
        query: &Query,
    ) -> Result<(Search<Candidate>, bool), MirrorError> {
        const WHAT: &str = "search the newest snapshot";
        let search = Search::new(query.clone());
        let Some(manifest) = manifest.filter(|data| data.parts.contains_key(K::KIND.name())) else {
            return Ok((search, true));
        };
        let key = keys::part(&manifest.district, &manifest.run, PartName::Records(K::KIND));
        let caller = self.caller().clone();
        let state = (search.clone(), 0);
        let scanned = scan::scan(&self.api.internal, key, WHAT, state, move |state, line| {
            let (search, read) = state;
            let source: K::Source = scan::parse(line, "a part of the snapshot")?;
            let subject = K::in_snapshot(&source);
            if subject.is_visible(&caller) {
                offer::<K>(search, K::id(&source), subject, None, &[]);
            }
            *read += 1;
            Ok(if *read < MOST_RECORDS {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        });
        // A part without records has no file.
        let (search, read) = scanned.await?.unwrap_or((search, 0));
        Ok((search, read < MOST_RECORDS))
    }

    async fn search_mirror<K: Searchable>(
        &self,
        query: &Query,
    ) -> Result<(Search<Candidate>, bool), MirrorError> {
        let mut shards = JoinSet::new();
        for shard in 0..SHARDS {
            let (table, district) = (self.api.table.clone(), self.district().clone());
            let (caller, search) = (self.caller().clone(), Search::new(query.clone()));
            shards.spawn(async move {
                search_shard::<K>(&table, &district, shard, &caller, search).await
            });
        }
        let (mut all, mut is_complete) = (Search::new(query.clone()), true);
        while let Some(shard) = shards.join_next().await {
            let shard = shard.map_err(|error| MirrorError::service("search the mirror", error))?;
            let (search, is_whole) = shard?;
            is_complete &= is_whole;
            // An archived record and its successor may have one source id: the active one is meant.
            all.merge(search, |known, other| {
                if other.status == Some(Status::Active) {
                    *known = other;
                }
            });
        }
        Ok((all, is_complete))
    }
}

/// Searches the records of a kind in one shard, with their edits. Returns whether all were read.
async fn search_shard<K: Searchable>(
    table: &impl ReadItems,
    district: &DistrictId,
    shard: u8,
    caller: &Caller,
    mut search: Search<Candidate>,
) -> Result<(Search<Candidate>, bool), MirrorError> {
    const RECORD: &str = "a record of the mirror";
    let (prefix, mut after) = (keys::kind_prefix(K::KIND), None::<String>);
    let (mut assembler, mut open, mut read) = (Assembler::default(), Open::<K>::default(), 0);
    loop {
        let range = Range::BeginningWith(&prefix);
        let page = table.page(district, shard, range, after.as_deref()).await?;
        for item in page.items {
            match assembler.take(item)? {
                Some((Section::Records(_), body)) => {
                    let item: Mirrored<K> = scan::parse(body.as_bytes(), RECORD)?;
                    open.begin(&item.key.clone(), caller, &mut search);
                    open.item = Some(item);
                    read += 1;
                }
                Some((Section::Edits(_), body)) => {
                    let edit: LocalEdit = scan::parse(body.as_bytes(), "a local edit")?;
                    open.begin(&edit.key.clone(), caller, &mut search);
                    open.edits.push(edit);
                }
                _ => {}
            }
        }
        after = page.next;
        if after.is_none() || read >= MOST_OF_SHARD {
            open.close(caller, &mut search);
            return Ok((search, after.is_none()));
        }
    }
}

/// The record that is being read, and its edits: they are adjacent in the shard, in either order.
struct Open<K: Kind> {
    key: Option<SourceId>,
    item: Option<Mirrored<K>>,
    edits: Vec<LocalEdit>,
}

impl<K: Kind> Default for Open<K> {
    fn default() -> Self {
        Self { key: None, item: None, edits: Vec::new() }
    }
}

impl<K: Searchable> Open<K> {
    /// Offers the former record if the next item belongs to another one.
    fn begin(&mut self, key: &SourceId, caller: &Caller, search: &mut Search<Candidate>) {
        if self.key.as_ref() != Some(key) {
            self.close(caller, search);
            self.key = Some(key.clone());
        }
    }

    fn close(&mut self, caller: &Caller, search: &mut Search<Candidate>) {
        let edits = std::mem::take(&mut self.edits);
        let Some(item) = self.item.take() else { return };
        let subject = K::in_mirror(&item.state);
        if subject.is_visible(caller) {
            offer::<K>(search, &item.id, subject, Some(&item), &edits);
        }
    }
}
