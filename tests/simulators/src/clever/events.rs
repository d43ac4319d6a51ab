//! The Events API: changes to what a district shares. An event is available for 30 days.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::district::CleverDistrict;
use super::records::{List, as_v3_0, moment};

/// How long an event is available.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// The type, such as `users.updated`.
    kind: String,
    created: Timestamp,
    /// The whole object, in version 3.1.
    object: String,
    /// The old values of the changed fields.
    previous: Option<Value>,
    schools: Vec<String>,
}

/// Events by id. Ids ascend with time.
pub(super) type Events = BTreeMap<String, Event>;

impl Event {
    /// The item of a list. `previous_attributes` is next to `object`, as recorded, which differs
    /// from the specification.
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
        // Clever rounds to seconds.
        let created =
            moment(Timestamp::from_second(self.created.as_second()).unwrap_or(self.created));
        json!({ "id": id, "type": self.kind, "created": created, "data": data })
    }

    /// Whether the event passes the filters `school` and `record_type`.
    pub(super) fn passes(&self, school: Option<&str>, kinds: &[String]) -> bool {
        let kind = self.kind.split('.').next().unwrap_or_default();
        (kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind))
            && school.is_none_or(|school| self.schools.iter().any(|own| own == school))
    }

    /// Whether the event is still available.
    pub(super) fn is_kept(&self, now: Timestamp) -> bool {
        now.duration_since(self.created) <= KEPT
    }
}

/// Adds an event for every record whose content or sharing changed.
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
    // Deletions are in reverse order, children first.
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
        now.event_count += 1;
        now.events.insert(format!("{:08x}{:016x}", at.as_second(), now.event_count), event);
    }
}

/// The old values of the fields that differ. Objects are compared field by field, lists as a whole.
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
    fn the_difference_has_only_changed_fields_and_whole_lists() {
        let old = json!({ "name": { "first": "A", "last": "B" },
            "roles": { "student": { "gender": "X", "schools": ["1"] } }, "email": "" });
        let new = json!({ "name": { "first": "A", "last": "C" },
            "roles": { "student": { "gender": "M", "schools": ["1", "2"] } }, "email": "",
            "x": 1 });
        let expected = json!({ "name": { "last": "B" }, "roles": { "student": { "gender": "X",
            "schools": ["1"] } }, "x": null });
        assert_eq!(difference(&old, &new), expected);
        assert_eq!(difference(&old, &old), json!({}));
    }
}
