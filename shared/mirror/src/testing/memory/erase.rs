//! Erasing a district in memory.

use roster::id::DistrictId;
use xxhash_rust::xxh3::xxh3_128;

use super::objects::StoredObject;
use super::{MemoryObjects, MemoryTable, PAGE, lock};
use crate::MirrorError;
use crate::keys;
use crate::ports::erase::{EraseItems, EraseObjects, ItemToErase, ItemsToErase, ObjectToErase};
use crate::ports::idempotency::ONCE;

impl EraseItems for MemoryTable {
    async fn first_items(&self, pk: &str) -> Result<ItemsToErase, MirrorError> {
        let table = lock(&self.0);
        let to_erase = |sk: String, attributes: &dyn std::fmt::Debug| {
            let hash = xxh3_128(format!("{attributes:?}").as_bytes());
            ItemToErase { pk: pk.into(), sk, hash }
        };
        let mut items: Vec<ItemToErase> = table
            .items
            .iter()
            .filter(|((p, _), _)| p == pk)
            .map(|((_, sk), item)| to_erase(sk.clone(), item))
            .collect();
        let is_here = |id: &DistrictId| keys::district_pk(id) == pk;
        for (id, district) in table.districts.iter().filter(|(id, _)| is_here(id)) {
            let administrators = table.administrators.get(id).into_iter().flatten();
            items.extend(administrators.map(|admin| to_erase(keys::admin_sk(&admin.email), admin)));
            items.push(to_erase(keys::SETTINGS.into(), district));
        }
        items.extend(
            table
                .runs
                .iter()
                .filter(|((id, _), _)| is_here(id))
                .map(|((_, run), r)| to_erase(keys::run_sk(run), r)),
        );
        items.extend(
            table
                .answers
                .iter()
                .filter(|((id, _), _)| is_here(id))
                .map(|((_, name), once)| to_erase(format!("{ONCE}{name}"), once)),
        );
        items.sort_by(|a, b| a.sk.cmp(&b.sk));
        let more = items.len() > PAGE;
        items.truncate(PAGE);
        Ok(ItemsToErase { items, more })
    }

    async fn erase_items(&self, items: &[ItemToErase]) -> Result<(), MirrorError> {
        let mut table = lock(&self.0);
        for item in items {
            table.items.remove(&(item.pk.clone(), item.sk.clone()));
            let is_here = |id: &DistrictId| keys::district_pk(id) == item.pk;
            table.runs.retain(|(id, run), _| !is_here(id) || keys::run_sk(run) != item.sk);
            table
                .answers
                .retain(|(id, name), _| !is_here(id) || format!("{ONCE}{name}") != item.sk);
            for (_, all) in table.administrators.iter_mut().filter(|(id, _)| is_here(id)) {
                all.retain(|admin| keys::admin_sk(&admin.email) != item.sk);
            }
            if item.sk == keys::SETTINGS {
                table.districts.retain(|id, _| !is_here(id));
            }
        }
        Ok(())
    }
}

impl EraseObjects for MemoryObjects {
    async fn first_versions(&self, prefix: &str) -> Result<Vec<ObjectToErase>, MirrorError> {
        let bucket = lock(&self.0);
        let below = bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix)).take(PAGE);
        let to_erase = |(key, object): (&String, &StoredObject)| ObjectToErase {
            key: key.clone(),
            version: None,
            etag: object.etag.clone(),
            size: object.body.len() as u64,
        };
        Ok(below.map(to_erase).collect())
    }

    async fn erase_versions(&self, objects: &[ObjectToErase]) -> Result<(), MirrorError> {
        let mut bucket = lock(&self.0);
        for object in objects {
            bucket.objects.remove(&object.key);
        }
        Ok(())
    }
}
