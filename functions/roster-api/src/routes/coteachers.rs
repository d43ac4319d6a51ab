//! Co-teachers added to classes by hand, and removed (R-T3, R-T4).

use axum::http::Method;
use axum::response::Response;
use roster::id::SourceId;
use roster::records::{Origin, Person, RecordKind, TeacherState};
use rules::effective::is_named;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::manual::manual_record;
use super::rosters::{by_key, by_name, changeable, put_in, take_out};
use crate::context::{RequestContext, is_active};
use crate::input::{Body, email, name};
use crate::people::{Item, PersonFound};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::{Created, no_content, once};
use crate::{Objects, Table};

/// The body: a teacher by reference or by exact name, or an outsider by name and e-mail.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTeacher {
    teacher: Option<Reference>,
    name: Option<String>,
    given: Option<String>,
    family: Option<String>,
    email: Option<String>,
}

/// `POST /classes/{class}/teachers`.
pub(super) async fn add<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewTeacher>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    let path = format!("classes/{}/teachers", Reference::text(&class.item.key));
    once(&context, (&Method::POST, &path, &body), async |id| {
        let policy = context.district_policy().await?;
        changeable(&class)?;
        let school = class.school();
        // Checked before a new teacher is created.
        policy.may_add(RecordKind::Teacher, &class)?;
        let teacher = match &body {
            NewTeacher {
                teacher: Some(Reference(key)),
                name: None,
                given: None,
                family: None,
                email: None,
            } => by_key(&context, RecordKind::Teacher, school, key).await?,
            NewTeacher {
                teacher: None,
                name: Some(name),
                given: None,
                family: None,
                email: None,
            } => by_name(&context, RecordKind::Teacher, school, name).await?,
            NewTeacher {
                teacher: None,
                name: None,
                given: Some(given),
                family: Some(family),
                email: Some(email),
            } => outsider(&context, school, &id, (given, family, email)).await?,
            _ => {
                return Err(Problem::unprocessable(
                    "`teacher`, or `name`, or `given`, `family` and `email` are required",
                ));
            }
        };
        let is_outsider = teacher.item.origin() == Origin::Manual;
        let lifetime = policy.member_lifetime(context.today(&policy), &class, &teacher);
        let key = teacher.item.key().clone();
        put_in(&context, &class, RecordKind::Teacher, &key).await?;
        let shown =
            json!({ "teacher": Reference(key.clone()), "outsider": is_outsider, "lives": lifetime });
        Ok(Created::new(&shown)?.at(format!("people/teacher/{}", Reference::text(&key))))
    })
    .await
}

/// Returns the outsider with this name and e-mail address: the existing teacher with the address,
/// or a new one. If the existing teacher is outside the caller's scope, the name must match too, so
/// that the response does not reveal who has an address.
async fn outsider<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    school: &SourceId,
    id: &str,
    (given, family, address): (&str, &str, &str),
) -> Result<PersonFound, Problem> {
    let (given, family, email) = (name(given, "given")?, name(family, "family")?, email(address)?);
    let mut known = context.people_with_address(&email).await?;
    known.retain(|one| one.kind() == RecordKind::Teacher && is_active(one.item.status()));
    let full_name = format!("{} {}", given.reveal(), family.reveal());
    let is_named = |teacher: &PersonFound| is_named(&teacher.person(), &full_name);
    let is_seen = |teacher: &PersonFound| context.caller().sees_any(teacher.item.schools());
    let meant = known.iter().position(is_named).or_else(|| known.iter().position(is_seen));
    if let Some(meant) = meant {
        return Ok(known.swap_remove(meant));
    }
    let person = Person {
        given: Some(given),
        family: Some(family),
        email: Some(email),
        schools: vec![school.clone()],
        ..Person::default()
    };
    let state =
        TeacherState { person, classes: Vec::new(), email_shared: false, administrator: false };
    let item = Item::Teacher(manual_record(context.district(), id, state));
    context.add_person(item.clone()).await?;
    Ok(PersonFound { item, found: Default::default() })
}

/// `DELETE /classes/{class}/teachers/{teacher}`.
pub(super) async fn remove<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    changeable(&class)?;
    take_out(
        &context,
        &class,
        &context.district_policy().await?,
        RecordKind::Teacher,
        &context.path.record("teacher")?,
    )
    .await?;
    Ok(no_content())
}
