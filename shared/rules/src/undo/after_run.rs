//! The state in which a run left each item, as hashes, compared with the current state.

use std::io;

use hashbrown::HashMap;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use roster::change::{Action, Change};
use roster::edit::LocalEdit;
use roster::id::{RunId, SourceId};
use roster::records::{AnyMirrored, Kind, Link, Mirrored, RecordKind};

/// The current state of an item, compared with the state after the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Current {
    /// The item does not exist.
    Missing,
    /// Same content.
    Same,
    /// Different content.
    Different,
}

/// One record or link that the run changed.
struct Item {
    /// The hash of its content after the run; `None` if the run deleted it.
    after: Option<u64>,
    current: Current,
    /// Index in [`AfterRun::runs`] of the run that changed the record last.
    run: u32,
    /// The undo deletes it.
    is_deleted: bool,
    /// The undo deletes or archives it.
    is_removed: bool,
    /// A local edit belongs to it or refers to it, and the undo deletes it.
    is_edited: bool,
}

impl Item {
    fn is_changed_since(&self) -> bool {
        let expected = if self.after.is_some() { Current::Same } else { Current::Missing };
        self.current != expected || self.is_edited
    }
}

/// One local edit that the run erased or restored.
struct EditItem {
    /// The hash of the version that the plan names.
    version: u64,
    /// The undo removes it.
    is_removed: bool,
    current: Current,
}

/// The items that a run changed. The keys of both maps are hashes of kind, key and slot.
#[derive(Default)]
pub(super) struct AfterRun {
    items: HashMap<u64, Item>,
    edits: HashMap<u64, EditItem>,
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
    // Records consist of texts, dates and lists of them, so serialization cannot fail.
    let _ = serde_json::to_writer(&mut hashed, value);
    hashed.0.digest()
}

/// Returns the hash of a record, without the run that changed it last.
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

fn item_hash(sort: &str, kind: RecordKind, key: &SourceId, slot: &str) -> u64 {
    hash(&(sort, kind, key, slot))
}

fn hash_of(record: &AnyMirrored) -> u64 {
    match record {
        AnyMirrored::Link(link) => item_hash("link", link.kind, &link.source, ""),
        AnyMirrored::Edit(edit) => hash_of_edit(edit),
        record => item_hash("record", record.kind(), record.key(), ""),
    }
}

fn hash_of_edit(edit: &LocalEdit) -> u64 {
    item_hash("edit", edit.kind, &edit.key, &edit.edit.slot())
}

impl AfterRun {
    /// Stores the state in which a change leaves its item.
    pub(super) fn record(&mut self, change: &Change) {
        let Some(record) = change.after.as_ref().or(change.before.as_ref()) else { return };
        let current = Current::Missing;
        if let AnyMirrored::Edit(edit) = record {
            let (version, is_removed) = (hash(&edit.version), change.after.is_some());
            self.edits.insert(hash_of_edit(edit), EditItem { version, is_removed, current });
            return;
        }
        let after = change.after.as_ref().map(content);
        let is_deleted = change.before.is_none();
        let is_removed = is_deleted || matches!(change.action, Action::Add | Action::Return);
        let item = Item { after, current, run: 0, is_deleted, is_removed, is_edited: false };
        self.items.insert(hash_of(record), item);
    }

    /// Compares a record of the mirror with its state after the run.
    pub(super) fn compare(&mut self, record: &AnyMirrored) {
        let Some(item) = self.items.get_mut(&hash_of(record)) else { return };
        item.current = same_if(item.after == Some(content(record)));
        let mut record = record.clone();
        let Some(run) = changed_by(&mut record) else { return };
        // Few runs have written the mirror, and the newest one most of these records.
        let known = self.runs.iter().rposition(|known| known == run);
        let known = known.unwrap_or_else(|| {
            self.runs.push(run.clone());
            self.runs.len() - 1
        });
        item.run = u32::try_from(known).unwrap_or(u32::MAX);
    }

    /// Compares a link with its state after the run.
    pub(super) fn compare_link(&mut self, link: &Link) {
        if let Some(item) = self.items.get_mut(&item_hash("link", link.kind, &link.source, "")) {
            item.current = same_if(item.after == Some(hash(link)));
        }
    }

    /// Compares a local edit with its state after the run.
    pub(super) fn compare_edit(&mut self, edit: &LocalEdit) {
        if let Some(item) = self.edits.get_mut(&hash_of_edit(edit)) {
            item.current = same_if(item.version == hash(&edit.version));
            if item.is_removed && item.current == Current::Same {
                return;
            }
        }
        for (kind, key) in [Some((edit.kind, &edit.key)), edit.edit.other()].into_iter().flatten() {
            if let Some(item) = self.items.get_mut(&item_hash("record", kind, key, "")) {
                item.is_edited |= item.is_deleted;
            }
        }
    }

    /// Returns the number of records and links that changed after the run.
    pub(super) fn changed_since(&self) -> u64 {
        self.items.values().filter(|item| item.is_changed_since()).count() as u64
    }

    /// Whether this record or link changed after the run.
    pub(super) fn is_changed_since(&self, record: &AnyMirrored) -> bool {
        !matches!(record, AnyMirrored::Edit(_))
            && self.items.get(&hash_of(record)).is_some_and(Item::is_changed_since)
    }

    /// Compares the version of an edit that the plan names with the current one.
    pub(super) fn current_edit(&self, edit: &LocalEdit) -> Current {
        self.edits.get(&hash_of_edit(edit)).map_or(Current::Missing, |item| item.current)
    }

    /// Sets the run that changed the record last to the mirror's current value, because a write
    /// succeeds only if the whole record is as expected.
    pub(super) fn set_current_run(&self, record: &mut AnyMirrored) {
        let run =
            self.items.get(&hash_of(record)).and_then(|item| self.runs.get(item.run as usize));
        if let (Some(current), Some(run)) = (run, changed_by(record)) {
            run.clone_from(current);
        }
    }

    /// Whether the undo changes this record.
    pub(super) fn is_undone(&self, record: &AnyMirrored, removals: bool) -> bool {
        self.items.get(&hash_of(record)).is_some_and(|item| removals || !item.is_removed)
    }
}

fn same_if(is_same: bool) -> Current {
    if is_same { Current::Same } else { Current::Different }
}
