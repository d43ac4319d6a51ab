//! The REST calls of EventBridge Scheduler that the product uses. Source: the service's API
//! reference, version 2021-06-30.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::schedule::Schedule;
use super::{DEFAULT_GROUP, Scheduler};

type Parameters = HashMap<String, String>;
type Fields = Map<String, Value>;

/// Why a call was rejected.
enum Refusal {
    /// The name is in use.
    Conflict(String),
    /// The schedule or group does not exist.
    NotFound(String),
    /// The request is invalid.
    Validation(String),
}

pub(super) fn router(scheduler: Arc<Scheduler>) -> Router {
    Router::new()
        .route("/schedules", get(list))
        .route("/schedules/{name}", post(create).get(read).put(update).delete(remove))
        .route("/schedule-groups", get(list_groups))
        .route("/schedule-groups/{name}", post(create_group).get(read_group).delete(remove_group))
        .with_state(scheduler)
}

async fn create(
    State(scheduler): State<Arc<Scheduler>>,
    Path(name): Path<String>,
    body: String,
) -> Response<Body> {
    answer(scheduler.create(name, &body))
}

async fn update(
    State(scheduler): State<Arc<Scheduler>>,
    Path(name): Path<String>,
    body: String,
) -> Response<Body> {
    answer(scheduler.update(&name, &body))
}

async fn read(
    State(scheduler): State<Arc<Scheduler>>,
    Path(name): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response<Body> {
    answer(scheduler.read(&group_of(&parameters), &name))
}

async fn remove(
    State(scheduler): State<Arc<Scheduler>>,
    Path(name): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Response<Body> {
    answer(scheduler.remove(&group_of(&parameters), &name))
}

async fn list(
    State(scheduler): State<Arc<Scheduler>>,
    Query(parameters): Query<Parameters>,
) -> Response<Body> {
    answer(scheduler.list(&parameters))
}

async fn create_group(
    State(scheduler): State<Arc<Scheduler>>,
    Path(name): Path<String>,
) -> Response<Body> {
    answer(scheduler.create_group(name))
}

async fn read_group(
    State(scheduler): State<Arc<Scheduler>>,
    Path(name): Path<String>,
) -> Response<Body> {
    answer(scheduler.read_group(&name))
}

async fn remove_group(
    State(scheduler): State<Arc<Scheduler>>,
    Path(name): Path<String>,
) -> Response<Body> {
    answer(scheduler.remove_group(&name))
}

async fn list_groups(
    State(scheduler): State<Arc<Scheduler>>,
    Query(parameters): Query<Parameters>,
) -> Response<Body> {
    answer(scheduler.list_groups(&parameters))
}

fn group_of(parameters: &Parameters) -> String {
    parameters.get("groupName").map_or(DEFAULT_GROUP, String::as_str).to_owned()
}

impl Scheduler {
    fn create(&self, name: String, body: &str) -> Result<Value, Refusal> {
        let now = self.clock.now();
        let fields = parse(body)?;
        let group =
            fields.get("GroupName").and_then(Value::as_str).unwrap_or(DEFAULT_GROUP).to_owned();
        let mut schedule =
            Schedule { name, group, fields, created: now, modified: now, due: None, late: 0 };
        schedule.begin().map_err(Refusal::Validation)?;
        let mut state = self.state();
        if !state.groups.contains_key(&schedule.group) {
            return Err(Refusal::NotFound(format!(
                "Schedule group {} does not exist.",
                schedule.group
            )));
        }
        let arn = self.arn(&schedule);
        if let Some(at) = state.position(&schedule.group, &schedule.name) {
            // A retry of the same request, by a client that did not get the response.
            let token = schedule.text("ClientToken");
            if token.is_some() && token == state.schedules[at].text("ClientToken") {
                return Ok(json!({ "ScheduleArn": arn }));
            }
            return Err(Refusal::Conflict(format!("Schedule {} already exists.", schedule.name)));
        }
        state.schedules.push(schedule);
        self.save(&state);
        self.changed.notify_one();
        Ok(json!({ "ScheduleArn": arn }))
    }

    /// Replaces a schedule as a whole. Missing fields are removed.
    fn update(&self, name: &str, body: &str) -> Result<Value, Refusal> {
        let fields = parse(body)?;
        let group =
            fields.get("GroupName").and_then(Value::as_str).unwrap_or(DEFAULT_GROUP).to_owned();
        let mut state = self.state();
        let at = state.position(&group, name).ok_or_else(|| missing(name))?;
        let mut schedule = Schedule {
            fields,
            modified: self.clock.now(),
            due: None,
            ..state.schedules[at].clone()
        };
        schedule.begin().map_err(Refusal::Validation)?;
        let arn = self.arn(&schedule);
        state.schedules[at] = schedule;
        self.save(&state);
        self.changed.notify_one();
        Ok(json!({ "ScheduleArn": arn }))
    }

    fn read(&self, group: &str, name: &str) -> Result<Value, Refusal> {
        let state = self.state();
        let schedule =
            &state.schedules[state.position(group, name).ok_or_else(|| missing(name))?];
        let mut fields = schedule.fields.clone();
        fields.remove("ClientToken");
        fields.entry("State").or_insert_with(|| "ENABLED".into());
        fields.extend(self.summary(schedule));
        Ok(Value::Object(fields))
    }

    fn list(&self, parameters: &Parameters) -> Result<Value, Refusal> {
        let state = self.state();
        let parameter = |name: &str| parameters.get(name).map(String::as_str);
        let mut found: Vec<(String, &Schedule)> = state
            .schedules
            .iter()
            .filter(|schedule| {
                parameter("ScheduleGroup").is_none_or(|group| group == schedule.group)
            })
            .filter(|schedule| {
                schedule.name.starts_with(parameter("NamePrefix").unwrap_or_default())
            })
            .filter(|schedule| {
                parameter("State").is_none_or(|state| (state == "ENABLED") == schedule.enabled())
            })
            .map(|schedule| (format!("{}/{}", schedule.group, schedule.name), schedule))
            .collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (schedules, next) = page(found, parameters)?;
        let schedules: Vec<Value> = schedules
            .into_iter()
            .map(|schedule| {
                let mut summary = self.summary(schedule);
                summary.insert("State".into(), schedule.text("State").unwrap_or("ENABLED").into());
                summary.insert("Target".into(), json!({ "Arn": schedule.target("Arn") }));
                Value::Object(summary)
            })
            .collect();
        Ok(json!({ "Schedules": schedules, "NextToken": next }))
    }

    fn list_groups(&self, parameters: &Parameters) -> Result<Value, Refusal> {
        let state = self.state();
        let prefix = parameters.get("NamePrefix").map_or("", String::as_str);
        let found = state
            .groups
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, created)| (name.clone(), *created));
        let (groups, next) = page(
            found.map(|(name, created)| (name.clone(), (name, created))).collect(),
            parameters,
        )?;
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|(name, created)| self.group(&name, created.as_second()))
            .collect();
        Ok(json!({ "ScheduleGroups": groups, "NextToken": next }))
    }

    fn group(&self, name: &str, created: i64) -> Value {
        json!({ "Name": name, "Arn": self.group_arn(name), "State": "ACTIVE",
            "CreationDate": created, "LastModificationDate": created })
    }

    fn summary(&self, schedule: &Schedule) -> Fields {
        let fields = json!({
            "Name": schedule.name,
            "GroupName": schedule.group,
            "Arn": self.arn(schedule),
            "CreationDate": schedule.created.as_second(),
            "LastModificationDate": schedule.modified.as_second(),
        });
        fields.as_object().cloned().unwrap_or_default()
    }

    fn remove(&self, group: &str, name: &str) -> Result<Value, Refusal> {
        let mut state = self.state();
        let at = state.position(group, name).ok_or_else(|| missing(name))?;
        state.schedules.remove(at);
        self.save(&state);
        Ok(json!({}))
    }

    fn create_group(&self, name: String) -> Result<Value, Refusal> {
        let mut state = self.state();
        if state.groups.contains_key(&name) {
            return Err(Refusal::Conflict(format!("Schedule group {name} already exists.")));
        }
        let arn = self.group_arn(&name);
        state.groups.insert(name, self.clock.now());
        self.save(&state);
        Ok(json!({ "ScheduleGroupArn": arn }))
    }

    fn read_group(&self, name: &str) -> Result<Value, Refusal> {
        let state = self.state();
        let created = state.groups.get(name).ok_or_else(|| missing_group(name))?.as_second();
        Ok(self.group(name, created))
    }

    fn remove_group(&self, name: &str) -> Result<Value, Refusal> {
        if name == DEFAULT_GROUP {
            return Err(Refusal::Validation("the default group cannot be deleted".into()));
        }
        let mut state = self.state();
        state.groups.remove(name).ok_or_else(|| missing_group(name))?;
        state.schedules.retain(|schedule| schedule.group != name);
        self.save(&state);
        Ok(json!({}))
    }
}

