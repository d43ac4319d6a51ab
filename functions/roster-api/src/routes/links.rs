//! Identity links made by support (R-I3): a source id belongs to an account, through all runs,
//! until the link is taken away.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use mirror::item;
use mirror::ports::items::Write;
use mirror::ports::transact::{Check, End, Mark, Step};
use roster::id::{DistrictId, SourceId};
use roster::records::{AnyMirrored, Link, RecordKind};
use roster::rule::Rule;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{nothing, versioned};
use crate::caller::Granted;
use crate::desk::Desk;
use crate::input::{At, Body, refused};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::{Api, Objects, Table, etag};

/// The write that puts a link, and the hash by which it is told from others.
fn put_of(district: &DistrictId, link: &Link) -> Result<(Write, String), Problem> {
    let writes = item::writes(district, None, Some(&AnyMirrored::Link(link.clone())))?
        .ok_or_else(Problem::internal)?;
    let hash = match &writes.item {
        Write::Put(item) => item.hash.clone(),
        Write::Delete { .. } => None,
    };
    Ok((writes.item, hash.ok_or_else(Problem::internal)?))
}

fn view(link: &Link) -> Value {
    json!({ "kind": link.kind, "source_id": Reference(link.source.clone()), "person": Reference(link.key.clone()), "rule": link.rule })
}

async fn link<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    at: &At,
) -> Result<(RecordKind, SourceId, Option<Link>), Problem> {
    desk.terms().await?;
    let (kind, source) = (at.people()?, at.record("source")?);
    let link = desk.api.table.link(desk.district(), kind, &source).await?;
    Ok((kind, source, link))
}

/// `GET /links/{kind}/{source}`.
pub(super) async fn get<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let link = link(&desk, &at).await?.2.ok_or_else(Problem::not_found)?;
    versioned(&view(&link), &put_of(desk.district(), &link)?.1)
}

async fn transact<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    write: Write,
    check: Check,
) -> Result<(), Problem> {
    match desk.api.table.transact(vec![Step { write, check: Some(check) }]).await?.end {
        End::Done => Ok(()),
        End::Refused { .. } => Err(Problem::changed_meanwhile()),
        End::Throttled => Err(Problem::busy()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    /// The account's record.
    person: Reference,
}

/// `PUT /links/{kind}/{source}`.
pub(super) async fn put<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(NewLink { person: Reference(key) }): Body<NewLink>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let (kind, source, seen) = link(&desk, &at).await?;
    if desk.anybody(kind, &key).await?.is_none() {
        return Err(Problem::unprocessable("`person` must be a person with an account here")
            .under(Rule::I3));
    }
    let seen = seen.map(|seen| put_of(desk.district(), &seen)).transpose()?.map(|(_, hash)| hash);
    etag::check(&headers, seen.as_deref())?;
    let link = Link { kind, source, key, rule: Rule::I3 };
    let (write, hash) = put_of(desk.district(), &link)?;
    let among = seen.iter().cloned().chain([hash.clone()]).collect();
    transact(&desk, write, Check { absent: seen.is_none(), mark: Mark::Hash, among }).await?;
    versioned(&view(&link), &hash)
}

/// `DELETE /links/{kind}/{source}`: only what support has made; what a run found out is undone by
/// another link.
pub(super) async fn delete<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let link = link(&desk, &at).await?.2.ok_or_else(Problem::not_found)?;
    if link.rule != Rule::I3 {
        return Err(refused(Rule::I3, "a run created this link: replace it with another one"));
    }
    let (write, hash) = put_of(desk.district(), &link)?;
    etag::check(&headers, Some(&hash))?;
    let Write::Put(item) = write else { return Err(Problem::internal()) };
    let check = Check { absent: true, mark: Mark::Hash, among: vec![hash] };
    transact(&desk, Write::Delete { pk: item.pk, sk: item.sk }, check).await?;
    Ok(nothing())
}
