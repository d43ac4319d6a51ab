//! Districts that have connected a source, in memory.

use super::{MemoryTable, lock};
use crate::MirrorError;
use crate::ports::connected_districts::{Connected, ConnectedDistricts};
use crate::ports::districts::Wrote;

impl ConnectedDistricts for MemoryTable {
    async fn connected(&self, source: &str) -> Result<Vec<Connected>, MirrorError> {
        let table = lock(&self.0);
        Ok(table
            .connected
            .iter()
            .filter(|((of, _), _)| of == source)
            .map(|(_, connected)| connected.clone())
            .collect())
    }

    async fn add_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> Result<Wrote, MirrorError> {
        let key = (source.to_owned(), connected.id.clone());
        let mut table = lock(&self.0);
        if table.connected.contains_key(&key) {
            return Ok(Wrote::AlreadyThere);
        }
        table.connected.insert(key, connected.clone());
        Ok(Wrote::Yes)
    }

    async fn update_connected(
        &self,
        source: &str,
        connected: &Connected,
    ) -> Result<(), MirrorError> {
        lock(&self.0)
            .connected
            .insert((source.to_owned(), connected.id.clone()), connected.clone());
        Ok(())
    }
}
