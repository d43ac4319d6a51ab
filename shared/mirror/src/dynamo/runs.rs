//! Run records.

use roster::id::{DistrictId, RunId};

use super::{DynamoTable, PK, SK, failed, from_json, json, n, s, text};
use crate::MirrorError;
use crate::keys;
use crate::ports::districts::{Changed, Wrote};
use crate::ports::runs::{RunRecord, Runs};

const WHAT: &str = "a run's record";

/// The lifetime of a run's record in seconds: 400 days, a school year and some weeks.
const RECORD_LIFETIME_SECONDS: i64 = 400 * 24 * 3600;

impl DynamoTable {
    fn put_run(
        &self,
        record: &RunRecord,
    ) -> Result<aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder, MirrorError>
    {
        Ok(self
            .client
            .put_item()
            .table_name(&self.name)
            .item(PK, s(keys::district_pk(&record.district)))
            .item(SK, s(keys::run_sk(&record.run)))
            .item("body", s(json(record, WHAT)?))
            .item("revision", n(record.revision))
            .item("token", n(record.token))
            .item("expires", n(record.taken_at.as_second() + RECORD_LIFETIME_SECONDS)))
    }
}

impl Runs for DynamoTable {
    async fn run(
        &self,
        district: &DistrictId,
        run: &RunId,
    ) -> Result<Option<RunRecord>, MirrorError> {
        let item = self.get(keys::district_pk(district), keys::run_sk(run), "read a run").await?;
        item.map(|item| from_json(text(&item, "body"), WHAT)).transpose()
    }

    async fn newest(
        &self,
        district: &DistrictId,
        at_most: usize,
    ) -> Result<Vec<RunRecord>, MirrorError> {
        let mut runs = Vec::new();
        let mut start = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("PK = :pk AND begins_with(SK, :run)")
                .expression_attribute_values(":pk", s(keys::district_pk(district)))
                .expression_attribute_values(":run", s(keys::RUN))
                .consistent_read(true)
                .scan_index_forward(false)
                .limit(i32::try_from(at_most).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start);
            let page =
                request.send().await.map_err(|e| failed("read the runs of a district", e))?;
            for item in page.items() {
                runs.push(from_json(text(item, "body"), WHAT)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() || runs.len() >= at_most {
                runs.truncate(at_most);
                return Ok(runs);
            }
        }
    }

    async fn begin(&self, record: &RunRecord) -> Result<Wrote, MirrorError> {
        match self.put_run(record)?.condition_expression("attribute_not_exists(PK)").send().await {
            Ok(_) => Ok(Wrote::Yes),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(Wrote::AlreadyThere)
            }
            Err(error) => Err(failed("begin a run", error)),
        }
    }

    async fn save(&self, record: &mut RunRecord) -> Result<Changed, MirrorError> {
        let read = record.revision;
        let next = RunRecord { revision: read + 1, ..record.clone() };
        let request = self
            .put_run(&next)?
            .condition_expression("revision = :read AND #token <= :token")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":read", n(read))
            .expression_attribute_values(":token", n(record.token));
        match request.send().await {
            Ok(_) => {
                *record = next;
                Ok(Changed::Yes)
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(Changed::No)
            }
            Err(error) => Err(failed("save a run", error)),
        }
    }
}
