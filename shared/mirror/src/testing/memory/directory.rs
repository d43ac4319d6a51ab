//! Reads for the API, in memory.

use roster::id::{DistrictId, SourceId};
use roster::personal::Personal;
use roster::records::{Link, RecordKind, Status};

use super::{MemoryTable, lock};
use crate::MirrorError;
use crate::keys;
use crate::ports::directory::{Directory, Found, InSchool, Listed, Place, parse_link};
use crate::ports::items::{PutItem, ReadItem};

fn read(item: &PutItem) -> ReadItem {
    ReadItem { sk: item.sk.clone(), body: item.body.clone(), more: item.more.clone() }
}

impl Directory for MemoryTable {
    async fn found(&self, district: &DistrictId, place: &Place) -> Result<Found, MirrorError> {
        let table = lock(&self.0);
        let (pk, end) = (place.pk(district), place.end());
        let range = (pk.clone(), place.sk().to_owned())..=(pk, end);
        Found::assemble(place, table.items.range(range).map(|(_, item)| read(item)))
    }

    async fn find_many(
        &self,
        district: &DistrictId,
        places: &[Place],
        slots: &[&str],
    ) -> Result<Vec<Found>, MirrorError> {
        let table = lock(&self.0);
        let one = |place: &Place| {
            let key = |sk: String| (place.pk(district), sk);
            let base =
                table.items.get(&key(place.sk().to_owned())).filter(|item| item.more.is_none());
            let edits = slots.iter().filter_map(|slot| {
                table.items.get(&key(format!("{}{}{slot}", place.sk(), keys::EDIT)))
            });
            Found::assemble(place, base.into_iter().chain(edits).map(read))
        };
        places.iter().map(one).collect()
    }

    async fn in_school(
        &self,
        district: &DistrictId,
        question: InSchool<'_>,
    ) -> Result<Listed, MirrorError> {
        let table = lock(&self.0);
        let (school, kind) =
            (keys::school_key(district, question.school), keys::kind_prefix(question.kind));
        let status = question.status.map(|status| match status {
            Status::Active => "active",
            Status::Archived => "archived",
        });
        let mut places: Vec<Place> = table
            .items
            .values()
            .filter(|item| item.school_key.as_ref() == Some(&school) && item.sk.starts_with(&kind))
            .filter(|item| status.is_none() || item.status == status)
            .filter_map(|item| Place::parse(district, &item.pk, &item.sk))
            .filter(|place| question.after.is_none_or(|after| place.sk() > after.sk()))
            .collect();
        places.sort_by(|a, b| a.sk().cmp(b.sk()));
        let more = places.len() > question.at_most;
        places.truncate(question.at_most);
        let next = if more { places.last().cloned() } else { None };
        Ok(Listed { places, next })
    }

    async fn with_email(
        &self,
        district: &DistrictId,
        email: &Personal,
    ) -> Result<Vec<Place>, MirrorError> {
        let key = keys::email_key(district, email);
        let table = lock(&self.0);
        let items = table.items.values().filter(|item| item.email_key.as_ref() == Some(&key));
        Ok(items.filter_map(|item| Place::parse(district, &item.pk, &item.sk)).collect())
    }

    async fn link(
        &self,
        district: &DistrictId,
        kind: RecordKind,
        source: &SourceId,
    ) -> Result<Option<Link>, MirrorError> {
        let table = lock(&self.0);
        let key = (keys::shard_pk(district, source.shard()), keys::link_sk(kind, source));
        table.items.get(&key).map(|item| parse_link(&item.body)).transpose()
    }
}
