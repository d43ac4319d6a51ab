//! A OneRoster server in memory, for tests: lists by pages, the ways in which real servers differ,
//! and what goes wrong with them, on cue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::pull::Resource;
use crate::http::{Answer, Credential, Form, Get, Http, NoAnswer};

/// What a server counts in `X-Total-Count`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// The list.
    #[default]
    List,
    /// The page, which is wrong.
    Page,
    /// Nothing: the header is not there.
    Nothing,
}

/// What a server does with `sort` and `orderBy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sorting {
    /// What is asked for.
    #[default]
    Done,
    /// Nothing; lists are in the order in which records came.
    Ignored,
    /// It refuses them with 400.
    Refused,
}

/// What a server does with `filter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filtering {
    /// What is asked for.
    #[default]
    Done,
    /// Nothing; lists are whole.
    Ignored,
    /// It refuses it with 400.
    Refused,
}

/// The ways of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// The most records of a page, whatever is asked for.
    pub most: usize,
    /// Pages beyond so many records are too heavy: 502.
    pub heavy: Option<usize>,
    /// Whether the header `Link` is sent.
    pub links: bool,
    /// Links lead as many records on as were asked for, though fewer were sent.
    pub links_as_asked: bool,
    /// What is counted.
    pub counts: Counts,
    /// Reading behind the end is answered with this status.
    pub behind: Option<u16>,
    /// How lists are sorted.
    pub sorting: Sorting,
    /// How lists are filtered.
    pub filtering: Filtering,
    /// Every page is the first.
    pub ignores_offset: bool,
    /// The list begins anew behind its end.
    pub wraps: bool,
    /// The data's revision, as ClassLink tells it.
    pub revision: Option<String>,
    /// Lists that are forbidden.
    pub forbidden: BTreeSet<Resource>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            most: 10_000,
            heavy: None,
            links: true,
            links_as_asked: false,
            counts: Counts::default(),
            behind: None,
            sorting: Sorting::default(),
            filtering: Filtering::default(),
            ignores_offset: false,
            wraps: false,
            revision: None,
            forbidden: BTreeSet::new(),
        }
    }
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This answer: status and body.
    Answer(u16, String),
    /// 429, with `retry-after` in seconds.
    TooMany(u64),
    /// No answer.
    None(NoAnswer),
    /// The body ends in the middle.
    Truncated,
    /// After this answer, a record comes, or takes the place of one.
    Put(Resource, Value),
    /// After this answer, a record is gone.
    Remove(Resource, String),
    /// With this answer, the data have another revision.
    Revision(String),
}

#[derive(Clone, Debug)]
struct Planned {
    path: String,
    skip: u32,
    times: u32,
    fault: Fault,
}

/// Who may ask, and with what.
#[derive(Clone, Debug)]
enum Door {
    /// A token that does not change.
    Bearer(String),
    /// Tokens are given for client id and secret, each good for so many requests; in the form
    /// alone, or with HTTP Basic.
    Grant {
        client: String,
        secret: String,
        life: u32,
        in_form: bool,
        scope: Option<String>,
        left: u32,
        given: u32,
    },
}

#[derive(Clone, Debug)]
struct World {
    door: Door,
    ways: Ways,
    /// Records by id, as JSON, in the order in which they came.
    lists: BTreeMap<Resource, Vec<(String, Arc<str>)>>,
    /// The same, in the order of ids.
    sorted: BTreeMap<Resource, Vec<usize>>,
    faults: Vec<Planned>,
    asked: Vec<String>,
}

/// A server that holds what a test puts into it.
#[derive(Clone, Debug)]
pub struct MemoryOneRoster(Arc<Mutex<World>>);

impl Default for MemoryOneRoster {
    fn default() -> Self {
        let (lists, sorted) = (BTreeMap::new(), BTreeMap::new());
        let (faults, asked) = (Vec::new(), Vec::new());
        let door = Door::Bearer(Self::TOKEN.into());
        Self(Arc::new(Mutex::new(World {
            door,
            ways: Ways::default(),
            lists,
            sorted,
            faults,
            asked,
        })))
    }
}

