//! The content of the mirror's items.
//!
//! A record is one item whose `body` is the JSON of its [`Mirrored`]. DynamoDB limits an item to
//! 400 KB. The roster of a class with 30,000 students is longer: its body continues in further
//! items, which are written *before* the first and have the hash of the whole body in their keys.
//! Therefore a reader always finds either the old body or the new one, complete. Pieces of the old
//! body are deleted last.

use roster::id::{DistrictId, SourceId};
use roster::personal::Personal;
use roster::records::{AnyMirrored, Kind, Link, Mirrored, RecordKind, Status, kinds};
use xxhash_rust::xxh3::xxh3_64;

use crate::MirrorError;
use crate::keys;
use crate::ports::items::{More, PutItem, ReadItem, Write};

/// Maximum bytes of a body in one item. Leaves room below 400 KB for two long keys and the other
/// attributes.
const PIECE: usize = 350_000;

/// The writes of one record, in order: all of `before` must be done before `item`, and `item`
/// before any of `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWrites {
    /// Further pieces of a long body.
    pub before: Vec<Write>,
    /// The record.
    pub item: Write,
    /// Pieces of the record's previous body.
    pub after: Vec<Write>,
}

impl RecordWrites {
    /// Returns true if the record is and was a single item, so that order does not matter.
    pub fn is_single(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

/// Returns the writes of one change of a plan, or `None` if it changes nothing.
pub fn writes(
    district: &DistrictId,
    before: Option<&AnyMirrored>,
    after: Option<&AnyMirrored>,
) -> Result<Option<RecordWrites>, MirrorError> {
    let old = before.map(|record| encode(district, record)).transpose()?;
    let new = after.map(|record| encode(district, record)).transpose()?;
    Ok(match (old, new) {
        (None, None) => None,
        (old, Some((item, before))) => {
            let mut after: Vec<Write> =
                old.map(|(_, pieces)| pieces).unwrap_or_default().into_iter().map(delete).collect();
            after.retain(|gone| !before.iter().any(|kept| same_key(gone, kept)));
            Some(RecordWrites {
                before: before.into_iter().map(Write::Put).collect(),
                item: Write::Put(item),
                after,
            })
        }
        (Some((item, pieces)), None) => {
            let after = pieces.into_iter().map(delete).collect();
            Some(RecordWrites { before: Vec::new(), item: delete(item), after })
        }
    })
}

/// Reads a record of a kind from its body.
pub fn parse(kind: RecordKind, body: &str) -> Result<AnyMirrored, MirrorError> {
    fn of<K: Kind>(body: &str) -> Result<AnyMirrored, MirrorError> {
        // serde's own message may quote what it read.
        let record = serde_json::from_str::<Mirrored<K>>(body);
        record
            .map(K::wrap)
            .map_err(|_| MirrorError::corrupt("a record of the mirror", "it does not parse"))
    }
    match kind {
        RecordKind::School => of::<kinds::Schools>(body),
        RecordKind::Term => of::<kinds::Terms>(body),
        RecordKind::Course => of::<kinds::Courses>(body),
        RecordKind::Teacher => of::<kinds::Teachers>(body),
        RecordKind::Student => of::<kinds::Students>(body),
        RecordKind::Guardian => of::<kinds::Guardians>(body),
        RecordKind::Class => of::<kinds::Classes>(body),
    }
}

/// Returns the hash of a record's body as it would be written ([`body_hash`]).
pub fn record_hash(
    district: &DistrictId,
    record: &AnyMirrored,
) -> Result<Option<String>, MirrorError> {
    Ok(encode(district, record)?.0.hash)
}

fn delete(item: PutItem) -> Write {
    Write::Delete { pk: item.pk, sk: item.sk }
}

fn same_key(gone: &Write, kept: &PutItem) -> bool {
    matches!(gone, Write::Delete { pk, sk } if *pk == kept.pk && *sk == kept.sk)
}

/// Returns the item of a record, and the further pieces of its body.
fn encode(
    district: &DistrictId,
    record: &AnyMirrored,
) -> Result<(PutItem, Vec<PutItem>), MirrorError> {
    match record {
        AnyMirrored::School(m) => encode_record(district, m, None, None),
        AnyMirrored::Term(m) => encode_record(district, m, None, None),
        AnyMirrored::Course(m) => encode_record(district, m, None, m.state.org.as_ref()),
        AnyMirrored::Teacher(m) => encode_record(
            district,
            m,
            m.state.person.email.as_ref(),
            m.state.person.schools.first(),
        ),
        AnyMirrored::Student(m) => encode_record(
            district,
            m,
            m.state.person.email.as_ref(),
            m.state.person.schools.first(),
        ),
        AnyMirrored::Guardian(m) => encode_record(
            district,
            m,
            m.state.person.email.as_ref(),
            m.state.person.schools.first(),
        ),
        AnyMirrored::Class(m) => encode_record(district, m, None, Some(&m.state.details.school)),
        AnyMirrored::Link(link) => Ok((link_item(district, link)?, Vec::new())),
        AnyMirrored::Edit(_) => {
            Err(MirrorError::corrupt("a change of the mirror", "it is one of a local edit"))
        }
    }
}

/// Returns the hash of a record's whole body. It identifies one state of the record.
pub fn body_hash(body: &str) -> String {
    format!("{:016x}", xxh3_64(body.as_bytes()))
}

/// Returns the part of a hash that the sort keys of pieces contain.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..8).unwrap_or(hash)
}

fn encode_record<K: Kind>(
    district: &DistrictId,
    record: &Mirrored<K>,
    email: Option<&Personal>,
    school: Option<&SourceId>,
) -> Result<(PutItem, Vec<PutItem>), MirrorError> {
    let body = serde_json::to_string(record)
        .map_err(|e| MirrorError::corrupt("a record of the plan", e))?;
    let hash = body_hash(&body);
    let pk = keys::shard_pk(district, record.key.shard());
    let sk = keys::record_sk(K::KIND, &record.key);
    let mut texts = pieces(&body).map(str::to_owned);
    let first = texts.next().unwrap_or_default();
    let short = short(&hash).to_owned();
    let further: Vec<PutItem> = texts
        .zip(1..)
        .map(|(body, piece)| PutItem {
            pk: pk.clone(),
            sk: keys::more_sk(&sk, &short, piece),
            body,
            run: Some(record.changed_by.to_string()),
            ..PutItem::default()
        })
        .collect();
    let more = (!further.is_empty()).then_some(More { hash: short, pieces: further.len() as u32 });
    let item = PutItem {
        pk,
        sk,
        body: first,
        more,
        hash: Some(hash),
        run: Some(record.changed_by.to_string()),
        status: Some(match record.status {
            Status::Active => "active",
            Status::Archived => "archived",
        }),
        version: None,
        email_key: email.map(|email| keys::email_key(district, email)),
        school_key: school.map(|school| keys::school_key(district, school)),
    };
    Ok((item, further))
}

/// Returns the item of an identity link. Its hash identifies the state of the link.
pub fn link_item(district: &DistrictId, link: &Link) -> Result<PutItem, MirrorError> {
    let body =
        serde_json::to_string(link).map_err(|e| MirrorError::corrupt("a link of the plan", e))?;
    Ok(PutItem {
        pk: keys::shard_pk(district, link.source.shard()),
        sk: keys::link_sk(link.kind, &link.source),
        hash: Some(body_hash(&body)),
        body,
        ..PutItem::default()
    })
}

/// Splits a text into at least one piece of at most [`PIECE`] bytes.
fn pieces(body: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let text = rest?;
        if text.len() <= PIECE {
            rest = None;
            return Some(text);
        }
        let mut cut = PIECE;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let (piece, more) = text.split_at(cut);
        rest = Some(more);
        Some(piece)
    })
}

