//! Transactions: several conditional writes that are done completely or not at all.

use std::future::Future;

use crate::MirrorError;
use crate::ports::items::{PutItem, Write};

/// A write with the condition on the existing item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The write.
    pub write: Write,
    /// The condition. `None` means that the write is unconditional.
    pub check: Option<Check>,
}

/// A condition on the existing item.
///
/// The condition of a put must also accept the item that the put writes, so that a write whose
/// answer was lost can be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// True if the item may be missing.
    pub absent: bool,
    /// The attribute that identifies the state of the item.
    pub mark: Mark,
    /// The accepted values of the attribute.
    pub among: Vec<String>,
}

/// An attribute that identifies the state of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The version of a local edit.
    Version,
    /// The hash of a record's body.
    Hash,
    /// The whole body, for small items.
    Body,
}

impl Mark {
    /// Returns the name of the attribute.
    pub fn name(self) -> &'static str {
        match self {
            Mark::Version => "version",
            Mark::Hash => "hash",
            Mark::Body => "body",
        }
    }

    fn of(self, item: &PutItem) -> Option<&str> {
        match self {
            Mark::Version => item.version.as_deref(),
            Mark::Hash => item.hash.as_deref(),
            Mark::Body => Some(&item.body),
        }
    }
}

impl Check {
    /// Returns true if the existing item meets the condition.
    pub fn holds(&self, there: Option<&PutItem>) -> bool {
        match there {
            None => self.absent,
            Some(item) => {
                self.mark.of(item).is_some_and(|mark| self.among.iter().any(|one| one == mark))
            }
        }
    }
}

/// The result of a transaction.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Transacted {
    /// How it ended.
    pub end: End,
    /// The consumed write units.
    pub units: f64,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All writes are done.
    Done,
    /// Nothing is written: the condition of a step was not met.
    Refused {
        /// The first such step, counted from 0.
        step: usize,
    },
    /// Nothing is written, for lack of capacity or because of concurrent writes of the same items.
    /// The caller sends it again.
    Throttled,
}

/// The maximum number of writes in a transaction.
pub const MOST_STEPS: usize = 100;

/// Writes transactions.
pub trait Transact: Clone + Send + Sync + 'static {
    /// Does all steps or none: 1 to [`MOST_STEPS`] steps, each on a different item.
    fn transact(
        &self,
        steps: Vec<Step>,
    ) -> impl Future<Output = Result<Transacted, MirrorError>> + Send;
    /// Returns the body of an item by a consistent read, or `None` if the item does not exist.
    fn body(
        &self,
        pk: &str,
        sk: &str,
    ) -> impl Future<Output = Result<Option<String>, MirrorError>> + Send;
}
