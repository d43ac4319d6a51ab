//! Taking a district away for good (R-O6): everything in its partitions, and every version of every
//! object.
//!
//! What is deleted is told by hashes and counts, for a certificate that names nobody.

use std::future::Future;

use roster::id::{DistrictId, SHARDS};

use crate::MirrorError;
use crate::keys;

/// All partitions of a district, its own item's last: while that is there, the district is, and
/// erasing can go on.
pub fn partitions(district: &DistrictId) -> impl Iterator<Item = String> {
    let shards = (0..SHARDS).map(|shard| keys::shard_pk(district, shard)).collect::<Vec<_>>();
    shards.into_iter().chain([keys::district_pk(district)])
}

/// Where a district's objects lie in the internal bucket. Certificates lie elsewhere and stay.
pub fn internal_prefixes(district: &DistrictId) -> [String; 6] {
    ["pulls", "snapshots", "runs", "groups", "requests", "refused"]
        .map(|folder| format!("{folder}/{district}/"))
}

/// Where a district's uploads lie in the inbox.
pub fn inbox_prefix(district: &DistrictId) -> String {
    format!("uploads/{district}/")
}

/// The certificate of a district that was erased, or is being.
pub fn certificate(district: &DistrictId) -> String {
    format!("erased/{district}/certificate.json")
}

/// One item that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoomedItem {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
    /// Hash of all its attributes.
    pub hash: u128,
}

/// Items of a partition.
#[derive(Clone, Debug, Default)]
pub struct DoomedItems {
    /// In the order of their keys.
    pub items: Vec<DoomedItem>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// One version of an object that is to go, or a marker that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoomedObject {
    /// Key.
    pub key: String,
    /// Version, where the bucket keeps versions.
    pub version: Option<String>,
    /// Entity tag; empty for a marker.
    pub etag: String,
    /// Bytes.
    pub size: u64,
}

/// Erasing items.
pub trait EraseItems: Clone + Send + Sync + 'static {
    /// The first items of a partition.
    fn first_items(
        &self,
        pk: &str,
    ) -> impl Future<Output = Result<DoomedItems, MirrorError>> + Send;
    /// Takes items away, all of them.
    fn erase_items(
        &self,
        items: &[DoomedItem],
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}

/// Erasing objects.
pub trait EraseObjects: Clone + Send + Sync + 'static {
    /// The first versions of objects below a prefix, older versions and markers too, at most 1,000.
    /// None: there is nothing left.
    fn first_versions(
        &self,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<DoomedObject>, MirrorError>> + Send;
    /// Takes versions away, all of them, for good.
    fn erase_versions(
        &self,
        objects: &[DoomedObject],
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}
