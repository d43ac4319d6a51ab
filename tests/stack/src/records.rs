//! Reads the mirror's records and identity links, for tests and benchmarks.

use mirror::MirrorError;
use mirror::item::{Assembler, Section};
use mirror::keys;
use mirror::ports::items::{Range, ReadItems};
use roster::id::{DistrictId, SHARDS};
use roster::records::RecordKind;
use serde_json::Value;

use crate::stack::Stack;

impl Stack {
    /// Passes every record of a kind to `each`, including archived ones, in the order of the table.
    pub async fn records<E: From<MirrorError>>(
        &self,
        district: &DistrictId,
        kind: RecordKind,
        each: impl FnMut(Value) -> Result<(), E>,
    ) -> Result<(), E> {
        self.bodies(district, &keys::kind_prefix(kind), Section::Records(kind), each).await
    }

    /// Passes every identity link to `each`.
    pub async fn links<E: From<MirrorError>>(
        &self,
        district: &DistrictId,
        each: impl FnMut(Value) -> Result<(), E>,
    ) -> Result<(), E> {
        self.bodies(district, keys::LINK, Section::Links, each).await
    }

    async fn bodies<E: From<MirrorError>>(
        &self,
        district: &DistrictId,
        prefix: &str,
        section: Section,
        mut each: impl FnMut(Value) -> Result<(), E>,
    ) -> Result<(), E> {
        let table = self.table();
        for shard in 0..SHARDS {
            let mut assembler = Assembler::default();
            let mut after: Option<String> = None;
            loop {
                let page = table
                    .page(district, shard, Range::BeginningWith(prefix), after.as_deref())
                    .await?;
                for item in page.items {
                    if let Some((found, body)) = assembler.take(item)?
                        && found == section
                    {
                        each(
                            serde_json::from_str(&body)
                                .map_err(|error| MirrorError::corrupt("an item", error))?,
                        )?;
                    }
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assembler.check_whole()?;
        }
        Ok(())
    }
}
