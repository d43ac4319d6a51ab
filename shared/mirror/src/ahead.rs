//! Records read ahead: unpacked and parsed on a thread of their own, while the ones before are worked on. Parsing is most of what planning costs.

use std::sync::mpsc::{Receiver, sync_channel};

use crate::MirrorError;

/// Records that are handed over at once, and how many such batches may wait.
const BATCH: usize = 128;
const WAITING: usize = 4;

const DOING: &str = "read records ahead";

type Batch<T> = Vec<Result<T, MirrorError>>;

/// The records of an iterator that runs ahead. It ends with the iterator, or with an error: a thread that is gone before its time is no end.
pub(crate) struct Ahead<T> {
    batches: Option<Receiver<Batch<T>>>,
    batch: std::vec::IntoIter<Result<T, MirrorError>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Lets an iterator run ahead. It is stopped by being dropped.
    pub(crate) fn of(mut records: impl Iterator<Item = Result<T, MirrorError>> + Send + 'static) -> Self {
        // Few records need no thread.
        let first: Batch<T> = records.by_ref().take(BATCH).collect();
        if first.len() < BATCH {
            return Self { batches: None, batch: first.into_iter() };
        }
        let (sender, batches) = sync_channel(WAITING);
        std::thread::spawn(move || {
            loop {
                let batch: Batch<T> = records.by_ref().take(BATCH).collect();
                let is_last = batch.is_empty();
                // An empty batch says that there are no more. Nobody listens any more: then nobody needs to know.
                if sender.send(batch).is_err() || is_last {
                    return;
                }
            }
        });
        Self { batches: Some(batches), batch: first.into_iter() }
    }
}

impl<T> Iterator for Ahead<T> {
    type Item = Result<T, MirrorError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.batch.next() {
            return Some(record);
        }
        match self.batches.as_ref()?.recv() {
            Ok(batch) => {
                self.batch = batch.into_iter();
                if self.batch.len() == 0 {
                    self.batches = None;
                }
            }
            Err(_) => {
                self.batches = None;
                return Some(Err(MirrorError::local(DOING, std::io::Error::other("the reading thread is gone"))));
            }
        }
        self.batch.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_in_order_and_all_of_them() {
        for count in [0, 1, BATCH - 1, BATCH, BATCH + 1, BATCH * 7, BATCH * 9 + 5] {
            let read: Result<Vec<usize>, _> = Ahead::of((0..count).map(Ok)).collect();
            assert_eq!(read.unwrap(), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_comes_where_it_stood() {
        let wrong = |n| if n == 300 { Err(MirrorError::Missing { what: "a record" }) } else { Ok(n) };
        let read: Vec<_> = Ahead::of((0..400).map(wrong)).collect();
        assert_eq!(read.len(), 400);
        assert!(read.iter().enumerate().all(|(n, record)| record.is_err() == (n == 300)));
    }

    #[test]
    fn a_thread_that_is_gone_is_an_error_and_no_end() {
        let mut ahead = Ahead::of((0..BATCH * 3).map(|n| if n < BATCH * 2 { Ok(n) } else { panic!("on cue") }));
        assert_eq!(ahead.by_ref().take_while(Result::is_ok).count(), BATCH * 2);
        assert!(ahead.next().is_none());
    }

    #[test]
    fn who_stops_reading_stops_the_thread() {
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let endless = std::iter::repeat_with(move || {
            let _ = &ended;
            Ok(1)
        });
        drop(Ahead::of(endless));
        // The iterator has been dropped, and its end of the channel with it.
        assert!(end.recv().is_err());
    }
}
