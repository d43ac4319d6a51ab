//! Settings and status of districts in memory.

use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};
use serde::Serialize;

use super::{MemoryTable, lock};
use crate::MirrorError;
use crate::ports::district_settings::{Configured, SettingsStore};
use crate::ports::districts::Changed;

fn text(value: &impl Serialize) -> Result<String, MirrorError> {
    serde_json::to_string(value).map_err(|e| MirrorError::corrupt("the district's item", e))
}

fn configured(settings: &Settings, status: DistrictStatus) -> Result<Configured, MirrorError> {
    Ok(Configured { settings: settings.clone(), status, stored: (text(settings)?, text(&status)?) })
}

impl SettingsStore for MemoryTable {
    async fn configured(&self, id: &DistrictId) -> Result<Option<Configured>, MirrorError> {
        let table = lock(&self.0);
        table
            .districts
            .get(id)
            .map(|district| configured(&district.settings, district.status))
            .transpose()
    }

    async fn reconfigure(
        &self,
        id: &DistrictId,
        seen: &Configured,
        settings: &Settings,
        status: DistrictStatus,
    ) -> Result<Changed, MirrorError> {
        let mut table = lock(&self.0);
        let Some(district) = table.districts.get_mut(id) else { return Ok(Changed::No) };
        if configured(&district.settings, district.status)?.stored != seen.stored {
            return Ok(Changed::No);
        }
        district.settings = settings.clone();
        district.status = status;
        Ok(Changed::Yes)
    }
}
