//! Which districts have connected a source, remembered from one look at its list to the next.

use std::future::Future;

use jiff::Timestamp;
use roster::id::DistrictId;
use serde::{Deserialize, Serialize};

use crate::MirrorError;
use crate::ports::districts::Wrote;

/// A district that was in a source's list at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// Its id at the source.
    pub id: String,
    /// Its id here.
    pub district: DistrictId,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was first missed; none: it was in the list at the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Timestamp>,
    /// Whether operators were told that it is gone.
    #[serde(default)]
    pub told: bool,
}

/// Remembering them.
pub trait ConnectedDistricts: Clone + Send + Sync + 'static {
    /// All that were ever seen at a source (`clever`), in the order of their ids there.
    fn connected(
        &self,
        source: &str,
    ) -> impl Future<Output = Result<Vec<Connected>, MirrorError>> + Send;
    /// Notes one that is not there yet.
    fn add_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> impl Future<Output = Result<Wrote, MirrorError>> + Send;
    /// Replaces one.
    fn update_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> impl Future<Output = Result<(), MirrorError>> + Send;
}
