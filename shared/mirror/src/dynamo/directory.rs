//! Reads for the API: single records, and the two indexes.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::stream::{self, StreamExt, TryStreamExt};
use roster::id::{DistrictId, SourceId};
use roster::personal::Personal;
use roster::records::{Link, RecordKind, Status};

use super::items::read_item;
use super::{DynamoTable, Item, PK, SCHOOL_KEY, SK, all_of, failed, s, text};
use crate::MirrorError;
use crate::keys;
use crate::ports::directory::{Directory, Found, InSchool, Listed, Place, parse_link};
use crate::ports::items::ReadItem;

/// The maximum number of items that one call reads.
const BATCH: usize = 100;
/// The maximum number of concurrent calls.
const AT_ONCE: usize = 8;
/// The maximum number of attempts for keys that a response leaves unprocessed.
const TRIES: u32 = 6;

/// Index entries that are read in addition to the requested number, because the filter by status
/// may drop some.
const SPARE: usize = 10;

const READING: &str = "read records of the mirror";

type Key = (String, String);

impl DynamoTable {
    fn index(&self, name: &str) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name).index_name(name)
    }

    /// Returns the items with these keys. Missing items are left out.
    async fn items_at(&self, keys: Vec<Key>) -> Result<HashMap<Key, ReadItem>, MirrorError> {
        let calls: Vec<Vec<Key>> = keys.chunks(BATCH).map(<[Key]>::to_vec).collect();
        let answers = stream::iter(calls).map(|keys| self.batch_at(keys)).buffer_unordered(AT_ONCE);
        let answers: Vec<Vec<(Key, ReadItem)>> = answers.try_collect().await?;
        Ok(answers.into_iter().flatten().collect())
    }

    async fn batch_at(&self, keys: Vec<Key>) -> Result<Vec<(Key, ReadItem)>, MirrorError> {
        let attributes =
            |(pk, sk): Key| Item::from([(PK.to_owned(), s(pk)), (SK.to_owned(), s(sk))]);
        let mut wanted: Vec<Item> = keys.into_iter().map(attributes).collect();
        let mut read = Vec::with_capacity(wanted.len());
        for attempt in 0..TRIES {
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .projection_expression("PK, SK, body, more, more_pieces")
                .build()
                .map_err(|e| MirrorError::service(READING, e))?;
            let answer = self.client.batch_get_item().request_items(&self.name, keys).send().await;
            let answer = answer.map_err(|e| failed(READING, e))?;
            for item in answer
                .responses
                .and_then(|mut tables| tables.remove(&self.name))
                .unwrap_or_default()
            {
                let pk = text(&item, PK).unwrap_or_default().to_owned();
                let item = read_item(item)?;
                read.push(((pk, item.sk.clone()), item));
            }
            let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name));
            match left.map(|left| left.keys).filter(|left| !left.is_empty()) {
                None => return Ok(read),
                Some(left) => wanted = left,
            }
            let wait = (10u64 << attempt) + fastrand::u64(0..20);
            tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
        }
        Err(MirrorError::OutOfTime { doing: READING })
    }
}

impl Directory for DynamoTable {
    async fn found(&self, district: &DistrictId, place: &Place) -> Result<Found, MirrorError> {
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("PK = :pk AND SK BETWEEN :begin AND :end")
            .expression_attribute_values(":pk", s(place.pk(district)))
            .expression_attribute_values(":begin", s(place.sk()))
            .expression_attribute_values(":end", s(place.end()))
            .projection_expression("SK, body, more, more_pieces")
            .consistent_read(true);
        let items = all_of(request, "read a record of the mirror").await?;
        Found::assemble(place, items.into_iter().map(read_item).collect::<Result<Vec<_>, _>>()?)
    }

