//! What the API's desk needs beside records: settings, answers, erasing.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};
use xxhash_rust::xxh3::xxh3_128;

use super::{DynamoTable, Item, PK, SK, failed, from_json, json, n, s, text};
use crate::MirrorError;
use crate::keys;
use crate::ops::erase::{DoomedItem, DoomedItems, EraseItems};
use crate::ports::configured::{Configured, Configuring};
use crate::ports::districts::Changed;
use crate::ports::idempotency::{
    ANSWER_LIFETIME_SECONDS, Answer, Asked, Begun, IdempotencyRecords, ONCE, Once,
};
use crate::ports::items::{BATCH, Write, WriteItems};

const DISTRICT: &str = "the district's item";
const ANSWER: &str = "an answer";
const NOTING: &str = "note a request";

/// Items of a page that are erased together.
const ERASED_AT_ONCE: i32 = 200;
/// How often what came back undone is sent again.
const TRIES: u32 = 8;

impl Configuring for DynamoTable {
    async fn configured(&self, id: &DistrictId) -> Result<Option<Configured>, MirrorError> {
        let item =
            self.get(keys::district_pk(id), keys::SETTINGS.into(), "read the district").await?;
        let Some(item) = item else { return Ok(None) };
        let stored = |name: &str| text(&item, name).map(str::to_owned);
        let (Some(settings), Some(status)) = (stored("settings"), stored("district_status")) else {
            return Err(MirrorError::corrupt(DISTRICT, "an attribute is not there"));
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

impl DynamoTable {
    /// Puts a request's item: where none is, or where the one that was read is.
    async fn put_once(
        &self,
        district: &DistrictId,
        asked: &Asked<'_>,
        once: &Once,
        seen: Option<&str>,
    ) -> Result<Changed, MirrorError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .item(PK, s(keys::district_pk(district)))
            .item(SK, s(format!("{ONCE}{}", asked.name)))
            .item("body", s(json(once, ANSWER)?))
            .item("expires", n(asked.now.as_second() + ANSWER_LIFETIME_SECONDS));
        let request = match seen {
            None => request.condition_expression("attribute_not_exists(PK)"),
            Some(seen) => request
                .condition_expression("body = :seen")
                .expression_attribute_values(":seen", s(seen)),
        };
        match request.send().await {
            Ok(_) => Ok(Changed::Yes),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(Changed::No)
            }
            Err(error) => Err(failed(NOTING, error)),
        }
    }

    async fn once(
        &self,
        district: &DistrictId,
        asked: &Asked<'_>,
    ) -> Result<Option<(String, Once)>, MirrorError> {
        let item = self
            .get(keys::district_pk(district), format!("{ONCE}{}", asked.name), "read an answer")
            .await?;
        let Some(item) = item else { return Ok(None) };
        let body = text(&item, "body").unwrap_or_default().to_owned();
        // serde's own message may quote what it read.
        let once = serde_json::from_str(&body)
            .map_err(|_| MirrorError::corrupt(ANSWER, "it does not parse"))?;
        Ok(Some((body, once)))
    }
}

impl IdempotencyRecords for DynamoTable {
    async fn note(&self, district: &DistrictId, asked: Asked<'_>) -> Result<Begun, MirrorError> {
        if self.put_once(district, &asked, &Once::of(&asked), None).await? == Changed::Yes {
            return Ok(Begun::Ours { fresh: asked.fresh.into() });
        }
        let Some((body, once)) = self.once(district, &asked).await? else {
            return Ok(Begun::AtWork);
        };
        // The SDK may have sent our own put twice.
        if once.fresh == asked.fresh && once.answer.is_none() {
            return Ok(Begun::Ours { fresh: once.fresh });
        }
        if let Some(begun) = once.says(&asked) {
            return Ok(begun);
        }
        let taken = Once { until: asked.until, ..once };
        Ok(match self.put_once(district, &asked, &taken, Some(&body)).await? {
            Changed::Yes => Begun::Ours { fresh: taken.fresh },
            Changed::No => Begun::AtWork,
        })
    }

    async fn finish(
        &self,
        district: &DistrictId,
        asked: Asked<'_>,
        answer: Answer,
    ) -> Result<(), MirrorError> {
        let Some((body, once)) = self.once(district, &asked).await? else { return Ok(()) };
        // Whoever was faster has answered the same.
        let _ = self
            .put_once(district, &asked, &Once { answer: Some(answer), ..once }, Some(&body))
            .await?;
        Ok(())
    }

    async fn forget(&self, district: &DistrictId, asked: Asked<'_>) -> Result<(), MirrorError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key(PK, s(keys::district_pk(district)));
        let request = request.key(SK, s(format!("{ONCE}{}", asked.name)));
        request.send().await.map_err(|e| failed("forget a request", e))?;
        Ok(())
    }
}

/// One hash over all attributes, by name.
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
    async fn first_items(&self, pk: &str) -> Result<DoomedItems, MirrorError> {
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("PK = :pk")
            .expression_attribute_values(":pk", s(pk))
            .consistent_read(true)
            .limit(ERASED_AT_ONCE);
        let page = request.send().await.map_err(|e| failed("read what is to be erased", e))?;
        let doomed = |item: &Item| DoomedItem {
            pk: pk.into(),
            sk: text(item, SK).unwrap_or_default().into(),
            hash: hash(item),
        };
        Ok(DoomedItems {
            items: page.items().iter().map(doomed).collect(),
            more: page.last_evaluated_key.is_some(),
        })
    }

    async fn erase_items(&self, items: &[DoomedItem]) -> Result<(), MirrorError> {
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