impl MemoryOneRoster {
    /// The token that opens it at first.
    pub const TOKEN: &'static str = "3f0c2f66-8a8f-4a53-9ad1-5a2f1d6f4c11";

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It gives tokens from now on (OAuth 2), each good for `life` requests; for credentials
    /// `in_form` alone or with HTTP Basic, and for this scope.
    pub fn grant(&self, client: &str, secret: &str, life: u32, in_form: bool, scope: Option<&str>) {
        let (client, secret, scope) =
            (client.to_owned(), secret.to_owned(), scope.map(str::to_owned));
        self.world().door = Door::Grant { client, secret, life, in_form, scope, left: 0, given: 0 };
    }

    /// How many tokens it has given.
    pub fn given(&self) -> u32 {
        match self.world().door {
            Door::Grant { given, .. } => given,
            Door::Bearer(_) => 0,
        }
    }

    /// It has other ways from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Ways)) {
        change(&mut self.world().ways);
    }

    /// Puts a record into a list, or in the place of the one that has its id.
    pub fn put(&self, list: Resource, record: &Value) {
        self.world().put(list, record);
    }

    /// Replaces a list: records by id, as JSON, in the order in which they came.
    pub fn put_all(&self, list: Resource, records: Vec<(String, Arc<str>)>) {
        self.world().put_all(list, records);
    }

    /// The records of a list by id, as JSON.
    pub fn records(&self, list: Resource) -> Vec<(String, Arc<str>)> {
        self.world().lists.get(&list).cloned().unwrap_or_default()
    }

    /// Takes a record away.
    pub fn remove(&self, list: Resource, id: &str) {
        self.world().remove(list, id);
    }

    /// From now on, after `skip` requests whose path and query contain `path`, so many of them meet
    /// the fault.
    pub fn plan(&self, path: &str, skip: u32, times: u32, fault: Fault) {
        self.world().faults.push(Planned { path: path.into(), skip, times, fault });
    }

    /// What was asked for: lists with their queries.
    pub fn asked(&self) -> Vec<String> {
        self.world().asked.clone()
    }

    /// The answer to whoever may ask, for a path behind the root (`users`) and a query.
    ///
    /// # Errors
    /// If a fault says so.
    pub fn answer(&self, path: &str, query: &str) -> Result<Answer, NoAnswer> {
        let mut world = self.world();
        let whole = format!("{path}?{query}");
        world.asked.push(whole.clone());
        let fault = world.fault(&whole);
        if let Some(Fault::Revision(revision)) = &fault {
            world.ways.revision = Some(revision.clone());
        }
        let mut answer = world.page(path, query);
        match fault {
            Some(Fault::None(none)) => return Err(none),
            Some(Fault::Answer(status, text)) => {
                return Ok(Answer { status, body: text.into(), ..Answer::default() });
            }
            Some(Fault::TooMany(seconds)) => {
                return Ok(Answer { retry_after: Some(seconds), ..failure(429, "server_busy") });
            }
            Some(Fault::Truncated) => answer.body.truncate(answer.body.len() / 2),
            Some(Fault::Put(list, record)) => world.put(list, &record),
            Some(Fault::Remove(list, id)) => world.remove(list, &id),
            Some(Fault::Revision(_)) | None => {}
        }
        Ok(answer)
    }
}

/// An error as 1.2 has it.
fn failure(status: u16, minor: &str) -> Answer {
    let body = json!({
        "imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_description": "no",
        "imsx_CodeMinor": { "imsx_codeMinorField": [{ "imsx_codeMinorFieldName": "TargetEndSystem", "imsx_codeMinorFieldValue": minor }] },
    });
    Answer { status, body: body.to_string().into_bytes(), ..Answer::default() }
}

