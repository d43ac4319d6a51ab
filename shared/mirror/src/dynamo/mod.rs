//! The table in DynamoDB.

mod connected_districts;
mod directory;
mod district_settings;
mod districts;
mod erase;
mod idempotency;
mod items;
mod runs;
mod transact;
mod webhook_events;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType,
};

use crate::MirrorError;
use crate::keys;
use crate::ports::districts::Wrote;
use crate::ports::items::PutItem;

/// Attribute of the partition key.
pub const PK: &str = "PK";
/// Attribute of the sort key.
pub const SK: &str = "SK";

/// Attribute of the index by e-mail.
pub const EMAIL_KEY: &str = "email_key";
/// Attribute of the index by school.
pub const SCHOOL_KEY: &str = "school_key";

fn key(name: &str, key_type: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(key_type).build()
}

/// One table.
#[derive(Clone, Debug)]
pub struct DynamoTable {
    client: Client,
    name: String,
}

impl DynamoTable {
    /// Returns the table with this name.
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.into() }
    }

    /// Creates the table with its indexes, for local stacks. In AWS, template.yaml creates it, with
    /// encryption and backups.
    pub async fn create_table(&self) -> Result<Wrote, MirrorError> {
        let doing = "create the table";
        let built = |error| MirrorError::service(doing, error);
        let mut request = self
            .client
            .create_table()
            .table_name(&self.name)
            .billing_mode(BillingMode::PayPerRequest);
        for name in [PK, SK, EMAIL_KEY, SCHOOL_KEY] {
            let attribute = AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build();
            request = request.attribute_definitions(attribute.map_err(built)?);
        }
        for (name, key_type) in [(PK, KeyType::Hash), (SK, KeyType::Range)] {
            request = request.key_schema(key(name, key_type).map_err(built)?);
        }
        let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let by_email = GlobalSecondaryIndex::builder()
            .index_name(keys::BY_EMAIL)
            .key_schema(key(EMAIL_KEY, KeyType::Hash).map_err(built)?)
            .projection(keys_only)
            .build();
        let with_status = Projection::builder()
            .projection_type(ProjectionType::Include)
            .non_key_attributes("status")
            .build();
        let by_school = GlobalSecondaryIndex::builder()
            .index_name(keys::BY_SCHOOL)
            .key_schema(key(SCHOOL_KEY, KeyType::Hash).map_err(built)?)
            .key_schema(key(SK, KeyType::Range).map_err(built)?)
            .projection(with_status)
            .build();
        for index in [by_email, by_school] {
            request = request.global_secondary_indexes(index.map_err(built)?);
        }
        match request.send().await {
            Ok(_) => Ok(Wrote::Yes),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) =>
            {
                Ok(Wrote::AlreadyThere)
            }
            Err(error) => Err(failed(doing, error)),
        }
    }

    /// Returns one item, read consistently.
    async fn get(
        &self,
        pk: String,
        sk: String,
        doing: &'static str,
    ) -> Result<Option<Item>, MirrorError> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        let answer =
            request.key(PK, s(pk)).key(SK, s(sk)).send().await.map_err(|e| failed(doing, e))?;
        Ok(answer.item)
    }
}

type Item = HashMap<String, AttributeValue>;

/// Returns all items of a query, from all pages.
async fn all_of(query: QueryFluentBuilder, doing: &'static str) -> Result<Vec<Item>, MirrorError> {
    let mut pages = query.into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(item) = pages.next().await {
        all.push(item.map_err(|error| failed(doing, error))?);
    }
    Ok(all)
}

/// Converts an item of the mirror for DynamoDB.
fn attributes(item: &PutItem) -> Item {
    let mut all = Item::from([
        (PK.to_owned(), s(&item.pk)),
        (SK.to_owned(), s(&item.sk)),
        ("body".to_owned(), s(&item.body)),
    ]);
    if let Some(more) = &item.more {
        all.insert("more".to_owned(), s(&more.hash));
        all.insert("more_pieces".to_owned(), n(more.pieces));
    }
    for (name, value) in [
        ("hash", item.hash.as_deref()),
        ("run", item.run.as_deref()),
        ("status", item.status),
        ("version", item.version.as_deref()),
        (EMAIL_KEY, item.email_key.as_deref()),
        (SCHOOL_KEY, item.school_key.as_deref()),
    ] {
        if let Some(value) = value {
            all.insert(name.to_owned(), s(value));
        }
    }
    all
}

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

fn from_json<T: serde::de::DeserializeOwned>(
    text: Option<&str>,
    what: &'static str,
) -> Result<T, MirrorError> {
    let text = text.ok_or_else(|| MirrorError::corrupt(what, "an attribute is missing"))?;
    serde_json::from_str(text).map_err(|e| MirrorError::corrupt(what, e))
}
