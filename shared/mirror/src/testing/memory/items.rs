//! Items of the mirror in memory: pages, batches and transactions.

use std::collections::BTreeSet;
use std::ops::Bound;

use roster::id::DistrictId;

use super::{MemoryTable, PAGE, lock};
use crate::MirrorError;
use crate::keys;
use crate::ports::items::{BATCH, Page, Range, ReadItem, ReadItems, Write, WriteItems, Written};
use crate::ports::transact::{End, MOST_STEPS, Step, Transact, Transacted};

impl ReadItems for MemoryTable {
    async fn page(
        &self,
        district: &DistrictId,
        shard: u8,
        range: Range<'_>,
        after: Option<&str>,
    ) -> Result<Page, MirrorError> {
        let pk = keys::shard_pk(district, shard);
        let table = lock(&self.0);
        let (begin, end) = match range {
            Range::Whole => ("", None),
            Range::BeginningWith(text) => (text, None),
            Range::Record(sk) => (sk, Some(keys::after_record(sk))),
        };
        // The iteration starts at the end of the previous page, not at the first item.
        let first = match after.filter(|after| *after >= begin) {
            Some(after) => Bound::Excluded((pk.clone(), after.to_owned())),
            None => Bound::Included((pk.clone(), begin.to_owned())),
        };
        let mut items: Vec<ReadItem> = table
            .items
            .range((first, Bound::Unbounded))
            .take_while(|((p, sk), _)| *p == pk && sk.starts_with(begin))
            .take_while(|((_, sk), _)| end.as_ref().is_none_or(|end| sk <= end))
            .take(PAGE + 1)
            .map(|(_, item)| ReadItem {
                sk: item.sk.clone(),
                body: item.body.clone(),
                more: item.more.clone(),
            })
            .collect();
        let next = (items.len() > PAGE).then(|| {
            items.pop();
            items.last().map(|item| item.sk.clone()).unwrap_or_default()
        });
        Ok(Page { units: items.len() as f64 * 0.5, items, next })
    }
}

impl WriteItems for MemoryTable {
    async fn write(&self, batch: Vec<Write>) -> Result<Written, MirrorError> {
        if let Some(delay) = self.delay() {
            tokio::time::sleep(delay).await;
        }
        let mut table = lock(&self.0);
        let table = &mut *table;
        let mut seen = BTreeSet::new();
        for write in &batch {
            let key = match write {
                Write::Put(item) => (&item.pk, &item.sk),
                Write::Delete { pk, sk } => (pk, sk),
            };
            if !seen.insert(key) {
                return Err(MirrorError::service(
                    "write to the mirror",
                    "a batch has two writes with the same key",
                ));
            }
            if write.size() > 400 * 1024 {
                return Err(MirrorError::service(
                    "write to the mirror",
                    "an item has more than 400 KB",
                ));
            }
        }
        if batch.is_empty() || batch.len() > BATCH {
            return Err(MirrorError::service("write to the mirror", "a batch has 1 to 25 writes"));
        }
        let mut written = Written::default();
        for write in batch {
            if !table.taking.takes(&write) {
                written.left.push(write);
                continue;
            }
            written.units += 1.0;
            table.items_written += 1;
            match write {
                Write::Put(item) => table.items.insert((item.pk.clone(), item.sk.clone()), item),
                Write::Delete { pk, sk } => table.items.remove(&(pk, sk)),
            };
        }
        Ok(written)
    }
}

impl Transact for MemoryTable {
    async fn transact(&self, steps: Vec<Step>) -> Result<Transacted, MirrorError> {
        let mut table = lock(&self.0);
        let table = &mut *table;
        let key = |write: &Write| match write {
            Write::Put(item) => (item.pk.clone(), item.sk.clone()),
            Write::Delete { pk, sk } => (pk.clone(), sk.clone()),
        };
        let keys: BTreeSet<_> = steps.iter().map(|step| key(&step.write)).collect();
        if steps.is_empty() || keys.len() != steps.len() || steps.len() > MOST_STEPS {
            return Err(MirrorError::service(
                "write a transaction",
                "a transaction has 1 to 100 steps, each on a different item",
            ));
        }
        if steps.first().is_some_and(|step| !table.taking.takes(&step.write)) {
            return Ok(Transacted { end: End::Throttled, units: 0.0 });
        }
        let refused = steps.iter().position(|step| {
            let there = table.items.get(&key(&step.write));
            step.check.as_ref().is_some_and(|check| !check.holds(there))
        });
        let units = 2.0 * steps.len() as f64;
        if let Some(step) = refused {
            return Ok(Transacted { end: End::Refused { step }, units });
        }
        for step in steps {
            table.items_written += 1;
            match step.write {
                Write::Put(item) => table.items.insert((item.pk.clone(), item.sk.clone()), item),
                Write::Delete { pk, sk } => table.items.remove(&(pk, sk)),
            };
        }
        Ok(Transacted { end: End::Done, units })
    }

    async fn body(&self, pk: &str, sk: &str) -> Result<Option<String>, MirrorError> {
        Ok(lock(&self.0).items.get(&(pk.to_owned(), sk.to_owned())).map(|item| item.body.clone()))
    }
}