/// What a text says, with its `%XX` read.
fn unescape(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(format!("%{part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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

    fn put(&mut self, list: Resource, record: &Value) {
        let id = record["sourcedId"].as_str().unwrap_or_default().to_owned();
        let text: Arc<str> = record.to_string().into();
        let mut records = self.lists.remove(&list).unwrap_or_default();
        match records.iter_mut().find(|(other, _)| *other == id && !id.is_empty()) {
            Some(there) => there.1 = text,
            None => records.push((id, text)),
        }
        self.put_all(list, records);
    }

    fn put_all(&mut self, list: Resource, records: Vec<(String, Arc<str>)>) {
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by(|&a, &b| records[a].0.cmp(&records[b].0));
        self.sorted.insert(list, order);
        self.lists.insert(list, records);
    }

    fn remove(&mut self, list: Resource, id: &str) {
        let mut records = self.lists.remove(&list).unwrap_or_default();
        records.retain(|(other, _)| other != id);
        self.put_all(list, records);
    }

    /// Whether a credential opens the door. A token is used up by being used.
    fn opens(&mut self, credential: &Credential) -> bool {
        let Credential::Bearer(token) = credential else { return false };
        match &mut self.door {
            Door::Bearer(own) => own == token.reveal(),
            Door::Grant { left, given, .. } => {
                let is_good = *left > 0 && token.reveal() == format!("token-{given}");
                *left = left.saturating_sub(u32::from(is_good));
                is_good
            }
        }
    }

    fn token(&mut self, form: &Form) -> Answer {
        let no = |status: u16, word: &str| Answer {
            status,
            body: json!({ "error": word }).to_string().into_bytes(),
            ..Answer::default()
        };
        let Door::Grant { client, secret, life, in_form, scope, left, given } = &mut self.door
        else {
            return no(404, "not_found");
        };
        let fields: BTreeMap<String, String> = form
            .body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), unescape(value)))
            .collect();
        let field = |name: &str| fields.get(name).map(String::as_str);
        let is_known = match &form.credential {
            Some(Credential::Basic(user, password)) => {
                !*in_form && (user, password.reveal()) == (&*client, secret)
            }
            Some(_) => false,
            None => {
                *in_form
                    && field("client_id") == Some(client)
                    && field("client_secret") == Some(secret)
            }
        };
        if !is_known {
            return no(401, "invalid_client");
        }
        if field("grant_type") != Some("client_credentials") {
            return no(400, "unsupported_grant_type");
        }
        if scope.is_some() && scope.as_deref() != field("scope") {
            return no(400, "invalid_scope");
        }
        *left = *life;
        *given += 1;
        let body = json!({ "access_token": format!("token-{given}"), "token_type": "bearer", "expires_in": 3600 });
        Answer { status: 200, body: body.to_string().into_bytes(), ..Answer::default() }
    }

    /// A page of a list, or an error.
    fn page(&self, path: &str, query: &str) -> Answer {
        let Some(list) = Resource::ALL.into_iter().find(|list| list.name() == path) else {
            return failure(404, "unknownobject");
        };
        if self.ways.forbidden.contains(&list) {
            return failure(403, "forbidden");
        }
        let no_records = Vec::new();
        let records = self.lists.get(&list).unwrap_or(&no_records);
        let asked: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, unescape(value)))
            .collect();
        let number =
            |name: &str, or: usize| asked.get(name).map_or(Some(or), |text| text.parse().ok());
        let (Some(limit), Some(offset)) =
            (number("limit", 100).filter(|limit| *limit > 0), number("offset", 0))
        else {
            return failure(400, "invaliddata");
        };
        let is_sorted = asked.contains_key("sort");
        if is_sorted && self.ways.sorting == Sorting::Refused {
            return failure(400, "invalid_sort_field");
        }
        if self.ways.heavy.is_some_and(|most| limit > most) {
            return Answer {
                status: 502,
                body: b"<html>Bad gateway</html>".to_vec(),
                ..Answer::default()
            };
        }
        let order: Box<dyn Iterator<Item = usize> + '_> = match self.sorted.get(&list) {
            Some(sorted) if is_sorted && self.ways.sorting == Sorting::Done => {
                Box::new(sorted.iter().copied())
            }
            _ => Box::new(0..records.len()),
        };
        let wished = asked.get("filter").filter(|_| self.ways.filtering != Filtering::Ignored);
        let filter = wished
            .map(|filter| Filter::of(filter).filter(|_| self.ways.filtering != Filtering::Refused));
        let Ok(filter) = filter.map(|filter| filter.ok_or(())).transpose() else {
            return failure(400, "invalid_filter_field");
        };
        let kept: Vec<usize> = match &filter {
            Some(filter) => order.filter(|&at| filter.takes(&records[at].1)).collect(),
            None => order.collect(),
        };
        let offset = if self.ways.ignores_offset { 0 } else { offset };
        let offset = if self.ways.wraps && !kept.is_empty() { offset % kept.len() } else { offset };
        if let Some(status) = self.ways.behind.filter(|_| offset > 0 && offset >= kept.len()) {
            return failure(status, "invaliddata");
        }
        let page = &kept[offset.min(kept.len())
            ..kept.len().min(offset.saturating_add(limit.min(self.ways.most)))];
        let fields: Option<Vec<&str>> =
            asked.get("fields").map(|fields| fields.split(',').collect());
        let mut body = format!("{{\"{}\":[", list.name());
        for (place, &at) in page.iter().enumerate() {
            if place > 0 {
                body.push(',');
            }
            match &fields {
                Some(fields) => body.push_str(&only(&records[at].1, fields)),
                None => body.push_str(&records[at].1),
            }
        }
        body.push_str("]}");
        let total = match self.ways.counts {
            Counts::List => Some(kept.len() as u64),
            Counts::Page => Some(page.len() as u64),
            Counts::Nothing => None,
        };
        let link = self.ways.links.then(|| {
            let step = if self.ways.links_as_asked { limit } else { page.len() };
            let at = |offset: usize, rel: &str| {
                format!(
                    "<https://sis.example.org/{path}?limit={limit}&offset={offset}>; rel=\"{rel}\""
                )
            };
            let mut links = vec![at(0, "first")];
            if offset + page.len() < kept.len() {
                links.push(at(offset + step, "next"));
            }
            links.join(", ")
        });
        Answer { total, link, revision: self.ways.revision.clone(), ..ok(body) }
    }
}

