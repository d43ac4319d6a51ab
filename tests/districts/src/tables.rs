//! A night whose records the caller makes, for simulations that move through a school year.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use csv::StringRecord;

use crate::night::{Night, mark};
use crate::rows::File;
use crate::world::World;

/// The rows of every file of a set. The first cell of a row is the id of its record, the second its
/// status and the third its time of change; both are blank.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    files: BTreeMap<File, Arc<Vec<StringRecord>>>,
}

impl Tables {
    /// Sets the rows of a file, in the order of [`File::columns`].
    pub fn set(&mut self, file: File, rows: Vec<StringRecord>) {
        self.files.insert(file, Arc::new(rows));
    }

    /// The rows of a file.
    pub fn rows(&self, file: File) -> &[StringRecord] {
        self.files.get(&file).map_or(&[], |rows| rows.as_slice())
    }
}

/// The records of a night and of the night before.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) now: Arc<Tables>,
    pub(crate) before: Option<Arc<Tables>>,
}

impl Pair {
    pub(crate) fn bulk(&self, file: File) -> Arc<Vec<StringRecord>> {
        self.now.files.get(&file).cloned().unwrap_or_default()
    }

    /// First the added and changed rows, then the removed.
    pub(crate) fn delta(&self, file: File, stamp: &str) -> Arc<Vec<StringRecord>> {
        let by_id = |rows: &[StringRecord]| -> HashMap<String, StringRecord> {
            rows.iter().map(|row| (row[0].to_owned(), row.clone())).collect()
        };
        let (now, before) =
            (self.now.rows(file), self.before.as_ref().map_or(&[][..], |of| of.rows(file)));
        let (new, old) = (by_id(now), by_id(before));
        let active = now.iter().filter(|row| old.get(&row[0]) != Some(*row));
        let gone = before.iter().filter(|row| !new.contains_key(&row[0]));
        let marked = |row: &StringRecord, status| {
            let mut row = row.clone();
            mark(&mut row, status, stamp);
            row
        };
        let active = active.map(|row| marked(row, "active"));
        Arc::new(active.chain(gone.map(|row| marked(row, "tobedeleted"))).collect())
    }
}

impl Night {
    /// The id of the second school.
    pub(crate) fn second_school(&self) -> String {
        let mut id = String::new();
        match &self.tables {
            // The first row is the district.
            Some(pair) => {
                pair.now.rows(File::Orgs).get(2).map_or("", |row| &row[0]).clone_into(&mut id)
            }
            None => self.moment.world.id(&mut id, World::school_key(1)),
        }
        id
    }

    /// The id of the first teacher.
    pub(crate) fn first_teacher(&self) -> String {
        let mut id = String::new();
        match &self.tables {
            Some(pair) => {
                let mut rows = pair.now.rows(File::Enrollments).iter();
                rows.find(|row| &row[6] == "teacher").map_or("", |row| &row[5]).clone_into(&mut id);
            }
            None => self.moment.world.id(&mut id, self.moment.first_teacher()),
        }
        id
    }
}
