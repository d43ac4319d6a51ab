//! Transactions of conditional writes.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnConsumedCapacity, TransactWriteItem,
};

use super::{DynamoTable, PK, SK, attributes, failed, s, text};
use crate::MirrorError;
use crate::ports::items::Write;
use crate::ports::transact::{Check, End, Step, Transact, Transacted};

const WRITING: &str = "write a transaction";

/// The maximum number of attempts of a transaction that conflicts with another write of the same
/// items, and the first wait.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// Returns a condition as a DynamoDB expression, with the values of its placeholders.
fn expression(check: &Check) -> (String, Vec<(String, AttributeValue)>) {
    let values: Vec<(String, AttributeValue)> =
        check.among.iter().enumerate().map(|(n, value)| (format!(":v{n}"), s(value))).collect();
    let mut any: Vec<String> = values.iter().map(|(name, _)| format!("#mark = {name}")).collect();
    if check.absent {
        any.push("attribute_not_exists(PK)".into());
    }
    (any.join(" OR "), values)
}

fn request(table: &str, step: &Step) -> Result<TransactWriteItem, MirrorError> {
    let built = |error| MirrorError::service(WRITING, error);
    let condition = step.check.as_ref().map(|check| (check.mark.name(), expression(check)));
    Ok(match &step.write {
        Write::Put(item) => {
            let mut put = Put::builder().table_name(table).set_item(Some(attributes(item)));
            if let Some((mark, (expression, values))) = condition {
                // DynamoDB rejects an attribute name that no expression uses.
                if !values.is_empty() {
                    put = put.expression_attribute_names("#mark", mark);
                }
                put = put
                    .condition_expression(expression)
                    .set_expression_attribute_values(Some(values.into_iter().collect()));
            }
            TransactWriteItem::builder().put(put.build().map_err(built)?).build()
        }
        Write::Delete { pk, sk } => {
            let mut delete = Delete::builder().table_name(table).key(PK, s(pk)).key(SK, s(sk));
            if let Some((mark, (expression, values))) = condition {
                if !values.is_empty() {
                    delete = delete.expression_attribute_names("#mark", mark);
                }
                delete = delete
                    .condition_expression(expression)
                    .set_expression_attribute_values(Some(values.into_iter().collect()));
            }
            TransactWriteItem::builder().delete(delete.build().map_err(built)?).build()
        }
    })
}

/// The reason why a transaction failed.
enum Why {
    Refused(usize),
    Conflict,
    Throttled,
    Other,
}

fn why<R>(error: &SdkError<TransactWriteItemsError, R>) -> Why {
    let Some(error) = error.as_service_error() else { return Why::Other };
    if let TransactWriteItemsError::TransactionCanceledException(cancelled) = error {
        let code = |wanted: &str| {
            cancelled.cancellation_reasons().iter().position(|reason| reason.code() == Some(wanted))
        };
        // An unmet condition takes precedence over conflicts and throttling.
        return match code("ConditionalCheckFailed") {
            Some(step) => Why::Refused(step),
            None if code("TransactionConflict").is_some() => Why::Conflict,
            None if code("ThrottlingError").or(code("ProvisionedThroughputExceeded")).is_some() => {
                Why::Throttled
            }
            None => Why::Other,
        };
    }
    match error.code() {
        Some("TransactionInProgressException") => Why::Conflict,
        Some(
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded",
        ) => Why::Throttled,
        _ => Why::Other,
    }
}

impl Transact for DynamoTable {
    async fn transact(&self, steps: Vec<Step>) -> Result<Transacted, MirrorError> {
        let requests: Vec<TransactWriteItem> =
            steps.iter().map(|step| request(&self.name, step)).collect::<Result<_, _>>()?;
        let call = self
            .client
            .transact_write_items()
            .set_transact_items(Some(requests))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut tries = 1;
        loop {
            // Each attempt has its own token, which the SDK's retries share: a transaction whose
            // response was lost is not executed twice.
            let error = match call.clone().send().await {
                Ok(answer) => {
                    let units =
                        answer.consumed_capacity().iter().filter_map(|c| c.capacity_units()).sum();
                    return Ok(Transacted { end: End::Done, units });
                }
                Err(error) => error,
            };
            let end = match why(&error) {
                Why::Refused(step) => End::Refused { step },
                Why::Throttled => End::Throttled,
                Why::Conflict if tries < TRIES => {
                    tokio::time::sleep(FIRST_WAIT.mul_f64(f64::from(1 << tries) * fastrand::f64()))
                        .await;
                    tries += 1;
                    continue;
                }
                Why::Conflict => End::Throttled,
                Why::Other => return Err(failed(WRITING, error)),
            };
            return Ok(Transacted { end, units: 0.0 });
        }
    }

    async fn body(&self, pk: &str, sk: &str) -> Result<Option<String>, MirrorError> {
        let item = self.get(pk.to_owned(), sk.to_owned(), "read an item").await?;
        Ok(item.and_then(|item| text(&item, "body").map(str::to_owned)))
    }
}
