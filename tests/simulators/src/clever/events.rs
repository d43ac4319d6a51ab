//! The Events API: what changed of what a district shares, told for thirty days.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::district::CleverDistrict;
use super::records::{List, as_v3_0, moment};

/// How long an event is told.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One event.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// `users.updated`.
    kind: String,
    created: Timestamp,
    /// The object of version 3.1, whole.
    object: String,
    /// What changed of it, as it was before.
    previous: Option<Value>,
    schools: Vec<String>,
}

/// Events by their ids, which ascend.
pub(super) type Events = BTreeMap<String, Event>;

impl Event {
    /// As it stands in a list. What changed stands beside the object, as recordings have it, not
    /// where the specification draws it.
    pub(super) fn data(&self, id: &str, version: &str) -> Value {
        let mut object: Value = serde_json::from_str(&self.object).unwrap_or_default();
        let mut previous = self.previous.clone();
        if version == "v3.0" {
            as_v3_0(&mut object);
            previous.iter_mut().for_each(as_v3_0);
        }
        let mut data = Map::new();
        data.insert("object".into(), object);
        data.extend(previous.map(|previous| ("previous_attributes".to_owned(), previous)));
        // Whole seconds.
        let created =
            moment(Timestamp::from_second(self.created.as_second()).unwrap_or(self.created));
        json!({ "id": id, "type": self.kind, "created": created, "data": data })
    }

    /// Whether somebody who asks for a school, or for kinds of records, means it.
    pub(super) fn is_asked_for(&self, school: Option<&str>, kinds: &[String]) -> bool {
        let kind = self.kind.split('.').next().unwrap_or_default();
        (kinds.is_empty() || kinds.iter().any(|asked| asked == kind))
            && school.is_none_or(|school| self.schools.iter().any(|mine| mine == school))
    }

    /// Whether it is still told.
    pub(super) fn is_kept(&self, now: Timestamp) -> bool {
        now.duration_since(self.created) <= KEPT
    }
}

/// Adds the events of everything that is shared now and was not, is not and was, or is another than
/// it was.
pub(super) fn record_events(
    before: &CleverDistrict,
    now: &mut CleverDistrict,
    id: &str,
    at: Timestamp,
) {
    let mut found = Vec::new();
    for list in List::ALL {
        let (old, new) = (&before.records[&list], &now.records[&list]);
        for (record_id, record) in
            new.iter().filter(|(record_id, record)| now.shares(record_id, record))
        {
            let was = old.get(record_id).filter(|was| before.shares(record_id, was));
            let (change, previous) = match was {
                None => ("created", None),
                Some(was) if was.content == record.content => continue,
                Some(was) => ("updated", Some(difference(&was.value(), &record.value()))),
            };
            let kind = format!("{}.{change}", list.name());
            found.push(Event {
                kind,
                created: at,
                object: now.sent(record, record_id, id),
                previous,
                schools: record.schools.clone(),
            });
        }
    }
    // What is gone goes in the other direction, children first.
    for list in List::ALL.into_iter().rev() {
        for (record_id, was) in
            before.records[&list].iter().filter(|(record_id, was)| before.shares(record_id, was))
        {
            if !now.records[&list]
                .get(record_id)
                .is_some_and(|record| now.shares(record_id, record))
            {
                let (kind, object) =
                    (format!("{}.deleted", list.name()), before.sent(was, record_id, id));
                found.push(Event {
                    kind,
                    created: at,
                    object,
                    previous: None,
                    schools: was.schools.clone(),
                });
            }
        }
    }
    if before.last_sync != now.last_sync {
        let previous = Some(json!({ "last_sync": moment(before.last_sync) }));
        let object = now.object(id).to_string();
        found.push(Event {
            kind: "districts.updated".into(),
            created: at,
            object,
            previous,
            schools: Vec::new(),
        });
    }
    for event in found {
        now.told += 1;
        now.events.insert(format!("{:08x}{:016x}", at.as_second(), now.told), event);
    }
}

/// What of an object was different: nested, old values, lists whole.
fn difference(old: &Value, new: &Value) -> Value {
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let changed = names.filter(|name| old.get(*name) != new.get(*name)).map(|name| {
        let (was, is) =
            (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
        let difference =
            if was.is_object() && is.is_object() { difference(was, is) } else { was.clone() };
        (name.clone(), difference)
    });
    Value::Object(changed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told_with_lists_as_a_whole() {
        let old = json!({ "name": { "first": "A", "last": "B" }, "roles": { "student": { "gender": "X", "schools": ["1"] } }, "email": "" });
        let new = json!({ "name": { "first": "A", "last": "C" }, "roles": { "student": { "gender": "M", "schools": ["1", "2"] } }, "email": "", "x": 1 });
        let told = json!({ "name": { "last": "B" }, "roles": { "student": { "gender": "X", "schools": ["1"] } }, "x": null });
        assert_eq!(difference(&old, &new), told);
        assert_eq!(difference(&old, &old), json!({}));
    }
}
