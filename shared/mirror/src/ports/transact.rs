//! A few writes that are all done or none, each under a condition. What it is good for is
//! [`crate::ops::edits`]' matter.

use std::future::Future;

use crate::MirrorError;
use crate::ports::items::{PutItem, Write};

/// One write, and what must hold of the item that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The write.
    pub write: Write,
    /// The condition; none: it is written whatever is there.
    pub check: Option<Check>,
}

/// What must hold of the item that is there.
///
/// A condition of a put also takes what the put itself leaves behind, so that a write whose answer
/// was lost can be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whether none may be there.
    pub absent: bool,
    /// The attribute that tells one state of the item from another.
    pub mark: Mark,
    /// The values that it may have.
    pub among: Vec<String>,
}

/// An attribute that tells states of an item apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The version of a local edit.
    Version,
    /// The hash of a record's body.
    Hash,
    /// The whole body, of small items.
    Body,
}

impl Mark {
    /// The attribute's name.
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
    /// Whether it holds of what is there.
    pub fn holds(&self, there: Option<&PutItem>) -> bool {
        match there {
            None => self.absent,
            Some(item) => {
                self.mark.of(item).is_some_and(|mark| self.among.iter().any(|one| one == mark))
            }
        }
    }
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Transacted {
    /// Whether it was done.
    pub end: End,
    /// Write units consumed.
    pub units: f64,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All of it is done.
    Done,
    /// None of it is: the condition of this step, counted from 0, did not hold.
    Refused {
        /// The first such step.
        step: usize,
    },
    /// None of it is, for lack of capacity or because others write the same items; to be sent
    /// again.
    Throttled,
}

/// The most writes that a transaction takes.
pub const MOST_STEPS: usize = 100;

/// Writing under conditions.
pub trait Transact: Clone + Send + Sync + 'static {
    /// Does all steps, 1 to [`MOST_STEPS`] of them on different items, or none.
    fn transact(
        &self,
        steps: Vec<Step>,
    ) -> impl Future<Output = Result<Transacted, MirrorError>> + Send;
    /// The body of one item, as it is after every write that was answered; or none.
    fn body(
        &self,
        pk: &str,
        sk: &str,
    ) -> impl Future<Output = Result<Option<String>, MirrorError>> + Send;
}
