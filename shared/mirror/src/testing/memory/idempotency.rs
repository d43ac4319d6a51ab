//! Idempotency records in memory.

use roster::id::DistrictId;

use super::{MemoryTable, lock};
use crate::MirrorError;
use crate::ports::idempotency::{Answer, Asked, Begun, IdempotencyRecords, Once};

impl IdempotencyRecords for MemoryTable {
    async fn claim(&self, district: &DistrictId, asked: Asked<'_>) -> Result<Begun, MirrorError> {
        let mut table = lock(&self.0);
        let once = table
            .answers
            .entry((district.clone(), asked.name.into()))
            .or_insert_with(|| Once::of(&asked));
        if once.fresh == asked.fresh && once.answer.is_none() {
            return Ok(Begun::Ours { fresh: asked.fresh.into() });
        }
        Ok(once.says(&asked).unwrap_or_else(|| {
            once.until = asked.until;
            Begun::Ours { fresh: once.fresh.clone() }
        }))
    }

    async fn finish(
        &self,
        district: &DistrictId,
        asked: Asked<'_>,
        answer: Answer,
    ) -> Result<(), MirrorError> {
        if let Some(once) = lock(&self.0).answers.get_mut(&(district.clone(), asked.name.into())) {
            once.answer = Some(answer);
        }
        Ok(())
    }

    async fn forget(&self, district: &DistrictId, asked: Asked<'_>) -> Result<(), MirrorError> {
        lock(&self.0).answers.remove(&(district.clone(), asked.name.into()));
        Ok(())
    }
}
