//! Schools and their directories.

use axum::response::Response;
use mirror::ports::directory::{InSchool, Place};
use roster::id::SourceId;
use roster::records::{Mirrored, Origin, RecordKind, Status, kinds};
use rules::effective::{self, folded, full_name};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::RequestContext;
use crate::input::Parameters;
use crate::page::{LARGEST, Page, PageQuery};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::ok;
use crate::views::{ClassLine, PersonLine};
use crate::{Objects, Table};

/// The most records that one search reads. The rest comes with the next page.
const LOOKED_AT: usize = 4000;

#[derive(Serialize)]
struct SchoolLine<'a> {
    key: Reference,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<&'a str>,
    status: Status,
    origin: Origin,
}

fn line(school: &Mirrored<kinds::Schools>) -> SchoolLine<'_> {
    let Mirrored { key, status, origin, state, .. } = school;
    let (key, identifier) = (Reference(key.clone()), state.identifier.as_deref());
    SchoolLine { key, name: &state.name, identifier, status: *status, origin: *origin }
}

/// `GET /schools`: the schools that the token gives access to.
pub(super) async fn schools<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let district = context
        .api
        .table
        .district(&context.granted.caller.district)
        .await?
        .ok_or_else(Problem::not_found)?;
    let all = context.api.caches.schools(&context.api.table, &district).await?;
    let schools: Vec<SchoolLine<'_>> = all
        .iter()
        .filter(|school| context.granted.caller.sees_school(&school.key))
        .map(line)
        .collect();
    ok(&json!({ "items": schools }))
}

#[derive(Deserialize)]
pub(super) struct Search {
    kind: Option<String>,
    status: Option<String>,
    name: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// `GET /schools/{school}/directory`: the students, teachers, guardians or classes whose main
/// school it is, filtered by status (R-A2) and by part of the name.
pub(super) async fn search<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Parameters(query): Parameters<Search>,
) -> Result<Response, Problem> {
    let search = query;
    let kind = match search.kind.as_deref().unwrap_or("student") {
        "student" => RecordKind::Student,
        "teacher" => RecordKind::Teacher,
        "guardian" => RecordKind::Guardian,
        "class" => RecordKind::Class,
        _ => {
            return Err(Problem::bad_request("`kind` must be student, teacher, guardian or class"));
        }
    };
    let status = match search.status.as_deref().unwrap_or("active") {
        "active" => Some(Status::Active),
        "archived" => Some(Status::Archived),
        "all" => None,
        _ => return Err(Problem::bad_request("`status` must be active, archived or all")),
    };
    let wanted = search.name.as_deref().map(folded).filter(|name| !name.is_empty());
    let page = PageQuery { after: search.after, limit: search.limit };
    let limit = page.limit()?;
    let mut after = page.after(|text| Place::from_text(context.district(), text))?;
    let school = context.path.record("school")?;
    require_school(&context, &school).await?;
    let (mut items, mut looked_at) = (Vec::new(), 0);
    loop {
        let at_most = if wanted.is_some() { LARGEST } else { limit };
        let question = InSchool { school: &school, kind, status, after: after.as_ref(), at_most };
        let listed = context.api.table.in_school(context.district(), question).await?;
        looked_at += listed.places.len();
        for line in lines(&context, kind, &listed.places, wanted.as_deref()).await? {
            items.push(line);
            if items.len() == limit {
                break;
            }
        }
        // A full page ends with its last line: the next page reads the records after it again.
        if items.len() == limit || listed.next.is_none() || looked_at >= LOOKED_AT {
            let last = if items.len() == limit {
                items.last().map(|line: &Line| line.place.clone())
            } else {
                listed.next.clone()
            };
            let is_end = listed.next.is_none() && last.as_ref() == listed.places.last();
            let next = last.filter(|_| !is_end).map(|place| place.text());
            return ok(&Page::new(
                items.into_iter().map(|line| line.shown).collect::<Vec<Value>>(),
                next,
            ));
        }
        after = listed.next;
    }
}

/// Returns 404 if there is no such school in the caller's scope.
pub(super) async fn require_school<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    school: &SourceId,
) -> Result<(), Problem> {
    let is_there = context.caller().sees_school(school)
        && context.found(RecordKind::School, school).await?.body.is_some();
    if is_there { Ok(()) } else { Err(Problem::not_found()) }
}

/// A line of the directory, and its place in the table.
struct Line {
    place: Place,
    shown: Value,
}

async fn lines<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    places: &[Place],
    wanted: Option<&str>,
) -> Result<Vec<Line>, Problem> {
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| folded(name).contains(wanted));
    let show = |shown: serde_json::Result<Value>| shown.map_err(|_| Problem::internal());
    let mut lines = Vec::new();
    if kind != RecordKind::Class {
        for person in context.people_at(kind, places).await? {
            if is_wanted(&full_name(&person.person())) {
                lines.push(Line {
                    place: person.place(),
                    shown: show(serde_json::to_value(PersonLine::from(&person)))?,
                });
            }
        }
        return Ok(lines);
    }
    let glanced = if places.is_empty() {
        Vec::new()
    } else {
        context.api.table.find_many(context.district(), places, &["NAME"]).await?
    };
    for (place, mut found) in places.iter().zip(glanced) {
        if found.body.is_none() {
            // A roster that is too long for one item must be read in full.
            found = context.api.table.found(context.district(), place).await?;
        }
        let Some(item) = found.record::<kinds::Classes>()? else { continue };
        let class = effective::class(&item, &found.edits);
        if is_wanted(class.name()) || is_wanted(&item.state.details.title) {
            lines.push(Line {
                place: place.clone(),
                shown: show(serde_json::to_value(ClassLine::from(&class)))?,
            });
        }
    }
    Ok(lines)
}
