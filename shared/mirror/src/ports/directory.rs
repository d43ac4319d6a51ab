//! Reads for the API: a record with its local edits, the directory of a school, and records by
//! e-mail address.
//!
//! A record, its local edits and the twins of edits of other records are adjacent in one partition,
//! so one query returns them. The two indexes contain only the places of records; the records are
//! read from the table. Reads of an index are eventually consistent, reads of a record are
//! consistent.

use std::future::Future;

use roster::edit::LocalEdit;
use roster::id::{DistrictId, SHARDS, SourceId};
use roster::personal::Personal;
use roster::records::{Kind, Link, Mirrored, RecordKind, Status};

use crate::MirrorError;
use crate::item::Assembler;
use crate::keys;
use crate::ports::items::ReadItem;

/// The place of a record in the table. Only this module creates places, so a place never refers to
/// a record of another district.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The kind of the record.
    pub kind: RecordKind,
    shard: u8,
    sk: String,
}

impl Place {
    /// Returns the place of the record with this key.
    pub fn of(kind: RecordKind, key: &SourceId) -> Self {
        Self { kind, shard: key.shard(), sk: keys::record_sk(kind, key) }
    }

    /// Returns the place for keys from an index, or `None` if they belong to another district or
    /// not to a record. The keys of an edit lead to the place of its record.
    pub fn parse(district: &DistrictId, pk: &str, sk: &str) -> Option<Self> {
        let shard = (0..SHARDS).find(|shard| keys::shard_pk(district, *shard) == pk)?;
        let (kind, rest) = sk.split_once('#')?;
        let kind = RecordKind::named(kind)?;
        let key = rest.split('#').next().filter(|key| !key.is_empty())?;
        Some(Self { kind, shard, sk: format!("{kind}#{key}") })
    }

    /// Returns the place as opaque text, for cursors.
    pub fn text(&self) -> String {
        format!("{:x}{}", self.shard, self.sk)
    }

    /// Parses the result of [`Place::text`].
    pub fn from_text(district: &DistrictId, text: &str) -> Option<Self> {
        let (shard, sk) = text.split_at_checked(1)?;
        let shard = u8::from_str_radix(shard, 16).ok().filter(|shard| *shard < SHARDS)?;
        Self::parse(district, &keys::shard_pk(district, shard), sk).filter(|place| place.sk == sk)
    }

    /// Returns the partition key.
    pub(crate) fn pk(&self, district: &DistrictId) -> String {
        keys::shard_pk(district, self.shard)
    }

    /// Returns the sort key of the record.
    pub(crate) fn sk(&self) -> &str {
        &self.sk
    }

    /// Returns a sort key after all items of the record and before the next record.
    pub(crate) fn end(&self) -> String {
        keys::after_record(&self.sk)
    }
}

/// A record with its edits, as read from the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The JSON of its [`Mirrored`]. `None` if only edits exist.
    pub body: Option<String>,
    /// The edits of the record.
    pub edits: Vec<LocalEdit>,
    /// The edits of other records that refer to this record.
    pub twins: Vec<LocalEdit>,
}

impl Found {
    /// Parses the record. Returns `None` if it does not exist.
    pub fn record<K: Kind>(&self) -> Result<Option<Mirrored<K>>, MirrorError> {
        let parse = |body: &String| {
            // serde's own message may quote the data.
            serde_json::from_str(body)
                .map_err(|_| MirrorError::corrupt("a record of the mirror", "it does not parse"))
        };
        self.body.as_ref().map(parse).transpose()
    }

