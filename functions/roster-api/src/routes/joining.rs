//! Join codes, and guardians who join a class with one (R-G4).

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use mirror::ops::edits::Ending;
use roster::edit::Edit;
use roster::personal::Personal;
use roster::records::RecordKind;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::classes::take_from_class;
use super::rosters::changeable;
use crate::access::Role;
use crate::answer::{Made, once};
use crate::caller::Granted;
use crate::desk::{Desk, done, in_slot, is_active};
use crate::input::{At, Body};
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::views::made;
use crate::{Api, Objects, Table, etag, fresh};

/// How often another code is tried, where one is a class's already.
const TRIES: u32 = 4;

/// `PUT /classes/{class}/join-code`: a new code; the one before opens nothing any more.
pub(super) async fn make_code<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let class = desk.class(&at.record("class")?).await?;
    changeable(&class)?;
    let there = in_slot(&class.found.edits, "CODE");
    etag::check(&headers, there.map(|edit| edit.version.as_str()))?;
    for _ in 0..TRIES {
        let code = Personal::new(fresh::code()?);
        let edit = desk.edit(RecordKind::Class, &class.item.key, Edit::JoinCode { code })?;
        let edited = api.table.put_edit(desk.district(), &edit, there).await?;
        if edited.ending == Ending::CodeTaken {
            continue;
        }
        done(edited)?;
        return made(&edit, LifetimeView::fixed(&edit.edit)?);
    }
    Err(Problem::busy())
}

/// `DELETE /classes/{class}/join-code`.
pub(super) async fn delete_code<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    take_from_class(&api, &granted, &at, &headers, "CODE").await
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    code: String,
    /// Who joins, where an application asks for them; a guardian's own token says it.
    guardian: Option<Reference>,
}

/// `POST /joins`.
pub(super) async fn join<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    headers: HeaderMap,
    Body(body): Body<Join>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    once(&api, &granted, &headers, (&Method::POST, "joins", &body), async |_| {
        let guardian = match (granted.caller.role, &body.guardian) {
            (Role::Guardian, None) => desk.own().await?,
            (Role::Guardian, Some(Reference(key))) => Some(desk.own().await?)
                .filter(|own| own.item.key() == key)
                .ok_or_else(Problem::not_found)?,
            (_, Some(Reference(key))) => desk.person(RecordKind::Guardian, key).await?,
            (_, None) => return Err(Problem::unprocessable("`guardian` is required")),
        };
        if !is_active(guardian.item.status()) || !guardian.account(&[]).enabled {
            return Err(Problem::conflict("the guardian's account is archived or disabled"));
        }
        let code = fresh::typed(&body.code).ok_or_else(Problem::not_found)?;
        let key = api
            .table
            .class_of_code(desk.district(), &Personal::new(code))
            .await?
            .ok_or_else(Problem::not_found)?;
        let class = desk
            .any_class(&key)
            .await?
            .filter(|class| is_active(class.item.status))
            .ok_or_else(Problem::not_found)?;
        if !granted.caller.sees_school(class.school()) {
            return Err(Problem::not_found());
        }
        let member =
            Edit::Member { role: RecordKind::Guardian, person: guardian.item.key().clone() };
        let slot = member.slot();
        desk.put_over(RecordKind::Class, &key, &slot, |found| {
            Ok(in_slot(&found.edits, &slot).is_none().then(|| member.clone()))
        })
        .await?;
        let at = format!("classes/{}", Reference::text(&key));
        Ok(Made::new(&json!({ "class": Reference(key), "name": class.effective().name() }))?.at(at))
    })
    .await
}
