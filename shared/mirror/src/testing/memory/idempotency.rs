//! Idempotency records in memory.

use roster::id::DistrictId;

use super::{MemoryTable, lock};
use crate::MirrorError;
use crate::ports::idempotency::{Answer, Begun, IdempotencyRecords, IdempotentRequest, Once};

impl IdempotencyRecords for MemoryTable {
    async fn claim(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
    ) -> Result<Begun, MirrorError> {
        let mut table = lock(&self.0);
        let once = table
            .answers
            .entry((district.clone(), request.name.into()))
            .or_insert_with(|| Once::of(&request));
        if once.fresh == request.fresh && once.answer.is_none() {
            return Ok(Begun::Ours { fresh: request.fresh.into() });
        }
        Ok(once.result_for(&request).unwrap_or_else(|| {
            once.until = request.until;
            Begun::Ours { fresh: once.fresh.clone() }
        }))
    }

    async fn finish(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
        answer: Answer,
    ) -> Result<(), MirrorError> {
        if let Some(once) = lock(&self.0).answers.get_mut(&(district.clone(), request.name.into()))
        {
            once.answer = Some(answer);
        }
        Ok(())
    }

    async fn forget(
        &self,
        district: &DistrictId,
        request: IdempotentRequest<'_>,
    ) -> Result<(), MirrorError> {
        lock(&self.0).answers.remove(&(district.clone(), request.name.into()));
        Ok(())
    }
}
