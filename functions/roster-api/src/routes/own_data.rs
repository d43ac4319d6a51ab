//! Names, contacts and sign-in e-mails that are changed here (R-S6, R-G5, R-I4): edits beside the
//! record, never in it.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use roster::edit::Edit;
use rules::book::edits::may_change_own_data;
use rules::effective::AccountState;
use serde::Deserialize;

use crate::access::Reach;
use crate::answer::nothing;
use crate::caller::Granted;
use crate::desk::Desk;
use crate::input::{At, Body, email, name, phone};
use crate::people::PersonFound;
use crate::problem::Problem;
use crate::views::made;
use crate::{Api, Objects, Table};

/// The person, if the caller may change what is theirs: others with the right, or the active person
/// themselves (R-G5).
async fn changeable<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    at: &At,
) -> Result<PersonFound, Problem> {
    let person = desk.person(at.people()?, &at.record("person")?).await?;
    if desk.granted.reach == Reach::Own {
        let own = desk.own().await?;
        if own.kind() != person.kind() || own.item.key() != person.item.key() {
            return Err(Problem::not_found());
        }
        may_change_own_data(person.account(&[]).state == AccountState::Active)?;
    }
    Ok(person)
}

async fn put<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    headers: &HeaderMap,
    person: &PersonFound,
    edit: Edit,
) -> Result<Response, Problem> {
    let terms = desk.terms().await?;
    let edit = desk.edit(person.kind(), person.item.key(), edit)?;
    desk.put(headers, &person.found.edits, &edit).await?;
    let lifetime = terms.own_data_lifetime(desk.today(&terms), person, &edit.edit);
    made(&edit, lifetime)
}

async fn delete<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    at: &At,
    headers: &HeaderMap,
    slot: &str,
) -> Result<Response, Problem> {
    let person = changeable(desk, at).await?;
    desk.take(headers, &person.found.edits, slot).await?;
    Ok(nothing())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewName {
    given: Option<String>,
    family: Option<String>,
}

/// `PUT /people/{kind}/{person}/name`.
pub(super) async fn put_name<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(body): Body<NewName>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = changeable(&desk, &at).await?;
    let given = body.given.as_deref().map(|text| name(text, "given")).transpose()?;
    let family = body.family.as_deref().map(|text| name(text, "family")).transpose()?;
    if given.is_none() && family.is_none() {
        return Err(Problem::unprocessable("`given` or `family` is required"));
    }
    put(&desk, &headers, &person, Edit::Name { given, family }).await
}

/// `DELETE /people/{kind}/{person}/name`.
pub(super) async fn delete_name<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    delete(&Desk::new(&api, &granted), &at, &headers, "NAME").await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewContact {
    email: Option<String>,
    phone: Option<String>,
    sms: Option<String>,
}

/// `PUT /people/{kind}/{person}/contact`.
pub(super) async fn put_contact<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(body): Body<NewContact>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = changeable(&desk, &at).await?;
    let contact = Edit::Contact {
        email: body.email.as_deref().map(email).transpose()?,
        phone: body.phone.as_deref().map(|text| phone(text, "phone")).transpose()?,
        sms: body.sms.as_deref().map(|text| phone(text, "sms")).transpose()?,
    };
    if contact == (Edit::Contact { email: None, phone: None, sms: None }) {
        return Err(Problem::unprocessable("`email`, `phone` or `sms` is required"));
    }
    put(&desk, &headers, &person, contact).await
}

/// `DELETE /people/{kind}/{person}/contact`.
pub(super) async fn delete_contact<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    delete(&Desk::new(&api, &granted), &at, &headers, "CONTACT").await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSignIn {
    email: String,
}

/// `PUT /people/{kind}/{person}/sign-in-email` (R-I4): for who must get in today.
pub(super) async fn put_sign_in<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(body): Body<NewSignIn>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = changeable(&desk, &at).await?;
    put(&desk, &headers, &person, Edit::SignIn { email: email(&body.email)? }).await
}

/// `DELETE /people/{kind}/{person}/sign-in-email`.
pub(super) async fn delete_sign_in<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    delete(&Desk::new(&api, &granted), &at, &headers, "SIGNIN").await
}
