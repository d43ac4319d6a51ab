//! Clever in memory, for tests. It serves lists by pages like the real API, and fails as planned by
//! a test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::http::{Answer, Credential, Form, Get, Http, NoAnswer};

/// The maximum number of records per page.
const MOST: usize = 10_000;

/// A planned failure of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A response with this status and body.
    Answer(u16, String),
    /// 429, with `retry-after` in seconds.
    TooMany(u64),
    /// No response.
    None(NoAnswer),
    /// A truncated body.
    Truncated,
    /// The link to the next page has this address.
    Next(String),
    /// After this response the district syncs again, with this `last_sync`.
    NewData(String),
}

struct Planned {
    path: String,
    skip: u32,
    times: u32,
    fault: Fault,
}

#[derive(Default)]
struct World {
    /// By id: token and the district's object.
    districts: BTreeMap<String, (String, Value)>,
    /// Records by list of the API and id. All people are in `users`.
    records: BTreeMap<String, BTreeMap<String, Value>>,
    faults: Vec<Planned>,
    requests: Vec<String>,
}

/// Clever with the records that a test adds.
#[derive(Clone, Default)]
pub struct MemoryClever(Arc<Mutex<World>>);

impl MemoryClever {
    /// The application's client id.
    pub const CLIENT: &'static str = "rollbook";
    /// Its client secret.
    pub const CLIENT_SECRET: &'static str = "open-sesame";

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects a district, or gives it another token.
    pub fn connect(&self, id: &str, token: &str) {
        let district = json!({ "id": id, "name": "Oak", "last_sync": "2026-08-31T20:00:00.000Z", "error": "", "state": "success" });
        self.world().districts.insert(id.into(), (token.into(), district));
    }

    /// Disconnects a district.
    pub fn disconnect(&self, id: &str) {
        self.world().districts.remove(id);
    }

    /// Adds a record to a list: `schools`, `terms`, `courses`, `sections`, `users`.
    pub fn put(&self, list: &str, record: Value) {
        let id = record["id"].as_str().unwrap_or_default().to_owned();
        self.world().records.entry(list.into()).or_default().insert(id, record);
    }

    /// Removes a record.
    pub fn remove(&self, list: &str, id: &str) {
        if let Some(records) = self.world().records.get_mut(list) {
            records.remove(id);
        }
    }

    /// Plans a fault: of the requests whose path and query contain `path`, `skip` succeed and the
    /// next `times` fail.
    pub fn plan(&self, path: &str, skip: u32, times: u32, fault: Fault) {
        self.world().faults.push(Planned { path: path.into(), skip, times, fault });
    }

    /// Returns the recorded requests: paths and queries.
    pub fn requests(&self) -> Vec<String> {
        self.world().requests.clone()
    }
}

impl World {
    fn fault(&mut self, path: &str) -> Option<Fault> {
        for planned in self.faults.iter_mut().filter(|planned| path.contains(&planned.path)) {
            if planned.skip > 0 {
                planned.skip -= 1;
            } else if planned.times > 0 {
                planned.times -= 1;
                return Some(planned.fault.clone());
            }
        }
        None
    }

    fn answer(&self, path: &str, credential: &Credential) -> (u16, Value) {
        let no = |status: u16| (status, json!({ "message": "no" }));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: BTreeMap<&str, &str> =
            query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let token = match credential {
            Credential::Basic(user, password) if path == "/oauth/tokens" => {
                if (user.as_str(), password.reveal())
                    != (MemoryClever::CLIENT, MemoryClever::CLIENT_SECRET)
                {
                    return no(401);
                }
                return (200, self.tokens(query.get("district").copied()));
            }
            Credential::Basic(..) | Credential::Header(_) => return no(401),
            Credential::Bearer(token) => token.reveal(),
        };
        let Some((id, (_, district))) = self.districts.iter().find(|(_, (own, _))| own == token)
        else {
            return no(401);
        };
        let Some(list) = path.strip_prefix("/v3.1/").or_else(|| path.strip_prefix("/v3.0/")) else {
            return no(404);
        };
        if list == "districts" {
            return (
                200,
                json!({ "data": [{ "data": district, "uri": format!("{path}/{id}") }], "links": [] }),
            );
        }
        let limit = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
        if limit > MOST {
            return no(413);
        }
        let after = query.get("starting_after").copied();
        let nothing = BTreeMap::new();
        let records = self.records.get(list).unwrap_or(&nothing);
        let role = query.get("role").copied();
        let mut page: Vec<(&String, &Value)> = records
            .iter()
            .filter(|(record, _)| after.is_none_or(|after| record.as_str() > after))
            .filter(|(_, object)| role.is_none_or(|role| object["roles"].get(role).is_some()))
            .take(limit + 1)
            .collect();
        let mut links = vec![json!({ "rel": "self", "uri": path })];
        if page.len() > limit {
            page.pop();
            let last = page.last().map_or("", |(id, _)| id.as_str());
            let role = role.map(|role| format!("&role={role}")).unwrap_or_default();
            links.push(json!({ "rel": "next", "uri": format!("{path}?limit={limit}{role}&starting_after={last}") }));
        }
        let data: Vec<Value> = page
            .iter()
            .map(|(id, object)| json!({ "data": object, "uri": format!("{path}/{id}") }))
            .collect();
        (200, json!({ "links": links, "data": data }))
    }

    fn tokens(&self, district: Option<&str>) -> Value {
        let shown = self
            .districts
            .iter()
            .filter(|(id, _)| district.is_none_or(|wanted| wanted == id.as_str()));
        let entry = |(id, (token, _)): (&String, &(String, Value))| json!({ "id": "62b4e190573f9600080cbf08", "owner": { "type": "district", "id": id }, "access_token": token, "scopes": [] });
        let data: Vec<Value> = shown.map(entry).collect();
        json!({ "data": data, "links": [{ "rel": "self", "uri": "/oauth/tokens?owner_type=district" }] })
    }
}

impl Http for MemoryClever {
    async fn get(&self, request: Get) -> Result<Answer, NoAnswer> {
        let mut world = self.world();
        let path =
            request.url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
        world.requests.push(path.clone());
        let fault = world.fault(&path);
        let (mut status, mut body) = world.answer(&path, &request.credential);
        let mut answer = Answer::default();
        match fault {
            Some(Fault::None(none)) => return Err(none),
            Some(Fault::Answer(other, text)) => {
                return Ok(Answer { status: other, body: text.into(), ..answer });
            }
            Some(Fault::TooMany(seconds)) => {
                (status, body) = (429, json!({ "error": "too many requests" }));
                answer.retry_after = Some(seconds);
            }
            Some(Fault::Next(uri)) => body["links"] = json!([{ "rel": "next", "uri": uri }]),
            Some(Fault::NewData(last_sync)) => {
                for (_, district) in world.districts.values_mut() {
                    district["last_sync"] = last_sync.clone().into();
                }
            }
            Some(Fault::Truncated) => {
                let text = body.to_string();
                return Ok(Answer {
                    status,
                    body: text.as_bytes()[..text.len() / 2].to_vec(),
                    ..answer
                });
            }
            None => {}
        }
        Ok(Answer { status, body: body.to_string().into_bytes(), ..answer })
    }

    /// Clever has no token endpoint; tokens are in a list.
    async fn post(&self, _: Form) -> Result<Answer, NoAnswer> {
        Err(NoAnswer::Request)
    }
}
