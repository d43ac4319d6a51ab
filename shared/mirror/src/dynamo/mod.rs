//! The real table, in DynamoDB.

mod districts;
mod items;
mod runs;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};

use crate::MirrorError;
use crate::districts::Wrote;

/// Attribute of the partition key.
pub const PK: &str = "PK";
/// Attribute of the sort key.
pub const SK: &str = "SK";

/// One table.
#[derive(Clone, Debug)]
pub struct DynamoTable {
    client: Client,
    name: String,
}

impl DynamoTable {
    /// The table of this name.
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.into() }
    }

    /// Makes the table, for stacks that no template makes. In AWS, template.yaml does, with encryption and backups.
    pub async fn create_table(&self) -> Result<Wrote, MirrorError> {
        let doing = "make the table";
        let mut request = self.client.create_table().table_name(&self.name).billing_mode(BillingMode::PayPerRequest);
        for (name, key_type) in [(PK, KeyType::Hash), (SK, KeyType::Range)] {
            let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
            let key = KeySchemaElement::builder().attribute_name(name).key_type(key_type).build();
            request = request
                .attribute_definitions(attribute.map_err(|e| MirrorError::service(doing, e))?)
                .key_schema(key.map_err(|e| MirrorError::service(doing, e))?);
        }
        match request.send().await {
            Ok(_) => Ok(Wrote::Yes),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => Ok(Wrote::AlreadyThere),
            Err(error) => Err(failed(doing, error)),
        }
    }

    /// One item, as it is after every write that was answered.
    async fn get(&self, pk: String, sk: String, doing: &'static str) -> Result<Option<Item>, MirrorError> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        let answer = request.key(PK, s(pk)).key(SK, s(sk)).send().await.map_err(|e| failed(doing, e))?;
        Ok(answer.item)
    }
}

type Item = HashMap<String, AttributeValue>;

fn failed<E, R>(doing: &'static str, error: SdkError<E, R>) -> MirrorError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    MirrorError::service(doing, error)
}

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn json<T: serde::Serialize>(value: &T, what: &'static str) -> Result<String, MirrorError> {
    serde_json::to_string(value).map_err(|e| MirrorError::corrupt(what, e))
}

fn from_json<T: serde::de::DeserializeOwned>(text: Option<&str>, what: &'static str) -> Result<T, MirrorError> {
    let text = text.ok_or_else(|| MirrorError::corrupt(what, "an attribute is not there"))?;
    serde_json::from_str(text).map_err(|e| MirrorError::corrupt(what, e))
}
