//! The erasure of a district that leaves for good (R-O6), with a certificate of what was deleted.
//!
//! Each page is recorded in the certificate, then deleted. A request does as much as its time
//! allows; repeating it continues, until a last pass over everything finds nothing. The certificate
//! holds counts and hashes, but no records.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use mirror::ops::erase::{inbox_prefix, internal_prefixes, partitions};
use mirror::ports::districts::{Changed, TakeLease};
use mirror::ports::erase::{ItemToErase, ObjectToErase};
use roster::id::{AccountId, DistrictId};
use roster::settings::DistrictStatus;
use serde::{Deserialize, Serialize};
use tracing::info;
use xxhash_rust::xxh3::xxh3_128;

use crate::context::RequestContext;
use crate::input::{Body, reason};
use crate::problem::Problem;
use crate::response::{json, ok};
use crate::{Api, Objects, Table, id_generator};

/// How long one request works. The gateway's limit is 30 seconds.
const BUDGET: Duration = Duration::from_secs(20);
/// How long the lease lasts: longer than the request.
const LEASE: Duration = Duration::from_secs(120);

/// The progress of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Progress {
    InProgress,
    Complete,
}

/// What was deleted of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Deleted {
    count: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    bytes: u64,
    /// The sum of the 128-bit hashes of all deleted entries, so that their order does not matter:
    /// 32 hexadecimal digits.
    hash: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Deleted {
    fn add(&mut self, hash: u128, bytes: u64) {
        let sum = u128::from_str_radix(&self.hash, 16).unwrap_or(0).wrapping_add(hash);
        *self =
            Self { count: self.count + 1, bytes: self.bytes + bytes, hash: format!("{sum:032x}") };
    }
}

/// The certificate: what was deleted of a district.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Certificate {
    district: DistrictId,
    state: Progress,
    by: AccountId,
    reason: String,
    begun: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    completed: Option<Timestamp>,
    /// When a pass over everything found nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verified: Option<Timestamp>,
    /// Items of the table by type: `student`, `class`, `edit`, `run`, ….
    items: BTreeMap<String, Deleted>,
    /// Objects, all versions, by folder: `snapshots/<run>`, `uploads`, ….
    objects: BTreeMap<String, Deleted>,
    /// Hashes of the page that was recorded last. If the request crashed before deleting it, the
    /// page is not counted twice.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    last_page: BTreeSet<String>,
}

fn folder(district: &DistrictId) -> String {
    format!("erased/{district}/")
}

/// Returns the newest certificate of a district and the key of its object.
async fn newest<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    district: &DistrictId,
) -> Result<Option<(String, Certificate)>, Problem> {
    let mut keys: Vec<String> = context
        .api
        .internal
        .list(&folder(district))
        .await?
        .into_iter()
        .map(|info| info.object.key)
        .collect();
    keys.sort();
    let Some(key) = keys.pop() else { return Ok(None) };
    let body = context.api.internal.get(&key).await?.ok_or_else(Problem::internal)?;
    Ok(Some((key, serde_json::from_slice(&body).map_err(|_| Problem::internal())?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// The text `erase <district>`.
    confirm: String,
    reason: String,
}

/// `POST …/erasure`: 202 while there is more to delete, 200 with the certificate when everything is
/// deleted.
pub(super) async fn erase<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(order): Body<Order>,
) -> Result<Response, Problem> {
    let district = &context.granted.caller.district;
    let reason = reason(&order.reason)?;
    let now = context.api.clock.now();
    let open = newest(&context, district).await?;
    let is_there = context.api.table.configured(district).await?.is_some();
    let (key, certificate) = match open {
        Some((key, certificate)) if certificate.state == Progress::InProgress => (key, certificate),
        _ if !is_there => return Err(Problem::not_found()),
        _ => {
            let certificate = Certificate {
                district: district.clone(),
                state: Progress::InProgress,
                by: context.granted.caller.subject.clone(),
                reason,
                begun: now,
                completed: None,
                verified: None,
                items: BTreeMap::new(),
                objects: BTreeMap::new(),
                last_page: BTreeSet::new(),
            };
            (format!("{}{}.json", folder(district), id_generator::ulid(now)?), certificate)
        }
    };
    if order.confirm != format!("erase {district}") {
        return Err(Problem::unprocessable(
            "`confirm` must be the word erase and the district's id",
        ));
    }
    let lease = if is_there { Some(stop_everything(&context, district).await?) } else { None };
    let mut erasing =
        Erasing { api: &context.api, district, key, certificate, until: now + BUDGET };
    let outcome = erasing.go_on().await;
    if let Some(token) = lease {
        let seen = context
            .api
            .table
            .district(district)
            .await?
            .and_then(|district| district.latest)
            .map(|latest| latest.run);
        context.api.table.release(district, token, seen.as_ref()).await?;
    }
    let is_complete = outcome?;
    info!(%district, is_complete, "erasing");
    let status = if is_complete { StatusCode::OK } else { StatusCode::ACCEPTED };
    json(status, &Certificate { last_page: BTreeSet::new(), ..erasing.certificate })
}

/// Switches the sync off and takes the lease, so that nothing else writes to the district.
async fn stop_everything<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    district: &DistrictId,
) -> Result<u64, Problem> {
    let seen = context.api.table.configured(district).await?.ok_or_else(Problem::not_found)?;
    if context.api.table.reconfigure(district, &seen, &seen.settings, DistrictStatus::Off).await?
        == Changed::No
    {
        return Err(Problem::busy());
    }
    let now = context.api.clock.now();
    match context
        .api
        .table
        .take(district, &format!("erasure-{}", id_generator::ulid(now)?), now, now + LEASE)
        .await?
    {
        TakeLease::Taken(district) => {
            district.lease.map(|lease| lease.token).ok_or_else(Problem::internal)
        }
        TakeLease::Held { .. } => Err(Problem::conflict(
            "a run of the district is in progress: try again when it has ended",
        )),
        TakeLease::NoDistrict => Err(Problem::not_found()),
    }
}

/// `GET …/erasure`: the newest certificate. It remains after the district is deleted.
pub(super) async fn certificate<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let (_, certificate) =
        newest(&context, &context.granted.caller.district).await?.ok_or_else(Problem::not_found)?;
    ok(&Certificate { last_page: BTreeSet::new(), ..certificate })
}

