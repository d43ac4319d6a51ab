//! Erasing items and objects permanently, one page at a time.

use std::future::Future;

use crate::MirrorError;

/// An item to erase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemToErase {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
    /// Hash of all attributes.
    pub hash: u128,
}

/// The first items of a partition.
#[derive(Clone, Debug, Default)]
pub struct ItemsToErase {
    /// The items, in the order of their keys.
    pub items: Vec<ItemToErase>,
    /// True if the partition has more items.
    pub more: bool,
}

/// A version of an object to erase, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectToErase {
    /// Key.
    pub key: String,
    /// The version, if the bucket has versioning.
    pub version: Option<String>,
    /// The entity tag, without quotes; empty for a delete marker.
    pub etag: String,
    /// The size in bytes.
    pub size: u64,
}

/// Erases items of the table.
pub trait EraseItems: Clone + Send + Sync + 'static {
    /// Returns the first items of a partition.
    fn first_items(
        &self,
        pk: &str,
    ) -> impl Future<Output = Result<ItemsToErase, MirrorError>> + Send;
    /// Deletes all these items.
    fn erase_items(
        &self,
        items: &[ItemToErase],
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}

/// Erases objects with all versions.
pub trait EraseObjects: Clone + Send + Sync + 'static {
    /// Returns at most 1,000 versions of objects with a prefix, including older versions and delete
    /// markers. Empty if nothing is left.
    fn first_versions(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<ObjectToErase>, MirrorError>> + Send;
    /// Deletes all these versions permanently.
    fn erase_versions(
        &self,
        objects: &[ObjectToErase],
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}
