//! Accounts: enabled or disabled (R-S6), invitations (R-G5) and sign-ins (R-T6).

use axum::response::Response;
use mirror::ports::directory::Found;
use roster::edit::Edit;
use roster::records::Status;
use serde::Deserialize;

use crate::access::Scope;
use crate::context::RequestContext;
use crate::input::Body;
use crate::people::{Item, PersonFound};
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::response::ok;
use crate::views::{NewEditView, edit_response};
use crate::{Objects, Table};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switched {
    enabled: bool,
}

/// `PUT /people/{kind}/{person}/account`.
pub(super) async fn switch<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(Switched { enabled }): Body<Switched>,
) -> Result<Response, Problem> {
    let person = context.person_of_path().await?;
    context.may_change_account_of(&person).await?;
    let accepted = person.account(&[]).accepted;
    let edit =
        context.edit(person.kind(), person.item.key(), Edit::Account { accepted, enabled })?;
    context.put(&person.found.edits, &edit).await?;
    edit_response(&edit, LifetimeView::fixed(&edit.edit)?)
}

/// Reads the person that the path names, if the account can be used: neither archived nor disabled.
async fn usable<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
) -> Result<PersonFound, Problem> {
    let person = context.person_of_path().await?;
    if context.granted.scope == Scope::Own
        && context.caller().record.as_ref() != Some(person.item.key())
    {
        return Err(Problem::not_found());
    }
    if person.item.status() == Status::Archived {
        return Err(Problem::conflict("the account is archived"));
    }
    if !person.account(&[]).enabled {
        return Err(Problem::conflict("the account is disabled"));
    }
    Ok(person)
}

/// Reads the same person from a newer version of the record.
fn person_of(found: &Found, person: &PersonFound) -> Result<PersonFound, Problem> {
    let item = Item::read(person.kind(), found)?.ok_or_else(Problem::not_found)?;
    Ok(PersonFound { item, found: found.clone() })
}

/// `POST /people/{kind}/{person}/account/accept`: accepts the invitation. Under `until_active`,
/// name and contacts belong to the person from then on. Repeating the request has no effect.
pub(super) async fn accept<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let person = usable(&context).await?;
    let now = context.api.clock.now();
    let next = |found: &Found| {
        let account = person_of(found, &person)?.account(&[]);
        Ok(account
            .accepted
            .is_none()
            .then_some(Edit::Account { accepted: Some(now), enabled: account.enabled }))
    };
    let edit = context
        .update(person.kind(), person.item.key(), "ACCOUNT", next)
        .await?
        .ok_or_else(Problem::internal)?;
    edit_response(&edit, LifetimeView::fixed(&edit.edit)?)
}

/// `POST /people/{kind}/{person}/sign-ins`: records the first single sign-on (R-T6). Later ones
/// change nothing.
pub(super) async fn signed_in<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let person = usable(&context).await?;
    let now = context.api.clock.now();
    let next = |found: &Found| {
        let account = person_of(found, &person)?.account(&[]);
        Ok(account.signed_in.is_none().then_some(Edit::SignedIn { first: now }))
    };
    let edit = context
        .update(person.kind(), person.item.key(), "SSO", next)
        .await?
        .ok_or_else(Problem::internal)?;
    ok(&NewEditView::new(&edit, LifetimeView::fixed(&edit.edit)?))
}