fn ok(body: String) -> Answer {
    Answer { status: 200, body: body.into_bytes(), ..Answer::default() }
}

/// An object with these fields alone.
fn only(text: &str, fields: &[&str]) -> String {
    let mut object: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(map) = object.as_object_mut() {
        map.retain(|name, _| fields.contains(&name.as_str()));
    }
    object.to_string()
}

/// One clause of a filter: `field>'value'`.
struct Filter {
    field: String,
    sign: &'static str,
    value: String,
}

impl Filter {
    fn of(text: &str) -> Option<Self> {
        let sign =
            ["!=", ">=", "<=", "=", ">", "<", "~"].into_iter().find(|sign| text.contains(sign))?;
        let (field, value) = text.split_once(sign)?;
        let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(Self { field: field.to_owned(), sign, value: value.to_owned() })
    }

    fn takes(&self, record: &str) -> bool {
        let object: Value = serde_json::from_str(record).unwrap_or_default();
        let own = object.get(&self.field).and_then(Value::as_str).unwrap_or_default();
        let value = self.value.as_str();
        match self.sign {
            "!=" => own != value,
            ">=" => own >= value,
            "<=" => own <= value,
            ">" => own > value,
            "<" => own < value,
            "~" => own.contains(value),
            _ => own == value,
        }
    }
}

impl Http for MemoryOneRoster {
    async fn get(&self, request: Get) -> Result<Answer, NoAnswer> {
        if !self.world().opens(&request.credential) {
            return Ok(failure(401, "unauthorisedrequest"));
        }
        let (address, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        // Behind the version, whatever stands before it.
        let at = ["/v1p1/", "/v1p2/"]
            .into_iter()
            .find_map(|version| Some(address.find(version)? + version.len()));
        match at {
            Some(at) => self.answer(&address[at..], query),
            None => Ok(failure(404, "unknownobject")),
        }
    }

    async fn post(&self, form: Form) -> Result<Answer, NoAnswer> {
        Ok(self.world().token(&form))
    }
}