fn parse(body: &str) -> Result<Fields, Refusal> {
    serde_json::from_str(body)
        .map_err(|error| Refusal::Validation(format!("the request is not a JSON object: {error}")))
}

/// A page of `found`, which is sorted by name. The token of the next page is the last name of this
/// page.
fn page<T>(
    found: Vec<(String, T)>,
    parameters: &Parameters,
) -> Result<(Vec<T>, Option<String>), Refusal> {
    let most = match parameters.get("MaxResults").map_or(Ok(100), |text| text.parse()) {
        Ok(most @ 1..=100) => most,
        _ => return Err(Refusal::Validation("MaxResults must be 1 to 100".into())),
    };
    let after = parameters.get("NextToken").map_or("", String::as_str);
    let mut rest = found.into_iter().filter(|(name, _)| name.as_str() > after);
    let (mut names, mut items) = (Vec::new(), Vec::new());
    for (name, item) in rest.by_ref().take(most) {
        names.push(name);
        items.push(item);
    }
    let next = rest.next().and_then(|_| names.pop());
    Ok((items, next))
}

fn missing(name: &str) -> Refusal {
    Refusal::NotFound(format!("Schedule {name} does not exist."))
}

fn missing_group(name: &str) -> Refusal {
    Refusal::NotFound(format!("Schedule group {name} does not exist."))
}

fn answer(done: Result<Value, Refusal>) -> Response<Body> {
    let (status, kind, body) = match done {
        Ok(body) => (StatusCode::OK, None, body),
        Err(Refusal::Conflict(message)) => {
            (StatusCode::CONFLICT, Some("ConflictException"), json!({ "Message": message }))
        }
        Err(Refusal::NotFound(message)) => (
            StatusCode::NOT_FOUND,
            Some("ResourceNotFoundException"),
            json!({ "Message": message }),
        ),
        Err(Refusal::Validation(message)) => {
            (StatusCode::BAD_REQUEST, Some("ValidationException"), json!({ "Message": message }))
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    if let Some(kind) = kind {
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
    }
    response
}
