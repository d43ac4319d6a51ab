//! Changing what is configured of a district: only what was seen is changed, so that of two people
//! who change at once one is told.

use std::future::Future;

use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};
use xxhash_rust::xxh3::xxh3_64;

use crate::MirrorError;
use crate::ports::districts::Changed;

/// Settings and status of a district, in the state in which they were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// What the operator configured.
    pub settings: Settings,
    /// Where the district stands.
    pub status: DistrictStatus,
    /// Both as they are stored, to the letter.
    pub(crate) stored: (String, String),
}

impl Configured {
    /// Tells one state from another: another after every change.
    pub fn version(&self) -> String {
        let (settings, status) = &self.stored;
        format!("{:016x}", xxh3_64(format!("{settings}\u{1f}{status}").as_bytes()))
    }
}

/// Reading and changing what is configured.
pub trait SettingsStore: Clone + Send + Sync + 'static {
    /// What is configured of a district, or none: there is no such district.
    fn configured(
        &self,
        id: &DistrictId,
    ) -> impl Future<Output = Result<Option<Configured>, MirrorError>> + Send;
    /// Replaces what was seen.
    fn reconfigure(
        &self,
        id: &DistrictId,
        seen: &Configured,
        settings: &Settings,
        status: DistrictStatus,
    ) -> impl Future<Output = Result<Changed, MirrorError>> + Send;
}
