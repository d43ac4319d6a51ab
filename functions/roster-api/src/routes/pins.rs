//! Pins (R-P1): no run removes what is pinned before a day, which must be named.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::civil::Date;
use roster::edit::{Edit, LocalEdit};
use roster::id::SourceId;
use roster::records::RecordKind;
use roster::rule::Rule;
use serde::Deserialize;

use super::classes::take_from_class;
use crate::answer::nothing;
use crate::caller::Granted;
use crate::desk::Desk;
use crate::input::{At, Body, reason, refused};
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::views::made;
use crate::{Api, Objects, Table};

/// The date is mandatory: a pin without an end would be forgotten.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPin {
    until: Date,
    reason: String,
}

async fn put<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    headers: &HeaderMap,
    beside: &[LocalEdit],
    (kind, key): (RecordKind, &SourceId),
    pin: NewPin,
    edit: impl FnOnce(Date, String) -> Edit,
) -> Result<Response, Problem> {
    let terms = desk.terms().await?;
    if pin.until <= desk.today(&terms) {
        return Err(Problem::unprocessable(
            "`until` must be a future date: the first day on which the pin no longer holds",
        )
        .under(Rule::P1));
    }
    let edit = desk.edit(kind, key, edit(pin.until, reason(&pin.reason)?))?;
    desk.put(headers, beside, &edit).await?;
    made(&edit, LifetimeView::fixed(&edit.edit)?)
}

/// `PUT /people/{kind}/{person}/pin`.
pub(super) async fn put_person<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(pin): Body<NewPin>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = desk.person(at.people()?, &at.record("person")?).await?;
    let of = (person.kind(), person.item.key());
    put(&desk, &headers, &person.found.edits, of, pin, |until, reason| Edit::Pin { until, reason })
        .await
}

/// `DELETE /people/{kind}/{person}/pin`.
pub(super) async fn delete_person<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = desk.person(at.people()?, &at.record("person")?).await?;
    desk.take(&headers, &person.found.edits, "PIN").await?;
    Ok(nothing())
}

/// `PUT /classes/{class}/pin`.
pub(super) async fn put_class<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(pin): Body<NewPin>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let class = desk.class(&at.record("class")?).await?;
    let of = (RecordKind::Class, &class.item.key);
    put(&desk, &headers, &class.found.edits, of, pin, |until, reason| Edit::Pin { until, reason })
        .await
}

/// `DELETE /classes/{class}/pin`.
pub(super) async fn delete_class<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    take_from_class(&api, &granted, &at, &headers, "PIN").await
}

async fn put_seat<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    headers: &HeaderMap,
    class: &SourceId,
    (role, person): (RecordKind, SourceId),
    pin: NewPin,
) -> Result<Response, Problem> {
    let class = desk.class(class).await?;
    if !class.effective().has(role, &person) {
        return Err(refused(Rule::P1, "only a person in the class can be pinned in it"));
    }
    let of = (RecordKind::Class, &class.item.key);
    put(desk, headers, &class.found.edits, of, pin, |until, reason| Edit::PinSeat {
        role,
        person,
        until,
        reason,
    })
    .await
}

async fn delete_seat<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    headers: &HeaderMap,
    class: &SourceId,
    (role, person): (RecordKind, SourceId),
) -> Result<Response, Problem> {
    let class = desk.class(class).await?;
    let named = Edit::PinSeat { role, person, until: Date::MAX, reason: String::new() };
    desk.take(headers, &class.found.edits, &named.slot()).await?;
    Ok(nothing())
}

/// `PUT /classes/{class}/students/{student}/pin`.
pub(super) async fn put_student_seat<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(pin): Body<NewPin>,
) -> Result<Response, Problem> {
    let seat = (RecordKind::Student, at.record("student")?);
    put_seat(&Desk::new(&api, &granted), &headers, &at.record("class")?, seat, pin).await
}

/// `DELETE /classes/{class}/students/{student}/pin`.
pub(super) async fn delete_student_seat<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seat = (RecordKind::Student, at.record("student")?);
    delete_seat(&Desk::new(&api, &granted), &headers, &at.record("class")?, seat).await
}

/// `PUT /classes/{class}/teachers/{teacher}/pin`.
pub(super) async fn put_teacher_seat<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(pin): Body<NewPin>,
) -> Result<Response, Problem> {
    let seat = (RecordKind::Teacher, at.record("teacher")?);
    put_seat(&Desk::new(&api, &granted), &headers, &at.record("class")?, seat, pin).await
}

/// `DELETE /classes/{class}/teachers/{teacher}/pin`.
pub(super) async fn delete_teacher_seat<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seat = (RecordKind::Teacher, at.record("teacher")?);
    delete_seat(&Desk::new(&api, &granted), &headers, &at.record("class")?, seat).await
}
