//! Accounts: enabled or not (R-S6), invited or accepted (R-G5), signed in or not yet (R-T6).

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use mirror::ports::directory::Found;
use roster::edit::Edit;
use roster::records::Status;
use serde::Deserialize;

use crate::access::Reach;
use crate::answer::ok;
use crate::caller::Granted;
use crate::desk::Desk;
use crate::input::{At, Body};
use crate::people::{Item, PersonFound};
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::views::{MadeView, made};
use crate::{Api, Objects, Table};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switched {
    enabled: bool,
}

/// `PUT /people/{kind}/{person}/account`.
pub(super) async fn switch<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(Switched { enabled }): Body<Switched>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = desk.person(at.people()?, &at.record("person")?).await?;
    let accepted = person.account(&[]).accepted;
    let edit = desk.edit(person.kind(), person.item.key(), Edit::Account { accepted, enabled })?;
    desk.put(&headers, &person.found.edits, &edit).await?;
    made(&edit, LifetimeView::fixed(&edit.edit)?)
}

/// Somebody whose account is used: archived people's is not, nor is a disabled one.
async fn usable<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    at: &At,
) -> Result<PersonFound, Problem> {
    let person = desk.person(at.people()?, &at.record("person")?).await?;
    if desk.granted.reach == Reach::Own && desk.caller().record.as_ref() != Some(person.item.key())
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

/// What was found, as the person that it was.
fn person_of(found: &Found, person: &PersonFound) -> Result<PersonFound, Problem> {
    let item = Item::read(person.kind(), found)?.ok_or_else(Problem::not_found)?;
    Ok(PersonFound { item, found: found.clone() })
}

/// `POST /people/{kind}/{person}/account/accept`: from now on name and contacts are the person's
/// own, where the policy says so. Twice is once.
pub(super) async fn accept<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = usable(&desk, &at).await?;
    let now = api.clock.now();
    let next = |found: &Found| {
        let account = person_of(found, &person)?.account(&[]);
        Ok(account
            .accepted
            .is_none()
            .then_some(Edit::Account { accepted: Some(now), enabled: account.enabled }))
    };
    let edit = desk
        .put_over(person.kind(), person.item.key(), "ACCOUNT", next)
        .await?
        .ok_or_else(Problem::internal)?;
    made(&edit, LifetimeView::fixed(&edit.edit)?)
}

/// `POST /people/{kind}/{person}/sign-ins`: the first one counts (R-T6).
pub(super) async fn signed_in<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = usable(&desk, &at).await?;
    let now = api.clock.now();
    let next = |found: &Found| {
        let account = person_of(found, &person)?.account(&[]);
        Ok(account.signed_in.is_none().then_some(Edit::SignedIn { first: now }))
    };
    let edit = desk
        .put_over(person.kind(), person.item.key(), "SSO", next)
        .await?
        .ok_or_else(Problem::internal)?;
    ok(&MadeView::new(&edit, LifetimeView::fixed(&edit.edit)?))
}
