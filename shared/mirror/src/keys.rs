//! Names of items and objects. Every access pattern is documented here.
//!
//! # Table
//!
//! | access pattern | how |
//! | --- | --- |
//! | a district's settings, status, lease, newest snapshot, what was applied | get [`district_pk`], [`SETTINGS`] |
//! | a run | get [`district_pk`], [`run_sk`] |
//! | the newest runs of a district | query [`district_pk`], `RUN#…`, backwards |
//! | the administrators of a district | query [`district_pk`], `ADMIN#…` |
//! | everything in the mirror, in the order of the table | query each of the 16 [`shard_pk`] whole, in parallel |
//! | all records of a kind | query each shard, sort keys that begin with [`kind_prefix`] |
//! | one record, with all pieces of a long roster | query its shard, sort keys that begin with [`record_sk`] |
//! | the record behind a source id | query its shard for [`link_sk`]; none: the id is the key |
//! | one record with its local edits | query its shard, sort keys from [`record_sk`] to [`after_record`]: the record, its edits, the twins of edits beside other records, its pieces |
//! | people by e-mail address (index [`BY_EMAIL`], sparse) | attribute `email_key` = [`email_key`] |
//! | the directory of a school (index [`BY_SCHOOL`], sparse, in the order of sort keys, with `status`) | attribute `school_key` = [`school_key`] |
//! | the districts that a source's list has named | query [`source_pk`] |
//! | the class of a join code | get [`district_pk`], [`code_sk`] |
//! | the person who has an e-mail address by a local edit | get [`district_pk`], [`address_sk`] |
//! | whether a webhook event was processed; how many arrived in a minute | get [`notice_pk`] or [`notice_count_pk`], [`NOTICE_SK`] |
//!
//! Sort keys of one shard in order: `LINK#…`, then `class#…`, `course#…`, `guardian#…`, `school#…`,
//! `student#…`, `teacher#…`, `term#…`. A record is followed by its local edits ([`edit_sk`]), the
//! twins of edits that are stored with other records and concern this one ([`twin_sk`]), and the
//! pieces of a long body.
//!
//! # Objects of the internal bucket
//!
//! | object | written by |
//! | --- | --- |
//! | `pulls/<district>/<run>/state.json`, `<try>/<list>/<page>.json.zst` and, after each page, `<try>/<list>.json` | nightly-pull |
//! | `pulls/<district>/everything.json`: the latest full pull | nightly-pull |
//! | `snapshots/<district>/<run>/<part>.ndjson.zst`, `chain.json`, and last `manifest.json` | oneroster-import, nightly-pull |
//! | `runs/<district>/<run>/plan.ndjson.zst`, `findings.ndjson.zst`, and last of a plan `outcome.json` | reconcile |
//! | `runs/<district>/<run>/report.json`, `report.html` | both |
//! | `groups/<district>/<run>.ndjson.zst` | reconcile |
//! | `refused/<district>/<run>.json` | oneroster-import, for districts that do not exist |
//! | `requests/<district>/<ulid>.json` | roster-api, for reconcile ([`crate::ops::requests`]) |

use roster::id::{DistrictId, RunId, SHARDS, SourceId};
use roster::personal::Personal;
use roster::records::RecordKind;
use roster::snapshot::PartName;
pub use roster::ulid::is_ulid;
use xxhash_rust::xxh3::xxh3_128;

/// Sort key of a district's own item.
pub const SETTINGS: &str = "SETTINGS";
/// Prefix of the sort keys of runs.
pub const RUN: &str = "RUN#";
/// Prefix of the sort keys of administrators.
pub const ADMIN: &str = "ADMIN#";
/// Prefix of the sort keys of links.
pub const LINK: &str = "LINK#";
/// Separates a record's sort key from the name of a further piece of it.
pub const MORE: &str = "#MORE#";
/// Separates a record's sort key from the slot of a local edit of it.
pub const EDIT: &str = "#EDIT#";

