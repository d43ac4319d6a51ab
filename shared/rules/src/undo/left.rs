//! What a run left, as hashes, and what is there now.

use std::io;

use hashbrown::HashMap;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use roster::change::{Action, Change};
use roster::edit::LocalEdit;
use roster::id::{RunId, SourceId};
use roster::records::{AnyMirrored, Kind, Link, Mirrored, RecordKind};

/// What is in a place now, compared with what the run left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    /// Nothing.
    Nothing,
    /// The same.
    Same,
    /// Something else.
    Other,
}

/// The place of one record or link.
struct Place {
    /// The hash of what the run left; none: it took it away.
    left: Option<u64>,
    there: There,
    /// Which of the runs seen so far changed it last, as the mirror has it now.
    run: u32,
    /// An undo takes it away altogether.
    goes: bool,
    /// An undo takes it away, or archives it.
    removed: bool,
    /// People made something that is about it.
    used: bool,
}

impl Place {
    fn is_in_the_way(&self) -> bool {
        let as_left = if self.left.is_some() { There::Same } else { There::Nothing };
        self.there != as_left || self.used
    }
}

/// The place of one local edit.
struct EditPlace {
    /// The version that the plan names: of the edit that it erased, or put back.
    version: u64,
    /// Whether the undo takes it away.
    goes: bool,
    there: There,
}

/// What a run left.
#[derive(Default)]
pub(super) struct Left {
    places: HashMap<u64, Place>,
    edits: HashMap<u64, EditPlace>,
    runs: Vec<RunId>,
}

struct Hashed(Xxh3);

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hash(value: &impl Serialize) -> u64 {
    let mut hashed = Hashed(Xxh3::new());
    // Records are texts, dates and lists of them: nothing in them cannot be written as JSON.
    let _ = serde_json::to_writer(&mut hashed, value);
    hashed.0.digest()
}

/// What a record says, whichever run changed it last.
fn content(record: &AnyMirrored) -> u64 {
    fn of<K: Kind>(record: &Mirrored<K>) -> u64 {
        hash(&Mirrored { changed_by: RunId::new(""), ..record.clone() })
    }
    match record {
        AnyMirrored::School(record) => of(record),
        AnyMirrored::Term(record) => of(record),
        AnyMirrored::Course(record) => of(record),
        AnyMirrored::Teacher(record) => of(record),
        AnyMirrored::Student(record) => of(record),
        AnyMirrored::Guardian(record) => of(record),
        AnyMirrored::Class(record) => of(record),
        AnyMirrored::Link(link) => hash(link),
        AnyMirrored::Edit(edit) => hash(edit),
    }
}

fn changed_by(record: &mut AnyMirrored) -> Option<&mut RunId> {
    match record {
        AnyMirrored::School(record) => Some(&mut record.changed_by),
        AnyMirrored::Term(record) => Some(&mut record.changed_by),
        AnyMirrored::Course(record) => Some(&mut record.changed_by),
        AnyMirrored::Teacher(record) => Some(&mut record.changed_by),
        AnyMirrored::Student(record) => Some(&mut record.changed_by),
        AnyMirrored::Guardian(record) => Some(&mut record.changed_by),
        AnyMirrored::Class(record) => Some(&mut record.changed_by),
        AnyMirrored::Link(_) | AnyMirrored::Edit(_) => None,
    }
}

fn place(sort: &str, kind: RecordKind, key: &SourceId, slot: &str) -> u64 {
    hash(&(sort, kind, key, slot))
}

fn place_of(record: &AnyMirrored) -> u64 {
    match record {
        AnyMirrored::Link(link) => place("link", link.kind, &link.source, ""),
        AnyMirrored::Edit(edit) => place_of_edit(edit),
        record => place("record", record.kind(), record.key(), ""),
    }
}

fn place_of_edit(edit: &LocalEdit) -> u64 {
    place("edit", edit.kind, &edit.key, &edit.edit.slot())
}

impl Left {
    /// Notes what a change left.
    pub(super) fn note(&mut self, change: &Change) {
        let Some(record) = change.after.as_ref().or(change.before.as_ref()) else { return };
        if let AnyMirrored::Edit(edit) = record {
            let (version, goes) = (hash(&edit.version), change.after.is_some());
            self.edits
                .insert(place_of_edit(edit), EditPlace { version, goes, there: There::Nothing });
            return;
        }
        let goes = change.before.is_none();
        let removed = goes || matches!(change.action, Action::Add | Action::Return);
        let left = change.after.as_ref().map(content);
        self.places.insert(
            place_of(record),
            Place { left, there: There::Nothing, run: 0, goes, removed, used: false },
        );
    }

    /// Notes a record that is there now.
    pub(super) fn find(&mut self, record: &AnyMirrored) {
        let Some(place) = self.places.get_mut(&place_of(record)) else { return };
        place.there = if place.left == Some(content(record)) { There::Same } else { There::Other };
        let mut record = record.clone();
        let Some(run) = changed_by(&mut record) else { return };
        // A mirror is written by a few runs; most of what one left, that one changed last.
        let known = self.runs.iter().rposition(|known| known == run);
        let known = known.unwrap_or_else(|| {
            self.runs.push(run.clone());
            self.runs.len() - 1
        });
        place.run = u32::try_from(known).unwrap_or(u32::MAX);
    }

    /// Notes a link that is there now.
    pub(super) fn find_link(&mut self, link: &Link) {
        if let Some(place) = self.places.get_mut(&place("link", link.kind, &link.source, "")) {
            place.there = if place.left == Some(hash(link)) { There::Same } else { There::Other };
        }
    }

    /// Notes a local edit that is there now.
    pub(super) fn find_edit(&mut self, edit: &LocalEdit) {
        if let Some(place) = self.edits.get_mut(&place_of_edit(edit)) {
            place.there =
                if place.version == hash(&edit.version) { There::Same } else { There::Other };
            if place.goes && place.there == There::Same {
                return;
            }
        }
        for (kind, key) in [Some((edit.kind, &edit.key)), edit.edit.other()].into_iter().flatten() {
            if let Some(place) = self.places.get_mut(&place("record", kind, key, "")) {
                place.used |= place.goes;
            }
        }
    }

    /// How many records and links are not what the run left.
    pub(super) fn in_the_way(&self) -> u64 {
        self.places.values().filter(|place| place.is_in_the_way()).count() as u64
    }

    /// Whether this one is not what the run left.
    pub(super) fn is_in_the_way(&self, record: &AnyMirrored) -> bool {
        !matches!(record, AnyMirrored::Edit(_))
            && self.places.get(&place_of(record)).is_some_and(Place::is_in_the_way)
    }

    /// Whether an edit is there: the same version of it, or another one.
    pub(super) fn edit_there(&self, edit: &LocalEdit) -> There {
        self.edits.get(&place_of_edit(edit)).map_or(There::Nothing, |place| place.there)
    }

    /// Names the run that changed the record last, as the mirror has it now: its writer must know
    /// the record to the letter.
    pub(super) fn as_it_is_now(&self, record: &mut AnyMirrored) {
        let place = self.places.get(&place_of(record)).map(|place| place.run as usize);
        if let (Some(now), Some(run)) =
            (place.and_then(|run| self.runs.get(run)), changed_by(record))
        {
            run.clone_from(now);
        }
    }

    /// Whether the undo changes this record.
    pub(super) fn is_taken_back(&self, record: &AnyMirrored, removals: bool) -> bool {
        self.places.get(&place_of(record)).is_some_and(|place| removals || !place.removed)
    }
}
