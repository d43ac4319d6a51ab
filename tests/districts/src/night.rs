//! A night of a district, and the rows of its files.

use std::sync::Arc;

use csv::StringRecord;
use jiff::ToSpan;
use jiff::civil::Date;

use crate::moment::Moment;
use crate::rows::{Batch, File};
use crate::tables::Pair;
use crate::world::World;
use crate::{Defect, Version};

/// Whether a file has all records or the changes since the night before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All records. `status` and `dateLastModified` are blank.
    Bulk,
    /// Added and changed records as `active`, removed records as `tobedeleted`. On night 0 every
    /// record is added.
    Delta,
}

/// A district's data on one night. See [`District::night`](crate::District::night).
#[derive(Clone)]
pub struct Night {
    pub(crate) moment: Moment,
    default_mode: Mode,
    modes: Vec<(File, Mode)>,
    pub(crate) defects: Vec<Defect>,
    /// The caller's records instead of the district's own.
    pub(crate) tables: Option<Pair>,
}

impl Night {
    pub(crate) fn new(world: &Arc<World>, night: u32) -> Self {
        Self {
            moment: Moment::new(world, night),
            default_mode: Mode::Bulk,
            modes: Vec::new(),
            defects: Vec::new(),
            tables: None,
        }
    }

    /// Writes every file as a delta.
    #[must_use]
    pub fn delta(mut self) -> Self {
        self.default_mode = Mode::Delta;
        self
    }

    /// Sets the mode of one file.
    #[must_use]
    pub fn mode(mut self, file: File, mode: Mode) -> Self {
        self.modes.push((file, mode));
        self
    }

    /// Leaves out a percentage of the students with their rows, and the guardians who have no other
    /// child. The run of such a file must be held. The same students are missing every night.
    #[must_use]
    pub fn without_students(mut self, percent: f64) -> Self {
        self.moment.leave_out(percent);
        self
    }

    /// Adds a defect to the files. Can be called several times.
    ///
    /// Does not affect [`rows`](Self::rows) and [`expected`](Self::expected).
    #[must_use]
    pub fn with(mut self, defect: Defect) -> Self {
        self.defects.push(defect);
        self
    }

    /// The date of this night.
    pub fn date(&self) -> Date {
        self.moment.world.first_night.saturating_add(i64::from(self.moment.night).days())
    }

    /// The district's name, also the name of its org.
    pub fn district_name(&self) -> &str {
        &self.moment.world.name
    }

    /// The version of the files.
    pub fn version(&self) -> Version {
        self.moment.world.version
    }

    /// The mode of a file.
    pub fn mode_of(&self, file: File) -> Mode {
        self.modes
            .iter()
            .rev()
            .find(|(of, _)| *of == file)
            .map_or(self.default_mode, |(_, mode)| *mode)
    }

    /// The columns of a file, including the district's own.
    pub fn columns(&self, file: File) -> Vec<String> {
        let own: &[&str] = if file == File::Users && self.moment.world.metadata {
            &crate::rows::METADATA
        } else {
            &[]
        };
        file.columns(self.version()).iter().chain(own).map(|column| (*column).to_owned()).collect()
    }

    /// The time of change of this night's changes.
    pub(crate) fn stamp(&self) -> String {
        format!("{}T05:00:00.000Z", self.date())
    }

    /// The rows of a file, without its header, before any defect.
    pub fn rows(&self, file: File) -> Rows {
        let mode = self.mode_of(file);
        let before = (mode == Mode::Delta && self.moment.night > 0)
            .then(|| Moment::new(&self.moment.world, self.moment.night - 1));
        Rows {
            slots: self.moment.slots(file),
            now: self.moment.clone(),
            before,
            file,
            given: self.tables.as_ref().map(|pair| match mode {
                Mode::Bulk => pair.bulk(file),
                Mode::Delta => pair.delta(file, &self.stamp()),
            }),
            stamp: (mode == Mode::Delta).then(|| self.stamp()),
            slot: 0,
            batch: Batch::default(),
            old: Batch::default(),
            next: 0,
        }
    }
}

/// The rows of a file, one at a time, in constant memory.
pub struct Rows {
    now: Moment,
    before: Option<Moment>,
    file: File,
    /// The caller's rows.
    given: Option<Arc<Vec<StringRecord>>>,
    /// The time of change in delta rows.
    stamp: Option<String>,
    slot: u64,
    slots: u64,
    batch: Batch,
    old: Batch,
    next: usize,
}

impl Rows {
    /// The next row. `None` at the end. Not an iterator, because the row is borrowed to avoid an
    /// allocation.
    pub fn next_row(&mut self) -> Option<&StringRecord> {
        if self.given.is_some() {
            self.next += 1;
            return self.given.as_ref()?.get(self.next - 1);
        }
        while self.next == self.batch.rows().len() {
            if self.slot == self.slots {
                return None;
            }
            self.next = 0;
            self.fill();
            self.slot += 1;
        }
        self.next += 1;
        Some(&self.batch.rows()[self.next - 1])
    }

    fn fill(&mut self) {
        self.batch.clear();
        let Some(stamp) = &self.stamp else {
            self.now.rows(self.file, self.slot, &mut self.batch);
            return;
        };
        // Compare the rows of both nights: first the added and changed rows, then the removed.
        self.old.clear();
        self.now.rows(self.file, self.slot, &mut self.old);
        let tonight = self.old.rows().len();
        if let Some(before) = &self.before {
            before.rows(self.file, self.slot, &mut self.old);
        }
        let (new, old) = self.old.rows().split_at(tonight);
        for row in new.iter().filter(|row| !old.contains(row)) {
            mark(self.batch.push(row), "active", stamp);
        }
        for row in old.iter().filter(|row| !new.iter().any(|new| new.get(0) == row.get(0))) {
            mark(self.batch.push(row), "tobedeleted", stamp);
        }
    }
}

/// Fills in status and time of change.
pub(crate) fn mark(row: &mut StringRecord, status: &str, stamp: &str) {
    let mut marked = StringRecord::with_capacity(row.as_slice().len() + 40, row.len());
    for (i, cell) in row.iter().enumerate() {
        marked.push_field(match i {
            1 => status,
            2 => stamp,
            _ => cell,
        });
    }
    *row = marked;
}
