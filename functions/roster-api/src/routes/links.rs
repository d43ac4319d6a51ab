//! Identity links made by support (R-I3): a source id belongs to an account through all runs, until
//! the link is removed.

use axum::response::Response;
use mirror::item;
use mirror::ports::items::Write;
use mirror::ports::transact::{Check, End, Mark, Step};
use roster::id::{AccountId, DistrictId, SourceId};
use roster::records::{AnyMirrored, Link, RecordKind};
use roster::rule::Rule;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::RequestContext;
use crate::input::{Body, email, refused};
use crate::people::PersonFound;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::{no_content, versioned};
use crate::{Objects, Table, etag};

/// Returns the write that stores a link, and the hash that is its version.
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
    let mut view = json!({
        "kind": link.kind,
        "source_id": Reference(link.source.clone()),
        "person": Reference(link.key.clone()),
        "rule": link.rule,
    });
    if let Some(account) = &link.administrator {
        view["administrator"] = json!(account);
    }
    view
}

async fn link<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
) -> Result<(RecordKind, SourceId, Option<Link>), Problem> {
    context.district_policy().await?;
    let (kind, source) = (context.path.people()?, context.path.record("source")?);
    let link = context.api.table.link(context.district(), kind, &source).await?;
    Ok((kind, source, link))
}

/// `GET /links/{kind}/{source}`.
pub(super) async fn get<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let link = link(&context).await?.2.ok_or_else(Problem::not_found)?;
    versioned(&view(&link), &put_of(context.district(), &link)?.1)
}

async fn transact<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    write: Write,
    check: Check,
) -> Result<(), Problem> {
    match context.api.table.transact(vec![Step { write, check: Some(check) }]).await?.end {
        End::Done => Ok(()),
        End::Refused { .. } => Err(Problem::changed_meanwhile()),
        End::Throttled => Err(Problem::busy()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLink {
    /// The key of the account's record.
    person: Reference,
    /// The e-mail address of the administrator who is this teacher (R-M5).
    administrator: Option<String>,
}

/// Returns the account of the administrator with this e-mail address, to whom a teacher may be
/// linked: a teacher without contacts and sign-in e-mail set here, because these would become the
/// administrator's.
async fn administrator<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    teacher: &PersonFound,
    address: &str,
) -> Result<AccountId, Problem> {
    if teacher.kind() != RecordKind::Teacher {
        return Err(Problem::unprocessable("only a teacher can be linked to an administrator")
            .under(Rule::M5));
    }
    if teacher.found.edits.iter().any(|edit| edit.edit.sign_in_address().is_some()) {
        return Err(refused(
            Rule::M5,
            "an e-mail address of the teacher was set here: remove it, then link the teacher",
        ));
    }
    let email = email(address)?;
    let administrators = context.api.table.administrators(context.district()).await?;
    let found = administrators.into_iter().find(|known| known.email == email);
    found.map(|known| known.account).ok_or_else(|| {
        Problem::unprocessable(
            "`administrator` must be the e-mail address of an administrator here",
        )
        .under(Rule::M5)
    })
}

/// `PUT /links/{kind}/{source}`.
pub(super) async fn put<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewLink>,
) -> Result<Response, Problem> {
    let (kind, source, seen) = link(&context).await?;
    let Reference(key) = body.person;
    let Some(person) = context.any_person(kind, &key).await? else {
        return Err(Problem::unprocessable("`person` must be a person with an account here")
            .under(Rule::I3));
    };
    let administrator = match &body.administrator {
        Some(address) => Some(administrator(&context, &person, address).await?),
        None => None,
    };
    let seen =
        seen.map(|seen| put_of(context.district(), &seen)).transpose()?.map(|(_, hash)| hash);
    etag::check(&context.headers, seen.as_deref())?;
    let link = Link { kind, source, key, rule: Rule::I3, administrator };
    let (write, hash) = put_of(context.district(), &link)?;
    let among = seen.iter().cloned().chain([hash.clone()]).collect();
    transact(&context, write, Check { absent: seen.is_none(), mark: Mark::Hash, among }).await?;
    versioned(&view(&link), &hash)
}

/// `DELETE /links/{kind}/{source}`: removes a link that support has made. A link made by a run can
/// only be replaced.
pub(super) async fn delete<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let link = link(&context).await?.2.ok_or_else(Problem::not_found)?;
    if link.rule != Rule::I3 {
        return Err(refused(Rule::I3, "a run created this link: replace it with another one"));
    }
    let (write, hash) = put_of(context.district(), &link)?;
    etag::check(&context.headers, Some(&hash))?;
    let Write::Put(item) = write else { return Err(Problem::internal()) };
    let check = Check { absent: true, mark: Mark::Hash, among: vec![hash] };
    transact(&context, Write::Delete { pk: item.pk, sk: item.sk }, check).await?;
    Ok(no_content())
}
