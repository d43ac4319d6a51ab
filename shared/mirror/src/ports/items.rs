//! Reads and writes items of the mirror, a page or a batch at a time. [`crate::item`] defines their
//! content.

use std::future::Future;

use roster::id::DistrictId;

use crate::MirrorError;

/// An item of a district's shard as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadItem {
    /// The sort key.
    pub sk: String,
    /// JSON, or a piece of it if the body is long.
    pub body: String,
    /// The further pieces of a long body.
    pub more: Option<More>,
}

/// The further pieces of a long body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct More {
    /// The first eight hex digits of the hash of the whole body. They distinguish the pieces of
    /// this body from those of another version.
    pub hash: String,
    /// The number of pieces after the first.
    pub pieces: u32,
}

/// One page of a shard, in the order of sort keys.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The items.
    pub items: Vec<ReadItem>,
    /// The sort key after which the next page begins. `None` on the last page.
    pub next: Option<String>,
    /// The consumed read units.
    pub units: f64,
}

/// A range of sort keys of a shard.
#[derive(Clone, Copy, Debug)]
pub enum Range<'a> {
    /// All sort keys.
    Whole,
    /// Sort keys with this prefix.
    BeginningWith(&'a str),
    /// The sort key of a record, and those of the record's edits, twins and pieces.
    Record(&'a str),
}

/// Reads items of the mirror.
pub trait ReadItems: Clone + Send + Sync + 'static {
    /// Returns one page of a shard.
    fn page(
        &self,
        district: &DistrictId,
        shard: u8,
        range: Range<'_>,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page, MirrorError>> + Send;
}

/// A write without a condition. Both kinds are idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Stores an item and replaces an existing one.
    Put(PutItem),
    /// Deletes an item.
    Delete {
        /// The partition key.
        pk: String,
        /// The sort key.
        sk: String,
    },
}

/// An item of the mirror as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PutItem {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
    /// JSON, or a piece of it if the body is long.
    pub body: String,
    /// The further pieces of a long body.
    pub more: Option<More>,
    /// The hash of the whole body, 16 hex digits. `None` for pieces.
    pub hash: Option<String>,
    /// The run that wrote it.
    pub run: Option<String>,
    /// `active` or `archived`.
    pub status: Option<&'static str>,
    /// The version of a local edit.
    pub version: Option<String>,
    /// The key in the index by e-mail, for records with an e-mail address.
    pub email_key: Option<String>,
    /// The key in the index by school, for records with a school.
    pub school_key: Option<String>,
}

impl Write {
    /// Returns the approximate size in a batch, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Write::Put(item) => 300 + item.pk.len() + item.sk.len() + item.body.len(),
            Write::Delete { pk, sk } => pk.len() + sk.len() + 40,
        }
    }
}

/// The result of writing a batch.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Writes that were not done for lack of capacity. The caller sends them again.
    pub left: Vec<Write>,
    /// The consumed write units.
    pub units: f64,
}

/// The maximum number of writes in a batch.
pub const BATCH: usize = 25;

/// The maximum size of a batch in bytes, with a margin because [`Write::size`] is approximate.
pub const BATCH_BYTES: usize = 14 * 1024 * 1024;

/// Writes items of the mirror.
pub trait WriteItems: Clone + Send + Sync + 'static {
    /// Writes at most [`BATCH`] items in any order, completely or in part. Throttling is not an
    /// error: the writes are returned in [`Written::left`].
    fn write(&self, batch: Vec<Write>)
    -> impl Future<Output = Result<Written, MirrorError>> + Send;
}
