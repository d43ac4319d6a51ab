//! Students added to classes by hand, and removed (R-S4, R-S5).

use axum::http::Method;
use axum::response::Response;
use mirror::ports::directory::{InSchool, Place};
use roster::edit::Edit;
use roster::id::SourceId;
use roster::records::{RecordKind, Status};
use roster::rule::Rule;
use rules::book::edits::{may_change_roster, may_remove_member};
use rules::effective::is_named;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::class::ClassFound;
use crate::context::{RequestContext, in_slot, is_active, written};
use crate::input::Body;
use crate::page::LARGEST;
use crate::people::PersonFound;
use crate::policy::DistrictPolicy;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::{Created, no_content, once};
use crate::views::PersonLine;
use crate::{Objects, Table};

/// The most candidates listed if a name is ambiguous.
const NAMED: usize = 20;

/// The body: a student by reference or by exact name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStudent {
    student: Option<Reference>,
    name: Option<String>,
}

/// `POST /classes/{class}/students`.
pub(super) async fn add<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Body(body): Body<NewStudent>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    let path = format!("classes/{}/students", Reference::text(&class.item.key));
    once(&context, (&Method::POST, &path, &body), async |_| {
        let policy = context.district_policy().await?;
        changeable(&class)?;
        policy.may_add(RecordKind::Student, &class)?;
        let student = match (&body.student, &body.name) {
            (Some(Reference(key)), None) => {
                by_key(&context, RecordKind::Student, class.school(), key).await?
            }
            (None, Some(name)) => {
                by_name(&context, RecordKind::Student, class.school(), name).await?
            }
            _ => {
                return Err(Problem::unprocessable(
                    "`student` or `name` is required, but not both",
                ));
            }
        };
        let lifetime = policy.member_lifetime(context.today(&policy), &class, &student);
        let key = student.item.key().clone();
        put_in(&context, &class, RecordKind::Student, &key).await?;
        Ok(Created::new(&json!({ "student": Reference(key.clone()), "lives": lifetime }))?
            .at(format!("people/student/{}", Reference::text(&key))))
    })
    .await
}

/// Rejects changes to archived classes, which are frozen (R-A5).
pub(super) fn changeable(class: &ClassFound) -> Result<(), Problem> {
    Ok(may_change_roster(class.item.status)?)
}

fn not_in_the_directory() -> Problem {
    Problem::unprocessable("not in the directory").under(Rule::S5)
}

/// Returns the active person with this key in a school's directory.
pub(super) async fn by_key<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    school: &SourceId,
    key: &SourceId,
) -> Result<PersonFound, Problem> {
    let person = context.any_person(kind, key).await?;
    let is_here = |person: &PersonFound| {
        is_active(person.item.status()) && person.item.schools().contains(school)
    };
    person.filter(is_here).ok_or_else(not_in_the_directory)
}

/// Returns the only person in a school's directory with exactly this name. If there are several,
/// the problem lists them as candidates.
pub(super) async fn by_name<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    school: &SourceId,
    name: &str,
) -> Result<PersonFound, Problem> {
    let mut named: Vec<PersonFound> = Vec::new();
    let mut after: Option<Place> = None;
    loop {
        let question = InSchool {
            school,
            kind,
            status: Some(Status::Active),
            after: after.as_ref(),
            at_most: LARGEST,
        };
        let listed = context.api.table.in_school(context.district(), question).await?;
        let people = context.people_at(kind, &listed.places).await?;
        named.extend(people.into_iter().filter(|person| is_named(&person.person(), name)));
        after = listed.next;
        if after.is_none() {
            break;
        }
    }
    match <[PersonFound; 1]>::try_from(named) {
        Ok([person]) => Ok(person),
        Err(named) if named.is_empty() => Err(not_in_the_directory()),
        Err(named) => {
            let lines: Vec<PersonLine> = named.iter().take(NAMED).map(PersonLine::from).collect();
            let problem = Problem::unprocessable(
                "several people in the directory have this name: send the reference of one of them",
            );
            Err(problem.under(Rule::S5).with("candidates", json!(lines)))
        }
    }
}

/// Adds a person to a class, unless the person is already in it, and removes an edit that had taken
/// the person out.
pub(super) async fn put_in<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    class: &ClassFound,
    role: RecordKind,
    person: &SourceId,
) -> Result<(), Problem> {
    let (key, edits) = (&class.item.key, &class.found.edits);
    let list = if role == RecordKind::Student {
        &class.item.state.students
    } else {
        &class.item.state.teachers
    };
    let member = Edit::Member { role, person: person.clone() };
    if !list.contains(person) && in_slot(edits, &member.slot()).is_none() {
        context.add(RecordKind::Class, key, &member).await?;
    }
    let left = Edit::Left { role, person: person.clone() }.slot();
    match in_slot(edits, &left) {
        Some(left) => written(context.api.table.take_edit(context.district(), left).await?),
        None => Ok(()),
    }
}

/// Removes a person from a class. A person whom the source lists can be removed only from a manual
/// class, or while the sync is off (R-O5, R-C2).
pub(super) async fn take_out<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    class: &ClassFound,
    policy: &DistrictPolicy,
    role: RecordKind,
    person: &SourceId,
) -> Result<(), Problem> {
    let (key, edits) = (&class.item.key, &class.found.edits);
    if !class.effective().has(role, person) {
        return Err(Problem::not_found());
    }
    let list = if role == RecordKind::Student {
        &class.item.state.students
    } else {
        &class.item.state.teachers
    };
    let is_listed = list.contains(person);
    may_remove_member(policy.sync(), class.item.origin, is_listed)?;
    if is_listed {
        let left = Edit::Left { role, person: person.clone() };
        context.add(RecordKind::Class, key, &left).await?;
    }
    match in_slot(edits, &Edit::Member { role, person: person.clone() }.slot()) {
        Some(member) => written(context.api.table.take_edit(context.district(), member).await?),
        None => Ok(()),
    }
}

/// `DELETE /classes/{class}/students/{student}`.
pub(super) async fn remove<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    changeable(&class)?;
    take_out(
        &context,
        &class,
        &context.district_policy().await?,
        RecordKind::Student,
        &context.path.record("student")?,
    )
    .await?;
    Ok(no_content())
}
