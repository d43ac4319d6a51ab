//! Idempotency records: one item per request, which expires.

use roster::id::DistrictId;

use super::{DynamoTable, PK, SK, failed, json, n, s, text};
use crate::MirrorError;
use crate::keys;
use crate::ports::districts::Changed;
use crate::ports::idempotency::{
    ANSWER_LIFETIME_SECONDS, Answer, Begun, IdempotencyRecords, IdempotentRequest, ONCE, Once,
};

const ANSWER: &str = "a stored response";
const NOTING: &str = "store a request";

impl DynamoTable {
    /// Stores the item of a request. `seen` is the body that was read, or `None` if no item may
    /// exist.
    async fn put_once(
        &self,
        district: &DistrictId,
        request: &IdempotentRequest<'_>,
        once: &Once,
        seen: Option<&str>,
    ) -> Result<Changed, MirrorError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .item(PK, s(keys::district_pk(district)))
            .item(SK, s(format!("{ONCE}{}", request.name)))
            .item("body", s(json(once, ANSWER)?))
            .item("expires", n(request.now.as_second() + ANSWER_LIFETIME_SECONDS));
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
        request: &IdempotentRequest<'_>,
    ) -> Result<Option<(String, Once)>, MirrorError> {
        let item = self
            .get(
                keys::district_pk(district),
                format!("{ONCE}{}", request.name),
                "read a stored response",
            )
            .await?;
        let Some(item) = item else { return Ok(None) };
        let body = text(&item, "body").unwrap_or_default().to_owned();
        // serde's own message may quote the data.
        let once = serde_json::from_str(&body)
            .map_err(|_| MirrorError::corrupt(ANSWER, "it does not parse"))?;
        Ok(Some((body, once)))
    }
}

impl IdempotencyRecords for DynamoTable {
    async fn claim(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
    ) -> Result<Begun, MirrorError> {
        if self.put_once(district, &request, &Once::of(&request), None).await? == Changed::Yes {
            return Ok(Begun::Ours { fresh: request.fresh.into() });
        }
        let Some((body, once)) = self.once(district, &request).await? else {
            return Ok(Begun::AtWork);
        };
        // The put may have failed because the SDK's first attempt had already stored the item.
        if once.fresh == request.fresh && once.answer.is_none() {
            return Ok(Begun::Ours { fresh: once.fresh });
        }
        if let Some(begun) = once.result_for(&request) {
            return Ok(begun);
        }
        let taken = Once { until: request.until, ..once };
        Ok(match self.put_once(district, &request, &taken, Some(&body)).await? {
            Changed::Yes => Begun::Ours { fresh: taken.fresh },
            Changed::No => Begun::AtWork,
        })
    }

    async fn finish(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
        answer: Answer,
    ) -> Result<(), MirrorError> {
        let Some((body, once)) = self.once(district, &request).await? else { return Ok(()) };
        // `No` means that another process stored the same answer first.
        let _ = self
            .put_once(district, &request, &Once { answer: Some(answer), ..once }, Some(&body))
            .await?;
        Ok(())
    }

    async fn forget(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
    ) -> Result<(), MirrorError> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .key(PK, s(keys::district_pk(district)))
            .key(SK, s(format!("{ONCE}{}", request.name)))
            .send()
            .await
            .map_err(|e| failed("delete a request", e))?;
        Ok(())
    }
}