/// Begins the slot of a twin. The key of the record that holds the edit follows.
pub const AT: &str = "AT#";
/// Prefix of the sort keys of join codes.
pub const CODE: &str = "CODE#";
/// Prefix of the sort keys of reserved e-mail addresses.
pub const ADDRESS: &str = "ADDRESS#";
/// Sort key of the items for webhook events.
pub const NOTICE_SK: &str = "NOTICE";
/// The index of people by e-mail address.
pub const BY_EMAIL: &str = "by_email";
/// The index of people and classes by school.
pub const BY_SCHOOL: &str = "by_school";

/// Partition of a district's settings, runs and administrators.
pub fn district_pk(district: &DistrictId) -> String {
    format!("D#{district}")
}

/// Partition of the records of one shard (0 to 15).
pub fn shard_pk(district: &DistrictId, shard: u8) -> String {
    debug_assert!(shard < SHARDS);
    format!("D#{district}#{shard:x}")
}

/// Partition of the districts that have connected a source.
pub fn source_pk(source: &str) -> String {
    format!("AT#{source}")
}

/// Sort key of a run.
pub fn run_sk(run: &RunId) -> String {
    format!("{RUN}{run}")
}

/// Sort key of an administrator: a hash, because keys appear in logs and consoles.
pub fn admin_sk(email: &Personal) -> String {
    format!("{ADMIN}{:032x}", xxh3_128(email.reveal().as_bytes()))
}

/// Prefix of the sort keys of a kind.
pub fn kind_prefix(kind: RecordKind) -> String {
    format!("{}#", kind.name())
}

/// Sort key of a record.
pub fn record_sk(kind: RecordKind, key: &SourceId) -> String {
    format!("{}#{}", kind.name(), key.key())
}

/// Sort key of the `piece`-th further piece (from 1) of a record whose body has this hash.
pub fn more_sk(record_sk: &str, hash: &str, piece: u32) -> String {
    format!("{record_sk}{MORE}{hash}#{piece:04}")
}

/// Sort key of a local edit of a record: directly after the record, before the pieces of a long
/// one.
pub fn edit_sk(kind: RecordKind, key: &SourceId, slot: &str) -> String {
    format!("{}{EDIT}{slot}", record_sk(kind, key))
}

/// Sort key of the twin of an edit, stored with the record that the edit concerns. It names the
/// record that holds the edit.
pub fn twin_sk(
    about: RecordKind,
    person: &SourceId,
    beside: RecordKind,
    key: &SourceId,
    slot: &str,
) -> String {
    format!("{}{EDIT}{AT}{}#{slot}", record_sk(about, person), record_sk(beside, key))
}

/// An upper bound of all keys that continue a record's key; below the next record's key.
pub fn after_record(record_sk: &str) -> String {
    format!("{record_sk}#\u{10ffff}")
}

/// Prefix of the sort keys of the pieces of one body of a long record; `hash` as in [`more_sk`].
pub fn pieces_prefix(record_sk: &str, hash: &str) -> String {
    format!("{record_sk}{MORE}{hash}#")
}

/// Sort key of a join code: a hash, because the code gives access to the class.
pub fn code_sk(code: &Personal) -> String {
    format!("{CODE}{:032x}", xxh3_128(code.reveal().as_bytes()))
}

/// Sort key of the reservation of a normalized e-mail address: a hash, because keys appear in logs
/// and consoles.
pub fn address_sk(email: &Personal) -> String {
    format!("{ADDRESS}{:032x}", xxh3_128(email.reveal().as_bytes()))
}

/// Partition of a webhook event: a digest, without the district.
pub fn notice_pk(digest: &str) -> String {
    format!("NOTICE#{digest}")
}

/// Partition of the count of webhook events in a period.
pub fn notice_count_pk(stretch: &str) -> String {
    format!("NOTICE#COUNT#{stretch}")
}

/// Sort key of the link of a source id, in the shard of that source id.
pub fn link_sk(kind: RecordKind, source: &SourceId) -> String {
    format!("{LINK}{}#{}", kind.name(), source.key())
}

/// Value of `email_key`: a hash that includes the district, so that the index contains no address,
/// and equal addresses of two districts have different keys.
pub fn email_key(district: &DistrictId, email: &Personal) -> String {
    format!("E#{district}#{:032x}", xxh3_128(email.reveal().as_bytes()))
}

/// Value of `school_key`: a person's main school, a class's school.
pub fn school_key(district: &DistrictId, school: &SourceId) -> String {
    format!("S#{district}#{}", school.key())
}