struct Erasing<'a, T, O> {
    api: &'a Api<T, O>,
    district: &'a DistrictId,
    key: String,
    certificate: Certificate,
    until: Timestamp,
}

impl<T: Table, O: Objects> Erasing<'_, T, O> {
    /// Deletes until everything is gone or the time is over. Returns whether everything is gone,
    /// verified by a last pass.
    async fn go_on(&mut self) -> Result<bool, Problem> {
        self.save().await?;
        loop {
            let mut was_empty = true;
            for prefix in internal_prefixes(self.district) {
                was_empty &= self.objects(&self.api.internal, &prefix).await?;
                if !was_empty && self.is_late() {
                    return Ok(false);
                }
            }
            was_empty &= self.objects(&self.api.inbox, &inbox_prefix(self.district)).await?;
            // The district's own partition is deleted last, and its settings last in it: as long as
            // they exist, the erasure can be continued.
            for pk in partitions(self.district) {
                if !was_empty && self.is_late() {
                    return Ok(false);
                }
                was_empty &= self.items(&pk).await?;
            }
            // A pass that found nothing is the proof. It is short, and always runs to its end.
            if was_empty {
                let now = self.api.clock.now();
                self.certificate.state = Progress::Complete;
                (self.certificate.completed, self.certificate.verified) = (Some(now), Some(now));
                self.certificate.last_page.clear();
                self.save().await?;
                return Ok(true);
            }
        }
    }

    fn is_late(&self) -> bool {
        self.api.clock.now() >= self.until
    }

    async fn save(&self) -> Result<(), Problem> {
        let body = serde_json::to_vec(&self.certificate).map_err(|_| Problem::internal())?;
        Ok(self.api.internal.put(&self.key, "application/json", body).await?)
    }

    /// Deletes the objects below a prefix. Returns whether there were none.
    async fn objects(&mut self, bucket: &O, prefix: &str) -> Result<bool, Problem> {
        let mut was_empty = true;
        loop {
            let page = bucket.first_versions(prefix).await?;
            if page.is_empty() {
                return Ok(was_empty);
            }
            was_empty = false;
            let noted = page
                .iter()
                .map(|object| (self.folder_of(object), hash_of(object), object.size))
                .collect();
            self.note(noted, |certificate| &mut certificate.objects).await?;
            bucket.erase_versions(&page).await?;
            if self.is_late() {
                return Ok(false);
            }
        }
    }

    /// Deletes the items of a partition. Returns whether there were none.
    async fn items(&mut self, pk: &str) -> Result<bool, Problem> {
        let mut was_empty = true;
        loop {
            let page = self.api.table.first_items(pk).await?;
            if page.items.is_empty() {
                return Ok(was_empty);
            }
            was_empty = false;
            let noted = page.items.iter().map(|item| (sort_of(item), item.hash, 0)).collect();
            self.note(noted, |certificate| &mut certificate.items).await?;
            self.api.table.erase_items(&page.items).await?;
            if self.is_late() {
                return Ok(false);
            }
        }
    }

    /// Records a page in the certificate before it is deleted.
    async fn note(
        &mut self,
        page: Vec<(String, u128, u64)>,
        list: impl Fn(&mut Certificate) -> &mut BTreeMap<String, Deleted>,
    ) -> Result<(), Problem> {
        let before = std::mem::take(&mut self.certificate.last_page);
        for (sort, hash, bytes) in page {
            let text = format!("{hash:032x}");
            if !before.contains(&text) {
                list(&mut self.certificate).entry(sort).or_default().add(hash, bytes);
            }
            self.certificate.last_page.insert(text);
        }
        self.save().await
    }

    /// Returns `snapshots/<run>`, `runs/<run>` or only the folder: never the name of an uploaded
    /// file, which could contain personal data.
    fn folder_of(&self, object: &ObjectToErase) -> String {
        let mut parts = object.key.split('/');
        let folder = parts.next().unwrap_or_default();
        match (folder, parts.nth(1)) {
            ("snapshots" | "runs", Some(run)) => format!("{folder}/{run}"),
            _ => folder.to_owned(),
        }
    }
}

fn hash_of(object: &ObjectToErase) -> u128 {
    let version = object.version.as_deref().unwrap_or_default();
    xxh3_128([object.key.as_str(), version, object.etag.as_str()].join("\u{1f}").as_bytes())
}

/// Returns the type of an item, from its sort key: `student`, `edit`, `link`, `run`, ….
fn sort_of(item: &ItemToErase) -> String {
    let of = |part: &str| item.sk.contains(part);
    if of("#EDIT#") {
        return "edit".into();
    }
    if of("#MORE#") {
        return "further piece".into();
    }
    match item.sk.split('#').next().unwrap_or_default() {
        "SETTINGS" => "district".into(),
        "ADMIN" => "administrator".into(),
        "CODE" => "join code".into(),
        "ADDRESS" => "reserved address".into(),
        "ONCE" => "answer".into(),
        other => other.to_lowercase(),
    }
}
