//! Pins (R-P1): no run removes a pinned record or enrollment before the pin's date.

use axum::response::Response;
use jiff::civil::Date;
use roster::edit::{Edit, LocalEdit};
use roster::id::SourceId;
use roster::records::RecordKind;
use roster::rule::Rule;
use serde::Deserialize;

use super::classes::remove_from_class;
use crate::class::ClassFound;
use crate::context::RequestContext;
use crate::input::{Body, PathParameters, reason, refused};
use crate::policy::LifetimeView;
use crate::problem::Problem;
use crate::response::no_content;
use crate::views::edit_response;
use crate::{Objects, Table};

/// The body of a new pin. The date is mandatory, because a pin without an end would be forgotten.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPin {
    until: Date,
    reason: String,
}

/// Stores a pin among `edits`, the edits of the record with `key`.
async fn put<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    edits: &[LocalEdit],
    (kind, key): (RecordKind, &SourceId),
    pin: NewPin,
    edit: impl FnOnce(Date, String) -> Edit,
) -> Result<Response, Problem> {
    let policy = context.district_policy().await?;
    if pin.until <= context.today(&policy) {
        return Err(Problem::unprocessable(
            "`until` must be a future date: the first day on which the pin no longer holds",
        )
        .under(Rule::P1));
    }
    let edit = context.edit(kind, key, edit(pin.until, reason(&pin.reason)?))?;
    context.put(edits, &edit).await?;
    edit_response(&edit, LifetimeView::fixed(&edit.edit)?)
}

/// `PUT /people/{kind}/{person}/pin`.
pub(super) async fn put_person<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(pin): Body<NewPin>,
) -> Result<Response, Problem> {
    let person = context.person_of_path().await?;
    let record = (person.kind(), person.item.key());
    put(&context, &person.found.edits, record, pin, |until, reason| Edit::Pin { until, reason })
        .await
}

/// `DELETE /people/{kind}/{person}/pin`.
pub(super) async fn delete_person<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let person = context.person_of_path().await?;
    context.remove(&person.found.edits, "PIN").await?;
    Ok(no_content())
}

/// `PUT /classes/{class}/pin`.
pub(super) async fn put_class<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(pin): Body<NewPin>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    let record = (RecordKind::Class, &class.item.key);
    put(&context, &class.found.edits, record, pin, |until, reason| Edit::Pin { until, reason })
        .await
}

/// `DELETE /classes/{class}/pin`.
pub(super) async fn delete_class<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    remove_from_class(&context, "PIN").await
}

/// Reads the role and the person of an enrollment in the path: `…/students/{student}` or
/// `…/teachers/{teacher}`.
fn member(path: &PathParameters) -> Result<(RecordKind, SourceId), Problem> {
    let student = path.record("student").map(|key| (RecordKind::Student, key));
    student.or_else(|_| Ok((RecordKind::Teacher, path.record("teacher")?)))
}

/// `PUT /classes/{class}/students/{student}/pin` and `…/teachers/{teacher}/pin`.
pub(super) async fn put_enrollment<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(pin): Body<NewPin>,
) -> Result<Response, Problem> {
    let (role, person) = member(&context.path)?;
    let class = context.class_of_path().await?;
    if !class.effective().has(role, &person) {
        return Err(refused(Rule::P1, "only a person in the class can be pinned in it"));
    }
    let ClassFound { item, found } = &class;
    put(&context, &found.edits, (RecordKind::Class, &item.key), pin, |until, reason| {
        Edit::PinEnrollment { role, person, until, reason }
    })
    .await
}

/// `DELETE /classes/{class}/students/{student}/pin` and `…/teachers/{teacher}/pin`.
pub(super) async fn delete_enrollment<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let (role, person) = member(&context.path)?;
    // The slot depends only on the role and the person.
    let pin = Edit::PinEnrollment { role, person, until: Date::MAX, reason: String::new() };
    remove_from_class(&context, &pin.slot()).await
}
