//! Changes (R-X2): the feed of changes since a run, and the last change of a record.

use axum::response::Response;
use mirror::files::scan;
use roster::id::{RunId, SourceId};
use roster::records::RecordKind;
use roster::run::RunState;
use serde::Deserialize;
use serde_json::{Value, json};

use super::listing::{RUNS, change_view};
use crate::context::RequestContext;
use crate::input::Parameters;
use crate::page::{PageQuery, cursor};
use crate::people::Item;
use crate::problem::Problem;
use crate::response::ok;
use crate::{Objects, Table};

#[derive(Deserialize)]
pub(super) struct Since {
    since: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// A position in the feed: after `changes` changes of the run that was planned against `version` of
/// the mirror.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    version: u64,
    changes: usize,
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        let (version, changes) = text.split_once(':')?;
        Some(Self { version: version.parse().ok()?, changes: changes.parse().ok()? })
    }
}

/// `GET /changes?since=<run>`: the changes of all runs applied after that one, in the order in
/// which they were applied. The response always has `next`, so that a reader can continue later.
pub(super) async fn feed<T: Table, O: Objects>(
    context: RequestContext<T, O>,
    Parameters(query): Parameters<Since>,
) -> Result<Response, Problem> {
    let Since { since, after, limit } = query;
    let page = PageQuery { after, limit };
    let (limit, after) = (page.limit()?, page.after(Position::parse)?);
    let district = &context.granted.caller.district;
    context.api.table.configured(district).await?.ok_or_else(Problem::not_found)?;
    let mut runs = context.api.table.newest(district, RUNS).await?;
    runs.retain(|run| run.state == RunState::Applied && run.plan.is_some());
    runs.sort_by_key(|run| run.plan.as_ref().map(|plan| plan.against));
    let begin = match (&since, after) {
        (_, Some(position)) => position,
        (None, None) => Position { version: 0, changes: 0 },
        (Some(since), None) => {
            let run =
                runs.iter().find(|run| run.run.as_str() == since).and_then(|run| run.plan.as_ref());
            Position { version: run.ok_or_else(Problem::not_found)?.against + 1, changes: 0 }
        }
    };
    let (mut items, mut end, mut more) = (Vec::new(), begin, false);
    for run in runs {
        let Some(plan) = run.plan.filter(|plan| plan.against >= begin.version) else { continue };
        if items.len() == limit {
            more = true;
            break;
        }
        let skip = if plan.against == begin.version { begin.changes } else { 0 };
        let changes =
            scan::changes(&context.api.internal, district, &run.run, skip, limit - items.len())
                .await?;
        let (changes, rest) = changes.unwrap_or_default();
        end = Position { version: plan.against, changes: skip + changes.len() };
        for change in &changes {
            let mut item = change_view(change)?;
            if let Value::Object(item) = &mut item {
                item.insert("run".into(), json!(run.run));
            }
            items.push(item);
        }
        more = rest;
    }
    let next = cursor(&format!("{}:{}", end.version, end.changes));
    ok(&json!({ "items": items, "next": next, "more": more }))
}

async fn last<T: Table, O: Objects>(
    context: &RequestContext<T, O>,
    kind: RecordKind,
    key: &SourceId,
    run: &RunId,
) -> Result<Response, Problem> {
    let (district, internal) = (&context.granted.caller.district, &context.api.internal);
    let plan = context
        .api
        .caches
        .applied_plan(internal, district, run)
        .await?
        .ok_or_else(Problem::not_found)?;
    let change = scan::change_of(internal, district, run, &plan, kind, key).await?;
    let mut shown = change_view(&change.ok_or_else(Problem::not_found)?)?;
    if let Value::Object(shown) = &mut shown {
        shown.insert("run".into(), json!(run));
    }
    ok(&shown)
}

/// `GET /people/{kind}/{person}/last-change`.
pub(super) async fn last_of_person<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let person = context.person_of_path().await?;
    let run = match &person.item {
        Item::Student(item) => &item.changed_by,
        Item::Teacher(item) => &item.changed_by,
        Item::Guardian(item) => &item.changed_by,
    };
    last(&context, person.kind(), person.item.key(), run).await
}

/// `GET /classes/{class}/last-change`.
pub(super) async fn last_of_class<T: Table, O: Objects>(
    context: RequestContext<T, O>,
) -> Result<Response, Problem> {
    let class = context.class_of_path().await?;
    last(&context, RecordKind::Class, &class.item.key, &class.item.changed_by).await
}
