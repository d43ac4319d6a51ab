//! Erasing a district permanently (R-O6): all its partitions, and every version of its objects.
//!
//! roster-api repeats pages of [`crate::ports::erase`] until nothing is left. The erasure
//! certificate contains only hashes and counts.

use roster::id::{DistrictId, SHARDS};

use crate::keys;

/// Returns all partitions of a district. The partition of the district's own item is the last:
/// while it exists, the district exists and erasing can continue.
pub fn partitions(district: &DistrictId) -> impl Iterator<Item = String> {
    let shards = (0..SHARDS).map(|shard| keys::shard_pk(district, shard)).collect::<Vec<_>>();
    shards.into_iter().chain([keys::district_pk(district)])
}

/// Returns the prefixes of a district's objects in the internal bucket. Certificates have another
/// prefix and are not erased.
pub fn internal_prefixes(district: &DistrictId) -> [String; 6] {
    ["pulls", "snapshots", "runs", "groups", "requests", "refused"]
        .map(|folder| format!("{folder}/{district}/"))
}

/// Returns the prefix of a district's uploads in the inbox.
pub fn inbox_prefix(district: &DistrictId) -> String {
    format!("uploads/{district}/")
}

/// Returns the key of the certificate of an erased district.
pub fn certificate(district: &DistrictId) -> String {
    format!("erased/{district}/certificate.json")
}