/// The type of an item of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// A record.
    Records(RecordKind),
    /// A local edit of a record.
    Edits(RecordKind),
    /// An identity link.
    Links,
}

impl Section {
    /// Returns the kind of the records, or `None` for links, which are never split.
    pub fn kind(self) -> Option<RecordKind> {
        match self {
            Self::Records(kind) | Self::Edits(kind) => Some(kind),
            Self::Links => None,
        }
    }

    fn of(sk: &str) -> Option<Self> {
        if sk.starts_with(keys::LINK) {
            return Some(Self::Links);
        }
        let (kind, rest) = sk.split_once('#')?;
        let tag = RecordKind::named(kind)?;
        let Some((key, _)) = rest.split_once('#') else { return Some(Self::Records(tag)) };
        // A twin repeats an edit that is read with the record that holds it.
        let slot = rest[key.len()..].strip_prefix(keys::EDIT)?;
        (!slot.starts_with(keys::AT)).then_some(Self::Edits(tag))
    }
}

/// Assembles bodies from the items of one shard, given in key order.
#[derive(Debug, Default)]
pub struct Assembler {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    section: Section,
    pieces_begin: String,
    left: u32,
    body: String,
}

impl Assembler {
    /// Takes the next item and returns a body once it is complete. The edits of a long record are
    /// returned before the record. Pieces of earlier bodies and items of other types are skipped.
    pub fn take(&mut self, item: ReadItem) -> Result<Option<(Section, String)>, MirrorError> {
        if let Some(open) = &mut self.open
            && item.sk.starts_with(&open.pieces_begin)
        {
            open.body.push_str(&item.body);
            open.left -= 1;
            if open.left > 0 {
                return Ok(None);
            }
            return Ok(self.open.take().map(|open| (open.section, open.body)));
        }
        let Some(section) = Section::of(&item.sk) else { return Ok(None) };
        if let Section::Edits(_) = section {
            // The edits of a long record are stored between it and its pieces.
            return Ok(Some((section, item.body)));
        }
        self.check_whole()?;
        match item.more {
            None => Ok(Some((section, item.body))),
            Some(more) => {
                let pieces_begin = format!("{}{}{}#", item.sk, keys::MORE, more.hash);
                self.open =
                    Some(Open { section, pieces_begin, left: more.pieces, body: item.body });
                Ok(None)
            }
        }
    }

