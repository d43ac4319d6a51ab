//! Districts, administrators and leases in memory.

use jiff::Timestamp;
use roster::contract::Administrator;
use roster::id::{DistrictId, RunId};
use roster::settings::{DistrictStatus, Settings};

use super::{MemoryTable, lock};
use crate::MirrorError;
use crate::ports::districts::{
    Applied, Changed, District, Districts, Latest, Lease, Leases, ReleaseLease, TakeLease, Wrote,
};

impl Districts for MemoryTable {
    async fn district(&self, id: &DistrictId) -> Result<Option<District>, MirrorError> {
        Ok(lock(&self.0).districts.get(id).cloned())
    }

    async fn create(
        &self,
        id: &DistrictId,
        settings: &Settings,
        status: DistrictStatus,
    ) -> Result<Wrote, MirrorError> {
        let mut table = lock(&self.0);
        if table.districts.contains_key(id) {
            return Ok(Wrote::AlreadyThere);
        }
        let district = District {
            id: id.clone(),
            settings: settings.clone(),
            status,
            lease: None,
            latest: None,
            applied: None,
            open: None,
        };
        table.districts.insert(id.clone(), district);
        Ok(Wrote::Yes)
    }

    async fn accept(
        &self,
        id: &DistrictId,
        latest: &Latest,
        seen: Option<&RunId>,
    ) -> Result<Changed, MirrorError> {
        let mut table = lock(&self.0);
        match table.districts.get_mut(id) {
            Some(district) if district.latest.as_ref().map(|l| &l.run) == seen => {
                district.latest = Some(latest.clone());
                Ok(Changed::Yes)
            }
            _ => Ok(Changed::No),
        }
    }

    async fn administrators(&self, id: &DistrictId) -> Result<Vec<Administrator>, MirrorError> {
        Ok(lock(&self.0).administrators.get(id).cloned().unwrap_or_default())
    }

    async fn put_administrator(
        &self,
        id: &DistrictId,
        administrator: &Administrator,
    ) -> Result<(), MirrorError> {
        let mut table = lock(&self.0);
        let all = table.administrators.entry(id.clone()).or_default();
        all.retain(|other| other.email != administrator.email);
        all.push(administrator.clone());
        Ok(())
    }
}

impl Leases for MemoryTable {
    async fn take(
        &self,
        id: &DistrictId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<TakeLease, MirrorError> {
        let mut table = lock(&self.0);
        let table = &mut *table;
        let Some(district) = table.districts.get_mut(id) else { return Ok(TakeLease::NoDistrict) };
        if let Some(lease) = &district.lease
            && lease.owner != owner
            && lease.until >= now
        {
            return Ok(TakeLease::Held { until: lease.until });
        }
        let token = table.tokens.entry(id.clone()).or_default();
        *token += 1;
        district.lease = Some(Lease { owner: owner.into(), token: *token, until });
        Ok(TakeLease::Taken(Box::new(district.clone())))
    }

    async fn release(
        &self,
        id: &DistrictId,
        token: u64,
        seen: Option<&RunId>,
    ) -> Result<ReleaseLease, MirrorError> {
        let mut table = lock(&self.0);
        let Some(district) = table.districts.get_mut(id) else { return Ok(ReleaseLease::Released) };
        if district.lease.as_ref().is_none_or(|lease| lease.token != token) {
            return Ok(ReleaseLease::Released);
        }
        if district.latest.as_ref().map(|l| &l.run) != seen {
            return Ok(ReleaseLease::NewerSnapshot);
        }
        district.lease = None;
        Ok(ReleaseLease::Released)
    }

    async fn set_open(
        &self,
        id: &DistrictId,
        token: u64,
        run: &RunId,
    ) -> Result<Changed, MirrorError> {
        Ok(self.with_lease(id, token, |district| district.open = Some(run.clone())))
    }

    async fn set_applied(
        &self,
        id: &DistrictId,
        token: u64,
        applied: &Applied,
    ) -> Result<Changed, MirrorError> {
        Ok(self.with_lease(id, token, |district| district.applied = Some(applied.clone())))
    }
}
