//! Guardians added to a student by hand (R-G4). No run changes them.

use axum::http::Method;
use axum::response::Response;
use roster::edit::Edit;
use roster::id::SourceId;
use roster::records::{GuardianRole, GuardianState, Person, RecordKind};
use roster::rule::Rule;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::manual::manual_record;
use crate::context::{RequestContext, in_slot, is_active, written};
use crate::input::{Body, PathParameters, email, name, phone, refused};
use crate::people::Item;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::{Created, no_content, once};
use crate::{Objects, Table};

/// The body: an existing guardian, or a new one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGuardian {
    guardian: Option<Reference>,
    given: Option<String>,
    family: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    sms: Option<String>,
    role: Option<GuardianRole>,
}

/// Returns the student that the path names, or 404 for another kind of person.
fn child(path: &PathParameters) -> Result<SourceId, Problem> {
    if path.people()? == RecordKind::Student {
        path.record("person")
    } else {
        Err(Problem::not_found())
    }
}

/// `POST /people/student/{person}/guardians`.
pub(super) async fn add<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewGuardian>,
) -> Result<Response, Problem> {
    let student = context.person(RecordKind::Student, &child(&context.path)?).await?;
    let student_key = student.item.key();
    let path = format!("people/student/{}/guardians", Reference::text(student_key));
    once(&context, (&Method::POST, &path, &body), async |id| {
        if !is_active(student.item.status()) {
            return Err(Problem::conflict("the student is archived"));
        }
        let key = match &body.guardian {
            Some(Reference(key)) => known(&context, key, student.item.schools()).await?,
            None => {
                let state = GuardianState {
                    person: new_person(&body, student.item.schools())?,
                    role: body.role.unwrap_or(GuardianRole::Guardian),
                    children: Vec::new(),
                    also: Vec::new(),
                    email_shared: false,
                };
                let item = Item::Guardian(manual_record(context.district(), &id, state));
                let key = item.key().clone();
                context.add_person(item).await?;
                key
            }
        };
        let link = Edit::Child { student: student_key.clone() };
        if !student.guardians().iter().any(|listed| listed.key == key) {
            context.add(RecordKind::Guardian, &key, &link).await?;
        }
        let at = format!("people/guardian/{}", Reference::text(&key));
        Ok(Created::new(&json!({ "guardian": Reference(key) }))?.at(at))
    })
    .await
}

/// Returns the key of an existing guardian who is in the caller's scope or in one of the student's
/// schools.
async fn known<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    key: &SourceId,
    schools: &[SourceId],
) -> Result<SourceId, Problem> {
    let unknown =
        || Problem::unprocessable("`guardian` must be a guardian in the directory").under(Rule::G4);
    let guardian = context
        .any_person(RecordKind::Guardian, key)
        .await?
        .filter(|guardian| is_active(guardian.item.status()))
        .ok_or_else(unknown)?;
    let is_near = guardian.item.schools().iter().any(|school| schools.contains(school));
    if is_near || context.visible_person(RecordKind::Guardian, key).await?.is_some() {
        Ok(key.clone())
    } else {
        Err(unknown())
    }
}

fn new_person(body: &NewGuardian, schools: &[SourceId]) -> Result<Person, Problem> {
    let (Some(given), Some(family)) = (&body.given, &body.family) else {
        return Err(Problem::unprocessable("`guardian`, or `given` and `family` are required"));
    };
    Ok(Person {
        given: Some(name(given, "given")?),
        family: Some(name(family, "family")?),
        email: body.email.as_deref().map(email).transpose()?,
        phone: body.phone.as_deref().map(|text| phone(text, "phone")).transpose()?,
        sms: body.sms.as_deref().map(|text| phone(text, "sms")).transpose()?,
        // A guardian belongs to the student's schools.
        schools: schools.to_vec(),
        ..Person::default()
    })
}

/// `DELETE /people/student/{person}/guardians/{guardian}`: removes a relationship that was added by
/// hand.
pub(super) async fn remove<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let student = context.person(RecordKind::Student, &child(&context.path)?).await?;
    let guardian = context.path.record("guardian")?;
    if !student.guardians().iter().any(|listed| listed.key == guardian) {
        return Err(Problem::not_found());
    }
    let found = context.found(RecordKind::Guardian, &guardian).await?;
    let slot = Edit::Child { student: student.item.key().clone() }.slot();
    let Some(link) = in_slot(&found.edits, &slot) else {
        return Err(refused(Rule::M2, "the relationship comes from the source: remove it there"));
    };
    written(context.api.table.take_edit(context.district(), link).await?)?;
    Ok(no_content())
}
