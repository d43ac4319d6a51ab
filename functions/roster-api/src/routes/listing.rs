//! What the lists of runs and of changes share.

use roster::change::Change;
use roster::records::AnyMirrored;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::reference::Reference;

/// The most runs that a list reads: more than a district has in the 400 days that runs are stored.
pub(super) const RUNS: usize = 2000;

/// Returns the JSON of a change.
pub(super) fn change_view(change: &Change) -> Result<Value, Problem> {
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
        // The serialized enum is an object with the kind as its only key; the kind has its own
        // field.
        Ok(value
            .as_object()
            .and_then(|by_kind| by_kind.values().next())
            .cloned()
            .unwrap_or(Value::Null))
    };
    Ok(json!({
        "what": what, "kind": kind, "key": Reference(change.key.clone()), "action": change.action,
        "reasons": change.reasons,
        "before": state(&change.before)?, "after": state(&change.after)?,
    }))
}
