//! The calls of EventBridge Scheduler that this product makes, in its REST form. Source: the service's API reference, version 2021-06-30.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::{DEFAULT_GROUP, Schedule, Scheduler};

type Ask = HashMap<String, String>;
type Said = Map<String, Value>;

/// Why a call was refused.
enum Refusal {
    /// There is already one of that name.
    Conflict(String),
    /// There is none.
    NotFound(String),
    /// It says something that cannot be.
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

async fn create(State(scheduler): State<Arc<Scheduler>>, Path(name): Path<String>, body: String) -> Response<Body> {
    answer(scheduler.create(name, &body))
}

async fn update(State(scheduler): State<Arc<Scheduler>>, Path(name): Path<String>, body: String) -> Response<Body> {
    answer(scheduler.update(&name, &body))
}

async fn read(State(scheduler): State<Arc<Scheduler>>, Path(name): Path<String>, Query(ask): Query<Ask>) -> Response<Body> {
    answer(scheduler.read(&group_of(&ask), &name))
}

async fn remove(State(scheduler): State<Arc<Scheduler>>, Path(name): Path<String>, Query(ask): Query<Ask>) -> Response<Body> {
    answer(scheduler.remove(&group_of(&ask), &name))
}

async fn list(State(scheduler): State<Arc<Scheduler>>, Query(ask): Query<Ask>) -> Response<Body> {
    answer(Ok(scheduler.list(ask.get("ScheduleGroup"), ask.get("NamePrefix").map_or("", String::as_str))))
}

async fn create_group(State(scheduler): State<Arc<Scheduler>>, Path(name): Path<String>) -> Response<Body> {
    answer(scheduler.create_group(name))
}

async fn read_group(State(scheduler): State<Arc<Scheduler>>, Path(name): Path<String>) -> Response<Body> {
    answer(scheduler.read_group(&name))
}

async fn remove_group(State(scheduler): State<Arc<Scheduler>>, Path(name): Path<String>) -> Response<Body> {
    answer(scheduler.remove_group(&name))
}

async fn list_groups(State(scheduler): State<Arc<Scheduler>>) -> Response<Body> {
    let state = scheduler.state.lock().unwrap_or_else(PoisonError::into_inner);
    let groups: Vec<Value> = state.groups.keys().map(|name| json!({ "Name": name, "Arn": scheduler.group_arn(name) })).collect();
    answer(Ok(json!({ "ScheduleGroups": groups })))
}

fn group_of(ask: &Ask) -> String {
    ask.get("groupName").map_or(DEFAULT_GROUP, String::as_str).to_owned()
}

impl Scheduler {
    fn create(&self, name: String, body: &str) -> Result<Value, Refusal> {
        let now = self.clock.now();
        let said = parse(body)?;
        let group = said.get("GroupName").and_then(Value::as_str).unwrap_or(DEFAULT_GROUP).to_owned();
        let mut schedule = Schedule { name, group, said, created: now, modified: now, due: None };
        self.check(&mut schedule)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.groups.contains_key(&schedule.group) {
            return Err(Refusal::NotFound(format!("Schedule group {} does not exist.", schedule.group)));
        }
        if state.position(&schedule.group, &schedule.name).is_some() {
            return Err(Refusal::Conflict(format!("Schedule {} already exists.", schedule.name)));
        }
        let arn = self.arn(&schedule);
        state.schedules.push(schedule);
        self.keep(&state);
        self.changed.notify_one();
        Ok(json!({ "ScheduleArn": arn }))
    }

    fn update(&self, name: &str, body: &str) -> Result<Value, Refusal> {
        let said = parse(body)?;
        let group = said.get("GroupName").and_then(Value::as_str).unwrap_or(DEFAULT_GROUP).to_owned();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = state.position(&group, name).ok_or_else(|| missing(name))?;
        let mut schedule = Schedule { said, modified: self.clock.now(), due: None, ..state.schedules[at].clone() };
        self.check(&mut schedule)?;
        let arn = self.arn(&schedule);
        state.schedules[at] = schedule;
        self.keep(&state);
        self.changed.notify_one();
        Ok(json!({ "ScheduleArn": arn }))
    }

