//! Unpacks a file and splits it into rows on another thread.
//!
//! # Why this is not simply an iterator over rows
//!
//! Unpacking and splitting a file take about as long as validating and storing its rows, so on two
//! cores both run side by side. Rows are handed over in batches of 128 KB, because a message per
//! row would cost more than the row. Batches are reused: the reader sends them back, so that a file
//! of any size needs only a few allocations. There is no measurement of this step alone.
//!
//! The rows of a server's list are built from its objects in the same way ([`RowBuilder`]).

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use encoding_rs::Encoding;

use super::feed::{Mark, Source};
use super::package::Package;
use super::rows::{Cell, Next, Oddities, Rows};

/// Minimum size of the text of a batch, in bytes.
const BATCH: usize = 128 << 10;

/// Maximum number of batches that wait for the reader.
const WAITING: usize = 4;

/// Rows that are already split.
#[derive(Default)]
struct Batch {
    text: String,
    cells: Vec<Cell>,
    rows: Vec<Place>,
    /// What follows the rows, unless it is another batch.
    end: Option<Next>,
    mark: Mark,
    read: u64,
    bare_returns: bool,
}

/// The end of a row in its batch. The row begins at the end of the previous one.
#[derive(Clone, Copy, Default)]
struct Place {
    text: usize,
    cells: usize,
    line: u32,
    oddities: Oddities,
}

impl Batch {
    fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
        self.rows.clear();
        self.end = None;
    }
}

/// The rows of a file, split ahead of their use.
pub(crate) struct Ahead {
    full: Receiver<io::Result<Batch>>,
    used: Sender<Batch>,
    batch: Batch,
    /// The next row of the batch.
    next: usize,
    begin: Place,
    row: Place,
}

impl Ahead {
    /// Moves to the next row that is not an empty line.
    pub(super) fn advance(&mut self) -> io::Result<Next> {
        loop {
            if let Some(&row) = self.batch.rows.get(self.next) {
                self.begin = if self.next == 0 { Place::default() } else { self.row };
                self.row = row;
                self.next += 1;
                return Ok(Next::Row);
            }
            if let Some(end) = self.batch.end {
                return Ok(end);
            }
            // The sender always finishes with a batch that has an end, or with an error.
            let batch =
                self.full.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))??;
            // The sender may have finished.
            let _ = self.used.send(std::mem::replace(&mut self.batch, batch));
            self.next = 0;
        }
    }

    /// The text of the row, which contains its cells.
    pub(super) fn text(&self) -> &str {
        &self.batch.text[self.begin.text..self.row.text]
    }

    pub(super) fn cells(&self) -> &[Cell] {
        &self.batch.cells[self.begin.cells..self.row.cells]
    }

    /// The line on which the row begins.
    pub(super) fn line(&self) -> u32 {
        self.row.line
    }

    pub(super) fn oddities(&self) -> Oddities {
        self.row.oddities
    }

    pub(super) fn mark(&self) -> Mark {
        self.batch.mark
    }

    /// Bytes read so far.
    pub(super) fn read(&self) -> u64 {
        self.batch.read
    }

    /// Whether some line ends in a carriage return alone.
    pub(super) fn bare_returns(&self) -> bool {
        self.batch.bare_returns
    }
}

/// Runs `work` with the rows of a file of a package.
pub(super) fn with_file<T>(
    package: &mut dyn Package,
    index: usize,
    fallback: Option<&'static Encoding>,
    work: impl FnOnce(Ahead) -> T,
) -> T {
    thread::scope(|scope| {
        let (sender, full) = sync_channel(WAITING);
        let (used, empty) = channel();
        scope.spawn(move || {
            if let Err(error) = split(package, index, fallback, &sender, &empty) {
                // The receiver is gone; there is nothing to report.
                let _ = sender.send(Err(error));
            }
        });
        work(Ahead {
            full,
            used,
            batch: Batch::default(),
            next: 0,
            begin: Place::default(),
            row: Place::default(),
        })
    })
}

