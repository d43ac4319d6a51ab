//! The districts that have connected a source, stored from one discovery to the next.

use std::future::Future;

use jiff::Timestamp;
use roster::id::DistrictId;
use serde::{Deserialize, Serialize};

use crate::MirrorError;
use crate::ports::districts::Wrote;

/// A district that a source has listed at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// The id at the source.
    pub id: String,
    /// The id in Rollbook.
    pub district: DistrictId,
    /// When it was first listed.
    pub since: Timestamp,
    /// When it was first missing from the list. `None` if the last discovery found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Timestamp>,
    /// True if operators were notified that it is disconnected.
    #[serde(default, rename = "told")]
    pub notified: bool,
}

/// Stores connected districts.
pub trait ConnectedDistricts: Clone + Send + Sync + 'static {
    /// Returns all districts that a source (`clever`) has ever listed, sorted by their ids there.
    fn connected(
        &self,
        source: &str,
    ) -> impl Future<Output = Result<Vec<Connected>, MirrorError>> + Send;
    /// Adds a district, unless it is already stored.
    fn add_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
    /// Replaces a district.
    fn update_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}
