//! Classes with their rosters, and the names that they are given here.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use roster::edit::Edit;
use roster::id::SourceId;
use roster::records::RecordKind;
use rules::effective;
use serde::{Deserialize, Serialize};

use crate::access::{Operation, Role};
use crate::answer::{nothing, ok, versioned};
use crate::caller::Granted;
use crate::desk::{ClassFound, Desk, version};
use crate::input::{At, Body, name, person_kind};
use crate::page::{Asked, Page};
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::views::{ClassView, PersonLine, Shown, made};
use crate::{Api, Objects, Table};

/// `GET /classes/{class}`: the roster is one query; whether single sign-on is ready, one more
/// (R-T6).
pub(super) async fn get<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let class = desk.class(&at.record("class")?).await?;
    shown(&desk, &class).await
}

/// A class as this caller sees it.
pub(super) async fn shown<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    class: &ClassFound,
) -> Result<Response, Problem> {
    let effective = class.effective();
    let sso_ready = match effective.primary() {
        Some(primary) => {
            effective::sso_ready(&effective, &desk.found(RecordKind::Teacher, primary).await?.edits)
        }
        None => false,
    };
    let only = visible(desk).await?;
    let shown =
        Shown { sso_ready, join_code: desk.may(Operation::MakeJoinCode), only: only.as_deref() };
    versioned(&ClassView::new(&effective, &class.found.edits, &shown), &version(&class.found))
}

/// Whom a caller sees in a class, if not everybody: a guardian sees the teachers, the own children
/// and themselves.
async fn visible<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
) -> Result<Option<Vec<SourceId>>, Problem> {
    if desk.caller().role != Role::Guardian {
        return Ok(None);
    }
    let own = desk.own().await?;
    let children = own.children().into_iter().map(|child| child.key);
    Ok(Some(children.chain([own.item.key().clone()]).collect()))
}

#[derive(Deserialize)]
pub(super) struct OfRole {
    role: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// `GET /classes/{class}/people?role=…`: who is in it, by name.
pub(super) async fn people<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    query: Result<Query<OfRole>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(OfRole { role, after, limit }) =
        query.map_err(|_| Problem::bad_request("the query parameters are not valid"))?;
    let role = person_kind(role.as_deref().unwrap_or("student"));
    let role =
        role.ok_or_else(|| Problem::bad_request("`role` must be student, teacher or guardian"))?;
    let asked = Asked { after, limit };
    let (limit, after) =
        (asked.limit()?, asked.after(|text| text.parse::<usize>().ok())?.unwrap_or(0));
    let desk = Desk::new(&api, &granted);
    let class = desk.class(&at.record("class")?).await?;
    let effective = class.effective();
    let only = visible(&desk).await?;
    let is_shown = |key: &SourceId| {
        role == RecordKind::Teacher || only.as_ref().is_none_or(|only| only.contains(key))
    };
    let keys: Vec<SourceId> = match role {
        RecordKind::Teacher => effective.teachers.into_iter().map(|listed| listed.key).collect(),
        RecordKind::Student => effective.students.into_iter().map(|listed| listed.key).collect(),
        _ => effective.guardians,
    };
    let keys: Vec<SourceId> = keys.into_iter().filter(is_shown).collect();
    let page = keys.get(after..).unwrap_or_default();
    let next = (page.len() > limit).then(|| (after + limit).to_string());
    let people = desk.glance(role, &page[..page.len().min(limit)]).await?;
    ok(&Page::new(people.iter().map(PersonLine::from).collect(), next))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewName {
    name: String,
}

/// `PUT /classes/{class}/custom-name` (R-M4): it lives through every run.
pub(super) async fn put_name<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(body): Body<NewName>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let class = desk.class(&at.record("class")?).await?;
    let edit = desk.edit(
        RecordKind::Class,
        &class.item.key,
        Edit::CustomName { name: name(&body.name, "name")? },
    )?;
    desk.put(&headers, &class.found.edits, &edit).await?;
    made(&edit, LifetimeView::fixed(&edit.edit)?)
}

/// Takes the edit in a slot of a class away, if it is the version that the caller names.
pub(super) async fn take_from_class<T: Table, O: Objects>(
    api: &Api<T, O>,
    granted: &Granted,
    at: &At,
    headers: &HeaderMap,
    slot: &str,
) -> Result<Response, Problem> {
    let desk = Desk::new(api, granted);
    let class = desk.class(&at.record("class")?).await?;
    desk.take(headers, &class.found.edits, slot).await?;
    Ok(nothing())
}

/// `DELETE /classes/{class}/custom-name`: the source's name is shown again.
pub(super) async fn delete_name<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    take_from_class(&api, &granted, &at, &headers, "NAME").await
}
