//! A worker thread that receives work over a channel and returns a result at the end.
//!
//! # Why this is not simply `spawn_blocking`
//!
//! The rules and the readers of files are synchronous and run on threads of their own. The channel
//! is bounded, so a fast producer waits for the worker instead of filling the memory.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::MirrorError;

/// The caller's handle. Dropping it closes the channel; the worker decides whether an unfinished
/// stream is an error.
pub(crate) struct WorkerThread<M, T> {
    sender: Option<SyncSender<M>>,
    thread: Option<JoinHandle<Result<T, MirrorError>>>,
    /// Names the operation in errors.
    doing: &'static str,
}

impl<M: Send + 'static, T: Send + 'static> WorkerThread<M, T> {
    /// Starts the thread. `waiting`: the capacity of the channel.
    pub(crate) fn new(
        doing: &'static str,
        waiting: usize,
        work: impl FnOnce(&Receiver<M>) -> Result<T, MirrorError> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = sync_channel(waiting);
        Self {
            sender: Some(sender),
            thread: Some(std::thread::spawn(move || work(&receiver))),
            doing,
        }
    }

    /// Sends work if the channel has room; otherwise returns it.
    pub(crate) fn offer(&self, work: M) -> Result<(), TrySendError<M>> {
        match &self.sender {
            Some(sender) => sender.try_send(work),
            None => Err(TrySendError::Disconnected(work)),
        }
    }

    /// Sends work, and waits for room if the channel is full.
    pub(crate) fn send(&mut self, work: M) -> Result<(), MirrorError> {
        if self.sender.as_ref().is_some_and(|sender| sender.send(work).is_ok()) {
            return Ok(());
        }
        // The thread ended early: its result has the reason.
        let gone = self.gone();
        self.end().and(Err(gone))
    }

    /// Waits for the thread to end, and returns its result.
    pub(crate) fn end(&mut self) -> Result<T, MirrorError> {
        self.sender = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_else(|| Err(self.gone()))
    }

    fn gone(&self) -> MirrorError {
        MirrorError::local(self.doing, io::Error::other("the worker thread ended early"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adding(waiting: usize) -> WorkerThread<u32, u32> {
        WorkerThread::new("add", waiting, |numbers: &Receiver<u32>| {
            numbers.iter().try_fold(0, |sum, number| match number {
                13 => Err(MirrorError::LeaseLost),
                number => Ok(sum + number),
            })
        })
    }

    #[test]
    fn all_work_is_done_before_the_end() {
        let mut thread = adding(1);
        (1..=10).for_each(|number| thread.send(number).unwrap());
        assert_eq!(thread.end().unwrap(), 55);
        assert!(matches!(thread.offer(1), Err(TrySendError::Disconnected(1))));
    }

    #[test]
    fn a_thread_that_ended_early_or_panicked_is_an_error() {
        let mut thread = adding(0);
        thread.send(13).unwrap();
        assert!(matches!(thread.send(1), Err(MirrorError::LeaseLost)));
        assert!(thread.send(1).unwrap_err().to_string().contains("add"));
        let mut panics =
            WorkerThread::<u32, u32>::new("add", 0, |_| panic!("a panic for the test"));
        assert!(panics.end().is_err());
    }
}