    /// Finds what the service would refuse, and sets when the schedule is due.
    fn check(&self, schedule: &mut Schedule) -> Result<(), Refusal> {
        let name = &schedule.name;
        if name.is_empty()
            || name.len() > 64
            || !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
        {
            return Err(Refusal::Validation("a name has 1 to 64 letters, digits, -, _ or .".into()));
        }
        for field in ["Arn", "RoleArn"] {
            if schedule.target(field).is_none_or(|arn| !arn.starts_with("arn:")) {
                return Err(Refusal::Validation(format!("Target.{field} must be an ARN")));
            }
        }
        if schedule.said.get("FlexibleTimeWindow").and_then(|window| window.get("Mode")).is_none() {
            return Err(Refusal::Validation("FlexibleTimeWindow.Mode is missing".into()));
        }
        let expression = schedule.expression().map_err(Refusal::Validation)?;
        schedule.due = expression.first(schedule.created);
        Ok(())
    }

    fn read(&self, group: &str, name: &str) -> Result<Value, Refusal> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let schedule = &state.schedules[state.position(group, name).ok_or_else(|| missing(name))?];
        let mut said = schedule.said.clone();
        said.remove("ClientToken");
        said.entry("State").or_insert_with(|| "ENABLED".into());
        said.extend(self.summary(schedule));
        Ok(Value::Object(said))
    }

    fn list(&self, group: Option<&String>, prefix: &str) -> Value {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut schedules: Vec<&Schedule> = state
            .schedules
            .iter()
            .filter(|schedule| group.is_none_or(|group| *group == schedule.group) && schedule.name.starts_with(prefix))
            .collect();
        schedules.sort_by_key(|schedule| (&schedule.group, &schedule.name));
        let schedules: Vec<Value> = schedules
            .into_iter()
            .map(|schedule| {
                let mut summary = self.summary(schedule);
                summary.insert("State".into(), schedule.text("State").unwrap_or("ENABLED").into());
                summary.insert("Target".into(), json!({ "Arn": schedule.target("Arn") }));
                Value::Object(summary)
            })
            .collect();
        json!({ "Schedules": schedules })
    }

    fn summary(&self, schedule: &Schedule) -> Said {
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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = state.position(group, name).ok_or_else(|| missing(name))?;
        state.schedules.remove(at);
        self.keep(&state);
        Ok(json!({}))
    }

    fn create_group(&self, name: String) -> Result<Value, Refusal> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.groups.contains_key(&name) {
            return Err(Refusal::Conflict(format!("Schedule group {name} already exists.")));
        }
        let arn = self.group_arn(&name);
        state.groups.insert(name, self.clock.now());
        self.keep(&state);
        Ok(json!({ "ScheduleGroupArn": arn }))
    }

    fn read_group(&self, name: &str) -> Result<Value, Refusal> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let made = state.groups.get(name).ok_or_else(|| missing_group(name))?.as_second();
        let arn = self.group_arn(name);
        Ok(json!({ "Name": name, "Arn": arn, "State": "ACTIVE", "CreationDate": made, "LastModificationDate": made }))
    }

    fn remove_group(&self, name: &str) -> Result<Value, Refusal> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.groups.remove(name).ok_or_else(|| missing_group(name))?;
        state.schedules.retain(|schedule| schedule.group != name);
        self.keep(&state);
        Ok(json!({}))
    }
}

fn parse(body: &str) -> Result<Said, Refusal> {
    serde_json::from_str(body).map_err(|error| Refusal::Validation(format!("the request is not a JSON object: {error}")))
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
        Err(Refusal::Conflict(message)) => (StatusCode::CONFLICT, Some("ConflictException"), json!({ "Message": message })),
        Err(Refusal::NotFound(message)) => {
            (StatusCode::NOT_FOUND, Some("ResourceNotFoundException"), json!({ "Message": message }))
        }
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
