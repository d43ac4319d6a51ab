//! What changed (R-X2): since a run, as a feed; and last, of one record.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use mirror::files::scan;
use roster::change::Change;
use roster::id::{RunId, SourceId};
use roster::records::{AnyMirrored, RecordKind};
use roster::run::RunState;
use serde::Deserialize;
use serde_json::{Value, json};

use super::runs::LISTED_RUNS;
use crate::answer::ok;
use crate::caller::Granted;
use crate::desk::Desk;
use crate::input::At;
use crate::page::{Asked, not_ours};
use crate::people::Item;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::{Api, Objects, Table};

/// What a change is about, and what it did.
pub(super) fn view(change: &Change) -> Result<Value, Problem> {
    let record = change.after.as_ref().or(change.before.as_ref());
    let (what, kind) = match record {
        Some(AnyMirrored::Link(link)) => ("link", Some(link.kind)),
        Some(AnyMirrored::Edit(edit)) => ("edit", Some(edit.kind)),
        Some(record) => ("record", Some(record.kind())),
        None => ("record", None),
    };
    let state = |record: &Option<AnyMirrored>| {
        let Some(record) = record else { return Ok::<_, Problem>(Value::Null) };
        let value = serde_json::to_value(record).map_err(|_| Problem::internal())?;
        // The kind stands beside it: what is inside is the record alone.
        Ok(value
            .as_object()
            .and_then(|of_kind| of_kind.values().next())
            .cloned()
            .unwrap_or(Value::Null))
    };
    Ok(json!({
        "what": what, "kind": kind, "key": Reference(change.key.clone()), "action": change.action, "reasons": change.reasons,
        "before": state(&change.before)?, "after": state(&change.after)?,
    }))
}

#[derive(Deserialize)]
pub(super) struct Since {
    since: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// Where a reader of the feed stands: behind so many changes of the run that was planned against
/// this version of the mirror.
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
/// which they were applied. `next` always stands there: with it, a reader goes on whenever there
/// may be something new.
pub(super) async fn feed<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    query: Result<Query<Since>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Since { since, after, limit }) =
        query.map_err(|_| Problem::bad_request("the query parameters are not valid"))?;
    let asked = Asked { after, limit };
    let (limit, after) = (asked.limit()?, asked.after(Position::parse)?);
    let district = &granted.caller.district;
    api.table.configured(district).await?.ok_or_else(Problem::not_found)?;
    let mut runs = api.table.newest(district, LISTED_RUNS).await?;
    runs.retain(|run| run.state == RunState::Applied && run.plan.is_some());
    runs.sort_by_key(|run| run.plan.map(|plan| plan.against));
    let begin = match (&since, after) {
        (_, Some(position)) => position,
        (None, None) => Position { version: 0, changes: 0 },
        (Some(since), None) => {
            let run = runs.iter().find(|run| run.run.as_str() == since).and_then(|run| run.plan);
            Position { version: run.ok_or_else(Problem::not_found)?.against + 1, changes: 0 }
        }
    };
    let (mut items, mut at, mut more) = (Vec::new(), begin, false);
    for run in runs {
        let Some(plan) = run.plan.filter(|plan| plan.against >= begin.version) else { continue };
        if items.len() == limit {
            more = true;
            break;
        }
        let skip = if plan.against == begin.version { begin.changes } else { 0 };
        let changes =
            scan::changes(&api.internal, district, &run.run, skip, limit - items.len()).await?;
        let (changes, rest) = changes.unwrap_or_default();
        at = Position { version: plan.against, changes: skip + changes.len() };
        for change in &changes {
            let mut item = view(change)?;
            if let Value::Object(item) = &mut item {
                item.insert("run".into(), json!(run.run));
            }
            items.push(item);
        }
        more = rest;
    }
    let next =
        crate::page::Page::<Value>::new(Vec::new(), Some(format!("{}:{}", at.version, at.changes)))
            .next
            .ok_or_else(not_ours)?;
    ok(&json!({ "items": items, "next": next, "more": more }))
}

async fn last<T: Table, O: Objects>(
    api: &Api<T, O>,
    granted: &Granted,
    kind: RecordKind,
    key: &SourceId,
    run: &RunId,
) -> Result<Response, Problem> {
    let (district, internal) = (&granted.caller.district, &api.internal);
    let plan =
        api.memory.applied_plan(internal, district, run).await?.ok_or_else(Problem::not_found)?;
    let change = scan::change_of(internal, district, run, &plan, kind, key).await?;
    let mut shown = view(&change.ok_or_else(Problem::not_found)?)?;
    if let Value::Object(shown) = &mut shown {
        shown.insert("run".into(), json!(run));
    }
    ok(&shown)
}

/// `GET /people/{kind}/{person}/last-change`.
pub(super) async fn last_of_person<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let person = desk.person(at.people()?, &at.record("person")?).await?;
    let run = match &person.item {
        Item::Student(item) => &item.changed_by,
        Item::Teacher(item) => &item.changed_by,
        Item::Guardian(item) => &item.changed_by,
    };
    last(&api, &granted, person.kind(), person.item.key(), run).await
}

/// `GET /classes/{class}/last-change`.
pub(super) async fn last_of_class<T: Table, O: Objects>(
    State(api): State<Api<T, O>>,
    Extension(granted): Extension<Granted>,
    at: At,
) -> Result<Response, Problem> {
    let desk = Desk::new(&api, &granted);
    let class = desk.class(&at.record("class")?).await?;
    last(&api, &granted, RecordKind::Class, &class.item.key, &class.item.changed_by).await
}
