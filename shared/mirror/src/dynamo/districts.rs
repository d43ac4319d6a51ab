//! A district's own item, its lease and its administrators.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;
use roster::contract::Administrator;
use roster::id::{DistrictId, RunId};
use roster::settings::{DistrictStatus, Settings};

use super::{DynamoTable, Item, PK, SK, all_of, failed, from_json, json, n, number, s, text};
use crate::MirrorError;
use crate::keys;
use crate::ports::districts::{
    Applied, Changed, District, Districts, Latest, Lease, Leases, ReleaseLease, TakeLease, Wrote,
};

const WHAT: &str = "the district's item";

fn decode(id: &DistrictId, item: &Item) -> Result<District, MirrorError> {
    let time = |name: &str| -> Result<Option<Timestamp>, MirrorError> {
        let millis: Option<i64> = number(item, name);
        millis
            .map(Timestamp::from_millisecond)
            .transpose()
            .map_err(|e| MirrorError::corrupt(WHAT, e))
    };
    let lease = match (text(item, "lease_owner"), number(item, "lease_token"), time("lease_until")?)
    {
        (Some(owner), Some(token), Some(until)) => {
            Some(Lease { owner: owner.into(), token, until })
        }
        _ => None,
    };
    let latest = match (text(item, "latest_run"), time("latest_at")?) {
        (Some(run), Some(taken_at)) => Some(Latest { run: RunId::new(run), taken_at }),
        _ => None,
    };
    let applied =
        item.contains_key("applied").then(|| from_json(text(item, "applied"), WHAT)).transpose()?;
    Ok(District {
        id: id.clone(),
        settings: from_json(text(item, "settings"), WHAT)?,
        status: from_json(text(item, "district_status"), WHAT)?,
        lease,
        latest,
        applied,
        open: text(item, "open_run").map(RunId::new),
    })
}

impl DynamoTable {
    fn update_settings(&self, id: &DistrictId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key(PK, s(keys::district_pk(id)))
            .key(SK, s(keys::SETTINGS))
    }

    async fn settings_item(&self, id: &DistrictId) -> Result<Option<Item>, MirrorError> {
        self.get(keys::district_pk(id), keys::SETTINGS.into(), "read the district").await
    }
}

async fn changed(
    request: UpdateItemFluentBuilder,
    doing: &'static str,
) -> Result<Changed, MirrorError> {
    match request.send().await {
        Ok(_) => Ok(Changed::Yes),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
        {
            Ok(Changed::No)
        }
        Err(error) => Err(failed(doing, error)),
    }
}

/// Returns the condition that the newest snapshot is still the one of the run `seen`, as an
/// expression and its value.
fn still_seen(seen: Option<&RunId>) -> (&'static str, Option<AttributeValue>) {
    match seen {
        Some(run) => ("latest_run = :seen", Some(s(run.as_str()))),
        None => ("attribute_not_exists(latest_run)", None),
    }
}

impl Districts for DynamoTable {
    async fn district(&self, id: &DistrictId) -> Result<Option<District>, MirrorError> {
        self.settings_item(id).await?.map(|item| decode(id, &item)).transpose()
    }

    async fn create(
        &self,
        id: &DistrictId,
        settings: &Settings,
        status: DistrictStatus,
    ) -> Result<Wrote, MirrorError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .item(PK, s(keys::district_pk(id)))
            .item(SK, s(keys::SETTINGS))
            .item("settings", s(json(settings, WHAT)?))
            .item("district_status", s(json(&status, WHAT)?))
            .condition_expression("attribute_not_exists(PK)");
        match request.send().await {
            Ok(_) => Ok(Wrote::Yes),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(Wrote::AlreadyThere)
            }
            Err(error) => Err(failed("create the district", error)),
        }
    }

    async fn accept(
        &self,
        id: &DistrictId,
        latest: &Latest,
        seen: Option<&RunId>,
    ) -> Result<Changed, MirrorError> {
        let (condition, value) = still_seen(seen);
        let request = self
            .update_settings(id)
            .update_expression("SET latest_run = :run, latest_at = :at")
            .condition_expression(format!("attribute_exists(PK) AND {condition}"))
            .expression_attribute_values(":run", s(latest.run.as_str()))
            .expression_attribute_values(":at", n(latest.taken_at.as_millisecond()))
            .set_expression_attribute_values_if(":seen", value);
        changed(request, "accept the snapshot").await
    }

    async fn administrators(&self, id: &DistrictId) -> Result<Vec<Administrator>, MirrorError> {
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("PK = :pk AND begins_with(SK, :admin)")
            .expression_attribute_values(":pk", s(keys::district_pk(id)))
            .expression_attribute_values(":admin", s(keys::ADMIN))
            .consistent_read(true);
        let items = all_of(request, "read the administrators").await?;
        items.iter().map(|item| from_json(text(item, "body"), "an administrator")).collect()
    }

    async fn put_administrator(
        &self,
        id: &DistrictId,
        administrator: &Administrator,
    ) -> Result<(), MirrorError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .item(PK, s(keys::district_pk(id)))
            .item(SK, s(keys::admin_sk(&administrator.email)))
            .item("body", s(json(administrator, "an administrator")?));
        request.send().await.map_err(|e| failed("put an administrator", e))?;
        Ok(())
    }
}

