//! Reading for people and applications: one record with everything that was done to it here, the
//! directory of a school, whoever has an e-mail address.
//!
//! A record, its local edits and the twins of edits beside other records lie behind one another in
//! one partition, so they come with one query. The two indexes give only where records lie: what is
//! in them is read from the table itself. A reader of an index can be a moment behind a writer; a
//! reader of a record is not.

use std::future::Future;

use roster::edit::LocalEdit;
use roster::id::{DistrictId, SHARDS, SourceId};
use roster::personal::Personal;
use roster::records::{Kind, Link, Mirrored, RecordKind, Status};

use crate::MirrorError;
use crate::item::Assembler;
use crate::keys;
use crate::ports::items::ReadItem;

/// Where a record of a district lies. Made here alone, so it never leads into another district.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The kind of the record.
    pub kind: RecordKind,
    shard: u8,
    sk: String,
}

impl Place {
    /// The place of the record with this key.
    pub fn of(kind: RecordKind, key: &SourceId) -> Self {
        Self { kind, shard: key.shard(), sk: keys::record_sk(kind, key) }
    }

    /// The place of what an index named; none if that lies in another district or is no record.
    /// What stands beside a record leads to it.
    pub fn parse(district: &DistrictId, pk: &str, sk: &str) -> Option<Self> {
        let shard = (0..SHARDS).find(|shard| keys::shard_pk(district, *shard) == pk)?;
        let (kind, rest) = sk.split_once('#')?;
        let kind = RecordKind::named(kind)?;
        let key = rest.split('#').next().filter(|key| !key.is_empty())?;
        Some(Self { kind, shard, sk: format!("{kind}#{key}") })
    }

    /// Its place in the order of an index: opaque text, the same for the same record.
    pub fn text(&self) -> String {
        format!("{:x}{}", self.shard, self.sk)
    }

    /// What [`Place::text`] gave.
    pub fn from_text(district: &DistrictId, text: &str) -> Option<Self> {
        let (shard, sk) = text.split_at_checked(1)?;
        let shard = u8::from_str_radix(shard, 16).ok().filter(|shard| *shard < SHARDS)?;
        Self::parse(district, &keys::shard_pk(district, shard), sk).filter(|place| place.sk == sk)
    }

    /// Partition key.
    pub(crate) fn pk(&self, district: &DistrictId) -> String {
        keys::shard_pk(district, self.shard)
    }

    /// Sort key of the record.
    pub(crate) fn sk(&self) -> &str {
        &self.sk
    }

    /// A sort key behind everything of the record, and before the next one.
    pub(crate) fn end(&self) -> String {
        keys::after_record(&self.sk)
    }
}

/// A record as it was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// JSON of its [`Mirrored`], whole. None where only edits are.
    pub body: Option<String>,
    /// The edits beside it.
    pub edits: Vec<LocalEdit>,
    /// The edits beside other records that are about it.
    pub twins: Vec<LocalEdit>,
}

impl Found {
    /// The record, if it is there.
    pub fn record<K: Kind>(&self) -> Result<Option<Mirrored<K>>, MirrorError> {
        let parse = |body: &String| {
            // serde's own message may quote what it read.
            serde_json::from_str(body)
                .map_err(|_| MirrorError::corrupt("a record of the mirror", "it does not parse"))
        };
        self.body.as_ref().map(parse).transpose()
    }

    /// Puts together what one query gave.
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

/// Places of an index, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// In the order of the index.
    pub places: Vec<Place>,
    /// The place behind which the next page begins; none: this was the last.
    pub next: Option<Place>,
}

/// A question to the directory of a school.
#[derive(Clone, Debug)]
pub struct InSchool<'a> {
    /// The school's key.
    pub school: &'a SourceId,
    /// Which records.
    pub kind: RecordKind,
    /// Active or archived ones; none: all.
    pub status: Option<Status>,
    /// Behind which place to begin.
    pub after: Option<&'a Place>,
    /// The most places of a page, at least 1.
    pub at_most: usize,
}

/// Reading for people and applications.
pub trait Directory: Clone + Send + Sync + 'static {
    /// A record with its edits and twins. What is not there at all is empty.
    fn found(
        &self,
        district: &DistrictId,
        place: &Place,
    ) -> impl Future<Output = Result<Found, MirrorError>> + Send;

    /// Records without what stands beside them, except the edits of these slots; in the order of
    /// `places`. For lists: many records with few questions. A record whose body goes on in further
    /// items is left without its body.
    fn find_many(
        &self,
        district: &DistrictId,
        places: &[Place],
        slots: &[&str],
    ) -> impl Future<Output = Result<Vec<Found>, MirrorError>> + Send;

    /// Records of a kind whose main school it is, in the order of their keys.
    fn in_school(
        &self,
        district: &DistrictId,
        question: InSchool<'_>,
    ) -> impl Future<Output = Result<Listed, MirrorError>> + Send;

    /// Records of people with this e-mail address in the mirror.
    fn with_email(
        &self,
        district: &DistrictId,
        email: &Personal,
    ) -> impl Future<Output = Result<Vec<Place>, MirrorError>> + Send;

    /// The identity link of a source id, or none: then the id is the key.
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
    fn a_place_survives_its_text_and_never_leads_into_another_district() {
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
    fn what_stands_beside_a_record_leads_to_it() {
        let place = Place::of(RecordKind::Student, &"a".into());
        let pk = place.pk(&oak());
        assert_eq!(Place::parse(&oak(), &pk, "student#a#EDIT#CONTACT"), Some(place));
        assert_eq!(Place::parse(&oak(), &pk, "SETTINGS"), None);
    }
}