    /// Assembles the items of one query.
    pub(crate) fn assemble(
        place: &Place,
        items: impl IntoIterator<Item = ReadItem>,
    ) -> Result<Self, MirrorError> {
        let mut found = Self::default();
        let mut assembler = Assembler::default();
        for item in items {
            let slot =
                item.sk.strip_prefix(place.sk()).and_then(|rest| rest.strip_prefix(keys::EDIT));
            if let Some(slot) = slot {
                let list =
                    if slot.starts_with(keys::AT) { &mut found.twins } else { &mut found.edits };
                let edit = serde_json::from_str(&item.body);
                list.push(
                    edit.map_err(|_| MirrorError::corrupt("a local edit", "it does not parse"))?,
                );
            } else if let Some((_, body)) = assembler.take(item)? {
                found.body = Some(body);
            }
        }
        assembler.check_whole()?;
        Ok(found)
    }
}

/// A page of places from an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The places in the order of the index.
    pub places: Vec<Place>,
    /// The place after which the next page begins. `None` on the last page.
    pub next: Option<Place>,
}

/// A query of the directory of a school.
#[derive(Clone, Debug)]
pub struct InSchool<'a> {
    /// The key of the school.
    pub school: &'a SourceId,
    /// The kind of the records.
    pub kind: RecordKind,
    /// Active or archived records; `None` for both.
    pub status: Option<Status>,
    /// The place after which to begin.
    pub after: Option<&'a Place>,
    /// The maximum number of places of a page, at least 1.
    pub at_most: usize,
}

/// Reads records for the API.
pub trait Directory: Clone + Send + Sync + 'static {
    /// Returns a record with its edits and twins. Empty if nothing exists.
    fn found(
        &self,
        district: &DistrictId,
        place: &Place,
    ) -> impl Future<Output = Result<Found, MirrorError>> + Send;

    /// Returns many records with few calls, for lists: in the order of `places`, with only the
    /// edits of these slots, and without twins. A record whose body has several pieces has no body
    /// here.
    fn find_many(
        &self,
        district: &DistrictId,
        places: &[Place],
        slots: &[&str],
    ) -> impl Future<Output = Result<Vec<Found>, MirrorError>> + Send;

    /// Returns records of a kind by their main school, sorted by their keys.
    fn in_school(
        &self,
        district: &DistrictId,
        question: InSchool<'_>,
    ) -> impl Future<Output = Result<Listed, MirrorError>> + Send;

    /// Returns the records with this e-mail address.
    fn with_email(
        &self,
        district: &DistrictId,
        email: &Personal,
    ) -> impl Future<Output = Result<Vec<Place>, MirrorError>> + Send;

    /// Returns the identity link of a source id. `None` means that the id is the key.
    fn link(
        &self,
        district: &DistrictId,
        kind: RecordKind,
        source: &SourceId,
    ) -> impl Future<Output = Result<Option<Link>, MirrorError>> + Send;
}

pub(crate) fn parse_link(body: &str) -> Result<Link, MirrorError> {
    serde_json::from_str(body)
        .map_err(|_| MirrorError::corrupt("an identity link", "it does not parse"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oak() -> DistrictId {
        DistrictId::new("oak")
    }

    #[test]
    fn a_place_is_restored_from_its_text_and_stays_in_its_district() {
        for key in ["a", "a#b c", "é/ü", &"x".repeat(2000)] {
            let place = Place::of(RecordKind::Student, &key.into());
            assert_eq!(Place::from_text(&oak(), &place.text()), Some(place.clone()));
            assert_eq!(Place::parse(&oak(), &place.pk(&oak()), place.sk()), Some(place.clone()));
            assert_eq!(Place::parse(&DistrictId::new("elm"), &place.pk(&oak()), place.sk()), None);
        }
        for wrong in [
            "",
            "g",
            "gstudent#a",
            "0",
            "0LINK#student#a",
            "0student#",
            "0student#a#EDIT#NAME",
            "éstudent#a",
        ] {
            assert_eq!(Place::from_text(&oak(), wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_keys_of_an_edit_lead_to_its_record() {
        let place = Place::of(RecordKind::Student, &"a".into());
        let pk = place.pk(&oak());
        assert_eq!(Place::parse(&oak(), &pk, "student#a#EDIT#CONTACT"), Some(place));
        assert_eq!(Place::parse(&oak(), &pk, "SETTINGS"), None);
    }
}
