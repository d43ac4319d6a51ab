//! Settings and status of a district, changed under a condition.

use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};

use super::{DynamoTable, PK, SK, failed, from_json, json, s, text};
use crate::MirrorError;
use crate::keys;
use crate::ports::district_settings::{Configured, SettingsStore};
use crate::ports::districts::Changed;

const DISTRICT: &str = "the district's item";

impl SettingsStore for DynamoTable {
    async fn configured(&self, id: &DistrictId) -> Result<Option<Configured>, MirrorError> {
        let item =
            self.get(keys::district_pk(id), keys::SETTINGS.into(), "read the district").await?;
        let Some(item) = item else { return Ok(None) };
        let stored = |name: &str| text(&item, name).map(str::to_owned);
        let (Some(settings), Some(status)) = (stored("settings"), stored("district_status")) else {
            return Err(MirrorError::corrupt(DISTRICT, "an attribute is missing"));
        };
        Ok(Some(Configured {
            settings: from_json(Some(&settings), DISTRICT)?,
            status: from_json(Some(&status), DISTRICT)?,
            stored: (settings, status),
        }))
    }

    async fn reconfigure(
        &self,
        id: &DistrictId,
        seen: &Configured,
        settings: &Settings,
        status: DistrictStatus,
    ) -> Result<Changed, MirrorError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key(PK, s(keys::district_pk(id)))
            .key(SK, s(keys::SETTINGS))
            .update_expression("SET settings = :settings, district_status = :status")
            .condition_expression("settings = :seen_settings AND district_status = :seen_status")
            .expression_attribute_values(":settings", s(json(settings, DISTRICT)?))
            .expression_attribute_values(":status", s(json(&status, DISTRICT)?))
            .expression_attribute_values(":seen_settings", s(&seen.stored.0))
            .expression_attribute_values(":seen_status", s(&seen.stored.1));
        match request.send().await {
            Ok(_) => Ok(Changed::Yes),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(Changed::No)
            }
            Err(error) => Err(failed("configure the district", error)),
        }
    }
}
