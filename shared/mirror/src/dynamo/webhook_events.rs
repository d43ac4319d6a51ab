//! Webhook events: one item per event, which expires.

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;

use super::{DynamoTable, PK, SK, failed, n, number, s};
use crate::MirrorError;
use crate::keys;
use crate::ports::districts::Wrote;
use crate::ports::webhook_events::WebhookEvents;

impl WebhookEvents for DynamoTable {
    async fn is_recorded(&self, digest: &str) -> Result<bool, MirrorError> {
        let item = self
            .get(keys::notice_pk(digest), keys::NOTICE_SK.into(), "look up a webhook event")
            .await?;
        Ok(item.is_some())
    }

    async fn record(&self, digest: &str, until: Timestamp) -> Result<Wrote, MirrorError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .item(PK, s(keys::notice_pk(digest)))
            .item(SK, s(keys::NOTICE_SK))
            .item("expires", n(until.as_second()))
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
            Err(error) => Err(failed("store a webhook event", error)),
        }
    }

    async fn count(&self, stretch: &str, until: Timestamp) -> Result<u64, MirrorError> {
        let doing = "count a webhook event";
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key(PK, s(keys::notice_count_pk(stretch)))
            .key(SK, s(keys::NOTICE_SK))
            .update_expression("SET expires = :until ADD notices :one")
            .expression_attribute_values(":until", n(until.as_second()))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::UpdatedNew);
        let answer = request.send().await.map_err(|e| failed(doing, e))?;
        let count = answer.attributes.as_ref().and_then(|item| number(item, "notices"));
        count.ok_or_else(|| MirrorError::corrupt("the count of webhook events", "it is missing"))
    }
}
