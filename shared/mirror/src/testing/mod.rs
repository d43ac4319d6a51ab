//! Test doubles of every port: in memory, and failing at a chosen call (feature `test-support`).

pub mod failing;
pub mod memory;

use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};

use crate::MirrorError;
use crate::ports::district_settings::SettingsStore;
use crate::ports::districts::Changed;

/// Replaces settings and status of a district unconditionally.
#[expect(async_fn_in_trait, reason = "only tests call it, on their own thread")]
pub trait Configure: SettingsStore {
    /// Returns `Changed::No` if the district does not exist.
    async fn configure(
        &self,
        id: &DistrictId,
        settings: &Settings,
        status: DistrictStatus,
    ) -> Result<Changed, MirrorError> {
        match self.configured(id).await? {
            Some(seen) => self.reconfigure(id, &seen, settings, status).await,
            None => Ok(Changed::No),
        }
    }
}

impl<T: SettingsStore> Configure for T {}