    async fn find_many(
        &self,
        district: &DistrictId,
        places: &[Place],
        slots: &[&str],
    ) -> Result<Vec<Found>, MirrorError> {
        let keys_of = |place: &Place| {
            let pk = place.pk(district);
            let edits = slots.iter().map(|slot| format!("{}{}{slot}", place.sk(), keys::EDIT));
            std::iter::once(place.sk().to_owned())
                .chain(edits)
                .map(move |sk| (pk.clone(), sk))
                .collect::<Vec<Key>>()
        };
        let wanted: Vec<Vec<Key>> = places.iter().map(keys_of).collect();
        // A call may not contain a key twice.
        let mut distinct: Vec<Key> = wanted.iter().flatten().cloned().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let read = self.items_at(distinct).await?;
        let assembled = places.iter().zip(wanted).map(|(place, keys)| {
            let items = keys.iter().filter_map(|key| read.get(key).cloned());
            Found::assemble(place, items.filter(|item| item.more.is_none()))
        });
        assembled.collect()
    }

    async fn in_school(
        &self,
        district: &DistrictId,
        question: InSchool<'_>,
    ) -> Result<Listed, MirrorError> {
        let school = keys::school_key(district, question.school);
        let mut start = question.after.map(|after| {
            let key = [
                (SCHOOL_KEY, school.clone()),
                (PK, after.pk(district)),
                (SK, after.sk().to_owned()),
            ];
            key.map(|(name, value)| (name.to_owned(), s(value))).into_iter().collect::<Item>()
        });
        let mut listed = Listed::default();
        loop {
            let left = question.at_most - listed.places.len();
            let mut request = self
                .index(keys::BY_SCHOOL)
                .key_condition_expression("school_key = :school AND begins_with(SK, :kind)")
                .expression_attribute_values(":school", s(&school))
                .expression_attribute_values(":kind", s(keys::kind_prefix(question.kind)))
                .set_exclusive_start_key(start);
            // The limit counts items before the filter. With a filter, some more are read, because
            // few records have the other status.
            let limit = |rows: usize| i32::try_from(rows).unwrap_or(i32::MAX);
            request = match question.status {
                None => request.limit(limit(left)),
                Some(status) => request
                    .limit(limit(left + left / 4 + SPARE))
                    .filter_expression("#status = :status")
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(
                        ":status",
                        s(match status {
                            Status::Active => "active",
                            Status::Archived => "archived",
                        }),
                    ),
            };
            let page =
                request.send().await.map_err(|e| failed("read the directory of a school", e))?;
            let places = page
                .items()
                .iter()
                .filter_map(|item| Place::parse(district, text(item, PK)?, text(item, SK)?));
            let mut places: Vec<Place> = places.collect();
            let is_cut = places.len() > left;
            places.truncate(left);
            listed.places.append(&mut places);
            start = page.last_evaluated_key;
            if listed.places.len() == question.at_most && (is_cut || start.is_some()) {
                listed.next = listed.places.last().cloned();
                return Ok(listed);
            }
            if start.is_none() {
                return Ok(listed);
            }
        }
    }

    async fn with_email(
        &self,
        district: &DistrictId,
        email: &Personal,
    ) -> Result<Vec<Place>, MirrorError> {
        let request = self
            .index(keys::BY_EMAIL)
            .key_condition_expression("email_key = :email")
            .expression_attribute_values(":email", s(keys::email_key(district, email)));
        let items = all_of(request, "look up an e-mail address").await?;
        Ok(items
            .iter()
            .filter_map(|item| Place::parse(district, text(item, PK)?, text(item, SK)?))
            .collect())
    }

    async fn link(
        &self,
        district: &DistrictId,
        kind: RecordKind,
        source: &SourceId,
    ) -> Result<Option<Link>, MirrorError> {
        let (pk, sk) = (keys::shard_pk(district, source.shard()), keys::link_sk(kind, source));
        let item = self.get(pk, sk, "read an identity link").await?;
        item.map(|item| parse_link(text(&item, "body").unwrap_or_default())).transpose()
    }
}
