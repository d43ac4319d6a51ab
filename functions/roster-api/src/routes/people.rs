//! Single people.

use axum::response::Response;
use roster::id::SourceId;
use roster::records::Status;
use serde::Deserialize;
use serde_json::json;

use crate::access::Operation;
use crate::context::{RequestContext, version};
use crate::input::{Body, email};
use crate::people::{Item, PersonFound};
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
    let view = PersonView::new(person, &children, context.may(Operation::ReadDemographics));
    versioned(&view, &version(&person.found))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByEmail {
    email: String,
}

/// `POST /people/lookup`: the people with an e-mail address in the source. The address is in the
/// body because URLs must not contain personal data.
pub(super) async fn look_up<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<ByEmail>,
) -> Result<Response, Problem> {
    context.district_policy().await?;
    let mut people = Vec::new();
    for place in context.api.table.with_email(context.district(), &email(&body.email)?).await? {
        let found = context.api.table.found(context.district(), &place).await?;
        // The index only gives the place of the record; the key is in the record.
        let Some(item) = Item::read(place.kind, &found)? else { continue };
        people.extend(context.visible_person(place.kind, item.key()).await?);
    }
    let lines: Vec<PersonLine> = people.iter().map(PersonLine::from).collect();
    ok(&json!({ "items": lines }))
}
