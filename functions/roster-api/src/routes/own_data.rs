//! Names, contacts and sign-in e-mails changed by hand (R-S6, R-G5, R-I4). They are local edits
//! beside the record.

use axum::response::Response;
use roster::edit::Edit;
use rules::book::edits::may_change_own_data;
use rules::effective::AccountState;
use serde::Deserialize;

use crate::access::Scope;
use crate::context::RequestContext;
use crate::input::{Body, email, name, phone};
use crate::people::PersonFound;
use crate::problem::Problem;
use crate::response::no_content;
use crate::views::edit_response;
use crate::{Objects, Table};

/// Reads the person that the path names, if the caller may change the person's data. Roles with the
/// scope `own` may change only their own data, and only with an active account (R-G5).
async fn changeable<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
) -> Result<PersonFound, Problem> {
    let person = context.person_of_path().await?;
    if context.granted.scope == Scope::Own {
        let own = context.own().await?;
        if own.kind() != person.kind() || own.item.key() != person.item.key() {
            return Err(Problem::not_found());
        }
        may_change_own_data(person.account(&[]).state == AccountState::Active)?;
    }
    context.may_change_account_of(&person).await?;
    Ok(person)
}

async fn put<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    person: &PersonFound,
    edit: Edit,
) -> Result<Response, Problem> {
    let policy = context.district_policy().await?;
    if let Some(address) = edit.sign_in_address() {
        let place = (person.kind(), person.item.key());
        context.require_free_address(address, place, person.item.account()).await?;
    }
    let edit = context.edit(person.kind(), person.item.key(), edit)?;
    context.put(&person.found.edits, &edit).await?;
    let lifetime = policy.own_data_lifetime(context.today(&policy), person, &edit.edit);
    edit_response(&edit, lifetime)
}

async fn delete<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    slot: &str,
) -> Result<Response, Problem> {
    let person = changeable(context).await?;
    context.remove(&person.found.edits, slot).await?;
    Ok(no_content())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewName {
    given: Option<String>,
    family: Option<String>,
}

/// `PUT /people/{kind}/{person}/name`.
pub(super) async fn put_name<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewName>,
) -> Result<Response, Problem> {
    let person = changeable(&context).await?;
    let given = body.given.as_deref().map(|text| name(text, "given")).transpose()?;
    let family = body.family.as_deref().map(|text| name(text, "family")).transpose()?;
    if given.is_none() && family.is_none() {
        return Err(Problem::unprocessable("`given` or `family` is required"));
    }
    put(&context, &person, Edit::Name { given, family }).await
}

/// `DELETE /people/{kind}/{person}/name`.
pub(super) async fn delete_name<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    delete(&context, "NAME").await
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
    context: RequestContext<T, O>,
    Body(body): Body<NewContact>,
) -> Result<Response, Problem> {
    let person = changeable(&context).await?;
    let contact = Edit::Contact {
        email: body.email.as_deref().map(email).transpose()?,
        phone: body.phone.as_deref().map(|text| phone(text, "phone")).transpose()?,
        sms: body.sms.as_deref().map(|text| phone(text, "sms")).transpose()?,
    };
    if contact == (Edit::Contact { email: None, phone: None, sms: None }) {
        return Err(Problem::unprocessable("`email`, `phone` or `sms` is required"));
    }
    put(&context, &person, contact).await
}

/// `DELETE /people/{kind}/{person}/contact`.
pub(super) async fn delete_contact<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    delete(&context, "CONTACT").await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSignIn {
    email: String,
}

/// `PUT /people/{kind}/{person}/sign-in-email` (R-I4): sets a temporary sign-in e-mail.
pub(super) async fn put_sign_in<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewSignIn>,
) -> Result<Response, Problem> {
    let person = changeable(&context).await?;
    put(&context, &person, Edit::SignIn { email: email(&body.email)? }).await
}

/// `DELETE /people/{kind}/{person}/sign-in-email`.
pub(super) async fn delete_sign_in<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    delete(&context, "SIGNIN").await
}