/// Adds an optional value to an expression.
trait ValueIf {
    fn set_expression_attribute_values_if(self, name: &str, value: Option<AttributeValue>) -> Self;
}

impl ValueIf for UpdateItemFluentBuilder {
    fn set_expression_attribute_values_if(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.expression_attribute_values(name, value),
            None => self,
        }
    }
}

impl Leases for DynamoTable {
    async fn take(
        &self,
        id: &DistrictId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<TakeLease, MirrorError> {
        let doing = "acquire the district's lease";
        let request = self
            .update_settings(id)
            .update_expression("SET lease_owner = :owner, lease_until = :until ADD lease_token :one")
            .condition_expression(
                "attribute_exists(PK) AND (attribute_not_exists(lease_owner) OR lease_until < :now OR lease_owner = :owner)",
            )
            .expression_attribute_values(":owner", s(owner))
            .expression_attribute_values(":until", n(until.as_millisecond()))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew);
        match request.send().await {
            Ok(answer) => {
                let item = answer
                    .attributes
                    .ok_or_else(|| MirrorError::corrupt(WHAT, "no attributes were returned"))?;
                Ok(TakeLease::Taken(Box::new(decode(id, &item)?)))
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(match self.district(id).await? {
                    None => TakeLease::NoDistrict,
                    // If the lease was released between the two calls, a retry at once can take it.
                    Some(district) => {
                        TakeLease::Held { until: district.lease.map_or(now, |lease| lease.until) }
                    }
                })
            }
            Err(error) => Err(failed(doing, error)),
        }
    }

    async fn release(
        &self,
        id: &DistrictId,
        token: u64,
        seen: Option<&RunId>,
    ) -> Result<ReleaseLease, MirrorError> {
        let (condition, value) = still_seen(seen);
        let request = self
            .update_settings(id)
            .update_expression("REMOVE lease_owner, lease_until")
            .condition_expression(format!("lease_token = :token AND {condition}"))
            .expression_attribute_values(":token", n(token))
            .set_expression_attribute_values_if(":seen", value);
        if changed(request, "release the district's lease").await? == Changed::Yes {
            return Ok(ReleaseLease::Released);
        }
        let ours = self
            .district(id)
            .await?
            .and_then(|d| d.lease)
            .is_some_and(|lease| lease.token == token);
        Ok(if ours { ReleaseLease::NewerSnapshot } else { ReleaseLease::Released })
    }

    async fn set_open(
        &self,
        id: &DistrictId,
        token: u64,
        run: &RunId,
    ) -> Result<Changed, MirrorError> {
        let request = self
            .update_settings(id)
            .update_expression("SET open_run = :run")
            .condition_expression("lease_token = :token AND attribute_exists(lease_owner)")
            .expression_attribute_values(":token", n(token))
            .expression_attribute_values(":run", s(run.as_str()));
        changed(request, "store the open run").await
    }

    async fn set_applied(
        &self,
        id: &DistrictId,
        token: u64,
        applied: &Applied,
    ) -> Result<Changed, MirrorError> {
        let request = self
            .update_settings(id)
            .update_expression("SET applied = :applied")
            .condition_expression("lease_token = :token AND attribute_exists(lease_owner)")
            .expression_attribute_values(":token", n(token))
            .expression_attribute_values(":applied", s(json(applied, WHAT)?));
        changed(request, "store the applied run").await
    }
}
