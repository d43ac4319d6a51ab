//! Run records in memory.

use roster::id::{DistrictId, RunId};

use super::{MemoryTable, lock};
use crate::MirrorError;
use crate::ports::districts::{Changed, Wrote};
use crate::ports::runs::{RunRecord, Runs};

impl Runs for MemoryTable {
    async fn run(
        &self,
        district: &DistrictId,
        run: &RunId,
    ) -> Result<Option<RunRecord>, MirrorError> {
        Ok(lock(&self.0).runs.get(&(district.clone(), run.clone())).cloned())
    }

    async fn newest(
        &self,
        district: &DistrictId,
        at_most: usize,
    ) -> Result<Vec<RunRecord>, MirrorError> {
        let table = lock(&self.0);
        Ok(table
            .runs
            .values()
            .rev()
            .filter(|run| run.district == *district)
            .take(at_most)
            .cloned()
            .collect())
    }

    async fn begin(&self, record: &RunRecord) -> Result<Wrote, MirrorError> {
        let mut table = lock(&self.0);
        let key = (record.district.clone(), record.run.clone());
        if table.runs.contains_key(&key) {
            return Ok(Wrote::AlreadyThere);
        }
        table.runs.insert(key, record.clone());
        Ok(Wrote::Yes)
    }

    async fn save(&self, record: &mut RunRecord) -> Result<Changed, MirrorError> {
        let mut table = lock(&self.0);
        match table.runs.get_mut(&(record.district.clone(), record.run.clone())) {
            Some(stored) if stored.revision == record.revision && stored.token <= record.token => {
                record.revision += 1;
                *stored = record.clone();
                Ok(Changed::Yes)
            }
            _ => Ok(Changed::No),
        }
    }
}
