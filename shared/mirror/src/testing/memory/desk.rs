//! What the API's desk needs beside records, in memory: settings, answers, erasing.

use roster::id::DistrictId;
use roster::settings::{DistrictStatus, Settings};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use super::{MemoryObjects, MemoryTable, lock};
use crate::MirrorError;
use crate::keys;
use crate::ops::erase::{DoomedItem, DoomedItems, DoomedObject, EraseItems, EraseObjects};
use crate::ports::configured::{Configured, Configuring};
use crate::ports::districts::Changed;
use crate::ports::idempotency::{Answer, Asked, Begun, IdempotencyRecords, ONCE, Once};

fn text(value: &impl Serialize) -> Result<String, MirrorError> {
    serde_json::to_string(value).map_err(|e| MirrorError::corrupt("the district's item", e))
}

fn configured(settings: &Settings, status: DistrictStatus) -> Result<Configured, MirrorError> {
    Ok(Configured { settings: settings.clone(), status, stored: (text(settings)?, text(&status)?) })
}

impl Configuring for MemoryTable {
    async fn configured(&self, id: &DistrictId) -> Result<Option<Configured>, MirrorError> {
        let table = lock(&self.0);
        table
            .districts
            .get(id)
            .map(|district| configured(&district.settings, district.status))
            .transpose()
    }

    async fn reconfigure(
        &self,
        id: &DistrictId,
        seen: &Configured,
        settings: &Settings,
        status: DistrictStatus,
    ) -> Result<Changed, MirrorError> {
        let mut table = lock(&self.0);
        let Some(district) = table.districts.get_mut(id) else { return Ok(Changed::No) };
        if configured(&district.settings, district.status)?.stored != seen.stored {
            return Ok(Changed::No);
        }
        district.settings = settings.clone();
        district.status = status;
        Ok(Changed::Yes)
    }
}

impl IdempotencyRecords for MemoryTable {
    async fn note(&self, district: &DistrictId, asked: Asked<'_>) -> Result<Begun, MirrorError> {
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

impl EraseItems for MemoryTable {
    async fn first_items(&self, pk: &str) -> Result<DoomedItems, MirrorError> {
        let table = lock(&self.0);
        let doom = |sk: String, attributes: &dyn std::fmt::Debug| {
            let hash = xxh3_128(format!("{attributes:?}").as_bytes());
            DoomedItem { pk: pk.into(), sk, hash }
        };
        let mut items: Vec<DoomedItem> = table
            .items
            .iter()
            .filter(|((p, _), _)| p == pk)
            .map(|((_, sk), item)| doom(sk.clone(), item))
            .collect();
        let is_here = |id: &DistrictId| keys::district_pk(id) == pk;
        for (id, district) in table.districts.iter().filter(|(id, _)| is_here(id)) {
            let administrators = table.administrators.get(id).into_iter().flatten();
            items.extend(administrators.map(|admin| doom(keys::admin_sk(&admin.email), admin)));
            items.push(doom(keys::SETTINGS.into(), district));
        }
        items.extend(
            table
                .runs
                .iter()
                .filter(|((id, _), _)| is_here(id))
                .map(|((_, run), r)| doom(keys::run_sk(run), r)),
        );
        items.extend(
            table
                .answers
                .iter()
                .filter(|((id, _), _)| is_here(id))
                .map(|((_, name), once)| doom(format!("{ONCE}{name}"), once)),
        );
        items.sort_by(|a, b| a.sk.cmp(&b.sk));
        let more = items.len() > super::PAGE;
        items.truncate(super::PAGE);
        Ok(DoomedItems { items, more })
    }

    async fn erase_items(&self, items: &[DoomedItem]) -> Result<(), MirrorError> {
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
    async fn first_versions(&self, prefix: &str) -> Result<Vec<DoomedObject>, MirrorError> {
        let bucket = lock(&self.0);
        let below =
            bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix)).take(super::PAGE);
        let doomed = |(key, object): (&String, &super::Object)| DoomedObject {
            key: key.clone(),
            version: None,
            etag: object.etag.clone(),
            size: object.body.len() as u64,
        };
        Ok(below.map(doomed).collect())
    }

    async fn erase_versions(&self, objects: &[DoomedObject]) -> Result<(), MirrorError> {
        let mut bucket = lock(&self.0);
        for object in objects {
            bucket.objects.remove(&object.key);
        }
        Ok(())
    }
}
