//! Single people.

use axum::response::Response;
use roster::id::SourceId;
use roster::records::Status;
use serde::Deserialize;
use serde_json::json;

use crate::access::Operation;
use crate::context::{RequestContext, version};
use crate::input::{Body, email};
use crate::people::PersonFound;
use crate::problem::Problem;
use crate::response::{ok, versioned};
use crate::views::{PersonLine, PersonView};
use crate::{Objects, Table};

/// `GET /people/{kind}/{person}`.
pub(super) async fn get<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let person = context.person_of_path().await?;
    shown(&context, &person).await
}

/// Returns a person as the caller may see the record.
pub(super) async fn shown<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    person: &PersonFound,
) -> Result<Response, Problem> {
    let keys: Vec<SourceId> = person.children().into_iter().map(|child| child.key).collect();
    let children = context.people(roster::records::RecordKind::Student, &keys).await?;
    let children: Vec<Status> = children.iter().map(|child| child.item.status()).collect();
    let sign_in_email = context.sign_in_email(person).await?;
    let with_demographics = context.may(Operation::ReadDemographics);
    let view = PersonView::new(person, &children, sign_in_email, with_demographics);
    versioned(&view, &version(&person.found))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByEmail {
    email: String,
}

/// `POST /people/lookup`: the people who would sign in with an e-mail address (R-I4, R-I5). The
/// address is in the body because URLs must not contain personal data.
pub(super) async fn look_up<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<ByEmail>,
) -> Result<Response, Problem> {
    context.district_policy().await?;
    let mut people = Vec::new();
    for person in context.people_with_address(&email(&body.email)?).await? {
        if context.sees(&person).await? {
            people.push(person);
        }
    }
    let lines: Vec<PersonLine> = people.iter().map(PersonLine::from).collect();
    ok(&json!({ "items": lines }))
}
