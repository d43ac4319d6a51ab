//! Writes a plan to the mirror: in concurrent batches, stage by stage in the order of the plan,
//! with a cursor that is saved at checkpoints.
//!
//! # Why this is not simply a loop over batches
//!
//! A first load has more than a million items, and a new on-demand table takes some 4,000 writes
//! per second before it scales. The number of concurrent batches adapts to the table: it grows by
//! one per round, and is halved after throttling. The cursor advances only past complete batches,
//! so a killed invocation repeats at most the changes after the last checkpoint. With a checkpoint
//! every 5,000 changes or two seconds, each kill repeats at most 0.14 % of the largest district's
//! changes; with one every 20,000 changes, it repeated 1.4 %.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{FuturesOrdered, StreamExt};
use roster::id::DistrictId;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::MirrorError;
use crate::clock::Deadline;
use crate::files::plan::{Guarded, Prepared, Stage, Work};
use crate::item::RecordWrites;
use crate::ops::edits::{Edited, Edits, Ending, put_link, put_over};
use crate::ports::items::{BATCH, BATCH_BYTES, PutItem, Write, WriteItems};

const DOING: &str = "write to the mirror";

/// The speed limits of writing.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The number of concurrent batches at the start.
    pub first: f64,
    /// The maximum number of concurrent batches.
    pub most: f64,
    /// The maximum first wait after throttling. It doubles with each attempt.
    pub wait: Duration,
    /// The maximum wait.
    pub longest_wait: Duration,
    /// The number of changes after which [`Apply::advance`] returns so that the cursor can be
    /// saved.
    pub checkpoint: u64,
    /// The time after which it returns if anything was written, for a table that is throttled.
    pub checkpoint_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: 8.0,
            most: 64.0,
            wait: Duration::from_millis(50),
            longest_wait: Duration::from_secs(5),
            checkpoint: 5_000,
            checkpoint_after: Duration::from_secs(2),
        }
    }
}

/// Why writing paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// All changes are written.
    Done,
    /// The cursor must be saved.
    Checkpoint,
    /// The invocation must stop. No batch is in progress.
    Deadline,
}

/// The work since the last pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advance {
    /// The reason of the pause.
    pub pause: Pause,
    /// The number of changes from the start of the plan that are all written.
    pub cursor: u64,
    /// Items written or deleted since the last pause.
    pub item_writes: u64,
    /// Write units consumed since the last pause.
    pub write_units: f64,
    /// Changes skipped since the last pause, because the edit or the manual record was changed
    /// after the plan was made.
    pub kept: u64,
}

/// The work of one task.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    changes: u64,
    item_writes: u64,
    write_units: f64,
    kept: u64,
    throttled: bool,
    out_of_time: bool,
}

/// The next work to send.
enum Next {
    /// Up to 25 writes in any order.
    Batch { changes: u64, writes: Vec<Write> },
    /// A record of several items.
    Long(Box<RecordWrites>),
    /// A conditional change of an edit, a link or a manual record.
    Guarded(Box<Guarded>),
    /// The next stage must wait until all batches are complete.
    Barrier,
    /// The plan has no further changes.
    End,
}

/// A task that writes. Dropping it cancels the task, so that no task outlives its [`Apply`]: after
/// a panic, a detached task would go on writing when another run holds the lease.
struct Task(JoinHandle<Result<Done, MirrorError>>);

impl Future for Task {
    type Output = Result<Result<Done, MirrorError>, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The writing of one plan. The caller must call [`Apply::stop`] before it releases the lease.
pub struct Apply<W> {
    items: W,
    district: DistrictId,
    source: mpsc::Receiver<Result<Vec<Prepared>, MirrorError>>,
    waiting: VecDeque<Prepared>,
    stage: Option<Stage>,
    under_way: FuturesOrdered<Task>,
    pace: Pace,
    limit: f64,
    calm: u64,
    deadline: Deadline,
    rng: fastrand::Rng,
    cursor: u64,
    /// True after an incomplete batch: later batches must not advance the cursor.
    broken: bool,
}

impl<W: Edits> Apply<W> {
    /// Returns a writer for the changes of `source`, the first of which has the number `cursor`.
    pub fn new(
        items: W,
        district: DistrictId,
        source: mpsc::Receiver<Result<Vec<Prepared>, MirrorError>>,
        cursor: u64,
        pace: Pace,
        deadline: Deadline,
        rng: fastrand::Rng,
    ) -> Self {
        Self {
            items,
            district,
            source,
            waiting: VecDeque::new(),
            stage: None,
            under_way: FuturesOrdered::new(),
            limit: pace.first,
            pace,
            calm: 0,
            deadline: deadline.separate(),
            rng,
            cursor,
            broken: false,
        }
    }

