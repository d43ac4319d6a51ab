//! Join codes, and guardians who join a class with one (R-G4).

use axum::http::Method;
use axum::response::Response;
use mirror::ops::edits::Ending;
use roster::edit::Edit;
use roster::personal::Personal;
use roster::records::RecordKind;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::classes::remove_from_class;
use super::rosters::changeable;
use crate::access::Role;
use crate::context::{RequestContext, in_slot, is_active, written};
use crate::input::Body;
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::{Created, once};
use crate::views::edit_response;
use crate::{Objects, Table, etag, id_generator};

/// How many codes are tried if the generated one belongs to another class.
const TRIES: u32 = 4;

/// `PUT /classes/{class}/join-code`: creates a new code. The previous one is no longer valid.
pub(super) async fn make_code<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    changeable(&class)?;
    let there = in_slot(&class.found.edits, "CODE");
    etag::check(&context.headers, there.map(|edit| edit.version.as_str()))?;
    for _ in 0..TRIES {
        let code = Personal::new(id_generator::join_code()?);
        let edit = context.edit(RecordKind::Class, &class.item.key, Edit::JoinCode { code })?;
        let edited = context.api.table.put_edit(context.district(), &edit, there).await?;
        if edited.ending == Ending::CodeTaken {
            continue;
        }
        written(edited)?;
        return edit_response(&edit, LifetimeView::fixed(&edit.edit)?);
    }
    Err(Problem::busy())
}

/// `DELETE /classes/{class}/join-code`.
pub(super) async fn delete_code<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    remove_from_class(&context, "CODE").await
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    code: String,
    /// The guardian, if an application sends the request. A guardian's own token names the
    /// guardian.
    guardian: Option<Reference>,
}

/// `POST /joins`.
pub(super) async fn join<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<Join>,
) -> Result<Response, Problem> {
    once(&context, (&Method::POST, "joins", &body), async |_| {
        let guardian = match (context.granted.caller.role, &body.guardian) {
            (Role::Guardian, None) => context.own().await?,
            (Role::Guardian, Some(Reference(key))) => Some(context.own().await?)
                .filter(|own| own.item.key() == key)
                .ok_or_else(Problem::not_found)?,
            (_, Some(Reference(key))) => context.person(RecordKind::Guardian, key).await?,
            (_, None) => return Err(Problem::unprocessable("`guardian` is required")),
        };
        if !is_active(guardian.item.status()) || !guardian.account(&[]).enabled {
            return Err(Problem::conflict("the guardian's account is archived or disabled"));
        }
        let code = id_generator::parse_join_code(&body.code).ok_or_else(Problem::not_found)?;
        let key = context
            .api
            .table
            .class_of_code(context.district(), &Personal::new(code))
            .await?
            .ok_or_else(Problem::not_found)?;
        let class = context
            .any_class(&key)
            .await?
            .filter(|class| is_active(class.item.status))
            .ok_or_else(Problem::not_found)?;
        if !context.granted.caller.sees_school(class.school()) {
            return Err(Problem::not_found());
        }
        let member =
            Edit::Member { role: RecordKind::Guardian, person: guardian.item.key().clone() };
        context.add(RecordKind::Class, &key, &member).await?;
        let at = format!("classes/{}", Reference::text(&key));
        Ok(Created::new(&json!({ "class": Reference(key), "name": class.effective().name() }))?
            .at(at))
    })
    .await
}
