//! Unpacks a file and splits it into rows in a thread of its own, while the rows before are
//! interpreted: the two take about as long. The rows of a server's list are made of its objects
//! likewise.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use encoding_rs::Encoding;

use super::feed::{Mark, Source};
use super::package::Package;
use super::rows::{Cell, Next, Oddities, Rows};

/// About how much text is handed over at once, in bytes.
const BATCH: usize = 128 << 10;

/// How many batches may wait.
const WAITING: usize = 4;

/// Rows, split.
#[derive(Default)]
struct Batch {
    text: String,
    cells: Vec<Cell>,
    rows: Vec<Place>,
    /// What comes behind the rows, if that is not another batch.
    end: Option<Next>,
    mark: Mark,
    read: u64,
    bare_returns: bool,
}

/// Where a row ends in its batch; it begins where the one before ends.
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

/// The rows of a file, split ahead of who reads them.
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
    /// Goes to the next row that is not an empty line.
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
            // The other side ends with a batch that has an end, or with an error.
            let batch =
                self.full.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))??;
            // The other side may have ended.
            let _ = self.used.send(std::mem::replace(&mut self.batch, batch));
            self.next = 0;
        }
    }

    /// The text of the row; its cells lie in it.
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

    /// Whether lines that end in a carriage return alone were met.
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
                // Who stopped listening does not want to know.
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

/// Makes rows of what is no file, cell by cell.
pub(crate) struct RowBuilder<'m> {
    batch: Batch,
    /// Where the text of the row begins.
    begin: usize,
    line: u32,
    misread: Option<u16>,
    sender: &'m SyncSender<io::Result<Batch>>,
    empty: &'m Receiver<Batch>,
}

impl RowBuilder<'_> {
    /// The text of the row so far: what is appended to it is the next cell, once
    /// [`RowBuilder::end_cell`] says so.
    pub(crate) fn text(&mut self) -> &mut String {
        &mut self.batch.text
    }

    /// Where the next cell begins, for [`RowBuilder::end_cell`].
    pub(crate) fn begin_cell(&mut self) -> usize {
        // Rows are compared by their text (check 26): two cells must not run into one.
        self.batch.text.push('\u{1e}');
        self.batch.text.len()
    }

    /// All that was appended since is one cell.
    pub(crate) fn end_cell(&mut self, begin: usize) {
        let cell = Cell::between(begin - self.begin, self.batch.text.len() - self.begin);
        self.batch.cells.push(cell);
    }

    /// The cell that comes next cannot be read.
    pub(crate) fn misread(&mut self, at: usize) {
        self.misread.get_or_insert(u16::try_from(at).unwrap_or(Oddities::NO_OBJECT));
    }

    /// The row comes from something that is no object.
    pub(crate) fn no_object(&mut self) {
        self.misread = Some(Oddities::NO_OBJECT);
    }

    /// Ends a row. False: nobody listens any more.
    pub(crate) fn end_row(&mut self) -> bool {
        let oddities = Oddities { misread: self.misread.take(), ..Oddities::default() };
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

    /// So many bytes were read.
    pub(crate) fn note_read(&mut self, bytes: u64) {
        self.batch.read += bytes;
    }
}

/// Runs `work` with rows that `make` makes. The first is the header; the others are numbered from
/// 1.
pub(crate) fn with_made<T>(
    make: impl FnOnce(&mut RowBuilder<'_>) -> io::Result<()> + Send,
    work: impl FnOnce(Ahead) -> T,
) -> T {
    thread::scope(|scope| {
        let (sender, full) = sync_channel(WAITING);
        let (used, empty) = channel();
        scope.spawn(move || {
            let mut maker = RowBuilder {
                batch: Batch::default(),
                begin: 0,
                line: 0,
                misread: None,
                sender: &sender,
                empty: &empty,
            };
            match make(&mut maker) {
                Ok(()) => _ = maker.hand_over(Some(Next::End)),
                // Who stopped listening does not want to know.
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
