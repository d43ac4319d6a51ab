//! Erasing all items of a partition.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use xxhash_rust::xxh3::xxh3_128;

use super::{DynamoTable, Item, SK, failed, s, text};
use crate::MirrorError;
use crate::ports::erase::{EraseItems, ItemToErase, ItemsToErase};
use crate::ports::items::{BATCH, Write, WriteItems};

/// The maximum number of items of a page, which are erased together.
const PAGE: i32 = 200;
/// The maximum number of attempts for unprocessed deletes.
const TRIES: u32 = 8;

/// Returns one hash of all attributes and their names.
fn hash(item: &Item) -> u128 {
    let mut attributes: Vec<(&str, &str)> = item
        .iter()
        .map(|(name, value)| match value {
            AttributeValue::S(text) | AttributeValue::N(text) => (name.as_str(), text.as_str()),
            _ => (name.as_str(), ""),
        })
        .collect();
    attributes.sort_unstable();
    let all: String =
        attributes.into_iter().map(|(name, value)| format!("{name}\u{1f}{value}\u{1e}")).collect();
    xxh3_128(all.as_bytes())
}

impl EraseItems for DynamoTable {
    async fn first_items(&self, pk: &str) -> Result<ItemsToErase, MirrorError> {
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("PK = :pk")
            .expression_attribute_values(":pk", s(pk))
            .consistent_read(true)
            .limit(PAGE);
        let page = request.send().await.map_err(|e| failed("read the items to erase", e))?;
        let to_erase = |item: &Item| ItemToErase {
            pk: pk.into(),
            sk: text(item, SK).unwrap_or_default().into(),
            hash: hash(item),
        };
        Ok(ItemsToErase {
            items: page.items().iter().map(to_erase).collect(),
            more: page.last_evaluated_key.is_some(),
        })
    }

    async fn erase_items(&self, items: &[ItemToErase]) -> Result<(), MirrorError> {
        for batch in items.chunks(BATCH) {
            let mut left: Vec<Write> = batch
                .iter()
                .map(|item| Write::Delete { pk: item.pk.clone(), sk: item.sk.clone() })
                .collect();
            let mut tries = 0;
            while !left.is_empty() {
                if tries == TRIES {
                    return Err(MirrorError::OutOfTime { doing: "erase items" });
                }
                if tries > 0 {
                    tokio::time::sleep(Duration::from_millis((20 << tries) + fastrand::u64(0..50)))
                        .await;
                }
                left = self.write(left).await?.left;
                tries += 1;
            }
        }
        Ok(())
    }
}
