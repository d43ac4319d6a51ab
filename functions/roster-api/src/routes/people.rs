//! People, one by one.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use roster::id::SourceId;
use roster::records::Status;
use serde::Deserialize;
use serde_json::json;

use crate::access::Operation;
use crate::answer::{ok, versioned};
use crate::caller::Granted;
use crate::desk::{Desk, version};
use crate::input::{At, Body, email};
use crate::people::{Item, PersonFound};
use crate::problem::Problem;
use crate::views::{PersonLine, PersonView};
use crate::{Api, Objects, Table};

/// `GET /people/{kind}/{person}`.
pub(super) async fn get<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = desk.person(at.people()?, &at.record("person")?).await?;
    shown(&desk, &person).await
}

/// A person as this caller sees them.
pub(super) async fn shown<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    person: &PersonFound,
) -> Result<Response, Problem> {
    let keys: Vec<SourceId> = person.children().into_iter().map(|child| child.key).collect();
    let children = desk.glance(roster::records::RecordKind::Student, &keys).await?;
    let children: Vec<Status> = children.iter().map(|child| child.item.status()).collect();
    let view = PersonView::new(person, &children, desk.may(Operation::ReadDemographics));
    versioned(&view, &version(&person.found))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByEmail {
    email: String,
}

/// `POST /people/lookup`: whoever has this e-mail address in the source. In a body, for addresses
/// of people do not belong into addresses of pages.
pub(super) async fn look_up<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    Body(body): Body<ByEmail>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    desk.terms().await?;
    let mut people = Vec::new();
    for place in api.table.with_email(desk.district(), &email(&body.email)?).await? {
        let found = api.table.found(desk.district(), &place).await?;
        // The index says where a record lies; its key is in the record alone.
        let Some(item) = Item::read(place.kind, &found)? else { continue };
        people.extend(desk.seen(place.kind, item.key()).await?);
    }
    let lines: Vec<PersonLine> = people.iter().map(PersonLine::from).collect();
    ok(&json!({ "items": lines }))
}