    /// Writes until all changes are written, the cursor must be saved, or the invocation must stop.
    ///
    /// # Errors
    /// Returns the error of a batch or of the plan. Other batches may still be in progress.
    pub async fn advance(&mut self) -> Result<Advance, MirrorError> {
        let mut advance = Advance {
            pause: Pause::Done,
            cursor: self.cursor,
            item_writes: 0,
            write_units: 0.0,
            kept: 0,
        };
        let pause = self.run(&mut advance).await?;
        Ok(Advance { pause, cursor: self.cursor, ..advance })
    }

    /// Waits until no batch is in progress; none is sent again. After that, the lease can be
    /// released: nothing of this plan is written any more.
    pub async fn stop(mut self) {
        self.deadline.stop();
        while self.under_way.next().await.is_some() {}
    }

    async fn run(&mut self, advance: &mut Advance) -> Result<Pause, MirrorError> {
        let begun = self.cursor;
        let (clock, save_at) = (
            self.deadline.clock().clone(),
            self.deadline.clock().now() + self.pace.checkpoint_after,
        );
        let mut ended = false;
        loop {
            let stopping = self.broken || self.deadline.is_near();
            while !stopping && !ended && self.under_way.len() < self.limit as usize {
                match self.next().await? {
                    Next::Batch { changes, writes } => self.send(changes, vec![writes]),
                    Next::Long(long) => self.send(1, in_order(*long)),
                    Next::Guarded(guarded) => self.send_guarded(*guarded),
                    Next::Barrier if self.under_way.is_empty() => {}
                    Next::Barrier => break,
                    Next::End => ended = true,
                }
            }
            match self.under_way.next().await {
                Some(done) => {
                    self.account(done.map_err(|e| MirrorError::service(DOING, e))??, advance)
                }
                None if stopping => return Ok(Pause::Deadline),
                None if ended => return Ok(Pause::Done),
                None => {}
            }
            if self.cursor - begun >= self.pace.checkpoint
                || self.cursor > begun && clock.now() >= save_at
            {
                return Ok(Pause::Checkpoint);
            }
        }
    }

    fn account(&mut self, done: Done, advance: &mut Advance) {
        advance.item_writes += done.item_writes;
        advance.write_units += done.write_units;
        self.broken |= done.out_of_time;
        if !self.broken {
            self.cursor += done.changes;
            // Changes after an incomplete batch are repeated, and counted at that time.
            advance.kept += done.kept;
        }
        // Additive increase, multiplicative decrease. Batches that were throttled at the same time
        // cause one decrease.
        self.calm += 1;
        if !done.throttled {
            self.limit = (self.limit + 1.0 / self.limit).min(self.pace.most);
        } else if self.calm as f64 >= self.limit {
            self.limit = (self.limit / 2.0).max(1.0);
            self.calm = 0;
        }
    }

    /// Returns the next change, after waiting for it if necessary.
    async fn peek(&mut self) -> Result<Option<&Prepared>, MirrorError> {
        while self.waiting.is_empty() {
            match self.source.recv().await {
                Some(packet) => self.waiting.extend(packet?),
                None => return Ok(None),
            }
        }
        Ok(self.waiting.front())
    }

    async fn next(&mut self) -> Result<Next, MirrorError> {
        let Some(first) = self.peek().await? else { return Ok(Next::End) };
        let stage = first.stage;
        if self.stage != Some(stage) {
            let begins = self.stage.replace(stage).is_none();
            if !begins {
                return Ok(Next::Barrier);
            }
        }
        let (mut changes, mut writes, mut bytes) = (0, Vec::with_capacity(BATCH), 0);
        let mut keys: HashSet<(String, String)> = HashSet::new();
        while let Some(next) = self.peek().await? {
            if next.stage != stage || changes >= 4 * BATCH as u64 {
                break;
            }
            match &next.work {
                Work::Nothing => {}
                Work::Free(record) if record.is_single() => {
                    let size = record.item.size();
                    if writes.len() == BATCH
                        || bytes + size > BATCH_BYTES
                        || !keys.insert(key_of(&record.item))
                    {
                        break;
                    }
                    bytes += size;
                }
                Work::Free(_) | Work::Guarded(_) if changes > 0 => break,
                Work::Free(_) | Work::Guarded(_) => {
                    return Ok(match self.waiting.pop_front().map(|prepared| prepared.work) {
                        Some(Work::Free(long)) => Next::Long(Box::new(long)),
                        Some(Work::Guarded(guarded)) => Next::Guarded(guarded),
                        Some(Work::Nothing) | None => Next::Barrier,
                    });
                }
            }
            if let Some(Work::Free(record)) = self.waiting.pop_front().map(|prepared| prepared.work)
            {
                writes.push(record.item);
            }
            changes += 1;
        }
        Ok(Next::Batch { changes, writes })
    }