fn split(
    package: &mut dyn Package,
    index: usize,
    fallback: Option<&'static Encoding>,
    sender: &SyncSender<io::Result<Batch>>,
    empty: &Receiver<Batch>,
) -> io::Result<()> {
    let mut rows = Rows::new(Source::new(package.open(index)?), fallback);
    loop {
        let mut batch = empty.try_recv().unwrap_or_default();
        batch.clear();
        while batch.text.len() < BATCH && batch.end.is_none() {
            match rows.advance()? {
                Next::Row => {
                    batch.text.push_str(rows.text());
                    batch.cells.extend_from_slice(rows.cells());
                    let (text, cells) = (batch.text.len(), batch.cells.len());
                    batch.rows.push(Place {
                        text,
                        cells,
                        line: rows.line,
                        oddities: rows.oddities,
                    });
                }
                end => batch.end = Some(end),
            }
        }
        (batch.mark, batch.read, batch.bare_returns) =
            (rows.source().mark, rows.source().read, rows.bare_returns);
        let is_last = batch.end.is_some();
        if sender.send(Ok(batch)).is_err() || is_last {
            return Ok(());
        }
    }
}

/// Builds rows that do not come from a file, cell by cell.
pub(crate) struct RowBuilder<'m> {
    batch: Batch,
    /// Where the text of the row begins.
    begin: usize,
    line: u32,
    misread: Option<u16>,
    misread_optional: Option<u16>,
    sender: &'m SyncSender<io::Result<Batch>>,
    empty: &'m Receiver<Batch>,
}

impl RowBuilder<'_> {
    /// The text of the batch. Append the text of a cell between [`RowBuilder::begin_cell`] and
    /// [`RowBuilder::end_cell`].
    pub(crate) fn text(&mut self) -> &mut String {
        &mut self.batch.text
    }

    /// Begins a cell and returns its position, for [`RowBuilder::end_cell`].
    pub(crate) fn begin_cell(&mut self) -> usize {
        // Rows are compared by their text (check 26), so cells need a separator.
        self.batch.text.push('\u{1e}');
        self.batch.text.len()
    }

    /// Ends a cell: all text appended since `begin`.
    pub(crate) fn end_cell(&mut self, begin: usize) {
        let cell = Cell::between(begin - self.begin, self.batch.text.len() - self.begin);
        self.batch.cells.push(cell);
    }

    /// Marks a cell as unreadable.
    pub(crate) fn misread(&mut self, at: usize) {
        self.misread.get_or_insert(u16::try_from(at).unwrap_or(Oddities::NO_OBJECT));
    }

    /// Marks a cell as unreadable whose value the record can do without.
    pub(crate) fn misread_optional(&mut self, at: usize) {
        self.misread_optional.get_or_insert(u16::try_from(at).unwrap_or(Oddities::NO_OBJECT));
    }

    /// Marks the row as made from something that is not an object.
    pub(crate) fn no_object(&mut self) {
        self.misread = Some(Oddities::NO_OBJECT);
    }

    /// Ends a row. Returns false if the reader has stopped.
    pub(crate) fn end_row(&mut self) -> bool {
        let oddities = Oddities {
            misread: self.misread.take(),
            misread_optional: self.misread_optional.take(),
            ..Oddities::default()
        };
        let (text, cells) = (self.batch.text.len(), self.batch.cells.len());
        self.batch.rows.push(Place { text, cells, line: self.line, oddities });
        self.line = self.line.saturating_add(1);
        self.begin = text;
        text < BATCH || self.hand_over(None)
    }

    fn hand_over(&mut self, end: Option<Next>) -> bool {
        let mut next = self.empty.try_recv().unwrap_or_default();
        next.clear();
        next.read = self.batch.read;
        let mut batch = std::mem::replace(&mut self.batch, next);
        batch.end = end;
        self.begin = 0;
        self.sender.send(Ok(batch)).is_ok()
    }

    /// Adds to the number of bytes read.
    pub(crate) fn note_read(&mut self, bytes: u64) {
        self.batch.read += bytes;
    }
}

/// Runs `work` with the rows that `make` builds on another thread. The first row is the header; the
/// others are numbered from 1.
pub(crate) fn with_made<T>(
    make: impl FnOnce(&mut RowBuilder<'_>) -> io::Result<()> + Send,
    work: impl FnOnce(Ahead) -> T,
) -> T {
    thread::scope(|scope| {
        let (sender, full) = sync_channel(WAITING);
        let (used, empty) = channel();
        scope.spawn(move || {
            let mut builder = RowBuilder {
                batch: Batch::default(),
                begin: 0,
                line: 0,
                misread: None,
                misread_optional: None,
                sender: &sender,
                empty: &empty,
            };
            match make(&mut builder) {
                Ok(()) => _ = builder.hand_over(Some(Next::End)),
                // The receiver is gone; there is nothing to report.
                Err(error) => _ = sender.send(Err(error)),
            }
        });
        work(Ahead {
            full,
            used,
            batch: Batch::default(),
            next: 0,
            begin: Place::default(),
            row: Place::default(),
        })
    })
}