/// The state of a pull, apart from its pages.
pub fn pull(district: &DistrictId, run: &RunId) -> String {
    format!("pulls/{district}/{run}/state.json")
}

/// The latest full pull.
pub fn everything(district: &DistrictId) -> String {
    format!("pulls/{district}/everything.json")
}

/// A page of a list, as the source sent it. `attempt`: a pull that starts again does not touch the
/// pages of its earlier attempts.
pub fn page(district: &DistrictId, run: &RunId, attempt: u32, list: &str, number: u32) -> String {
    format!("pulls/{district}/{run}/{attempt}/{list}/{number:05}.json.zst")
}

/// The progress of a list, written after its pages.
pub fn cursor(district: &DistrictId, run: &RunId, attempt: u32, list: &str) -> String {
    format!("pulls/{district}/{run}/{attempt}/{list}.json")
}

/// A part of a snapshot.
pub fn part(district: &DistrictId, run: &RunId, part: PartName) -> String {
    format!("snapshots/{district}/{run}/{}.ndjson.zst", part.name())
}

/// The uploads that a snapshot combines, in order; written before the snapshot is accepted.
pub fn chain(district: &DistrictId, run: &RunId) -> String {
    format!("snapshots/{district}/{run}/chain.json")
}

/// A snapshot's manifest. It exists only if the snapshot is complete; its event starts reconcile.
pub fn manifest(district: &DistrictId, run: &RunId) -> String {
    format!("snapshots/{district}/{run}/manifest.json")
}

/// Returns the district and run of a manifest's key, or `None` for any other key.
pub fn parse_manifest(key: &str) -> Option<(DistrictId, RunId)> {
    let (district, rest) = key.strip_prefix("snapshots/")?.split_once('/')?;
    let run = rest.strip_suffix("/manifest.json")?;
    (DistrictId::is_valid(district) && is_ulid(run))
        .then(|| (DistrictId::new(district), RunId::new(run)))
}

/// A run's plan: one [`roster::change::Change`] a line, additions and changes first, removals after.
pub fn plan(district: &DistrictId, run: &RunId) -> String {
    format!("runs/{district}/{run}/plan.ndjson.zst")
}

/// Findings of a plan.
pub fn plan_findings(district: &DistrictId, run: &RunId) -> String {
    format!("runs/{district}/{run}/findings.ndjson.zst")
}

/// The outcome of a plan; the last object of a plan to be written.
pub fn outcome(district: &DistrictId, run: &RunId) -> String {
    format!("runs/{district}/{run}/outcome.json")
}

/// A run's report, as data.
pub fn report(district: &DistrictId, run: &RunId) -> String {
    format!("runs/{district}/{run}/report.json")
}

/// A run's report, as an HTML page.
pub fn report_page(district: &DistrictId, run: &RunId) -> String {
    format!("runs/{district}/{run}/report.html")
}

/// The findings of a run's report, as a CSV file.
pub fn findings_csv(district: &DistrictId, run: &RunId) -> String {
    format!("runs/{district}/{run}/findings.csv")
}

/// Groups by demographic value after a run (R-M8).
pub fn groups(district: &DistrictId, run: &RunId) -> String {
    format!("groups/{district}/{run}.ndjson.zst")
}

/// The report of an upload for a district that does not exist.
pub fn refused(district: &DistrictId, run: &RunId) -> String {
    format!("refused/{district}/{run}.json")
}

/// A person's request. Its event starts reconcile.
pub fn request(district: &DistrictId, request: &RunId) -> String {
    format!("requests/{district}/{request}.json")
}

/// Returns the district and id of a request's key, or `None` for any other key.
pub fn parse_request(key: &str) -> Option<(DistrictId, RunId)> {
    let (district, rest) = key.strip_prefix("requests/")?.split_once('/')?;
    let request = rest.strip_suffix(".json")?;
    (DistrictId::is_valid(district) && is_ulid(request))
        .then(|| (DistrictId::new(district), RunId::new(request)))
}

