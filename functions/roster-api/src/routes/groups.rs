//! Groups (R-M8): for each demographic field and value, the active students who have it, as of the
//! last applied run.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use axum::response::Response;
use mirror::files::plan::Member;
use mirror::files::scan::scan;
use mirror::keys;
use roster::id::SourceId;
use roster::personal::Personal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::RequestContext;
use crate::input::Parameters;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::response::ok;
use crate::{Objects, Table};

const READING: &str = "read the groups";

/// Parses a line of the groups' file.
fn member(line: &[u8]) -> Result<Member<'_>, mirror::MirrorError> {
    // serde's message may quote personal data.
    serde_json::from_slice(line)
        .map_err(|_| mirror::MirrorError::corrupt("a member of a group", "it does not parse"))
}

/// Returns the key of the groups' object of the last applied run, or `None` if no run was applied
/// yet.
async fn object<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
) -> Result<Option<String>, Problem> {
    let district = context
        .api
        .table
        .district(&context.granted.caller.district)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(district.applied.map(|applied| keys::groups(&district.id, &applied.run)))
}

/// `GET /groups`: fields and values, with the number of students.
pub(super) async fn list<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let mut groups = BTreeMap::<(String, Personal), u64>::new();
    if let Some(key) = object(&context).await? {
        let counted = scan(&context.api.internal, key, READING, groups, |groups, line| {
            let member = member(line)?;
            *groups.entry((member.field.to_owned(), member.value)).or_default() += 1;
            Ok(ControlFlow::Continue(()))
        });
        groups = counted.await?.unwrap_or_default();
    }
    let items: Vec<Value> = groups
        .into_iter()
        .map(|((field, value), students)| {
            json!({ "field": field, "value": value, "students": students })
        })
        .collect();
    ok(&json!({ "items": items }))
}

#[derive(Deserialize)]
pub(super) struct OfGroup {
    field: String,
    value: String,
    after: Option<String>,
    limit: Option<String>,
}

/// `GET /groups/members?field=…&value=…`: the keys of the students in a group.
pub(super) async fn members<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    query: Result<Parameters<OfGroup>, Problem>,
) -> Result<Response, Problem> {
    let query = query.map_err(|_| Problem::bad_request("`field` and `value` are required"))?;
    let Parameters(OfGroup { field, value, after, limit }) = query;
    let page = PageQuery { after, limit };
    let (limit, skip) =
        (page.limit()?, page.after(|text| text.parse::<usize>().ok())?.unwrap_or(0));
    let Some(key) = object(&context).await? else {
        return ok(&Page::<Reference>::new(Vec::new(), None::<&str>));
    };
    let state = (0_usize, Vec::<SourceId>::new(), false);
    let found =
        scan(&context.api.internal, key, READING, state, move |(seen, students, more), line| {
            let member = member(line)?;
            if member.field != field || member.value.reveal() != value {
                return Ok(ControlFlow::Continue(()));
            }
            *seen += 1;
            if *seen <= skip {
                return Ok(ControlFlow::Continue(()));
            }
            if students.len() == limit {
                *more = true;
                return Ok(ControlFlow::Break(()));
            }
            students.push(member.student);
            Ok(ControlFlow::Continue(()))
        });
    let (_, students, more) = found.await?.unwrap_or_default();
    let next = more.then(|| (skip + limit).to_string());
    ok(&Page::new(students.into_iter().map(Reference).collect(), next))
}
