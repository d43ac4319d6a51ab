//! Reading and writing the items of the mirror, a page or a batch at a time. What is in an item is
//! [`crate::item`]'s matter.

use std::future::Future;

use roster::id::DistrictId;

use crate::MirrorError;

/// One item of a district's shard as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadItem {
    /// Sort key.
    pub sk: String,
    /// JSON, or a piece of it.
    pub body: String,
    /// Whether and where the body goes on.
    pub more: Option<More>,
}

/// A body that goes on in further items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct More {
    /// First eight hex digits of the hash of the whole body: tells the pieces of this body from
    /// those of another version.
    pub hash: String,
    /// How many pieces there are beside the first.
    pub pieces: u32,
}

/// One page of a shard, in the order of sort keys.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its items.
    pub items: Vec<ReadItem>,
    /// The sort key after which the next page begins; none: this was the last.
    pub next: Option<String>,
    /// Read units consumed.
    pub units: f64,
}

/// Which sort keys of a shard are read.
#[derive(Clone, Copy, Debug)]
pub enum Range<'a> {
    /// All.
    Whole,
    /// Those that begin with this text.
    BeginningWith(&'a str),
    /// That of a record, and those that continue it.
    Record(&'a str),
}

/// Reading mirror items.
pub trait ReadItems: Clone + Send + Sync + 'static {
    /// One page of a shard.
    fn page(
        &self,
        district: &DistrictId,
        shard: u8,
        range: Range<'_>,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page, MirrorError>> + Send;
}

/// One write. Both are idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Puts an item, whatever was there.
    Put(PutItem),
    /// Takes an item away: a link, or a piece of an older version of a roster. Never a record.
    Delete {
        /// Partition key.
        pk: String,
        /// Sort key.
        sk: String,
    },
}

/// An item of the mirror as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PutItem {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
    /// JSON, or a piece of it.
    pub body: String,
    /// Where the body goes on.
    pub more: Option<More>,
    /// Hash of the whole body, 16 hex digits; none for pieces.
    pub hash: Option<String>,
    /// The run that wrote it.
    pub run: Option<String>,
    /// `active` or `archived`.
    pub status: Option<&'static str>,
    /// The version of a local edit.
    pub version: Option<String>,
    /// For the index by e-mail: present where an e-mail is.
    pub email_key: Option<String>,
    /// For the index by school: present where a school is.
    pub school_key: Option<String>,
}

impl Write {
    /// Bytes that the item counts for in a batch, about.
    pub fn size(&self) -> usize {
        match self {
            Write::Put(item) => 300 + item.pk.len() + item.sk.len() + item.body.len(),
            Write::Delete { pk, sk } => pk.len() + sk.len() + 40,
        }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// What was not done, for lack of capacity; to be sent again.
    pub left: Vec<Write>,
    /// Write units consumed.
    pub units: f64,
}

/// The most writes that a batch takes.
pub const BATCH: usize = 25;

/// The most bytes that a batch takes, with room for what [`Write::size`] does not see.
pub const BATCH_BYTES: usize = 14 * 1024 * 1024;

/// Writing mirror items.
pub trait WriteItems: Clone + Send + Sync + 'static {
    /// Writes at most [`BATCH`] items, in no order, all or some of them. Being throttled is not an
    /// error: all is left.
    fn write(&self, batch: Vec<Write>)
    -> impl Future<Output = Result<Written, MirrorError>> + Send;
}