/// The run of an upload: a ULID of the upload's time and a hash of the uploaded object, so that a
/// repeated event gives the same run.
pub fn run_id(at: jiff::Timestamp, bucket: &str, key: &str, etag: &str, version: &str) -> RunId {
    let text = [bucket, key, etag, version].join("\u{1f}");
    ulid(at, xxh3_128(text.as_bytes()))
}

/// The run of a pull: a ULID of its scheduled time and a hash of the district, so that a repeated
/// request gives the same run.
pub fn pull_id(at: jiff::Timestamp, district: &DistrictId) -> RunId {
    ulid(at, xxh3_128(format!("pull\u{1f}{district}").as_bytes()))
}

/// The run of an incremental pull. It differs from that of a full pull for the same time.
pub fn changes_id(at: jiff::Timestamp, district: &DistrictId) -> RunId {
    ulid(at, xxh3_128(format!("changes\u{1f}{district}").as_bytes()))
}

/// Returns the run id of a time and the lower 80 bits of `bits`: a ULID.
pub fn ulid(at: jiff::Timestamp, bits: u128) -> RunId {
    RunId::new(roster::ulid::ulid(at, bits))
}

/// Returns the time of a run id, or `None` if the id is not a ULID.
pub fn time_of(run: &RunId) -> Option<jiff::Timestamp> {
    roster::ulid::time_of(run.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_an_upload_is_the_same_every_time_and_sorts_by_time() {
        let at = |ms| jiff::Timestamp::from_millisecond(ms).unwrap();
        let first = run_id(at(1_780_000_000_000), "inbox", "uploads/oak/a.zip", "e1", "v1");
        assert_eq!(first, run_id(at(1_780_000_000_000), "inbox", "uploads/oak/a.zip", "e1", "v1"));
        assert_ne!(first, run_id(at(1_780_000_000_000), "inbox", "uploads/oak/a.zip", "e2", "v1"));
        assert!(first < run_id(at(1_780_000_000_001), "inbox", "uploads/oak/a.zip", "e1", "v1"));
        assert!(is_ulid(first.as_str()), "{first}");
        assert_eq!(time_of(&first), Some(at(1_780_000_000_000)));
        assert_eq!(time_of(&RunId::from("01HZ")), None);
    }

    #[test]
    fn only_manifests_are_manifests() {
        let run = "01HZ0000000000000000000000";
        assert!(parse_manifest(&format!("snapshots/oak/{run}/manifest.json")).is_some());
        for key in [
            format!("snapshots/oak/{run}/student.ndjson.zst"),
            format!("snapshots/../{run}/manifest.json"),
            format!("snapshots/oak/x/{run}/manifest.json"),
            "snapshots/oak/manifest.json".into(),
            format!("runs/oak/{run}/manifest.json"),
        ] {
            assert!(parse_manifest(&key).is_none(), "{key}");
        }
    }

    #[test]
    fn only_requests_are_requests() {
        let (oak, id) = (DistrictId::new("oak"), RunId::from("01HZ0000000000000000000000"));
        assert_eq!(parse_request(&request(&oak, &id)), Some((oak, id.clone())));
        for key in [
            "requests/oak/x.json",
            "requests/../01HZ0000000000000000000000.json",
            "requests/oak/x/01HZ0000000000000000000000.json",
        ] {
            assert_eq!(parse_request(key), None, "{key}");
        }
        assert_eq!(parse_request(&format!("snapshots/oak/{id}.json")), None);
    }

    #[test]
    fn all_that_belongs_to_a_record_sorts_behind_it_and_before_the_next() {
        let a = SourceId::from("a");
        let first = record_sk(RecordKind::Class, &a);
        let piece = more_sk(&first, "0011aabb", 1);
        let edit = edit_sk(RecordKind::Class, &a, "NAME");
        let twin = twin_sk(RecordKind::Class, &a, RecordKind::Class, &"b".into(), "IN#class#a");
        assert!(piece.starts_with(&pieces_prefix(&first, "0011aabb")));
        for next in ["a b", "a!", "a'", "a-", "ab", "aa"]
            .map(|id| record_sk(RecordKind::Class, &SourceId::from(id)))
        {
            for mine in [&first, &edit, &twin, &piece] {
                assert!(
                    first <= *mine && *mine < after_record(&first) && after_record(&first) < next,
                    "{mine} {next}"
                );
            }
        }
    }
}