    /// Must be called after the last item. Fails if a body is incomplete.
    pub fn check_whole(&self) -> Result<(), MirrorError> {
        match self.open {
            None => Ok(()),
            Some(_) => {
                Err(MirrorError::corrupt("a long record of the mirror", "a part of it is missing"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roster::id::RunId;
    use roster::records::{ClassDetails, ClassState, Origin};

    fn class(students: usize) -> AnyMirrored {
        AnyMirrored::Class(Mirrored::<kinds::Classes> {
            key: "c 1".into(),
            id: "c 1".into(),
            account: None,
            status: Status::Active,
            origin: Origin::Source,
            state: ClassState {
                details: ClassDetails {
                    title: "Chöre".into(),
                    code: None,
                    class_type: None,
                    location: None,
                    school: "s1".into(),
                    course: None,
                    terms: vec![],
                    grades: vec![],
                    subjects: vec![],
                    subject_codes: vec![],
                    periods: vec![],
                },
                teachers: vec![],
                students: (0..students)
                    .map(|n| SourceId::new(format!("schüler-{n:032}")))
                    .collect(),
                inactive: vec![],
                ends: vec![],
            },
            first_seen: RunId::from("r1"),
            changed_by: RunId::from("r1"),
            archived_on: None,
        })
    }

    fn read(writes: impl IntoIterator<Item = Write>) -> Vec<(Section, String)> {
        let mut items: Vec<PutItem> = writes
            .into_iter()
            .filter_map(|write| match write {
                Write::Put(item) => Some(item),
                Write::Delete { .. } => None,
            })
            .collect();
        items.sort_by(|a, b| a.sk.cmp(&b.sk));
        let mut assembler = Assembler::default();
        let mut bodies = Vec::new();
        for item in items {
            bodies.extend(
                assembler.take(ReadItem { sk: item.sk, body: item.body, more: item.more }).unwrap(),
            );
        }
        assembler.check_whole().unwrap();
        bodies
    }

    fn oak() -> DistrictId {
        DistrictId::new("oak")
    }

    #[test]
    fn a_class_of_30_000_is_several_items_below_400_kb_and_one_record() {
        let big = class(30_000);
        let writes = writes(&oak(), None, Some(&big)).unwrap().unwrap();
        assert!(writes.before.len() >= 3);
        for write in writes.before.iter().chain([&writes.item]) {
            assert!(write.size() < 400 * 1024);
        }
        // After a crash, pieces of an older body may remain. They must not be used for this one.
        let stray = Write::Put(PutItem {
            pk: "D#oak#0".into(),
            sk: keys::more_sk("class#c%201", "00000000", 1),
            body: "older".into(),
            ..PutItem::default()
        });
        let bodies = read(writes.before.iter().cloned().chain([writes.item.clone(), stray]));
        let AnyMirrored::Class(record) = &big else { unreachable!() };
        assert_eq!(
            bodies,
            [(Section::Records(RecordKind::Class), serde_json::to_string(record).unwrap())]
        );
    }

    #[test]
    fn what_replaces_a_long_record_takes_its_pieces_away_last() {
        let (old, new) = (class(30_000), class(2));
        let writes = writes(&oak(), Some(&old), Some(&new)).unwrap().unwrap();
        assert!(writes.before.is_empty());
        assert!(
            writes.after.len() >= 3
                && writes.after.iter().all(|w| matches!(w, Write::Delete { .. }))
        );
    }

    #[test]
    fn edits_between_a_long_record_and_its_pieces_are_read() {
        let big = class(30_000);
        let writes = writes(&oak(), None, Some(&big)).unwrap().unwrap();
        let pk = keys::shard_pk(&oak(), SourceId::from("c 1").shard());
        let edit = |slot: &str| {
            let sk = keys::edit_sk(RecordKind::Class, &"c 1".into(), slot);
            Write::Put(PutItem { pk: pk.clone(), sk, body: slot.into(), ..PutItem::default() })
        };
        let bodies = read(writes.before.into_iter().chain([
            writes.item,
            edit("NAME"),
            edit("IN#student#a"),
            edit("AT#x"),
        ]));
        let sections: Vec<_> =
            bodies.iter().map(|(section, body)| (*section, body.len())).collect();
        assert_eq!(
            sections[..2],
            [(Section::Edits(RecordKind::Class), 12), (Section::Edits(RecordKind::Class), 4)]
        );
        assert!(
            sections[2].0 == Section::Records(RecordKind::Class)
                && sections[2].1 > 1_000_000
                && sections.len() == 3
        );
    }

    #[test]
    fn a_missing_piece_is_noticed() {
        let mut assembler = Assembler::default();
        let more = Some(More { hash: "00112233".into(), pieces: 1 });
        assert!(
            assembler
                .take(ReadItem { sk: "class#a".into(), body: "{".into(), more })
                .unwrap()
                .is_none()
        );
        let next = ReadItem { sk: "class#b".into(), body: "{}".into(), more: None };
        assert!(matches!(assembler.take(next), Err(MirrorError::Corrupt { .. })));
    }

    #[test]
    fn items_of_other_sorts_are_passed_over() {
        let mut assembler = Assembler::default();
        for sk in [
            "student#a#EDIT#AT#class#c#IN#student#a",
            "class#a#MORE#00#1",
            "class#a#EDITS",
            "note#a",
            "x",
        ] {
            let item = ReadItem { sk: sk.into(), body: "{}".into(), more: None };
            assert_eq!(assembler.take(item).unwrap(), None);
        }
    }
}
