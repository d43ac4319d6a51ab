//! Classes with their rosters, and custom names.

use axum::response::Response;
use roster::edit::Edit;
use roster::id::SourceId;
use roster::records::RecordKind;
use rules::effective;
use serde::{Deserialize, Serialize};

use crate::access::{Operation, Role};
use crate::class::ClassFound;
use crate::context::{RequestContext, version};
use crate::input::{Body, Parameters, name, person_kind};
use crate::page::{Page, PageQuery};
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::response::{no_content, ok, versioned};
use crate::views::{ClassView, PersonLine, Shown, edit_response};
use crate::{Objects, Table};

/// `GET /classes/{class}`. The roster is one query; whether single sign-on is ready (R-T6) needs
/// one more.
pub(super) async fn get<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    shown(&context, &class).await
}

/// Returns a class as the caller may see it.
pub(super) async fn shown<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    class: &ClassFound,
) -> Result<Response, Problem> {
    let effective = class.effective();
    let sso_ready = match effective.primary() {
        Some(primary) => effective::sso_ready(
            &effective,
            &context.found(RecordKind::Teacher, primary).await?.edits,
        ),
        None => false,
    };
    let only = visible(context).await?;
    let shown =
        Shown { sso_ready, join_code: context.may(Operation::MakeJoinCode), only: only.as_deref() };
    versioned(&ClassView::new(&effective, &class.found.edits, &shown), &version(&class.found))
}

/// Returns the people of a class that the caller may see, or `None` for all. A guardian sees the
/// teachers, their own children and themselves.
async fn visible<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
) -> Result<Option<Vec<SourceId>>, Problem> {
    if context.caller().role != Role::Guardian {
        return Ok(None);
    }
    let own = context.own().await?;
    let children = own.children().into_iter().map(|child| child.key);
    Ok(Some(children.chain([own.item.key().clone()]).collect()))
}

#[derive(Deserialize)]
pub(super) struct OfRole {
    role: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// `GET /classes/{class}/people?role=…`: the people of the class, with names.
pub(super) async fn people<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Parameters(query): Parameters<OfRole>,
) -> Result<Response, Problem> {
    let OfRole { role, after, limit } = query;
    let role = person_kind(role.as_deref().unwrap_or("student"));
    let role =
        role.ok_or_else(|| Problem::bad_request("`role` must be student, teacher or guardian"))?;
    let page = PageQuery { after, limit };
    let (limit, after) =
        (page.limit()?, page.after(|text| text.parse::<usize>().ok())?.unwrap_or(0));
    let class = context.class_of_path().await?;
    let effective = class.effective();
    let only = visible(&context).await?;
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
    let people = context.people(role, &page[..page.len().min(limit)]).await?;
    ok(&Page::new(people.iter().map(PersonLine::from).collect(), next))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewName {
    name: String,
}

/// `PUT /classes/{class}/custom-name` (R-M4): a custom name, which every run keeps.
pub(super) async fn put_name<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewName>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    let edit = context.edit(
        RecordKind::Class,
        &class.item.key,
        Edit::CustomName { name: name(&body.name, "name")? },
    )?;
    context.put(&class.found.edits, &edit).await?;
    edit_response(&edit, LifetimeView::fixed(&edit.edit)?)
}

/// Removes the edit in a slot of the class that the path names. The request must name its version.
pub(super) async fn remove_from_class<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    slot: &str,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    context.remove(&class.found.edits, slot).await?;
    Ok(no_content())
}

/// `DELETE /classes/{class}/custom-name`: shows the source's name again.
pub(super) async fn delete_name<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    remove_from_class(&context, "NAME").await
}
