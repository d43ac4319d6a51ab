//! Mirror items: pages and batches.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError;
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};
use roster::id::DistrictId;

use super::{DynamoTable, Item, PK, SK, attributes, failed, number, s, text};
use crate::MirrorError;
use crate::keys;
use crate::ports::items::{
    More, Page, PutItem, Range, ReadItem, ReadItems, Write, WriteItems, Written,
};

const WRITING: &str = "write to the mirror";

/// The maximum number of attempts of a batch after failures other than throttling (a lost
/// connection, a 500), and the first wait.
const TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(40);

pub(super) fn read_item(mut item: Item) -> Result<ReadItem, MirrorError> {
    let mut take = |name: &str| match item.remove(name) {
        Some(aws_sdk_dynamodb::types::AttributeValue::S(text)) => Ok(text),
        _ => Err(MirrorError::corrupt("an item of the mirror", format!("it has no `{name}`"))),
    };
    let (sk, body) = (take(SK)?, take("body").unwrap_or_default());
    let more = match (text(&item, "more"), number(&item, "more_pieces")) {
        (Some(hash), Some(pieces)) => Some(More { hash: hash.into(), pieces }),
        _ => None,
    };
    Ok(ReadItem { sk, body, more })
}

impl ReadItems for DynamoTable {
    async fn page(
        &self,
        district: &DistrictId,
        shard: u8,
        range: Range<'_>,
        after: Option<&str>,
    ) -> Result<Page, MirrorError> {
        let pk = keys::shard_pk(district, shard);
        let mut request = self
            .client
            .query()
            .table_name(&self.name)
            .expression_attribute_values(":pk", s(&pk))
            .projection_expression("SK, body, more, more_pieces")
            // The last run may have ended a moment ago, and its writes must be visible.
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        request = match range {
            Range::Whole => request.key_condition_expression("PK = :pk"),
            Range::BeginningWith(text) => request
                .key_condition_expression("PK = :pk AND begins_with(SK, :begin)")
                .expression_attribute_values(":begin", s(text)),
            Range::Record(sk) => request
                .key_condition_expression("PK = :pk AND SK BETWEEN :first AND :last")
                .expression_attribute_values(":first", s(sk))
                .expression_attribute_values(":last", s(keys::after_record(sk))),
        };
        if let Some(after) = after {
            request = request.exclusive_start_key(PK, s(&pk)).exclusive_start_key(SK, s(after));
        }
        let answer = request.send().await.map_err(|e| failed("read the mirror", e))?;
        let units = answer.consumed_capacity().and_then(|c| c.capacity_units()).unwrap_or(0.0);
        let next = answer.last_evaluated_key().and_then(|key| text(key, SK)).map(str::to_owned);
        let items = answer
            .items
            .unwrap_or_default()
            .into_iter()
            .map(read_item)
            .collect::<Result<_, _>>()?;
        Ok(Page { items, next, units })
    }
}

fn request(write: &Write) -> Result<WriteRequest, MirrorError> {
    let built = match write {
        Write::Put(item) => {
            let put = PutRequest::builder().set_item(Some(attributes(item)));
            WriteRequest::builder()
                .put_request(put.build().map_err(|e| MirrorError::service(WRITING, e))?)
                .build()
        }
        Write::Delete { pk, sk } => {
            let delete = DeleteRequest::builder().key(PK, s(pk)).key(SK, s(sk)).build();
            WriteRequest::builder()
                .delete_request(delete.map_err(|e| MirrorError::service(WRITING, e))?)
                .build()
        }
    };
    Ok(built)
}

/// Returns the partition key and sort key of an unprocessed write.
fn key_of(request: &WriteRequest) -> Option<(&str, &str)> {
    let item = match (request.put_request(), request.delete_request()) {
        (Some(put), _) => put.item(),
        (_, Some(delete)) => delete.key(),
        _ => return None,
    };
    Some((text(item, PK)?, text(item, SK)?))
}

/// Returns the writes of a batch that were not processed.
fn left(batch: Vec<Write>, undone: &[WriteRequest]) -> Vec<Write> {
    if undone.is_empty() {
        return Vec::new();
    }
    let keys: std::collections::HashSet<(&str, &str)> = undone.iter().filter_map(key_of).collect();
    let is_left = |write: &Write| match write {
        Write::Put(PutItem { pk, sk, .. }) | Write::Delete { pk, sk } => {
            keys.contains(&(pk.as_str(), sk.as_str()))
        }
    };
    batch.into_iter().filter(is_left).collect()
}

fn is_throttled<R>(error: &SdkError<BatchWriteItemError, R>) -> bool {
    error.as_service_error().is_some_and(|error| {
        matches!(
            error.code(),
            Some(
                "ProvisionedThroughputExceededException"
                    | "ThrottlingException"
                    | "RequestLimitExceeded"
            )
        )
    })
}

/// Returns true if a retry of the same request may succeed.
fn is_passing<E>(error: &SdkError<E, aws_sdk_dynamodb::config::http::HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        SdkError::ServiceError(error) => error.raw().status().is_server_error(),
        _ => false,
    }
}

impl WriteItems for DynamoTable {
    async fn write(&self, batch: Vec<Write>) -> Result<Written, MirrorError> {
        let requests: Vec<WriteRequest> = batch.iter().map(request).collect::<Result<_, _>>()?;
        // The SDK's own retries are disabled: they would hide throttling, and the caller adjusts
        // its rate to it.
        let no_retries =
            aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled());
        let call = self
            .client
            .batch_write_item()
            .request_items(&self.name, requests)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut tries = 1;
        loop {
            match call.clone().customize().config_override(no_retries.clone()).send().await {
                Ok(answer) => {
                    let units =
                        answer.consumed_capacity().iter().filter_map(|c| c.capacity_units()).sum();
                    let undone =
                        answer.unprocessed_items.and_then(|mut tables| tables.remove(&self.name));
                    return Ok(Written { left: left(batch, &undone.unwrap_or_default()), units });
                }
                Err(error) if is_throttled(&error) => {
                    return Ok(Written { left: batch, units: 0.0 });
                }
                Err(error) if tries < TRIES && is_passing(&error) => {
                    tokio::time::sleep(FIRST_WAIT.mul_f64(f64::from(1 << tries) * fastrand::f64()))
                        .await;
                    tries += 1;
                }
                Err(error) => return Err(failed(WRITING, error)),
            }
        }
    }
}
