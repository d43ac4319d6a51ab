//! Districts that have connected a source.

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;

use super::{DynamoTable, PK, SK, all_of, failed, from_json, json, s, text};
use crate::MirrorError;
use crate::keys;
use crate::ports::connected_districts::{Connected, ConnectedDistricts};
use crate::ports::districts::Wrote;

const WHAT: &str = "a connected district";

impl DynamoTable {
    fn put_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> Result<PutItemFluentBuilder, MirrorError> {
        Ok(self
            .client
            .put_item()
            .table_name(&self.name)
            .item(PK, s(keys::source_pk(source)))
            .item(SK, s(&connected.id))
            .item("body", s(json(connected, WHAT)?)))
    }
}

impl ConnectedDistricts for DynamoTable {
    async fn connected(&self, source: &str) -> Result<Vec<Connected>, MirrorError> {
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("PK = :pk")
            .expression_attribute_values(":pk", s(keys::source_pk(source)));
        let items = all_of(request, "read the connected districts").await?;
        items.iter().map(|item| from_json(text(item, "body"), WHAT)).collect()
    }

    async fn add_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> Result<Wrote, MirrorError> {
        match self
            .put_connected(source, connected)?
            .condition_expression("attribute_not_exists(PK)")
            .send()
            .await
        {
            Ok(_) => Ok(Wrote::Yes),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(Wrote::AlreadyThere)
            }
            Err(error) => Err(failed("store a connected district", error)),
        }
    }

    async fn update_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> Result<(), MirrorError> {
        let put = self.put_connected(source, connected)?.send().await;
        put.map(|_| ()).map_err(|error| failed("store a connected district", error))
    }
}