    /// Spawns a task that writes steps one after the other.
    fn send(&mut self, changes: u64, steps: Vec<Vec<Write>>) {
        let (items, pace, deadline) =
            (self.items.clone(), self.pace.clone(), self.deadline.clone());
        let mut rng = self.rng.fork();
        self.under_way.push_back(Task(tokio::spawn(async move {
            let mut done = Done { changes, ..Done::default() };
            for step in steps {
                for batch in batches(step) {
                    write_all(&items, batch, &pace, &deadline, &mut rng, &mut done).await?;
                    if done.out_of_time {
                        return Ok(done);
                    }
                }
            }
            Ok(done)
        })));
    }

    /// Spawns a task that makes a conditional change.
    fn send_guarded(&mut self, guarded: Guarded) {
        let (items, district) = (self.items.clone(), self.district.clone());
        let (pace, deadline, mut rng) = (self.pace.clone(), self.deadline.clone(), self.rng.fork());
        self.under_way.push_back(Task(tokio::spawn(async move {
            let mut done = Done { changes: 1, ..Done::default() };
            let mut longest = pace.wait;
            loop {
                let edited = make(&items, &district, &guarded).await?;
                done.item_writes += edited.items;
                done.write_units += edited.units;
                match edited.ending {
                    Ending::Done => return Ok(done),
                    Ending::Changed | Ending::CodeTaken | Ending::AddressTaken => {
                        done.kept += 1;
                        return Ok(done);
                    }
                    Ending::Busy => done.throttled = true,
                }
                if deadline.is_near() {
                    done.out_of_time = true;
                    return Ok(done);
                }
                tokio::time::sleep(longest.mul_f64(rng.f64()).min(deadline.remaining())).await;
                longest = (longest * 2).min(pace.longest_wait);
            }
        })));
    }
}

/// Makes a change if the items are unchanged since the plan was made.
async fn make<W: Edits>(
    items: &W,
    district: &DistrictId,
    guarded: &Guarded,
) -> Result<Edited, MirrorError> {
    match guarded {
        Guarded::Edit { before, after: Some(after) } => {
            items.put_edit(district, after, before.as_ref()).await
        }
        Guarded::Edit { before: Some(before), after: None } => {
            items.take_edit(district, before).await
        }
        Guarded::Edit { before: None, after: None } => {
            Ok(Edited { ending: Ending::Done, items: 0, units: 0.0 })
        }
        Guarded::Link { before, after } => {
            put_link(items, district, before.as_ref(), after.as_ref()).await
        }
        Guarded::Manual { before, after } => {
            put_over(items, district, before.as_ref(), after).await
        }
    }
}

fn key_of(write: &Write) -> (String, String) {
    match write {
        Write::Put(PutItem { pk, sk, .. }) | Write::Delete { pk, sk } => (pk.clone(), sk.clone()),
    }
}

fn in_order(record: RecordWrites) -> Vec<Vec<Write>> {
    vec![record.before, vec![record.item], record.after]
}

fn batches(writes: Vec<Write>) -> Vec<Vec<Write>> {
    let (mut all, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for write in writes {
        let size = write.size();
        if batch.len() == BATCH || (bytes + size > BATCH_BYTES && !batch.is_empty()) {
            all.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(write);
    }
    if !batch.is_empty() {
        all.push(batch);
    }
    all
}

/// Writes a whole batch. Waits a random time before it sends unprocessed writes again.
async fn write_all(
    items: &impl WriteItems,
    mut batch: Vec<Write>,
    pace: &Pace,
    deadline: &Deadline,
    rng: &mut fastrand::Rng,
    done: &mut Done,
) -> Result<(), MirrorError> {
    let mut longest = pace.wait;
    loop {
        let sent = batch.len();
        let written = items.write(batch).await?;
        done.item_writes += (sent - written.left.len()) as u64;
        done.write_units += written.units;
        if written.left.is_empty() {
            return Ok(());
        }
        done.throttled = true;
        if deadline.is_near() {
            done.out_of_time = true;
            return Ok(());
        }
        batch = written.left;
        tokio::time::sleep(longest.mul_f64(rng.f64()).min(deadline.remaining())).await;
        longest = (longest * 2).min(pace.longest_wait);
    }
}
