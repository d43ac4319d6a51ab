//! Settings and status of a district. A change is made only if they have not changed since they
//! were read, so that two people do not overwrite each other's changes.

use std::future::Future;

use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};
use xxhash_rust::xxh3::xxh3_64;

use crate::MirrorError;
use crate::ports::districts::Changed;

/// Settings and status of a district as they were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// The settings.
    pub settings: Settings,
    /// The status.
    pub status: DistrictStatus,
    /// Both in their stored form.
    pub(crate) stored: (String, String),
}

impl Configured {
    /// Returns a text that differs after every change.
    pub fn version(&self) -> String {
        let (settings, status) = &self.stored;
        format!("{:016x}", xxh3_64(format!("{settings}\u{1f}{status}").as_bytes()))
    }
}

/// Reads and changes settings and status.
pub trait SettingsStore: Clone + Send + Sync + 'static {
    /// Returns settings and status, or `None` if the district does not exist.
    fn configured(
        &self,
        id: &DistrictId,
    ) -> impl Future<Output = Result<Option<Configured>, MirrorError>> + Send;
    /// Replaces settings and status. Returns `Changed::No` if they are no longer those of `seen`.
    fn reconfigure(
        &self,
        id: &DistrictId,
        seen: &Configured,
        settings: &Settings,
        status: DistrictStatus,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
}
