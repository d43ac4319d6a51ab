//! Students added to classes by hand, and taken out (R-S4, R-S5).

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
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

use crate::answer::{Made, nothing, once};
use crate::caller::Granted;
use crate::desk::{ClassFound, Desk, done, in_slot, is_active};
use crate::input::{At, Body};
use crate::page::LARGEST;
use crate::people::PersonFound;
use crate::policy::Terms;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::views::PersonLine;
use crate::{Api, Objects, Table};

/// Candidates that are named where a name is not unique.
const NAMED: usize = 20;

/// By a reference, or by the exact name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStudent {
    student: Option<Reference>,
    name: Option<String>,
}

/// `POST /classes/{class}/students`.
pub(super) async fn add<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
    headers: HeaderMap,
    Body(body): Body<NewStudent>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let class = desk.class(&at.record("class")?).await?;
    let path = format!("classes/{}/students", Reference::text(&class.item.key));
    once(&api, &granted, &headers, (&Method::POST, &path, &body), async |_| {
        let terms = desk.terms().await?;
        changeable(&class)?;
        terms.may_add(RecordKind::Student, &class)?;
        let student = match (&body.student, &body.name) {
            (Some(Reference(key)), None) => {
                by_key(&desk, RecordKind::Student, class.school(), key).await?
            }
            (None, Some(name)) => by_name(&desk, RecordKind::Student, class.school(), name).await?,
            _ => {
                return Err(Problem::unprocessable(
                    "`student` or `name` is required, but not both",
                ));
            }
        };
        let lifetime = terms.member_lifetime(desk.today(&terms), &class, &student);
        let key = student.item.key().clone();
        put_in(&desk, &class, RecordKind::Student, &key).await?;
        Ok(Made::new(&json!({ "student": Reference(key.clone()), "lives": lifetime }))?
            .at(format!("people/student/{}", Reference::text(&key))))
    })
    .await
}

/// Archived classes are frozen (R-A5).
pub(super) fn changeable(class: &ClassFound) -> Result<(), Problem> {
    Ok(may_change_roster(class.item.status)?)
}

fn not_in_the_directory() -> Problem {
    Problem::unprocessable("not in the directory").under(Rule::S5)
}

/// Somebody of a school's directory.
pub(super) async fn by_key<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    kind: RecordKind,
    school: &SourceId,
    key: &SourceId,
) -> Result<PersonFound, Problem> {
    let person = desk.anybody(kind, key).await?;
    let is_here = |person: &PersonFound| {
        is_active(person.item.status()) && person.item.schools().contains(school)
    };
    person.filter(is_here).ok_or_else(not_in_the_directory)
}

/// The one of a school's directory who has exactly this name: none is "not in the directory", two
/// ask for the id.
pub(super) async fn by_name<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
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
        let listed = desk.api.table.in_school(desk.district(), question).await?;
        let people = desk.glance_at(kind, &listed.places).await?;
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

/// Puts somebody into a class: what took them out goes, what puts them in comes; whoever is in
/// already stays.
pub(super) async fn put_in<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
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
        desk.put_over(RecordKind::Class, key, &member.slot(), |found| {
            Ok(in_slot(&found.edits, &member.slot()).is_none().then(|| member.clone()))
        })
        .await?;
    }
    let left = Edit::Left { role, person: person.clone() }.slot();
    match in_slot(edits, &left) {
        Some(left) => done(desk.api.table.take_edit(desk.district(), left).await?),
        None => Ok(()),
    }
}

/// Takes somebody out of a class, who is in it by hand or whom nobody else answers for (R-O5,
/// R-C2).
pub(super) async fn take_out<T: Table, O: Objects>(
    desk: &Desk<'_, T, O>,
    class: &ClassFound,
    terms: &Terms,
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
    may_remove_member(terms.sync(), class.item.origin, is_listed)?;
    if is_listed {
        let left = Edit::Left { role, person: person.clone() };
        desk.put_over(RecordKind::Class, key, &left.slot(), |found| {
            Ok(in_slot(&found.edits, &left.slot()).is_none().then(|| left.clone()))
        })
        .await?;
    }
    match in_slot(edits, &Edit::Member { role, person: person.clone() }.slot()) {
        Some(member) => done(desk.api.table.take_edit(desk.district(), member).await?),
        None => Ok(()),
    }
}

/// `DELETE /classes/{class}/students/{student}`.
pub(super) async fn remove<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let class = desk.class(&at.record("class")?).await?;
    changeable(&class)?;
    take_out(&desk, &class, &desk.terms().await?, RecordKind::Student, &at.record("student")?)
        .await?;
    Ok(nothing())
}
